#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Containers by file: every kind of root, what is kept of it and what not, interfaces, limits, environment, labels, and
# what is left when it goes wrong.

. "$(dirname "$0")/lib.sh"

busybox=$(command -v busybox) || skip "there is no busybox"
for program in mksquashfs tar gzip setcap getcap losetup setfattr; do
        command -v "$program" >/dev/null || skip "there is no $program"
done

# file NAME: makes a container file of standard input.
file() {
        {
                echo "version: 1"
                cat
        } >"$files/$1.yaml"
}

# The quickest init that can be told to end, as the file has it.
init='init: [/bin/sh, -c, "trap '\''exit 0'\'' TERM; while :; do sleep 2147483647 & wait $!; done"]'

# A tree with what the shifting of owners could spoil.
make_tree() {
        mkdir -p "$1"/{bin,dev,etc,home/user,proc,run,sys,tmp}
        cp "$busybox" "$1/bin/busybox"
        for applet in sh sleep cat ls id stat touch rm ip env grep; do ln -s busybox "$1/bin/$applet"; done
        echo base >"$1/etc/mark"
        cp "$busybox" "$1/bin/su" && chmod 4755 "$1/bin/su"
        printf '#!/bin/sh\n' >"$1/bin/able" && setcap cap_net_raw+ep "$1/bin/able"
        chown 1000:1000 "$1/home/user"
}

# What is to be seen in it: owner of a file, mode of a set-uid one, owner of the user's folder.
seen="0:0 4755 1000:1000"
owners() {
        inside "$1" sh -c 'echo $(stat -c %u:%g /etc/mark) $(stat -c %a /bin/su) $(stat -c %u:%g /home/user)'
}

mkdir -m 0700 "$disk/images"
tree=$disk/images/tree
make_tree "$tree"
mknod "$tree/etc/disk" b 7 200
tar --xattrs --xattrs-include='*' -czf "$disk/images/tree.tar.gz" -C "$tree" . &&
        mksquashfs "$tree" "$disk/images/tree.squashfs" -quiet -no-progress >/dev/null || skip "no images can be made"
rm "$tree/etc/disk"

start <<'END'
version: 1
rules: []
END
must_launch warm
ctl stop warm
ip link add dvbr0 type bridge && ip link set dvbr0 up || skip "the kernel has no bridge"
before=$(snapshot)

# ---- roots

# The file capability of the image, as the container's own and nobody else's.
capability() {
        getcap -n "/proc/$(record "$1" INIT_PID)/root/bin/able" | sed 's/.* cap/cap/'
}

# begin NAME, as launch: and it is as it should be.
begin() {
        check "$1: it is launched" ctl launch "$1" || return
        expect "$1: owners and modes are as in the image" "$seen" "$(owners "$1")"
        expect "$1: its root is its own" "0 0" "$(inside "$1" sh -c 'echo $(id -u) $(id -g)')"
}

# change NAME: what the next launch may see. seen_again NAME: what it sees.
change() {
        inside "$1" sh -c 'echo changed >/etc/mark; echo new >/etc/new; rm -f /bin/able; cat /etc/mark /etc/new' |
                tr '\n' ' '
}
seen_again() {
        inside "$1" sh -c 'cat /etc/mark; cat /etc/new 2>/dev/null; ls /bin/able 2>/dev/null' | tr '\n' ' '
}

# cycle NAME AGAIN: launched, changed, launched again; AGAIN is what is seen then.
cycle() {
        begin "$1" || return
        expect_like "$1: a file capability is that of its root" "cap_net_raw=ep ?rootid=$(awk '{ print $2 }' \
                "/proc/$(record "$1" INIT_PID)/uid_map")?" "$(capability "$1")"
        expect "$1: it can be written" "changed new " "$(change "$1")"
        check "$1: it is stopped" ctl stop "$1"
        begin "$1"
        expect "$1: what is seen the next time" "$2" "$(seen_again "$1")"
        check "$1: it is stopped again" ctl stop "$1"
}

