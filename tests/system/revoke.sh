#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What was taken away opens no more, whatever the container kept of it: a bind mount, a hard link, a descriptor.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: first
    match: { class: tap, port: "dvt0" }
    give: { to: c1, mode: "0666" }
  - name: second
    match: { class: tap, port: "dvt1" }
    give: { to: c2 }
END
must_launch c1 c2

open_as() {
        echo "read-write=$1 read=$1 write=$1"
}
refused="root: $(open_as EACCES) chmod=EPERM chown=EPERM then: $(open_as EACCES) user: $(open_as EACCES)"
opens="root: $(open_as ok) chmod=ok chown=ok then: $(open_as ok) user: $(open_as ok)"

plug_tap dvt0
node=$(tap_node dvt0)
number=$(stat -c '%Hr:%Lr' "$node")
wait_for 10 is_inside c1 "$node"

expect "a container can keep its node under other names" "bind=ok link=ok" "$(inside c1 probe hoard "$node" /mnt/bound /dev/linked)"
expect "by which it opens while it is given" "/mnt/bound $opens" "$(inside c1 probe reopen /mnt/bound)"
background c1 "$scratch/held" probe hold "$node"
expect "a process can hold it without having opened it" "held=ok" "$(cat "$scratch/held")"

check "the device is taken away while it stays plugged in" ctl detach net-dvt0 c1
expect "the node is gone" "$node stat=ENOENT" "$(inside c1 probe node "$node")"
expect "the bind mount does not open" "/mnt/bound $refused" "$(inside c1 probe reopen /mnt/bound)"
expect "the hard link does not open" "/dev/linked $refused" "$(inside c1 probe reopen /dev/linked)"
echo >"$scratch/held.in"
expect_soon "the descriptor does not open" grep -qxF "$refused" "$scratch/held"
check "the host's node opens" "$build/tests/system/probe" node "$node"
expect_like "and still is the host's" "* uid=0 gid=0 mode=0600 open=ok" "$("$build/tests/system/probe" node "$node")"

unplug dvt0
plug_tap dvt1
node=$(tap_node dvt1)
expect_soon "another device comes, for another container" is_inside c2 "$node"
expect "and it has the number of the one before" "$number" "$(stat -c '%Hr:%Lr' "$node")"
expect "the hoarded bind mount does not open it" "/mnt/bound $refused" "$(inside c1 probe reopen /mnt/bound)"
expect "the hoarded hard link does not open it" "/dev/linked $refused" "$(inside c1 probe reopen /dev/linked)"
check "the other container still has it" is_inside c2 "$node"
unplug dvt1
expect_soon "until it is unplugged" is_gone c2 "$node"
