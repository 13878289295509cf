#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 200
#
# A network card is plugged into the running machine. It goes into a container under the name that the rule asks for,
# and comes back as the host knew it: name, MTU and address, settings, routes and queueing, and as the port of a bridge or
# a bond.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

of_host() {
        guest "ip -o -4 address show dev '$1' | awk '{ print \$4 }'; cat /sys/class/net/'$1'/mtu"
}

policy <<'END'
version: 1
rules:
  - name: uplink
    match: { class: net, driver: e1000e }
    give: { to: router, net: { name: wan0, mtu: 1400, address: 10.0.2.77/24 } }
  - name: tagged
    match: { class: net, property: { INTERFACE: lan7 } }
    give: { to: tagged, net: { name: wan7 } }
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
eventually 10 "davitctl exec router -- ping -c 1 -W 1 10.0.2.2" "and is answered on its wire"

guest "davitctl stop router"
eventually 10 "test -e /sys/class/net/$name" "it comes back under its name"
eventually 10 "udevadm settle; ip -o -4 address show dev $name | grep 192.0.2.7/24" "it has its address again"
expect "it has its MTU and address again" "$before" "$(of_host "$name")"

# ---- davitd is away when the container ends

launch router
eventually 10 "davitctl exec router -- test -e /sys/class/net/wan0" "it goes in once more"
inside router ip link set wan0 mtu 1300 address 02:00:00:00:00:66
guest "pid=\$(davitctl info router | awk '\$1 ~ /^Pid/ { print \$2 }')
       systemctl stop davitd && kill -KILL \$pid"
eventually 20 "grep -hx 02:00:00:00:00:66 /sys/class/net/*/address" "the kernel gives it back as the container left it"
guest "systemctl start davitd"
eventually 20 "test -e /sys/class/net/$name" "davitd has given it its name again"
eventually 10 "udevadm settle; ip -o -4 address show dev $name | grep 192.0.2.7/24" "it has its address again"
expect "and its MTU" "$before" "$(of_host "$name")"
expect "and its hardware address" "$address" "$(guest "cat /sys/class/net/$name/address")"

# ---- with all that the host's network had about it

of_network() {
        guest "ip -o link show dev '$1' | grep -o 'master [^ ]*'; bridge -d link show dev '$1' | grep -o 'cost.*'
               bridge vlan show dev '$1'; ip -o route show table all proto boot dev '$1'
               ip -6 -o route show table all proto boot dev '$1'; ip neighbour show dev '$1' nud permanent
               tc qdisc show dev '$1' | grep -v ' 0: '; tc class show dev '$1'
               grep . /proc/sys/net/ipv[46]/conf/'$1'/{rp_filter,accept_ra,forwarding} /proc/sys/net/ipv4/neigh/'$1'/retrans_time
               cat /sys/class/net/'$1'/address" | sed 's/linkdown//; s/direct_packets_stat [0-9]*//; s/  */ /g; s/ $//' | grep -v '^class fq_codel'
}

guest "sysctl -q -w net.ipv4.conf.$name.rp_filter=2 net.ipv6.conf.$name.accept_ra=0 net.ipv4.neigh.$name.retrans_time=77
       ip address add 2001:db8::7/64 dev $name nodad
       ip route add 203.0.113.0/24 via 192.0.2.1 dev $name metric 7
       ip route add 198.51.100.0/24 dev $name table 77
       ip -6 route add 2001:db8:1::/48 via 2001:db8::1 dev $name
       ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev $name
       tc qdisc add dev $name root handle 9: htb default 20
       tc class add dev $name parent 9: classid 9:1 htb rate 20mbit
       tc class add dev $name parent 9:1 classid 9:20 htb rate 1mbit
       tc qdisc add dev $name parent 9:20 handle 20: fq_codel limit 333"
before=$(of_network "$name")
launch router
eventually 10 "davitctl exec router -- test -e /sys/class/net/wan0" "it goes in again, with routes and queueing on the host"
guest "davitctl stop router"
eventually 10 "ip route | grep 203.0.113.0/24" "its route is there again"
expect "and so are the others, its neighbour, queueing and settings" "$before" "$(of_network "$name")"

guest "ip link add br0 type bridge vlan_filtering 1 && ip link set br0 up
       ip link set $name master br0 && bridge link set dev $name cost 77 isolated on
       bridge vlan del dev $name vid 1; bridge vlan add dev $name vid 7 pvid untagged
       bridge vlan add dev $name vid 100-110"
before=$(of_network "$name")
launch router
eventually 10 "davitctl exec router -- test -e /sys/class/net/wan0" "the port of a bridge goes in"
guest "davitctl stop router"
eventually 10 "test -e /sys/class/net/$name/master" "it is a port again"
eventually 10 "ip route | grep 203.0.113.0/24" "with its route"
expect "of the same bridge, in the same VLANs, with the same settings" "$before" "$(of_network "$name")"
guest "ip link del br0"

guest "tc qdisc del dev $name root; ip address flush dev $name; ip link set $name down
       ip link add bond0 type bond mode active-backup && ip link set bond0 address 02:00:00:00:00:b0
       ip link add dummy7 type dummy && ip link set dummy7 master bond0
       ip link set $name master bond0 && ip link set bond0 up"
before=$(of_network "$name")
launch router
eventually 10 "davitctl exec router -- test -e /sys/class/net/wan0" "the port of a bond goes in"
guest "davitctl stop router"
eventually 10 "test -e /sys/class/net/$name/master" "it is the bond's again"
expect "with the bond's address" "$before" "$(of_network "$name")"
guest "ip link del bond0; ip link del dummy7"
expect "and its own afterwards" "$address" "$(guest "cat /sys/class/net/$name/address")"

# ---- an interface of one VLAN, which the container's root sets up as he likes

guest "ip link set $name up; ip link add link $name name lan7 type vlan id 7 loose_binding on"
before=$(guest "ip -d -o link show dev lan7 | grep -o 'vlan protocol.*'")
launch tagged
eventually 10 "davitctl exec tagged -- test -e /sys/class/net/wan7" "the interface of a VLAN goes in"
guest "pid=\$(davitctl info tagged | awk '\$1 ~ /^Pid/ { print \$2 }')
       nsenter -t \$pid -n ip link set wan7 type vlan reorder_hdr off loose_binding off gvrp on
       nsenter -t \$pid -n ip -d link show wan7 | grep GVRP"
guest "davitctl stop tagged"
eventually 10 "test -e /sys/class/net/lan7" "it is the host's again"
expect "with the host's settings" "$before" "$(guest "ip -d -o link show dev lan7 | grep -o 'vlan protocol.*'")"
guest "ip link del lan7"

# ---- unplugged while it is inside

launch router
eventually 10 "davitctl exec router -- test -e /sys/class/net/wan0" "it goes into the next container"
unplug card
eventually 10 "davitctl exec router -- test ! -e /sys/class/net/wan0" "pulled out, it is gone from there"
eventually 10 no_grants "nothing is granted any more"

# ---- and plugged in again

plug e1000e id=card bus=rp1 netdev=wire
eventually 20 "davitctl exec router -- test -e /sys/class/net/wan0" "plugged in again, it is given again"
eventually 10 "davitctl exec router -- ping -c 1 -W 1 10.0.2.2" "and is answered on its wire"
guest "davitctl stop router"
