/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Arguments that several methods take. D-Bus itself sees to valid UTF-8 and the types.
 */

#include "config.h"

#include "bus/argument.h"
#include "bus/error.h"
#include "util/string.h"

int argument_read_device(sd_bus_message *request, const char **ret, sd_bus_error *error) {
        const char *device;
        int r;

        r = sd_bus_message_read_basic(request, 's', &device);
        if (r < 0)
                return r;
        if (string_empty(device) || strlen(device) > ARGUMENT_DEVICE_MAX)
                return error_invalid(error, "The device has no name, or one that is too long");
        *ret = device;
        return 0;
}

int argument_read_container_or_all(sd_bus_message *request, const char **ret, sd_bus_error *error) {
        const char *container;
        int r;

        r = sd_bus_message_read_basic(request, 's', &container);
        if (r < 0)
                return r;
        if (string_empty(container)) {
                *ret = NULL;
                return 0;
        }
        if (!string_is_name(container))
                return error_invalid(error, "'%.64s' is no name of a container", container);
        *ret = container;
        return 0;
}

int argument_read_container(sd_bus_message *request, const char **ret, sd_bus_error *error) {
        const char *container = NULL;
        int r;

        r = argument_read_container_or_all(request, &container, error);
        if (r < 0)
                return r;
        if (!container)
                return error_invalid(error, "The container has no name");
        *ret = container;
        return 0;
}
