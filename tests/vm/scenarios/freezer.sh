#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
#
# A container that is frozen, or stands still for another reason, can neither keep a phone that is unplugged nor hold up
# the others.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"
. "${BASH_SOURCE[0]%/*}/../farm.sh"

farm_open 2
phones plug 2
expect_at_most "both phones are given" 20 "$(farm_seconds 2)" s
cgroup=$(guest "sed -n 's/^CGROUP=//p' /run/davit/containers/box-0001/state")
guest "davitctl exec box-0001 -- sh -c 'f=\$(echo /dev/bus/usb/*/*); exec 7<>\$f; sleep 1000 >/dev/null 2>&1 &'"
guest "echo 1 >/sys/fs/cgroup/$cgroup/payload/cgroup.freeze; until grep -q 'frozen 1' /sys/fs/cgroup/$cgroup/payload/cgroup.events; do sleep 0.02; done"

phones unplug all
expect_at_most "the frozen one's phone is taken away as well" 20 "$(farm_seconds 0)" s
expect "its node is gone" "" "$(farm_nodes)"
phones plug 2
expect_at_most "plugged in again, both are given, frozen or not" 20 "$(farm_seconds 2)" s
expect "the other one has its phone" "18d1:4ee7 SIM0002" "$(inside box-0002 /bin/usbprobe | cut -d ' ' -f 2-)"

guest "echo 0 >/sys/fs/cgroup/$cgroup/payload/cgroup.freeze"
expect "thawed, the first has its own" "18d1:4ee7 SIM0001" "$(inside box-0001 /bin/usbprobe | cut -d ' ' -f 2-)"
guest "echo 1 >/sys/fs/cgroup/$cgroup/payload/cgroup.freeze"
guest "davitctl stop box-0001"
expect "a frozen container is stopped all the same" "" "$(guest "ls -d /run/davit/dev/box-0001 2>/dev/null || true")"
