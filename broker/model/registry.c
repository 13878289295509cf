/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The registry: everything that is known, found by its names. How an event changes it is in registry-apply.c,
 * grants are in grant.c.
 *
 * It owns devices (with their parts), waiting parts, containers and grants. Nothing here is linear in the
 * number of devices but what a person asks for by name, and a rescan's marks.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "model/cdi-name.h"
#include "model/registry-index.h"
#include "util/string.h"

void registry_init(Registry *registry) {
        *registry = (Registry){};
}

void registry_deinit(Registry *registry) {
        registry_devices_foreach(device, registry) {
                while (device->grants)
                        registry_drop_grant(registry, device->grants);
                registry_drop_device(registry, device);
        }
        registry_containers_foreach(container, registry)
                registry_drop_container(registry, container);
        while (registry->waiting)
                part_free(registry_waiting_remove(registry, registry->waiting->parts));
        registry_init(registry);
}

Device *registry_device(const Registry *registry, const char *id) {
        Device *device;

        HASH_FIND_STR(registry->devices, id, device);
        return device;
}

Part *registry_part(const Registry *registry, const char *devpath) {
        Part *part;

        HASH_FIND(hh_devpath, registry->by_devpath, devpath, strlen(devpath), part);
        return part;
}

Part *registry_part_by_rdev(const Registry *registry, char type, dev_t rdev) {
        uint64_t key = part_node_key(type, rdev);
        Part *part;

        HASH_FIND(hh_rdev, registry->by_rdev, &key, sizeof(key), part);
        return part;
}

void registry_drop_device(Registry *registry, Device *device) {
        if (!device)
                return;
        assert(!device->grants);

        while (device->parts)
                part_free(registry_index_remove(registry, device->parts));
        HASH_DEL(registry->devices, device);
        device_free(device);
}

/* Ways to name a device, those that nobody can forge first: a serial is what a device claims, and one that
 * claims another's place must not shut that place out. */
typedef enum FindBy {
        FIND_BY_PLACE,
        FIND_BY_NODE,
        FIND_BY_INTERFACE,
        FIND_BY_SERIAL,
        FIND_BY_MAX,
} FindBy;

static bool device_has_part(const Device *device, bool interface, const char *name) {
        device_parts_foreach(part, device)
                if ((interface ? part->kind == PART_NET : part_is_node(part)) && streq(part->name, name))
                        return true;
        return false;
}

static bool device_is_called(const Device *device, FindBy by, const char *name) {
        const char *node;

        switch (by) {
        case FIND_BY_PLACE:
                return streq(device->place, name);
        case FIND_BY_NODE:
                node = startswith(name, "/dev/");
                return node && device_has_part(device, /* interface= */ false, node);
        case FIND_BY_INTERFACE:
                return device_has_part(device, /* interface= */ true, name);
        case FIND_BY_SERIAL:
                return streq_ptr(device->serial, name);
        case FIND_BY_MAX:
                break;
        }
        return false;
}

static Device *find_by_devpath(const Registry *registry, const char *name) {
        const char *devpath = startswith(name, "/sys/") ? name + strlen("/sys") : name;
        Part *part = registry_part(registry, devpath);
        char id[DEVICE_ID_MAX];
        DevicePlace place;

        if (part)
                return part->device;
        if (device_place_parse(devpath, &place) < 0 || device_place_id(&place, id) < 0)
                return NULL;
        return registry_device(registry, id);
}

int registry_find_device(const Registry *registry, const char *name, Device **ret) {
        Device *found = registry_device(registry, name);
        char id[DEVICE_ID_MAX];

        if (!found && name[0] == '/')
                found = find_by_devpath(registry, name);
        /* No device can claim such a name that is none of its kind. */
        if (!found && cdi_name_to_id(name, id, sizeof(id)) >= 0)
                found = registry_device(registry, id);

        for (FindBy by = 0; !found && by < FIND_BY_MAX; by++)
                registry_devices_foreach(device, registry) {
                        if (!device_is_called(device, by, name))
                                continue;
                        if (found)
                                return -ENOTUNIQ;
                        found = device;
                }
        if (!found)
                return -ENODEV;
        *ret = found;
        return 0;
}

int registry_add_container(Registry *registry, Container *container) {
        if (registry_container(registry, container->name))
                return -EEXIST;
        if (HASH_COUNT(registry->containers) >= REGISTRY_CONTAINERS_MAX)
                return -ENOSPC;
        HASH_ADD_KEYPTR(hh, registry->containers, container->name, strlen(container->name), container);
        if (!container->hh.tbl)
                return -ENOMEM;
        container->seq = ++registry->seq;
        return 0;
}

Container *registry_container(const Registry *registry, const char *name) {
        Container *container;

        HASH_FIND_STR(registry->containers, name, container);
        return container;
}

void registry_drop_container(Registry *registry, Container *container) {
        if (!container)
                return;
        assert(!container->grants);

        HASH_DEL(registry->containers, container);
        container_free(container);
}

void registry_mark(Registry *registry) {
        Device *waiting, *next_waiting;
        Part *part, *next;

        HASH_ITER(hh_devpath, registry->by_devpath, part, next)
                part->marked = true;
        HASH_ITER(hh, registry->waiting, waiting, next_waiting)
                device_parts_foreach(bare, waiting)
                        bare->marked = true;
}

/* Nobody was told of these. */
static void sweep_waiting(Registry *registry) {
        Device *waiting, *next_waiting;

        HASH_ITER(hh, registry->waiting, waiting, next_waiting) {
                Part *next;

                /* The last removal frees what holds the list. */
                for (Part *part = waiting->parts; part; part = next) {
                        next = part->next;
                        if (part->marked)
                                part_free(registry_waiting_remove(registry, part));
                }
        }
}

/* Copies the devpaths of what is left, as the callback changes the tables. */
static int collect_marked(const Registry *registry, char **paths, size_t *n) {
        Part *part, *next;

        HASH_ITER(hh_devpath, registry->by_devpath, part, next) {
                if (!part->marked || part->away)
                        continue;
                paths[*n] = strdup(part->devpath);
                if (!paths[*n])
                        return -ENOMEM;
                (*n)++;
        }
        return 0;
}

int registry_sweep(Registry *registry, int (*gone)(const char *devpath, void *userdata), void *userdata) {
        char **paths;
        size_t n = 0;
        int r;

        sweep_waiting(registry);

        paths = calloc(HASH_CNT(hh_devpath, registry->by_devpath) + 1, sizeof(*paths));
        if (!paths)
                return -ENOMEM;
        r = collect_marked(registry, paths, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                const Part *part = registry_part(registry, paths[i]);

                /* A removal takes what is below along, and what is seen meanwhile is there. */
                if (part && part->marked)
                        r = gone(paths[i], userdata);
        }

        for (size_t i = 0; i < n; i++)
                free(paths[i]);
        free(paths);
        return r < 0 ? r : 0;
}