for kind in folder squashfs archive; do
        case $kind in
        folder) path=$tree ;;
        squashfs) path=$disk/images/tree.squashfs ;;
        archive) path=$disk/images/tree.tar.gz ;;
        esac
        file kept-$kind <<<"root: { $kind: $path, overlay: true }
$init"
        cycle kept-$kind "changed new "
        expect "kept-$kind: the base is as it was" base "$(cat "$tree/etc/mark")"
        check "kept-$kind: what is kept goes by itself" rm -r "$state/kept-$kind"
        expect_as_before "kept-$kind: nothing else is left" "$before"

        file once-$kind <<<"root: { $kind: $path, overlay: true, keep: false }
$init"
        cycle once-$kind "base /bin/able "
        rm -rf "$state/once-$kind"
        expect_as_before "once-$kind: nothing is left" "$before"
done

file written <<<"root: { archive: $disk/images/tree.tar.gz }
$init"
cycle written "changed new "
mv "$disk/images/tree.tar.gz" "$disk/images/away.tar.gz"
check "written: once unpacked, the archive may go" ctl launch written
ctl stop written
mv "$disk/images/away.tar.gz" "$disk/images/tree.tar.gz"
rm -rf "$state/written"

file anew <<<"root: { archive: $disk/images/tree.tar.gz, keep: false }
$init"
cycle anew "base /bin/able "
expect_as_before "anew: nothing is left" "$before"

file fixed <<<"root: { squashfs: $disk/images/tree.squashfs }
$init"
begin fixed
expect "fixed: a squashfs alone cannot be written" no "$(inside fixed sh -c 'touch /etc/new 2>/dev/null || echo no')"
expect "fixed: a device node of the image opens nothing" no \
        "$(inside fixed sh -c 'cat /etc/disk >/dev/null 2>&1 || echo no')"
ctl stop fixed
expect_as_before "fixed: nothing is left" "$before"

file place <<<"root: { folder: $tree }
$init"
begin place
change place >/dev/null
ctl stop place
expect "place: a folder alone is written in place" changed "$(cat "$tree/etc/mark")"
echo base >"$tree/etc/mark" && rm "$tree/etc/new"

file changing <<<"root: { archive: $disk/images/tree.tar.gz, overlay: true, keep: false }
$init"
begin changing
ctl stop changing
echo second >"$tree/etc/mark"
tar -czf "$disk/images/tree.tar.gz" -C "$tree" .
check "changing: it is launched after the archive was replaced" ctl launch changing
expect "changing: it has the new one" second "$(inside changing cat /etc/mark)"
ctl stop changing
rm -rf "$state/changing"
echo base >"$tree/etc/mark"

# What was written over one base is not put over another.
file other <<<"root: { folder: $tree, overlay: true }
$init"
ctl launch other && ctl stop other
file other <<<"root: { squashfs: $disk/images/tree.squashfs, overlay: true }
$init"
output=$(ctl launch other 2>&1)
expect_like "other: another base under what was kept is refused" "1 *$state/other*" "$? $output"
rm -rf "$state/other"

# The root folder of a container is its own to give away, but not so the ids that it gets by that.
ids=$(awk -F: '$1 == "root" { print $2; exit }' /etc/subuid)
first=$((ids + 65536 * 901))
chmod 0711 "$disk"
make_tree "$disk/given"
chown -R "$first:$first" "$disk/given"
file given <<<"root: { folder: $disk/given }
$init"
check "given: it is launched in place" ctl launch given
inside given busybox chown 1:1 /
ctl stop given
output=$(ctl launch given 2>&1)
expect_like "given: a root that its container gave to others is refused" "1 *owned by uid $((first + 1))*$first*" "$? $output"
echo "ids: $first" >>"$files/given.yaml"
output=$(ctl launch given 2>&1)
expect_like "given: also where the file says whose it is" "1 *owned by uid $((first + 1))*$first*" "$? $output"
sed -i "s/^ids: .*/ids: $((first + 1))/" "$files/given.yaml"
check "given: it is launched where the file confirms it" ctl launch given
ctl stop given
sed -i '/^ids: /d' "$files/given.yaml"
check "given: from then on without" ctl launch given
ctl stop given
chown -R "$first:$first" "$disk/given"
expect "given: what somebody else did has to be confirmed" 1 "$(ctl launch given >/dev/null 2>&1; echo $?)"
setfattr -x trusted.davit.ids "$disk/given"
check "given: which is done" ctl launch given
ctl stop given
chmod 0700 "$disk"
rm -r "$disk/given" "$files/given.yaml"
expect_as_before "given: nothing is left" "$before"

