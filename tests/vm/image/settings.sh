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

# With the guest's own libraries, for what is to run with those of a container of the same release.
compile_in() {
        local tree=$1 output=$2 source=$3
        shift 3
        chroot "$tree" gcc -std=gnu11 -O2 -g -D_GNU_SOURCE -Wall -Wextra -x c -o "$output" - "$@" <"$source"
}

# add_to_container TREE PROGRAM...: of the guest.
add_to_container() {
        local tree=$1 program place
        shift
        for program; do
                place=$tree$container_root/usr/local/bin/$program
                install -m 755 "$tree/usr/local/bin/$program" "$place" &&
                        chown "$container_base:$container_base" "$place" || return
        done
}

add_programs() {
        local tree=$1

        compile "$tree/usr/local/sbin/vm-agent" "$here"/agent/*.c &&
                compile "$tree/usr/local/bin/phonesim" "$here"/phonesim/*.c &&
                compile "$tree/usr/local/bin/usbprobe" "$here/probe/usbprobe.c" &&
                compile "$tree/usr/local/bin/stamp" "$here/probe/stamp.c" &&
                compile_in "$tree" /usr/local/bin/usbevents "$here/probe/usbevents.c" -lusb-1.0 &&
                install -m 755 "$here/image/gpusim" "$tree/usr/local/bin/gpusim" &&
                add_to_container "$tree" usbprobe usbevents
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
