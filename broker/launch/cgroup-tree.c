/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The cgroup folders of a container that are taken off when it ended, or when its keeper was killed.
 *
 * The hierarchies are those that are mounted, whatever they are; nothing here knows which of them liblxc
 * used. A folder below our own is the container's to make and to name, so the walk goes by descriptors, never
 * over a symlink (cgroupfs has none), and holds two of them however deep the container went: the way back up
 * is "..".
 *
 * All that is still in such a folder when it is taken off is killed: a container's init can clear its
 * parent-death signal, and so can outlive the keeper. It can also freeze itself, and the v1 freezer keeps
 * even SIGKILL from what is frozen; so that hierarchy comes first, and its folders are thawed.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "launch/cgroup-tree.h"
#include "util/fd.h"
#include "util/string.h"

#define PROCS_MAX   (4U * 1024U * 1024U)
#define MOUNTS_FILE "/proc/self/mounts"
#define LINE_SIZE   4096

typedef struct MountLine {
        struct mntent entry;
        char buffer[LINE_SIZE];
} MountLine;

/* The next mounted hierarchy. Return: 1; 0 no more. */
static int next_hierarchy(FILE *mounts, MountLine *line) {
        while (getmntent_r(mounts, &line->entry, line->buffer, sizeof(line->buffer)))
                if (streq(line->entry.mnt_type, "cgroup2") || streq(line->entry.mnt_type, "cgroup"))
                        return 1;
        return 0;
}

static void endmntentp(FILE **f) {
        if (*f)
                endmntent(*f);
}

static uint64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int left_ms(uint64_t deadline) {
        uint64_t now = now_ms();

        return now >= deadline ? 0 : (int)(deadline - now);
}

/* Whether @pid is in the folder now. Read again after the process was pinned: the number may have been
 * another's. */
