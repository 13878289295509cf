/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Folders below a live dev/.
 *
 * dev/ itself is writable for the container's root, as programs expect to make things there. So each name
 * directly in it may be a symlink, a folder of the container's own, or one of ours under another name. What
 * holds it together:
 *
 * - no symlink is followed, ever, and no mount point crossed;
 * - nodes are placed only in folders that are host root's and writable for nobody else. To move such a folder
 * to another parent the container would have to write to it; so below the first level, what we made stays
 * where we made it, and only the ownership of the innermost folder has to be looked at;
 * - a folder that the container made where we need one (its udevd or tmpfiles did, for instance) becomes
 * ours: what it put there stays, but it can replace nothing there any more. Ownership is checked by the
 * kernel at each access, so a descriptor that the container kept from before does not help it.
 *
 * The container may rename a first-level folder of ours at any moment. It then has the nodes under another
 * name; they are revoked through held/ all the same.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject/dev-folder.h"
#include "util/fd.h"
#include "util/string.h"

#define FOLDER_MODE 0755

/* What liblxc mounts over: a node there would be out of sight, and its mode is not ours to change. */
static bool is_mount_point(const char *folder) {
        size_t n = strcspn(folder, "/");

        return (n == 3 && (strncmp(folder, "pts", n) == 0 || strncmp(folder, "shm", n) == 0)) ||
               (n == 6 && strncmp(folder, "mqueue", n) == 0);
}

bool dev_folder_is_standard(const char *path) {
        return is_mount_point(path) || streq(path, "net") || streq(path, "bus") || streq(path, "bus/usb");
}

/* Splits @path into its folder, copied to @folder ("" for none), and its last component. */
static int split(const char *path, char folder[static PATH_MAX], const char **ret_base) {
        const char *slash = strrchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : 0;

        if (n >= PATH_MAX)
                return -ENAMETOOLONG;
        memcpy(folder, path, n);
        folder[n] = '\0';
        if (ret_base)
                *ret_base = slash ? slash + 1 : path;
        return 0;
}

static bool is_ours(const struct stat *st) {
        return st->st_uid == 0 && st->st_gid == 0 && (st->st_mode & 07777) == FOLDER_MODE;
}

/* One step down; with @make made, and made ours, where it is not. Return: fd; errno. */
static int step_into(int parent_fd, const char *name, bool make) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st, above;

        if (make && mkdirat(parent_fd, name, FOLDER_MODE) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || fstat(parent_fd, &above) < 0)
                return -errno;
        if (st.st_dev != above.st_dev)
                return -EXDEV;
        /* Owner first: from then on the container cannot change the mode back. */
        if (make && !is_ours(&st) && (fchown(fd, 0, 0) < 0 || fchmod(fd, FOLDER_MODE) < 0))
                return -errno;
        return TAKE_FD(fd);
}

static int walk(int dev_fd, const char *folder, bool make) {
        _cleanup_close_ int fd = -EBADF;
        char copy[PATH_MAX], *save = NULL;

        strcpy(copy, folder);
        for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
                int next = streq(name, "..") ? -EXDEV : step_into(fd < 0 ? dev_fd : fd, name, make);

                if (next < 0)
                        return next;
                safe_close(fd);
                fd = next;
        }
        return TAKE_FD(fd);
}

static int open_beneath(int dev_fd, const char *folder) {
        const struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
        };
        int fd;

        fd = *folder ? (int)syscall(SYS_openat2, dev_fd, folder, &how, sizeof(how))
                     : fcntl(dev_fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0)
                return fd;
        /* Before Linux 5.6, or where something between us and the kernel does not know the call. */
        return errno == ENOSYS ? walk(dev_fd, folder, /* make= */ false) : -errno;
}

int dev_folder_open(int dev_fd, const char *path, const char **ret_base) {
        char folder[PATH_MAX];
        int r;

        assert(path);

        r = split(path, folder, ret_base);
        return r < 0 ? r : open_beneath(dev_fd, folder);
}

int dev_folder_make(int dev_fd, const char *path, const char **ret_base) {
        _cleanup_close_ int fd = -EBADF;
        char folder[PATH_MAX];
        struct stat st;
        int r;

        assert(path);

        r = split(path, folder, ret_base);
        if (r < 0)
                return r;
        if (is_mount_point(folder))
                return -EEXIST;
        fd = open_beneath(dev_fd, folder);
        if (!*folder)
                return TAKE_FD(fd);
        if (fd >= 0) {
                if (fstat(fd, &st) < 0)
                        return -errno;
                if (is_ours(&st))
                        return TAKE_FD(fd);
        }
        r = walk(dev_fd, folder, /* make= */ true);
        return r == -ELOOP || r == -ENOTDIR || r == -EXDEV ? -EEXIST : r;
}

