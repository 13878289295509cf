#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What goes wrong with devices in other brokers, a case for each, named after it: davitd and containers as a whole, with
# nothing in between. tests/check-lessons has the list, with those that other tests have already.

. "$(dirname "$0")/lib.sh"

for number in 1 2 3 4; do
        [ -n "$(lent_number $number)" ] || skip "the kernel has no four nodes that may be lent under another name (cpuid, vcs)"
done
parent_up
start <<'END'
version: 1
rules:
  - name: phones, whole
    match: { class: usb, vendor: google }
    give: { to: c1 }
  - name: a vendor above 8000
    match: { class: usb, vendor: "8087" }
    give: { to: c1 }
  - name: a card by its place
    match: { class: gpu, port: "0000:41:00.0" }
    give: { to: c1 }
  - name: taps that one has
    match: { class: tap, port: "one*" }
    give: { to: "c*" }
  - name: taps that two have
    match: { class: tap, port: "two*" }
    give: { to: "c*", share: 2 }
  - name: taps of the first
    match: { class: tap, port: "fst*" }
    give: { to: c1 }
  - name: taps of the second
    match: { class: tap, port: "snd*" }
    give: { to: c2, owner: "1000:5", mode: "0604" }
  - name: an uplink
    match: { class: net, port: dvtn0 }
    give: { to: [c1, brief], net: { name: wan0 } }
END
must_launch c1 c2

# speak ACTION DEVPATH N KEY=VALUE...: of a device with the Nth number that can be lent.
speak() {
        local action=$1 devpath=$2 numbers
        read -ra numbers < <(lent_number "$3")
        shift 3
        "$build/tests/system/probe" send "$action" "$devpath" "$@" "${numbers[@]}"
}
hub=/devices/pci0000:00/0000:00:14.0/usb3
# usb ACTION PORT N [VENDOR]
usb() {
        speak "$1" "$hub/$2" "$3" SUBSYSTEM=usb DEVTYPE=usb_device DEVNAME="bus/usb/003/0$((10 + $3))" BUSNUM=003 \
                DEVNUM="0$((10 + $3))" ID_VENDOR_ID="${4:-18d1}" ID_MODEL_ID=4ee7
}
# tty ACTION PORT NAME N
tty() {
        speak "$1" "$hub/$2/$2:1.0/$3/tty/$3" "$4" SUBSYSTEM=tty DEVNAME="$3"
}
all_gone() {
        expect_soon "$1" grants_are ""
}
folders() {
        inside c1 find /dev -xdev -type d | sort
}
bare=$(folders)

# ---- keys by string prefix: removing usb1 takes usb10 along, ttyUSB1 takes ttyUSB10

usb add 3-1 1
usb add 3-10 2
tty add 3-1 ttyUSB1 3
tty add 3-10 ttyUSB10 4
expect_soon "keys_are_not_prefixes: both are inside" is_inside c1 /dev/ttyUSB10
usb remove 3-1 1
expect_soon "keys_are_not_prefixes: the one goes" is_gone c1 /dev/ttyUSB1
check "keys_are_not_prefixes: the other stays" is_inside c1 /dev/ttyUSB10
expect "keys_are_not_prefixes: with its grant" "usb-3-10 c1 active" "$(grants)"
check "keys_are_not_prefixes: and its USB node" is_inside c1 /dev/bus/usb/003/012
usb remove 3-10 2
all_gone "keys_are_not_prefixes: then both are gone"

# ---- minor 0 treated as "no node"; vendor ids over 0x8000 in a signed number

zero=0
for ((n = 1; n <= 4; n++)); do
        lent_number $n | grep -q 'MINOR=0$' && zero=$n && break
done
[ "$zero" != 0 ] || skip "no node with the minor number 0 can be lent"
usb add 3-1 $((zero % 4 + 1)) 8087
tty add 3-1 ttyUSB0 "$zero"
expect_soon "vendor_above_8000: a rule with it matches" is_inside c1 "/dev/bus/usb/003/0$((10 + zero % 4 + 1))"
expect_soon "minor_zero_is_a_node: it is inside" is_inside c1 /dev/ttyUSB0
expect_like "minor_zero_is_a_node: with its number" "* rdev=*:0 *" "$(inside c1 probe node /dev/ttyUSB0)"
usb remove 3-1 $((zero % 4 + 1)) 8087
expect_soon "minor_zero_is_a_node: and goes" is_gone c1 /dev/ttyUSB0

# ---- sibling nodes of one device matched one by one, by hand

