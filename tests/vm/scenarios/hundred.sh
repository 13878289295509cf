#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 600
#
# A farm: a hundred phones, a hundred containers, each phone in the one container that its serial is for. The hub loses
# its power and has it again: all of them go and come back at once, under new device numbers. None may be lost, none may
# be in another's container, and every one must answer through its node.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

count=100
settle_limit=30

rules() {
        local i

        echo "version: 1"
        echo "rules:"
        for i in $(seq -f %04g "$count"); do
                echo "  - name: phone $i"
                echo "    match: { class: usb, serial: SIM$i }"
                echo "    give: { to: box-$i }"
        done
}

# for_each COMMANDS: in the guest for each number, as $1, some at a time.
for_each() {
        guest_seconds=300 guest "seq -f %04g $count | xargs -P 4 -n 1 bash -c ${*@Q} each"
}

launch_all() {
        for_each "davitctl launch box-\$1 -- $quick_init &&
                cp /usr/local/bin/usbprobe /run/davit/containers/box-\$1/rootfs/bin/"
}

# What each container has that is not what it should have, and nothing else: its phone alone, answering.
differences() {
        for_each "seen=\$(davitctl exec box-\$1 -- /bin/usbprobe 2>&1 | cut -d ' ' -f 2- | xargs)
                [ \"\$seen\" = \"$1 SIM\$1\" ] || echo \"box-\$1 has: \$seen\""
}

active_grants() {
        guest "grants | grep -c ' active$'"
}

# Seconds until the guest has this many grants.
time_to() {
        guest_seconds=120 guest "start=\${EPOCHREALTIME/./}
                until all=\$(grants) && [ \$(grep -c ' active\$' <<<\"\$all\") = $1 ]; do
                        [ \$(((\${EPOCHREALTIME/./} - start) / 1000000)) -lt 100 ] || break
                        sleep 0.1
                done
                awk -v us=\$((\${EPOCHREALTIME/./} - start)) 'BEGIN { printf \"%.1f\n\", us / 1000000 }'"
}

rules | policy
launch_all
expect "$count containers run" "$count" "$(guest "davitctl list containers | sed 1d | wc -l")"

phones plug "$count"
expect_at_most "every phone that comes is given" "$settle_limit" "$(time_to "$count")" s
expect "as many grants as phones" "$count" "$(active_grants)"
expect "each is in its container, alone, and answers" "" "$(differences 18d1:4ee7)"

phones mode all off
expect_at_most "all that lost their power are taken away" "$settle_limit" "$(time_to 0)" s
expect "no container has a node of any" "" "$(guest "cd /run/davit/dev && find . -type c -path '*/bus/usb/*'")"

phones mode all fastboot 500
expect_at_most "all that came back at once are given" "$settle_limit" "$(time_to "$count")" s
expect "none was lost" "$count" "$(active_grants)"
expect "none was crossed, and each answers" "" "$(differences 18d1:4ee0)"

phones unplug all
expect_at_most "all that were unplugged are taken away" "$settle_limit" "$(time_to 0)" s
expect "nothing is granted any more" "" "$(guest grants)"
