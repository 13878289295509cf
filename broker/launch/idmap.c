/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Mounts whose owners are shifted into a container's range of ids (mount_setattr(2), MOUNT_ATTR_IDMAP).
 *
 * The kernel takes the map from a user namespace. One is made in a child, which has nothing else to do and is
 * ended once its descriptor is ours. The file system itself keeps the owners as they are: one tree serves
 * whichever ids a container has, and a set-uid program or a file capability counts inside as it should.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/idmap.h"
#include "util/fd.h"

static void end_child(pid_t pid) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

static int write_map(pid_t pid, const char *which, uint32_t base, uint32_t count) {
        char path[64], text[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, which);
        snprintf(text, sizeof(text), "0 %" PRIu32 " %" PRIu32 "\n", base, count);
        return fd_write_string(AT_FDCWD, path, text);
}

/* Return: a child in a user namespace of its own, in which nothing is mapped yet; errno. */
static pid_t start_child(void) {
        pid_t parent = getpid(), pid;
        int fds[2], error = EIO;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                error = getppid() != parent ? ESRCH : unshare(CLONE_NEWUSER) < 0 ? errno : 0;
                if (write(fds[1], &error, sizeof(error)) != sizeof(error) || error > 0)
                        _exit(1);
                for (;;)
                        pause();
        }
        if (pid < 0)
                error = errno;
        safe_close(fds[1]);
        if (pid > 0 && read(fds[0], &error, sizeof(error)) != sizeof(error))
                error = EIO;
        safe_close(fds[0]);
        if (error > 0 && pid > 0)
                end_child(pid);
        return error > 0 ? -error : pid;
}

/* Return: a user namespace with the map of @slice; errno. */
static int open_map(const IdSlice *slice) {
        pid_t pid = start_child();
        char path[64];
        int fd, r;

        if (pid < 0)
                return pid;
        r = write_map(pid, "uid_map", slice->uid_base, slice->count);
        if (r >= 0)
                r = write_map(pid, "gid_map", slice->gid_base, slice->count);
        snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
        fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
        if (r >= 0 && fd < 0)
                fd = -errno;
        end_child(pid);
        return fd;
}

int idmap_mount(const char *from, const char *to, const IdSlice *slice, unsigned int attributes) {
        _cleanup_close_ int tree_fd = -EBADF, map_fd = -EBADF;
        struct mount_attr attr = {.attr_set = attributes | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};

        tree_fd = (int)syscall(SYS_open_tree, AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (tree_fd < 0)
                return -errno;
        if (slice) {
                map_fd = open_map(slice);
                if (map_fd < 0)
                        return map_fd;
                attr.attr_set |= MOUNT_ATTR_IDMAP;
                attr.userns_fd = (uint64_t)map_fd;
        }
        if (syscall(SYS_mount_setattr, tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                return slice && (errno == EINVAL || errno == ENOSYS) ? -EOPNOTSUPP : -errno;
        if (syscall(SYS_move_mount, tree_fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;
        return 0;
}

/* The file-system ids are those of the slice; the capabilities that go with the host root's stay. */
static int take_ids(const IdSlice *slice) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        setfsgid(slice->gid_base);
        setfsuid(slice->uid_base);
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int idmap_run(const IdSlice *slice, int (*run)(void *userdata), void *userdata) {
        pid_t parent = getpid(), pid = fork();
        int status, r;

        if (pid < 0)
                return -errno;
        if (pid == 0) {
                r = take_ids(slice);
                /* Not before: a change of ids clears it. */
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (r >= 0 && getppid() != parent)
                        r = -ESRCH;
                if (r >= 0)
                        r = run(userdata);
                _exit(MIN(-r, 255));
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
