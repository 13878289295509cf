#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Interfaces that are made inside containers on top of one of the host's, which stays where it is. However their
# containers end and whatever these do to them, nothing is left of them and the host's is as it was.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: lan
    match: { class: net, port: dvtn0 }
    give:
      to: c1
      share: shared
      net: { name: lan0, mode: macvlan, address: [10.81.0.1/24, "fd81::1/64"], mtu: 1400 }
  - name: lan of others
    match: { class: net, port: dvtn0 }
    give: { to: "*", share: shared, net: { name: lan0, mode: macvlan } }
  - name: an uplink
    match: { class: net, port: dvtm0 }
    give: { to: c1, net: { name: wan0, mac: 02:00:5e:10:00:01, address: 10.82.0.1/24 } }
END

# All that was set on an interface by the host.
state_of() {
        ip -o link show dev "$1" | sed 's/@[^:]*:/:/; s/qdisc.*link/link/; s/LOWER_UP,\|,LOWER_UP//'
        ip -o addr show dev "$1" scope global | awk '{ print $3, $4, $5, $6 }' | sort
}

state_is() {
        [ "$(state_of "$1" 2>&1)" = "$2" ] || {
                diff <(echo "$2") <(state_of "$1" 2>&1)
                return 1
        }
}

# The host's, without the number that a new one of that name has.
numberless() {
        state_of "$1" | sed 's/^[0-9]*: //'
}

lan0() {
        inside "$1" cat /sys/class/net/lan0/"$2" 2>/dev/null
}

plug_veth dvtn0
ip link set dvtn0 address 02:00:00:81:00:01 mtu 1450 up
ip addr add 10.81.0.254/24 dev dvtn0
wait_for 5 knows devices net-dvtn0
before=$(state_of dvtn0)

must_launch c1 c2
expect_soon "both containers have one" eval 'has_interface c1 lan0 && has_interface c2 lan0'
check "the host's is where it was, as it was" state_is dvtn0 "$before"
check "and known" knows devices net-dvtn0
expect "granted to both" "net-dvtn0 c1 active
net-dvtn0 c2 active" "$(grants)"
expect "it has the MTU that the rule says, and is up" "1400 1" "$(lan0 c1 mtu) $(($(lan0 c1 flags) & 1))"
expect_like "its IP addresses are those of the rule" "*10.81.0.1/24*10.81.0.255*fd81::1/64*" \
        "$(inside c1 ip addr show dev lan0 | tr '\n' ' ')"
mac=$(lan0 c1 address)
expect_like "the address that is made is locally administered" "?[26ae]:*" "$mac"
check "each container has one of its own" not test "$mac" = "$(lan0 c2 address)"
inside c2 ip addr add 10.81.0.2/24 dev lan0
expect_soon "the containers reach each other" inside c2 ping -c 1 -W 1 10.81.0.1

# The worst that its root may do to it.
inside c1 ip link set lan0 down
inside c1 ip link set lan0 address 02:00:00:66:66:66 name hidden0 mtu 1280
check "it is taken back by hand, whatever it is called now" ctl detach net-dvtn0 c1
expect "and gone from the container" lo "$(inside c1 ls /sys/class/net)"
check "the other container has its own still" has_interface c2 lan0
check "it is given by hand again" ctl attach net-dvtn0 c1
expect_soon "with the same address as ever" eval '[ "$(lan0 c1 address)" = "$mac" ]'
inside c2 ip link del lan0
expect_soon "what a container deletes is made anew" has_interface c2 lan0
check "and its grant holds" has_grant net-dvtn0 c2

davitd_kill
index=$(lan0 c1 ifindex)
check "davitd is killed and starts again" davitd_start
expect_soon "it knows what is given" eval '[ "$(grants)" = "net-dvtn0 c1 active
net-dvtn0 c2 active" ]'
expect "and has left it alone" "$index" "$(lan0 c1 ifindex)"

sed -i 's/mtu: 1400/mtu: 1300/' "$policies/10-test.yaml"
check "another MTU is loaded" ctl reload
expect_soon "it has that one" eval '[ "$(lan0 c1 mtu)" = 1300 ]'
check "the host's never changed" state_is dvtn0 "$before"

