#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 300
#
# An upgrade while phones are being plugged in and containers run, and then the end of it: davit is removed, and leaves
# what the administrator wrote, and nothing else.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"
. "${BASH_SOURCE[0]%/*}/../farm.sh"

count=10

farm_open "$count"
before=$(farm_inits)
phones plug "$count"
guest_seconds=120 guest "cd /host/build && make install >/dev/null && systemctl daemon-reload && systemctl restart davitd
        phonesim wait all"
expect_at_most "installed anew amid plugging, it has given all" 30 "$(farm_seconds "$count")" s
expect "to whom they belong" "" "$(farm_differences "$count" 18d1:4ee7)"
expect "every container has lived through it" "$before" "$(farm_inits)"
expect "it is the new program that runs" "" "$(guest "ls -l /proc/\$(systemctl show -P MainPID davitd)/exe | grep deleted || true")"
expect "and a container of before is stopped by it" "" "$(guest "davitctl stop box-0001; ls -d /run/davit/dev/box-0001 2>/dev/null || true")"

# ---- removed, as README has it

guest_seconds=200 guest "for i in \$(seq -f %04g 2 $count); do davitctl stop box-\$i; done
        systemctl disable --now davitd && cd /host/build && make uninstall >/dev/null && systemctl daemon-reload"
expect "no file of it is left but the administrator's" "/etc/davit /etc/davit/policy.d /etc/davit/policy.d/50-scenario.yaml " \
        "$(guest "find / -xdev \( -path /root -o -path /var/log -o -path /tmp \) -prune -o -path '*davit*' -print" | sort | tr '\n' ' ')"
expect "no process" "" "$(guest "pgrep -a davit || true")"
expect "no mount" "" "$(guest "grep davit /proc/self/mounts || true")"
expect "no cgroup" "" "$(guest "find /sys/fs/cgroup -name '*davit*'")"
expect "no unit" "" "$(guest "systemctl list-units --all --no-legend '*davit*'")"
expect "no BPF program" "" "$(guest "ls /sys/fs/bpf")"
