/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Making a live /dev and taking it off.
 *
 * The tmpfs is filled while it is attached nowhere, and then moved into place: whoever finds it finds it
 * complete, and a crash on the way leaves nothing but an empty folder.
 *
 * Its limits are there for the container's root, who can write to dev/. The kernel counts one inode for each
 * name, and each KiB or so of extended attributes as another: a node with both names and a long event takes
 * some four. An entry of the udev database takes a page or two.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "inject/live-dev-internal.h"
#include "inject/udev-folder.h"
#include "util/fd.h"
#include "util/string.h"

#define TMPFS_SIZE      "64k"
#define TMPFS_SIZE_UDEV "16m"
#define TMPFS_INODES    "16384" /* some 4096 nodes */

/* Mounts of the same path on top of each other that are taken off; more than one is another's doing already.
 */
#define STACKED_MAX 16

int live_dev_path(const char *runtime_dir, const char *name, char *buffer, size_t size) {
        if (!string_is_name(name))
                return -EINVAL;
        if (snprintf(buffer, size, "%s/dev/%s", runtime_dir, name) >= (int)size)
                return -ENAMETOOLONG;
        return 0;
}

/* A folder with exactly this owner and mode, whatever the umask is. Return: 0; errno. */
static int make_folder(int at_fd, const char *name, gid_t gid, mode_t mode) {
        if (mkdirat(at_fd, name, 0700) < 0 || fchownat(at_fd, name, 0, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(at_fd, name, mode, /* flags= */ 0) < 0)
                return -errno;
        return 0;
}

static int make_nodes(int dev_fd, uid_t uid, gid_t gid) {
        static const struct {
                const char *path;
                unsigned int major, minor;
        } nodes[] = {
                {"null", 1, 3},    {"zero", 1, 5}, {"full", 1, 7},       {"random", 1, 8},
                {"urandom", 1, 9}, {"tty", 5, 0},  {"net/tun", 10, 200},
        };

        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                if (mknodat(dev_fd, nodes[i].path, S_IFCHR | 0600, makedev(nodes[i].major, nodes[i].minor)) <
                            0 ||
                    fchownat(dev_fd, nodes[i].path, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
                    fchmodat(dev_fd, nodes[i].path, 0666, /* flags= */ 0) < 0)
                        return -errno;
        return 0;
}

static int make_links(int dev_fd, uid_t uid, gid_t gid) {
        static const struct {
                const char *path, *target;
        } links[] = {
                {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
                {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
        };

        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (symlinkat(links[i].target, dev_fd, links[i].path) < 0 ||
                    fchownat(dev_fd, links[i].path, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
        return 0;
}

static int fill(int root_fd, uid_t uid, gid_t gid, bool udev) {
        _cleanup_close_ int dev_fd = -EBADF;
        int r;

        /* The container's root passes through on its way to dev/. Another user of the host must not: a rule
         * may give a node a mode that lets everybody inside have it. */
        if (fchownat(root_fd, "", 0, gid, AT_EMPTY_PATH) < 0 ||
            fchmodat(root_fd, ".", 0710, /* flags= */ 0) < 0)
                return -errno;
        r = make_folder(root_fd, "held", 0, 0700);
        if (r < 0)
                return r;
        r = make_folder(root_fd, "dev", gid, 0775);
        if (r < 0)
                return r;
        dev_fd = fd_open_dir(root_fd, "dev");
        if (dev_fd < 0)
                return dev_fd;

        if ((r = make_folder(dev_fd, "pts", 0, 0755)) < 0 ||
            (r = make_folder(dev_fd, "mqueue", 0, 0755)) < 0 ||
            (r = make_folder(dev_fd, "shm", 0, 01777)) < 0 || (r = make_folder(dev_fd, "net", 0, 0755)) < 0 ||
            (r = make_folder(dev_fd, "bus", 0, 0755)) < 0 ||
            (r = make_folder(dev_fd, "bus/usb", 0, 0755)) < 0)
                return r;
        if ((r = make_nodes(dev_fd, uid, gid)) < 0 || (r = make_links(dev_fd, uid, gid)) < 0)
                return r;
        return udev ? udev_folder_make(root_fd) : 0;
}

/* Return: 1 it is a mount point; 0 not; -ENOENT; errno. */
static int is_mount_point(const char *path) {
        char above[PATH_MAX + 3];
        struct stat st, st_above;

        snprintf(above, sizeof(above), "%s/..", path);
        if (lstat(path, &st) < 0 || lstat(above, &st_above) < 0)
                return -errno;
        return st.st_dev != st_above.st_dev;
}

static int take_off(const char *path) {
        for (unsigned int i = 0; i < STACKED_MAX; i++) {
                int r = is_mount_point(path);

                if (r == -ENOENT)
                        return 0;
                if (r < 0)
                        return r;
                if (r == 0)
                        return rmdir(path) < 0 ? -errno : 0;
                /* Detached, as the container's end may not have been seen by the last of its processes yet.
                 */
                if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
                        return -errno;
        }
        return -ELOOP;
}

/* Mounts a new tmpfs of the initial user namespace. Return: 0; errno, with nothing mounted. */
static int put_on(const char *path, bool udev) {
        char options[128];
        int r;

        snprintf(options, sizeof(options), "mode=0700,size=%s,nr_inodes=%s",
                 udev ? TMPFS_SIZE_UDEV : TMPFS_SIZE, TMPFS_INODES);
        if (mount("davit", path, "tmpfs", MS_NOSUID | MS_NOEXEC, options) < 0)
                return -errno;
        /* On a shared mount it is shared too: what liblxc mounts in the container's view of it would come
         * back to the host. */
        if (mount(NULL, path, "tmpfs", MS_PRIVATE, NULL) < 0) {
                r = -errno;
                umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
                return r;
        }
        return 0;
}

static int put_on_and_fill(const char *path, uid_t uid, gid_t gid, bool udev) {
        _cleanup_close_ int root_fd = -EBADF;
        int r;

        r = put_on(path, udev);
        if (r < 0)
                return r;
        root_fd = fd_open_dir(AT_FDCWD, path);
        r = root_fd < 0 ? root_fd : fill(root_fd, uid, gid, udev);
        if (r < 0)
                umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        return r;
}

int live_dev_create(const char *runtime_dir, const char *name, uid_t root_uid, gid_t root_gid, bool udev) {
        char path[PATH_MAX];
        int r;

        assert(runtime_dir && name);

        r = live_dev_destroy(runtime_dir, name);
        if (r < 0)
                return r;
        r = live_dev_path(runtime_dir, name, path, sizeof(path));
        if (r < 0)
                return r;
        r = fd_mkdir_parents(path, 0755);
        if (r < 0)
                return r;
        r = put_on_and_fill(path, root_uid, root_gid, udev);
        if (r < 0)
                rmdir(path);
        return r;
}

int live_dev_destroy(const char *runtime_dir, const char *name) {
        _cleanup_(live_dev_closep) LiveDev *live = NULL;
        char path[PATH_MAX];
        int r, revoked = 0;

        assert(runtime_dir && name);

        r = live_dev_path(runtime_dir, name, path, sizeof(path));
        if (r < 0)
                return r;
        /* A hoarded bind mount keeps the file system alive: taking the mount off alone revokes nothing. */
        r = live_dev_open(runtime_dir, name, &live);
        if (r >= 0)
                revoked = live_dev_revoke_all(live);
        else if (r != -ENOENT)
                revoked = r;
        r = take_off(path);
        return r < 0 ? r : revoked;
}
