#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An exclusive device is in one container at a time, whoever asks and however it is freed; a shared one in as many as
# its rule says.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: one at a time
    match: { class: tap, port: "dvt*" }
    give: { to: "c*" }
  - name: two at a time
    match: { class: tap, port: "two*" }
    give: { to: "c*", share: 2 }
  - name: all
    match: { class: tap, port: "all*" }
    give: { to: "c*", share: shared }
END
must_launch c1 c2 c3

# The containers in which a node opens.
who() {
        local name
        for name in c1 c2 c3; do
                is_inside $name "$1" && printf '%s ' $name
        done
}

who_is() {
        [ "$(who "$1")" = "$2" ] || {
                who "$1"
                return 1
        }
}

plug_tap dvt0
node=$(tap_node dvt0)
expect_soon "the first container in line gets the device" who_is "$node" "c1 "
expect "and it alone" "net-dvt0 c1 active" "$(grants)"
output=$(ctl attach net-dvt0 c2 2>&1)
expect "another cannot have it by hand" 1 $?
expect_like "and is told who has it" "*c1*" "$output"
check "it is taken from the first" ctl detach net-dvt0 c1
expect_soon "then the next has it" who_is "$node" "c2 "
check "who has it stops" ctl stop c2
expect_soon "then the one after has it" who_is "$node" "c3 "
must_launch c2
expect_soon "who comes back does not drive it out" who_is "$node" "c3 "
check "it is taken from everybody" ctl detach net-dvt0
expect "the next in line does not get it either" "" "$(who "$node")"
check "but by hand" ctl attach net-dvt0 c1
expect "who has it then" "c1 " "$(who "$node")"
unplug dvt0
expect_soon "unplugged it is nowhere" grants_are ""
plug_tap dvt0
expect_soon "plugged again, what was done by hand is forgotten" has_grant net-dvt0 c1
unplug dvt0

plug_tap two0
# In order of arrival: the second was launched anew above.
expect_soon "two containers share" who_is "$(tap_node two0)" "c1 c3 "
expect "a third has to wait" "2" "$(grants | grep -c two0)"
check "one of them lets go" ctl detach net-two0 c1
expect_soon "then it has its turn" who_is "$(tap_node two0)" "c2 c3 "
plug_tap all0
expect_soon "a shared device is in all" who_is "$(tap_node all0)" "c1 c2 c3 "
unplug all0
unplug two0
expect_soon "and in none when it is unplugged" grants_are ""

plug_tap dvt1
node=$(tap_node dvt1)
for name in c1 c3 c2; do
        wait_for 10 is_inside $name "$node"
        ctl detach net-dvt1 $name
done
wrong=0 before=
for ((round = 0; round < 5; round++)); do
        for name in c1 c2 c3; do
                [ -z "$before" ] || ctl detach net-dvt1 $before || wrong=$((wrong + 1))
                ctl attach net-dvt1 $name || wrong=$((wrong + 1))
                [ "$(who "$node")" = "$name " ] || wrong=$((wrong + 1))
                before=$name
        done
done
expect "handed round 15 times it is always in one" "0 times wrong" "$wrong times wrong"
unplug dvt1

# What cannot be given does not keep its place for ever.
policy 10-test <<'POLICY'
version: 1
rules:
  - name: for a user whom no container has
    match: { class: tap, port: "dvt*" }
    give: { to: c1, owner: "70000" }
POLICY
check "a rule is loaded that gives to nobody" ctl reload
plug_tap dvt2
node=$(tap_node dvt2)
expect_soon "the grant says that it failed" has_grant net-dvt2 c1 failed
policy 10-test <<'POLICY'
version: 1
rules:
  - name: as usual
    match: { class: tap, port: "dvt*" }
    give: { to: c2 }
POLICY
check "a rule for another is loaded" ctl reload
expect_soon "who has it then" who_is "$node" "c2 "
expect "and it alone" "net-dvt2 c2 active" "$(grants)"
policy 10-test <<'POLICY'
version: 1
rules:
  - name: for a user whom no container has
    match: { class: tap, port: "dvt*" }
    give: { to: c2, owner: "70000" }
POLICY
check "the first kind of rule, now for who has it" ctl reload
expect_soon "it is taken away, and the grant says that it failed" has_grant net-dvt2 c2 failed
expect "nobody has it" "" "$(who "$node")"
check "by hand it can be taken away" ctl detach net-dvt2 c2
unplug dvt2
expect_soon "unplugged it is nowhere" grants_are ""
