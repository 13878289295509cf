/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.davit1.Device, below /org/davit1/device: what is known of one device and to whom it is given.
 */

#include "config.h"

#include <limits.h>

#include "bus/bus-internal.h"
#include "bus/device-bus.h"
#include "bus/option.h"
#include "bus/path.h"
#include "bus/property.h"
#include "model/mode.h"
#include "util/string.h"

#define PREFIX BUS_PATH "/device"

static int get_classes(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                       _unused_ const char *property, sd_bus_message *reply, void *userdata,
                       _unused_ sd_bus_error *error) {
        const Device *device = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        if (r < 0)
                return r;
        for (DeviceClass class = 0; class < DEVICE_CLASS_MAX; class ++) {
                if (!(device->classes & (1U << class)))
                        continue;
                r = sd_bus_message_append_basic(reply, 's', device_class_to_string(class));
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int get_mode(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                    _unused_ const char *property, sd_bus_message *reply, void *userdata,
                    _unused_ sd_bus_error *error) {
        return append_string(reply, device_mode_to_string(device_mode(userdata)));
}

static int get_nodes(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                     _unused_ const char *property, sd_bus_message *reply, void *userdata,
                     _unused_ sd_bus_error *error) {
        const Device *device = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        if (r < 0)
                return r;
        device_parts_foreach(part, device) {
                char name[PATH_MAX];

                if (!part_is_node(part))
                        continue;
                string_escape(name + strlen("/dev/"), sizeof(name) - strlen("/dev/"), part->name);
                memcpy(name, "/dev/", strlen("/dev/"));
                r = sd_bus_message_append(reply, "(ss)", part_kind_to_string(part->kind), name);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int get_interfaces(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                          _unused_ const char *property, sd_bus_message *reply, void *userdata,
                          _unused_ sd_bus_error *error) {
        const Device *device = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sub)");
        if (r < 0)
                return r;
        device_parts_foreach(part, device) {
                _cleanup_free_ char *name = NULL;

                if (part->kind != PART_NET)
                        continue;
                r = string_escape_new(part->name ?: "", &name);
                if (r < 0)
                        return r;
                r = sd_bus_message_append(reply, "(sub)", name, (uint32_t)part->ifindex, (int)part->away);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int get_grants(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                      _unused_ const char *property, sd_bus_message *reply, void *userdata,
                      _unused_ sd_bus_error *error) {
        const Device *device = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "o");
        if (r < 0)
                return r;
        for (const Grant *grant = device->grants; grant; grant = grant->device_next) {
                r = append_grant_path(reply, device->id, grant->container->name);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static const sd_bus_vtable device_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", property_get_string, offsetof(Device, id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Place", "s", property_get_string, offsetof(Device, place),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Devpath", "s", property_get_string, offsetof(Device, devpath),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Classes", "as", get_classes, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Vendor", "s", property_get_string, offsetof(Device, vendor),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Product", "s", property_get_string, offsetof(Device, product),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Serial", "s", property_get_string, offsetof(Device, serial),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Model", "s", property_get_string, offsetof(Device, model),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Mode", "s", get_mode, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Nodes", "a(ss)", get_nodes, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Interfaces", "a(sub)", get_interfaces, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Grants", "ao", get_grants, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static int find(_unused_ sd_bus *connection, const char *path, _unused_ const char *interface, void *userdata,
                void **ret, _unused_ sd_bus_error *error) {
        Bus *bus = userdata;

        return device_from_path(manager_registry(bus->manager), path, (Device **)ret);
}

static int enumerate(_unused_ sd_bus *connection, _unused_ const char *prefix, void *userdata, char ***ret,
                     _unused_ sd_bus_error *error) {
        Bus *bus = userdata;
        const Registry *registry = manager_registry(bus->manager);
        _cleanup_(string_array_freep) char **paths = NULL;
        size_t n = 0;
        int r;

        paths = calloc(HASH_COUNT(registry->devices) + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        registry_devices_foreach(device, registry) {
                r = device_path(device->id, &paths[n]);
                if (r < 0)
                        return r;
                n++;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

int device_bus_export(Bus *bus, sd_bus *connection) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, PREFIX, BUS_INTERFACE_DEVICE, device_vtable, find,
                                       bus);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(connection, NULL, PREFIX, enumerate, bus);
}
