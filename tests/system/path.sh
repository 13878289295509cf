#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Nodes that no uevent tells of, of a number that the kernel knows nothing of: a rule that has their path finds them when
# they are made, renumbered, replaced, deleted, and when their folder comes. One that stands for a driver's device, which
# the kernel makes when the node is opened, is handed over to the events that then tell of it, and back.

. "$(dirname "$0")/lib.sh"

top=/dev/davit-path-$$
number_major=
for n in {240..254} {234..239}; do
        grep -q "^ *$n " /proc/devices || {
                number_major=$n
                break
        }
done
[ -n "$number_major" ] || skip "every character device number is some driver's"

end() {
        umount "$top/sub"
        rm -rf "$top"*
        [ ! -e "/dev/loop$loop_number" ] || {
                rm "/dev/loop$loop_number"
                loop del
        }
} >/dev/null 2>&1
trap 'status=$?; end; leave $status' EXIT
mknod "$top-probe" c "$number_major" 0 || skip "no node can be made in /dev"
rm "$top-probe"

node() {
        mknod "$1" c "$number_major" "$2"
}

# inside_is CONTAINER NODE MINOR: nobody is behind the number.
inside_is() {
        [ "$(inside "$1" probe node "$2")" = "$2 type=c rdev=$number_major:$3 uid=0 gid=0 mode=0660 open=ENXIO" ]
}

watches() {
        grep -l '^inotify' "/proc/$davitd_pid/fdinfo/"* 2>/dev/null | wc -l
}

parent_up
start <<'END'
version: 1
rules: []
END
must_launch c1 c2
before=$(watches)
node "$top-old" 0

put_rule() {
        policy path <<END
version: 1
rules:
  - name: not this one
    match: { path: $top-denied }
    deny: true
  - name: found nodes
    match: { path: ["$top-*", "!$top-other", "$top/sub/*"] }
    give: { to: c1 }
  - name: taps
    match: { class: tap, port: dvt0 }
    give: { to: c1 }
END
        ctl reload
}
check "the policy is loaded" put_rule
expect_soon "what was there before the rule comes" inside_is c1 "$top-old" 0
expect_like "it goes to no other container" "* stat=ENOENT" "$(inside c2 probe node "$top-old")"
check "it is a device" knows devices "node-${top#/dev/}-old"

# ---- coming and going

background c1 "$scratch/heard" probe listen || fail "a program inside listens"
node "$top-new" 3
node "$top-other" 4
node "$top-denied" 5
expect_soon "what is made comes" inside_is c1 "$top-new" 3
plug_tap dvt0
expect_soon "a tap comes after it" is_inside c1 "$(tap_node dvt0)"
wait_for 10 grep -q "add.*dvt0" "$scratch/heard" || fail "the tap's event is heard inside: $(cat "$scratch/heard")"
check "no event tells of it inside either" not grep -q " group=.*DEVNAME=[^ ]*${top##*/}" "$scratch/heard"
check "nor is it in udev's data base" inside c1 test ! -e "/run/udev/data/c$number_major:3"
expect_like "what the rule excepts stays out" "* stat=ENOENT" "$(inside c1 probe node "$top-other")"
expect_like "what a rule denies stays out" "* stat=ENOENT" "$(inside c1 probe node "$top-denied")"
check "what no rule's path takes is no device" knows_not devices "node-${top#/dev/}-other"
unplug dvt0
# It opens what appears.
end_process "$background_pid"

rm "$top-new" && node "$top-new" 6
expect_soon "made anew, it has its new number" inside_is c1 "$top-new" 6
mv "$top-new" "$top-moved"
expect_soon "renamed, it comes by the new name" inside_is c1 "$top-moved" 6
expect_soon "and goes by the old one" is_gone c1 "$top-new"
echo >"$scratch/file" && cp "$scratch/file" "$top-file" && mv "$top-file" "$top-moved"
expect_soon "a file in its place is no device" is_gone c1 "$top-moved"
rm "$top-old"
expect_soon "deleted, it goes" is_gone c1 "$top-old"
expect_soon "nothing is granted" grants_are ""

