/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What all vtables need to show a property. A string that is not UTF-8 would make the bus daemon throw us off
 * the bus, and a terminal sequence in a serial number would reach whoever prints it: everything foreign goes
 * through here.
 */

#include "config.h"

#include "bus/path.h"
#include "bus/property.h"
#include "util/string.h"

int append_string(sd_bus_message *m, const char *s) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = string_escape_new(s ?: "", &text);
        if (r < 0)
                return r;
        return sd_bus_message_append_basic(m, 's', text);
}

int property_get_string(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                        _unused_ const char *property, sd_bus_message *reply, void *userdata,
                        _unused_ sd_bus_error *error) {
        return append_string(reply, *(char **)userdata);
}

int append_grant_path(sd_bus_message *m, const char *device_id, const char *container_name) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = grant_path(device_id, container_name, &path);
        if (r < 0)
                return r;
        return sd_bus_message_append_basic(m, 'o', path);
}
