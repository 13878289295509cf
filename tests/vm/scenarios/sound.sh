#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# A sound card whose output is wired to its input. The container plays and records what it played; the card goes while
# it plays, and comes again as another card.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

nodes() {
        inside box find /dev/snd -type c | sort | paste -s -d ' '
}

# The nodes of a card of that number.
card() {
        echo "/dev/snd/controlC$1 /dev/snd/pcmC${1}D0c /dev/snd/pcmC${1}D0p /dev/snd/pcmC${1}D1c /dev/snd/pcmC${1}D1p"
}

no_folder='davitctl exec box -- test ! -e /dev/snd'
format="-t raw -f S16_LE -c 2 -r 8000"

policy <<'END'
version: 1
rules:
  - name: sound cards
    match: { class: sound, driver: snd_aloop }
    give: { to: box, owner: "0:29", mode: "0660" }
END
launch box --rootfs /srv/debian
before=$(inside box find /dev -xdev | sort)

guest "modprobe snd-aloop index=0"
eventually 20 "davitctl exec box -- ls $(card 0)" "the card is inside, by all of its nodes"
expect "and no other" "$(card 0)" "$(nodes)"
expect "the rule's group has them" "crw-rw---- 0 29" "$(inside box stat -c "%A %u %g" /dev/snd/controlC0)"
expect "it is listed" "card 0: Loopback" "$(inside box aplay -l | grep -o '^card 0: Loopback' | sort -u)"

# ---- it is used

inside box sh -c "yes 'a tone from inside' | head -c 16000 >/tmp/tone
        arecord -q -D hw:0,1 $format /tmp/recorded >/tmp/log 2>&1 & echo \$! >/tmp/pid"
eventually 10 "davitctl exec box -- grep RUNNING /proc/asound/card0/pcm1c/sub0/status" "it records"
inside box aplay -q -D hw:0,0 $format /tmp/tone
eventually 10 "davitctl exec box -- grep -a -q 'a tone from inside' /tmp/recorded" "what is played is recorded"
inside box sh -c 'kill $(cat /tmp/pid)'

# ---- it goes while it plays

inside box sh -c "aplay -q -D hw:0,0 $format /dev/zero >/tmp/playing 2>&1; echo ended >>/tmp/playing" >/dev/null 2>&1 &
eventually 10 "davitctl exec box -- grep RUNNING /proc/asound/card0/pcm0p/sub0/status" "it plays"
guest "echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind"
eventually 10 "no_grants && $no_folder" "taken from its driver meanwhile, nodes and folder are gone"
eventually 10 "davitctl exec box -- grep ended /tmp/playing" "who was playing is told"
wait
expect "the container's /dev is as it was" "$before" "$(inside box find /dev -xdev | sort)"
guest "modprobe -r snd-aloop"

# ---- again

guest "modprobe snd-aloop index=3"
eventually 20 "davitctl exec box -- ls $(card 3)" "it comes again as another card"
expect "and as no other" "$(card 3)" "$(nodes)"
expect "it is listed" "card 3: Loopback" "$(inside box aplay -l | grep -o '^card 3: Loopback' | sort -u)"
guest "modprobe -r snd-aloop"
eventually 10 "no_grants && $no_folder" "gone again, nothing is left"
guest "davitctl stop box"
