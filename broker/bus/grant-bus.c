/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.davit1.Grant, below /org/davit1/grant/DEVICE: that a device is given to a container, and how that
 * stands.
 */

#include "config.h"

#include <string.h>

#include "bus/bus-internal.h"
#include "bus/grant-bus.h"
#include "bus/option.h"
#include "bus/path.h"
#include "bus/property.h"

#define PREFIX BUS_PATH "/grant"

static int get_device(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                      _unused_ const char *property, sd_bus_message *reply, void *userdata,
                      _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;
        _cleanup_free_ char *target = NULL;
        int r;

        r = device_path(grant->device->id, &target);
        if (r < 0)
                return r;
        return sd_bus_message_append_basic(reply, 'o', target);
}

static int get_container(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                         _unused_ const char *property, sd_bus_message *reply, void *userdata,
                         _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;
        _cleanup_free_ char *target = NULL;
        int r;

        r = container_path(grant->container->name, &target);
        if (r < 0)
                return r;
        return sd_bus_message_append_basic(reply, 'o', target);
}

static int get_device_id(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                         _unused_ const char *property, sd_bus_message *reply, void *userdata,
                         _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;

        return append_string(reply, grant->device->id);
}

static int get_container_name(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                              _unused_ const char *property, sd_bus_message *reply, void *userdata,
                              _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;

        return append_string(reply, grant->container->name);
}

static int get_origin(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                      _unused_ const char *property, sd_bus_message *reply, void *userdata,
                      _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;

        return append_string(reply, grant_origin_to_string(grant->origin));
}

static int get_state(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                     _unused_ const char *property, sd_bus_message *reply, void *userdata,
                     _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;

        return append_string(reply, grant_state_to_string(grant->state));
}

static int get_error(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                     _unused_ const char *property, sd_bus_message *reply, void *userdata,
                     _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;

        return append_string(reply, grant->error < 0 ? grant_error_to_string(grant->error) : "");
}

static int get_linger_until(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                            _unused_ const char *property, sd_bus_message *reply, void *userdata,
                            _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;
        uint64_t until = grant->hold ? grant->hold->until_usec : 0;

        return sd_bus_message_append_basic(reply, 't', &until);
}

static int get_lacking(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                       _unused_ const char *property, sd_bus_message *reply, void *userdata,
                       _unused_ sd_bus_error *error) {
        const Grant *grant = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (const char *p = grant->lacking ?: ""; r >= 0 && *p; p += strspn(p, "\n")) {
                _cleanup_free_ char *line = strndup(p, strcspn(p, "\n"));

                if (!line)
                        return -ENOMEM;
                p += strlen(line);
                r = sd_bus_message_append_basic(reply, 's', line);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable grant_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Device", "o", get_device, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Container", "o", get_container, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("DeviceId", "s", get_device_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ContainerName", "s", get_container_name, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Origin", "s", get_origin, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Rule", "s", property_get_string, offsetof(Grant, rule),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Error", "s", get_error, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LingerUntil", "t", get_linger_until, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Lacking", "as", get_lacking, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static int find(_unused_ sd_bus *connection, const char *path, _unused_ const char *interface, void *userdata,
                void **ret, _unused_ sd_bus_error *error) {
        Bus *bus = userdata;

        return grant_from_path(manager_registry(bus->manager), path, (Grant **)ret);
}

static int enumerate(_unused_ sd_bus *connection, _unused_ const char *prefix, void *userdata, char ***ret,
                     _unused_ sd_bus_error *error) {
        Bus *bus = userdata;
        const Registry *registry = manager_registry(bus->manager);
        _cleanup_(string_array_freep) char **paths = NULL;
        size_t n = 0;
        int r;

        registry_devices_foreach(device, registry)
                for (Grant *grant = device->grants; grant; grant = grant->device_next)
                        n++;
        paths = calloc(n + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;

        n = 0;
        registry_devices_foreach(device, registry)
                for (Grant *grant = device->grants; grant; grant = grant->device_next) {
                        r = grant_path(device->id, grant->container->name, &paths[n]);
                        if (r < 0)
                                return r;
                        n++;
                }
        *ret = TAKE_PTR(paths);
        return 0;
}

int grant_bus_export(Bus *bus, sd_bus *connection) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, PREFIX, BUS_INTERFACE_GRANT, grant_vtable, find,
                                       bus);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(connection, NULL, PREFIX, enumerate, bus);
}
