#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
#
# One phone and one whole Debian container: what somebody who tests an app does all day. adb and fastboot are Debian's
# own, the phone reboots into its bootloader, and nothing of it is left behind when it goes.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# Seconds from udev's event to `adb devices` inside; a server that is there already looks for new ones once a second.
plug_limit=2

policy <<'END'
version: 1
rules:
  - name: phones
    match: { class: usb, interface: ["ff:42:01", "ff:42:03"] }
    give: { to: debian }
END

launch debian --rootfs /srv/debian
expect "its root is not the host's" "0 30000000 65536" "$(inside debian cat /proc/self/uid_map | xargs)"
inside debian adb start-server 2>/dev/null
before=$(inside debian find /dev -xdev | sort)

# ---- it comes

guest "udevadm monitor --udev --subsystem-match=usb/usb_device >/run/monitor 2>&1 &
        until grep -q processing /run/monitor; do sleep 0.05; done"
phones plug --serial PHONE1
seconds=$(guest_seconds=40 guest "
        until davitctl exec debian -- adb devices | grep -q '^PHONE1.device'; do sleep 0.05; done
        read -r now rest </proc/uptime
        sed -n 's/^UDEV *\\[\\([0-9.]*\\)\\] bind .*/\\1/p' /run/monitor | awk -v now=\$now '{ print now - \$1 }'")
expect_at_most "adb inside lists the phone soon after udev told of it" "$plug_limit" "$seconds" s

node=$(inside debian usbprobe | sed -n 's/ .* PHONE1$//p')
expect "its node is the container's root's" "crw-rw---- 0 0" "$(inside debian stat -c "%A %u %g" "$node")"
expect "adb shell reaches the phone" "PHONE1 shell:echo hello" "$(inside debian adb -s PHONE1 shell echo hello)"

# ---- its bootloader

inside debian adb -s PHONE1 reboot bootloader
eventually 20 "davitctl exec debian -- fastboot devices | grep '^PHONE1.*fastboot'" \
        "fastboot inside lists it in its bootloader"
expect "fastboot talks to it" "serialno: PHONE1" \
        "$(inside debian fastboot -s PHONE1 getvar serialno 2>&1 | grep serialno)"
inside debian fastboot -s PHONE1 reboot 2>/dev/null
eventually 20 "davitctl exec debian -- adb devices | grep '^PHONE1.device'" "it comes back from there"

# ---- it goes

phones unplug PHONE1
eventually 10 no_grants "nothing is granted any more"
eventually 10 "[ \"\$(davitctl exec debian -- adb devices | xargs)\" = 'List of devices attached' ]" \
        "adb inside has lost it"
expect "the container's /dev is as it was" "$before" "$(inside debian find /dev -xdev | sort)"

guest "davitctl stop debian"
expect "nothing of the container is left" "" \
        "$(guest "cd /run/davit && find . -path '*debian*' ! -path './exits/*'
                sed -n '/run.davit.*debian/p' /proc/mounts")"
