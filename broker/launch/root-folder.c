/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A root folder that somebody prepared for a container.
 *
 * Whose it is decides how its ids get to the container. Owned by an id of root's ranges, the container simply
 * gets the slice that starts there. Owned by the host's root (a tree unpacked as root), it needs an idmapped
 * mount; then what the container's root owns inside is the host root's on disk, a set-uid program that it
 * makes there included. So such a tree must lie below a folder that other users of the host cannot enter.
 *
 * A container's root may give its root folder to another of its ids, and so would have, the next time, a
 * range that reaches into that of another container. So the owner is noted, by an attribute that only the
 * host's root can set, and one that changed has to be confirmed.
 *
 * The content of the folder is the container's, and hostile: it is never followed out of (RESOLVE_IN_ROOT),
 * and what is learned of it only makes messages and the choice of a signal.
 */

#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch/message.h"
#include "launch/root-folder.h"
#include "util/fd.h"
#include "util/string.h"

#define ANCESTORS_MAX 256
#define XATTR_IDS     "trusted.davit.ids"

void root_folder_deinit(RootFolder *root) {
        free(root->path);
        safe_close(root->fd);
        *root = ROOT_FOLDER_NULL;
}

/* Whether a process with these ids may search a folder. */
static bool may_search(const struct stat *st, uid_t uid, gid_t gid) {
        if (st->st_uid == uid)
                return st->st_mode & S_IXUSR;
        if (st->st_gid == gid)
                return st->st_mode & S_IXGRP;
        return st->st_mode & S_IXOTH;
}

/* Goes up from @fd. Return: 1 all parents can be searched; 0 one cannot; errno. */
static int parents_open_to(int fd, uid_t uid, gid_t gid) {
        _cleanup_close_ int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        struct stat st, up;

        if (at < 0 || fstat(at, &st) < 0)
                return -errno;
        for (unsigned int i = 0; i < ANCESTORS_MAX; i++) {
                int parent = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

                safe_close(at);
                at = parent;
                if (at < 0 || fstat(at, &up) < 0)
                        return -errno;
                if (up.st_dev == st.st_dev && up.st_ino == st.st_ino)
                        return 1;
                if (!may_search(&up, uid, gid))
                        return 0;
                st = up;
        }
        return -ELOOP;
}

int root_folder_open(const char *path, RootFolder *ret, char **message) {
        _cleanup_(root_folder_deinit) RootFolder root = ROOT_FOLDER_NULL;
        struct stat st;
        int r;

        root.path = realpath(path, NULL);
        if (!root.path)
                return message_set(message, -errno, "the root folder %s cannot be opened", path);
        root.fd = fd_open_dir(AT_FDCWD, root.path);
        if (root.fd < 0)
                return message_set(message, root.fd, "the root folder %s cannot be opened", path);
        if (fstat(root.fd, &st) < 0)
                return -errno;
        if (streq(root.path, "/"))
                return message_set(message, -EINVAL, "the host's own root cannot be a container's");

        root.uid = st.st_uid;
        root.gid = st.st_gid;
        root.idmapped = st.st_uid == 0;
        if (root.idmapped) {
                /* Any user that is nobody in particular stands for all of them. */
                r = parents_open_to(root.fd, (uid_t)-2, (gid_t)-2);
                if (r < 0)
                        return r;
                if (r > 0)
                        return message_set(
                                message, -EACCES,
                                "the root folder %s is owned by the host's root and every user of the host "
                                "can enter it, where set-uid programs that the container makes would be the "
                                "host root's: `chmod 0700` the folder that holds it, or give the tree to "
                                "ids of root's range in /etc/subuid",
                                path);
        }
        *ret = root;
        root = ROOT_FOLDER_NULL;
        return 0;
}

int root_folder_check_reach(const RootFolder *root, uid_t uid, gid_t gid, char **message) {
        int r = parents_open_to(root->fd, uid, gid);

        if (r < 0)
                return r;
        if (r == 0)
                return message_set(
                        message, -EACCES,
                        "the container's root, which is uid %u on the host, cannot reach the root folder %s: "
                        "a folder above it denies search to others",
                        (unsigned int)uid, root->path);
        return 0;
}

