#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 120
#
# A network card is plugged into the running machine. It goes into a container under the name that the rule asks for,
# and comes back as the host knew it: name, MTU and address.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

of_host() {
        guest "ip -o -4 address show dev '$1' | awk '{ print \$4 }'; cat /sys/class/net/'$1'/mtu"
}

policy <<'END'
version: 1
rules:
  - name: uplink
    match: { class: net, driver: e1000e }
    give: { to: router, net: { name: wan0, mtu: 1400 } }
END

qemu netdev_add type=user id=wire
plug e1000e id=card bus=rp1 netdev=wire
eventually 20 "udevadm settle; ls -d /sys/class/net/en*" "the card is there, under udev's name for it"
name=$(guest "basename /sys/class/net/en*")
guest "ip link set $name mtu 1280; ip address add 192.0.2.7/24 dev $name; ip link set $name up"
before=$(of_host "$name")
address=$(guest "cat /sys/class/net/$name/address")

launch router
expect "the host has it no more" "" "$(guest "ls -d /sys/class/net/en* 2>/dev/null || true")"
expect "it is inside, as wan0 with the rule's MTU, up" "1400 0x1003" \
        "$(inside router cat /sys/class/net/wan0/mtu /sys/class/net/wan0/flags | paste -s -d ' ')"
expect "it is the card" "$address" "$(inside router cat /sys/class/net/wan0/address)"

guest "davitctl stop router"
eventually 10 "test -e /sys/class/net/$name" "it comes back under its name"
eventually 10 "udevadm settle; ip -o -4 address show dev $name | grep 192.0.2.7/24" "it has its address again"
expect "it has its MTU and address again" "$before" "$(of_host "$name")"

# ---- unplugged while it is inside

launch router
eventually 10 "davitctl exec router -- test -e /sys/class/net/wan0" "it goes into the next container"
unplug card
eventually 10 "davitctl exec router -- test ! -e /sys/class/net/wan0" "pulled out, it is gone from there"
eventually 10 no_grants "nothing is granted any more"
guest "davitctl stop router"
