#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# davitctl against a davitd: what people and programs see of devices, containers and grants, and how they change them.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1 }
END
must_launch c1 c2

# Is it one JSON value? By whatever the machine has.
is_json() {
        if command -v jq >/dev/null; then
                jq -e . >/dev/null
        elif command -v python3 >/dev/null; then
                python3 -c 'import json, sys; json.load(sys.stdin)'
        else
                grep -q '^[{[]'
        fi
}

"$build/davitctl" --bus "$bus" monitor >"$scratch/monitor" {lock}>&- &
jobs_to_end+=($!)
"$build/davitctl" --bus "$bus" --json monitor >"$scratch/monitor.json" {lock}>&- &
jobs_to_end+=($!)
# It listens when it first tells something.
tells() {
        ctl reload && grep -q reloaded "$scratch/monitor" && grep -q reloaded "$scratch/monitor.json"
}
expect_soon "monitor tells of a reload" tells

plug_tap dvt0
node=$(tap_node dvt0)
expect_soon "monitor tells of the grant" grep -q ' added grant net-dvt0 c1 ' "$scratch/monitor"
expect_soon "and of the device" grep -q ' added device net-dvt0 ' "$scratch/monitor"
expect_soon "in JSON, a line each" grep -q '"event":"added","kind":"grant".*"device":"net-dvt0","container":"c1"' "$scratch/monitor.json"
check "and each line is JSON" eval 'while read -r line; do is_json <<<"$line" || exit 1; done <"$scratch/monitor.json"'

expect "list devices has it, and whose it is" "net-dvt0 net,tap c1" "$(ctl list devices | awk '$1 == "net-dvt0" { print $1, $2, $NF }')"
expect "list containers has both" "c1 davit running
c2 davit running" "$(ctl list containers | awk 'NR > 1 { print $1, $2, $3 }')"
expect "list grants has one, with its rule" "net-dvt0 c1 active policy taps" "$(ctl list grants | awk 'NR > 1 { print $1, $2, $3, $4, $5 }')"
expect_like "list rules has the rule and where it is" "taps *10-test.yaml:3*" "$(ctl list rules | sed -n 2p)"
expect_like "list has them all" "*DEVICE*CONTAINER*DEVICE*CONTAINER*" "$(ctl list | tr '\n' ' ')"
for what in devices containers grants rules; do
        check "list $what in JSON" eval "ctl --json list $what | is_json && ctl list $what --json | grep -q '\"$what\"'"
done

for name in net-dvt0 dvt0 "$node" /sys/devices/virtual/net/dvt0; do
        expect "info knows the device as $name" "net-dvt0" "$(ctl info "$name" | sed -n 's/^ *Device: //p')"
done
expect "info of it has its node and holder" "Given to: c1
Node: $node (tap)" "$(ctl info net-dvt0 | sed -n 's/^ *\(Node\|Given to\): /\1: /p' | sort)"
expect "info of a container has its pid" "$(record c1 INIT_PID)" "$(ctl info c1 | sed -n 's/^ *Pid: //p')"
check "info in JSON" eval 'ctl info c1 --json | is_json'
output=$(ctl info nothing 2>&1)
expect "what is not there is an error" "1 davitctl: No device and no container is called 'nothing'" "$? $output"

check "detach takes it" ctl detach "$node" c1
expect "at once" "" "$(grants)"
output=$(ctl detach net-dvt0 2>&1)
expect "what nobody has cannot be taken" 1 $?
check "attach gives it to another" ctl attach dvt0 c2
expect "at once" "net-dvt0 c2 active manual" "$(ctl list grants | awk 'NR > 1 { print $1, $2, $3, $4 }')"
check "and it can be used" is_inside c2 "$node"
check "attach of what is there already is no error" ctl attach net-dvt0 c2
check "detach from all" ctl detach net-dvt0
expect_soon "monitor told of both" eval 'grep -q " added grant net-dvt0 c2 " $scratch/monitor && grep -q " removed grant net-dvt0 c2" $scratch/monitor'
for arguments in "attach nothing c1" "attach net-dvt0 nobody" "detach nothing" "stop nobody" "explain nothing c1" \
        "exec nobody true" "launch -x" "launch c1"; do
        # shellcheck disable=SC2086
        output=$(ctl $arguments 2>&1)
        expect_like "$arguments: an error, and its reason" "[1-9]* ?*" "$? $output"
done
for arguments in "" "frobnicate" "list things" "attach net-dvt0" "info" "launch" "exec c1"; do
        # shellcheck disable=SC2086
        ctl $arguments >/dev/null 2>&1
        expect "called wrongly: '$arguments'" 2 $?
done
check "help" ctl --help
expect_like "version" "davitctl [0-9]*" "$(ctl --version)"
output=$("$build/davitctl" --bus unix:path=/nowhere list 2>&1)
expect_like "without a bus: an error, and its reason" "1 ?*" "$? $output"

unplug dvt0
expect_soon "monitor tells that the device went" grep -q ' removed device net-dvt0' "$scratch/monitor"
ctl stop c2
expect_soon "and that a container did" grep -q ' removed container c2' "$scratch/monitor"
davitd_stop
expect_soon "and that davitd did" grep -q ' stopped manager' "$scratch/monitor"
output=$(ctl list 2>&1)
expect_like "without a daemon: an error, and its reason" "1 *davitd is not running*" "$? $output"
davitd_start
expect_soon "and that another came" grep -q ' started manager' "$scratch/monitor"
