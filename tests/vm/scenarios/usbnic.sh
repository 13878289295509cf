#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 400
#
# A USB network adapter, beside a virtio card: both go into the container and come back as the host had them, when the
# container is stopped, when its init is killed, and when the policy says so. Of the adapter the rule gives the USB node
# or does not. Pulled out while they are inside, nothing is left; plugged in again they go in again.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# name_of usb|virtio: the host's name for what is on that bus. Which driver takes QEMU's adapter, and so how udev calls
# it, is not always the same.
name_of() {
        guest "udevadm settle
                for net in /sys/class/net/*; do
                        case \$(readlink -f \$net/device) in */$1[0-9]*) basename \$net ;; esac
                done"
}

# How the host has an interface: address, MTU, hardware address, whether it is up.
state_of() {
        guest "ip -o -4 address show dev $1 | awk '{ print \$4 }'
                cat /sys/class/net/$1/mtu /sys/class/net/$1/address
                ip -o link show dev $1 up | grep -c ." | paste -s -d ' '
}

# set_up NAME ADDRESS MTU
set_up() {
        guest "ip link set $1 mtu $3; ip address add $2 dev $1; ip link set $1 up"
}

# come_back WHAT: both are the host's, and as they were.
come_back() {
        local name

        for name in "$adapter" "$card"; do
                eventually 20 "udevadm settle; ip -o -4 address show dev $name | grep 192.0.2" "$1: $name comes back"
        done
        expect "as it was" "$adapter_before" "$(state_of "$adapter")"
        expect "as it was" "$card_before" "$(state_of "$card")"
}

are_inside() {
        eventually 20 "davitctl exec lab -- ls /sys/class/net/lan0 /sys/class/net/lan1" "both are inside"
}

# adapter_with KINDS: the policy, with these of the adapter's nodes.
adapter_with() {
        policy <<END
version: 1
rules:
  - name: adapters
    match: { class: net, vendor: "0525" }
    give: { to: lab, nodes: [$1], net: { name: lan0, mtu: 1400 } }
  - name: cards
    match: { class: net, driver: virtio_net }
    give: { to: lab, net: { name: lan1 } }
END
}

plug_both() {
        plug usb-net id=adapter bus=xhci.0 netdev=wire0
        plug virtio-net-pci id=card bus=rp2 netdev=wire1
        eventually 20 "davitctl list devices | grep '^usb-.*,net ' && davitctl list devices | grep '^pci-.* net '" \
                "adapter and card are there"
}

qemu netdev_add type=user id=wire0
qemu netdev_add type=user id=wire1
plug_both
adapter=$(name_of usb)
card=$(name_of virtio)
set_up "$adapter" 192.0.2.7/25 1280
set_up "$card" 192.0.2.200/25 1360
adapter_before=$(state_of "$adapter")
card_before=$(state_of "$card")

# ---- stopped, killed, and by the policy

launch lab
before=$(inside lab find /dev -xdev | sort)
adapter_with usb
are_inside
expect "the host has neither" "lo" "$(guest "ls /sys/class/net")"
expect "the adapter has the rule's MTU" 1400 "$(inside lab cat /sys/class/net/lan0/mtu)"
expect "its USB node is inside" 1 "$(inside lab find /dev/bus/usb -type c | wc -l)"
adapter_with ""
expect "the rule gives no node any more: it is gone" "" "$(inside lab find /dev -path '*/bus/*' -type c)"
expect "the interface stays" "lan0 lan1 lo" "$(inside lab ls /sys/class/net | paste -s -d ' ')"
adapter_with usb
expect "it gives the node again: there it is" 1 "$(inside lab find /dev/bus/usb -type c | wc -l)"

guest "davitctl stop lab"
come_back "the container stopped"
launch lab
are_inside
guest "kill -KILL \$(sed -n 's/^INIT_PID=//p' /run/davit/containers/lab/state)"
come_back "its init killed"
eventually 20 "! davitctl list containers | grep '^lab '" "the container is gone"
launch lab
are_inside
policy </dev/null
come_back "the policy empty"

# ---- pulled out while they are inside

adapter_with usb
are_inside
unplug adapter
eventually 10 "no_grants usb-" "the adapter is pulled out: it is not granted any more"
eventually 10 "davitctl exec lab -- test ! -e /sys/class/net/lan0" "its interface is gone"
expect "the container's /dev is as it was" "$before" "$(inside lab find /dev -xdev | sort)"
unplug card
eventually 10 "no_grants && davitctl exec lab -- test ! -e /sys/class/net/lan1" "so is the card"
expect "the host has neither" "lo" "$(guest "ls /sys/class/net")"
plug_both
are_inside
guest "davitctl stop lab"
eventually 10 "no_grants && test -e /sys/class/net/$card" "stopped, the host has what was plugged in meanwhile"
expect "the adapter, too" 1 "$(name_of usb | wc -l)"
