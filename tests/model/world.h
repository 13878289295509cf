/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the tests of the model share: events made of literals, and whether a registry's indexes agree.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "model/registry.h"
#include "util/string.h"

/* An event of "KEY=VALUE" strings, NULL-terminated; ACTION is added. The caller frees it with
 * uevent_deinit(). */
static inline Uevent make_event(UeventAction action, const char *const *properties) {
        Uevent event = {.action = action};

        property_list_set(&event.properties, "ACTION", uevent_action_to_string(action));
        property_list_set(&event.properties, "SEQNUM", "4711");
        for (; *properties; properties++)
                property_list_append(&event.properties, *properties, strlen(*properties) + 1);
        return event;
}

#define EVENT(action, ...) make_event((action), (const char *const[]){__VA_ARGS__, NULL})

/* Why the indexes do not agree, NULL where they do. */
static inline const char *registry_fault(const Registry *registry) {
        size_t n_parts = 0, n_nodes = 0;
        Device *waiting, *next_waiting;

        registry_devices_foreach(device, registry) {
                unsigned int n = 0;

                if (registry_device(registry, device->id) != device)
                        return "a device is not found by its id";
                device_parts_foreach(p, device) {
                        n++;
                        if (p->device != device)
                                return "a part has another device";
                        if (registry_part(registry, p->devpath) != p)
                                return "a part is not found by its devpath";
                        if (part_is_node(p) && registry_part_by_rdev(registry, p->type, p->rdev) != p)
                                return "a node is not found by its number";
                        if (!devpath_is_below(p->devpath, device->devpath))
                                return "a part is not below its device";
                        if (!streq_ptr(property_list_get(&p->properties, "DEVPATH"), p->devpath))
                                return "a part says another devpath";
                        n_nodes += part_is_node(p);
                }
                if (n != device->n_parts)
                        return "parts are miscounted";
                if (n > 0 && !device_is_alive(device))
                        return "a device has only parts that should wait";
                if (n == 0 && device->classes != 0)
                        return "a dead device has a class";
                n_parts += n;
        }
        if (HASH_CNT(hh_devpath, registry->by_devpath) != n_parts)
                return "the index by devpath has strangers";
        if (HASH_CNT(hh_rdev, registry->by_rdev) != n_nodes)
                return "the index by number has strangers";
        HASH_ITER(hh, registry->waiting, waiting, next_waiting) {
                const Device *device = registry_device(registry, waiting->id);

                if (waiting->n_parts == 0)
                        return "nothing waits";
                if (device && device->n_parts > 0 && streq(device->devpath, waiting->devpath))
                        return "something waits for a device that is there";
                device_parts_foreach(p, waiting)
                        if (p->device != waiting || p->kind != PART_BARE || p->hh_devpath.tbl ||
                            registry_part(registry, p->devpath))
                                return "a part waits that should not";
        }
        return NULL;
}
