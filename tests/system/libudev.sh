#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A program on libudev, in a container without a udevd: it hears of its devices and of what happens to them, and what it
# then asks of them, or finds by itself, is what the host's udevd knows. A loop device is what both can see, as sysfs
# shows it to all.

. "$(dirname "$0")/lib.sh"

for udevd in /lib/systemd/systemd-udevd /usr/lib/systemd/systemd-udevd /sbin/udevd; do
        [ -x "$udevd" ] && break
done
[ -x "$udevd" ] || skip "there is no udevd"
[ -c /dev/loop-control ] || skip "the kernel has no loop devices"

# The host's udevd, for this network namespace alone.
mkdir -p "$scratch/rules" /run/udev/rules.d
mount --bind "$scratch/rules" /etc/udev/rules.d 2>/dev/null
cat >/run/udev/rules.d/99-test.rules <<END
KERNEL=="loop$loop_number", ENV{ID_TEST}="seen by udev", ENV{MY_OWN}="a b", TAG+="davit_test", SYMLINK+="of/the/host"
END
"$udevd" {lock}>&- >"$scratch/udevd.log" 2>&1 &
jobs_to_end+=($!)
wait_for 10 test -S /run/udev/control || skip "udevd does not start here: $(tail -n 1 "$scratch/udevd.log")"
trap 'status=$?; loop del 2>/dev/null; leave $status' EXIT

node=/dev/loop$loop_number
loop add || skip "no loop device can be added"
wait_for 10 eval 'grep -qs MY_OWN /run/udev/data/b7:*' || skip "udevd does not see devices here"
number=$(stat -c '%Hr:%Lr' "$node")
loop del

start <<END
version: 1
rules:
  - name: the loop device
    match: { class: block, property: { DEVNAME: "/dev/loop$loop_number" } }
    give: { to: c1, symlink: "/dev/my/loop" }
END
must_launch c1 c2
for name in c1 c2; do
        bring $name "$build/tests/system/udev-client" || fail "the program is brought into $name"
        background $name "$scratch/heard.$name" udev-client monitor
done
background c1 "$scratch/heard.tag" udev-client monitor davit_test
expect "libudev listens inside" ready "$(cat "$scratch/heard.c1")"

# data FILE: of a database, without what is the host's alone and how often the host's udevd was at it.
data() {
        grep -v -e '^[SLW]:' "$1"
}

