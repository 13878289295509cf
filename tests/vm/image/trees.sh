# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The two Debian trees, and the kernel: all that is fetched. To be sourced by tests/vm/build.

release=bookworm

# The folder inside the guest, and the owner of that tree: an id in root's range of the guest's /etc/subuid, far from
# where davit-container begins to look for a free one.
container_root=/srv/debian
container_base=30000000

# Without what nobody reads there.
tree_options=(--variant=minbase --mode=root --format=directory
        --aptopt='APT::Install-Recommends "false"'
        --dpkgopt='path-exclude=/usr/share/man/*'
        --dpkgopt='path-exclude=/usr/share/doc/*'
        --dpkgopt='path-exclude=/usr/share/locale/*')

# Where this machine's own apt gets the release from, if it does; else mmdebstrap knows a place.
apt_sources() {
        local file

        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
                if grep -qs "^[^#]*\b$release\b" "$file"; then
                        echo "$file"
                fi
        done
}

# The names in a list of packages, with commas.
names_in() {
        sed 's/#.*//' "$@" | tr -s ' \n' ',' | sed 's/^,//; s/,$//'
}

# What it takes to build davit; of several names of one package the first is that of this release.
davit_packages() {
        "$top/bootstrap" packages debian | tr -s ' ' '\n' | sed 's/|.*//'
}

fetch_tree() {
        local packages=$1 folder=$2 sources=()
        shift 2

        mapfile -t sources < <(apt_sources)
        mmdebstrap "${tree_options[@]}" --include="$packages" "$@" "$release" "$folder" "${sources[@]}" || return
        rm -rf "$folder"/var/lib/apt/lists/* "$folder"/var/cache/apt/* "$folder"/var/log/*
        rm -f "$folder/etc/resolv.conf" "$folder/etc/hostname"
        # Empty: one that is missing would make it a first boot.
        : >"$folder/etc/machine-id"
}

# Hands every file of a tree to the ids of a container.
shift_owners() {
        python3 - "$1" "$container_base" <<'END'
import os
import stat
import sys

top, base = sys.argv[1], int(sys.argv[2])


def shift(path):
    entry = os.lstat(path)
    os.lchown(path, entry.st_uid + base, entry.st_gid + base)
    # A change of the owner takes the bits of set-user-id programs.
    if not stat.S_ISLNK(entry.st_mode):
        os.chmod(path, stat.S_IMODE(entry.st_mode))


shift(top)
seen = set()
for folder, folders, files in os.walk(top):
    for name in folders + files:
        path = os.path.join(folder, name)
        entry = os.lstat(path)
        if entry.st_nlink > 1 and not stat.S_ISDIR(entry.st_mode):
            if entry.st_ino in seen:
                continue
            seen.add(entry.st_ino)
        shift(path)
END
}

# The kernel's package, unpacked and not installed: its scripts would make an initramfs that nobody boots.
kernel_hook='set -e
        mkdir "$1/kernel"
        cd "$1/kernel"
        name=$(APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache depends linux-image-amd64 |
                sed -n "s/.*Depends: \(linux-image-[0-9].*\)/\1/p" | head -n 1)
        APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download "$name"
        dpkg-deb -x ./*.deb .
        mkdir -p ../usr/lib/modules
        mv lib/modules/* ../usr/lib/modules/
        mv boot/vmlinuz-* ../boot/
        cd /
        rm -rf "$1/kernel"'

# fetch_trees FOLDER: the guest's tree and, in it, the one of a container.
fetch_trees() {
        local folder=$1

        fetch_tree "$(davit_packages | cat - "$here/image/packages" | names_in)" "$folder" \
                --customize-hook="$kernel_hook" &&
                fetch_tree "$(names_in "$here/image/container-packages")" "$folder$container_root" &&
                shift_owners "$folder$container_root" &&
                # Where a folder of the host comes to be, in the guest and when davit is compiled for it.
                mkdir "$folder/host"
}
