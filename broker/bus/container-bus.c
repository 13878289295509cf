/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.davit1.Container, below /org/davit1/container: one running container, its grants, its end.
 */

#include "config.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "bus/authorize.h"
#include "bus/bus-internal.h"
#include "bus/container-bus.h"
#include "bus/error.h"
#include "bus/option.h"
#include "bus/path.h"
#include "bus/property.h"
#include "util/string.h"

#define PREFIX BUS_PATH "/container"

static int append_label(sd_bus_message *reply, const char *label) {
        _cleanup_free_ char *raw = NULL, *key = NULL, *value = NULL;
        const char *equals = strchr(label, '=');
        int r;

        raw = strndup(label, (size_t)(equals - label));
        if (!raw)
                return -ENOMEM;
        r = string_escape_new(raw, &key);
        if (r < 0)
                return r;
        r = string_escape_new(equals + 1, &value);
        if (r < 0)
                return r;
        return sd_bus_message_append(reply, "{ss}", key, value);
}

static int get_labels(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                      _unused_ const char *property, sd_bus_message *reply, void *userdata,
                      _unused_ sd_bus_error *error) {
        const Container *container = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{ss}");
        if (r < 0)
                return r;
        property_list_foreach(label, &container->labels) {
                r = append_label(reply, label);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int get_state(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                     _unused_ const char *property, sd_bus_message *reply, void *userdata,
                     _unused_ sd_bus_error *error) {
        const Container *container = userdata;

        return append_string(reply, container_state_to_string(container->state));
}

static int get_pid(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                   _unused_ const char *property, sd_bus_message *reply, void *userdata,
                   _unused_ sd_bus_error *error) {
        const Container *container = userdata;

        return sd_bus_message_append(reply, "u", (uint32_t)container->init_pid);
}

static int get_grants(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                      _unused_ const char *property, sd_bus_message *reply, void *userdata,
                      _unused_ sd_bus_error *error) {
        const Container *container = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "o");
        if (r < 0)
                return r;
        for (const Grant *grant = container->grants; grant; grant = grant->container_next) {
                r = append_grant_path(reply, grant->device->id, container->name);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

static int result_status(sd_bus_message *reply, _unused_ const char *object, _unused_ const char *message,
                         int value) {
        return sd_bus_message_append(reply, "i", value);
}

/*
 * sd-bus hands a method the object that find() found, not the userdata of the vtable: the Bus is that of the
 * slot.
 */
static Bus *current_bus(sd_bus_message *request) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(request)));
}

static int method_kill(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        const Container *container = userdata;
        Bus *bus = current_bus(request);
        Call *call;
        int32_t number;
        int r;

        r = authorize(request, error);
        if (r < 0)
                return r;
        r = sd_bus_message_read(request, "i", &number);
        if (r < 0)
                return r;
        if (number < 1 || number > SIGRTMAX)
                return error_invalid(error, "%d is not a signal", number);
        r = options_read_none(request, error);
        if (r < 0)
                return r;
        r = call_new(bus, request, /* result= */ NULL, container->name, error, &call);
        if (r < 0)
                return r;
        manager_kill(bus->manager, container->name, number, call_done, call);
        return 1;
}

static int method_wait(sd_bus_message *request, void *userdata, sd_bus_error *error) {
        const Container *container = userdata;
        Bus *bus = current_bus(request);
        Call *call;
        int r;

        /* It keeps a place among the calls for as long as the container runs: nothing to give to everybody.
         */
        r = authorize(request, error);
        if (r < 0)
                return r;
        r = call_new(bus, request, result_status, container->name, error, &call);
        if (r < 0)
                return r;
        manager_wait(bus->manager, container->name, call_done, call);
        return 1;
}

static const sd_bus_vtable container_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", property_get_string, offsetof(Container, name),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Runtime", "s", property_get_string, offsetof(Container, runtime),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Labels", "a{ss}", get_labels, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Pid", "u", get_pid, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Grants", "ao", get_grants, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("i", signal, "a{sv}", options), SD_BUS_NO_RESULT,
                                method_kill, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_NO_ARGS, SD_BUS_RESULT("i", status), method_wait,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int find(_unused_ sd_bus *connection, const char *path, _unused_ const char *interface, void *userdata,
                void **ret, _unused_ sd_bus_error *error) {
        Bus *bus = userdata;

        return container_from_path(manager_registry(bus->manager), path, (Container **)ret);
}

static int enumerate(_unused_ sd_bus *connection, _unused_ const char *prefix, void *userdata, char ***ret,
                     _unused_ sd_bus_error *error) {
        Bus *bus = userdata;
        const Registry *registry = manager_registry(bus->manager);
        _cleanup_(string_array_freep) char **paths = NULL;
        size_t n = 0;
        int r;

        paths = calloc(HASH_COUNT(registry->containers) + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        registry_containers_foreach(container, registry) {
                r = container_path(container->name, &paths[n]);
                if (r < 0)
                        return r;
                n++;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

int container_bus_export(Bus *bus, sd_bus *connection) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, PREFIX, BUS_INTERFACE_CONTAINER, container_vtable,
                                       find, bus);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(connection, NULL, PREFIX, enumerate, bus);
}
