/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Holds: which device a grant goes on with when it comes back as another product.
 *
 * The place is compared by the whole path of the root object, as bus numbers are dealt anew when a controller
 * is bound again: "3-1" may be a port of another one then. Serials are foreign text that many devices share;
 * they can end a hold, and never carry it to another place. That a device has gone elsewhere they tell only
 * as long as no two were seen with one serial.
 */

#include "config.h"

#include <assert.h>
#include <utlist.h>

#include "model/hold.h"
#include "util/string.h"

static int replace(char **field, const char *value) {
        char *copy;

        if (string_empty(value) || streq_ptr(*field, value))
                return 0;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 1;
}

int hold_new(Grant *grant, const struct Rule *rule, const Device *device, Hold **ret) {
        _cleanup_(hold_freep) Hold *hold = calloc(1, sizeof(*hold));
        int r;

        assert(grant && rule && device && ret);

        if (!hold)
                return -ENOMEM;
        hold->grant = grant;
        hold->rule = rule;
        r = hold_learn(hold, device);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(hold);
        return 0;
}

void hold_free(Hold *hold) {
        if (!hold)
                return;
        free(hold->serial);
        free(hold->devpath);
        free(hold);
}

int hold_learn(Hold *hold, const Device *device) {
        int serial, devpath;

        serial = replace(&hold->serial, device->serial);
        if (serial < 0)
                return serial;
        devpath = replace(&hold->devpath, device->devpath);
        return devpath < 0 ? devpath : serial || devpath;
}

bool hold_concerns(const Hold *hold, const Device *device) {
        if (device_is_hub(device))
                return false;
        if (hold->serial && device->serial)
                return streq(hold->serial, device->serial);
        return streq(hold->devpath, device->devpath);
}
