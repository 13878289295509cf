/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Companions: nodes that belong to no single device, but that some devices are of no use without. A driver
 * makes one for all of its GPUs; whoever is given a GPU is given it too, and it is in a container once,
 * however many GPUs are (see plan/item.h).
 *
 * Decided by the driver, so that a GPU which was handed to another driver brings nothing along.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "model/device.h"
#include "util/string.h"

static const struct {
        const char *driver, *id;
} by_driver[] = {
        /* drivers/gpu/drm/amd/amdkfd/kfd_chardev.c of Linux. It lets a process use those GPUs alone whose
         * render node its device filter lets it open. */
        {"amdgpu", "virtual-kfd-kfd"},
        {"nvidia", "virtual-nvidia-control"},
};

/* "mig-0000:01:00.0-gi1-ci0" is of no use without its GPU's own node and the capability of the GPU instance
 * that it is in. The last dashes are ours, and an address has none. */
static int companion_of_instance(const Device *device, unsigned int i, char ret[static DEVICE_ID_MAX]) {
        const char *first = strchr(device->place, '-'), *last = strrchr(device->place, '-');

        if (!startswith(device->id, "mig-") || !first || i > 1 || (i == 1 && first == last))
                return -ENOENT;
        snprintf(ret, DEVICE_ID_MAX, "%s-%.*s", i == 0 ? "pci" : "mig",
                 (int)((i == 0 ? first : last) - device->place), device->place);
        return 0;
}

int device_companion(const Device *device, unsigned int i, char ret[static DEVICE_ID_MAX]) {
        const char *driver;
        int r;

        assert(device);

        if (!(device->classes & 1U << DEVICE_GPU))
                return -ENOENT;
        r = companion_of_instance(device, i, ret);
        if (r >= 0)
                return r;
        if (startswith(device->id, "mig-")) {
                if (i < 2)
                        return -ENOENT;
                i -= 2;
        }
        driver = device_property(device, "DRIVER");
        for (size_t k = 0; driver && k < ELEMENTSOF(by_driver); k++)
                if (streq(driver, by_driver[k].driver) && i-- == 0) {
                        strcpy(ret, by_driver[k].id);
                        return 0;
                }
        return -ENOENT;
}

bool device_is_companion(const Device *device) {
        for (size_t k = 0; k < ELEMENTSOF(by_driver); k++)
                if (streq(device->id, by_driver[k].id))
                        return true;
        device_parts_foreach(part, device)
                if (part->shared)
                        return true;
        return false;
}
