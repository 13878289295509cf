# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The rig of the tests that see davit from outside, as its users do: davitd, davitctl and containers as they are built,
# on a private bus, with real devices of the kernel: a macvtap for a node, a veth for an interface. To be sourced.
#
# Everything happens in mount and network namespaces of the script's own, so that neither the host's udevd nor another
# davitd takes part, and the interfaces go with it however it ends. One script runs at a time: there is one set of
# ids, device numbers and cgroups.
#
# A case prints "PASS: name" or "FAIL: name: why"; a script that cannot run here prints "SKIP: reason" and exits with
# 77. Nothing waits by the clock: wait_for asks again until it is so, or until it is too late.

set -u

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "${top_builddir:-$tests/../../build}" 2>/dev/null && pwd) || build=
LC_ALL=C
export LC_ALL

skip() {
        echo "SKIP: $*"
        echo "0 passed, 0 failed, 1 skipped"
        exit 77
}

# ---- a world of our own

enter_world() {
        local program

        [ "$(id -u)" = 0 ] || skip "it takes root"
        for program in davitd davitctl davit-container tests/system/probe; do
                [ -x "$build/$program" ] || {
                        echo "FAIL: there is no $build/$program: build it first (top_builddir names the folder)"
                        exit 1
                }
        done
        for program in dbus-daemon ip unshare flock; do
                command -v "$program" >/dev/null || skip "there is no $program"
        done
        unshare --mount --net true 2>/dev/null || skip "no namespaces can be made here"
        DAVIT_TEST_WORLD=1 top_builddir=$build exec unshare --mount --net --propagation private "$BASH" "$0" "$@"
}

# /sys of the new network namespace, with what is mounted below the old one.
mount_sys() {
        local sub

        mkdir "$scratch/sys"
        mount --rbind /sys "$scratch/sys" && mount -t sysfs -o nosuid,nodev,noexec sysfs /sys || return 1
        for sub in fs/cgroup fs/bpf kernel/security; do
                mountpoint -q "$scratch/sys/$sub" && mount --rbind "$scratch/sys/$sub" "/sys/$sub"
        done
        umount -l "$scratch/sys" && rmdir "$scratch/sys"
}

[ -n "${DAVIT_TEST_WORLD:-}" ] || enter_world "$@"

passed=0 failed=0 skipped=0 bus_pid='' davitd_pid='' cgroup_top=''
jobs_to_end=()

exec {lock}>/run/davit-system-tests.lock && flock "$lock" || exit 99
scratch=$(mktemp -d /run/davit-system.XXXXXX) && chmod 755 "$scratch" || exit 99
runtime=$scratch/run policies=$scratch/policy files=$scratch/containers specs=$scratch/cdi bus=unix:path=$scratch/bus log=$scratch/davitd.log
mkdir "$policies" "$files" "$specs"
# Not below /run, a tmpfs on most hosts, whose owners can be shifted since Linux 6.3 alone.
disk=$(mktemp -d /var/tmp/davit-system.XXXXXX) && state=$disk/state || exit 99
trap 'leave $?' EXIT
trap 'exit 143' TERM INT HUP

mount_sys || skip "/sys cannot be mounted for a network namespace"
mkdir -p /run/udev && mount -t tmpfs -o mode=0755 tmpfs /run/udev || skip "no tmpfs can be mounted"
ip link set lo up

# ---- cases

pass() {
        passed=$((passed + 1))
        echo "PASS: $*"
}

fail() {
        failed=$((failed + 1))
        printf 'FAIL: %s\n' "$*"
}

# One case that cannot be tried here.
skip_case() {
        skipped=$((skipped + 1))
        echo "SKIP: $*"
}

# expect NAME EXPECTED SEEN
expect() {
        if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: expected '$2', seen '$3'"; fi
}

# expect_like NAME PATTERN SEEN: a shell pattern.
expect_like() {
        # shellcheck disable=SC2053
        if [[ $3 == $2 ]]; then pass "$1"; else fail "$1: expected '$2', seen '$3'"; fi
}

# check NAME COMMAND...: it succeeds.
check() {
        local name=$1 status=0
        shift
        "$@" >"$scratch/output" 2>&1 || status=$?
        if [ "$status" = 0 ]; then
                pass "$name"
        else
                fail "$name: expected success of '$*', seen status $status: $(cat "$scratch/output")"
        fi
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
        local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
                sleep 0.01
        done
}

