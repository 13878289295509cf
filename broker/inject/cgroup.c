/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Cgroup folders.
 *
 * The mounts are looked up in /proc/self/mountinfo, as every init system has its own idea of where they are.
 * A cgroup file system has no symlinks and its folders no foreign mounts in the host's view; the walks follow
 * none all the same. Names and depth below a container's own folder are the container's choice, so recursion
 * is bounded.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject/cgroup.h"
#include "util/fd.h"
#include "util/string.h"

#define DEPTH_MAX   16
#define FOLDERS_MAX 4096

/* How often making is tried anew while another container's removal takes the common parent away. */
#define MAKE_TRIES 8

#define MOUNTINFO_MAX (4U * 1024U * 1024U)

/* Whether @options, separated by commas, has @word. */
static bool has_option(const char *options, const char *word) {
        size_t n = strlen(word);

        for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
                if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
                        return true;
        return false;
}

/* The kernel writes blanks and backslashes in mountinfo as three octal digits. */
static void unescape_octal(char *s) {
        char *to = s;

        while (*s) {
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
                    s[3] <= '7') {
                        *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else
                        *to++ = *s++;
        }
        *to = '\0';
}

/* "ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [TAG…] - TYPE SOURCE SUPER", cut up in place. The place of
 * @hierarchy, NULL where the line is about something else. */
static char *mountinfo_place(char *line, CgroupHierarchy hierarchy) {
        char *rest, *save = NULL, *fields[5], *type, *super;

        rest = strstr(line, " - ");
        if (!rest)
                return NULL;
        *rest = '\0';
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
                if (!fields[i])
                        return NULL;
        }
        type = strtok_r(rest + 3, " ", &save);
        if (!type || !strtok_r(NULL, " ", &save))
                return NULL;
        super = strtok_r(NULL, " ", &save);

        /* A bind mount of a part is not the hierarchy. */
        if (!streq(fields[3], "/"))
                return NULL;
        if (hierarchy == CGROUP_UNIFIED ? !streq(type, "cgroup2")
                                        : !streq(type, "cgroup") || !super || !has_option(super, "devices"))
                return NULL;
        unescape_octal(fields[4]);
        return fields[4];
}

int cgroup_open_root(CgroupHierarchy hierarchy) {
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *place = mountinfo_place(line, hierarchy);

                if (place)
                        return fd_open_dir(AT_FDCWD, place);
        }
        return -EOPNOTSUPP;
}

bool cgroup_path_is_valid(const char *relative) {
        for (const char *p = relative;;) {
                size_t n = strcspn(p, "/");

                if (n == 0 || n > NAME_MAX || (n <= 2 && strncmp(p, "..", n) == 0))
                        return false;
                if (!p[n])
                        return p + n - relative < PATH_MAX;
                p += n + 1;
        }
}

/* Steps down @relative, making what is missing where @make says so. */
static int step_down(int root_fd, const char *relative, bool make, bool *ret_made) {
        _cleanup_close_ int fd = -EBADF;
        char copy[PATH_MAX], *save = NULL;
        bool made = false;

        if (!cgroup_path_is_valid(relative))
                return -EINVAL;
        strcpy(copy, relative);
        for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
                int at_fd = fd < 0 ? root_fd : fd, next;

                if (make) {
                        made = mkdirat(at_fd, name, 0755) >= 0;
                        if (!made && errno != EEXIST)
                                return -errno;
                }
                next = fd_open_dir(at_fd, name);
                if (next < 0)
                        return next;
                safe_close(fd);
                fd = next;
        }
        if (ret_made)
                *ret_made = made;
        return TAKE_FD(fd);
}

int cgroup_open(int root_fd, const char *relative) {
        assert(relative);

        return step_down(root_fd, relative, /* make= */ false, NULL);
}

int cgroup_make(int root_fd, const char *relative, bool *ret_made) {
        int fd = -ENOENT;

        assert(relative);

        for (unsigned int i = 0; i < MAKE_TRIES && fd == -ENOENT; i++)
                fd = step_down(root_fd, relative, /* make= */ true, ret_made);
        return fd;
}

static DIR *open_list(int folder_fd) {
        _cleanup_close_ int fd = -EBADF;
        DIR *dir;

        fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd < 0 ? NULL : fdopendir(fd);
        if (dir)
                TAKE_FD(fd);
        return dir;
}

/* The next folder in @dir; NULL at the end. */
static const char *next_folder(DIR *dir) {
        struct dirent *entry;

        while ((entry = readdir(dir)))
                if (entry->d_type == DT_DIR && !streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        return entry->d_name;
        return NULL;
}

typedef struct Walk {
        int (*visit)(int folder_fd, void *userdata);
        void *userdata;
        unsigned int n_left;
} Walk;

static int walk_below(Walk *walk, int folder_fd, unsigned int depth) {
        _cleanup_(closedirp) DIR *dir = NULL;
        const char *name;
        int r;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        if (walk->n_left-- == 0)
                return -E2BIG;
        r = walk->visit(folder_fd, walk->userdata);
        if (r < 0)
                return r;

        dir = open_list(folder_fd);
        if (!dir)
                return -errno;
        while ((name = next_folder(dir))) {
                _cleanup_close_ int fd = fd_open_dir(dirfd(dir), name);

                /* Gone since. */
                if (fd < 0)
                        continue;
                r = walk_below(walk, fd, depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cgroup_walk(int folder_fd, int (*visit)(int folder_fd, void *userdata), void *userdata) {
        Walk walk = {.visit = visit, .userdata = userdata, .n_left = FOLDERS_MAX};

        assert(visit);

        return walk_below(&walk, folder_fd, 0);
}

static int remove_below(int parent_fd, const char *name, unsigned int depth) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *child;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        /* The common case, and the answer for a folder that is in use. */
        if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EBUSY && errno != ENOTEMPTY)
                return -errno;

        fd = fd_open_dir(parent_fd, name);
        if (fd < 0)
                return fd;
        dir = open_list(fd);
        if (!dir)
                return -errno;
        while ((child = next_folder(dir))) {
                int r = remove_below(fd, child, depth + 1);

                if (r < 0)
                        return r;
        }
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove(int root_fd, const char *relative) {
        char path[PATH_MAX], *slash;
        int r;

        assert(relative);

        if (!cgroup_path_is_valid(relative))
                return -EINVAL;
        strcpy(path, relative);
        r = remove_below(root_fd, path, 0);
        if (r < 0)
                return r;
        /* A folder at the top is ours alone; one in a tree of the service manager's is its to remove. */
        slash = strchr(path, '/');
        if (slash && slash == strrchr(path, '/')) {
                *slash = '\0';
                (void)unlinkat(root_fd, path, AT_REMOVEDIR);
        }
        return 0;
}
