#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Nodes that the kernel has without any hardware, named by their path: they go into two containers at once, open there,
# and go again with the rule that gave them. No other of their kind comes along.

. "$(dirname "$0")/lib.sh"

nodes=()
for node in /dev/fuse /dev/kvm; do
        [ ! -e "/sys/dev/char/$(stat -c '%Hr:%Lr' "$node" 2>/dev/null)" ] || nodes+=("$node")
done
[ ${#nodes[@]} -gt 0 ] || skip "the kernel has neither FUSE nor KVM"

start <<'END'
version: 1
rules: []
END
must_launch c1 c2
expect "without a rule nothing is given" "" "$(grants)"

policy static <<END
version: 1
rules:
  - name: loop devices are the host's
    match: { path: "/dev/loop-*" }
    deny: true
  - name: static nodes
    match: { path: [$(IFS=,; echo "${nodes[*]}"), /dev/loop-control] }
    give: { to: "*", share: shared, mode: "0666" }
END
check "the policy is loaded" ctl reload
for container in c1 c2; do
        for node in "${nodes[@]}"; do
                number=$(stat -c '%Hr:%Lr' "$node")
                expect_soon "$node comes into $container" is_inside $container "$node"
                expect "$node opens in $container" \
                        "$node type=c rdev=$number uid=0 gid=0 mode=0666 open=ok" "$(inside $container probe node "$node")"
        done
        expect_like "what an earlier rule denies does not come" "* stat=ENOENT" \
                "$(inside $container probe node /dev/loop-control)"
done

# The one device's node that every container has of its own.
if [ -e /sys/dev/char/10:200 ]; then
        policy tun <<'END'
version: 1
rules:
  - name: what they have anyway
    match: { path: /dev/net/tun }
    give: { to: "*", share: shared }
END
        check "the policy is loaded with a rule for /dev/net/tun" ctl reload
        for container in c1 c2; do
                expect_soon "/dev/net/tun is granted to $container" has_grant virtual-misc-tun $container
                check "it opens in $container" is_inside $container /dev/net/tun
        done
        rm "$policies/tun.yaml"
        check "the policy is loaded without it" ctl reload
        expect_soon "it is granted no more" not has_grant virtual-misc-tun c1
        check "it is in c1 still" is_inside c1 /dev/net/tun
else
        skip_case "the kernel has no TUN"
fi

policy static <<'END'
version: 1
rules: []
END
check "the policy is loaded without the rule" ctl reload
for container in c1 c2; do
        for node in "${nodes[@]}"; do
                expect_soon "$node goes from $container" is_gone $container "$node"
        done
done
expect "nothing is granted" "" "$(grants)"
