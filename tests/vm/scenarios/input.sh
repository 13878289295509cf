#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# A USB keyboard: what is typed on it comes to the program inside that reads its event node, and to the one that reads
# its hidraw node. Plugged in again it is inside under another number. What a program of the host makes by uinput goes
# to another container, and the host's own keyboard to none.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# The nodes of input devices that a container has.
nodes() {
        inside "$1" sh -c 'find /dev -path "/dev/input/*" -o -name "hidraw*"' | sort | paste -s -d ' '
}

# listen NODE: to its events, from when it returns. hears KEY: the condition that it was pressed.
listen() {
        inside desk sh -c "evtest $1 >/tmp/heard 2>&1 & until grep -q '^Testing' /tmp/heard; do sleep 0.05; done"
}

hears() {
        echo "davitctl exec desk -- grep '($1), value 1' /tmp/heard"
}

# type_key KEY: on the keyboard that came last.
type_key() {
        qemu '{"execute": "send-key", "arguments": {"keys": [{"type": "qcode", "data": "'"$1"'"}]}}'
}

# An input device with one button, pressed for each line of the standard input.
"$vm" exec -i "$scenario" "cat >/run/pad.py" <<'END'
import fcntl, os, struct, sys

UI_DEV_CREATE, UI_DEV_SETUP, UI_SET_EVBIT, UI_SET_KEYBIT = 0x5501, 0x405C5503, 0x40045564, 0x40045565
EV_SYN, EV_KEY, BTN_GAMEPAD, BUS_USB = 0, 1, 0x130, 3

pad = os.open("/dev/uinput", os.O_WRONLY)
fcntl.ioctl(pad, UI_SET_EVBIT, EV_KEY)
fcntl.ioctl(pad, UI_SET_KEYBIT, BTN_GAMEPAD)
fcntl.ioctl(pad, UI_DEV_SETUP, struct.pack("HHHH80sI", BUS_USB, 0x1234, 0x5678, 1, b"Scenario pad", 0))
fcntl.ioctl(pad, UI_DEV_CREATE)
for _ in sys.stdin:
    for event in (EV_KEY, BTN_GAMEPAD, 1), (EV_SYN, 0, 0), (EV_KEY, BTN_GAMEPAD, 0), (EV_SYN, 0, 0):
        os.write(pad, struct.pack("llHHi", 0, 0, *event))
END

policy <<'END'
version: 1
rules:
  - name: the host's own keyboard
    match: { port: "i8042" }
    deny: true
  - name: keyboards
    match: { class: input, property: { ID_INPUT_KEYBOARD: "1" } }
    give: { to: desk, nodes: [input, hidraw] }
  - name: pads that programs make
    match: { class: input, attribute: { name: "Scenario pad" } }
    give: { to: games }
END
launch desk --rootfs /srv/debian
launch games
before=$(inside desk find /dev -xdev | sort)
before_games=$(inside games find /dev -xdev | sort)

# ---- a keyboard

plug usb-kbd id=keyboard bus=xhci.0
eventually 20 "davitctl exec desk -- ls /dev/input/event4 /dev/hidraw0" "event and hidraw node are inside"
expect "nothing else is" "/dev/hidraw0 /dev/input/event4" "$(nodes desk)"
listen /dev/input/event4
inside desk sh -c 'exec 3</dev/hidraw0; head -c 8 <&3 | od -A n -t x1 >/tmp/report &'
type_key d
eventually 10 "$(hears KEY_D)" "what is typed comes to who reads the event node"
eventually 10 "davitctl exec desk -- grep -x ' 00 00 07 00 00 00 00 00' /tmp/report" \
        "and to who reads the hidraw node, as the keyboard says it"

unplug keyboard
eventually 10 "no_grants" "unplugged, it is not granted any more"
eventually 10 "davitctl exec desk -- grep 'No such device' /tmp/heard" "who read it is told"
expect "the container's /dev is as it was" "$before" "$(inside desk find /dev -xdev | sort)"

# ---- a program of the host takes the number

guest "mkfifo /run/presses
        setsid python3 /run/pad.py <>/run/presses >/dev/null 2>&1 &
        echo \$! >/run/pad.pid"
eventually 20 "davitctl exec games -- test -c /dev/input/event4" "it goes to the container that it is for"
inside games sh -c 'exec 3</dev/input/event4; head -c 24 <&3 | od -A n -t x2 -j 16 >/tmp/heard &'
guest "echo press >/run/presses"
eventually 10 "davitctl exec games -- grep '0001 0130 0001 0000' /tmp/heard" "a press of its button is heard there"

plug usb-kbd id=keyboard bus=xhci.0
eventually 20 "davitctl exec desk -- ls /dev/input/event5 /dev/hidraw0" \
        "plugged in again the keyboard is inside by another number"
expect "and by no other" "/dev/hidraw0 /dev/input/event5" "$(nodes desk)"
listen /dev/input/event5
type_key k
eventually 10 "$(hears KEY_K)" "what is typed comes in"
guest "kill \$(cat /run/pad.pid)"
eventually 10 "no_grants games" "the program has ended: its device is taken away"
expect "the keyboard stays" "/dev/hidraw0 /dev/input/event5" "$(nodes desk)"

unplug keyboard
eventually 10 "no_grants" "unplugged again, nothing is granted"
expect "the container's /dev is as it was" "$before" "$(inside desk find /dev -xdev | sort)"
expect "so is the other's" "$before_games" "$(inside games find /dev -xdev | sort)"
guest "davitctl stop desk; davitctl stop games"