loop add
expect_soon "it hears of the device" grep -q "^event add $node " "$scratch/heard.c1"
expect_soon "by tag too" grep -q "^event add $node " "$scratch/heard.tag"
line=$(grep "^event add $node " "$scratch/heard.c1")
told=${line% asked: *} asked=${line#* asked: }
expect_like "it is told what udev knows" "* ID_TEST=seen by udev *" "$told"
expect_like "and asking by the number then finds it done" "$node initialized=1 *" "$asked"
expect_like "with udev's properties" "* ID_TEST=seen by udev *" "$asked"
expect_like "of any name" "* MY_OWN=a b *" "$asked"
expect_like "and tags" "* tags=*davit_test*" "$asked"
expect_like "its links are those that are inside" "* links=/dev/my/loop *" "$asked"
expect_like "in the event as well" "* links=/dev/my/loop *" "$told"
expect "the link is there" "$node" "$(inside c1 readlink -f /dev/my/loop)"
expect_soon "what is in the database is what the host's has" \
        eval '[ "$(data /run/udev/data/b$number)" = "$(inside c1 cat /run/udev/data/b$number | grep -v ^S:)" ]'

expect "it is found by subsystem" "$node" "$(inside c1 udev-client list subsystem=block)"
expect "by tag" "$node" "$(inside c1 udev-client list tag=davit_test)"
expect "by property" "$node" "$(inside c1 udev-client list property="ID_TEST=seen by udev")"
expect "by number" "$node initialized=1" "$(inside c1 udev-client info b "$number" | cut -d ' ' -f 1,2)"

# ---- what happens to it

# As whoever writes to it makes it: udev runs its rules again.
cat >/run/udev/rules.d/99-test.rules <<END
KERNEL=="loop$loop_number", ENV{ID_TEST}="seen again", TAG+="davit_test"
END
udevadm control --reload {lock}>&-
echo change >/sys/block/loop$loop_number/uevent
expect_soon "it hears that it has changed" grep -q "^event change $node " "$scratch/heard.c1"
line=$(grep "^event change $node " "$scratch/heard.c1" | head -n 1)
told=${line% asked: *} asked=${line#* asked: }
expect_like "it is told what udev knows by now" "* ID_TEST=seen again *" "$told"
expect_like "and asking then, finds that" "* ID_TEST=seen again *" "$asked"
expect_like "its links are those that are inside still" "* links=/dev/my/loop *" "$told"
truncate -s 1M "$scratch/disk"
losetup "$node" "$scratch/disk"
truncate -s 2M "$scratch/disk"
losetup -c "$node"
expect_soon "it hears that a disk in it has another size" grep -q "^event change $node .* RESIZE=1 " "$scratch/heard.c1"
losetup -d "$node"
expect_soon "and that it was taken out" grep -q "^event change $node .* DISK_MEDIA_CHANGE=1 " "$scratch/heard.c1"
expect_soon "what is in the database is what the host's has then" \
        eval '[ "$(data /run/udev/data/b$number)" = "$(inside c1 cat /run/udev/data/b$number | grep -v ^S:)" ]'

# ---- whose it is

expect "another container knows nothing of it" "" "$(inside c2 udev-client list subsystem=block)"
expect_like "there it is not done" "$node initialized=0 *" "$(inside c2 udev-client info b "$number")"
expect "the database is nobody's to write inside" "refused" \
        "$(inside c1 sh -c "(echo E:ID_TEST=mine >>/run/udev/data/b$number) 2>/dev/null || echo refused")"
expect "nor to add to" "refused" "$(inside c1 sh -c "(: >/run/udev/data/b1:1) 2>/dev/null || echo refused")"

# ---- the way out

check "a device that is taken away" ctl detach "$(names devices | grep "loop$loop_number\|block.*$loop_number" | head -n 1)" c1
expect_soon "is told of" grep -q "^event remove $node " "$scratch/heard.c1"
line=$(grep "^event remove $node " "$scratch/heard.c1")
expect_like "and by then is not known any more" "$node initialized=0 *" "${line#* asked: }"
expect "by nobody" "" "$(inside c1 udev-client list subsystem=block; inside c1 udev-client list tag=davit_test)"
expect "nothing of it is left" "" "$(inside c1 find /run/udev/data /run/udev/tags ! -type d)"
expect "nothing was heard where it was not given" ready "$(cat "$scratch/heard.c2")"

# ---- davitd again, killed: what the database says stays true

check "it is given again" ctl attach "$(names devices | grep "loop$loop_number\|block.*$loop_number" | head -n 1)" c1
expect_soon "and known" eval '[ "$(inside c1 udev-client list subsystem=block)" = "$node" ]'
davitd_kill
loop del
wait_for 10 test ! -e "/run/udev/data/b$number"
davitd_start
expect_soon "what went while davitd was down is known no more" eval '[ -z "$(inside c1 udev-client list tag=davit_test)" ]'
expect "nothing of it is left then" "" "$(inside c1 find /run/udev/data /run/udev/tags ! -type d)"

# ---- a udevd that somebody starts inside

check "whoever starts a udevd inside takes the mount off first" inside c1 umount /run/udev
check "and has /run/udev for it" inside c1 sh -c ': >/run/udev/mine'
loop add
expect_soon "what is given comes in all the same" is_inside c1 "$node"
loop del
expect_soon "and goes" is_gone c1 "$node"
