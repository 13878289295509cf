#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# A whole Debian boots in a container, with systemd and a udevd of its own. That udevd learns of the phone that was there
# before it, and of the one that comes later; and the system shuts down as it should.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

policy <<'END'
version: 1
rules:
  - name: phones
    match: { class: usb, interface: "ff:42:*" }
    give: { to: debian }
END

node_of() {
        guest "for d in /sys/bus/usb/devices/*; do
                [ \"\$(cat \$d/serial 2>/dev/null)\" != $1 ] || printf '/dev/bus/usb/%03d/%03d\n' \$(cat \$d/busnum \$d/devnum)
        done"
}

phones plug --serial EARLY
phones wait all
guest "davitctl launch debian --rootfs /srv/debian"
eventually 90 "davitctl exec debian -- systemctl is-system-running 2>/dev/null | grep -q running" "Debian boots, and nothing in it fails"
early=$(node_of EARLY)
eventually 10 "davitctl exec debian -- udevadm info $early | grep 'ID_SERIAL_SHORT=EARLY'" "its udevd knows the phone that was there before it"

guest "davitctl exec debian -- systemd-run --quiet --unit=listen sh -c 'udevadm monitor --kernel --udev >/run/heard 2>&1'
        until davitctl exec debian -- grep -q 'UDEV - ' /run/heard; do sleep 0.05; done"
phones plug --serial LATE
eventually 10 "davitctl exec debian -- grep -q 'UDEV .* add .*usb' /run/heard" "its programs hear of the one that comes later"
late=$(node_of LATE)
eventually 10 "davitctl exec debian -- udevadm info $late | grep 'ID_SERIAL_SHORT=LATE'" "its udevd knows that one as well"
eventually 10 "davitctl exec debian -- adb devices | grep -c '[EL]A[RT].*device$' | grep -x 2" "adb inside lists both"

phones unplug LATE
eventually 10 "davitctl exec debian -- grep -q 'UDEV .* remove .*usb' /run/heard" "they hear of its end"
eventually 10 "! davitctl exec debian -- test -e $late" "its node is gone"

# ---- its udevd again, and davitd again: nothing is told twice to who knows it

guest "davitctl exec debian -- systemctl restart systemd-udevd; systemctl restart davitd"
eventually 10 "davitctl exec debian -- udevadm info $early | grep 'ID_SERIAL_SHORT=EARLY'" "with another udevd and another davitd it is known still"
expect "and was added once" 1 "$(inside debian grep -c 'UDEV .* add .*usb' /run/heard)"

guest "davitctl exec debian -- systemctl reboot" || true
eventually 90 "davitctl exec debian -- sh -c 'test ! -e /run/heard && systemctl is-system-running' 2>/dev/null | grep -q running" "it reboots from inside"
eventually 20 "davitctl exec debian -- udevadm info $early | grep 'ID_SERIAL_SHORT=EARLY'" "and knows its phone again"

started=$(guest "echo \${EPOCHSECONDS}")
guest_seconds=90 guest "davitctl stop debian"
expect_at_most "it shuts down in order" 30 "$(($(guest "echo \${EPOCHSECONDS}") - started))" s
expect "with status 0" 0 "$(guest "cat /run/davit/exits/debian")"
expect "and nothing of it is left" "" "$(guest "grep debian /proc/self/mounts || true; ls -d /sys/fs/cgroup/machine.slice/*debian* 2>/dev/null || true")"
