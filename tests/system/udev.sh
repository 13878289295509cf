#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# With udevd on the host davitd hears of devices from it, after its rules: and it may come and go meanwhile.

. "$(dirname "$0")/lib.sh"

for udevd in /lib/systemd/systemd-udevd /usr/lib/systemd/systemd-udevd /sbin/udevd; do
        [ -x "$udevd" ] && break
done
[ -x "$udevd" ] || skip "there is no udevd"

# Ours alone: its rules, its folder and its network namespace, and it takes no event of another.
mkdir -p "$scratch/rules"
mount --bind "$scratch/rules" /etc/udev/rules.d 2>/dev/null
udevd_start() {
        cat >/run/udev/udev.conf 2>/dev/null <<'END'
END
        mkdir -p /run/udev/rules.d
        cat >/run/udev/rules.d/99-test.rules <<'END'
SUBSYSTEM=="macvtap", KERNEL=="tap*", MODE="0640", ENV{ID_TEST}="seen by udev", ENV{ID_MODEL}="Tap of udev"
END
        "$udevd" {lock}>&- >"$scratch/udevd.log" 2>&1 &
        udevd_pid=$!
        jobs_to_end+=("$udevd_pid")
        wait_for 10 test -S /run/udev/control
}

udevd_stop() {
        kill -TERM "$udevd_pid"
        wait "$udevd_pid"
        rm -f /run/udev/control
}

parent_up
udevd_start || skip "udevd does not start here: $(tail -n 1 "$scratch/udevd.log")"
plug_tap probe0
wait_for 10 eval 'grep -q ID_TEST /run/udev/data/c*' || skip "udevd does not see devices here"
unplug probe0

start <<'END'
version: 1
rules:
  - name: as udev names it
    match: { class: tap, property: { ID_TEST: "seen by udev" } }
    give: { to: c1 }
  - name: without udev
    match: { class: tap, port: "dvt*" }
    give: { to: c2 }
  - name: an uplink
    match: { class: net, port: dvtn0 }
    give: { to: c1, net: { name: wan0 } }
END
must_launch c1 c2
background c1 "$scratch/heard" probe listen

plug_tap dvt0
node=$(tap_node dvt0)
expect_soon "the device comes by a property that only udev knows" is_inside c1 "$node"
expect "as davit makes it, whatever udev's rules say of the host's" \
        "$node uid=0 gid=0 mode=0660" "$(inside c1 probe node "$node" | sed 's/ type=[a-z]* rdev=[0-9:]*//; s/ open.*//')"
expect "the host's has the mode of its rules" 640 "$(stat -c %a "$node")"
expect_soon "what udev knows is told inside" grep -q ' group=2 .*ID_TEST=seen by udev' "$scratch/heard"
expect "but not by the kernel" "" "$(grep ' group=1 .*ID_TEST' "$scratch/heard")"
plug_veth dvtn0
expect_soon "an interface goes in too" has_interface c1 wan0
unplug dvtn0p
expect_soon "and is gone" lacks_interface c1 wan0
unplug dvt0
expect_soon "the node goes when the device is unplugged" is_gone c1 "$node"

lost=0
for ((round = 0; round < 10; round++)); do
        plug_tap dvt1
        node=$(tap_node dvt1)
        wait_for 5 is_inside c1 "$node" || lost=$((lost + 1))
        unplug dvt1
        wait_for 5 is_gone c1 "$node" || lost=$((lost + 1))
done
expect "10 times in and out" "0 lost" "$lost lost"

plug_tap dvt2
node=$(tap_node dvt2)
wait_for 10 is_inside c1 "$node"
check "udevd ends" udevd_stop
check "what is there stays" is_inside c1 "$node"
plug_tap dvt3
expect_soon "what comes now is heard of from the kernel" is_inside c2 "$(tap_node dvt3)"
check "udevd comes back" udevd_start
plug_tap dvt4
expect_soon "what comes then is heard of from udev" is_inside c1 "$(tap_node dvt4)"
unplug dvt2
unplug dvt3
unplug dvt4
expect_soon "all goes" grants_are ""
udevd_stop
