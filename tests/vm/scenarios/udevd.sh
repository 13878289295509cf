#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
#
# udevd is restarted, and is away for a while, as phones come and go: none is lost, and none is given twice.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"
. "${BASH_SOURCE[0]%/*}/../farm.sh"

count=20

farm_open "$count"
phones plug "$count"
# What udevd has taken in and not begun with when it is stopped, it throws away: that is asked for again, as by the
# service that does so behind its start at boot.
guest "for i in 1 2 3; do systemctl restart systemd-udevd; done; phonesim wait all; udevadm settle
        udevadm trigger --action=add --subsystem-match=usb --settle"
expect_at_most "udevd restarted three times amid plugging, all are given" 30 "$(farm_seconds "$count")" s
expect "to whom they belong" "" "$(farm_differences "$count" 18d1:4ee7)"

guest "systemctl stop systemd-udevd systemd-udevd-control.socket systemd-udevd-kernel.socket"
phones mode all fastboot 300
phones wait all
expect_at_most "without any udevd they are given as the kernel tells of them" 30 "$(farm_seconds "$count")" s
expect "to whom they belong" "" "$(farm_differences "$count" 18d1:4ee0)"
guest "systemctl start systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd"
phones mode all adb 300
phones wait all
eventually 30 "udevadm settle && grants | grep -c ' active$' | grep -x $count" "with udevd back, as it tells of them"
expect "to whom they belong" "" "$(farm_differences "$count" 18d1:4ee7)"

phones unplug all
expect_at_most "all that were unplugged are taken away" 30 "$(farm_seconds 0)" s
