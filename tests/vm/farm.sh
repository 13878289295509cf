# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# A farm for scenarios: phones with the serials SIM0001 and on, a container box-0001 and on for each, and a rule for each
# pair. To be sourced behind scenario.sh.

farm_rules() {
        local i

        echo "version: 1"
        echo "rules:"
        for i in $(seq -f %04g "$1"); do
                echo "  - name: phone $i"
                echo "    match: { class: usb, serial: SIM$i }"
                echo "    give: { to: box-$i }"
        done
}

# farm_each COUNT COMMANDS: in the guest for each number, as $1, some at a time.
farm_each() {
        local count=$1
        shift
        guest_seconds=300 guest "seq -f %04g $count | xargs -P 4 -n 1 bash -c ${*@Q} each"
}

# farm_open COUNT: the policy and the containers, with what asks a phone for its serial.
farm_open() {
        farm_rules "$1" | policy
        farm_each "$1" "davitctl launch box-\$1 -- $quick_init &&
                cp /usr/local/bin/usbprobe /run/davit/containers/box-\$1/rootfs/bin/"
        expect "$1 containers run" "$1" "$(guest "davitctl list containers | sed 1d | wc -l")"
}

# farm_differences COUNT PRODUCT: what a container has that is not what it should have, its own phone alone, answering
# as that product.
farm_differences() {
        farm_each "$1" "seen=\$(davitctl exec box-\$1 -- /bin/usbprobe 2>&1 | cut -d ' ' -f 2- | xargs)
                [ \"\$seen\" = \"$2 SIM\$1\" ] || echo \"box-\$1 has: \$seen\""
}

# farm_seconds COUNT: until there are this many grants.
farm_seconds() {
        guest_seconds=120 guest "start=\${EPOCHREALTIME/./}
                until all=\$(grants) && [ \$(grep -c ' active\$' <<<\"\$all\") = $1 ]; do
                        [ \$(((\${EPOCHREALTIME/./} - start) / 1000000)) -lt 100 ] || { echo never; exit; }
                        sleep 0.1
                done
                awk -v us=\$((\${EPOCHREALTIME/./} - start)) 'BEGIN { printf \"%.1f\n\", us / 1000000 }'"
}

# The init processes of all containers: they stay the same where no container was started anew.
farm_inits() {
        guest "sed -n 's/^INIT_\(PID\|START\)=//p' /run/davit/containers/*/state | tr '\n' ' '"
}

farm_nodes() {
        guest "cd /run/davit/dev && find . -type c -path '*/bus/usb/*'"
}
