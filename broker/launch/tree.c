/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Removing a tree of files that somebody hostile may have made.
 *
 * The walk goes by descriptors, so no name in the tree is part of a path, and holds two of them however deep
 * it goes: the way back up is "..". Nobody moves folders about meanwhile, as all of the container's processes
 * are gone; a process that unpacks may be about to end, and what it adds until then is met in the next round.
 *
 * What is mounted in the tree is not entered. That is told by the mount, not by the device: on btrfs any user
 * makes subvolumes, each of which looks like another device, and snapshots that cannot be written.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "launch/tree.h"
#include "util/fd.h"
#include "util/string.h"

#define SUBVOLUME_INODE 256 /* of the top of each, BTRFS_FIRST_FREE_OBJECTID of the kernel */

static uint64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int open_folder(int at, const char *name) {
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Removes what is in @fd but for folders with something in them. Return: 1 there is one, its name is in @ret;
 * 0 nothing is left; errno. */
static int empty_folder(int fd, uint64_t deadline, char ret[static NAME_MAX + 1]) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int list = open_folder(fd, ".");
        const struct dirent *entry;

        dir = list < 0 ? NULL : fdopendir(list);
        if (!dir) {
                safe_close(list);
                return list < 0 ? list : -errno;
        }
        while ((entry = readdir(dir))) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (now_ms() >= deadline)
                        return -EBUSY;
                if (unlinkat(fd, entry->d_name, /* flags= */ 0) >= 0 || errno == ENOENT)
                        continue;
                if (errno != EISDIR && errno != EPERM)
                        return -errno;
                if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                        continue;
                if (errno != ENOTEMPTY && errno != EEXIST)
                        return -errno;
                strcpy(ret, entry->d_name);
                return 1;
        }
        return 0;
}

/* Linux 5.8 */
static int mount_of(int fd, struct statx *ret) {
        if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, ret) < 0)
                return -errno;
        return ret->stx_mask & STATX_MNT_ID ? 0 : -EOPNOTSUPP;
}

/* One that does not let itself be made writable shows as such when it is emptied. */
static void make_writable(int fd, const struct statx *st) {
        const uint64_t flags = 0;

        if (st->stx_ino == SUBVOLUME_INODE)
                (void)ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags);
}

/* All below @top, on its own mount. */
static int empty_tree(int top, uint64_t deadline) {
        _cleanup_close_ int fd = open_folder(top, ".");
        unsigned int depth = 0;
        struct statx st, ours;
        int r;

        r = fd < 0 ? fd : mount_of(fd, &ours);
        if (r < 0)
                return r;
        for (;;) {
                char child[NAME_MAX + 1];
                int next;

                r = empty_folder(fd, deadline, child);
                if (r < 0 || (r == 0 && depth == 0))
                        return r;
                next = open_folder(fd, r > 0 ? child : "..");
                if (next == -ENOENT)
                        continue;
                if (next < 0)
                        return next;
                depth += r > 0 ? 1U : -1U;
                safe_close(fd);
                fd = next;
                r = mount_of(fd, &st);
                if (r < 0)
                        return r;
                if (st.stx_mnt_id != ours.stx_mnt_id)
                        return -EBUSY;
                make_writable(fd, &st);
        }
}

int tree_remove(const char *path, int wait_ms) {
        uint64_t deadline = now_ms() + (uint64_t)wait_ms;

        for (;;) {
                _cleanup_close_ int fd = open_folder(AT_FDCWD, path);
                int r;

                if (fd < 0)
                        return fd == -ENOENT ? 0 : fd;
                r = empty_tree(fd, deadline);
                if (r < 0)
                        return r;
                if (rmdir(path) >= 0 || errno == ENOENT)
                        return 0;
                if (errno != ENOTEMPTY && errno != EEXIST)
                        return -errno;
        }
}
