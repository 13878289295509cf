#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
#
# A GPU comes to two containers at once, which share it, and goes: real events of pci, virtio and drm, and the nodes of
# the kernel's own driver.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

policy <<'END'
version: 1
rules:
  - name: GPUs for all
    match: { class: gpu }
    give: { to: "desk-*", share: shared }
END
for desk in desk-1 desk-2; do
        launch $desk
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
for desk in desk-1 desk-2; do
        eventually 10 "[ -z \"\$(davitctl exec $desk -- find /dev -path '*/dri/*' 2>&1)\" ]" "nothing is left in $desk"
        guest "davitctl stop $desk"
done
expect "nothing is granted" "" "$(guest grants)"
