/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The bus face as a whole: ties the connection, the announcer and the vtables of each noun to one manager.
 *
 * The vtables belong to a connection and are added anew to each; nothing of a client outlives its connection
 * but the calls that the manager still works on, whose answers then go nowhere. The tree itself is never
 * stored: every read looks into the manager's registry, so that the bus cannot disagree with it.
 */

#include "config.h"

#include <assert.h>

#include "bus/bus-internal.h"
#include "bus/container-bus.h"
#include "bus/device-bus.h"
#include "bus/grant-bus.h"
#include "bus/manager-bus.h"
#include "bus/service-manager.h"

static int on_setup(void *userdata, sd_bus *connection) {
        Bus *bus = userdata;
        int r;

        r = sd_bus_add_object_manager(connection, NULL, BUS_PATH);
        if (r < 0)
                return r;
        r = service_manager_listen(bus, connection);
        if (r < 0)
                return r;
        r = manager_bus_export(bus, connection);
        if (r < 0)
                return r;
        r = device_bus_export(bus, connection);
        if (r < 0)
                return r;
        r = container_bus_export(bus, connection);
        if (r < 0)
                return r;
        return grant_bus_export(bus, connection);
}

static void on_ready(void *userdata) {
        Bus *bus = userdata;

        announcer_begin(bus->announcer);
        service_manager_begin(bus);
}

static void on_lost(void *userdata) {
        Bus *bus = userdata;

        announcer_end(bus->announcer);
        service_manager_end(bus);
}

static void on_change(void *userdata, ObjectKind kind, const char *id, const char *container_id) {
        Bus *bus = userdata;

        announcer_note(bus->announcer, kind, id, container_id);
}

static void on_progress(void *userdata, const char *container, uint64_t done, uint64_t total) {
        Bus *bus = userdata;
        sd_bus *connection = connection_peek(bus->connection);

        /* Who misses one of them misses nothing. */
        if (connection)
                (void)sd_bus_emit_signal(connection, BUS_PATH, BUS_INTERFACE_MANAGER, "LaunchProgress", "stt",
                                         container, done, total);
}

int bus_new(Loop *loop, Manager *manager, const char *address, bool use_units, Bus **ret) {
        static const ConnectionHandlers handlers = {
                .setup = on_setup,
                .ready = on_ready,
                .lost = on_lost,
        };
        _cleanup_(bus_freep) Bus *bus = NULL;
        int r;

        assert(loop && manager && ret);

        bus = calloc(1, sizeof(*bus));
        if (!bus)
                return -ENOMEM;
        bus->loop = loop;
        bus->manager = manager;
        bus->use_units = use_units;

        r = announcer_new(bus, &bus->announcer);
        if (r < 0)
                return r;
        r = connection_new(loop, address, BUS_NAME, &handlers, bus, &bus->connection);
        if (r < 0)
                return r;
        manager_set_observer(manager, on_change, bus);
        manager_set_progress(manager, on_progress, bus);
        r = connection_start(bus->connection);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;

        manager_set_observer(bus->manager, NULL, NULL);
        manager_set_progress(bus->manager, NULL, NULL);
        call_orphan_all(bus);
        connection_free(bus->connection);
        announcer_free(bus->announcer);
        free(bus);
        return NULL;
}
