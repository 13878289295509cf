# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What makes the guest's tree a guest: our programs, and as few services as can be. To be sourced by tests/vm/build.

# Root's ids for containers, as ./bootstrap makes them; container_base lies within.
subid_range=root:1000000:65536000

# Static, so that they run in any guest and in any container of it.
compile() {
        local output=$1
        shift
        gcc -std=gnu11 -O2 -g -D_GNU_SOURCE -Wall -Wextra -static -I "$here" -o "$output" "$@"
}

add_programs() {
        local tree=$1

        compile "$tree/usr/local/sbin/vm-agent" "$here"/agent/*.c &&
                compile "$tree/usr/local/bin/phonesim" "$here"/phonesim/*.c &&
                compile "$tree/usr/local/bin/usbprobe" "$here/probe/usbprobe.c" &&
                compile "$tree/usr/local/bin/stamp" "$here/probe/stamp.c" &&
                install -m 755 "$here/image/gpusim" "$tree/usr/local/bin/gpusim" &&
                install -m 755 "$tree/usr/local/bin/usbprobe" "$tree$container_root/usr/local/bin/usbprobe" &&
                chown "$container_base:$container_base" "$tree$container_root/usr/local/bin/usbprobe"
}

add_units() {
        local tree=$1 units=$1/etc/systemd/system unit

        install -m 644 "$here/image/agent.service" "$units/vm-agent.service"
        install -m 644 "$here/image/phonesim.service" "$units/phonesim.service"
        mkdir -p "$units/sysinit.target.wants"
        ln -s ../vm-agent.service "$units/sysinit.target.wants/vm-agent.service"
        ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
        for unit in $(sed 's/#.*//' "$here/image/masked-units"); do
                ln -sf /dev/null "$units/$unit"
        done
        echo virtio_console >"$tree/etc/modules-load.d/vm.conf"
        mkdir -p "$tree/etc/systemd/journald.conf.d"
        printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$tree/etc/systemd/journald.conf.d/vm.conf"
}

add_files() {
        local tree=$1

        echo vm >"$tree/etc/hostname"
        echo "127.0.0.1 localhost vm" >"$tree/etc/hosts"
        : >"$tree/etc/fstab"
        echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
        echo "$subid_range" | tee "$tree/etc/subuid" >"$tree/etc/subgid"
}

# apply_settings TREE: to a tree with a kernel's modules.
apply_settings() {
        add_files "$1" && add_units "$1" && add_programs "$1" && depmod -b "$1" "$(kernel_version "$1")"
}
