#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# davitd is killed at any moment amid plugging and unplugging. Containers do not notice, and the next davitd makes
# exactly what should be: nothing lost, nothing stale, nothing touched that was right.

. "$(dirname "$0")/lib.sh"

rounds=${ROUNDS:-20}
RANDOM=${SEED:=$RANDOM}
echo "SEED=$SEED ROUNDS=$rounds repeats this"

parent_up
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1 }
  - name: an uplink
    match: { class: net, port: dvtn0 }
    give: { to: c1, net: { name: wan0, mtu: 1400 } }
  - name: another's
    match: { class: net, port: dvtm0 }
    give: { to: c2, net: { name: lan0 } }
END
must_launch c1 c2
init=$(record c1 INIT_PID)
plug_veth dvtn0
wait_for 10 has_interface c1 wan0
index=$(inside c1 cat /sys/class/net/wan0/ifindex)
# What the host does not know of goes when the interface is taken out, even for a moment.
inside c1 ip addr add 10.79.0.2/24 dev wan0

# Some plugs and unplugs, of taps and of an interface.
shuffle() {
        local i name
        for ((i = 0; i < 6; i++)); do
                name=dvt$((RANDOM % 5))
                if [ -e "/sys/class/net/$name" ]; then unplug "$name"; else plug_tap "$name"; fi
                if [ $((RANDOM % 3)) = 0 ]; then
                        if ip link show dev dvtm0p >/dev/null 2>&1; then unplug dvtm0p; else plug_veth dvtm0; fi
                fi
        done
}

# The nodes that should be in the container, and those that are, as davitd could not have done otherwise.
wanted() {
        local name
        for name in /sys/class/net/dvt[0-9]; do
                [ -e "$name" ] && basename "$(echo "$name"/macvtap/tap*)"
        done | sort
}

present() {
        inside c1 sh -c 'for n in $(ls /dev); do case $n in tap*) probe node /dev/$n;; esac; done' |
                sed -n 's,^/dev/\([^ ]*\) .* uid=0 gid=0 mode=0660 open=ok$,\1,p' | sort
        inside c1 sh -c 'ls /dev' | grep '^tap' | sort >"$scratch/names"
}

settled() {
        [ "$(present)" = "$(wanted)" ] && [ "$(cat "$scratch/names")" = "$(wanted)" ] &&
                [ "$(ls "$runtime/dev/c1/held" | sort)" = "$(wanted)" ] || return
        if ip link show dev dvtm0p >/dev/null 2>&1; then
                has_interface c2 lan0 && has_grant net-dvtm0 c2
        else
                lacks_interface c2 lan0 && [ "$(grants | grep -c "net-dvtm0 c2\|status")" = 0 ]
        fi || return
        [ "$(grants | grep -c 'net-dvt[0-9] c1 active')" = "$(wanted | wc -l)" ] && [ "$(grants | grep -vc " active$")" = 0 ]
}

kept() {
        [ "$(inside c1 cat /sys/class/net/wan0/ifindex)" = "$index" ] &&
                inside c1 ip addr show dev wan0 | grep -q ' 10.79.0.2/24 '
}

wrong=0 lost=0 restarts=0
for ((round = 0; round < rounds; round++)); do
        shuffle &
        shuffler=$!
        # Not a wait for anything: the moment of the crash.
        sleep "0.0$(printf %02d $((RANDOM % 60)))"
        davitd_kill
        kept || lost=$((lost + 1))
        # Half of the time some more happens while nobody looks.
        [ $((RANDOM % 2)) = 0 ] && wait "$shuffler"
        if davitd_start; then restarts=$((restarts + 1)); fi
        wait "$shuffler"
        wait_for 5 settled || {
                wrong=$((wrong + 1))
                echo "round $round: wanted $(wanted | tr '\n' ' '), present $(present | tr '\n' ' '), granted:"
                grants
        }
        kept || lost=$((lost + 1))
done
expect "after each of $rounds crashes davitd starts again" "$rounds" "$restarts"
expect "and what should be in the containers is, exactly" "0 times wrong" "$wrong times wrong"
expect "the interface inside was never taken out" "0 times lost" "$lost times lost"
expect "the containers have lived through it" "$init" "$(record c1 INIT_PID)"
check "and work" inside c1 true

for name in dvt0 dvt1 dvt2 dvt3 dvt4 dvtm0p dvtn0p; do
        ip link del "$name" 2>/dev/null
done
expect_soon "when all is unplugged nothing is granted" grants_are ""
expect "and no state is kept" "" "$(kept_in state)"
expect "no node either" "" "$(kept_in dev/c1/held dev/c2/held)"