# expect_soon NAME COMMAND...: it comes to succeed.
expect_soon() {
        local name=$1
        shift
        if wait_for 10 "$@"; then pass "$name"; else fail "$name: '$*' has not come true within 10 s: $("$@" 2>&1)"; fi
}

not() {
        ! "$@"
}

# ---- the daemons

start_bus() {
        local ready
        cat >"$scratch/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>$bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
END
        mkfifo "$scratch/bus.ready"
        dbus-daemon --config-file="$scratch/bus.conf" --nofork --print-address=3 3>"$scratch/bus.ready" \
                >"$scratch/bus.log" 2>&1 {lock}>&- &
        bus_pid=$!
        read -r ready <"$scratch/bus.ready" && [ -n "$ready" ]
}

# No call of ours takes long: one that does is a failure, of this call alone.
ctl() {
        timeout 30 "$build/davitctl" --bus "$bus" "$@"
}

bus_answers() {
        ctl list containers
}

# Starts davitd and waits until it is on the bus, which is when it has converged. davitd_options: more of them.
davitd_options=()
davitd_start() {
        "$build/davitd" --foreground --bus "$bus" --runtime-dir "$runtime" --policy-dir "$policies" \
                --container-program "$build/davit-container" --container-dir "$files" --state-dir "$state" \
                --cdi-dir "$specs" "${davitd_options[@]}" >>"$log" 2>&1 </dev/null {lock}>&- &
        davitd_pid=$!
        wait_for 20 bus_answers
}

# Ends davitd in order; what its status is, is the status.
davitd_stop() {
        kill -TERM "$davitd_pid"
        wait "$davitd_pid"
}

davitd_kill() {
        kill -KILL "$davitd_pid"
        wait "$davitd_pid" 2>/dev/null
}

# start: bus and davitd with the policy on standard input.
start() {
        policy 10-test
        start_bus || skip "dbus-daemon does not start: $(cat "$scratch/bus.log")"
        davitd_start || {
                fail "davitd is ready within 20 s"
                exit 1
        }
}

# policy NAME: makes a policy file of standard input; davitd does not know of it yet.
policy() {
        cat >"$policies/$1.yaml"
}

# ---- containers

# The quickest init: ends when told so, reaps what others leave.
quick_init=(/bin/sh -c 'trap "exit 0" TERM; while :; do sleep 2147483647 & wait $!; done')

# launch NAME [OPTION...]: with the probe as /bin/probe.
launch() {
        ctl launch "$@" -- "${quick_init[@]}" || return
        bring_probe "$1" || return
        [ -n "$cgroup_top" ] || cgroup_top=$(sed -n 's,^CGROUP=\([^/]*\)/.*,\1,p' "$runtime/containers/$1/state")
}

bring_probe() {
        cp "$build/tests/system/probe" "$runtime/containers/$1/rootfs/bin/probe" 2>/dev/null ||
                cp "$build/tests/system/probe" "$scratch/rootfs/bin/probe"
}

# must_launch NAME...: or the script has no sense.
must_launch() {
        local name output
        for name; do
                output=$(launch "$name" 2>&1) || {
                        fail "container $name is launched: $output"
                        exit 1
                }
        done
}

# bring CONTAINER PROGRAM: with the libraries that it is linked to, into a small root.
bring() {
        local rootfs=$runtime/containers/$1/rootfs file

        cp "$2" "$rootfs/bin/" || return
        ldd "$2" | grep -o '/[^ ]*' | while read -r file; do
                mkdir -p "$rootfs${file%/*}" && cp -L "$file" "$rootfs$file" || return
        done
}

inside() {
        local name=$1
        shift
        "$build/davit-container" exec --runtime-dir "$runtime" "$name" -- "$@"
}

record() {
        sed -n "s/^$2=//p" "$runtime/containers/$1/state" 2>/dev/null
}

# background NAME FILE COMMAND...: inside, its output into the file, its input from the fifo FILE.in; waits for a line.
background() {
        local name=$1 file=$2
        shift 2
        rm -f "$file" "$file.in"
        mkfifo "$file.in"
        "$build/davitctl" --bus "$bus" exec "$name" -- "$@" <>"$file.in" >"$file" 2>&1 {lock}>&- &
        background_pid=$!
        jobs_to_end+=("$background_pid")
        wait_for 10 test -s "$file"
}

# ---- devices

