#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A disk that the host uses goes to no container, by the rule that is shipped; one that it does not use does, and is
# taken back as soon as the host mounts it.

. "$(dirname "$0")/lib.sh"

[ -c /dev/loop-control ] || skip "the kernel has no loop devices"
for program in losetup mkfs.ext4; do
        command -v $program >/dev/null || skip "there is no $program"
done

node=/dev/loop$loop_number
end() {
        umount "$scratch/mnt" 2>/dev/null
        losetup -d "$node" 2>/dev/null
        loop del 2>/dev/null
        return 0
}
trap 'status=$?; end; leave $status' EXIT

cp "${top_srcdir:-$(dirname "$0")/../..}/policy/00-host-disks.yaml" "$policies"
start <<END
version: 1
rules:
  - name: a disk
    match: { class: block, path: "$node" }
    give: { to: c1 }
END
must_launch c1

loop add || skip "no loop device can be added"
expect_soon "a disk that the host does not use is given" is_inside c1 "$node"

truncate -s 8M "$scratch/image"
mkfs.ext4 -q "$scratch/image" || skip "no file system can be made"
mkdir "$scratch/mnt"
{ losetup "$node" "$scratch/image" && mount "$node" "$scratch/mnt"; } 2>"$scratch/said" || skip "nothing can be mounted: $(cat "$scratch/said")"
expect_soon "as soon as the host mounts it, it is taken back" is_gone c1 "$node"
expect_soon "nothing is granted" grants_are ""
expect_like "the shipped rule says no" "*disks that the host uses*" "$(ctl explain "virtual-block-loop$loop_number" c1 2>&1)"
check "a call does not get it either" not ctl attach "virtual-block-loop$loop_number" c1
must_launch c2
check "a container that comes later neither" is_gone c1 "$node"

umount "$scratch/mnt"
expect_soon "unmounted it is given again" is_inside c1 "$node"
losetup -d "$node"
loop del
expect_soon "unplugged it is gone" is_gone c1 "$node"