int root_folder_hold_ids(const RootFolder *root, bool confirmed, char **message) {
        char path[64], text[16], noted[16];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", root->fd);
        snprintf(text, sizeof(text), "%u", (unsigned int)root->uid);
        n = getxattr(path, XATTR_IDS, noted, sizeof(noted) - 1);
        noted[MAX(n, (ssize_t)0)] = '\0';
        if (n >= 0 && streq(noted, text))
                return 0;
        if (n >= 0 && !confirmed)
                return message_set(message, -EPERM,
                                   "the root folder %s is owned by uid %s, and was by %s at its last launch: "
                                   "the container can do that to reach into the ids of another. `chown` it "
                                   "back, or confirm it by `setfattr -x " XATTR_IDS
                                   " %s` or by \"ids: %s\" in "
                                   "the container file",
                                   root->path, text, noted, root->path, text);
        /* A file system that has no such attributes is left at that. */
        (void)setxattr(path, XATTR_IDS, text, strlen(text), /* flags= */ 0);
        return 0;
}

static int open_inside(const RootFolder *root, const char *path) {
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));

        return fd < 0 ? -errno : fd;
}

static int check_file(const RootFolder *root, const char *path) {
        _cleanup_close_ int fd = open_inside(root, path);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? 0 : -EACCES;
}

int root_folder_check_program(const RootFolder *root, const char *program, char **message) {
        static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                              "/usr/bin",        "/sbin",          "/bin"};
        int r = -ENOENT;

        if (strchr(program, '/'))
                r = check_file(root, program);
        else
                for (size_t i = 0; i < ELEMENTSOF(folders) && r < 0; i++) {
                        _cleanup_free_ char *path = NULL;

                        if (asprintf(&path, "%s/%s", folders[i], program) < 0)
                                return -ENOMEM;
                        r = check_file(root, path);
                }
        if (r < 0)
                return message_set(message, r, "there is no program %s in the root folder %s", program,
                                   root->path);
        return 0;
}

int root_folder_check_places(const RootFolder *root, char **message) {
        static const char *const places[] = {"dev", "proc", "sys"};
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                if (fstatat(root->fd, places[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno == ENOENT)
                                continue;
                        return -errno;
                }
                if (!S_ISDIR(st.st_mode))
                        return message_set(message, -ENOTDIR, "/%s in the root folder %s is no folder",
                                           places[i], root->path);
        }
        return 0;
}

bool root_folder_has_udevd(const RootFolder *root) {
        static const char *const programs[] = {"/usr/lib/systemd/systemd-udevd",
                                               "/lib/systemd/systemd-udevd",
                                               "/usr/lib/udev/udevd",
                                               "/lib/udev/udevd",
                                               "/usr/sbin/udevd",
                                               "/sbin/udevd",
                                               "/usr/bin/udevd"};

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (check_file(root, programs[i]) >= 0)
                        return true;
        return false;
}

/* Whether the file that @program leads to has this name. */
static bool leads_to(const RootFolder *root, const char *program, const char *name) {
        _cleanup_close_ int fd = open_inside(root, program);
        char link[64], target[4096];
        const char *slash;
        ssize_t n;

        if (fd < 0)
                return false;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, target, sizeof(target) - 1);
        if (n <= 0)
                return false;
        target[n] = '\0';
        slash = strrchr(target, '/');
        return streq(slash ? slash + 1 : target, name);
}

bool root_folder_is_systemd(const RootFolder *root, const char *program) {
        return leads_to(root, program, "systemd");
}

int root_folder_halt_signal(const RootFolder *root, const char *program) {
        if (root_folder_is_systemd(root, program))
                return SIGRTMIN + 4; /* systemd(1): starts poweroff.target */
        if (leads_to(root, program, "busybox"))
                return SIGUSR2; /* busybox init: poweroff */
        return SIGPWR;
}