# The other end of what the taps are on: something to be plugged into.
parent_up() {
        ip link add dvtp0 type veth peer name dvtp1 2>/dev/null && ip link set dvtp0 up && ip link set dvtp1 up ||
                skip "the kernel has no veth"
        ip link add link dvtp0 name dvtx type macvtap 2>/dev/null || skip "the kernel has no macvtap"
        ip link del dvtx
}

# The number of an interface names the node of a tap, in the /dev that all namespaces share: ours are far from those
# that the kernel deals out by itself, and from those of another run.
tap_base=$(($$ % 100000 + 100000))
next_index() {
        local index=$(($(cat "$scratch/index" 2>/dev/null || echo ${tap_base}000) + 1))
        echo $index | tee "$scratch/index"
}

plug_tap() {
        ip link add link dvtp0 name "$1" index "$(next_index)" up type macvtap mode bridge
}

unplug() {
        ip link del "$1"
}

# The node of a tap, which is named by the number of its interface.
tap_node() {
        echo "/dev/tap$(cat "/sys/class/net/$1/ifindex")"
}

plug_veth() {
        ip link add "$1" type veth peer name "$1p" && ip link set "$1p" up
}

# ---- devices that are not there: the kernel is made to speak of them. Their nodes, in folders as those of any USB
# device or GPU, have the numbers of something harmless that can be opened and that davitd does not take for a device.

lent_number() {
        local node
        for node in /dev/cpu/*/cpuid /dev/vcs*; do
                [ -c "$node" ] && stat -c 'MAJOR=%Hr MINOR=%Lr' "$node"
        done | sed -n "$1p"
}

# A phone in port 3-N, with the Nth number that can be lent.
phone() {
        local numbers
        read -ra numbers < <(lent_number "$2")
        "$build/tests/system/probe" send "$1" "/devices/platform/vhci_hcd.0/usb3/3-$2" SUBSYSTEM=usb DEVTYPE=usb_device \
                PRODUCT=18d1/4ee7/540 TYPE=0/0/0 BUSNUM=003 DEVNUM="00$2" DEVNAME="bus/usb/003/00$2" "${numbers[@]}"
}

# loop add|del: a block device that the kernel makes on demand, whose number nobody else uses.
loop_number=$(($$ % 10000 + 10000))
loop() {
        "$build/tests/system/probe" loop "$1" "$loop_number"
}

gpu() {
        local numbers
        read -ra numbers < <(lent_number 1)
        "$build/tests/system/probe" send "$1" /devices/platform/vgem/drm/card7 SUBSYSTEM=drm DEVTYPE=drm_minor \
                DEVNAME=dri/card7 "${numbers[@]}"
}

# ---- what is where

is_inside() {
        [ "$(inside "$1" probe node "$2" | sed 's/.* open=//')" = ok ]
}

is_gone() {
        inside "$1" probe node "$2" | grep -q ' stat=ENOENT$'
}

# It is there, perhaps under another name, but does not open.
is_shut() {
        inside "$1" probe node "$2" | grep -q ' \(open\|stat\)=E[A-Z]*$'
}

has_interface() {
        [ "$(inside "$1" sh -c "test -e /sys/class/net/$2 && echo yes")" = yes ]
}

lacks_interface() {
        [ "$(inside "$1" sh -c "test -e /sys/class/net/$2 || echo no")" = no ]
}

# What davitd says. One that does not answer must not pass for one that has nothing.
list() {
        local text
        text=$(ctl list "$1") || {
                echo "davitctl list $1: status $?"
                return 1
        }
        sed 1d <<<"$text"
}

# What is granted, "DEVICE CONTAINER STATE" a line, in order.
grants() {
        list grants | awk '{ print $1, $2, $3 }' | sort
}

has_grant() {
        grants | grep -qx -- "$1 $2 ${3:-active}"
}

# names devices|containers
names() {
        list "$1" | awk '{ print $1 }'
}

# knows devices|containers NAME, and knows_not
knows() {
        names "$1" | grep -qx -- "$2"
}

knows_not() {
        local all
        all=$(list "$1") && ! awk '{ print $1 }' <<<"$all" | grep -qx -- "$2"
}

grants_are() {
        [ "$(grants)" = "$1" ] || {
                grants
                return 1
        }
}

# ---- what must not be left

# Those of containers; the empty folder above them belongs to the daemon.
cgroups() {
        [ -z "$cgroup_top" ] || find /sys/fs/cgroup -type d -path "*/$cgroup_top/*" | sort
}

# What is in folders of the runtime folder.
kept_in() {
        local folder
        for folder; do
                find "$runtime/$folder" -mindepth 1 -maxdepth 1
        done
}

# no_yield DEVICE: the host's services may have it again, which a detach says but does not wait for.
no_yield() {
        [ ! -e "$runtime/yield/$1" ]
}

# Everything that a grant or a container could leave on the host, as text.
snapshot() {
        echo "mounts:"
        awk '{ print $5, $(NF - 2) }' /proc/self/mountinfo | sort
        echo "cgroups:"
        cgroups
        echo "interfaces:"
        ip -o link | sed 's/^[0-9]*: \([^:]*\): .* mtu \([0-9]*\) .*/\1 \2/' | sort
        echo "loop devices:"
        losetup --noheadings --list --output BACK-FILE | grep -F -e "$scratch" -e "$disk"
        echo "nodes in /dev:"
        find /dev -xdev -name "tap${tap_base}[0-9][0-9][0-9]" | sort
        echo "files:"
        (cd "$runtime" 2>/dev/null && find . ! -path './exits/*' ! -path '*/rootfs/*' | sort)
        find "$state" -mindepth 1 2>/dev/null | sort
        echo "descriptors of davitd:"
        # What the kernel has forgotten of a name in /proc says nothing of the file.
        find "/proc/$davitd_pid/fd" -type l -exec readlink {} ';' 2>/dev/null |
                sed -e 's/:\[[0-9]*\]$//' -e '/^\/proc\//s/ (deleted)$//' -e "s|^/proc/$davitd_pid/|/proc/self/|" | sort
        echo "processes:"
        processes
}

