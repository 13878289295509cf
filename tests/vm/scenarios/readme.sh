#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 1500
#
# README's section on installing, its commands as they stand there, on a machine that has never seen davit; then its
# first policy. It compiles in the guest, which takes minutes.

state=booted
. "${BASH_SOURCE[0]%/*}/../scenario.sh"

readme=$here/../../README

# commands SECTION BLOCK: the indented lines of a section's block, counted from 1, without what is said beside them.
commands() {
        awk -v section="$1" -v block="$2" '
                $0 == section { on = 1; next }
                !on || /^---/ { next }
                /^$/ { blank++; next }
                /^[^ ]/ { if (blank >= 2) exit; inside = 0; blank = 0; next }
                { n += !inside; inside = 1; blank = 0; if (n == block) print }
        ' "$readme" | sed 's/ *# .*//; s/^    //'
}

expect "the first way to install" "sudo ./bootstrap install" "$(commands Install 1)"
guest "cp -r /host/source /root/davit"
guest_seconds=1300 guest "cd /root/davit && $(commands Install 1) </dev/null"
pass "it installs"

guest "$(commands Install 3)"
expect "the service runs" "active enabled" "$(guest "systemctl is-active davitd; systemctl is-enabled davitd" | paste -s -d ' ')"

guest "cat >/etc/davit/policy.d/10-phones.yaml <<'END'
$(commands "A first policy" 1)
END
cd /root && $(commands "A first policy" 2)"
phones plug --serial FIRST
eventually 20 "grants | grep -x 'usb-[^ ]* ci-1 active'" "the first policy gives the first phone"
expect "root of the container owns it" "0 0" "$(inside ci-1 sh -c 'stat -c "%u %g" /dev/bus/usb/*/*')"
