/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keepers as units of systemd.
 *
 * A unit is started by a job, org.freedesktop.systemd1(5). That the keeper is there we learn from itself
 * (core/keepers.c); from here comes only that it will not be: the unit is unknown, or its job ended otherwise
 * than done. systemd sends JobRemoved to everybody once anybody has subscribed. An instance of a template is
 * the container's name as it is: string_is_name() has no character that would need escaping.
 */

#include "config.h"

#include <string.h>

#include "bus/service-manager.h"
#include "util/log.h"
#include "util/string.h"

#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

/* A host that starts a thousand containers at once takes its time to answer. */
#define ANSWER_USEC (120ULL * 1000 * 1000)

#define UNIT_PREFIX "davit-container@"
#define UNIT_SUFFIX ".service"

/* The container of a unit, owned by the caller; NULL it is no unit of ours. */
static char *container_of_unit(const char *unit) {
        const char *name = startswith(unit, UNIT_PREFIX);
        size_t n = name ? strlen(name) : 0;

        if (n <= strlen(UNIT_SUFFIX) || !streq(name + n - strlen(UNIT_SUFFIX), UNIT_SUFFIX))
                return NULL;
        return strndup(name, n - strlen(UNIT_SUFFIX));
}

/* JobRemoved(u id, o job, s unit, s result) */
static int on_job_removed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        _cleanup_free_ char *name = NULL, *message = NULL;
        const char *job, *unit, *result;
        Bus *bus = userdata;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0 || streq(result, "done"))
                return 0;
        name = container_of_unit(unit);
        if (!name)
                return 0;
        if (asprintf(&message, "The unit %s could not be started (%s): see `journalctl -u %s`", unit, result,
                     unit) < 0)
                return -ENOMEM;
        manager_keeper_failed(bus->manager, name, -EIO, message);
        return 0;
}

/* Where nobody answers there is no systemd, and a launch goes without. */
static int on_subscribed(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);

        if (e)
                log_warning("Failed to subscribe to the service manager: %s", e->message);
        return 0;
}

int service_manager_listen(Bus *bus, sd_bus *connection) {
        int r;

        if (!bus->use_units)
                return 0;
        r = sd_bus_match_signal_async(connection, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                      "JobRemoved", on_job_removed, NULL, bus);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(connection, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                        "Subscribe", on_subscribed, bus, NULL);
}

typedef struct Start {
        Bus *bus;
        char *name;
} Start;

static void start_free(void *userdata) {
        Start *start = userdata;

        free(start->name);
        free(start);
}

static int on_started(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        Start *start = userdata;

        if (!e)
                return 0;
        manager_keeper_failed(start->bus->manager, start->name,
                              sd_bus_error_has_name(e, SYSTEMD_NAME ".NoSuchUnit") ? -ENOENT : -EIO,
                              e->message ?: e->name);
        return 0;
}

/* Restarted, as a unit whose keeper has just ended may count as running still: a start would do nothing. */
static int start_unit(void *userdata, const char *name) {
        char unit[sizeof(UNIT_PREFIX) + 64 + sizeof(UNIT_SUFFIX)];
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        Bus *bus = userdata;
        sd_bus *connection = connection_peek(bus->connection);
        Start *start;
        int r;

        if (!connection)
                return -ENOTCONN;
        start = calloc(1, sizeof(*start));
        if (!start)
                return -ENOMEM;
        *start = (Start){.bus = bus, .name = strdup(name)};
        if (!start->name) {
                start_free(start);
                return -ENOMEM;
        }
        snprintf(unit, sizeof(unit), UNIT_PREFIX "%s" UNIT_SUFFIX, name);
        r = sd_bus_message_new_method_call(connection, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                           "RestartUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_call_async(connection, &slot, m, on_started, start, ANSWER_USEC);
        if (r < 0) {
                start_free(start);
                return r;
        }
        (void)sd_bus_slot_set_destroy_callback(slot, start_free);
        (void)sd_bus_slot_set_floating(slot, true);
        connection_arm(bus->connection);
        return 0;
}

void service_manager_begin(Bus *bus) {
        if (bus->use_units)
                manager_set_keeper_start(bus->manager, start_unit, bus);
}

void service_manager_end(Bus *bus) {
        if (!bus->use_units)
                return;
        manager_set_keeper_start(bus->manager, NULL, NULL);
        manager_keeper_failed(bus->manager, NULL, -ENOTCONN, "The message bus went away");
}
