#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A keeper is killed: what it kept is taken off, by the davitd that runs or by the next one, and its name can be used.

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
    give: { to: c1, net: { name: wan0, mtu: 1400 } }
END
plug_tap dvt0
node=$(tap_node dvt0)

must_launch c2
ctl stop c2
before=$(snapshot)

for when in up down; do
        plug_veth dvtn0
        ip link set dvtn0 up
        must_launch c1
        check "davitd $when: the container has its devices" eval "is_inside c1 $node && has_interface c1 wan0"
        inside c1 probe hoard "$node" /mnt/bound /dev/linked >/dev/null
        keeper=$(record c1 KEEPER_PID) init=$(record c1 INIT_PID)
        # As one leaves it that is killed amid writing.
        echo INIT_PID=1 >"$runtime/containers/c1/.state.$keeper"
        [ $when = up ] || davitd_stop
        kill -KILL "$keeper"
        if [ $when = down ]; then
                wait_for 10 not test -d "/proc/$keeper"
                check "davitd $when: it starts with the leftovers" davitd_start
        fi
        expect_soon "davitd $when: no process of the container is left" not test -d "/proc/$init"
        expect_soon "davitd $when: nor is the container known" knows_not containers c1
        expect_soon "davitd $when: nor anything granted" grants_are ""
        if [ $when = up ]; then
                expect_soon "davitd $when: the interface is back" ip link show dev dvtn0
                expect "davitd $when: with its MTU" 1500 "$(cat /sys/class/net/dvtn0/mtu)"
                expect "davitd $when: and up" 1 "$(($(cat /sys/class/net/dvtn0/flags) & 1))"
        fi
        ip link del dvtn0p 2>/dev/null
        expect_as_before "davitd $when: nothing is left" "$before"
        check "davitd $when: the host's node opens" "$build/tests/system/probe" node "$node"

        must_launch c1
        check "davitd $when: the name can be used again" is_inside c1 "$node"
        expect "davitd $when: in a container that is new" "" "$(inside c1 ls /mnt)"
        check "davitd $when: and stopped" ctl stop c1
        expect_as_before "davitd $when: without a trace" "$before"
done

# The name is asked for before anybody has cleaned up.
must_launch c1
kill -KILL "$(record c1 KEEPER_PID)"
check "a launch right behind the kill" eval 'wait_for 10 launch c1'
check "gets a container" is_inside c1 "$node"
ctl stop c1
expect_as_before "of which nothing is left either" "$before"
unplug dvt0
