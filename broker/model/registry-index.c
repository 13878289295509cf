/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The indexes over parts. Everything that puts a part somewhere or takes it away is here, so that they agree
 * after each call, whether it succeeded or not.
 *
 * uthash leaves `tbl` as it was in an element that was removed, so it is cleared here: NULL says "in no
 * table".
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "model/registry-index.h"
#include "util/string.h"

static int add_number(Registry *registry, Part *part) {
        if (!part_is_node(part))
                return 0;
        /* Whoever had it lost it to the event (claim_number()). Properties of several events merged into one
         * part could say a number that no event said of it. */
        if (registry_part_by_rdev(registry, part->type, part->rdev))
                return -EBADMSG;
        HASH_ADD(hh_rdev, registry->by_rdev, node_key, sizeof(part->node_key), part);
        return part->hh_rdev.tbl ? 0 : -ENOMEM;
}

static void remove_number(Registry *registry, Part *part) {
        if (!part->hh_rdev.tbl)
                return;
        /* Goes by the hash that is remembered in the element: the key may be another by now. */
        HASH_DELETE(hh_rdev, registry->by_rdev, part);
        part->hh_rdev.tbl = NULL;
}

int registry_index_add(Registry *registry, Device *device, Part *part) {
        int r;

        assert(!part->device && !part->hh_devpath.tbl);

        if (device->n_parts >= DEVICE_PARTS_MAX)
                return -ENOSPC;

        HASH_ADD_KEYPTR(hh_devpath, registry->by_devpath, part->devpath, strlen(part->devpath), part);
        if (!part->hh_devpath.tbl)
                return -ENOMEM;
        r = add_number(registry, part);
        if (r < 0) {
                HASH_DELETE(hh_devpath, registry->by_devpath, part);
                part->hh_devpath.tbl = NULL;
                return r;
        }
        device_add_part(device, part);
        return 0;
}

Part *registry_index_remove(Registry *registry, Part *part) {
        assert(part->device && part->hh_devpath.tbl);

        remove_number(registry, part);
        HASH_DELETE(hh_devpath, registry->by_devpath, part);
        part->hh_devpath.tbl = NULL;
        device_remove_part(part->device, part);
        return part;
}

int registry_index_renumber(Registry *registry, Part *part) {
        remove_number(registry, part);
        return add_number(registry, part);
}

Device *registry_waiting(const Registry *registry, const char *id) {
        Device *waiting;

        HASH_FIND_STR(registry->waiting, id, waiting);
        return waiting;
}

static void drop_waiting(Registry *registry, Device *waiting) {
        HASH_DEL(registry->waiting, waiting);
        device_free(waiting);
}

static int create_waiting(Registry *registry, const DevicePlace *place, const char *devpath, Device **ret) {
        Device *waiting;
        int r;

        if (HASH_COUNT(registry->waiting) >= REGISTRY_WAITING_MAX)
                return -ENOSPC;
        r = device_new(place, devpath, &waiting);
        if (r < 0)
                return r;
        HASH_ADD_KEYPTR(hh, registry->waiting, waiting->id, strlen(waiting->id), waiting);
        if (!waiting->hh.tbl) {
                device_free(waiting);
                return -ENOMEM;
        }
        *ret = waiting;
        return 0;
}

int registry_waiting_add(Registry *registry, Part *part) {
        char id[DEVICE_ID_MAX];
        DevicePlace place;
        Device *waiting;
        int r;

        assert(!part->device && !part->hh_devpath.tbl && part->kind == PART_BARE);

        if (device_place_parse(part->devpath, &place) < 0 || device_place_id(&place, id) < 0)
                return -ENODEV;
        waiting = registry_waiting(registry, id);
        /* One place holds one thing. */
        if (waiting && !devpath_is_below(part->devpath, waiting->devpath)) {
                drop_waiting(registry, waiting);
                waiting = NULL;
        }
        if (!waiting) {
                r = create_waiting(registry, &place, part->devpath, &waiting);
                if (r < 0)
                        return r;
        }
        if (waiting->n_parts >= DEVICE_PARTS_MAX)
                return -ENOSPC;
        device_add_part(waiting, part);
        return 0;
}

Part *registry_waiting_find(const Registry *registry, const char *id, const char *devpath) {
        const Device *waiting = registry_waiting(registry, id);

        if (waiting)
                device_parts_foreach(part, waiting)
                        if (streq(part->devpath, devpath))
                                return part;
        return NULL;
}

Part *registry_waiting_remove(Registry *registry, Part *part) {
        Device *waiting = part->device;

        device_remove_part(waiting, part);
        if (waiting->n_parts == 0)
                drop_waiting(registry, waiting);
        return part;
}
