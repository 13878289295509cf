/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Folders are few, patterns may be many: a name that is asked for literally is found by a hash, and only
 * those lists that have a real pattern for its folder are gone through.
 *
 * A folder is reached from /dev through real folders of /dev's own file system alone: what is mounted below
 * it (terminals, shared memory) has nodes of others, or none, and some of it everybody may write to.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "source/node-folders.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/string.h"

/* Owner and mode of the host's node mean nothing here, so IN_ATTRIB is left out: udev sets them on each. */
#define WATCHED \
        (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* How often a folder may change under our hands while it is about to be watched. */
#define TRIES_MAX 16

struct NodeLiteral {
        const char *path; /* in the rule */
        UT_hash_handle hh;
};

void node_folders_deinit(NodeFolders *folders) {
        NodeLiteral *literal, *next;

        HASH_ITER(hh, folders->literals, literal, next) {
                HASH_DEL(folders->literals, literal);
                free(literal);
        }
        for (size_t i = 0; i < folders->n_items; i++) {
                free(folders->items[i].name);
                free(folders->items[i].lists);
        }
        free(folders->items);
        *folders = (NodeFolders){};
}

/* How much of @path is its folder. */
static size_t folder_size(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? (size_t)(slash - path) : 0;
}

static NodeFolder *find(const NodeFolders *folders, const char *path) {
        size_t n = folder_size(path);

        for (size_t i = 0; i < folders->n_items; i++) {
                const char *name = folders->items[i].name;

                if (strlen(name) == n && memcmp(name, path, n) == 0)
                        return &folders->items[i];
        }
        return NULL;
}

static int get(NodeFolders *folders, const char *path, NodeFolder **ret) {
        NodeFolder *folder = find(folders, path), *grown;

        if (!folder) {
                if (folders->n_items >= NODE_FOLDERS_MAX)
                        return -ENOSPC;
                grown = reallocarray(folders->items, folders->n_items + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                folders->items = grown;
                folder = &grown[folders->n_items];
                *folder = (NodeFolder){.name = strndup(path, folder_size(path)), .watch = -1};
                if (!folder->name)
                        return -ENOMEM;
                folders->n_items++;
        }
        *ret = folder;
        return 0;
}

static int add_literal(NodeFolders *folders, const char *path) {
        NodeLiteral *literal;

        HASH_FIND_STR(folders->literals, path, literal);
        if (literal)
                return 0;
        literal = calloc(1, sizeof(*literal));
        if (!literal)
                return -ENOMEM;
        literal->path = path;
        HASH_ADD_KEYPTR(hh, folders->literals, literal->path, strlen(literal->path), literal);
        if (literal->hh.tbl)
                return 0;
        free(literal);
        return -ENOMEM;
}

static int add_list(NodeFolder *folder, const PatternList *list) {
        const PatternList **grown;

        if (folder->n_lists > 0 && folder->lists[folder->n_lists - 1] == list)
                return 0;
        grown = reallocarray(folder->lists, folder->n_lists + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        folder->lists = grown;
        folder->lists[folder->n_lists++] = list;
        return 0;
}

int node_folders_add(NodeFolders *folders, const PatternList *paths) {
        assert(folders && paths);

        for (size_t i = 0; i < paths->n_items; i++) {
                const Pattern *pattern = &paths->items[i];
                const char *path = startswith(pattern->glob, "/dev/");
                NodeFolder *folder;
                int r;

                /* What is not wanted need not be looked for. */
                if (pattern->negated || !path)
                        continue;
                r = get(folders, path, &folder);
                if (r >= 0)
                        r = pattern->literal ? add_literal(folders, path) : add_list(folder, paths);
                if (r < 0)
                        return r;
        }
        return 0;
}

const NodeFolder *node_folders_find(const NodeFolders *folders, const char *path) {
        return find(folders, path);
}

bool node_folders_want(const NodeFolders *folders, const NodeFolder *folder, const char *path) {
        char whole[PATH_MAX];
        NodeLiteral *literal;

        HASH_FIND_STR(folders->literals, path, literal);
        if (literal)
                return true;
        if (folder->n_lists == 0 || snprintf(whole, sizeof(whole), "/dev/%s", path) >= (int)sizeof(whole))
                return false;
        for (size_t i = 0; i < folder->n_lists; i++)
                if (pattern_list_match(folder->lists[i], whole))
                        return true;
        return false;
}

/* Walks from @dev towards the folder, as far as there is something. Return: a descriptor of the last, and in
 * *ret_size how much of the name that is; errno. */
static int walk(const NodeFolder *folder, const char *dev, size_t *ret_size) {
        _cleanup_close_ int fd = open(dev, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const char *p = folder->name;
        struct stat top, st;

        *ret_size = 0;
        if (fd < 0 || fstat(fd, &top) < 0)
                return -errno;
        while (*p) {
                size_t n = strcspn(p, "/");
                char name[NAME_MAX + 1];
                int next;

                if (n >= sizeof(name))
                        break;
                memcpy(name, p, n);
                name[n] = '\0';
                next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (next < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
                        return -errno;
                if (next < 0)
                        break;
                if (fstat(next, &st) < 0 || st.st_dev != top.st_dev) {
                        safe_close(next);
                        break;
                }
                safe_close(fd);
                fd = next;
                p += n;
                *ret_size = (size_t)(p - folder->name);
                p += *p == '/';
        }
        return TAKE_FD(fd);
}

static bool is_same(int a, int b) {
        struct stat st_a, st_b;

        return fstat(a, &st_a) >= 0 && fstat(b, &st_b) >= 0 && st_a.st_dev == st_b.st_dev &&
               st_a.st_ino == st_b.st_ino;
}

static int watch_folder(NodeFolder *folder, const char *dev, int inotify_fd) {
        for (unsigned int i = 0; i < TRIES_MAX; i++) {
                _cleanup_close_ int fd = -EBADF, again = -EBADF;
                char path[sizeof("/proc/self/fd/") + 11];
                size_t size, size_again;
                int watch;

                fd = walk(folder, dev, &size);
                if (fd < 0)
                        return fd;
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                watch = inotify_add_watch(inotify_fd, path, WATCHED);
                if (watch < 0)
                        return -errno;
                /* Made, moved or deleted since the walk: of that nothing is heard. */
                again = walk(folder, dev, &size_again);
                if (again < 0)
                        return again;
                if (size == size_again && is_same(fd, again)) {
                        folder->watch = watch;
                        folder->watched = size;
                        return 0;
                }
        }
        return -EAGAIN;
}

int node_folders_watch(NodeFolders *folders, const char *dev, int inotify_fd) {
        int r = 0;

        for (size_t i = 0; i < folders->n_items; i++) {
                int k;

                folders->items[i].watch = -1;
                k = watch_folder(&folders->items[i], dev, inotify_fd);
                r = k < 0 ? k : r;
        }
        return r;
}

bool node_folder_goes_by(const NodeFolder *folder, const char *name) {
        const char *next = folder->name + folder->watched;
        size_t n;

        next += *next == '/';
        n = strcspn(next, "/");
        return n > 0 && strlen(name) == n && memcmp(name, next, n) == 0;
}

int node_folder_open(const NodeFolder *folder, const char *dev) {
        _cleanup_close_ int fd = -EBADF;
        size_t size;

        fd = walk(folder, dev, &size);
        if (fd >= 0 && folder->name[size])
                return -ENOENT;
        return fd < 0 ? fd : TAKE_FD(fd);
}
