/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Disks that the host uses: marked, so that a rule can keep them from containers.
 *
 * The mark is a property of the block device, DAVIT_IN_USE, which a rule asks for as for any of udev's. It is
 * set anew whenever the device is told of, before anything is decided, and on all disks when something is
 * mounted or swapped to, or a device that others can be part of changes. What is marked then is decided anew:
 * a disk that the host begins to use is taken back from whoever has it.
 */

#include "config.h"

#include <string.h>

#include "core/manager-internal.h"
#include "util/log.h"
#include "util/string.h"

#define IN_USE "DAVIT_IN_USE"

/* Return: 1 its mark has changed; 0; -ENOMEM. */
static int mark_part(const Manager *manager, Part *part) {
        const char *use = disks_use(manager->disks, part->rdev);
        int r;

        if (streq_ptr(use, property_list_get(&part->properties, IN_USE)))
                return 0;
        if (!use) {
                property_list_unset(&part->properties, IN_USE);
                return 1;
        }
        r = property_list_set(&part->properties, IN_USE, use);
        return r < 0 ? r : 1;
}

bool manager_mark_disk(Manager *manager, Device *device) {
        bool changed = false;

        if (!(device->classes & 1U << DEVICE_BLOCK))
                return false;
        device_parts_foreach(part, device) {
                int r = part->type == 'b' ? mark_part(manager, part) : 0;

                if (r < 0)
                        log_oom();
                changed = changed || r > 0;
        }
        return changed;
}

void manager_mark_disks(Manager *manager) {
        registry_devices_foreach(device, &manager->registry) {
                if (!manager_mark_disk(manager, device))
                        continue;
                manager_notify(manager, OBJECT_DEVICE, device->id, NULL);
                if (!manager->taking_in)
                        manager_assign(manager, device);
        }
}

static void on_disks(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;
        int r = disks_read(manager->disks);

        if (r < 0)
                log_error_errno(r, "Failed to read which disks are in use: %m");
        manager_mark_disks(manager);
}

int manager_open_disks(Manager *manager) {
        int r;

        r = disks_new("/proc", "/sys", &manager->disks);
        if (r >= 0)
                r = disks_read(manager->disks);
        if (r < 0)
                return log_error_errno(r, "Failed to read which disks are in use: %m");
        return loop_add_io(manager->loop, disks_fd(manager->disks), LOOP_READ, on_disks, manager,
                           &manager->disks_source);
}
