#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# GPUs come to two containers at once, which share them, and go: real events of pci, virtio and drm, and the nodes of the
# kernel's own drivers, one of them without any hardware (vgem). A third container has the render node alone of the GPU at
# one place, whatever number it has.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

policy <<'END'
version: 1
rules:
  - name: GPUs for all
    match: { class: gpu }
    give: { to: "desk-*", share: shared }
END
for container in desk-1 desk-2 farm; do
        launch $container
done

gpu plug 0
for desk in desk-1 desk-2; do
        eventually 20 "davitctl exec $desk -- sh -c 'test -c /dev/dri/card0 && test -c /dev/dri/renderD128'" \
                "card and render node are in $desk"
        expect "the render node opens in $desk" "" "$(inside $desk sh -c ": <>/dev/dri/renderD128" 2>&1)"
        expect "nothing but these is in $desk" "/dev/dri/card0 /dev/dri/renderD128" \
                "$(inside $desk find /dev/dri -type c | sort | paste -s -d ' ')"
done
expect "both have it granted" "desk-1 active desk-2 active" \
        "$(guest grants | cut -d ' ' -f 2- | sort | paste -s -d ' ')"

gpu plug 1
for desk in desk-1 desk-2; do
        eventually 20 "davitctl exec $desk -- test -c /dev/dri/renderD129" "another one comes to $desk"
done

gpu unplug 0
for desk in desk-1 desk-2; do
        eventually 10 "davitctl exec $desk -- test ! -e /dev/dri/renderD128" "the first is gone from $desk"
        expect "the second stays in $desk" "" "$(inside $desk sh -c ": <>/dev/dri/renderD129" 2>&1)"
done
gpu unplug 1

guest "modprobe vgem"
for desk in desk-1 desk-2; do
        eventually 20 "davitctl exec $desk -- test -c /dev/dri/card0" "vgem's card is in $desk"
        expect "it opens in $desk" "" "$(inside $desk sh -c ": <>/dev/dri/card0" 2>&1)"
done
guest "modprobe -r vgem"
for desk in desk-1 desk-2; do
        eventually 10 "[ -z \"\$(davitctl exec $desk -- find /dev -path '*/dri/*' 2>&1)\" ]" "nothing is left in $desk"
        guest "davitctl stop $desk"
done
expect "nothing is granted" "" "$(guest grants)"

gpu plug 0
place=$(guest "cd /sys/bus/pci/devices/0000:00:10.7 && ls -d 0000:??:??.?")
policy <<END
version: 1
rules:
  - name: one place
    match: { class: gpu, port: "$place" }
    give: { to: farm, nodes: [render] }
END
eventually 20 "davitctl exec farm -- test -c /dev/dri/renderD128" "the render node of the GPU at $place is in farm"
expect "its card is not" "/dev/dri/renderD128" "$(inside farm find /dev/dri -type c)"
gpu unplug 0
eventually 10 "davitctl exec farm -- test ! -e /dev/dri" "it is gone from farm, with its folder"
gpu plug 1
eventually 20 "davitctl list devices | grep -c pci-.*gpu" "the GPU at another place has its number now"
gpu plug 0
eventually 20 "davitctl exec farm -- test -c /dev/dri/renderD129" "the GPU at $place is in farm again, by another number"
expect "the other is not" "/dev/dri/renderD129" "$(inside farm find /dev/dri -type c)"
gpu unplug 0
gpu unplug 1
eventually 10 "no_grants" "nothing is granted"
