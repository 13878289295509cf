#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Twenty containers, and twenty devices at once, each for another one: none is lost and none goes astray.

. "$(dirname "$0")/lib.sh"

count=${COUNT:-20}
parent_up
{
        echo "version: 1"
        echo "rules:"
        for ((i = 0; i < count; i++)); do
                echo "  - { name: to m$i, match: { class: tap, port: dvt$i }, give: { to: m$i } }"
        done
} >"$scratch/rules.yaml"
start <"$scratch/rules.yaml"

launched=0 jobs=()
for ((i = 0; i < count; i++)); do
        ctl launch m$i -- "${quick_init[@]}" {lock}>&- &
        jobs+=($!)
done
for job in "${jobs[@]}"; do
        wait "$job" && launched=$((launched + 1))
done
expect "containers launched at the same time" "$count" "$launched"
cgroup_top=$(record m0 CGROUP)
cgroup_top=${cgroup_top%%/*}

# All in one go: ip reads its commands from a file.
batch() {
        for ((i = 0; i < count; i++)); do
                case $1 in
                plug) echo "link add link dvtp0 name dvt$i index $(next_index) type macvtap mode bridge" ;;
                unplug) echo "link del dvt$i" ;;
                esac
        done | ip -batch -
}

# "mN: taps" of every container, as its own /dev has them.
seen() {
        for ((i = 0; i < count; i++)); do
                echo "m$i: $(cd "$runtime/dev/m$i/dev" && echo tap*)"
        done
}

wanted() {
        for ((i = 0; i < count; i++)); do
                echo "m$i: $(basename "$(tap_node dvt$i)")"
        done
}

seen_is() {
        [ "$(seen)" = "$1" ] || {
                diff <(echo "$1") <(seen)
                return 1
        }
}

nothing=$(seen)
for ((round = 1; round <= 3; round++)); do
        batch plug
        expect_soon "burst $round: each device is in its container, and in no other" seen_is "$(wanted)"
        opened=0
        for ((i = 0; i < count; i++)); do
                [ $((i % 5)) = 0 ] || continue
                bring_probe m$i
                is_inside m$i "$(tap_node dvt$i)" && opened=$((opened + 1))
        done
        expect "burst $round: they open" $(((count + 4) / 5)) $opened
        expect "burst $round: and are granted" "$count" "$(grants | grep -c ' active$')"
        batch unplug
        expect_soon "burst $round: all are gone" seen_is "$nothing"
        expect_soon "burst $round: and so are the grants" grants_are ""
done

# In and out before davitd may have looked: nothing may stay.
for ((round = 0; round < 3; round++)); do
        batch plug
        batch unplug
done
batch plug
expect_soon "after a storm each is where it belongs" seen_is "$(wanted)"
batch unplug
expect_soon "and then nowhere" seen_is "$nothing"

jobs=() stopped=0
for ((i = 0; i < count; i++)); do
        ctl stop m$i &
        jobs+=($!)
done
for job in "${jobs[@]}"; do
        wait "$job" && stopped=$((stopped + 1))
done
expect "and all are stopped at the same time" "$count" "$stopped"
expect "without a trace" "" "$(cgroups; kept_in containers dev state)"
