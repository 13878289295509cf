#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Containers as davitctl launches them: roots, ids, labels, signals and exit statuses, and what is left of them.

. "$(dirname "$0")/lib.sh"

start <<'END'
version: 1
rules: []
END

must_launch warm
ctl stop warm
before=$(snapshot)

check "a small root without a command has an init" ctl launch c1
expect "which is process 1" "1 init" "$(inside c1 sh -c 'echo $(ps -o pid,comm | grep init)' | sed 's/ *$//' | head -n 1)"
expect "and can be stopped" "0" "$(ctl --json stop c1 >/dev/null; echo $?)"

# A root that somebody prepared.
mkdir -m 0700 "$scratch/prepared"
root=$scratch/prepared/rootfs
mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp} && cp "$(command -v busybox)" "$root/bin/busybox" &&
        for applet in sh sleep cat ls id; do ln -s busybox "$root/bin/$applet"; done
if [ -x "$root/bin/busybox" ]; then
        echo prepared >"$root/etc/mark"
        if ctl launch r1 --rootfs "$root" -- "${quick_init[@]}" >"$scratch/output" 2>&1; then
                pass "a root that was prepared is taken"
                expect "it is the container's root" "prepared" "$(inside r1 cat /etc/mark)"
                expect "whose files are its own" "0 0" "$(inside r1 busybox stat -c '%u %g' /etc/mark)"
                check "it is stopped" ctl stop r1
                expect "the folder is as it was" "0 prepared" "$(stat -c %u "$root/etc/mark") $(cat "$root/etc/mark")"
        else
                case $(cat "$scratch/output") in
                *idmap* | *owned*) skip_case "a root of the host's root needs idmapped mounts: $(cat "$scratch/output")" ;;
                *) fail "a root that was prepared is taken: $(cat "$scratch/output")" ;;
                esac
        fi
        chmod 755 "$scratch/prepared"
        output=$(ctl launch r2 --rootfs "$root" 2>&1)
        expect "a root that is open to all of the host is refused" 1 $?
fi
output=$(ctl launch r3 --rootfs "$scratch/nothing" 2>&1)
expect_like "a root that is not there is refused, with the reason" "1 *$scratch/nothing*" "$? $output"
output=$(ctl launch r4 -- /bin/nothing 2>&1)
expect_like "a command that is not there too" "1 *nothing*" "$? $output"
expect "none of these is left" "" "$(list containers)"

for status in 0 1 42 127 255; do
        ctl launch f1 --foreground -- /bin/sh -c "exit $status" >/dev/null 2>&1
        expect "exit status $status comes out" $status $?
done
expect "output comes out, and the label goes in" "out" "$(ctl launch f2 --foreground --label a=b -- /bin/echo out 2>/dev/null)"
expect "input goes in" "in" "$(echo in | ctl launch f3 --foreground -- /bin/cat 2>/dev/null)"
for signal in TERM HUP USR1; do
        rm -f "$scratch/f4"
        "$build/davitctl" --bus "$bus" launch f4 --foreground -- \
                /bin/sh -c "trap 'exit 7' $signal; echo ready; while :; do sleep 2147483647 & wait \$!; done" \
                >"$scratch/f4" 2>&1 </dev/null {lock}>&- &
        pid=$!
        wait_for 10 grep -q ready "$scratch/f4"
        kill -$signal $pid
        wait_for 10 not kill -0 $pid || kill -KILL $pid
        wait $pid
        expect "SIG$signal goes in, and the answer comes out" 7 $?
done
"$build/davitctl" --bus "$bus" launch f5 --foreground -- "${quick_init[@]}" >/dev/null 2>&1 </dev/null {lock}>&- &
pid=$!
wait_for 10 knows containers f5
kill -KILL "$(record f5 INIT_PID)"
wait_for 10 not kill -0 $pid || kill -KILL $pid
wait $pid
expect "a container that is killed ends with 128 and the signal" 137 $?

must_launch c1 c2
for status in 0 3 126 127; do
        inside c1 sh -c "exit $status"
        expect "exec: exit status $status comes out" $status $?
done
inside c1 /bin/nothing 2>/dev/null
expect "exec: 127 where there is no such command" 127 $?
inside c1 sh -c 'kill -9 $$'
expect "exec: 128 and the signal" 137 $?
expect "exec: root inside" "0 0" "$(inside c1 sh -c 'echo $(id -u) $(id -g)')"

base() {
        awk '{ print $2 }' "/proc/$(record "$1" INIT_PID)/$2"
}
for map in uid_map gid_map; do
        expect "two containers have ranges of their own ($map)" yes \
                "$([ "$(base c1 $map)" -ge 65536 ] && [ $(($(base c1 $map) / 65536)) != $(($(base c2 $map) / 65536)) ] && echo yes)"
done
expect "each sees its own processes alone" "" "$(inside c1 ps | grep -v "PID\|ps$\|sh\|sleep")"
expect "and no interface but its own" "lo" "$(inside c1 ls /sys/class/net)"
check "which is up" inside c1 ping -c 1 -W 1 127.0.0.1
expect "it is called by its name" c1 "$(inside c1 hostname)"
output=$(ctl launch c1 2>&1)
expect_like "a name that is taken is refused" "1 *c1*" "$? $output"
for name in "" ../x "a b" .x "$(printf 'x%.0s' {1..64})"; do
        ctl launch -- "$name" >/dev/null 2>&1
        expect_like "a name that is none is refused: '$name'" "[12]" $?
done
check "labels are known" eval 'launch c3 --label role=ci --label rack=7 && ctl info c3 | grep -q role=ci && ctl info c3 | grep -q rack=7'
check "a container ends by itself" ctl launch c4 -- /bin/true
expect_soon "and is gone" knows_not containers c4
check "and its name is free at once" ctl launch c4 -- /bin/sh -c 'exit 5'

for name in c1 c2 c3; do
        check "$name is stopped" ctl stop $name
done
for name in c1 c2 c3 c4; do
        expect_soon "$name is gone" knows_not containers $name
done
rm -rf "$scratch/prepared"
expect_as_before "and nothing of any of them" "$before"
