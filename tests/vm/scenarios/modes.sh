#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 400
#
# Phones through all of their modes, by the real adb and fastboot inside the container. The rules know adb alone; a phone
# stays its container's while it is a boot loader, a recovery, a chip without a serial number, or away. Two phones change
# their places meanwhile, others have one serial number in common or none, and each stays where it belongs.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# about DEVICE: its mode, and who has it.
about() {
        guest "davitctl info $1 | sed -n 's/^ *\\(Mode\\|Given to\\): *//p'" |
                sed 's/[0-9]* s left/N s left/' | paste -s -d ' '
}

# has CONTAINER: the condition for "IDS SERIAL" of all that it has, one behind the other.
has() {
        echo "davitctl exec $1 -- usbprobe | cut -d ' ' -f 2- | sort | xargs | grep -x '$2'"
}

policy <<'END'
version: 1
rules:
  - name: first phone
    match: { class: usb, interface: "ff:42:01", serial: FIRST }
    give: { to: debian, linger: 100s }
  - name: second phone
    match: { class: usb, interface: "ff:42:01", serial: SECOND }
    give: { to: other, linger: 100s }
  - name: those on one port
    match: { class: usb, interface: "ff:42:01", port: 7-1 }
    give: { to: debian, linger: 100s }
  - name: those on another port
    match: { class: usb, interface: "ff:42:01", port: 9-1 }
    give: { to: other, linger: 100s }
END
launch debian --rootfs /srv/debian
launch other
guest "cp /usr/local/bin/usbprobe /run/davit/containers/other/rootfs/bin/"
inside debian adb start-server 2>/dev/null

# ---- one phone, all of its modes

phones plug --serial FIRST --port 0
eventually 20 "davitctl exec debian -- adb devices | grep '^FIRST.device'" "adb inside lists the phone"
expect "its mode is known" "adb debian" "$(about usb-3-1)"
inside debian adb -s FIRST reboot bootloader
eventually 20 "davitctl exec debian -- fastboot devices | grep '^FIRST.*fastboot'" \
        "fastboot inside lists it in its boot loader"
expect "its mode is known" "fastboot debian" "$(about usb-3-1)"
inside debian fastboot -s FIRST reboot recovery 2>/dev/null
eventually 20 "davitctl exec debian -- adb devices | grep '^FIRST.recovery'" "adb inside lists it in its recovery"
expect "its mode is known" "recovery debian" "$(about usb-3-1)"
inside debian adb -s FIRST reboot edl
eventually 20 "$(has debian "05c6:9008 -")" \
        "the chip that it is then, of another maker and without a serial number, is inside"
expect "its mode is known" "edl debian" "$(about usb-3-1)"
phones mode FIRST off
eventually 10 "davitctl info usb-3-1 | grep 'lingering'" "off, it is kept for the container"
expect "which is said with the time that is left" "away debian (lingering, N s left)" "$(about usb-3-1)"
expect "and nothing of it is inside" "" "$(inside debian usbprobe)"
phones mode FIRST adb 0
eventually 20 "davitctl exec debian -- adb devices | grep '^FIRST.device'" "on again, adb inside lists it"
expect "its mode is known" "adb debian" "$(about usb-3-1)"

# ---- two phones change places

phones plug --serial SECOND --port 1
eventually 20 "$(has other "18d1:4ee7 SECOND")" "the second phone is the other container's"
phones mode all fastboot
eventually 20 "$(has debian "18d1:4ee0 FIRST")" "with both in their boot loaders the first is where it was"
eventually 20 "$(has other "18d1:4ee0 SECOND")" "and so is the second"
phones unplug all
eventually 10 "davitctl list devices | grep -c ' away ' | grep -x 2" "both are kept"
phones plug --serial SECOND --port 0 --mode adb
phones plug --serial FIRST --port 1 --mode adb
eventually 20 "$(has debian "18d1:4ee7 FIRST")" "plugged in the one where the other was, the first is where it belongs"
eventually 20 "$(has other "18d1:4ee7 SECOND")" "and so is the second"
expect "by their new places" "usb-3-1 other active usb-5-1 debian active" "$(guest grants | sort | paste -s -d ' ')"

# ---- a stranger, and an explicit end

phones mode FIRST off
eventually 10 "davitctl info usb-5-1 | grep 'lingering'" "the first is off and kept"
phones unplug FIRST
phones plug --serial STRANGER --port 1
eventually 20 "no_grants usb-5-1" "another phone in its place ends that"
expect "nobody has the other one" "" "$(inside debian usbprobe)"
phones mode SECOND off
eventually 10 "davitctl info usb-3-1 | grep 'lingering'" "the second is off and kept"
guest "davitctl detach usb-3-1"
eventually 10 "no_grants" "detached, it is kept no more"
phones unplug all

# ---- one serial number for two, and none

phones plug --serial TWIN1 --tells 0123456789ABCDEF --port 2
phones plug --serial TWIN2 --tells 0123456789ABCDEF --port 3
for turn in "4ee0 fastboot" "d001 recovery" "4ee7 adb"; do
        phones mode all ${turn#* }
        eventually 20 "$(has debian "18d1:${turn% *} 0123456789ABCDEF")" "one of two with the same serial number stays as $turn"
        eventually 20 "$(has other "18d1:${turn% *} 0123456789ABCDEF")" "and so does the other"
done
expect "each by its place" "usb-7-1 debian active usb-9-1 other active" "$(guest grants | sort | paste -s -d ' ')"
phones unplug TWIN1
eventually 10 "davitctl info usb-7-1 | grep 'lingering'" "one is pulled out and kept"
expect "the other stays" "adb other" "$(about usb-9-1)"
guest "davitctl detach usb-7-1"
phones unplug all
guest "davitctl detach usb-9-1"
phones plug --serial NAMELESS --noserial 1 --port 2
eventually 20 "$(has debian "18d1:4ee7 -")" "one without a serial number is inside"
phones mode NAMELESS fastboot
eventually 20 "$(has debian "18d1:4ee0 -")" "and stays so in its boot loader"
expect "by its place" "fastboot debian" "$(about usb-7-1)"

# ---- the end

phones unplug all
guest "davitctl stop debian; davitctl stop other"
eventually 10 no_grants "with the containers all that was kept for them ends"
