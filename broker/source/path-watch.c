/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Watching paths.
 *
 * inotify watches folders and tells names in them. Each name that matters is kept by "FOLDER/NAME"; "" as the
 * name stands for all of a folder. So that nothing is missed between a folder's making and its watch, whoever
 * is told of something looks at all of it again and adds what it wants anew.
 *
 * /dev is among the folders, where names come and go with every plug of anything: each costs one look into a
 * hash.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "source/path-watch.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/string.h"

/* What is written matters of files alone: a node is closed after each use. */
#define NAMES_EVENTS    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)
#define CONTENTS_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB)

#define FOLDERS_MAX 256 /* watched at a time; what is above is not */
#define NAMES_MAX   32768

typedef struct Folder {
        int descriptor;
        uint32_t events;
        bool wanted;
        UT_hash_handle hh;
} Folder;

typedef struct Name {
        char *key; /* "DESCRIPTOR/NAME" */
        UT_hash_handle hh;
} Name;

struct PathWatch {
        int fd;
        bool grown;      /* something is watched that was not before */
        Folder *folders; /* hash by descriptor */
        Name *names;     /* hash by key */
};

int path_watch_new(PathWatch **ret) {
        _cleanup_(path_watch_freep) PathWatch *watch = calloc(1, sizeof(*watch));

        assert(ret);

        if (!watch)
                return -ENOMEM;
        watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch->fd < 0)
                return -errno;
        *ret = TAKE_PTR(watch);
        return 0;
}

static void forget_names(PathWatch *watch) {
        Name *name, *next;

        HASH_ITER(hh, watch->names, name, next) {
                HASH_DEL(watch->names, name);
                free(name->key);
                free(name);
        }
}

static void forget_folder(PathWatch *watch, Folder *folder) {
        HASH_DEL(watch->folders, folder);
        free(folder);
}

PathWatch *path_watch_free(PathWatch *watch) {
        Folder *folder, *next;

        if (!watch)
                return NULL;
        HASH_ITER(hh, watch->folders, folder, next)
                forget_folder(watch, folder);
        forget_names(watch);
        safe_close(watch->fd);
        free(watch);
        return NULL;
}

int path_watch_fd(const PathWatch *watch) {
        return watch->fd;
}

void path_watch_begin(PathWatch *watch) {
        Folder *folder, *next;

        watch->grown = false;
        forget_names(watch);
        HASH_ITER(hh, watch->folders, folder, next)
                folder->wanted = false;
}

bool path_watch_end(PathWatch *watch) {
        Folder *folder, *next;

        HASH_ITER(hh, watch->folders, folder, next)
                if (!folder->wanted) {
                        (void)inotify_rm_watch(watch->fd, folder->descriptor);
                        forget_folder(watch, folder);
                }
        return watch->grown;
}

/* A folder may be asked for twice, for a name in it and for all that is: the second must not narrow the
 * first. Return: the descriptor of the watch; -ENOMEM; -ENOENT it is not there, or may not be watched. */
static int watch_folder(PathWatch *watch, const char *path, uint32_t events) {
        int descriptor = inotify_add_watch(watch->fd, path, events | IN_ONLYDIR | IN_MASK_ADD);
        Folder *folder;

        if (descriptor < 0)
                return errno == ENOMEM ? -ENOMEM : -ENOENT;
        HASH_FIND_INT(watch->folders, &descriptor, folder);
        if (folder) {
                watch->grown |= (events & ~folder->events) > 0;
                folder->events |= events;
                folder->wanted = true;
                return descriptor;
        }
        folder = HASH_COUNT(watch->folders) < FOLDERS_MAX ? calloc(1, sizeof(*folder)) : NULL;
        if (!folder) {
                (void)inotify_rm_watch(watch->fd, descriptor);
                return HASH_COUNT(watch->folders) < FOLDERS_MAX ? -ENOMEM : -ENOENT;
        }
        folder->descriptor = descriptor;
        folder->events = events;
        folder->wanted = true;
        watch->grown = true;
        HASH_ADD_INT(watch->folders, descriptor, folder);
        if (!folder->hh.tbl) {
                free(folder);
                (void)inotify_rm_watch(watch->fd, descriptor);
                return -ENOMEM;
        }
        return descriptor;
}

