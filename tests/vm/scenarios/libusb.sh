#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
#
# A program whom libusb tells of devices, Debian's, which listens as libudev does: in a container without a udevd it is
# davit that tells, in a whole Debian the udevd there. It opens each phone in the callback itself, so the node must be
# there, with its final mode, before the event is. Of another container's phone it is told nothing. Only when it begins
# does libusb look through /sys, which shows the host's hubs to all, and drops those that it cannot open.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

listen() {
        inside debian sh -c 'usbevents >/run/heard 2>&1 & until grep -q ready /run/heard; do sleep 0.05; done'
}

# heard WHAT LINES: all that it was told until now, but for hubs.
heard() {
        eventually 10 "davitctl exec debian -- grep -v ' 1d6b:' /run/heard | xargs | grep -x '$2'" "$1"
}

tell() {
        phones plug --serial EARLY
        phones wait all >/dev/null
        eventually 20 "davitctl exec debian -- usbprobe | grep EARLY" "a phone is inside, $1"
        listen
        heard "it is listed from the start" "come 18d1:4ee7 EARLY ready"
        phones plug --serial STRANGER --vid 04e8
        phones wait all >/dev/null
        phones plug --serial LATE
        heard "one that comes later is told of and opens at once, a stranger is not" \
                "come 18d1:4ee7 EARLY ready come 18d1:4ee7 LATE"
        phones unplug EARLY
        heard "so is the end of the first" "come 18d1:4ee7 EARLY ready come 18d1:4ee7 LATE gone 18d1:4ee7 EARLY"
        phones mode LATE fastboot
        heard "and the boot loader of the other" "come 18d1:4ee7 EARLY ready come 18d1:4ee7 LATE gone 18d1:4ee7 EARLY \
gone 18d1:4ee7 LATE come 18d1:4ee0 LATE"
        phones unplug all
        eventually 10 "no_grants && davitctl exec debian -- sh -c 'tail -n 1 /run/heard' | grep 'gone 18d1:4ee0 LATE'" \
                "unplugged, nothing is left"
}

policy <<'END'
version: 1
rules:
  - name: phones
    match: { class: usb, vendor: google, interface: "ff:42:*" }
    give: { to: debian }
END
launch debian --rootfs /srv/debian
tell "without a udevd"
guest "davitctl stop debian"

guest "davitctl launch debian --rootfs /srv/debian"
eventually 120 "davitctl exec debian -- systemctl is-system-running 2>/dev/null | grep -q running" \
        "a whole Debian boots"
tell "with a udevd"
guest_seconds=90 guest "davitctl stop debian"