# Every end of a container.
plug_veth dvtm0
expect_soon "one that moves is in the container, too" has_interface c1 wan0
ctl detach net-dvtm0 c1
ip link set dvtm0 address 02:00:00:82:00:01 mtu 1420 up
ip addr add 10.82.0.254/24 dev dvtm0
moved=$(state_of dvtm0)
ctl attach net-dvtm0 c1
expect_soon "one that moves has the address that the rule asks for" \
        eval '[ "$(inside c1 cat /sys/class/net/wan0/address)" = 02:00:5e:10:00:01 ]'
expect_like "and the IP address" "*10.82.0.1/24*" "$(inside c1 ip addr show dev wan0 | tr '\n' ' ')"
check "it is detached" ctl detach net-dvtm0 c1
expect_soon "and as it was, its own address included" state_is dvtm0 "$moved"
check "and attached again" ctl attach net-dvtm0 c1

check "a container is stopped" ctl stop c1
expect_soon "the interface that moved is back as it was" state_is dvtm0 "$moved"
check "the one that lent its network is as it was" state_is dvtn0 "$before"
expect "the other container has its own still" 0 "$(has_interface c2 lan0 && echo 0)"

for end in init keeper both; do
        must_launch c1
        expect_soon "$end: the container has both" eval 'has_interface c1 lan0 && has_interface c1 wan0'
        keeper=$(record c1 KEEPER_PID) init=$(record c1 INIT_PID)
        case $end in
        init) kill -KILL "$init" ;;
        keeper) kill -KILL "$keeper" ;;
        both) kill -KILL "$keeper" "$init" ;;
        esac
        expect_soon "$end killed: the container is gone" knows_not containers c1
        expect_soon "$end killed: what moved is back as it was" state_is dvtm0 "$moved"
        check "$end killed: what lent its network is as it was" state_is dvtn0 "$before"
        expect_soon "$end killed: no state of it is kept" eval '! kept_in state | grep -q interface-c1@'
done

# davitd is down when the container dies: what was made goes with the namespace.
ctl detach net-dvtm0
must_launch c1
expect_soon "the container has one again" has_interface c1 lan0
init=$(record c1 INIT_PID) keeper=$(record c1 KEEPER_PID)
davitd_stop
kill -KILL "$keeper" "$init"
wait_for 10 not test -d "/proc/$init"
check "davitd starts when the container has died" davitd_start
expect_soon "nothing is granted to it" eval '[ "$(grants)" = "net-dvtn0 c2 active" ]'
expect_soon "no state of it is kept" eval '! kept_in state | grep -q interface-c1@'
check "the host's is as it was" state_is dvtn0 "$before"
must_launch c1
expect_soon "the next life of the container has the same address" eval '[ "$(lan0 c1 address)" = "$mac" ]'

# A name that is taken inside, and free again.
ctl detach net-dvtn0 c1
inside c1 ip link add lan0 type veth peer name lan1
ctl attach net-dvtn0 c1 >"$scratch/output" 2>&1
expect "a name that is taken inside fails" 1 $?
expect_like "with the reason" "*File exists*" "$(cat "$scratch/output")"
inside c1 ip link del lan0
expect_soon "and is tried again when it is free" has_grant net-dvtn0 c1
check "so that the interface is there" has_interface c1 lan0

# The parent is unplugged and comes again, with another index.
number=$(numberless dvtn0)
unplug dvtn0
expect_soon "unplugged: it is gone from both containers" eval 'lacks_interface c1 lan0 && lacks_interface c2 lan0'
expect_soon "and no grant is left" grants_are ""
expect_soon "nor any state" eval '! kept_in state | grep -q interface-'
plug_veth dvtn0
ip link set dvtn0 address 02:00:00:81:00:01 mtu 1450 up
ip addr add 10.81.0.254/24 dev dvtn0
expect_soon "plugged again: both have one" eval 'has_interface c1 lan0 && has_interface c2 lan0'
expect "the host's is as it was made" "$number" "$(numberless dvtn0)"

ctl detach net-dvtn0 c1 && ctl attach net-dvtn0 c1
all=$(snapshot) wrong=0
for ((round = 0; round < 10; round++)); do
        ctl detach net-dvtn0 c1 && wait_for 5 lacks_interface c1 lan0 || wrong=$((wrong + 1))
        ctl attach net-dvtn0 c1 && wait_for 5 has_interface c1 lan0 || wrong=$((wrong + 1))
done
expect "10 times: out and in again" "0 wrong" "$wrong wrong"
expect_as_before "10 times: nothing is left" "$all"

ctl stop c1
ctl stop c2
expect "when both have stopped no state is kept" "" "$(kept_in state)"
expect "and the host's is as it was" "$number" "$(numberless dvtn0)"
