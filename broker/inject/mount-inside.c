/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The process that goes into a container to mount something there.
 *
 * A mount that the host's root simply puts into a container's mount namespace belongs to whoever is root
 * there, with all of its flags: `mount -o remount,rw` makes what was meant read-only writable, and files of
 * the host that others may write to are then written to from inside. The kernel locks the flags of mounts
 * that go over into a namespace of less privilege, but only of those that are copied with their namespace. So
 * a process takes that way on purpose: in a mount namespace of its own it has the mount alone on a bare file
 * system, becomes the container's root, copies the namespace, which locks what is in it, takes the mount from
 * there and puts it into place.
 *
 * Being the container's root from then on it walks the container's paths as anybody inside could, with no
 * right that they do not have; its own root is the container's, and links lead nowhere but below it.
 *
 * It has no way back, and only says how it went. It holds nothing of ours but what it needs, and nobody may
 * trace it: a file system of the container's that never answers can keep it for as long as the container
 * lives, dead to all signals. Then there is no other for that container.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/mount-inside.h"
#include "util/fd.h"
#include "util/string.h"

/* Mounts on top of ours that are taken off with it. */
#define COVERS_MAX 16

/* Where the mount is between the two namespaces; every system has that folder. */
#define STAGE      "/proc"
#define STAGE_TREE STAGE "/mount"

/* ---- on the container's side */

/* A path below the container's root, which is our own by then: no link leads out of it. Return: an O_PATH fd;
 * errno. */
static int open_inside(const char *path, int flags) {
        int fd = open(path, O_PATH | O_CLOEXEC | flags);

        return fd < 0 ? -errno : fd;
}

/* The folder of @path, and its last component. Return: fd; errno. */
static int open_parent(const char *path, size_t n, const char **ret_base, size_t *ret_size) {
        char folder[PATH_MAX];
        size_t at = n;

        while (at > 0 && path[at - 1] != '/')
                at--;
        *ret_base = path + at;
        *ret_size = n - at;
        if (at == 0)
                return open_inside("/", O_DIRECTORY);
        if (at > sizeof(folder))
                return -ENAMETOOLONG;
        memcpy(folder, path, at - 1);
        folder[at - 1] = '\0';
        return open_inside(folder, O_DIRECTORY);
}