# Whose command line names our folder.
processes() {
        local file
        for file in /proc/[0-9]*/cmdline; do
                tr '\0' ' ' <"$file" | grep -F "$scratch" | grep -v '^grep '
        done 2>/dev/null | sort
}

is_as_before() {
        [ "$(snapshot)" = "$1" ]
}

# expect_as_before NAME SNAPSHOT
expect_as_before() {
        if wait_for 5 is_as_before "$2"; then
                pass "$1"
        else
                fail "$1: expected all as before, seen (< before, > now):"
                diff <(echo "$2") <(snapshot) | sed 's/^/    /' | head -n 40
        fi
}

# ---- the end

end_process() {
        local pid=$1
        kill -TERM "$pid" 2>/dev/null || return 0
        wait_for 5 not kill -0 "$pid" || kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
}

# What runs in the containers' cgroups, and then these: for the case that the daemons did not do it.
end_cgroups() {
        local folder pid

        for folder in $(cgroups | sort -r); do
                while read -r pid; do
                        kill -KILL "$pid"
                done <"$folder/cgroup.procs"
                rmdir "$folder"
        done 2>/dev/null
        [ -z "$(cgroups)" ] || return
        [ -z "$cgroup_top" ] || find /sys/fs/cgroup -type d -name "$cgroup_top" -exec rmdir {} + 2>/dev/null
        true
}

leave() {
        local status=$1 name pid

        trap - EXIT
        trap '' TERM INT HUP
        for pid in "${jobs_to_end[@]}"; do
                end_process "$pid"
        done
        if [ -n "$davitd_pid" ] && kill -0 "$davitd_pid" 2>/dev/null; then
                for name in $(ctl list containers 2>/dev/null | awk 'NR > 1 { print $1 }'); do
                        ctl stop "$name" >/dev/null 2>&1
                done
                end_process "$davitd_pid" || fail "davitd ends with status 0: seen status $?"
        fi
        if grep -qs 'Sanitizer\|runtime error' "$log"; then fail "davitd has no complaint of a sanitizer"; fi
        for name in "$runtime"/containers/*/; do
                pid=$(record "$(basename "$name")" KEEPER_PID)
                [ -z "$pid" ] || end_process "$pid"
        done
        wait_for 5 end_cgroups
        [ -z "$bus_pid" ] || end_process "$bus_pid"

        if [ "$failed" != 0 ] && [ -s "$log" ]; then
                echo "davitd said:"
                tail -n 60 "$log" | sed 's/^/    /'
        fi
        awk -v top="$scratch/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r name; do
                umount -l "$name"
        done
        rm -rf --one-file-system "$scratch" "$disk"

        [ "$status" = 77 ] && exit 77
        echo "$passed passed, $failed failed, $skipped skipped"
        [ "$failed" = 0 ] || exit 1
        exit "$status"
}
