/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a container leaves on the host, and how it is taken off, by name alone: so it does not matter who does
 * it, a keeper at the end, the next keeper of that name, or davitd after a keeper was killed.
 *
 * Whoever holds the lock in the container's folder owns all of this. The lock's file goes with the folder; so
 * whoever got a lock looks whether the file is still that of the folder, and tries again where it is not.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject/cgroup.h"
#include "inject/filter.h"
#include "inject/live-dev.h"
#include "launch/cgroup-tree.h"
#include "launch/launch.h"
#include "launch/leftovers.h"
#include "launch/root-folder.h"
#include "util/fd.h"
#include "util/string.h"

#define DEFAULT_RUNTIME_DIR "/run/davit"
#define WAIT_MS             5000
#define LOCK_TRIES          16

int container_folder_path(const char *runtime_dir, const char *name, char **ret) {
        return asprintf(ret, "%s/containers/%s", runtime_dir, name) < 0 ? -ENOMEM : 0;
}

int launch_cgroup(const char *runtime_dir, const char *name, char **ret) {
        uint32_t hash = 2166136261U; /* FNV-1a */
        int r;

        for (const char *p = runtime_dir; *p; p++)
                hash = (hash ^ (unsigned char)*p) * 16777619U;
        if (streq(runtime_dir, DEFAULT_RUNTIME_DIR))
                r = asprintf(ret, "davit/%s", name);
        else
                r = asprintf(ret, "davit-%08" PRIx32 "/%s", hash, name);
        return r < 0 ? -ENOMEM : 0;
}

int container_cgroup_write(const char *folder, const char *cgroup) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/cgroup", folder) < 0)
                return -ENOMEM;
        return fd_write_file(AT_FDCWD, path, cgroup, strlen(cgroup), 0600);
}

/* What the keeper wrote down; the usual folder where there is no word of it. */
static int container_cgroup_find(const char *runtime_dir, const char *name, const char *folder, char **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        if (asprintf(&path, "%s/cgroup", folder) < 0)
                return -ENOMEM;
        r = fd_read_file(AT_FDCWD, path, PATH_MAX, &text, NULL);
        if (r == -ENOENT || (r >= 0 && !cgroup_path_is_valid(text)))
                return launch_cgroup(runtime_dir, name, ret);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}

int container_folder_lock(const char *folder) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/lock", folder) < 0)
                return -ENOMEM;
        for (unsigned int i = 0; i < LOCK_TRIES; i++) {
                _cleanup_close_ int fd = -EBADF;
                struct stat ours, theirs;

                if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                        return -errno;
                fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (fd < 0 && errno == ENOENT)
                        continue; /* removed between the two calls */
                if (fd < 0 || fstat(fd, &ours) < 0)
                        return -errno;
                if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return errno == EWOULDBLOCK ? -EBUSY : -errno;
                if (stat(path, &theirs) >= 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
                        return TAKE_FD(fd);
        }
        return -EBUSY;
}

int container_folder_is_locked(const char *folder) {
        _cleanup_close_ int dir_fd = fd_open_dir(AT_FDCWD, folder), fd = -EBADF;

        fd = dir_fd < 0 ? dir_fd : openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
                int r = dir_fd < 0 ? dir_fd : -errno;

                return r == -ENOENT ? 0 : r;
        }
        if (flock(fd, LOCK_SH | LOCK_NB) >= 0)
                return 0;
        return errno == EWOULDBLOCK ? 1 : -errno;
}

static void keep_first(int *ret, int r) {
        if (r < 0 && *ret == 0)
                *ret = r;
}

int leftovers_remove(const char *runtime_dir, const char *name) {
        _cleanup_free_ char *cgroup = NULL, *folder = NULL, *root = NULL;
        int ret = 0, r;

        r = container_folder_path(runtime_dir, name, &folder);
        if (r >= 0)
                r = container_cgroup_find(runtime_dir, name, folder, &cgroup);
        if (r < 0 || asprintf(&root, "%s/rootfs", folder) < 0)
                return -ENOMEM;
        /* Processes first: they hold the rest. The filter outlives them all. */
        keep_first(&ret, cgroup_tree_remove(cgroup, WAIT_MS));
        keep_first(&ret, filter_destroy(cgroup));
        keep_first(&ret, live_dev_destroy(runtime_dir, name));
        keep_first(&ret, small_root_destroy(root));
        return ret;
}

int container_folder_remove(const char *folder) {
        static const char *const files[] = {"state", "log", "seccomp", "cgroup", "lock"};
        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, folder);
        int ret = 0;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (unlinkat(fd, files[i], /* flags= */ 0) < 0 && errno != ENOENT)
                        keep_first(&ret, -errno);
        if (rmdir(folder) < 0 && errno != ENOENT)
                keep_first(&ret, -errno);
        return ret;
}

int launch_clean_up(const char *runtime_dir, const char *name) {
        _cleanup_free_ char *folder = NULL;
        _cleanup_close_ int lock_fd = -EBADF;
        int r, ret;

        if (!string_is_name(name))
                return -EINVAL;
        r = container_folder_path(runtime_dir, name, &folder);
        if (r < 0)
                return r;
        if (access(folder, F_OK) < 0 && errno == ENOENT)
                return leftovers_remove(runtime_dir, name);
        lock_fd = container_folder_lock(folder);
        if (lock_fd < 0)
                return lock_fd;
        ret = leftovers_remove(runtime_dir, name);
        keep_first(&ret, container_folder_remove(folder));
        return ret;
}