static int make_one(const char *path, size_t n, bool folder) {
        _cleanup_close_ int parent_fd = -EBADF, fd = -EBADF;
        char name[NAME_MAX + 1];
        const char *base;
        size_t size;

        parent_fd = open_parent(path, n, &base, &size);
        if (parent_fd < 0)
                return parent_fd;
        if (size > NAME_MAX)
                return -ENAMETOOLONG;
        memcpy(name, base, size);
        name[size] = '\0';
        if (folder)
                return mkdirat(parent_fd, name, 0755) < 0 ? -errno : 0;
        fd = openat(parent_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : 0;
}

/* Makes what is missing of the place. *ret_made: where that begins. */
static int make_place(const MountWork *work, size_t *ret_made) {
        const char *path = work->place;

        for (const char *p = path;; p++) {
                size_t n = (size_t)(p - path) + strcspn(p, "/");
                bool last = path[n] == '\0';
                int r = make_one(path, n, !last || S_ISDIR(work->source.st_mode));

                if (r < 0 && r != -EEXIST)
                        return r;
                if (r >= 0 && *ret_made == 0)
                        *ret_made = n;
                if (last)
                        return r == -EEXIST ? -ELOOP : 0; /* it was not to be found */
                p = path + n;
        }
}

static void remove_one(const char *path, size_t n) {
        _cleanup_close_ int parent_fd = -EBADF;
        char name[NAME_MAX + 1];
        struct stat st;
        const char *base;
        size_t size;

        parent_fd = open_parent(path, n, &base, &size);
        if (parent_fd < 0 || size > NAME_MAX)
                return;
        memcpy(name, base, size);
        name[size] = '\0';
        /* What somebody has written there meanwhile is his. */
        if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            (!S_ISDIR(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_size > 0)))
                return;
        (void)unlinkat(parent_fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

/* Removes what was made of the place, from its end on. */
static void remove_made(const char *path, size_t made) {
        for (size_t n = strlen(path); made > 0 && n >= made; n--)
                if (!path[n] || path[n] == '/')
                        remove_one(path, n);
}

/* *ret_root: whether it is where a mount begins; may be NULL. */
static int mount_of(int fd, uint64_t *ret_id, bool *ret_root) {
        struct statx stx;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
                return -errno;
        if (!(stx.stx_mask & STATX_MNT_ID))
                return -EOPNOTSUPP;
        *ret_id = stx.stx_mnt_id;
        if (ret_root)
                *ret_root = stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
        return 0;
}

/* Whether what is mounted at @fd is what was to be mounted. Return: 1 it is; 0 not; errno. */
static int is_source(const MountWork *work, int fd, uint64_t *ret_id) {
        struct stat st;
        bool root = false;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        r = mount_of(fd, ret_id, &root);
        return r < 0 ? r : root && st.st_dev == work->source.st_dev && st.st_ino == work->source.st_ino;
}

static int put(const MountWork *work, int place_fd, MountAnswer *answer) {
        struct stat st;
        int r;

        /* By one of us who was then interrupted. */
        r = is_source(work, place_fd, &answer->id);
        if (r != 0)
                return r < 0 ? r : 0;
        if (fstat(place_fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode) != S_ISDIR(work->source.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTDIR;
        r = mount_of(work->tree_fd, &answer->id, NULL);
        if (r < 0)
                return r;
        return move_mount(work->tree_fd, "", place_fd, "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                       ? -errno
                       : 0;
}

static int put_in_place(const MountWork *work, MountAnswer *answer) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = open_inside(work->place, /* flags= */ 0);
        if (fd == -ENOENT) {
                r = make_place(work, &answer->made);
                fd = r < 0 ? r : open_inside(work->place, /* flags= */ 0);
        }
        r = fd < 0 ? fd : put(work, fd, answer);
        if (r < 0)
                remove_made(work->place, answer->made);
        return r;
}

/* Takes the topmost mount at @place off, if there is one. Return: 0; -EINVAL none; errno. */
static int take_off_one(const char *place) {
        _cleanup_close_ int parent_fd = -EBADF;
        const char *base;
        size_t size;

        parent_fd = open_parent(place, strlen(place), &base, &size);
        if (parent_fd < 0)
                return parent_fd;
        /* By name in a folder that is held: a path would be walked again. */
        if (fchdir(parent_fd) < 0 || umount2(base, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
                return -errno;
        return chdir("/") < 0 ? -errno : 0;
}

static int take_off(const MountWork *work) {
        for (unsigned int i = 0; i < COVERS_MAX; i++) {
                _cleanup_close_ int fd = open_inside(work->place, O_NOFOLLOW);
                uint64_t id;
                int r;

                if (fd < 0)
                        return fd;
                r = is_source(work, fd, &id);
                if (r < 0)
                        return r;
                /* Of one that was interrupted nothing is known but what it was to be. */
                if (work->state->id == 0)
                        return r > 0 ? take_off_one(work->place) : 0;
                r = take_off_one(work->place);
                if (r < 0 || id == work->state->id)
                        return r;
        }
        return -EBUSY;
}

/* ---- on the way there */

/* The mount alone, in a namespace of our own, so that it is copied with that. */
static int stage(const MountWork *work) {
        int r;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("davit", STAGE, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=4k") < 0)
                return -errno;
        r = S_ISDIR(work->source.st_mode) ? mkdir(STAGE_TREE, 0755) : mknod(STAGE_TREE, S_IFREG | 0644, 0);
        if (r < 0 || move_mount(work->tree_fd, "", AT_FDCWD, STAGE_TREE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;
        return 0;
}

/* We become the container's root, in its own user namespace and, for now, in no mount namespace of its. */
static int become_root_inside(const MountWork *work) {
        if (setns(work->user_fd, CLONE_NEWUSER) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
            setresuid(0, 0, 0) < 0)
                return -errno;
        /* A change of ids clears it. */
        return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
}

static int take_from_stage(MountWork *work) {
        unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

        if (unshare(CLONE_NEWNS) < 0)
                return -errno;
        safe_close(work->tree_fd);
        work->tree_fd = open_tree(AT_FDCWD, STAGE_TREE,
                                  flags | (work->options.recursive ? (unsigned int)AT_RECURSIVE : 0));
        return work->tree_fd < 0 ? -errno : 0;
}

static int work_inside(MountWork *work, MountAnswer *answer) {
        bool add = work->tree_fd >= 0;
        int r;

        r = add ? stage(work) : 0;
        if (r >= 0)
                r = become_root_inside(work);
        if (r >= 0 && add)
                r = take_from_stage(work);
        if (r < 0)
                return r;
        umask(0);
        if (setns(work->mount_fd, CLONE_NEWNS) < 0)
                return -errno;
        if (add)
                return put_in_place(work, answer);
        r = take_off(work);
        if (r >= 0 || r == -ENOENT || r == -EINVAL)
                /* Wherever it was moved to: what was made is where it was to be. */
                remove_made(work->state->place, work->state->made);
        return r;
}

static int compare_ints(const void *a, const void *b) {
        return *(const int *)a - *(const int *)b;
}

/* What else was inherited is nothing for a process that may be stuck, or in the container's hands. */
static void close_others(const MountWork *work, int answer_fd) {
        int kept[] = {work->user_fd, work->mount_fd, work->tree_fd, work->lock_fd, answer_fd};
        unsigned int from = 0;

        qsort(kept, ELEMENTSOF(kept), sizeof(kept[0]), compare_ints);
        for (size_t i = 0; i < ELEMENTSOF(kept); i++) {
                if (kept[i] < 0)
                        continue;
                if ((unsigned int)kept[i] > from)
                        (void)close_range(from, (unsigned int)kept[i] - 1, /* flags= */ 0);
                from = (unsigned int)kept[i] + 1;
        }
        (void)close_range(from, ~0U, /* flags= */ 0);
}

_Noreturn static void inside_main(MountWork *work, int answer_fd, pid_t parent) {
        MountAnswer answer = {.error = -ECHILD};

        close_others(work, answer_fd);
        if (prctl(PR_SET_DUMPABLE, 0) >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) >= 0 && getppid() == parent)
                answer.error = work_inside(work, &answer);
        _exit(write(answer_fd, &answer, sizeof(answer)) == sizeof(answer) ? EXIT_SUCCESS : EXIT_FAILURE);
}

#define LOCK_PREFIX "mounting-"

/* Return: 0; -EBUSY somebody is in there still; errno. */
static int lock_container(MountWork *work, int state_fd, const char *container) {
        char name[sizeof(LOCK_PREFIX) + NAME_MAX];

        snprintf(name, sizeof(name), LOCK_PREFIX "%s", container);
        work->lock_fd = openat(state_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (work->lock_fd < 0)
                return -errno;
        return flock(work->lock_fd, LOCK_EX | LOCK_NB) < 0 ? (errno == EWOULDBLOCK ? -EBUSY : -errno) : 0;
}

void mount_unlock(int state_fd, const char *container) {
        char name[sizeof(LOCK_PREFIX) + NAME_MAX];

        snprintf(name, sizeof(name), LOCK_PREFIX "%s", container);
        (void)unlinkat(state_fd, name, /* flags= */ 0);
}

int mount_go_inside(MountWork *work, int state_fd, const char *container, MountAnswer *ret) {
        MountAnswer answer = {.error = -EIO};
        pid_t pid, parent = getpid();
        int fds[2], status, r;

        r = lock_container(work, state_fd, container);
        if (r < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                answer.error = -errno;
                safe_close(fds[0]);
                safe_close(fds[1]);
                return answer.error;
        }
        if (pid == 0)
                inside_main(work, fds[1], parent);
        safe_close(fds[1]);
        if (read(fds[0], &answer, sizeof(answer)) != sizeof(answer) || answer.made > strlen(work->place))
                answer = (MountAnswer){.error = -EIO};
        safe_close(fds[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        mount_unlock(state_fd, container);
        *ret = answer;
        return answer.error;
}
