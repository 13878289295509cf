#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The host yields: while a device is given, udev's rules of ours tell the services of the host to leave it alone, and
# take that back when it is the host's again. With a udevd of our own, which has Debian's rules and ours.

. "$(dirname "$0")/lib.sh"

for udevd in /lib/systemd/systemd-udevd /usr/lib/systemd/systemd-udevd /sbin/udevd; do
        [ -x "$udevd" ] && break
done
[ -x "$udevd" ] || skip "there is no udevd"
command -v udevadm >/dev/null || skip "there is no udevadm"
[ -r "$build/rules/72-davit.rules" ] || { fail "there are rules in $build/rules"; exit 1; }

mkdir -p "$scratch/rules" /run/udev/rules.d
mount --bind "$scratch/rules" /etc/udev/rules.d 2>/dev/null
sed "s,/run/davit/,$runtime/,g" "$build/rules/72-davit.rules" >/run/udev/rules.d/72-davit.rules
# As if what others ship were there: what the user at the screen may open; what NetworkManager has a word on already.
cat >/run/udev/rules.d/69-test.rules <<'END'
SUBSYSTEM=="macvtap", TAG+="uaccess"
SUBSYSTEM=="net", KERNEL=="dvtm0", ENV{NM_UNMANAGED}="0"
SUBSYSTEM=="block", ATTR{loop/backing_file}=="*/davit-system.*/image", ENV{ID_TEST}="ours"
END
udevd_start() {
        "$udevd" {lock}>&- >"$scratch/udevd.log" 2>&1 &
        udevd_pid=$!
        jobs_to_end+=("$udevd_pid")
        wait_for 10 test -S /run/udev/control
}
udevd_start || skip "udevd does not start here: $(tail -n 1 "$scratch/udevd.log")"
parent_up
plug_tap probe0
wait_for 10 eval 'grep -qs uaccess /run/udev/data/c*' || skip "udevd does not see devices here"
unplug probe0

# property PATH KEY: what udev knows, "" nothing.
property() {
        local value

        value=$(udevadm info --query=property --path="$1" 2>/dev/null | sed -n "s/^$2=//p")
        # Tags come in any order.
        [ "$2" = CURRENT_TAGS ] && value=$(tr ':' '\n' <<<"$value" | sort | xargs)
        echo "$value"
}
has_property() {
        [ "$(property "$1" "$2")" = "$3" ]
}
lacks_property() {
        udevadm info --query=property --path="$1" >/dev/null && [ -z "$(property "$1" "$2")" ]
}
tap_path() {
        echo "/sys/class/net/$1/macvtap/tap$(cat "/sys/class/net/$1/ifindex")"
}
# How many events udevd has passed on so far.
passed_on() {
        grep -c "^UDEV .*$1" "$scratch/monitor"
}
udevadm monitor --udev --property >"$scratch/monitor" 2>&1 {lock}>&- &
jobs_to_end+=($!)
wait_for 5 grep -q 'the event which udev sends' "$scratch/monitor"

start <<'END'
version: 1
rules:
  - name: a tap alone
    match: { class: tap, port: "own*" }
    give: { to: c1 }
  - name: a tap for several
    match: { class: tap, port: "all*" }
    give: { to: c1, share: shared }
  - name: an interface
    match: { class: net, port: dvtm0 }
    give: { to: c1, net: { name: wan0 } }
  - name: a disk that UDisks may have
    match: { class: block, property: { ID_TEST: ours, UDISKS_IGNORE: "!1" } }
    give: { to: c2 }
END

# ---- it is given, and taken back

plug_tap own0
path=$(tap_path own0)
wait_for 10 knows devices net-own0
expect_soon "a device that nobody has is the host's" has_property "$path" CURRENT_TAGS "seat uaccess"
must_launch c1
expect_soon "one that is given is noted for the host" has_property "$path" DAVIT_YIELD \
        ":exclusive:usb:tty:hidraw:sound:video:input:card:render:block:tap:other:"