static bool has_process(int dirfd, pid_t pid) {
        _cleanup_free_ char *text = NULL;
        char *save = NULL;

        if (fd_read_file(dirfd, "cgroup.procs", PROCS_MAX, &text, NULL) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                if (atoi(line) == pid)
                        return true;
        return false;
}

/* Return: a pidfd of the process, which was told to die; -EBADF it is gone, or not to be killed. */
static int kill_one(int dirfd, pid_t pid) {
        _cleanup_close_ int pidfd = -EBADF;

        if (pid <= 1 || pid == getpid())
                return -EBADF;
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (pidfd < 0 || !has_process(dirfd, pid) ||
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
                return -EBADF;
        return TAKE_FD(pidfd);
}

/* Kills what is in the folder, and waits for it. */
static void kill_all(int dirfd, uint64_t deadline) {
        /* Again while there are new ones, as a process may fork while we read. */
        do {
                _cleanup_free_ char *text = NULL;
                _cleanup_close_ int last = -EBADF;
                struct pollfd p = {.events = POLLIN};
                char *save = NULL;

                if (fd_read_file(dirfd, "cgroup.procs", PROCS_MAX, &text, NULL) < 0 || string_empty(text))
                        return;
                for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                        int fd = kill_one(dirfd, atoi(line));

                        if (fd < 0)
                                continue;
                        safe_close(last);
                        last = fd;
                }
                (void)fd_write_string(dirfd, "freezer.state", "THAWED");
                if (last < 0)
                        return;
                p.fd = last;
                while (poll(&p, 1, left_ms(deadline)) < 0 && errno == EINTR)
                        ;
        } while (left_ms(deadline) > 0);
}

static int open_folder(int at, const char *name) {
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Removes the folders in @fd that are empty. Return: 1 one is not, and its name is in @ret; 0 none is left;
 * errno. */
static int remove_children(int fd, char ret[static NAME_MAX + 1], bool *ret_removed) {
        _cleanup_close_ int list = open_folder(fd, ".");
        DIR *dir = list < 0 ? NULL : fdopendir(list);
        int r = 0;

        *ret_removed = false;
        if (!dir)
                return list < 0 ? list : -errno;
        TAKE_FD(list);
        for (struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
                if (entry->d_type != DT_DIR || streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) >= 0 || errno == ENOENT) {
                        *ret_removed = true;
                        continue;
                }
                r = errno == EBUSY ? 1 : -errno;
                strcpy(ret, entry->d_name);
        }
        closedir(dir);
        return r;
}

/* Kills all in and below the folder, and removes all below. Return: 0; -EBUSY it takes too long; errno. */
static int empty_folder(int top, uint64_t deadline) {
        _cleanup_close_ int fd = open_folder(top, ".");
        unsigned int depth = 0;

        while (fd >= 0) {
                char child[NAME_MAX + 1];
                bool removed;
                int next, r;

                kill_all(fd, deadline);
                r = remove_children(fd, child, &removed);
                if (r < 0 || (r == 0 && depth == 0))
                        return r;
                if (left_ms(deadline) == 0)
                        return -EBUSY;
                /* A dead task leaves its cgroup a moment after its pidfd says so, and no event tells on v1.
                 */
                if (r == 0 && !removed)
                        poll(NULL, 0, 1);
                next = open_folder(fd, r > 0 ? child : "..");
                if (next == -ENOENT)
                        continue;
                depth += r > 0 ? 1U : -1U;
                safe_close(fd);
                fd = next;
        }
        return fd;
}

static int remove_tree(int mount_fd, const char *relative, uint64_t deadline) {
        _cleanup_close_ int fd = open_folder(mount_fd, relative);
        int r;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        /* At once, however many there are; Linux 5.14, v2. */
        (void)fd_write_string(fd, "cgroup.kill", "1");
        r = empty_folder(fd, deadline);
        while (r >= 0 && unlinkat(mount_fd, relative, AT_REMOVEDIR) < 0 && errno != ENOENT) {
                if (errno != EBUSY || left_ms(deadline) == 0)
                        return -errno;
                poll(NULL, 0, 1);
        }
        return r;
}

static int remove_in_all(const char *relative, bool freezer, uint64_t deadline) {
        _cleanup_(endmntentp) FILE *mounts = setmntent(MOUNTS_FILE, "re");
        MountLine line;
        int ret = 0;

        if (!mounts)
                return -errno;
        while (next_hierarchy(mounts, &line) > 0) {
                _cleanup_close_ int fd = -EBADF;
                int r;

                if (!hasmntopt(&line.entry, "freezer") == freezer)
                        continue;
                fd = fd_open_dir(AT_FDCWD, line.entry.mnt_dir);
                r = fd < 0 ? fd : remove_tree(fd, relative, deadline);
                if (r < 0 && ret == 0)
                        ret = r;
        }
        return ret;
}

int cgroup_tree_remove(const char *relative, int wait_ms) {
        uint64_t deadline = now_ms() + (uint64_t)wait_ms;
        int r, k;

        r = remove_in_all(relative, /* freezer= */ true, deadline);
        k = remove_in_all(relative, /* freezer= */ false, deadline);
        return r < 0 ? r : k;
}

/* The process' folder in the hierarchy of @mount: a line "ID:CONTROLLERS:/PATH" of /proc/PID/cgroup,
 * borrowed. */
static const char *find_path(char *lines, const struct mntent *mount) {
        bool unified = streq(mount->mnt_type, "cgroup2");
        char *save = NULL;

        for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *controllers = strchr(line, ':'),
                     *path = controllers ? strchr(controllers + 1, ':') : NULL;

                if (!path)
                        continue;
                *path++ = '\0';
                controllers++;
                if (unified ? !*controllers : *controllers && strstr(controllers, "devices"))
                        return path;
        }
        return NULL;
}

int cgroup_tree_confines(const char *relative, pid_t pid) {
        _cleanup_(endmntentp) FILE *mounts = setmntent(MOUNTS_FILE, "re");
        MountLine line;
        char proc[64];
        int found = 0;

        if (!mounts)
                return -errno;
        snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)pid);
        while (next_hierarchy(mounts, &line) > 0) {
                _cleanup_close_ int mount_fd = -EBADF, fd = -EBADF;
                _cleanup_free_ char *text = NULL;
                const char *path, *rest;
                int r;

                if (streq(line.entry.mnt_type, "cgroup") && !hasmntopt(&line.entry, "devices"))
                        continue;
                mount_fd = fd_open_dir(AT_FDCWD, line.entry.mnt_dir);
                fd = mount_fd < 0 ? mount_fd : fd_open_dir(mount_fd, relative);
                if (fd < 0)
                        continue;
                r = fd_read_file(AT_FDCWD, proc, PROCS_MAX, &text, NULL);
                if (r < 0)
                        return r;
                path = find_path(text, &line.entry);
                rest = path && *path == '/' ? startswith(path + 1, relative) : NULL;
                if (!rest || (*rest != '/' && *rest != '\0'))
                        return 0;
                found = 1;
        }
        return found;
}
