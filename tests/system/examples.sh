#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The example policies, all four in force at once as they are shipped, with the containers that they name: a device of
# each goes to whom it belongs. The devices are not there: the kernel is made to speak of them as it would of real ones.
# Of every rule of them, tests/plan/test-examples has the outcome.

. "$(dirname "$0")/lib.sh"

examples=$tests/../../policy
for file in "$examples"/*.yaml.example; do
        cp "$file" "$policies/$(basename "$file" .example)"
done
expect "the examples" "10-phones 20-gpu 30-network 40-desktop" "$(cd "$policies" && ls | sed 's/\.yaml$//' | xargs)"
check "have no error" ctl policy check "$policies"
expect "and no warning" "" "$(ctl policy check "$policies" 2>&1 | grep -i warning)"

start_bus && davitd_start || { fail "davitd is ready within 20 s"; exit 1; }
expect "all of their rules are in force" "$(grep -c '^  - name:' "$policies"/*.yaml | awk -F: '{ n += $2 } END { print n }')" \
        "$(list rules | wc -l)"
expect "nothing is said against them" "" "$(grep -e 'warning:' -e 'error:' "$log")"
for name in "ci-1 --label role=ci" "ci-2 --label role=ci" camera-team train-a train-b browser games dev-1; do
        # shellcheck disable=SC2086
        output=$(launch $name 2>&1) || { fail "container $name is launched: $output"; exit 1; }
done

# speak ACTION DEVPATH N KEY=VALUE...: of a device with the Nth number that can be lent.
speak() {
        local action=$1 devpath=$2 numbers
        read -ra numbers < <(lent_number "$3")
        shift 3
        "$build/tests/system/probe" send "$action" "$devpath" "$@" "${numbers[@]}"
}
hub=/devices/pci0000:00/0000:00:14.0/usb3
# on_hub ACTION PORT N VENDOR PRODUCT SERIAL INTERFACES
on_hub() {
        speak "$1" "$hub/${2%%.*}/$2" "$3" SUBSYSTEM=usb DEVTYPE=usb_device DEVNAME="bus/usb/003/0$((10 + $3))" BUSNUM=003 \
                DEVNUM="0$((10 + $3))" ID_VENDOR_ID="$4" ID_MODEL_ID="$5" ID_SERIAL_SHORT="$6" ID_USB_INTERFACES="$7"
}

lent_number 4 | grep -q MAJOR || skip "there are not four device numbers to lend"

on_hub add 3-1.2 1 18d1 4ee7 PIXEL1 :ff4201:
expect_soon "a phone on the hub of job 1 is its own" is_inside ci-1 /dev/bus/usb/003/011
expect "by its serial" /dev/bus/usb/003/011 "$(inside ci-1 readlink -f /dev/phones/PIXEL1)"
on_hub add 3-2.1 2 2717 ff48 MI1 :ff4203:
expect_soon "one on the hub of job 2 is its own" is_inside ci-2 /dev/bus/usb/003/012
on_hub add 3-1.7 3 18d1 4ee7 PIXEL2 :ff4201:
on_hub add 3-2.4 4 18d1 4ee7 9A211FFAZ00ABC :ff4201:
expect_soon "the camera team's goes to the team, on whatever hub" is_inside camera-team /dev/bus/usb/003/014
expect "all others have what they had" "usb-3-1.2 ci-1 active
usb-3-2.1 ci-2 active
usb-3-2.4 camera-team active" "$(grants)"

# The same phone in a mode that no rule matches, away for a moment.
on_hub remove 3-1.2 1 18d1 4ee7 PIXEL1 :ff4201:
expect_soon "a phone that goes away lingers" has_grant usb-3-1.2 ci-1 lingering
on_hub add 3-1.2 1 18d1 d001 PIXEL1 :ffffff:
expect_soon "and comes back to its job in any mode" is_inside ci-1 /dev/bus/usb/003/011
for port in "3-1.2 1" "3-2.1 2" "3-1.7 3" "3-2.4 4"; do
        # shellcheck disable=SC2086
        on_hub remove $port 18d1 4ee7 - :ff4201:
done
for port in 3-1.2 3-2.1 3-2.4; do
        ctl detach "usb-$port" >/dev/null 2>&1
done
expect_soon "all phones are gone" grants_are ""

card=/devices/pci0000:40/0000:41:00.0
"$build/tests/system/probe" send add "$card" SUBSYSTEM=pci DRIVER=nvidia PCI_CLASS=30000 PCI_ID=10DE:20B5 \
        PCI_SLOT_NAME=0000:41:00.0
speak add "$card/drm/renderD129" 1 SUBSYSTEM=drm DEVTYPE=drm_minor DEVNAME=dri/renderD129
expect_soon "the card for training a is a's" is_inside train-a /dev/dri/renderD129
expect "and no other's" "pci-0000:41:00.0 train-a active" "$(grants)"
speak remove "$card/drm/renderD129" 1 SUBSYSTEM=drm DEVTYPE=drm_minor DEVNAME=dri/renderD129
expect_soon "until it is gone" grants_are ""

speak add "$hub/3-3" 1 SUBSYSTEM=usb DEVTYPE=usb_device DEVNAME=bus/usb/003/021 BUSNUM=003 DEVNUM=021 ID_VENDOR_ID=0403 \
        ID_MODEL_ID=6001
speak add "$hub/3-3/3-3:1.0/ttyUSB0/tty/ttyUSB0" 2 SUBSYSTEM=tty DEVNAME=ttyUSB0
expect_soon "a board goes to who develops for it" is_inside dev-1 /dev/ttyUSB0
expect "under its name" /dev/ttyUSB0 "$(inside dev-1 readlink -f /dev/boards/3-3)"
speak remove "$hub/3-3" 1 SUBSYSTEM=usb DEVTYPE=usb_device DEVNAME=bus/usb/003/021
speak add "$hub/3-4/3-4:1.0/host6/target6:0:0/6:0:0:0/block/sdx" 3 SUBSYSTEM=block DEVTYPE=disk DEVNAME=sdx
expect_soon "a disk is known" knows devices usb-3-4
expect "and nobody's" "" "$(grants | grep usb-3-4)"
expect_like "as a rule denies it" "*disks and the security chip*" "$(ctl explain usb-3-4 games)"
speak remove "$hub/3-4/3-4:1.0/host6/target6:0:0/6:0:0:0/block/sdx" 3 SUBSYSTEM=block DEVTYPE=disk DEVNAME=sdx
expect_soon "all is gone" grants_are ""