file full <<<"root: { folder: $tree, overlay: true, keep: false, size: 4M }
$init"
ctl launch full
expect "full: what is not kept has an end" no \
        "$(inside full sh -c 'busybox dd if=/dev/zero of=/tmp/x bs=1M count=8 2>/dev/null || echo no')"
ctl stop full
expect_as_before "full: nothing is left" "$before"

# ---- all the rest

file all <<END
ids: 1065536
network:
  - { type: veth, parent: dvbr0, address: [192.0.2.10/24, "2001:db8::10/64"], gateway: 192.0.2.1, mac: 02:00:5e:10:00:01, mtu: 1400 }
  - { type: macvlan, parent: dvbr0, name: lan, up: false }
$init
environment: { WORDS: "two words", EMPTY: "" }
limits: { memory: 64M, pids: 50, cpu: 1.5, files: 777 }
labels: { team: phones, row: "7" }
END
ids=$(awk -F: '$1 == "root" { print $2; exit }' /etc/subuid)
sed -i "s/^ids: .*/ids: $((ids + 65536 * 900))/" "$files/all.yaml"
check "all: it is launched, with one more label and one that is another" ctl launch all --label row=8 --label more=x
init_pid=$(record all INIT_PID)
expect "all: the ids are those of the file" "$((ids + 65536 * 900))" "$(awk '{ print $2 }' "/proc/$init_pid/uid_map")"
expect_like "all: labels of the file and of the launch" "*more=x*row=8*team=phones*" \
        "$(ctl info all | tr ' ,' '\n' | grep = | sort | tr '\n' ' ')"
expect "all: its interfaces" "eth0 lan lo " "$(inside all ls /sys/class/net | tr '\n' ' ')"
addresses=$(inside all ip addr show dev eth0)
expect_like "all: its addresses" "*mtu 1400*02:00:5e:10:00:01*192.0.2.10/24 brd 192.0.2.255*2001:db8::10/64*" "$addresses"
expect_like "all: its route" "default via 192.0.2.1 dev eth0*" "$(inside all ip route)"
expect "all: the other is down" 0 "$(($(inside all cat /sys/class/net/lan/flags) & 1))"
ip addr add 192.0.2.1/24 dev dvbr0
check "all: it is reached over the bridge" wait_for 10 "$busybox" ping -c 1 -W 1 192.0.2.10
expect "all: its environment" "EMPTY= WORDS=two words " \
        "$(tr '\0' '\n' <"/proc/$init_pid/environ" | grep -E '^(WORDS|EMPTY)=' | sort | tr '\n' ' ')"
expect_like "all: how many files it may open" "*777 *777 *" "$(grep 'Max open files' "/proc/$init_pid/limits")"

# limit CONTROLLER FILE-V1 FILE-V2: of the folder that the container is in.
limit() {
        local path
        path=$(sed -n "s/^[0-9]*:$1:/&/p" "/proc/$init_pid/cgroup" | cut -d: -f3-)
        if [ -n "$path" ]; then
                cat "/sys/fs/cgroup/$1$path/$2"
        else
                cat "$(findmnt -n -t cgroup2 -o TARGET | head -n 1)$(sed -n 's/^0:://p' "/proc/$init_pid/cgroup")/$3"
        fi
}
expect "all: its memory" $((64 << 20)) "$(limit memory memory.limit_in_bytes memory.max)"
expect "all: its processes" 50 "$(limit pids pids.max pids.max)"
expect_like "all: its processors" "150000*" "$(limit cpu cpu.cfs_quota_us cpu.max)"
check "all: it is stopped" ctl stop all
ip addr del 192.0.2.1/24 dev dvbr0
rm "$files/all.yaml"

