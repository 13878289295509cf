# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What a scenario is made of: one virtual machine of its own, in which davit is installed and runs, and words to say
# what is done there and what must come of it. To be sourced.
#
# A scenario runs on the host, ends at the first thing that is not as it must be, and says then what was expected and
# what was seen; the guest's journal and davit's own view are kept beside its log. It prints "PASS: what" for each
# thing that was proved. Nothing waits by the clock: eventually asks again until it is so, or until it is too late.
#
# That something is not there is asked so that a davit which does not answer is no proof of it.
#
# With state=booted in front of it the machine has no davit. From the environment: top_builddir; KEEP=1 leaves the machine up, to look around (its name is that of the scenario).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "${top_builddir:-$here/../../build}" && pwd)
export top_builddir=$build
scenario=$(basename "$0" .sh)
kept=$build/vm/logs/$scenario
vm=$here/vm

[ -e "$build/vm/installed/key" ] || {
        echo "FAIL: there is no machine with davit in it: tests/vm/run $scenario makes one"
        exit 1
}

fail() {
        printf 'FAIL: %s\n' "$*"
        exit 1
}

pass() {
        printf 'PASS: %s\n' "$*"
}

# ---- the guest

# guest COMMANDS: in bash in the guest; the scenario fails if they do. Inside $(...) that ends the substitution alone,
# whose status then ends the scenario, unless it stands behind `local`.
guest() {
        local status=0

        guest_try "$@" || status=$?
        [ "$status" = 0 ] || fail "expected success in the guest of '$*', seen status $status" >&2
}

# What the commands may use beside the programs of the guest.
guest_words='
# What is granted, "DEVICE CONTAINER STATE" a line.
grants() {
        local all
        all=$(davitctl list grants) || { echo "davitctl list grants: status $?"; return 1; }
        sed 1d <<<"$all" | awk "{ print \$1, \$2, \$3 }"
}

# no_grants [PATTERN]
no_grants() {
        ! grants | grep -e "${1:-.}"
}
'

# guest_try COMMANDS: their status is for the scenario to judge.
guest_try() {
        local commands="$guest_words$*"

        # Quoted as any shell reads it; what %q makes of a line break only some do.
        "$vm" exec -t "${guest_seconds:-60}" "$scenario" "exec bash -c '${commands//\'/\'\\\'\'}'"
}

# eventually SECONDS CONDITION WHAT: asks in the guest, until the commands succeed.
eventually() {
        local seconds=$1 condition=$2 what=$3 output status=0

        output=$(guest_seconds=$((seconds + 30)) guest_try "deadline=\$((\${EPOCHREALTIME/./} + ${seconds}000000))
                until output=\$($condition) 2>&1; do
                        if [ \${EPOCHREALTIME/./} -gt \$deadline ]; then echo \"\$output\"; exit 1; fi
                        sleep 0.05
                done 2>&1") || status=$?
        [ "$status" = 0 ] || fail "$what: expected within $seconds s '$condition', seen: $output"
        pass "$what"
}

# expect WHAT EXPECTED SEEN
expect() {
        [ "$2" = "$3" ] || fail "$1: expected '$2', seen '$3'"
        pass "$1"
}

# expect_at_most WHAT LIMIT FIGURE [UNIT]
expect_at_most() {
        awk -v limit="$2" -v seen="$3" 'BEGIN { exit !(seen ~ /^[0-9.]+$/ && seen + 0 <= limit + 0) }' ||
                fail "$1: expected at most $2 ${4:-}, seen '$3'"
        pass "$1: $3 ${4:-} (at most $2)"
}

# ---- davit

# policy: the one on standard input, in force when it returns.
policy() {
        "$vm" exec -i "$scenario" "cat >/etc/davit/policy.d/50-scenario.yaml" || fail "the policy is not written"
        guest "davitctl reload"
}

# The quickest init: ends when told so, reaps what others leave.
quick_init='/bin/sh -c '\''trap "exit 0" TERM; while :; do sleep 2147483647 & wait $!; done'\'

# launch NAME [OPTION...]
launch() {
        guest "davitctl launch $* -- $quick_init"
}

# inside CONTAINER COMMAND...
inside() {
        local container=$1
        shift
        guest "davitctl exec $container -- ${*@Q}"
}

# ---- devices

# phones COMMAND...: of the simulator, see tests/vm/phonesim/main.c.
phones() {
        guest "systemctl start phonesim && phonesim $*"
}

# plug DRIVER id=ID [KEY=VALUE...], unplug ID: devices of QEMU's.
plug() {
        "$vm" add "$scenario" "$@" || fail "QEMU does not plug in: $*"
}

unplug() {
        "$vm" del "$scenario" "$1" || fail "QEMU does not unplug $1"
}

qemu() {
        "$vm" qmp "$scenario" "$@" >/dev/null || fail "QEMU refuses: $*"
}

# gpu plug|unplug 0|1
gpu() {
        guest "gpusim $1 $2"
}

# ---- the end

keep_evidence() {
        mkdir -p "$kept"
        "$vm" console "$scenario" >"$kept/console" 2>/dev/null
        "$vm" exec -t 5 "$scenario" 'journalctl -b -o short-precise --no-pager' >"$kept/journal" 2>&1
        "$vm" exec -t 3 "$scenario" 'for what in devices containers grants rules; do
                echo "== $what"; timeout 2 davitctl list $what; done' >"$kept/davit" 2>&1
        echo "the guest's journal, its console and davit's view are in $kept"
}

leave() {
        local status=$1

        trap - EXIT
        trap '' TERM INT HUP
        set +e
        [ "$status" = 0 ] || keep_evidence
        if [ -z "${KEEP:-}" ]; then
                "$vm" stop "$scenario"
        else
                echo "the machine is up: top_builddir=$build $vm exec $scenario COMMAND"
        fi
        exit "$status"
}

trap 'leave $?' EXIT
trap 'echo "FAIL: the scenario has run out of time"; exit 124' TERM
trap 'exit 130' INT HUP

rm -rf "$kept"
"$vm" stop "$scenario"
# With the tree that davit was compiled in, in /host.
"$vm" start "$scenario" ${state:+"--$state"} --share "$build/vm/share"
