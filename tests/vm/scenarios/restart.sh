#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 400
#
# davitd comes and goes while phones come and go: restarted, killed, systemd reloaded. The containers do not notice, and
# once all is quiet each has its phone.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"
. "${BASH_SOURCE[0]%/*}/../farm.sh"

count=20
settle_limit=30

farm_open "$count"
before=$(farm_inits)

phones plug "$count"
guest "for i in 1 2 3; do systemctl restart davitd; done; phonesim wait all"
expect_at_most "restarted three times amid plugging, it has given all" "$settle_limit" "$(farm_seconds "$count")" s
expect "to whom they belong" "" "$(farm_differences "$count" 18d1:4ee7)"

guest "systemctl daemon-reload"
expect "a reload of systemd takes no right away" "" "$(farm_differences "$count" 18d1:4ee7)"

phones mode all fastboot 300
guest "for i in 1 2 3 4 5; do
                kill -KILL \$(systemctl show -P MainPID davitd)
                until [ \$(systemctl is-active davitd) = active ]; do sleep 0.05; done
        done
        phonesim wait all"
expect_at_most "killed five times while they change their mode, it has given all" "$settle_limit" "$(farm_seconds "$count")" s
expect "to whom they belong now" "" "$(farm_differences "$count" 18d1:4ee0)"

# What is plugged while nobody is there to see it waits for who comes.
guest "systemctl kill --kill-whom=main --signal=STOP davitd; phonesim unplug SIM0001; phonesim plug --serial LATE --mode adb
        phonesim wait LATE; udevadm settle; kill -KILL \$(systemctl show -P MainPID davitd)"
eventually "$settle_limit" "grants | grep -c ' active$' | grep -x $((count - 1))" "what went meanwhile is taken away"

phones unplug all
guest "systemctl restart davitd"
expect_at_most "unplugged amid a restart, all are taken away" "$settle_limit" "$(farm_seconds 0)" s
expect "no container has a node of any" "" "$(farm_nodes)"
expect "every container has lived through it all" "$before" "$(farm_inits)"
expect "davitd has complained of nothing" "" \
        "$(guest "journalctl -b --no-pager -t davitd -p warning -o cat")"
