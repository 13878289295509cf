#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 180
#
# A network card with virtual functions, each for one container: what the card sets for them its drivers enforce, and
# what comes back is as it was. It takes a QEMU that has such a card, igb: 8.0 or later.

# Of a device that it has not it says so, and that all is well.
qemu-system-x86_64 -device igb,help 2>/dev/null | grep -q '^igb options' || {
        echo "SKIP: this QEMU has no network card with virtual functions"
        exit 77
}

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

guest_words+='
# All that is set of function N, by the card and by itself.
of_function() {
        ip link show "$card" | grep " vf $1 " | sed "s/, spoof.*//"
        cat /sys/class/net/"${card}v$1"/{address,mtu,ifalias,flags}
}

on_host() {
        ls -d /sys/class/net/"$card"v? | sed "s/.*v//" | xargs
}

granted_is() {
        [ "$(grants)" = "$1" ] || { grants; return 1; }
}
'

# expect_like WHAT PATTERN SEEN
expect_like() {
        # shellcheck disable=SC2053
        [[ $3 == $2 ]] || fail "$1: expected '$2', seen '$3'"
        pass "$1"
}

# Without the address that the card says: where it has set none, that is the function's own.
but_address() {
        sed 's/ link\/ether [0-9a-f:]* / /'
}

policy <<'END'
version: 1
rules:
  - name: one on a network of its own
    match: { class: net, driver: igb }
    give:
      to: a
      share: shared
      net: { mode: sriov, name: eth0, mac: 02:00:5e:10:00:01, vlan: 7, mtu: 1400, address: 192.0.2.1/24 }
  - name: others
    match: { class: net, driver: igb }
    give: { to: "*", share: shared, net: { mode: sriov, name: eth0 } }
END

qemu netdev_add type=user id=wire
plug igb id=card bus=rp1 netdev=wire
eventually 20 "udevadm settle; ls -d /sys/class/net/en*" "the card is there"
card=$(guest "basename /sys/class/net/en*")
guest_words="card=$card;$guest_words"
launch a
eventually 10 'davitctl list grants | grep "failed.*No free virtual function"' "it has no functions yet"
guest "davitctl stop a; ip link set $card up; echo 3 >/sys/class/net/$card/device/sriov_numvfs"
eventually 20 'udevadm settle; [ "$(on_host)" = "0 1 2" ]' "it has three"
guest "ip link set ${card}v0 alias first mtu 1450; ip link set $card vf 0 vlan 5 qos 3"
for number in 0 1; do before[number]=$(guest "of_function $number"); done

launch a
place=$(guest "basename \$(readlink /sys/class/net/$card/device)")
guest_words="place=$place;$guest_words"
eventually 20 "granted_is 'pci-$place a active'" "a container has one"
launch b
eventually 20 "[ \"\$(on_host)\" = 2 ]" "and another one another"
expect_like "the card has set address and tag" "*vf 0 *02:00:5e:10:00:01*, vlan 7" "$(guest "ip link show $card" |
        grep 'vf 0 ' | sed 's/, spoof.*//')"
expect "the function has the address, the rule's MTU, and is up" "02:00:5e:10:00:01 1400 0x1003" \
        "$(inside a sh -c 'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu /sys/class/net/eth0/flags' |
                paste -s -d ' ')"
expect_like "and the IP address" "*192.0.2.1/24*" "$(inside a ip addr show dev eth0 | paste -s -d ' ')"
guest "davitctl exec a -- ip link set eth0 down; ! davitctl exec a -- ip link set eth0 address 02:00:00:66:66:66"
expect "no other address can be set inside" 02:00:5e:10:00:01 "$(inside a cat /sys/class/net/eth0/address)"

guest "davitctl exec a -- ip link set eth0 name mine; davitctl exec a -- ip link set mine mtu 1280"
guest "davitctl stop a"
eventually 20 '[ "$(on_host)" = "0 2" ]' "taken back, it is on the host"
expect "as it was, its tag too" "$(but_address <<<"${before[0]}")" "$(guest "of_function 0" | but_address)"

# ---- none is left, and then one is

launch c
launch d
eventually 20 'granted_is "$(printf "pci-%s %s active\n" "$place" b "$place" c "$place" d)"' "all three are given"
launch e
eventually 20 'davitctl list grants | grep "e *failed.*No free virtual function"' "a fourth container gets none"
eventually 20 "journalctl -u davitd | grep 'Failed to add interface eth0: No free virtual function'" "the journal says why"
guest "davitctl stop c"
eventually 5 "davitctl exec e -- test -e /sys/class/net/eth0" "as soon as another gives its own back it has it"
guest "davitctl stop d; davitctl stop e"

# ---- killed, and again

launch a
eventually 20 "davitctl exec a -- test -e /sys/class/net/eth0" "it is given again"
guest "systemctl kill -s KILL davitd; kill -KILL \$(sed -n 's/^INIT_PID=//p' /run/davit/containers/a/state)"
eventually 30 '[ "$(on_host)" = "0 2" ]' "davitd and the container killed at a time: it is on the host"
eventually 20 "[ ! -e /run/davit/state/interface-a@eth0 ]" "and put right"
expect "as it was" "$(but_address <<<"${before[0]}")" "$(guest "of_function 0" | but_address)"
eventually 20 "granted_is 'pci-$place b active'" "the other has its own still"

# ---- hidden in a namespace further down

guest 'P=$(sed -n "s/^INIT_PID=//p" /run/davit/containers/b/state) as_root="nsenter -t $P -U -n -S 0 -G 0"
        $as_root unshare -n sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >/run/hider
        until N=$(readlink /proc/$!/ns/net) && ! ls -l /proc/$P/ns/net /proc/self/ns/net | grep -qF "$N"; do :; done
        $as_root ip link set eth0 netns $!'
eventually 20 'davitctl list grants | grep "b *failed.*Device or resource busy"' "who hides his function gets no other"
expect "so that the others are there" "0 2" "$(guest on_host)"
guest 'davitctl stop b; kill $(cat /run/hider)'
eventually 20 '[ "$(on_host)" = "0 1 2" ]' "with the container it comes back"
eventually 20 "[ ! -e /run/davit/state/interface-b@eth0 ]" "and is put right"
expect "as it was" "$(but_address <<<"${before[1]}")" "$(guest "of_function 1" | but_address)"

# ---- gone

launch b
eventually 20 "davitctl exec b -- test -e /sys/class/net/eth0" "the next container has one"
guest "echo 0 >/sys/class/net/$card/device/sriov_numvfs"
eventually 20 'davitctl list grants | grep "failed.*No free virtual function"' "all taken off the card, it has none"
guest "echo 2 >/sys/class/net/$card/device/sriov_numvfs; udevadm settle; davitctl detach pci-$place b; davitctl attach pci-$place b"
eventually 20 "davitctl exec b -- test -e /sys/class/net/eth0" "there again, it has one again"
unplug card
eventually 20 no_grants "the card is unplugged, and nothing is granted any more"
eventually 20 "[ -z \"\$(ls /run/davit/state)\" ]" "no state is kept"
guest "davitctl stop b"
