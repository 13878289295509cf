#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a container's root may do to its /dev is its own harm alone: nodes in folders stay, no link that it makes leads
# davitd anywhere, and a full /dev is nobody else's trouble.

. "$(dirname "$0")/lib.sh"

for number in 1 2; do
        [ -n "$(lent_number $number)" ] || skip "the kernel has no two nodes that may be lent under another name (cpuid, vcs)"
done
parent_up
real=$(ls -d /dev/bus/usb/003/00[12] 2>/dev/null)
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1 }
  - name: taps of another
    match: { class: tap, port: "oth*" }
    give: { to: c2 }
  - name: phones
    match: { class: usb, vendor: google }
    give: { to: c1 }
  - name: cards
    match: { class: gpu }
    give: { to: c1 }
END
must_launch c1 c2

answers_open() {
        inside c1 probe node "$1" | sed 's/.* open=//'
}

node=/dev/bus/usb/003/001
phone add 1
expect_soon "a node comes in a folder" is_inside c1 $node

seen=$(inside c1 probe hostile $node)
expect_like "its root cannot remove it" "root: unlink=E* rename=E* create=E*" "$seen"
expect_like "nor make anything beside it" "* create=E* symlink=E* link=E* mkdir=E* rmdir=E* chmod=E* chown=E* *" "$seen"
expect_like "nor a node of its own, anywhere" "* mknod=E* mknod-tmp=EPERM mknod-dev=EPERM user:*" "$seen"
expect "none of it succeeds for root or a user" "" "$(grep -o '[a-z-]*=ok' <<<"$seen")"
expect "it is there still" ok "$(answers_open $node)"

# The folder itself lies in /dev, where root may rename: the next node must not follow a link.
trap_dir=$scratch/trap
mkdir -p "$trap_dir/usb/003" && chmod -R 0777 "$trap_dir"
inside c1 mkdir -p "$trap_dir/usb/003"
check "the whole folder can be renamed" inside c1 mv /dev/bus /dev/moved
check "and a link put in its place" inside c1 ln -s "$trap_dir" /dev/bus
phone add 2
expect_soon "the next phone is seen to" eval 'grants | grep -q "usb-3-2 c1 [af]"'
expect "no node goes where the link leads on the host" "" "$(find "$trap_dir" ! -type d)"
expect "nor inside" "" "$(inside c1 find "$trap_dir" ! -type d)"
expect "the first one can still be opened where it was moved to" ok "$(answers_open /dev/moved/usb/003/001)"
phone remove 1
expect_soon "until it is unplugged" is_shut c1 /dev/moved/usb/003/001
inside c1 rm /dev/bus
inside c1 mv /dev/moved /dev/bus
expect_soon "with the link gone the second one is where it belongs" is_inside c1 /dev/bus/usb/003/002
phone remove 2
expect_soon "and goes" is_gone c1 /dev/bus/usb/003/002

# Its /sys is mounted writable, as udevd asks for; what is in it is the host's all the same. Opened is not written.
writable=$(inside c1 sh -c 'find /sys -type f 2>/dev/null | while read -r f; do ( : >>"$f" ) 2>/dev/null && echo "$f"; done')
expect_like "of /sys it may write to its own interfaces" "*/net/lo/*" "$writable"
expect "and to nothing else but its own cgroup" "" "$(grep -v -e '^/sys/devices/virtual/net/lo/' -e '^/sys/fs/cgroup/' <<<"$writable")"

node=/dev/dri/card7
for thing in "touch /dev/dri" "ln -s /nowhere /dev/dri" "mkfifo /dev/dri"; do
        check "in the way: $thing" inside c1 sh -c "$thing"
        gpu add
        expect_soon "then the card is not given" has_grant platform-vgem c1 failed
        inside c1 rm -rf /dev/dri
        expect_soon "and is when the way is free" is_inside c1 $node
        gpu remove
        expect_soon "and goes" is_gone c1 $node
done

check "in a folder that it made itself" inside c1 mkdir -m 0777 /dev/dri
gpu add
expect_soon "a node comes as well" is_inside c1 $node
expect "and is as safe" "" "$(inside c1 probe hostile $node | grep -o '[a-z-]*=ok')"
gpu remove
expect_soon "and goes" is_gone c1 $node

plug_tap dvt0
tap=$(tap_node dvt0)
wait_for 10 is_inside c1 "$tap"
check "a node directly in /dev its root may remove" inside c1 rm "$tap"
check "which is no trouble when it is unplugged" unplug dvt0
expect_soon "nothing of it stays" grants_are ""
plug_tap dvt0
expect_soon "and when it is plugged again it is there again" is_inside c1 "$(tap_node dvt0)"
unplug dvt0
expect_soon "and goes with its device" grants_are ""

inside c1 sh -c 'i=0; while : > /dev/fill$i; do i=$((i + 1)); done' 2>/dev/null
expect_like "its /dev is bounded" "[1-9]*" "$(inside c1 sh -c 'ls /dev | grep -c fill')"
plug_tap dvt0
plug_tap oth0
expect_soon "a full /dev keeps its own devices out" has_grant net-dvt0 c1 failed
expect_soon "but not those of others" is_inside c2 "$(tap_node oth0)"
inside c1 sh -c 'rm /dev/fill*'
expect_soon "with room again it gets its device" is_inside c1 "$(tap_node dvt0)"
unplug dvt0
unplug oth0

expect_soon "in the end nobody has anything" grants_are ""
expect "no node of theirs is kept" "" "$(kept_in dev/c1/held dev/c2/held)"
expect "the host has no node of the phones that never were" "$real" "$(ls -d /dev/bus/usb/003/00[12] 2>/dev/null)"
