/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The cgroup folders of a container that are taken off when it ended, or when its keeper was killed.
 *
 * The hierarchies are those that are mounted, whatever they are; nothing here knows which of them liblxc
 * used. A folder below our own is the container's to make and to name, so the walk goes by descriptors, never
 * over a symlink (cgroupfs has none), and to a bounded depth.
 *
 * All that is still in such a folder when it is taken off is killed: a container's init can clear its
 * parent-death signal, and so can outlive the keeper. Deaths are waited for by pidfd.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
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

#define DEPTH_MAX   32
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

static void kill_and_wait(int dirfd, pid_t pid, uint64_t deadline) {
        _cleanup_close_ int pidfd = -EBADF;
        struct pollfd p;

        if (pid <= 1 || pid == getpid())
                return;
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (pidfd < 0 || !has_process(dirfd, pid))
                return;
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        p = (struct pollfd){.fd = pidfd, .events = POLLIN};
        while (poll(&p, 1, left_ms(deadline)) < 0 && errno == EINTR)
                ;
}

static void kill_all(int dirfd, uint64_t deadline) {
        /* Again while there are new ones, as a process may fork while we read. */
        do {
                _cleanup_free_ char *text = NULL;
                char *save = NULL;

                if (fd_read_file(dirfd, "cgroup.procs", PROCS_MAX, &text, NULL) < 0 || string_empty(text))
                        return;
                for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                        kill_and_wait(dirfd, atoi(line), deadline);
        } while (left_ms(deadline) > 0);
}

static int remove_folder(int parent, const char *name, uint64_t deadline) {
        for (;;) {
                if (unlinkat(parent, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                        return 0;
                /* A dead task leaves its cgroup a moment after its pidfd says so, and no event tells on v1.
                 */
                if (errno != EBUSY || left_ms(deadline) == 0)
                        return -errno;
                poll(NULL, 0, 1);
        }
}

static int remove_tree(int parent, const char *name, unsigned int depth, uint64_t deadline) {
        int fd, ret = 0, r;
        DIR *dir;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                safe_close(fd);
                return r;
        }
        kill_all(fd, deadline);
        for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
                if (entry->d_type != DT_DIR || streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                r = remove_tree(fd, entry->d_name, depth + 1, deadline);
                if (r < 0 && ret == 0)
                        ret = r;
        }
        closedir(dir);
        r = remove_folder(parent, name, deadline);
        return ret < 0 ? ret : r;
}

int cgroup_tree_remove(const char *relative, int wait_ms) {
        _cleanup_(endmntentp) FILE *mounts = setmntent(MOUNTS_FILE, "re");
        uint64_t deadline = now_ms() + (uint64_t)wait_ms;
        MountLine line;
        int ret = 0;

        if (!mounts)
                return -errno;
        while (next_hierarchy(mounts, &line) > 0) {
                _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, line.entry.mnt_dir);
                int r = fd < 0 ? fd : remove_tree(fd, relative, /* depth= */ 0, deadline);

                if (r < 0 && ret == 0)
                        ret = r;
        }
        return ret;
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