# ---- folders

mkdir -p "$top/sub"
node "$top/sub/a" 7
expect_soon "in a folder that came later it is found" inside_is c1 "$top/sub/a" 7
mv "$top/sub" "$top/away"
expect_soon "it goes with its folder" is_gone c1 "$top/sub/a"
mv "$top/away" "$top/sub"
expect_soon "and comes back with it" inside_is c1 "$top/sub/a" 7
rm -r "$top"
expect_soon "deleted with its folder, it goes" is_gone c1 "$top/sub/a"

mkdir -p "$top/sub" && mount -t tmpfs tmpfs "$top/sub" && node "$top/sub/a" 12 && node "$top-after" 13
expect_soon "what is made after it comes" inside_is c1 "$top-after" 13
check "what is on a file system of its own does not" is_gone c1 "$top/sub/a"
rm "$top-after" && umount "$top/sub" && node "$top/sub/b" 12
expect_soon "what is below that does" inside_is c1 "$top/sub/b" 12
rm -r "$top"
expect_soon "and goes again" is_gone c1 "$top/sub/b"

# ---- the policy, and davitd itself

node "$top-a" 8
node "$top-b" 9
expect_soon "two come" eval 'inside_is c1 "$top-a" 8 && inside_is c1 "$top-b" 9'
policy path <<'END'
version: 1
rules: []
END
check "the policy is loaded without the rule" ctl reload
expect_soon "they go with the rule" eval 'is_gone c1 "$top-a" && is_gone c1 "$top-b"'
check "they are no devices any more" knows_not devices "node-${top#/dev/}-a"
expect "nothing is watched any more" "$before" "$(watches)"
check "the policy is loaded with it" put_rule
expect_soon "they come back with the rule" eval 'inside_is c1 "$top-a" 8 && inside_is c1 "$top-b" 9'
davitd_kill
rm "$top-a" "$top-b" && node "$top-b" 10 && node "$top-c" 11
check "davitd is killed and started" davitd_start
expect_soon "what went meanwhile is gone" is_gone c1 "$top-a"
expect_soon "what has another number has it" inside_is c1 "$top-b" 10
expect_soon "what came is there" inside_is c1 "$top-c" 11
rm "$top"-*
expect_soon "nothing is granted at the end" grants_are ""

# ---- handed over

name=loop$loop_number
if [ -c /dev/loop-control ] && mknod "/dev/$name" b 7 "$loop_number"; then
        policy path <<END
version: 1
rules:
  - name: a loop device that is made when it is opened
    match: { path: /dev/$name }
    give: { to: c1 }
END
        check "loop: the policy is loaded" ctl reload
        expect_soon "loop: the node comes, and the kernel knows nothing of it" grants_are "node-$name c1 active"
        opened=$(inside c1 probe node "/dev/$name")
        if [ -e "/sys/block/$name" ]; then
                expect_like "loop: it opens inside" "* rdev=7:$loop_number * open=*" "$opened"
                expect_soon "loop: it is the kernel's then" grants_are "virtual-block-$name c1 active"
                expect_soon "loop: and is inside" is_inside c1 "/dev/$name"
                check "loop: the kernel's is unplugged" loop del
                expect_soon "loop: the node is itself again" grants_are "node-$name c1 active"
                expect_soon "loop: and is inside" eval \
                        "inside c1 probe node /dev/$name | grep -q ' type=b rdev=7:$loop_number '"
                wait_for 10 test ! -e "/sys/block/$name" || loop del
        else
                skip_case "the kernel makes no loop device when its node is opened"
        fi
        rm -f "/dev/$name"
        expect_soon "loop: deleted, it goes" is_gone c1 "/dev/$name"
        expect_soon "loop: nothing is granted" grants_are ""
else
        skip_case "the kernel has no loop devices"
fi
