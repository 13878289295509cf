#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A node comes into a running container, is of use there, and goes again, and nothing of it stays.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1 }
  - name: of another owner
    match: { class: tap, port: "own*" }
    give: { to: c1, owner: "1000:5", mode: "0604", symlink: "/dev/taps/{place}" }
END
must_launch c1 c2

plug_tap dvt0
node=$(tap_node dvt0)
number=$(stat -c '%Hr:%Lr' "$node")
expect_soon "the node comes into the container" is_inside c1 "$node"
expect "it is the container's root's, with the right number and mode" \
        "$node type=c rdev=$number uid=0 gid=0 mode=0660 open=ok" "$(inside c1 probe node "$node")"
expect "the host's own node is as it was" "0 0 600" "$(stat -c '%u %g %a' "$node")"
expect_like "it is not in a container that no rule gives it to" "* stat=ENOENT" "$(inside c2 probe node "$node")"

packets() {
        cat /sys/class/net/dvtp1/statistics/rx_packets
}
before=$(packets)
expect "a program inside sends a frame through it" "open=ok features=ok sent=ok" "$(inside c1 probe frame "$node")"
more_packets() {
        [ "$(packets)" -gt "$before" ]
}
expect_soon "the frame arrives at the other end" more_packets

unplug dvt0
expect_soon "the node goes when the device is unplugged" is_gone c1 "$node"
expect_soon "and so does its grant" grants_are ""

plug_tap own0
node=$(tap_node own0)
# The user of this node is another than the root who looks, so that it is the mode that counts.
expect_soon "owner, group and mode are those of the rule" eval \
        "inside c1 probe node $node | grep -q ' uid=1000 gid=5 mode=0604 '"
expect "the link of the rule leads to the node" "$node" "$(inside c1 readlink -f /dev/taps/own0)"
unplug own0
expect_soon "the link goes with its node" is_gone c1 /dev/taps
expect_soon "and the node with its device" is_gone c1 "$node"

wait_for 5 no_yield net-own0
before=$(snapshot)
lost=0 stale=0
for ((round = 0; round < 30; round++)); do
        plug_tap dvt1
        node=$(tap_node dvt1)
        wait_for 5 is_inside c1 "$node" || lost=$((lost + 1))
        unplug dvt1
        wait_for 5 is_gone c1 "$node" || stale=$((stale + 1))
done
expect "30 times: plugged 30 times, unplugged 30 times" "0 lost, 0 stale" "$lost lost, $stale stale"
expect_as_before "30 times: nothing is left" "$before"

plug_tap dvt2
node=$(tap_node dvt2)
wait_for 5 is_inside c1 "$node"
must_launch c3
check "a container is stopped without the device that another has" ctl stop c3
expect_soon "the device stays where it is" is_inside c1 "$node"
check "the container is stopped with the device in it" ctl stop c1
check "the node is still on the host" test -c "$node"
must_launch c1
check "launched again it has the device from the start" is_inside c1 "$node"
unplug dvt2
expect_soon "which goes as ever" is_gone c1 "$node"
