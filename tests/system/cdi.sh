#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What CDI files describe is given to containers that run: nodes, files and folders of the host, interfaces; by a rule,
# along with a device, or by hand. It is taken back without a trace, follows its file, and a container cannot make more of
# it than it is.

. "$(dirname "$0")/lib.sh"

node=$(ls /dev/cpu/*/cpuid /dev/vcs[0-9]* 2>/dev/null | head -n 1)
[ -n "$node" ] || skip "there is no node whose number can be lent"
number=$(stat -c '%t:%T' "$node")

# What the vendor's programs need inside. Anybody may write to the files: what keeps a container from it is the mount.
vendor=$scratch/vendor
mkdir -p "$vendor/data"
echo "a library" >"$vendor/library"
echo "a table" >"$vendor/data/table"
chmod -R a+rwX "$vendor"

# board [NODE]: the CDI file, in place as a whole.
board() {
        cat >"$specs/.board" <<END
cdiVersion: 1.1.0
kind: vendor.example/board
devices:
  - name: one
    containerEdits:
      deviceNodes: [{ path: /dev/vendor/board0, hostPath: $node, permissions: r, fileMode: 0440 }]
      netDevices: [{ hostInterfaceName: dvtc0, name: link0 }]
      env: [BOARD=one]
  - name: two
    containerEdits:
      deviceNodes: [{ path: /dev/vendor/board1, hostPath: ${1:-$node} }]
  - name: three
    containerEdits:
      deviceNodes: [{ path: /dev/vendor/board2, hostPath: $node }]
containerEdits:
  env: [VENDOR_HOME=/opt/vendor]
  additionalGids: [44]
  mounts:
    - { hostPath: $vendor/library, containerPath: /opt/vendor/lib/library.so, options: [ro, nosuid, nodev, bind] }
    - { hostPath: $vendor/data, containerPath: /opt/vendor/data, options: [ro, rbind] }
  hooks: [{ hookName: createContainer, path: /usr/bin/vendor-hook }]
END
        mv "$specs/.board" "$specs/board.yaml"
}

board
plug_veth dvtc0
start <<'END'
version: 1
rules:
  - name: the first board
    give: { to: c1, cdi: "vendor.example/board=one" }
  - name: whoever comes first
    give: { to: "d*", cdi: "vendor.example/board=three" }
  - name: a tap with the vendor's programs
    match: { class: tap }
    give: { to: c3, cdi: ["vendor.example/board=two", "vendor.example/board=none"] }
END

one=cdi-vendor.example:board:one
two=cdi-vendor.example:board:two

# mounts_of CONTAINER: what it has of the vendor, and where.
mounts_of() {
        awk -v top="${vendor#/run}" 'index($4, top) { print $5 }' "/proc/$(record "$1" INIT_PID)/mountinfo" |
                sort | paste -s -d ' '
}

has_no_mounts() {
        [ -z "$(mounts_of "$1")" ]
}

# lacking OBJECT: the fields that are named.
lacking() {
        ctl info "$1" | sed -n 's/^ *lacking: *\([^:]*\):.*/\1/p' | sort | paste -s -d ,
}

# ---- by a rule

must_launch c1
check "it is known by its name" eval "ctl info vendor.example/board=one | grep -q 'Place: *vendor.example/board=one'"
expect_soon "a rule gives it" has_grant "$one" c1
expect "its node has the host's number and the file's mode" "$number 440 0 0" \
        "$(inside c1 stat -c '%t:%T %a %u %g' /dev/vendor/board0)"
check "it opens for reading" inside c1 sh -c ': </dev/vendor/board0'
check "and not for writing, as the file says" not inside c1 sh -c ': >>/dev/vendor/board0'
expect "the library is there" "a library" "$(inside c1 cat /opt/vendor/lib/library.so)"
expect "the folder is there" "a table" "$(inside c1 cat /opt/vendor/data/table)"
expect_soon "the interface is there" has_interface c1 link0
check "the host is without it" not test -e /sys/class/net/dvtc0
expect "its init has the variables" "BOARD=one VENDOR_HOME=/opt/vendor" \
        "$(tr '\0' '\n' <"/proc/$(record c1 INIT_PID)/environ" | grep -e ^BOARD -e ^VENDOR | sort | paste -s -d ' ')"
expect "so has what is run inside" "one /opt/vendor" "$(inside c1 sh -c 'echo $BOARD $VENDOR_HOME')"
expect "and the group" 44 "$(inside c1 id -G | tr ' ' '\n' | grep -x 44)"
expect "what it does without is told" "additionalGids 44,hooks createContainer /usr/bin/vendor-hook" "$(lacking "$one")"

# ---- nobody makes more of it

check "the file cannot be written to" not inside c1 sh -c 'echo worse >/opt/vendor/lib/library.so'
check "root inside cannot make its mount writable" not inside c1 mount -o remount,bind,rw /opt/vendor/lib/library.so
check "nor that of the folder" not inside c1 mount -o remount,bind,rw /opt/vendor/data
check "nor a copy of it" not inside c1 sh -c \
        'mkdir /copy && mount --bind /opt/vendor/data /copy && mount -o remount,bind,rw /copy'
inside c1 sh -c 'echo worse >/opt/vendor/data/table; echo worse >/copy/table; umount /copy; rmdir /copy' 2>/dev/null
expect "the host's files are as they were" "a library a table" \
        "$(cat "$vendor/library" "$vendor/data/table" | paste -s -d ' ')"

# ---- davitd may go

