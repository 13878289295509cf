#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The policy is read anew while containers run: what it says now is what is there. With an error in it nothing changes.

. "$(dirname "$0")/lib.sh"

parent_up
start <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: c1 }
END
must_launch c1 c2
plug_tap dvt0
node=$(tap_node dvt0)
expect_soon "the policy gives the device to the first container" is_inside c1 "$node"

policy 10-test <<'END'
version: 1
rules:
  - name: taps elsewhere
    match: { class: tap, port: "dvt*" }
    give: { to: c2 }
END
expect "a file that was changed changes nothing by itself" "net-dvt0 c1 active" "$(grants)"
check "it is read anew" ctl reload
expect_soon "the device is in the second container" is_inside c2 "$node"
expect "and in the first no more" "$node stat=ENOENT" "$(inside c1 probe node "$node")"

policy 10-test <<'END'
version: 1
rules:
  - name: taps
    match: { class: tap, prot: "dvt*" }
    give: { to: c1 }
END
output=$(ctl reload 2>&1)
expect "a policy with an error is refused" 1 $?
expect_like "with file, line and column" "*10-test.yaml:4:26: *" "$output"
expect "and nothing changes" "net-dvt0 c2 active" "$(grants)"
expect "the rules in force are those before" "taps elsewhere" "$(ctl list rules | sed -n '2s/  .*//p')"
plug_tap dvt1
expect_soon "by which new devices go" has_grant net-dvt1 c2
expect_like "policy check says the same without a daemon" "*10-test.yaml:4:26: error: *" \
        "$("$build/davitctl" policy check "$policies/10-test.yaml" 2>&1)"
"$build/davitctl" policy check "$policies/10-test.yaml" >/dev/null 2>&1
expect "and with its exit status" 1 $?

policy 10-test <<'END'
version: 1
rules:
  - name: not this one
    match: { class: tap, port: dvt1 }
    deny: true
    to: c1
  - name: taps
    match: { class: tap, port: "dvt*" }
    give: { to: "c*", share: shared, owner: "1000", mode: "0600" }
END
check "policy check likes a good one" "$build/davitctl" policy check "$policies/10-test.yaml"
kill -HUP "$davitd_pid"
expect_soon "SIGHUP has it read too" has_grant net-dvt0 c1
expect_soon "who had it keeps it, as the new rule says" eval "inside c2 probe node $node | grep -q ' uid=1000 gid=0 mode=0600 '"
expect "a deny keeps it out" "$(tap_node dvt1) stat=ENOENT" "$(inside c1 probe node "$(tap_node dvt1)")"
check "of one container alone" is_inside c2 "$(tap_node dvt1)"

output=$(ctl explain net-dvt0 c1)
expect "explain says yes by its exit status" 0 $?
expect_like "and by which rule" "*taps*" "$output"
expect_like "and what failed in the one before" "*not this one*port*" "${output//$'\n'/ }"
output=$(ctl explain net-dvt1 c1)
expect "and no" 1 $?
expect_like "with the rule that denies" "*not this one*" "$output"
output=$(ctl attach net-dvt1 c1 2>&1)
expect "what is denied cannot be given by hand" 1 $?
expect_like "and it is said by what" "*not this one*" "$output"

rm "$policies/10-test.yaml"
check "without any file nothing is given" ctl reload
expect_soon "so nothing is there" grants_are ""
check "the containers live on" inside c1 true
policy 20-later <<'END'
version: 1
rules:
  - name: labelled
    match: { class: tap }
    give: { to: { role: "ci-*" } }
END
ctl reload
check "a container is launched with a label" launch c3 --label role=ci-1
expect_soon "by which it gets the device" has_grant net-dvt0 c3
expect "and no other" 2 "$(grants | wc -l)"
unplug dvt0
unplug dvt1
expect_soon "all is unplugged" grants_are ""
