#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 480
#
# Two radios. One goes into a container with its interface, under the name that the rule asks for, and comes back as the
# host knew it however the grant ends, and whatever root inside has made of it.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

# write_policy CONTAINER
write_policy() {
        policy <<END
version: 1
rules:
  - name: radio
    match: { class: net, port: mac80211_hwsim-hwsim1 }
    give: { to: $1, net: { name: wifi0, mtu: 1400 } }
END
}

# Commands that show all that the host has set on the interface "uplink" and on its radio "attic", its number there, what
# else is on it, and what is written down of it.
seen='
        ip -o link show dev uplink | sed "s/^[0-9]*: //; s/NO-CARRIER,//; s/qdisc.* qlen/qlen/"
        ip -o -4 address show dev uplink | awk "{ print \$4 }"
        iw dev uplink info | grep -e Interface -e wdev -e addr -e type -e "wiphy 1"
        iw phy attic info | grep -e Wiphy -e threshold -e Retry
        ls /sys/class/ieee80211/attic/device/net /run/davit/state'

look() {
        before=$(guest "{ $seen; } 2>&1")
}

# comes_back WHAT
comes_back() {
        eventually 20 "[ \"\$({ $seen; } 2>&1)\" = \"$before\" ]" "$1"
}

# comes_back_new WHAT: it was made anew.
comes_back_new() {
        eventually 20 "[ \"\$({ $seen; } 2>&1 | grep -v wdev)\" = \"$(grep -v wdev <<<"$before")\" ]" "$1"
        look
}

# goes_in [WHAT]: into box, which runs.
goes_in() {
        eventually 20 "grants | grep '^virtual-mac80211_hwsim-hwsim1 box active$' &&
                davitctl exec box -- cat /sys/class/net/wifi0/address | grep -x 02:00:00:00:77:01" "${1:-it is inside again}"
}

kill_box() {
        guest "kill -KILL \$(davitctl info box | awk '\$1 == \"Pid:\" { print \$2 }')"
}

# rogue COMMAND...: as the container's root, with the guest's programs.
rogue() {
        guest "nsenter -t \$(davitctl info box | awk '\$1 == \"Pid:\" { print \$2 }') -U -n -S 0 -G 0 $*"
}

ours_inside() {
        expect "inside are the interface and its radio" "attic wifi0" \
                "$(inside box ls /sys/class/ieee80211 /sys/class/net | grep -e attic -e wifi0 -e wlan | xargs)"
        expect "as the rule wants it, up" "1400 0x1003" \
                "$(inside box cat /sys/class/net/wifi0/mtu /sys/class/net/wifi0/flags | xargs)"
        expect "the host has the other radio alone" "phy0 wlan0" \
                "$(guest "ls /sys/class/ieee80211 /sys/class/net | grep -e phy -e attic -e wlan -e uplink" | xargs)"
}

write_policy box
guest "modprobe mac80211_hwsim radios=2; udevadm settle
        ip link set wlan1 name uplink address 02:00:00:00:77:01 mtu 1450 alias 'to the tower'
        ip address add 192.0.2.7/24 dev uplink; ip link set uplink up
        iw phy phy1 set name attic; iw phy attic set rts 2000; iw phy attic set retry long 9; udevadm settle"
expect "each radio is one device" "virtual-mac80211_hwsim-hwsim0 virtual-mac80211_hwsim-hwsim1" \
        "$(guest "davitctl list devices | awk '/mac80211/ { print \$1 }'" | xargs)"
expect "which are told apart by what the hardware says" "hwsim0 02:00:00:00:00:00 hwsim1 02:00:00:00:01:00" \
        "$(guest "for i in wlan0 uplink; do ethtool -i \$i | sed -n 's/bus-info: //p'; ethtool -P \$i | sed 's/.*: //'; done" | xargs)"
look

launch box
goes_in "it is inside"
ours_inside

# ---- taken away by the policy, and given again

write_policy nobody
comes_back "taken away by the policy, it is as it was"
write_policy box
goes_in

# ---- the container stops, and is killed

