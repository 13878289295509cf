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
#include <poll.h>
#include <sched.h>
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
#include "launch/root-layers.h"
#include "util/fd.h"
#include "util/string.h"

#define DEFAULT_RUNTIME_DIR "/run/davit"
#define WAIT_MS             5000
#define LOCK_TRIES          16
#define ASKED_MAX           1000 /* a millisecond apart */

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

/* "/proc/PID/ns/mnt" as a number that no other mount namespace has while this one lives. */
static int mount_namespace_of(const char *path, ino_t *ret) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        *ret = st.st_ino;
        return 0;
}

int container_place_write(const char *folder, const char *cgroup) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        ino_t mounts;
        int r;

        r = mount_namespace_of("/proc/self/ns/mnt", &mounts);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s/place", folder) < 0 ||
            asprintf(&text, "%s\n%ju\n", cgroup, (uintmax_t)mounts) < 0)
                return -ENOMEM;
        return fd_write_file(AT_FDCWD, path, text, strlen(text), 0600);
}

/* What the keeper wrote down; where there is no word of it, the usual cgroup and 0. */
static int container_place_find(const char *runtime_dir, const char *name, const char *folder,
                                char **ret_cgroup, ino_t *ret_mounts) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        uint64_t mounts = 0;
        char *second;
        int r;

        if (asprintf(&path, "%s/place", folder) < 0)
                return -ENOMEM;
        r = fd_read_file(AT_FDCWD, path, PATH_MAX + 32, &text, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        second = r >= 0 ? strchr(text, '\n') : NULL;
        if (second) {
                *second++ = '\0';
                second[strcspn(second, "\n")] = '\0';
        }
        if (second && string_to_u64(second, 10, UINT64_MAX, &mounts) >= 0 && cgroup_path_is_valid(text))
                *ret_cgroup = TAKE_PTR(text);
        else {
                r = launch_cgroup(runtime_dir, name, ret_cgroup);
                if (r < 0)
                        return r;
        }
        *ret_mounts = (ino_t)mounts;
        return 0;
}

/*
 * davitd as a service has a mount namespace of its own. The mounts of a keeper that was the host's show in
 * it, but taking them off there does not reach the host.
 */
static int join_mounts(ino_t mounts) {
        ino_t host = 0, own = 0;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = mount_namespace_of("/proc/self/ns/mnt", &own);
        if (r < 0)
                return r;
        if (mounts == 0 || mounts == own || mount_namespace_of("/proc/1/ns/mnt", &host) < 0 || mounts != host)
                return 0;
        fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
        return fd < 0 || setns(fd, CLONE_NEWNS) < 0 ? -errno : 0;
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

int container_folder_lock(const char *folder) {
        _cleanup_free_ char *path = NULL;
        unsigned int asked = 0;

        if (asprintf(&path, "%s/lock", folder) < 0)
                return -ENOMEM;
        for (unsigned int i = 0; i < LOCK_TRIES;) {
                int r;

                if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                        return -errno;
                r = fd_open_locked(path, O_RDWR | O_CREAT, 0600);
                /* Who asks whether there is a keeper has the lock himself for an instant, shared. */
                if (r == -EBUSY && container_folder_is_locked(folder) == 0 && asked++ < ASKED_MAX) {
                        poll(NULL, 0, 1);
                        continue;
                }
                if (r != -EAGAIN)
                        return r;
                i++;
        }
        return -EBUSY;
}

static void keep_first(int *ret, int r) {
        if (r < 0 && *ret == 0)
                *ret = r;
}

int leftovers_remove(const char *runtime_dir, const char *name) {
        _cleanup_free_ char *cgroup = NULL, *folder = NULL, *root = NULL;
        ino_t mounts;
        int ret = 0, r;

        r = container_folder_path(runtime_dir, name, &folder);
        if (r >= 0)
                r = container_place_find(runtime_dir, name, folder, &cgroup, &mounts);
        if (r >= 0)
                r = join_mounts(mounts);
        if (r < 0)
                return r;
        if (asprintf(&root, "%s/rootfs", folder) < 0)
                return -ENOMEM;
        /* Processes first: they hold the rest. The filter outlives them all. */
        keep_first(&ret, cgroup_tree_remove(cgroup, WAIT_MS));
        keep_first(&ret, filter_destroy(cgroup));
        keep_first(&ret, live_dev_destroy(runtime_dir, name));
        keep_first(&ret, small_root_destroy(root));
        keep_first(&ret, root_layers_destroy(folder));
        return ret;
}

/* What fd_write_file() had not yet given its name when its keeper was killed. */
static int remove_unfinished(const char *folder, int fd) {
        _cleanup_(closedirp) DIR *dir = opendir(folder);
        const struct dirent *entry;
        int ret = 0;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir)))
                if (entry->d_name[0] == '.' && !streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
                    unlinkat(fd, entry->d_name, /* flags= */ 0) < 0)
                        keep_first(&ret, -errno);
        return ret;
}

int container_folder_remove(const char *folder) {
        static const char *const files[] = {"state", "log", "seccomp", "place", "alias", "lock"};
        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, folder);
        int ret = 0;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        keep_first(&ret, remove_unfinished(folder, fd));
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
        /* The next try needs to know what there is. */
        if (ret == -EBUSY)
                return ret;
        keep_first(&ret, container_folder_remove(folder));
        return ret;
}
