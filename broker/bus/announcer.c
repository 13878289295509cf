/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Announcements.
 *
 * The manager calls from its hot path, so a note only marks an object as dirty; a timer at the end of the
 * round compares what is marked with what the bus was told of, and tells the difference. Many changes of one
 * object in one round are one signal, and an object that came and went within it is none.
 *
 * Each object that the bus knows or that is dirty has an Entry, found by its path. Where more than
 * ANNOUNCER_DIRTY_MAX are dirty, or memory fails, the marks are dropped and a resync begins: all of the
 * registry and all entries are compared, in portions; what was compared carries the current @generation. A
 * portion is BATCH_MAX objects, and none is sent while the bus daemon has not taken QUEUE_MAX of the earlier
 * messages: a slow bus makes signals coalesce instead of making memory grow.
 *
 * Order in a portion: new devices and containers, grants, then changes and removals, so that a listener
 * always knows both ends of a grant.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <utlist.h>

#include "bus/bus-internal.h"
#include "bus/path.h"
#include "util/hash.h"
#include "util/log.h"

#define BATCH_MAX 256U
#define QUEUE_MAX 1024U

/* While the bus daemon is behind. */
#define BACKOFF_USEC (20ULL * 1000)

#define DIRTY_ALL    1U /* came, changed or went */
#define DIRTY_GRANTS 2U /* its list of grants is another */

typedef struct Entry {
        char *path;
        ObjectKind kind;
        bool known; /* the bus was told of it */
        unsigned int dirty;
        uint64_t generation;
        struct Entry *prev, *next; /* in the dirty list */
        UT_hash_handle hh;
} Entry;

struct Announcer {
        Bus *bus;
        bool active;
        Entry *entries; /* by path */
        Entry *dirty;
        unsigned int n_dirty;
        bool policy_dirty;
        bool overflow; /* a mark was lost: a resync is due, but not while the lists are walked */
        bool resync;
        uint64_t generation;
        LoopSource *timer;
};

static const char *kind_interface(ObjectKind kind) {
        switch (kind) {
        case OBJECT_DEVICE:
                return BUS_INTERFACE_DEVICE;
        case OBJECT_CONTAINER:
                return BUS_INTERFACE_CONTAINER;
        case OBJECT_GRANT:
                return BUS_INTERFACE_GRANT;
        case OBJECT_POLICY:
                break;
        }
        return BUS_INTERFACE_MANAGER;
}

static int entry_exists(const Announcer *announcer, const Entry *entry) {
        const Registry *registry = manager_registry(announcer->bus->manager);
        Device *device;
        Container *container;
        Grant *grant;

        switch (entry->kind) {
        case OBJECT_DEVICE:
                return device_from_path(registry, entry->path, &device);
        case OBJECT_CONTAINER:
                return container_from_path(registry, entry->path, &container);
        case OBJECT_GRANT:
                return grant_from_path(registry, entry->path, &grant);
        case OBJECT_POLICY:
                break;
        }
        return 0;
}

static void entry_clean(Announcer *announcer, Entry *entry) {
        if (entry->dirty == 0)
                return;
        entry->dirty = 0;
        DL_DELETE(announcer->dirty, entry);
        announcer->n_dirty--;
}

static void entry_free(Announcer *announcer, Entry *entry) {
        entry_clean(announcer, entry);
        HASH_DEL(announcer->entries, entry);
        free(entry->path);
        free(entry);
}

/* Finds the entry of @path or makes one. Takes @path over in any case. NULL: no memory. */
static Entry *entry_get(Announcer *announcer, ObjectKind kind, char *path) {
        _cleanup_free_ char *owned = path;
        Entry *entry;

        HASH_FIND_STR(announcer->entries, path, entry);
        if (entry)
                return entry;

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return NULL;
        entry->kind = kind;
        entry->path = TAKE_PTR(owned);
        HASH_ADD_KEYPTR(hh, announcer->entries, entry->path, strlen(entry->path), entry);
        if (!entry->hh.tbl) {
                free(entry->path);
                free(entry);
                return NULL;
        }
        return entry;
}

static void resync_begin(Announcer *announcer) {
        Entry *entry, *next;

        DL_FOREACH_SAFE(announcer->dirty, entry, next) {
                entry_clean(announcer, entry);
                if (!entry->known)
                        entry_free(announcer, entry);
        }
        announcer->overflow = false;
        announcer->resync = true;
        announcer->generation++;
}

/* Marks one object; takes @path over. */
static void mark(Announcer *announcer, ObjectKind kind, char *path, unsigned int what) {
        Entry *entry;

        if (announcer->n_dirty >= ANNOUNCER_DIRTY_MAX) {
                free(path);
                announcer->overflow = true;
                return;
        }
        entry = entry_get(announcer, kind, path);
        if (!entry) {
                announcer->overflow = true;
                return;
        }
        if (entry->dirty == 0) {
                DL_APPEND(announcer->dirty, entry);
                announcer->n_dirty++;
        }
        entry->dirty |= what;
}