file over <<<"root: { folder: /nothing }
init: [/nothing]"
check "a root and a command given by hand go before the file's" ctl launch over --rootfs "$tree" -- "${quick_init[@]}"
expect "which is so" base "$(inside over cat /etc/mark)"
ctl stop over
expect_as_before "nothing is left" "$before"

# ---- what goes wrong

# refuse NAME PATTERN: a launch that fails with a reason, and leaves nothing.
refuse() {
        local output status
        output=$(ctl launch "$1" 2>&1)
        status=$?
        expect_like "$1: it is refused, with the reason" "1 $2" "$status $output"
        expect_as_before "$1: nothing was started or left" "$before"
}

file bad <<<"root: { folder: web }
nework: []
limits: { pids: 0 }"
refuse bad "*$files/bad.yaml:2:17: error: *$files/bad.yaml:3:1: error: *\"network\"?*$files/bad.yaml:4:17: error: *"
output=$("$build/davit-container" run --runtime-dir "$runtime" --container-dir "$files" --state-dir "$state" --name bad 2>&1)
expect_like "the keeper by hand says the same" "1 *:2:17: error: *:3:1: error: *:4:17: error: *" "$? $output"
# A line that is too long ends where a character does.
for pad in '' x; do
        folder=$scratch/$pad$(printf '\303\274%.0s' {1..120})
        folder=$folder/$(printf '\303\274%.0s' {1..120})/$(printf '\303\274%.0s' {1..120})
        mkdir -p "$folder" && cp "$files/bad.yaml" "$folder"
        "$build/davit-container" run --runtime-dir "$runtime" --container-dir "$folder" --state-dir "$state" --name bad \
                --ready-fd 5 5>"$scratch/line" 2>/dev/null
        check "what it says is text, however long" env LC_ALL=C.UTF-8 grep -axE 'error 22 .{100,}' "$scratch/line"
done
output=$(ctl container check "$files/bad.yaml")
expect_like "container check says the same" "1 *:2:17: error: *:3:1: error: *:4:17: error: *" "$? $output"
output=$(ctl container check "$files" 2>&1)
expect "container check of the folder finds these alone" "1 3" "$? $(grep -c error: <<<"$output")"
expect_like "container check in JSON" '*"valid": false*' "$(ctl --json container check "$files" | tr -d '\n')"
rm "$files/bad.yaml"
check "container check of good ones" ctl container check "$files"

file gone <<<"root: { archive: $disk/images/gone.tar }"
refuse gone "*gone.tar*"
head -c 100000 "$disk/images/tree.tar.gz" >"$disk/images/cut.tar.gz"
file cut <<<"root: { archive: $disk/images/cut.tar.gz }"
refuse cut "*cut.tar.gz*"
cp "$0" "$disk/images/text"
file text <<<"root: { archive: $disk/images/text }"
refuse text "*images/text*"
file none <<<"root: { squashfs: $disk/images/text }"
refuse none "*images/text*"
file noparent <<<"network: [{ type: veth, parent: dvnone0 }]"
refuse noparent "*no interface dvnone0*"
file noids <<<"ids: 4000000000"
refuse noids "*/etc/subuid*"
file noinit <<<"root: { folder: $tree, overlay: true, keep: false }"
refuse noinit "*/sbin/init*"

# What a container may leave in the places where its next launch mounts something.
mkdir "$disk/images/odd"
cp -a "$tree/bin" "$disk/images/odd/bin"
file odd <<<"root: { folder: $disk/images/odd, overlay: true, keep: false }
$init"
for place in dev proc sys; do
        mkfifo "$disk/images/odd/$place"
        refuse odd "*/$place in the root folder *is no folder*"
        rm "$disk/images/odd/$place" && ln -s /etc "$disk/images/odd/$place"
        refuse odd "*/$place in the root folder *is no folder*"
        rm "$disk/images/odd/$place"
