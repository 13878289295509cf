#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# limit: 400
#
# The services of the host beside davit: ModemManager, UDisks and NetworkManager run, and take what is plugged in; gvfs
# and the like go by what udev says of a player or camera, which here is said by a rule of ours. What is given to a
# container they leave alone, and what is the host's again they take again. Of two serial adapters that are alike one is
# given: to the other ModemManager goes on talking.

. "${BASH_SOURCE[0]%/*}/../scenario.sh"

machine=$build/vm/machines/$scenario

# said SERIAL: the bytes that were written to that adapter.
said() {
        stat -c %s "$machine/$1"
}

# look_for_modems SERIAL...: ModemManager begins anew, and is through with these.
look_for_modems() {
        local serial

        guest "systemctl restart ModemManager"
        for serial; do
                eventually 90 "journalctl --output=cat _SYSTEMD_INVOCATION_ID=\$(systemctl show -P InvocationID ModemManager) |
                        grep \"couldn't .* device '.*/$(port_of "$serial")'\"" "ModemManager has tried $serial"
        done
}

port_of() {
        guest "for serial in /sys/bus/usb/devices/*/serial; do
                [ \$(cat \$serial) != $1 ] || basename \$(dirname \$serial)
        done"
}

# What udev says to the host's services about all parts of the devices with a serial number.
hints='for device in $(udevadm trigger --dry-run --verbose --property-match=ID_SERIAL_SHORT="*"); do
                udevadm info --query=property $device |
                        grep -o -e "^ID_MM_[A-Z]*_IGNORE=1" -e "^UDISKS_IGNORE=1" -e "^CURRENT_TAGS=.*:uaccess:" \
                                -e "^ID_MTP_DEVICE=1" -e "^ID_MEDIA_PLAYER=phone" -e "^ID_GPHOTO2=1" |
                        sed "s/=.*//"
        done | sort -u | xargs'

# Two adapters that ModemManager is told to try, which it does with few that are not modems.
guest "mkdir -p /run/udev/rules.d
        echo 'SUBSYSTEMS==\"usb\", ATTRS{idVendor}==\"0403\", ENV{ID_MM_DEVICE_PROCESS}=\"1\"' \
                >/run/udev/rules.d/60-scenario.rules
        echo 'ENV{ID_SERIAL_SHORT}==\"PHONE\", ENV{DEVTYPE}==\"usb_device\",' \
                'ENV{ID_MTP_DEVICE}=\"1\", ENV{ID_MEDIA_PLAYER}=\"phone\", ENV{ID_GPHOTO2}=\"1\"' \
                >>/run/udev/rules.d/60-scenario.rules
        udevadm control --reload
        systemctl unmask --quiet ModemManager NetworkManager udisks2
        systemctl start ModemManager NetworkManager udisks2"
for serial in GIVEN KEPT; do
        backend='{"type": "file", "data": {"out": "'$machine/$serial'"}}'
        qemu '{"execute": "chardev-add", "arguments": {"id": "'$serial'", "backend": '"$backend"'}}'
        plug usb-serial id=$serial chardev=$serial serial=$serial bus=xhci.0 always-plugged=on
done
truncate -s 16M "$machine/stick"
backend='{"driver": "file", "node-name": "stick", "filename": "'$machine/stick'"}'
qemu '{"execute": "blockdev-add", "arguments": '"$backend"'}'
plug usb-storage id=stick drive=stick serial=STICK bus=xhci.0
qemu netdev_add type=user id=wire
plug virtio-net-pci id=card netdev=wire bus=rp2
phones plug --serial PHONE --mode mtpadb
phones wait all >/dev/null

# ---- they are the host's

eventually 60 "udevadm settle; udisksctl info -b /dev/sda | grep 'HintIgnore: *false'" "UDisks has the stick"
eventually 60 "nmcli -t -f device,state device | grep '^en.*:connected'" "NetworkManager has brought the card up"
expect "the user at the screen has the phone, a player and a camera" \
        "CURRENT_TAGS ID_GPHOTO2 ID_MEDIA_PLAYER ID_MTP_DEVICE" "$(guest "$hints")"
look_for_modems KEPT GIVEN
expect "and has talked to both" "yes yes" \
        "$([ "$(said KEPT)" -gt 0 ] && echo yes) $([ "$(said GIVEN)" -gt 0 ] && echo yes)"

# ---- they are given

policy <<'END'
version: 1
rules:
  - name: the adapter, the stick, the phone
    match: { class: usb, serial: [GIVEN, STICK, PHONE] }
    give: { to: box }
  - name: the card
    match: { class: net, driver: virtio_net }
    give: { to: box, net: { name: lan0 } }
END
given=$(said GIVEN)
kept=$(said KEPT)
launch box
eventually 20 "grants | grep -c ' box active' | grep -x 4" "all four are given"
eventually 20 "udisksctl info -b /dev/sda | grep 'HintIgnore: *true'" "UDisks is told to leave the stick alone"
eventually 20 "nmcli -t -f device device | grep -c '^en' | grep -x 0" "NetworkManager has lost the card"
eventually 20 "$hints | grep -x 'ID_MM_DEVICE_IGNORE ID_MM_PORT_IGNORE UDISKS_IGNORE'" \
        "ModemManager is told so, the user at the screen has the phone no more, and nobody opens its files"
look_for_modems KEPT
expect "it has talked to that one" yes "$([ "$(said KEPT)" -gt "$kept" ] && echo yes)"
expect "and not to the one that is given" "$given" "$(said GIVEN)"

# ---- they are the host's again

guest "davitctl stop box"
eventually 20 "udisksctl info -b /dev/sda | grep 'HintIgnore: *false'" "UDisks has the stick again"
eventually 60 "nmcli -t -f device,state device | grep '^en.*:connected'" "NetworkManager has the card up again"
eventually 20 "$hints | grep -x 'CURRENT_TAGS ID_GPHOTO2 ID_MEDIA_PLAYER ID_MTP_DEVICE'" \
        "the user at the screen has the phone again, with its files, and no hint is left"
look_for_modems KEPT GIVEN
expect "and has talked to the one that was given" yes "$([ "$(said GIVEN)" -gt "$given" ] && echo yes)"
