#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
#
# A USB serial adapter: the device that a program opens is not the USB device but the tty that a driver made of it,
# which comes later. QEMU's adapter is an FTDI to the kernel, and what is written to it comes to a file of the host.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

line=$build/vm/machines/$scenario/line

policy <<'END'
version: 1
rules:
  - name: serial adapters
    match: { class: tty, vendor: ftdi }
    give: { to: console, nodes: [tty], symlink: "/dev/adapter" }
END
launch console

backend='{"type": "file", "data": {"out": "'$line'"}}'
qemu '{"execute": "chardev-add", "arguments": {"id": "line", "backend": '"$backend"'}}'
plug usb-serial id=adapter chardev=line bus=xhci.0 always-plugged=on
eventually 20 "davitctl exec console -- test -c /dev/ttyUSB0" "the adapter's tty is inside"
expect "its node is the container's root's" "crw-rw---- 0 0" "$(inside console stat -c "%A %u %g" /dev/ttyUSB0)"
expect "the link that the rule asked for leads to it" /dev/ttyUSB0 "$(inside console readlink -f /dev/adapter)"
expect "the USB node stayed outside, as the rule says" "" "$(inside console find /dev -path '*/bus/*' -type c)"

inside console sh -c "echo a line from inside >/dev/adapter"
expect "what is written inside comes out of the adapter" "a line from inside" "$(tr -d '\r' <"$line")"

unplug adapter
eventually 10 "davitctl exec console -- sh -c 'test ! -e /dev/ttyUSB0 && test ! -L /dev/adapter'" \
        "pulled out, node and link are gone"
eventually 10 no_grants "nothing is granted any more"

# ---- plugged in again beside another one, it has another number

backend='{"type": "file", "data": {"out": "'$line.other'"}}'
qemu '{"execute": "chardev-add", "arguments": {"id": "other", "backend": '"$backend"'}}'
plug usb-serial id=first chardev=other bus=xhci.0 always-plugged=on
eventually 20 "davitctl exec console -- test -c /dev/ttyUSB0" "another one takes its number"
plug usb-serial id=adapter chardev=line bus=xhci.0 always-plugged=on
eventually 20 "davitctl exec console -- test -c /dev/ttyUSB1" "it comes again with another number"
inside console sh -c "echo a line more >/dev/ttyUSB1"
expect "what is written inside comes out of that one" "a line more" "$(tail -n 1 "$line" | tr -d '\r')"
unplug first
eventually 10 "davitctl exec console -- sh -c 'test ! -e /dev/ttyUSB0 && test -c /dev/ttyUSB1'" "the other goes alone"
eventually 10 "davitctl exec console -- readlink -f /dev/adapter | grep -x /dev/ttyUSB1" "and leaves its link to it"
unplug adapter
eventually 10 no_grants "nothing is granted any more"
guest "davitctl stop console"