before=$(cat "/proc/$(record c1 INIT_PID)/mountinfo")
davitd_kill
davitd_start || fail "davitd starts again"
check "another davitd finds it as it is" has_grant "$one" c1
expect "and changes nothing" "$before" "$(cat "/proc/$(record c1 INIT_PID)/mountinfo")"
check "the interface stays" has_interface c1 link0

# ---- by hand

must_launch c2
expect_like "who has it alone keeps it" "*c1*" "$(ctl attach vendor.example/board=one c2 2>&1)"
check "the other is attached by its name" ctl attach vendor.example/board=two c2
check "its node opens" inside c2 sh -c ': >>/dev/vendor/board1'
expect "its mounts are there" "/opt/vendor/data /opt/vendor/lib/library.so" "$(mounts_of c2)"
expect "what a container that ran already does without is told" \
        "additionalGids 44,env VENDOR_HOME,hooks createContainer /usr/bin/vendor-hook" "$(lacking "$two")"

# What root inside does to the mounts does not keep them.
inside c2 sh -c 'mkdir /else && mount -t tmpfs tmpfs /else && mkdir /else/where &&
        mount --move /opt/vendor/data /else/where; mount --bind /bin/busybox /opt/vendor/lib/library.so' 2>/dev/null
check "it is detached" ctl detach vendor.example/board=two c2
expect "wherever they were moved, and whatever was put on top" "" "$(mounts_of c2)"
check "node and folder are gone" not inside c2 ls /dev/vendor
check "nothing of it is written down" not ls "$runtime"/state/mount-c2@*
inside c2 sh -c 'umount /else; rm -rf /else /opt'

check "attached once more" ctl attach vendor.example/board=two c2
check "and detached" ctl detach vendor.example/board=two c2
check "what was made for the mounts is gone" not inside c2 ls /opt

# ---- root inside has laid links on the way

inside c2 sh -c 'mkdir -p /opt /real && ln -s /real /opt/vendor'
check "a link inside is followed inside" ctl attach vendor.example/board=two c2
expect "to where it leads" "a library" "$(inside c2 cat /real/lib/library.so)"
check "and taken off" ctl detach vendor.example/board=two c2
expect "from there" "" "$(mounts_of c2)"
inside c2 sh -c "rm /opt/vendor && ln -s ../../../../../../../..$vendor/data /opt/vendor"
ctl attach vendor.example/board=two c2 >/dev/null 2>&1
expect "one that leads out of it leads to nothing of the host's" "table" "$(ls "$vendor/data")"
ctl detach vendor.example/board=two c2 >/dev/null 2>&1
inside c2 rm -rf /opt

# ---- along with a device

parent_up
must_launch c3
plug_tap dvtt0
expect_soon "a tap comes with it" inside c3 test -e /opt/vendor/data/table
check "and with its node" inside c3 sh -c ': >>/dev/vendor/board1'
tap=$(grants | awk '$2 == "c3" { print $1 }')
expect "one that no file has is told of" "cdi vendor.example/board=none" "$(lacking "$tap" | grep -o 'cdi [^,]*')"
plug_tap dvtt1
expect_soon "another one shares it" eval '[ "$(grants | grep -c " c3 active")" = 2 ]'
unplug dvtt0
expect_soon "the first goes" eval '[ "$(grants | grep -c " c3 ")" = 1 ]'
expect "with the other it stays" "/opt/vendor/data /opt/vendor/lib/library.so" "$(mounts_of c3)"
unplug dvtt1
expect_soon "with the last it goes" has_no_mounts c3
expect_soon "node and folder too" not inside c3 ls /dev/vendor

# ---- its file

check "attached again" ctl attach vendor.example/board=two c2
board /dev/davit-none
expect_soon "a node that the host has not fails the grant" has_grant "$two" c2 failed
expect_soon "and takes its mounts" has_no_mounts c2
expect_like "with the reason" "*/dev/davit-none on the host: No such file*" "$(ctl info "$two")"
board
expect_soon "it comes back with the node" has_grant "$two" c2
printf 'cdiVersion: "1.1.0"\nkind: vendor.example/board\ndevices: [{ name: two' >"$specs/board.yaml"
expect_soon "a file that is being written is complained of" grep -q 'board.yaml:.*error' "$log"
expect "and takes nothing" "/opt/vendor/data /opt/vendor/lib/library.so" "$(mounts_of c2)"
board
rm "$specs/board.yaml"
expect_soon "a file that goes takes its devices along" grants_are ""
expect_soon "the host has the interface again" test -e /sys/class/net/dvtc0
expect "nothing is left in c1" "" "$(mounts_of c1)"
board
expect_soon "a file that comes brings them" has_grant "$one" c1
expect_soon "also what was attached" has_grant "$two" c2

# ---- who has it keeps it, also when another davitd does not see whose it is

three=cdi-vendor.example:board:three
must_launch d1 d2
check "it is the first one's" has_grant "$three" d1
ctl stop d1
expect_soon "then the next one's" has_grant "$three" d2
must_launch d1
davitd_kill
davitd_start || fail "davitd starts again"
check "and stays it" has_grant "$three" d2
expect "d1 has nothing" "" "$(grants | grep ' d1 ')"
ctl stop d1
ctl stop d2

# ---- the end

check "stopped" ctl stop c1
expect_soon "the interface is the host's" test -e /sys/class/net/dvtc0
ctl stop c2
ctl stop c3
expect "when all have stopped no state is kept" "" "$(kept_in state)"
