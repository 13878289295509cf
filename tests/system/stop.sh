#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# davitd is stopped and started again: containers and what they have live on, what changed meanwhile is made up for.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1 }
  - name: an uplink
    match: { class: net, port: dvtn0 }
    give: { to: c1, net: { name: wan0 } }
END
must_launch c1
init=$(record c1 INIT_PID)
for tap in dvt0 dvt1 dvt2; do
        plug_tap $tap
done
plug_veth dvtn0
node0=$(tap_node dvt0) node1=$(tap_node dvt1) node2=$(tap_node dvt2)
expect_soon "four devices are in" grants_are "net-dvt0 c1 active
net-dvt1 c1 active
net-dvt2 c1 active
net-dvtn0 c1 active"
inside c1 ip addr add 10.79.0.2/24 dev wan0
check "one is taken away by hand" ctl detach net-dvt2 c1
inode=$(inside c1 stat -c %i "$node0")
background c1 "$scratch/heard" probe listen

check "davitd ends in order with status 0" davitd_stop
check "the container runs on" test -d "/proc/$init"
unplug dvt1
plug_tap dvt3
node3=$(tap_node dvt3)
check "a device works while nobody is there" "$build/davit-container" exec --runtime-dir "$runtime" c1 -- probe frame "$node0"

check "davitd starts again" davitd_start
expect "it knows the container" "c1" "$(names containers)"
check "what stayed is there" is_inside c1 "$node0"
expect "and was not touched" "$inode" "$(inside c1 stat -c %i "$node0")"
expect "what went is gone" "$node1 stat=ENOENT" "$(inside c1 probe node "$node1")"
check "what came is there" is_inside c1 "$node3"
expect "what was taken away by hand stays away" "$node2 stat=ENOENT" "$(inside c1 probe node "$node2")"
check "the interface never left" eval 'inside c1 ip addr show dev wan0 | grep -q 10.79.0.2/24'
expect "all is granted as it should be" "net-dvt0 c1 active
net-dvt3 c1 active
net-dvtn0 c1 active" "$(grants)"
heard() {
        sed -n 's,^.* group=1 .*ACTION=\([a-z]*\) .*DEVNAME=\(tap[0-9]*\) .*,\1 \2,p' "$scratch/heard" | sort
}
expect "inside only what happened was heard of" "add ${node3#/dev/}
remove ${node1#/dev/}" "$(heard)"
check "the container is the same" test "$init" = "$(record c1 INIT_PID)"

check "nothing to do is done when it starts once more" eval 'davitd_stop && davitd_start'
expect "nobody heard of that" "add ${node3#/dev/}
remove ${node1#/dev/}" "$(heard)"

davitd_stop
kill -TERM "$(record c1 KEEPER_PID)"
wait_for 10 not test -d "/proc/$init"
davitd_start
expect "a container that ended meanwhile is known to be gone" "" "$(names containers)"
expect_soon "and nothing is granted to it" grants_are ""
nothing_kept() {
        local kept
        kept=$(kept_in state dev containers)
        echo "$kept"
        [ -z "$kept" ]
}
expect_soon "nor anything kept of what was in it" nothing_kept
# A veth ends with the namespace that it is in.
plug_veth dvtn0
check "its name is free" ctl launch c1 -- "${quick_init[@]}"

printf 'not a policy\n' >"$policies/10-test.yaml"
davitd_stop
check "davitd starts with a policy that it cannot use" davitd_start
expect_soon "which gives nothing, so all is taken away" grants_are ""
check "the container lives" ctl info c1
