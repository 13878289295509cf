#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
#
# Nodes that stand for modules: udev makes them when the guest boots, and the kernel loads the module when one is opened.
# A container that has one opens it; then the device is the kernel's, and what the container has is the same node all the
# time. It has it still when the module is unloaded.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# NODE MODULE DEVICE
nodes='/dev/uinput uinput virtual-misc-uinput
/dev/uhid uhid virtual-misc-uhid
/dev/cuse cuse virtual-misc-cuse
/dev/vhost-net vhost_net virtual-misc-vhost-net
/dev/snd/seq snd_seq virtual-sound-seq
/dev/ppp ppp_generic virtual-ppp-ppp'

policy <<'END'
version: 1
rules:
  - name: nodes
    match: { path: [/dev/uinput, /dev/uhid, /dev/cuse, /dev/vhost-net, /dev/snd/seq, /dev/ppp] }
    give: { to: tools }
END
launch tools

# The identity of the node that the container sees: another one has another number in its file system.
inode() {
        inside tools stat -c "%i %t:%T" "$1"
}

while read -r node module device <&3; do
        expect "$node: its module is not loaded" "" "$(guest "lsmod | grep '^$module ' || true")"
        number=$(guest "stat -c '%t:%T' $node")
        eventually 10 "grants | grep -x '$device tools active'" "$node: it is given"
        before=$(inode "$node")
        expect "$node: with the host's number" "$number" "${before#* }"

        # Some say that they want to be used otherwise; the module is there by then.
        guest_try "davitctl exec tools -- sh -c ': <>$node'" >/dev/null 2>&1 || true
        eventually 10 "grep -q '^$module .* Live ' /proc/modules" "$node: opened inside, its module is loaded"
        guest "udevadm settle"
        data=/run/udev/data/c$(guest "stat -c %Hr:%Lr $node")
        eventually 10 "davitctl exec tools -- test -e $data" "$node: it is known inside as the kernel's device"
        expect "$node: it is given as before" "$device tools active" "$(guest "grants | grep '^$device '")"
        expect "$node: it is the same node" "$before" "$(inode "$node")"

        guest "modprobe -r $module && udevadm settle"
        eventually 10 "davitctl exec tools -- test ! -e $data" "$node: unloaded, it is that no more"
        eventually 10 "grants | grep -x '$device tools active'" "$node: and is given again"
        eventually 10 "[ \"\$(davitctl exec tools -- stat -c %t:%T $node)\" = $number ]" "$node: and is inside"
done 3<<<"$nodes"

guest "rm /dev/uhid"
eventually 10 "davitctl exec tools -- test ! -e /dev/uhid" "deleted on the host, it goes"
guest "davitctl stop tools"
eventually 10 no_grants "nothing is granted any more"
