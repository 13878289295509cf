/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host's own use of its disks.
 *
 * Mounts are those of our own mount namespace, into which the host's come; /proc/self/mountinfo and
 * /proc/swaps tell by POLLPRI that they changed (Linux, fs/proc_namespace.c and mm/swapfile.c). A file system
 * may have another device number than the disk that it is on, so what it says it was mounted from counts too,
 * and all members of a mounted btrfs. Who holds a device (a device mapper's, RAID's, bcache's) is a link in
 * its folder "holders" in sysfs, and is looked for when it is asked.
 *
 * No device is opened: that would wake it, or wait for it, and be in the way of those who mount.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source/disks.h"
#include "util/fd.h"
#include "util/string.h"

#define FILE_SIZE_MAX ((size_t)16 * 1024 * 1024)
#define USES_MAX      65536

typedef struct Use {
        dev_t rdev;
        const char *what;
} Use;

typedef struct UseList {
        Use *items;
        size_t n_items, allocated;
} UseList;

struct Disks {
        const char *proc, *sys;
        int epoll_fd, mounts_fd, swaps_fd;
        UseList uses; /* by number */
};

static void use_list_deinit(UseList *list) {
        free(list->items);
        *list = (UseList){};
}

/* Return: 0; -E2BIG; -ENOMEM. */
static int use_list_add(UseList *list, dev_t rdev, const char *what) {
        if (list->n_items >= USES_MAX)
                return -E2BIG;
        if (list->n_items == list->allocated) {
                size_t want = MAX(list->allocated * 2, 64U);
                Use *grown = reallocarray(list->items, want, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                list->items = grown;
                list->allocated = want;
        }
        list->items[list->n_items++] = (Use){rdev, what};
        return 0;
}

/* Opens a file for as long as its changes matter. Return: fd; errno. */
static int open_watched(const Disks *disks, const char *name) {
        struct epoll_event event = {.events = EPOLLPRI};
        _cleanup_close_ int fd = -EBADF;
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/%s", disks->proc, name) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* An ordinary file has no changes to wait for. */
        if (epoll_ctl(disks->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 && errno != EPERM)
                return -errno;
        return TAKE_FD(fd);
}

int disks_new(const char *proc, const char *sys, Disks **ret) {
        _cleanup_(disks_freep) Disks *disks = NULL;

        assert(proc && sys && ret);

        disks = malloc(sizeof(*disks));
        if (!disks)
                return -ENOMEM;
        *disks = (Disks){.proc = proc, .sys = sys, .mounts_fd = -EBADF, .swaps_fd = -EBADF};
        disks->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (disks->epoll_fd < 0)
                return -errno;
        disks->mounts_fd = open_watched(disks, "self/mountinfo");
        if (disks->mounts_fd < 0)
                return disks->mounts_fd;
        /* A kernel may have no swap at all. */
        disks->swaps_fd = open_watched(disks, "swaps");
        if (disks->swaps_fd < 0 && disks->swaps_fd != -ENOENT)
                return disks->swaps_fd;
        *ret = TAKE_PTR(disks);
        return 0;
}

Disks *disks_free(Disks *disks) {
        if (!disks)
                return NULL;
        use_list_deinit(&disks->uses);
        safe_close(disks->mounts_fd);
        safe_close(disks->swaps_fd);
        safe_close(disks->epoll_fd);
        free(disks);
        return NULL;
}

int disks_fd(const Disks *disks) {
        return disks->epoll_fd;
}

/* Reads "MAJOR:MINOR". */
static bool parse_number(const char *text, dev_t *ret) {
        unsigned int major_number, minor_number;
        int n = 0;

        if (sscanf(text, "%u:%u%n", &major_number, &minor_number, &n) != 2 || text[n] || major_number == 0)
                return false;
        *ret = makedev(major_number, minor_number);
        return true;
}

/* Takes the octal escapes of the kernel's seq_path() out, in place. */
static void unescape(char *s) {
        char *to = s;

        while (*s) {
                unsigned int byte;

                if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3 && sscanf(s + 1, "%3o", &byte) == 1 &&
                    byte > 0 && byte <= 0xff) {
                        *to++ = (char)byte;
                        s += 4;
                } else
                        *to++ = *s++;
        }
        *to = '\0';
}

/* The device that @path names, where it is one below /dev; bcachefs names several with a colon between. */
static int add_named(UseList *list, char *path, const char *what) {
        char *rest = path, *name;

        while ((name = strsep(&rest, ":"))) {
                struct stat st;
                int r;

                unescape(name);
                if (!startswith(name, "/dev/") || stat(name, &st) < 0 || !S_ISBLK(st.st_mode))
                        continue;
                r = use_list_add(list, st.st_rdev, what);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "36 35 98:0 /root /mount/point options [optional...] - type source super-options" */
static int add_mount(UseList *list, char *line) {
        char *field, *rest = line;
        unsigned int n = 0;
        dev_t rdev;
        int r;

        while ((field = strsep(&rest, " "))) {
                if (n++ == 2 && parse_number(field, &rdev)) {
                        r = use_list_add(list, rdev, "mount");
                        if (r < 0)
                                return r;
                }
                if (streq(field, "-"))
                        break;
        }
        if (!field || !strsep(&rest, " "))
                return 0;
        field = strsep(&rest, " ");
        return field ? add_named(list, field, "mount") : 0;
}

/* "/dev/sda2 partition 999420 0 -2", behind a line of headings. */
static int add_swap(UseList *list, char *line) {
        return add_named(list, strsep(&line, " \t"), "swap");
}

/* The whole file, from the start again. */
static int read_lines(const Disks *disks, const char *name, int (*add)(UseList *list, char *line),
                      UseList *list) {
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX], *rest, *line;
        int r;

        if (snprintf(path, sizeof(path), "%s/%s", disks->proc, name) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        r = fd_read_file(AT_FDCWD, path, FILE_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r;
        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                r = add(list, line);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The devices of one mounted btrfs, whose folder is @fs. */
static int add_members(UseList *list, int fs) {
        _cleanup_close_ int fd = openat(fs, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir)
                return 0;
        TAKE_FD(fd);
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *text = NULL;
                char path[NAME_MAX + sizeof("/dev")];
                dev_t rdev;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/dev", entry->d_name);
                if (fd_read_file(dirfd(dir), path, 64, &text, NULL) < 0)
                        continue;
                text[strcspn(text, "\n")] = '\0';
                if (!parse_number(text, &rdev))
                        continue;
                r = use_list_add(list, rdev, "mount");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_btrfs(const Disks *disks, UseList *list) {
        _cleanup_(closedirp) DIR *dir = NULL;
        char path[PATH_MAX];
        struct dirent *entry;

        if (snprintf(path, sizeof(path), "%s/fs/btrfs", disks->sys) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        dir = opendir(path);
        while (dir && (entry = readdir(dir))) {
                _cleanup_close_ int fd = -EBADF;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? 0 : add_members(list, fd);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare_uses(const void *a, const void *b) {
        const Use *x = a, *y = b;

        return x->rdev < y->rdev ? -1 : x->rdev > y->rdev;
}

int disks_read(Disks *disks) {
        _cleanup_(use_list_deinit) UseList list = {};
        int r;

        r = read_lines(disks, "self/mountinfo", add_mount, &list);
        if (r < 0)
                return r;
        r = disks->swaps_fd < 0 ? 0 : read_lines(disks, "swaps", add_swap, &list);
        if (r < 0)
                return r;
        r = add_btrfs(disks, &list);
        if (r < 0)
                return r;
        if (list.n_items > 0)
                qsort(list.items, list.n_items, sizeof(Use), compare_uses);
        use_list_deinit(&disks->uses);
        disks->uses = list;
        list = (UseList){};
        return 0;
}

static bool is_held(const Disks *disks, dev_t rdev) {
        _cleanup_(closedirp) DIR *dir = NULL;
        char path[PATH_MAX];
        struct dirent *entry;

        if (snprintf(path, sizeof(path), "%s/dev/block/%u:%u/holders", disks->sys, major(rdev),
                     minor(rdev)) >= (int)sizeof(path))
                return false;
        dir = opendir(path);
        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        return true;
        return false;
}

const char *disks_use(const Disks *disks, dev_t rdev) {
        const Use key = {.rdev = rdev}, *found;

        assert(disks);

        found = disks->uses.n_items == 0
                        ? NULL
                        : bsearch(&key, disks->uses.items, disks->uses.n_items, sizeof(Use), compare_uses);
        if (found)
                return found->what;
        return is_held(disks, rdev) ? "holder" : NULL;
}
