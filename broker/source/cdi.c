/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CDI files become devices.
 *
 * All of it is read again whenever something in one of the folders changes, or a node comes to or goes from a
 * path that one of the devices names; a little later, as files are seldom written at once. What a file does
 * not say of a node is the host's own node's. Then every device is told of, and the model knows what is new.
 *
 * The source keeps what it told of last, for the files that cannot be read just now and for what to take
 * back.
 */

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cdi/catalog.h"
#include "model/cdi-name.h"
#include "model/device.h"
#include "source/cdi.h"
#include "source/path-watch.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/string.h"

#define SETTLE_MSEC 50

/* A device that was told of. */
typedef struct Told {
        char *name, *file;
        Edits *edits;
        bool seen; /* in the look at work */
        UT_hash_handle hh;
} Told;

struct CdiSource {
        char **folders;
        ReportEvent event;
        void *userdata;
        PathWatch *watch;
        int epoll_fd, timer_fd;
        bool due;         /* the timer is armed */
        Told *told;       /* hash by name */
        char *complaints; /* what was logged last */
};

static void told_free(Told *told) {
        if (!told)
                return;
        free(told->name);
        free(told->file);
        edits_free(told->edits);
        free(told);
}
DEFINE_CLEANUP(Told *, told_free);

CdiSource *cdi_source_free(CdiSource *source) {
        Told *told, *next;

        if (!source)
                return NULL;
        HASH_ITER(hh, source->told, told, next) {
                HASH_DEL(source->told, told);
                told_free(told);
        }
        for (char **folder = source->folders; folder && *folder; folder++)
                free(*folder);
        free(source->folders);
        free(source->complaints);
        path_watch_free(source->watch);
        safe_close(source->timer_fd);
        safe_close(source->epoll_fd);
        free(source);
        return NULL;
}

static int copy_folders(CdiSource *source, const char *const *folders) {
        size_t n = 0;

        while (folders[n])
                n++;
        source->folders = calloc(n + 1, sizeof(char *));
        if (!source->folders)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                source->folders[i] = strdup(folders[i]);
                if (!source->folders[i])
                        return -ENOMEM;
        }
        return 0;
}

int cdi_source_new(const char *const *folders, ReportEvent event, void *userdata, CdiSource **ret) {
        struct epoll_event readable = {.events = EPOLLIN};
        _cleanup_(cdi_source_freep) CdiSource *source = NULL;
        int r;

        assert(folders && event && ret);

        source = calloc(1, sizeof(*source));
        if (!source)
                return -ENOMEM;
        source->event = event;
        source->userdata = userdata;
        source->timer_fd = -EBADF;
        source->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (source->epoll_fd < 0)
                return -errno;
        source->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (source->timer_fd < 0)
                return -errno;
        r = path_watch_new(&source->watch);
        if (r >= 0)
                r = copy_folders(source, folders);
        if (r < 0)
                return r;
        if (epoll_ctl(source->epoll_fd, EPOLL_CTL_ADD, source->timer_fd, &readable) < 0 ||
            epoll_ctl(source->epoll_fd, EPOLL_CTL_ADD, path_watch_fd(source->watch), &readable) < 0)
                return -errno;
        *ret = TAKE_PTR(source);
        return 0;
}

bool cdi_source_is_empty(const CdiSource *source) {
        return !source->told;
}

int cdi_source_fd(const CdiSource *source) {
        return source->epoll_fd;
}

/* ---- the host's nodes */