void announcer_note(Announcer *announcer, ObjectKind kind, const char *id, const char *container_id) {
        char *path = NULL;
        int r = 0;

        if (!announcer->active)
                return;

        switch (kind) {
        case OBJECT_DEVICE:
                r = device_path(id, &path);
                break;
        case OBJECT_CONTAINER:
                r = container_path(id, &path);
                break;
        case OBJECT_GRANT:
                r = grant_path(id, container_id, &path);
                break;
        case OBJECT_POLICY:
                announcer->policy_dirty = true;
                break;
        }
        if (r < 0)
                announcer->overflow = true;
        else if (path)
                mark(announcer, kind, path, DIRTY_ALL);
        loop_source_set_timer(announcer->timer, 0);
}

/* A grant came or went: the lists at both of its ends changed. */
static int mark_ends(Announcer *announcer, const char *path) {
        char *device, *container;
        int r;

        r = grant_path_ends(path, &device, &container);
        if (r < 0)
                return r;
        mark(announcer, OBJECT_DEVICE, device, DIRTY_GRANTS);
        mark(announcer, OBJECT_CONTAINER, container, DIRTY_GRANTS);
        return 0;
}

/* Tells of one object what is to be told, and cleans its mark. May free @entry. Return: 0; negative errno. */
static int tell(Announcer *announcer, Entry *entry, unsigned int what) {
        static const char *const grants_only[] = {"Grants", NULL};
        sd_bus *bus = connection_peek(announcer->bus->connection);
        const char *interface = kind_interface(entry->kind);
        bool known = entry->known;
        int exists, r;

        entry_clean(announcer, entry);
        entry->generation = announcer->generation;
        exists = entry_exists(announcer, entry);
        if (exists < 0)
                return exists;

        if (exists && known)
                return sd_bus_emit_properties_changed_strv(bus, entry->path, interface,
                                                           what & DIRTY_ALL ? NULL : (char **)grants_only);
        if (exists) {
                r = sd_bus_emit_interfaces_added(bus, entry->path, interface, NULL);
                entry->known = true;
        } else
                r = known ? sd_bus_emit_interfaces_removed(bus, entry->path, interface, NULL) : 0;
        if (r >= 0 && entry->kind == OBJECT_GRANT && (exists || known))
                r = mark_ends(announcer, entry->path);
        if (!exists)
                entry_free(announcer, entry);
        return r;
}

typedef bool (*EntryFilter)(const Announcer *announcer, const Entry *entry);

static bool is_arrival(const Announcer *announcer, const Entry *entry) {
        return entry->kind != OBJECT_GRANT && !entry->known && entry_exists(announcer, entry) > 0;
}

static bool is_grant(_unused_ const Announcer *announcer, const Entry *entry) {
        return entry->kind == OBJECT_GRANT;
}

static bool is_any(_unused_ const Announcer *announcer, _unused_ const Entry *entry) {
        return true;
}

static int flush_dirty(Announcer *announcer) {
        static const EntryFilter passes[] = {is_arrival, is_grant, is_any};
        unsigned int n = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(passes) && n < BATCH_MAX; i++) {
                /* Those that the telling itself marks go to the end, and are told in this round or the next.
                 */
                for (Entry *entry = announcer->dirty, *next; entry && n < BATCH_MAX; entry = next) {
                        next = entry->next;
                        if (!passes[i](announcer, entry))
                                continue;
                        r = tell(announcer, entry, entry->dirty);
                        if (r < 0)
                                return r;
                        n++;
                }
        }
        return 0;
}

static int resync_one(Announcer *announcer, ObjectKind kind, char *path, unsigned int *n) {
        Entry *entry = entry_get(announcer, kind, path);

        if (!entry)
                return -ENOMEM;
        if (entry->known && entry->generation == announcer->generation)
                return 0;
        (*n)++;
        return tell(announcer, entry, DIRTY_ALL);
}

