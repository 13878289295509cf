#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 240
#
# A USB stick: disk, partition and SCSI node are one device, which the container formats and fills with the ordinary
# programs; what it writes is on the stick. The disk that the host runs from goes to nobody, and neither does the stick
# while the host has it mounted.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

stick=$build/vm/machines/$scenario/stick
offset=$((24 << 20))

nodes() {
        inside box find /dev -xdev -type b -o -name 'sg*' | sort | paste -s -d ' '
}

# Conditions for eventually.
is_given='grants | grep "^usb-.* box active"'
no_nodes='[ -z "$(davitctl exec box -- find /dev -xdev "(" -type b -o -name "sg*" -o -path "*/bus/*" -type c ")" 2>&1)" ]'

truncate -s 32M "$stick"
printf 'from the host\n' | dd of="$stick" bs=1 seek="$offset" conv=notrunc status=none
backend='{"driver": "file", "node-name": "stick", "filename": "'$stick'"}'
qemu '{"execute": "blockdev-add", "arguments": '"$backend"'}'

launch box --rootfs /srv/debian
before=$(inside box find /dev -xdev | sort)
# It takes every disk that this machine has.
policy <<'END'
version: 1
rules:
  - name: disks
    match: { class: block, vendor: [redhat, "46f4"] }
    give: { to: box }
END
expect "the disk that the host runs from is not given" "" "$(nodes)"
expect "the rule that davit brings decides that" 'denied by rule "disks that the host uses"' \
        "$(guest "davitctl explain pci-0000:00:03.0 box | tail -n 1")"

# ---- it comes, empty

plug usb-storage id=stick drive=stick bus=xhci.0 serial=STICK1
eventually 20 "$is_given" "the stick is given"
eventually 20 "davitctl exec box -- ls /dev/sda /dev/sg0" "its disk and its SCSI node are inside"
expect "and no other" "/dev/sda /dev/sg0" "$(nodes)"
expect "they are the container's root's" "brw-rw---- 0 0" "$(inside box stat -c "%A %u %g" /dev/sda)"
expect "what is on it can be read" "from the host" \
        "$(inside box dd if=/dev/sda bs=512 skip=$((offset / 512)) count=1 status=none | head -n 1)"

guest "echo 'start=2048, type=c' | sfdisk --quiet /dev/sda"
eventually 10 "davitctl exec box -- test -b /dev/sda1" "the partition that it gets goes in as well"
inside box mkfs.vfat -n DAVIT /dev/sda1 >/dev/null
inside box sh -c "echo from the container >/tmp/note; mcopy -i /dev/sda1 /tmp/note ::NOTE.TXT; sync /dev/sda1"
expect "what the container writes is on the stick" 1 "$(grep -c -a "from the container" "$stick")"
expect "and the host reads it there" "from the container" \
        "$(guest "mount -o ro /dev/sda1 /mnt && cat /mnt/NOTE.TXT")"

# ---- the host has it mounted

eventually 10 "no_grants && $no_nodes" "what the host mounts is taken back, all of it"
guest "systemctl restart davitd"
expect "another davitd does not give it either" "" "$(guest grants)"
guest "umount /mnt"
eventually 10 "davitctl exec box -- ls /dev/sda1 /dev/sg0" "unmounted, it is given again"
expect "as it was before" "/dev/sda /dev/sda1 /dev/sg0" "$(nodes)"

# ---- pulled out while a program inside reads it, and plugged in again

inside box sh -c 'sleep 1000 </dev/sda >/dev/null 2>&1 & echo $! >/tmp/holder'
unplug stick
eventually 10 "no_grants && $no_nodes" "pulled out, all of its nodes are gone, though one was open"
plug usb-storage id=stick drive=stick bus=xhci.0 serial=STICK1
eventually 20 "davitctl exec box -- sh -c 'ls /dev/sdb1 /dev/sg*'" "plugged in again it is inside by another letter"
expect "and by no other" "/dev/sdb /dev/sdb1 /dev/sg" "$(nodes | sed 's/sg[0-9]*$/sg/')"
expect "what was written is there" "from the container" "$(inside box mtype -i /dev/sdb1 ::NOTE.TXT)"
inside box sh -c 'kill $(cat /tmp/holder)'

unplug stick
eventually 10 "no_grants && $no_nodes" "pulled out again, nothing is granted"
expect "the container's /dev is as it was" "$before" "$(inside box find /dev -xdev | sort)"
guest "davitctl stop box"