expect "with its file" "DAVIT_YIELD=$(property "$path" DAVIT_YIELD)" "$(cat "$runtime/yield/net-own0")"
expect "which all may read" 644 "$(stat -c %a "$runtime/yield/net-own0")"
expect "it is no more of the user at the screen" "" "$(property "$path" CURRENT_TAGS)"
expect "the host's node is as it was" "0 0 600" "$(stat -c '%u %g %a' "/dev/${path##*/}")"
expect "its interface, which was not given, is the host's" "" "$(property /sys/class/net/own0 NM_UNMANAGED)"
check "it is inside" is_inside c1 "$(tap_node own0)"
check "it is taken away" ctl detach net-own0
expect_soon "then it is the host's again" has_property "$path" CURRENT_TAGS "seat uaccess"
expect "without a note" "" "$(property "$path" DAVIT_YIELD)$(cat "$runtime/yield/net-own0" 2>/dev/null)"
check "and it is given again" ctl attach net-own0 c1
expect_soon "and yielded again" has_property "$path" CURRENT_TAGS ""

# ---- its own events do not go round

settle_events() {
        udevadm settle --timeout=5
        ctl list grants >/dev/null
}
settle_events
before=$(passed_on "change.*${path##*/}")
ctl detach net-own0
wait_for 10 has_property "$path" CURRENT_TAGS "seat uaccess"
ctl attach net-own0 c1
wait_for 10 has_property "$path" CURRENT_TAGS ""
settle_events
expect "taken and given once more is two events" 2 "$(($(passed_on "change.*${path##*/}") - before))"

# ---- a disk, by a policy that matches what the rules change

if command -v losetup >/dev/null; then
        truncate -s 1M "$disk/image"
        loop=$(losetup --find --show "$disk/image" 2>/dev/null)
fi
if [ -n "${loop:-}" ]; then
        path=/sys/class/block/${loop##*/}
        id=virtual-block-${loop##*/}
        wait_for 10 knows devices "$id"
        must_launch c2
        expect_soon "UDisks leaves a disk alone that is given" has_property "$path" UDISKS_IGNORE 1
        settle_events
        check "it stays given, though the policy matches the property" has_grant "$id" c2
        before=$(passed_on "change.*/${loop##*/} ")
        davitd_stop
        davitd_start
        check "also by the next davitd" has_grant "$id" c2
        settle_events
        expect "who has nothing to put right" "$before" "$(passed_on "change.*/${loop##*/} ")"
        check "it is taken away" ctl detach "$id" c2
        expect_soon "then UDisks has it" lacks_property "$path" UDISKS_IGNORE
        losetup --detach "$loop"
else
        skip_case "there is no loop device"
fi

# ---- it comes again: the file is there before it

echo "DAVIT_YIELD=:exclusive:tap:" >"$runtime/yield/net-own1"
plug_tap own1
path=$(tap_path own1)
expect_soon "a device whose file is there is yielded from its first event on" grep -q "^DAVIT_YIELD=:exclusive:tap:$" "$scratch/monitor"
expect_soon "the policy sees it as it is" has_grant net-own1 c1
expect_soon "and the file says what is given" grep -q ':exclusive:usb:' "$runtime/yield/net-own1"
unplug own1
expect_soon "and goes with it" not test -e "$runtime/yield/net-own1"

# ---- what several may have

plug_tap all0
path=$(tap_path all0)
expect_soon "what several may have is yielded too" grep -q '^DAVIT_YIELD=:usb:' "$runtime/yield/net-all0"
settle_events
expect "but the user at the screen may have it as well" "seat uaccess" "$(property "$path" CURRENT_TAGS)"
unplug all0

# ---- an interface, which leaves the host meanwhile

plug_veth dvtm0
expect_soon "an interface goes in" has_interface c1 wan0
expect_soon "and is noted" test -e "$runtime/yield/net-dvtm0"
ctl detach net-dvtm0
expect_soon "the host manages it again, as its own rules say" has_property /sys/class/net/dvtm0 NM_UNMANAGED 0
expect "with no word of ours" "" "$(property /sys/class/net/dvtm0 DAVIT_YIELD)$(property /sys/class/net/dvtm0 ID_NET_MANAGED_BY)"
unplug dvtm0p

# ---- what is left of a former davitd, and of a former udevd

ctl attach net-own0 c1
path=$(tap_path own0)
wait_for 10 has_property "$path" CURRENT_TAGS ""
davitd_stop
echo "DAVIT_YIELD=:block:" >"$runtime/yield/net-gone"
echo nonsense >"$runtime/yield/net-own0"
davitd_start
expect_soon "a file of what is not given goes at the start" not test -e "$runtime/yield/net-gone"
expect_soon "one that says something else is put right" grep -q '^DAVIT_YIELD=:exclusive:usb:' "$runtime/yield/net-own0"
kill -TERM "$udevd_pid"
wait "$udevd_pid"
rm -f /run/udev/control
ctl detach net-own0
check "without udevd the file goes all the same" wait_for 10 not test -e "$runtime/yield/net-own0"
udevd_start
expect_soon "and the udevd that comes is told" has_property "$path" CURRENT_TAGS "seat uaccess"
unplug own0
expect_soon "all goes" grants_are ""
expect "no file is left" "" "$(ls "$runtime/yield")"
kill -TERM "$udevd_pid"
wait "$udevd_pid"
