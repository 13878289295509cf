#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# The host boots with phones plugged in. The containers whose files say so start with it, each a unit, and have their
# phones; of what ran before the boot nothing is left.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"
. "${BASH_SOURCE[0]%/*}/../farm.sh"

count=3

farm_open "$count"
guest "mkdir -p /etc/davit/containers
        for i in \$(seq -f %04g $count); do
                printf 'version: 1\nautostart: true\ninit: [/bin/sh, -c, %s]\n' \
                        \"'trap exit TERM; while :; do sleep 1000 & wait; done'\" >/etc/davit/containers/box-\$i.yaml
        done
        davitctl container check"
guest "davitctl launch other -- $quick_init"
guest "mkdir -p /etc/systemd/system/phonesim.service.d
        printf '[Unit]\nBefore=davitd.service\n[Service]\nExecStartPost=phonesim plug $count\nExecStartPost=phonesim wait all\n' \
                >/etc/systemd/system/phonesim.service.d/boot.conf
        systemctl add-wants multi-user.target phonesim.service"
"$vm" reboot "$scenario" || fail "the guest does not reboot"

expect "the host is up, and nothing in it has failed" running "$(guest "systemctl is-system-running")"
expect_at_most "every phone is given" 60 "$(farm_seconds "$count")" s
expect "to the containers that start with the host" "box-0001 box-0002 box-0003" \
        "$(guest "davitctl list containers" | awk 'NR > 1 { print $1 }' | sort | paste -s -d ' ')"
guest "for i in \$(seq -f %04g $count); do cp /usr/local/bin/usbprobe /run/davit/containers/box-\$i/rootfs/bin/; done"
expect "each its own" "" "$(farm_differences "$count" 18d1:4ee7)"
expect "each container is a unit" "active active active" \
        "$(guest "systemctl is-active davit-container@box-000{1,2,3}" | paste -s -d ' ')"
expect "of the one before there is nothing" "" "$(guest "ls -d /run/davit/*/other 2>/dev/null || true")"

guest "systemctl stop davit-container@box-0001; systemctl restart davitd"
expect "one that was stopped stays so" "box-0002 box-0003" \
        "$(guest "davitctl list containers" | awk 'NR > 1 { print $1 }' | sort | paste -s -d ' ')"
guest "systemctl start davit-container@box-0001"
expect_at_most "started by its unit it has its phone again" 20 "$(farm_seconds "$count")" s
expect "a unit without a file does not start" 1 "$(guest_try "systemctl start davit-container@nobody" 2>/dev/null; echo $?)"