usb add 3-1 1
expect_soon "siblings_follow: a phone is inside" is_inside c1 /dev/bus/usb/003/011
tty add 3-1 ttyACM3 2
speak add $hub/3-1/3-1:1.1/0003:18D1:4EE7.0001/hidraw/hidraw7 3 SUBSYSTEM=hidraw DEVNAME=hidraw7
speak add $hub/3-1/3-1:1.2/sound/card5/controlC5 4 SUBSYSTEM=sound DEVNAME=snd/controlC5
expect_soon "siblings_follow: its tty, without a rule for it" is_inside c1 /dev/ttyACM3
expect_soon "siblings_follow: its hidraw" is_inside c1 /dev/hidraw7
expect_soon "siblings_follow: its sound" is_inside c1 /dev/snd/controlC5
expect "siblings_follow: by one grant" "usb-3-1 c1 active" "$(grants)"
tty remove 3-1 ttyACM3 2
expect_soon "siblings_follow: a part that leaves alone" is_gone c1 /dev/ttyACM3
check "siblings_follow: goes alone" is_inside c1 /dev/hidraw7
usb remove 3-1 1
expect_soon "siblings_follow: with the phone all of them go" is_gone c1 /dev/hidraw7
check "siblings_follow: whichever event came last" is_gone c1 /dev/snd/controlC5
all_gone "siblings_follow: and the grant"

# ---- folders left behind empty

expect "empty_folders_removed: after all of these" "$bare" "$(folders)"

# ---- the GPU index instead of a stable id

# card ACTION PLACE INDEX
card() {
        local path=/devices/pci0000:40/$2
        [ "$1" = remove ] || "$build/tests/system/probe" send add "$path" SUBSYSTEM=pci PCI_CLASS=30000 PCI_ID=1002:73BF \
                PCI_SLOT_NAME="$2"
        speak "$1" "$path/drm/renderD$((128 + $3))" $((1 + $3)) SUBSYSTEM=drm DEVTYPE=drm_minor DEVNAME="dri/renderD$((128 + $3))"
        [ "$1" = add ] || "$build/tests/system/probe" send remove "$path" SUBSYSTEM=pci
}
card add 0000:41:00.0 0
card add 0000:42:00.0 1
expect_soon "index_is_no_name: the card of that place is inside" is_inside c1 /dev/dri/renderD128
card remove 0000:41:00.0 0
card remove 0000:42:00.0 1
all_gone "index_is_no_name: both are gone"
card add 0000:42:00.0 0
card add 0000:41:00.0 1
expect_soon "index_is_no_name: in another order it is so again" is_inside c1 /dev/dri/renderD129
check "index_is_no_name: and the one that has its number is not" is_gone c1 /dev/dri/renderD128
card remove 0000:42:00.0 0
card remove 0000:41:00.0 1
all_gone "index_is_no_name: both are gone again"
expect "empty_folders_removed: after cards" "$bare" "$(folders)"

# ---- first match attached at start, all matches at hotplug

for tap in one0 one1 two0 snd0; do
        plug_tap $tap
done
expect_soon "same_matches_at_start_and_at_hotplug: plugged" eval '[ "$(grants | wc -l)" = 5 ]'
at_hotplug=$(grants)
davitd_kill
davitd_start
expect_soon "same_matches_at_start_and_at_hotplug: found in place" grants_are "$at_hotplug"
ctl stop c1
ctl stop c2
davitd_stop
davitd_start
must_launch c1 c2
expect_soon "same_matches_at_start_and_at_hotplug: found at the start" grants_are "$at_hotplug"
davitd_kill
for tap in one0 one1 two0 snd0; do
        unplug $tap
        plug_tap $tap
done
davitd_start
expect_soon "same_matches_at_start_and_at_hotplug: changed while nobody looked" grants_are "$at_hotplug"
check "same_matches_at_start_and_at_hotplug: with the nodes that are there now" is_inside c2 "$(tap_node snd0)"

# ---- chown through a bind mount that changes the host's own node

node=$(tap_node snd0)
# The time of the last change of the inode says more than what it was changed to.
host_node() {
        stat -c '%u %g %a %Z %z' "$node"
}
before=$(host_node)
inside c2 chmod 0777 "$node"
inside c2 chown 0:0 "$node"
check "host_inode_never_changed: taken" ctl detach net-snd0
check "host_inode_never_changed: and given" ctl attach net-snd0 c2
expect_soon "host_inode_never_changed: as the rule says" eval 'inside c2 probe node $node | grep -q " uid=1000 gid=5 mode=0604 "'
expect "host_inode_never_changed: the host's node was not touched" "$before" "$(host_node)"
for tap in one0 one1 two0 snd0; do
        unplug $tap
done
all_gone "host_inode_never_changed: all are gone"

# ---- one stuck container stops hotplug for everyone; four processes started per plug

# Children that have ended are in the faults of their parent.
children() {
        awk '{ print $11 }' "/proc/$davitd_pid/stat"
}
settled=$(children)
for ((i = 0; i < 10; i++)); do
        plug_tap snd1
        wait_for 10 is_inside c2 "$(tap_node snd1)"
        unplug snd1
        wait_for 10 grants_are ""
