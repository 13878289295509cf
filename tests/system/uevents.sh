#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Programs inside hear of their devices as they would on a host: from the kernel (group 1) and from udev (group 2), both
# from uid 0, and after the node is there as it will stay. Of others' devices they hear nothing.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1, owner: "1000", mode: "0640" }
END
must_launch c1 c2
background c1 "$scratch/heard" probe listen
background c2 "$scratch/other" probe listen

# heard GROUP ACTION DEVPATH: the lines on it.
heard() {
        grep -- " group=$1 .*ACTION=$2 \(.* \)\?DEVPATH=$3 " "$scratch/heard"
}

heard_both() {
        heard 1 "$1" "$2" && heard 2 "$1" "$2"
}

plug_tap dvt0
node=$(tap_node dvt0)
number=$(stat -c '%Hr %Lr' "$node")
devpath=/devices/virtual/net/dvt0/macvtap/${node#/dev/}
expect_soon "the add arrives in both groups" heard_both add "$devpath"
for group in 1 2; do
        line=$(heard "$group" add "$devpath")
        expect "group $group: once" 1 "$(heard "$group" add "$devpath" | wc -l)"
        expect_like "group $group: from uid 0" "* uid=0 *" "$line"
        expect_like "group $group: with subsystem and number" "* SUBSYSTEM=macvtap *" "$line"
        expect_like "group $group: with the number's major" "* MAJOR=${number% *} *" "$line"
        expect_like "group $group: and minor" "* MINOR=${number#* } *" "$line"
        expect_like "group $group: the node is there by then, as it stays" \
                "* node: $node type=c rdev=${number/ /:} uid=1000 gid=0 mode=0640 open=ok *" "$line"
done
expect_like "the kernel's has the kernel's address" "* port=0 *" "$(heard 1 add "$devpath")"
expect_like "the kernel's names the node below /dev" "* DEVNAME=${node#/dev/} *" "$(heard 1 add "$devpath")"
expect_like "udev's names it in full" "* DEVNAME=$node *" "$(heard 2 add "$devpath")"

appeared=$(sed -n "s,^\([0-9]*\) appeared $node .*,\1,p" "$scratch/heard")
expect "inotify tells of it too" 1 "$(grep -c " appeared $node open=ok$" "$scratch/heard")"
for group in 1 2; do
        at=$(heard "$group" add "$devpath" | cut -d ' ' -f 1)
        expect "node first, then the event of group $group" yes "$([ "${appeared:-9}" -le "${at:-0}" ] && echo yes || echo no)"
done

unplug dvt0
expect_soon "the remove arrives in both groups" heard_both remove "$devpath"
expect_soon "then the node is gone" is_gone c1 "$node"
for group in 1 2; do
        expect_like "group $group: from uid 0" "* uid=0 *" "$(heard "$group" remove "$devpath")"
        expect_like "group $group: it names the node" "* DEVNAME=*${node#/dev/} *" "$(heard "$group" remove "$devpath")"
done

plug_tap dvt0
expect_soon "a second add arrives" eval '[ "$(heard_both add "/devices/virtual/net/dvt0/macvtap/.*" | wc -l)" = 4 ]'
check "a device that is taken away by hand" ctl detach net-dvt0
expect_soon "leaves with a remove as well" eval '[ "$(heard_both remove "/devices/virtual/net/dvt0/macvtap/.*" | wc -l)" = 4 ]'

plug_tap not0
expect_soon "a device of nobody's is known" knows devices net-not0
unplug not0
unplug dvt0
expect_soon "all devices are gone" knows_not devices net-dvt0
expect "nothing was heard of others' devices" "" "$(grep not0 "$scratch/heard")"
expect "nothing at all in the container that has none" "ready" "$(cat "$scratch/other")"