static void cache_drop(DevFolders *folders, unsigned int i) {
        if (!folders->cache[i].path)
                return;
        free(folders->cache[i].path);
        safe_close(folders->cache[i].fd);
        folders->cache[i].path = NULL;
        folders->cache[i].fd = -EBADF;
}

void dev_folders_forget(DevFolders *folders) {
        for (unsigned int i = 0; i < DEV_FOLDERS_CACHED; i++)
                cache_drop(folders, i);
}

static int cache_find(const DevFolders *folders, const char *folder) {
        for (unsigned int i = 0; i < DEV_FOLDERS_CACHED; i++)
                if (folders->cache[i].path && streq(folders->cache[i].path, folder))
                        return (int)i;
        return -ENOENT;
}

/* Hands @fd over. Return: it, borrowed; -ENOMEM, having closed it. */
static int cache_put(DevFolders *folders, const char *folder, int fd) {
        unsigned int i = folders->next++ % DEV_FOLDERS_CACHED;
        char *path = strdup(folder);

        if (!path) {
                safe_close(fd);
                return -ENOMEM;
        }
        cache_drop(folders, i);
        folders->cache[i].path = path;
        folders->cache[i].fd = fd;
        return fd;
}

/* Remembers the folder above @folder, where it is below the first level. Return: whether it did. */
static bool remember_above(DevFolders *folders, const char *folder) {
        char above[PATH_MAX];
        struct stat st;
        int fd;

        if (split(folder, above, NULL) < 0 || !*above)
                return false;
        fd = open_beneath(folders->dev_fd, above);
        if (fd < 0)
                return false;
        if (fstat(fd, &st) < 0 || !is_ours(&st)) {
                safe_close(fd);
                return false;
        }
        return cache_put(folders, above, fd) >= 0;
}

int dev_folders_find(DevFolders *folders, const char *path, bool make, const char **ret_rest) {
        char folder[PATH_MAX], above[PATH_MAX];
        int r;

        r = split(path, folder, ret_rest);
        if (r < 0)
                return r;
        if (!*folder)
                return folders->dev_fd;
        r = cache_find(folders, folder);
        if (r >= 0)
                return folders->cache[r].fd;
        r = split(folder, above, NULL);
        if (r < 0)
                return r;
        r = *above ? cache_find(folders, above) : -ENOENT;
        if (r >= 0) {
                *ret_rest = path + strlen(above) + 1;
                return folders->cache[r].fd;
        }

        r = make ? dev_folder_make(folders->dev_fd, path, NULL)
                 : dev_folder_open(folders->dev_fd, path, NULL);
        if (r < 0 || !make)
                return r < 0 ? r : cache_put(folders, folder, r);
        /* The one above will do for all its like, and outlives the folder. */
        if (!remember_above(folders, folder))
                return cache_put(folders, folder, r);
        safe_close(r);
        return dev_folders_find(folders, path, make, ret_rest);
}

int dev_folders_make_last(int fd, const char *rest) {
        char folder[NAME_MAX + 1];
        size_t n = strcspn(rest, "/");

        if (!rest[n])
                return -ENOENT;
        if (n >= sizeof(folder))
                return -ENAMETOOLONG;
        memcpy(folder, rest, n);
        folder[n] = '\0';
        return mkdirat(fd, folder, FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* Return: 1 @folder is gone; 0 it stays. */
static int remove_folder(DevFolders *folders, const char *folder) {
        const char *base;
        struct stat st;
        int parent_fd, i;

        parent_fd = dev_folders_find(folders, folder, /* make= */ false, &base);
        if (parent_fd < 0)
                return parent_fd == -ENOENT;
        /* Directly in dev/ the name may be the container's own folder by now. */
        if (parent_fd == folders->dev_fd) {
                if (fstatat(parent_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return errno == ENOENT;
                if (!is_ours(&st))
                        return 0;
        }
        if (unlinkat(parent_fd, base, AT_REMOVEDIR) < 0)
                return errno == ENOENT;
        i = cache_find(folders, folder);
        if (i >= 0)
                cache_drop(folders, (unsigned int)i);
        return 1;
}

void dev_folders_prune(DevFolders *folders, const char *path) {
        char folder[PATH_MAX];

        if (split(path, folder, NULL) < 0)
                return;
        while (*folder && !dev_folder_is_standard(folder) && remove_folder(folders, folder)) {
                char *slash = strrchr(folder, '/');

                *(slash ?: folder) = '\0';
        }
}
