#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Classes that the kernel has without hardware, by its own events: each is plugged in, used from inside, unplugged, and
# plugged in again with another number. tests/core/test-classes has those that take hardware.

. "$(dirname "$0")/lib.sh"

probe=$build/tests/system/probe
loops=() zrams=()
end() {
        local number
        for number in "${loops[@]}"; do
                losetup -d "/dev/loop$number"
                "$probe" loop del "$number"
        done
        for number in "${zrams[@]}"; do
                echo 1 >"/sys/block/zram$number/reset"
                echo "$number" >/sys/class/zram-control/hot_remove
        done
} >/dev/null 2>&1
trap 'status=$?; end; leave $status' EXIT

parent_up
start <<END
version: 1
rules:
  - name: loop devices
    match: { class: block, path: [/dev/loop$loop_number, /dev/loop$((loop_number + 1))] }
    give: { to: c1 }
  - name: memory disks
    match: { class: block, path: ["/dev/zram*", "!/dev/zram0"] }
    give: { to: c1 }
  - name: taps
    match: { class: tap, port: dvt0 }
    give: { to: c1 }
  - name: interfaces
    match: { class: net, port: dvtn0 }
    give: { to: c1, net: { name: wan0, address: 10.79.0.2/24 } }
END
must_launch c1

number_inside() {
        inside c1 probe node "$1" | sed 's/.* rdev=\([0-9:]*\) .*/\1/'
}

# used NODE FILE TEXT: written inside, read inside, and there on the host.
used() {
        inside c1 sh -c "test -b $1 && echo '$3' | dd of=$1 conv=sync bs=4096 2>/dev/null && sync && dd if=$1 bs=4096 count=1 2>/dev/null" |
                head -n 1 >"$scratch/read"
        expect "$1 is written and read inside" "$3" "$(cat "$scratch/read")"
        expect "$1 has on the host what was written" "$3" "$(head -c 4096 "$2" | head -n 1)"
}

# ---- loop

plug_loop() {
        truncate -s 1M "$scratch/image$1" && "$probe" loop add "$1" && loops+=("$1") &&
                losetup "/dev/loop$1" "$scratch/image$1"
}

unplug_loop() {
        losetup -d "/dev/loop$1" && wait_for 5 "$probe" loop del "$1"
        loops=()
}

if [ -c /dev/loop-control ]; then
        numbers=()
        for number in "$loop_number" $((loop_number + 1)); do
                plug_loop "$number" || fail "loop$number can be made"
                expect_soon "loop: comes inside" is_inside c1 "/dev/loop$number"
                expect "loop: with the kernel's number" "$(stat -c '%Hr:%Lr' "/dev/loop$number")" "$(number_inside "/dev/loop$number")"
                numbers+=("$(number_inside "/dev/loop$number")")
                used "/dev/loop$number" "$scratch/image$number" "kept in loop$number"
                check "loop: is unplugged" unplug_loop "$number"
                expect_soon "loop: goes" is_gone c1 "/dev/loop$number"
        done
        check "loop: had two numbers" [ "${numbers[0]}" != "${numbers[1]}" ]
        expect_soon "loop: nothing is granted" grants_are ""
else
        skip_case "the kernel has no loop devices"
fi

# ---- zram

plug_zram() {
        zram=$(cat /sys/class/zram-control/hot_add) && zrams+=("$zram") && echo 1M >"/sys/block/zram$zram/disksize"
}

unplug_zram() {
        echo 1 >"/sys/block/zram$1/reset" && echo "$1" >/sys/class/zram-control/hot_remove
}

if [ -r /sys/class/zram-control/hot_add ]; then
        plug_zram || fail "a zram can be made"
        first=$zram
        expect_soon "zram: comes inside" is_inside c1 "/dev/zram$first"
        used "/dev/zram$first" "/dev/zram$first" "kept in zram$first"
        # The lowest number that is free is the next to be dealt.
        plug_zram || fail "a second zram can be made"
        check "zram: the first is unplugged" unplug_zram "$first"
        expect_soon "zram: it goes" is_gone c1 "/dev/zram$first"
        expect_soon "zram: the second is inside" is_inside c1 "/dev/zram$zram"
        expect "zram: with its own number" "$(stat -c '%Hr:%Lr' "/dev/zram$zram")" "$(number_inside "/dev/zram$zram")"
        used "/dev/zram$zram" "/dev/zram$zram" "kept in zram$zram"
        check "zram: the second is unplugged" unplug_zram "$zram"
        zrams=()
        expect_soon "zram: nothing is granted" grants_are ""
else
        skip_case "the kernel has no zram"
fi

# ---- macvtap

numbers=()
for other in none dvtx0; do
        # Who has the number of before makes it another now.
        [ "$other" = none ] || plug_tap $other
        plug_tap dvt0
        node=$(tap_node dvt0)
        expect_soon "tap: comes inside" is_inside c1 "$node"
        numbers+=("$(number_inside "$node")")
        expect "tap: a frame goes through" "open=ok features=ok sent=ok" "$(inside c1 probe frame "$node")"
        unplug dvt0
        expect_soon "tap: goes" is_gone c1 "$node"
done
check "tap: had two numbers" [ "${numbers[0]}" != "${numbers[1]}" ]
unplug dvtx0
expect_soon "tap: nothing is granted" grants_are ""

# ---- an interface

numbers=()
for address in 10.79.0.1 10.79.0.3; do
        ip link add dvtn0 index "$(next_index)" type veth peer name dvtn0p && ip link set dvtn0p up
        ip addr add $address/24 dev dvtn0p
        expect_soon "net: comes inside" has_interface c1 wan0
        numbers+=("$(inside c1 cat /sys/class/net/wan0/ifindex)")
        expect_soon "net: the host answers from outside" inside c1 ping -c 1 -W 1 $address
        unplug dvtn0p
        expect_soon "net: goes" lacks_interface c1 wan0
        expect_soon "net: nothing is granted" grants_are ""
done
check "net: had two numbers" [ "${numbers[0]}" != "${numbers[1]}" ]