static int resync_grants(Announcer *announcer, Device *device, unsigned int *n) {
        for (Grant *grant = device->grants; grant && *n < BATCH_MAX; grant = grant->device_next) {
                char *path;
                int r;

                r = grant_path(device->id, grant->container->name, &path);
                if (r < 0)
                        return r;
                r = resync_one(announcer, OBJECT_GRANT, path, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int resync_present(Announcer *announcer, unsigned int *n) {
        const Registry *registry = manager_registry(announcer->bus->manager);
        char *path;
        int r;

        registry_containers_foreach(container, registry) {
                if (*n >= BATCH_MAX)
                        return 0;
                r = container_path(container->name, &path);
                if (r < 0)
                        return r;
                r = resync_one(announcer, OBJECT_CONTAINER, path, n);
                if (r < 0)
                        return r;
        }
        registry_devices_foreach(device, registry) {
                if (*n >= BATCH_MAX)
                        return 0;
                r = device_path(device->id, &path);
                if (r < 0)
                        return r;
                r = resync_one(announcer, OBJECT_DEVICE, path, n);
                if (r < 0)
                        return r;
                r = resync_grants(announcer, device, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Grants first: their ends are looked up by path, not by entry, so either order is safe; this one reads
 * better. */
static int resync_gone(Announcer *announcer, unsigned int *n) {
        Entry *entry, *next;
        int r;

        HASH_ITER(hh, announcer->entries, entry, next) {
                if (*n >= BATCH_MAX)
                        return 0;
                if (!entry->known || entry->generation == announcer->generation)
                        continue;
                (*n)++;
                r = tell(announcer, entry, DIRTY_ALL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int flush_resync(Announcer *announcer) {
        uint64_t generation = announcer->generation;
        unsigned int n = 0;
        int r;

        r = resync_present(announcer, &n);
        if (r < 0)
                return r;
        if (n < BATCH_MAX) {
                r = resync_gone(announcer, &n);
                if (r < 0)
                        return r;
        }
        if (n < BATCH_MAX && generation == announcer->generation)
                announcer->resync = false;
        return 0;
}

static int flush_policy(Announcer *announcer) {
        sd_bus *bus = connection_peek(announcer->bus->connection);
        int r;

        announcer->policy_dirty = false;
        r = sd_bus_emit_properties_changed(bus, BUS_PATH, BUS_INTERFACE_MANAGER, "RuleCount", NULL);
        if (r < 0)
                return r;
        return sd_bus_emit_signal(bus, BUS_PATH, BUS_INTERFACE_MANAGER, "PolicyReloaded", NULL);
}

static int flush(Announcer *announcer) {
        int r;

        if (announcer->policy_dirty) {
                r = flush_policy(announcer);
                if (r < 0)
                        return r;
        }
        if (announcer->overflow)
                resync_begin(announcer);
        r = flush_dirty(announcer);
        if (r < 0)
                return r;
        return announcer->resync ? flush_resync(announcer) : 0;
}

bool announcer_idle(const Announcer *announcer) {
        return !announcer->dirty && !announcer->overflow && !announcer->resync && !announcer->policy_dirty;
}

static void on_flush(void *userdata) {
        Announcer *announcer = userdata;
        sd_bus *bus = connection_peek(announcer->bus->connection);
        uint64_t queued = 0;
        int r;

        if (!announcer->active || !bus || announcer_idle(announcer))
                return;

        if (sd_bus_get_n_queued_write(bus, &queued) >= 0 && queued > QUEUE_MAX) {
                loop_source_set_timer(announcer->timer, BACKOFF_USEC);
                return;
        }
        r = flush(announcer);
        if (r < 0) {
                /* A listener that misses one signal is wrong for ever; one that sees us come anew asks anew.
                 */
                log_error_errno(r, "Failed to tell the bus of a change: %m");
                connection_restart(announcer->bus->connection, r);
                return;
        }
        connection_arm(announcer->bus->connection);
        if (!announcer_idle(announcer))
                loop_source_set_timer(announcer->timer, 0);
}

static int adopt(Announcer *announcer) {
        const Registry *registry = manager_registry(announcer->bus->manager);
        Entry *entry;
        char *path;

        registry_containers_foreach(container, registry) {
                if (container_path(container->name, &path) < 0 ||
                    !(entry = entry_get(announcer, OBJECT_CONTAINER, path)))
                        return -ENOMEM;
                entry->known = true;
        }
        registry_devices_foreach(device, registry) {
                if (device_path(device->id, &path) < 0 ||
                    !(entry = entry_get(announcer, OBJECT_DEVICE, path)))
                        return -ENOMEM;
                entry->known = true;
                for (Grant *grant = device->grants; grant; grant = grant->device_next) {
                        if (grant_path(device->id, grant->container->name, &path) < 0 ||
                            !(entry = entry_get(announcer, OBJECT_GRANT, path)))
                                return -ENOMEM;
                        entry->known = true;
                }
        }
        return 0;
}

void announcer_begin(Announcer *announcer) {
        announcer->active = true;
        /* Out of memory: the rest will be told as new, which a listener can bear. */
        if (adopt(announcer) < 0) {
                announcer->overflow = true;
                loop_source_set_timer(announcer->timer, 0);
        }
}

static void forget_all(Announcer *announcer) {
        Entry *entry, *next;

        HASH_ITER(hh, announcer->entries, entry, next)
                entry_free(announcer, entry);
}

void announcer_end(Announcer *announcer) {
        forget_all(announcer);
        announcer->active = false;
        announcer->overflow = false;
        announcer->resync = false;
        announcer->policy_dirty = false;
        loop_source_set_timer(announcer->timer, UINT64_MAX);
}

int announcer_new(Bus *bus, Announcer **ret) {
        _cleanup_(announcer_freep) Announcer *announcer = NULL;
        int r;

        announcer = calloc(1, sizeof(*announcer));
        if (!announcer)
                return -ENOMEM;
        announcer->bus = bus;
        r = loop_add_timer(bus->loop, on_flush, announcer, &announcer->timer);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(announcer);
        return 0;
}

Announcer *announcer_free(Announcer *announcer) {
        if (!announcer)
                return NULL;
        forget_all(announcer);
        loop_source_free(announcer->timer);
        free(announcer);
        return NULL;
}