done
expect "no_process_per_plug: ten plugs started none" "$settled" "$(children)"
plug_veth dvtn0
expect_soon "no_process_per_plug: an interface takes one" has_interface c1 wan0
check "no_process_per_plug: which is seen" [ "$(children)" != "$settled" ]
ctl detach net-dvtn0
unplug dvtn0p

init=$(record c1 INIT_PID) keeper=$(record c1 KEEPER_PID)
kill -STOP "$keeper" "$init"
ctl stop c1 >/dev/null 2>&1 &
stopping=$!
plug_tap fst0
plug_tap snd0
expect_soon "one_stuck_container_does_not_stop_others: the other has its device" is_inside c2 "$(tap_node snd0)"
expect_soon "one_stuck_container_does_not_stop_others: even the stuck one has" test -c "$runtime/dev/c1$(tap_node fst0)"
unplug snd0
expect_soon "one_stuck_container_does_not_stop_others: and it goes" eval '! grants | grep snd0'
check "one_stuck_container_does_not_stop_others: davitd answers" ctl list containers
kill -CONT "$keeper" "$init"
wait $stopping
unplug fst0
wait_for 10 knows_not containers c1
all_gone "one_stuck_container_does_not_stop_others: all are gone"
must_launch c1

# ---- socket overflow ignored; no rescan after a restart

count=40
batch() {
        for ((i = 0; i < count; i++)); do
                case $1 in
                plug) echo "link add link dvtp0 name snd$i index $(next_index) type macvtap mode bridge" ;;
                unplug) echo "link del snd$i" ;;
                esac
        done | ip -batch -
}
expect_like "overflow_rescans: the socket of davitd gets small" "[1-9]*" "$("$build/tests/system/probe" shrink "$davitd_pid")"
kill -STOP "$davitd_pid"
batch plug
kill -CONT "$davitd_pid"
expect_soon "overflow_rescans: some were lost" grep -q 'Device events were lost' "$log"
expect_soon "overflow_rescans: all are given" eval '[ "$(grants | grep -c "c2 active")" = '$count' ]'
kill -STOP "$davitd_pid"
batch unplug
kill -CONT "$davitd_pid"
all_gone "overflow_rescans: all are taken"
expect "overflow_rescans: and none is left inside" "" "$(inside c2 sh -c 'ls /dev | grep tap')"
davitd_kill
batch plug
davitd_start
expect_soon "restart_rescans: what came meanwhile is given" eval '[ "$(grants | grep -c "c2 active")" = '$count' ]'
davitd_kill
batch unplug
davitd_start
expect_soon "restart_rescans: what went meanwhile is taken" grants_are ""
expect "restart_rescans: and none is left inside" "" "$(inside c2 sh -c 'ls /dev | grep tap')"

# ---- a NIC that does not come back when the container failed to start

ctl stop c1
plug_veth dvtn0
ip link set dvtn0 mtu 1400 up
must_launch c1
expect_soon "nic_comes_back: it is given" has_interface c1 wan0
ctl stop c1
expect_soon "nic_comes_back: from a container that stopped" test -e /sys/class/net/dvtn0
ctl launch brief -- /bin/false >/dev/null 2>&1
ctl launch brief -- /no/such/program >/dev/null 2>&1
wait_for 10 knows_not containers brief
expect_soon "nic_comes_back: from one that could not live" test -e /sys/class/net/dvtn0
expect_like "nic_comes_back: as it was" "*UP*mtu 1400 *" "$(ip -o link show dev dvtn0)"
unplug dvtn0p
all_gone "nic_comes_back: all is gone"

# ---- a malformed policy file ignored in silence

plug_tap one0
expect_soon "malformed_policy_fails_closed_loudly: by a good policy it is given" is_inside c2 "$(tap_node one0)"
davitd_stop
mv "$policies/10-test.yaml" "$scratch/good.yaml"
policy 10-test <<'END'
version: 1
rules:
  - name: everything
    match: { class: any, prot: "*" }
    give: { to: "*" }
END
: >"$log"
davitd_start
expect_like "malformed_policy_fails_closed_loudly: it is said where" "*10-test.yaml:4:26: error: *" "$(cat "$log")"
expect_soon "malformed_policy_fails_closed_loudly: nobody has anything" grants_are ""
expect "malformed_policy_fails_closed_loudly: what was there is taken" "$(tap_node one0) stat=ENOENT" \
        "$(inside c2 probe node "$(tap_node one0)")"
ctl reload >/dev/null 2>&1
expect "malformed_policy_fails_closed_loudly: reload fails" 1 $?
policy 20-good <"$scratch/good.yaml"
davitd_stop
davitd_start
expect_soon "malformed_policy_fails_closed_loudly: a good file beside it counts" is_inside c2 "$(tap_node one0)"
unplug one0
all_gone "malformed_policy_fails_closed_loudly: all is gone"