guest "davitctl stop box"
comes_back "out of a container that stopped, it is as it was"
launch box
goes_in
kill_box
comes_back "out of one that was killed, it is as it was"

# ---- davitd comes and goes

launch box
goes_in
guest "systemctl restart davitd"
goes_in "davitd is started again: it still is given"
write_policy nobody
comes_back "taken away by a davitd that did not give it, it is as it was"
write_policy box
goes_in
guest "pid=\$(davitctl info box | awk '\$1 == \"Pid:\" { print \$2 }')
        systemctl stop davitd; kill -KILL \$pid; until [ -e /sys/class/ieee80211/attic ]; do sleep 0.05; done
        systemctl start davitd"
comes_back "out of one that ended while there was no davitd, it is as it was"

# ---- root inside does what he can

# maltreat [COMMAND...]
maltreat() {
        rogue "sh -ec '
                iw phy#1 interface add uplink type station
                iw phy#1 interface add mon0 type monitor
                ip link set wifi0 down
                iw dev wifi0 set type ibss
                ip link set wifi0 address 02:66:66:66:66:66 mtu 600 name wlan0
                ip link property add dev wlan0 altname enp0s66
                ip link set uplink up
                iw phy#1 set name evil; iw phy#1 set rts 500; iw phy#1 set retry long 3
                $*'"
}

launch box
goes_in
maltreat
write_policy nobody
comes_back "whatever root inside made of it, it is as it was"
write_policy box
goes_in
maltreat
guest "davitctl stop box"
comes_back "also where its container stopped then"

launch box
goes_in
maltreat "iw dev wlan0 del"
expect "deleted inside, it is given nevertheless" "virtual-mac80211_hwsim-hwsim1 box active" "$(guest grants)"
write_policy nobody
comes_back_new "and is made anew, as it was"
write_policy box
goes_in
maltreat "iw dev wlan0 del; iw dev mon0 del; iw dev uplink del"
kill_box
comes_back_new "also where nothing was on its radio when its container died"

# ---- what cannot be given

guest "iw phy attic interface add second type station"
launch box
eventually 20 "davitctl list grants | grep 'hwsim1 .* failed .*busy'" "with another one on its radio it is not given"
expect "both stay" "second uplink" "$(guest "ls /sys/class/ieee80211/attic/device/net" | xargs)"
guest "iw dev second del"
goes_in "with the other one gone it is"

# ---- a radio that is switched off

guest "davitctl stop box"
comes_back "it is back"
guest "for f in /sys/class/ieee80211/attic/rfkill*/soft; do echo 1 >\$f; done"
launch box
goes_in "a radio that is switched off is given"
guest "davitctl stop box"
eventually 20 "test -e /sys/class/net/uplink && ! ls /run/davit/state/* 2>/dev/null" "and comes back"
expect "davitd has complained of nothing else" "" \
        "$(guest "journalctl -b --no-pager -t davitd -p warning -o cat" | grep -v 'busy$' || true)"

# ---- hidden, and pulled out

guest "for f in /sys/class/ieee80211/attic/rfkill*/soft; do echo 0 >\$f; done; ip link set uplink up"
look
launch box
goes_in
guest "davitctl exec box -- unshare -n sleep 12345 >/dev/null 2>&1 &
        until pgrep -x -f 'sleep 12345' >/dev/null; do sleep 0.05; done"
rogue iw phy#1 set netns "\$(pgrep -x -f 'sleep 12345')"
eventually 20 "davitctl exec box -- test ! -e /sys/class/net/wifi0" "root inside hides it in a namespace of his own"
guest "davitctl stop box"
comes_back "which ends with the container: it is as it was"

launch box
goes_in
guest "modprobe -r mac80211_hwsim"
eventually 20 "davitctl exec box -- test ! -e /sys/class/net/wifi0" "pulled out, it is gone from the container"
eventually 20 no_grants "nothing is granted any more"
guest "davitctl stop box"
eventually 20 "! ls /run/davit/state/* 2>/dev/null" "and nothing written down"
