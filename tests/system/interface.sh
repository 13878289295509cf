#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A network interface goes into a running container under the name that the rule says, and comes back as it was.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: uplinks
    match: { class: net, port: ["dvtn0", "dvtn1"] }
    give: { to: c1, net: { name: wan0, mtu: 1400 } }
  - name: a second one
    match: { class: net, port: dvtm0 }
    give: { to: c1, net: { up: false } }
END

# All that was set on it by the host.
state() {
        ip -o link show dev "$1" | sed 's/^[0-9]*: //; s/@[^:]*:/:/; s/qdisc.*link/link/; s/LOWER_UP,\|,LOWER_UP//'
        ip -o addr show dev "$1" scope global | awk '{ print $3, $4, $5, $6 }' | sort
}

state_is() {
        [ "$(state "$1" 2>&1)" = "$2" ] || {
                diff <(echo "$2") <(state "$1" 2>&1)
                return 1
        }
}

wan0() {
        inside c1 cat /sys/class/net/wan0/"$1" 2>/dev/null
}

plug_veth dvtn0
ip link set dvtn0 address 02:00:00:77:00:01 mtu 1450 up
ip addr add 10.77.0.1/24 dev dvtn0
ip addr add fd77::1/64 dev dvtn0 nodad
index=$(cat /sys/class/net/dvtn0/ifindex)
wait_for 5 knows devices net-dvtn0
before=$(state dvtn0)

must_launch c1
expect_soon "the interface is in the container under its name" has_interface c1 wan0
expect "it is the same interface" "$index" "$(wan0 ifindex)"
expect "with the rule's MTU" 1400 "$(wan0 mtu)"
expect "and its own address" 02:00:00:77:00:01 "$(wan0 address)"
expect "it is up" 1 "$(($(wan0 flags) & 1))"
expect "the host has it no more" "" "$(ip -o link show dev dvtn0 2>/dev/null)"

inside c1 ip addr add 10.78.0.2/24 dev wan0
ip addr add 10.78.0.1/24 dev dvtn0p
expect_soon "the host answers a ping from inside" inside c1 ping -c 1 -W 1 10.78.0.1

# The worst that its root may do to it.
inside c1 ip link set wan0 down
inside c1 ip link set wan0 address 02:00:00:66:66:66 name hidden0 mtu 1280
check "the interface is taken back by hand" ctl detach net-dvtn0
expect_soon "name, MTU, address, up and IP addresses are as they were" state_is dvtn0 "$before"
expect "with the same index" "$index" "$(cat /sys/class/net/dvtn0/ifindex)"
expect "the container has it no more" "lo" "$(inside c1 ls /sys/class/net)"

check "and given by hand again" ctl attach net-dvtn0 c1
expect_soon "it is there as the rule says" has_interface c1 wan0
expect "with the rule's MTU again" 1400 "$(wan0 mtu)"

ctl detach net-dvtn0
wait_for 5 no_yield net-dvtn0
all=$(snapshot) wrong=0
for ((round = 0; round < 10; round++)); do
        ctl attach net-dvtn0 c1 && wait_for 5 has_interface c1 wan0 || wrong=$((wrong + 1))
        ctl detach net-dvtn0 && wait_for 5 state_is dvtn0 "$before" || wrong=$((wrong + 1))
done
expect "10 times: in and out again" "0 wrong" "$wrong wrong"
expect_as_before "10 times: nothing is left" "$all"

ctl attach net-dvtn0 c1
check "the container stops with the interface in it" ctl stop c1
expect_soon "the host has it back as it was" state_is dvtn0 "$before"

must_launch c1
expect_soon "the interface goes in when the container is launched again" has_interface c1 wan0
plug_veth dvtn1
expect_soon "a second one under a name that is taken is not given" has_grant net-dvtn1 c1 failed
check "and the host keeps it" ip link show dev dvtn1
unplug dvtn1
ip link del dvtn0p
expect_soon "the interface is deleted while it is inside: its grant goes with it" grants_are ""
check "and the device" knows_not devices net-dvtn0
expect "nothing is kept of it" "" "$(kept_in state)"

plug_veth dvtn0
expect_soon "an interface that is plugged into a running container goes in at once" has_interface c1 wan0
plug_veth dvtm0
expect_soon "so does a second one, under its own name" has_interface c1 dvtm0
expect "which is left down where the rule says so" "0" "$(($(inside c1 cat /sys/class/net/dvtm0/flags) & 1))"
unplug dvtn0p
expect_soon "one goes" lacks_interface c1 wan0
check "the other stays" has_interface c1 dvtm0
unplug dvtm0p
expect_soon "until it goes too" grants_are ""

# The rule says something else.
plug_veth dvtn0
expect_soon "an interface is in" has_interface c1 wan0
sed -i '/name: wan0/s/mtu: [0-9]*/mtu: 1300/' "$policies/10-test.yaml"
check "another MTU is loaded" ctl reload
expect_soon "it has that one" eval 'inside c1 cat /sys/class/net/wan0/mtu | grep -qx 1300'

# A name on the host that was taken meanwhile: said once, and not for ever.
plug_veth dvtx0
ip link set dvtx0 name dvtn0
output=$(ctl detach net-dvtn0 c1 2>&1)
expect "an interface whose name was taken meanwhile comes back with a word on it" 1 $?
expect_like "which says why" "*File exists*" "$output"
expect_soon "it is home" lacks_interface c1 wan0
expect_soon "and not granted" grants_are ""