done
check "odd: they are made where they are missing" ctl launch odd
ctl stop odd
rm "$files/odd.yaml"
expect_as_before "odd: nothing is left" "$before"

# ---- unpacking: it is told of, and can be cut short at any time

truncate -s 400M "$disk/images/large" && tar -czf "$disk/images/large.tar.gz" -C "$disk/images" large -C "$tree" .
rm "$disk/images/large"
file large <<<"root: { archive: $disk/images/large.tar.gz }
$init"

# The keeper of a launch that is unpacking, once it is. To be found before that is over, so without a process for each
# one that there is.
keeper_of() {
        local pid
        for pid in $(cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$davitd_pid" '$4 == parent { print $1 }'); do
                tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null |
                        grep -q "^$build/davit-container run.* --name $1 " && echo "$pid"
        done
}
unpacks() {
        [ -s "$state/$1/scratch/tree/large" ]
}

for how in KILL TERM; do
        "$build/davitctl" --bus "$bus" launch large >"$scratch/output" 2>&1 </dev/null {lock}>&- &
        pid=$!
        wait_for 20 unpacks large || fail "large: it unpacks"
        kill -$how "$(keeper_of large)"
        wait $pid
        expect "large: a launch whose keeper gets SIG$how meanwhile fails" 1 $?
        expect_as_before "large: nothing is left after SIG$how" "$before"
done

"$build/davitctl" --bus "$bus" launch large >"$scratch/output" 2>&1 </dev/null {lock}>&- &
pid=$!
wait_for 20 unpacks large || fail "large: it unpacks"
check "large: a launch that unpacks is stopped as a container is" ctl stop large
wait $pid
expect_like "large: who launched it is told" "1 *called off*" "$? $(cat "$scratch/output")"
expect_as_before "large: nothing is left of what was stopped" "$before"

# Those that say nothing of an end, as the one of a terminal whose size changes, are for the container.
"$build/davitctl" --bus "$bus" launch large >"$scratch/output" 2>&1 </dev/null {lock}>&- &
pid=$!
wait_for 20 unpacks large || fail "large: it unpacks"
keeper=$(keeper_of large)
kill -WINCH "$keeper" && kill -USR1 "$keeper" && kill -USR2 "$keeper" || fail "large: its keeper hears signals"
wait $pid
expect "large: a launch goes on whatever else its keeper is told" 0 $?
ctl stop large
rm -rf "$state/large"

if command -v dbus-monitor >/dev/null && command -v script >/dev/null; then
        dbus-monitor --address "$bus" "type='signal',member='LaunchProgress'" >"$scratch/progress" 2>/dev/null {lock}>&- &
        monitor=$!
        jobs_to_end+=($monitor)
        wait_for 10 grep -q NameAcquired "$scratch/progress"
        script -qec "$build/davitctl --bus $bus launch large" /dev/null >"$scratch/bar" 2>&1 </dev/null {lock}>&-
        expect "large: it is launched in the end" large "$(names containers | grep -x large)"
        expect_like "large: a bar was drawn" "*Unpacking \[*100% of *" "$(tr -d '\r' <"$scratch/bar")"
        expect_soon "large: the bus was told of it" eval \
                "[ \$(grep -c 'member=LaunchProgress' '$scratch/progress') -ge 50 ]"
        expect "large: by name" 'large' "$(sed -n 's/^ *string "\(large\)"$/\1/p' "$scratch/progress" | sort -u)"
        ctl stop large
        end_process $monitor
else
        skip_case "large: there is no dbus-monitor or script"
fi
rm -rf "$state/large"
expect_as_before "nothing of any of them is left" "$before"

# A keeper that is killed with all layers in place.
for kind in folder squashfs archive; do
        ctl launch kept-$kind
        keeper=$(record kept-$kind KEEPER_PID)
        kill -KILL "$keeper"
        expect_soon "kept-$kind: a container whose keeper was killed is gone" knows_not containers kept-$kind
        rm -rf "$state/kept-$kind"
        expect_as_before "kept-$kind: and all of its layers" "$before"
done
ip link del dvbr0
