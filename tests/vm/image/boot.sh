# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Of the guest's tree, what QEMU takes: the kernel, an initramfs, a disk. To be sourced by tests/vm/build.

disk_size=6G

kernel_version() {
        ls "$1/usr/lib/modules"
}

# Only what it takes to mount the disk.
make_initramfs() {
        local tree=$1 output=$2 version=$3 folder number=100 module

        folder=$(mktemp -d) || return
        mkdir "$folder"/{bin,dev,modules,proc,root,sys}
        cp "$tree/bin/busybox" "$folder/bin/busybox"
        cp "$here/image/init" "$folder/init"
        while read -r module; do
                cp "$module" "$folder/modules/$number-${module##*/}"
                number=$((number + 1))
        done < <(modprobe -d "$tree" -S "$version" -a --show-depends virtio_pci virtio_blk crc32c_generic ext4 |
                sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$1]++')
        (cd "$folder" && find . | cpio -o -H newc --quiet | gzip -1) >"$output"
        rm -rf "$folder"
}

# make_boot TREE FOLDER
make_boot() {
        local tree=$1 folder=$2 version

        version=$(kernel_version "$tree") || return
        cp "$tree/boot/vmlinuz-$version" "$folder/vmlinuz" &&
                make_initramfs "$tree" "$folder/initrd.img" "$version" &&
                mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -m 0 -d "$tree" \
                        "$folder/base.ext4" "$disk_size" >/dev/null
}