static int key_of(int descriptor, const char *name, size_t n_name, char key[static NAME_MAX + 16]) {
        return snprintf(key, NAME_MAX + 16, "%d/%.*s", descriptor, (int)MIN(n_name, (size_t)NAME_MAX), name);
}

static Name *find_name(const PathWatch *watch, int descriptor, const char *name, size_t n_name) {
        char key[NAME_MAX + 16];
        Name *found;

        key_of(descriptor, name, n_name, key);
        HASH_FIND_STR(watch->names, key, found);
        return found;
}

static int add_name(PathWatch *watch, int descriptor, const char *name, size_t n_name) {
        char key[NAME_MAX + 16];
        Name *added;

        if (find_name(watch, descriptor, name, n_name) || HASH_COUNT(watch->names) >= NAMES_MAX)
                return 0;
        added = calloc(1, sizeof(*added));
        if (!added)
                return -ENOMEM;
        key_of(descriptor, name, n_name, key);
        added->key = strdup(key);
        if (added->key)
                HASH_ADD_KEYPTR(hh, watch->names, added->key, strlen(added->key), added);
        if (!added->key || !added->hh.tbl) {
                free(added->key);
                free(added);
                return -ENOMEM;
        }
        return 0;
}

/* Watches for @path + @n, a component of it, in the nearest folder above that is there. */
static int watch_above(PathWatch *watch, const char *path) {
        char folder[PATH_MAX];
        size_t n = strlen(path);

        if (path[0] != '/' || n >= sizeof(folder))
                return 0;
        memcpy(folder, path, n + 1);
        while (n > 0) {
                const char *name;
                int descriptor;

                while (n > 0 && path[n - 1] != '/')
                        n--;
                name = path + n;
                while (n > 1 && path[n - 1] == '/')
                        n--;
                folder[n] = '\0';
                descriptor = watch_folder(watch, folder, NAMES_EVENTS);
                if (descriptor >= 0)
                        return add_name(watch, descriptor, name, strcspn(name, "/"));
                if (descriptor == -ENOMEM)
                        return descriptor;
                if (n == 1)
                        break;
        }
        return 0;
}

int path_watch_add(PathWatch *watch, const char *path) {
        assert(watch && path);

        return watch_above(watch, path);
}

int path_watch_add_folder(PathWatch *watch, const char *path) {
        int descriptor, r;

        assert(watch && path);

        /* It may be removed and made anew, or be a link that comes to lead elsewhere. */
        r = watch_above(watch, path);
        if (r < 0)
                return r;
        descriptor = watch_folder(watch, path, NAMES_EVENTS | CONTENTS_EVENTS);
        if (descriptor < 0)
                return descriptor == -ENOMEM ? descriptor : 0;
        return add_name(watch, descriptor, "", 0);
}

static bool concerns_us(PathWatch *watch, const struct inotify_event *event) {
        Folder *folder;

        if (event->mask & IN_Q_OVERFLOW)
                return true;
        HASH_FIND_INT(watch->folders, &event->wd, folder);
        if (!folder)
                return false;
        if (event->mask & IN_IGNORED) {
                forget_folder(watch, folder);
                return true;
        }
        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF) || find_name(watch, event->wd, "", 0))
                return true;
        return event->len > 0 && find_name(watch, event->wd, event->name, strlen(event->name));
}

bool path_watch_dispatch(PathWatch *watch) {
        char buffer[16384] __attribute__((__aligned__(__alignof__(struct inotify_event))));
        bool told = false;
        ssize_t n;

        while ((n = read(watch->fd, buffer, sizeof(buffer))) > 0)
                for (const char *p = buffer; p < buffer + n;) {
                        const struct inotify_event *event = (const struct inotify_event *)p;

                        told |= concerns_us(watch, event);
                        p += sizeof(*event) + event->len;
                }
        return told;
}