static int find_node(EditNode *node) {
        struct stat st;

        /* A link would come to lead elsewhere unheard; the reference library takes none either. */
        if (lstat(edit_node_host_path(node), &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
                return -ENODEV;
        node->found_type = S_ISBLK(st.st_mode) ? 'b' : 'c';
        node->found_rdev = st.st_rdev;
        /* As with the reference library, the file's word counts where it gives no number. */
        return node->type && node->type != node->found_type ? -ENODEV : 0;
}

static void find_nodes(Edits *edits) {
        for (size_t i = 0; i < edits->n_nodes; i++) {
                EditNode *node = &edits->nodes[i];

                if (!node->numbered)
                        node->error = find_node(node);
        }
}

/* ---- telling */

static int set_properties(const Told *told, PropertyList *list) {
        char id[DEVICE_ID_MAX], devpath[DEVICE_ID_MAX + sizeof("/devices/virtual/cdi/")];
        int r;

        r = cdi_name_to_id(told->name, id, sizeof(id));
        if (r < 0)
                return r;
        snprintf(devpath, sizeof(devpath), "/devices/virtual/cdi/%s", id + strlen(CDI_DEVICE_PREFIX));
        if ((r = property_list_set(list, "DEVPATH", devpath)) < 0 ||
            (r = property_list_set(list, "SUBSYSTEM", PART_SUBSYSTEM_CDI)) < 0 ||
            (r = property_list_set(list, "CDI_DEVICE", told->name)) < 0)
                return r;
        return property_list_set(list, "CDI_FILE", told->file);
}

static void tell(const CdiSource *source, const Told *told, UeventAction action) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        int r = set_properties(told, &list);

        if (r < 0) {
                log_error_errno(r, "Failed to tell of the CDI device %s: %m", told->name);
                return;
        }
        source->event(source->userdata, &(Uevent){.action = action, .properties = list, .edits = told->edits},
                      /* complete= */ true);
}

static int told_add(CdiSource *source, const char *name, Told **ret) {
        _cleanup_(told_freep) Told *told = calloc(1, sizeof(*told));

        if (!told)
                return -ENOMEM;
        told->name = strdup(name);
        if (!told->name)
                return -ENOMEM;
        HASH_ADD_KEYPTR(hh, source->told, told->name, strlen(told->name), told);
        if (!told->hh.tbl)
                return -ENOMEM;
        *ret = TAKE_PTR(told);
        return 0;
}

static int take_in(CdiSource *source, const CdiEntry *entry) {
        _cleanup_(edits_freep) Edits *edits = NULL;
        char *file;
        Told *told;
        int r;

        r = cdi_entry_edits(entry, &edits);
        if (r < 0)
                return r;
        find_nodes(edits);
        file = strdup(entry->spec->file);
        if (!file)
                return -ENOMEM;
        HASH_FIND_STR(source->told, entry->device->name, told);
        if (!told) {
                r = told_add(source, entry->device->name, &told);
                if (r < 0) {
                        free(file);
                        return r;
                }
        }
        free(told->file);
        told->file = file;
        edits_free(told->edits);
        told->edits = TAKE_PTR(edits);
        told->seen = true;
        return 0;
}

static bool has_spec(const CdiCatalog *catalog, const char *file) {
        for (size_t i = 0; i < catalog->n_specs; i++)
                if (streq(catalog->specs[i].file, file))
                        return true;
        return false;
}

/* What is not in the catalog stays where its file is there and cannot be read; a conflict takes it, as it
 * does with the reference library: nobody could say which of two is meant. */
static void keep_unreadable(CdiSource *source, const CdiCatalog *catalog) {
        Told *told, *next;

        HASH_ITER(hh, source->told, told, next)
                if (!told->seen && told->edits && !has_spec(catalog, told->file) &&
                    access(told->file, F_OK) >= 0) {
                        find_nodes(told->edits);
                        told->seen = true;
                }
}

static void take_back(CdiSource *source) {
        Told *told, *next;

        HASH_ITER(hh, source->told, told, next) {
                if (told->seen)
                        continue;
                if (told->edits)
                        tell(source, told, UEVENT_REMOVE);
                HASH_DEL(source->told, told);
                told_free(told);
        }
}

/* ---- looking */

/* Says what is wrong, once. */
static void complain(CdiSource *source, const ParseErrors *errors) {
        char *text = parse_errors_join(errors);

        if (streq_ptr(text, source->complaints)) {
                free(text);
                return;
        }
        free(source->complaints);
        source->complaints = text;
        for (size_t i = 0; i < errors->n_items; i++) {
                _cleanup_free_ char *line = NULL;

                if (parse_error_format(&errors->items[i], &line) >= 0)
                        log_full(errors->items[i].severity == PARSE_ERROR ? LOG_ERR : LOG_WARNING, 0, NULL,
                                 "%s", line);
        }
        if (errors->n_dropped > 0)
                log_error("%zu more messages on CDI files", errors->n_dropped);
}

/* Not anew by each thing that happens, or it would never come to it. */
static void look_soon(CdiSource *source) {
        const struct itimerspec soon = {.it_value = {.tv_nsec = SETTLE_MSEC * 1000000L}};

        if (!source->due)
                source->due = timerfd_settime(source->timer_fd, /* flags= */ 0, &soon, NULL) >= 0;
}

static int watch_all(CdiSource *source) {
        Told *told, *next;
        int r = 0;

        path_watch_begin(source->watch);
        for (char **folder = source->folders; *folder && r >= 0; folder++)
                r = path_watch_add_folder(source->watch, *folder);
        HASH_ITER(hh, source->told, told, next)
                for (size_t i = 0; i < told->edits->n_nodes && r >= 0; i++)
                        if (!told->edits->nodes[i].numbered)
                                r = path_watch_add(source->watch,
                                                   edit_node_host_path(&told->edits->nodes[i]));
        /* It was looked at before it was watched. */
        if (path_watch_end(source->watch))
                look_soon(source);
        return r;
}

int cdi_source_scan(CdiSource *source) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_(cdi_catalog_freep) CdiCatalog *catalog = NULL;
        Told *told, *next;
        int r;

        assert(source);

        r = cdi_catalog_load((const char *const *)source->folders, &catalog, &errors);
        if (r < 0)
                return r;
        complain(source, &errors);
        HASH_ITER(hh, source->told, told, next)
                told->seen = false;
        for (size_t i = 0; i < catalog->n_entries && r >= 0; i++)
                if (catalog->entries[i].status == CDI_USED)
                        r = take_in(source, &catalog->entries[i]);
        if (r < 0)
                return r;
        keep_unreadable(source, catalog);
        take_back(source);
        r = watch_all(source);
        HASH_ITER(hh, source->told, told, next)
                tell(source, told, UEVENT_ADD);
        return r;
}

int cdi_source_dispatch(CdiSource *source) {
        uint64_t n_expired;
        int r;

        assert(source);

        if (path_watch_dispatch(source->watch))
                look_soon(source);
        if (read(source->timer_fd, &n_expired, sizeof(n_expired)) != (ssize_t)sizeof(n_expired))
                return 0;
        source->due = false;
        r = cdi_source_scan(source);
        if (r < 0) {
                log_error_errno(r, "Failed to read CDI files: %m");
                look_soon(source);
        }
        return r;
}
