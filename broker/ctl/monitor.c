/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl monitor: one line a change, until it is interrupted or nobody reads any more.
 *
 * Lines are written as they come, each in one piece, so that a program behind a pipe sees each at once.
 */

#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "ctl/daemon.h"
#include "ctl/output.h"
#include "ctl/tree.h"
#include "ctl/wait.h"
#include "util/string.h"

typedef struct Monitor {
        Ctl *ctl;
        bool failed; /* to write */
} Monitor;

/* RFC 3339, to the microsecond. */
static void format_now(char *buffer, size_t size) {
        struct timespec now;
        struct tm local;
        char date[64], zone[16];

        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &local);
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
        strftime(zone, sizeof(zone), "%z", &local);
        snprintf(buffer, size, "%s.%06ld%.3s:%s", date, now.tv_nsec / 1000, zone,
                 zone + MIN(strlen(zone), 3U));
}

/* What the last parts of a path are called: "device" and "usb-3-1", or "grant" and "usb-3-1", "ci-1". */
static const char *decode(const char *path, char **ret_first, char **ret_second) {
        static const char *const templates[][2] = {
                {"device", "/org/davit1/device/%"},
                {"container", "/org/davit1/container/%"},
        };

        for (size_t i = 0; i < ELEMENTSOF(templates); i++)
                if (sd_bus_path_decode_many(path, templates[i][1], ret_first) > 0)
                        return templates[i][0];
        if (sd_bus_path_decode_many(path, "/org/davit1/grant/%/%", ret_first, ret_second) > 0)
                return "grant";
        return streq(path, DAEMON_PATH) ? "manager" : NULL;
}

static void print_value(const char *key, const json_t *value) {
        _cleanup_free_ char *text = NULL, *plain = NULL;

        if (json_is_string(value)) {
                if (!*json_string_value(value))
                        return;
                plain = strdup(json_string_value(value));
        } else
                plain = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (plain && string_escape_new(plain, &text) >= 0)
                printf(" %s=%s", key, text);
}

static void print_name(const char *name) {
        _cleanup_free_ char *text = NULL;

        if (name && string_escape_new(name, &text) >= 0)
                printf(" %s", text);
}

static void print_line(const char *event, const char *kind, const char *first, const char *second,
                       json_t *properties) {
        const char *key;
        json_t *value;
        char now[96];

        format_now(now, sizeof(now));
        printf("%s %s %s", now, event, kind);
        print_name(first);
        print_name(second);
        json_object_foreach(properties, key, value) print_value(key, value);
        putchar('\n');
}

static void print_json_line(const char *event, const char *kind, const char *path, const char *first,
                            const char *second, json_t *properties) {
        _cleanup_json_ json_t *line = NULL;
        _cleanup_free_ char *text = NULL;
        bool grant = streq(kind, "grant");
        char now[96];

        format_now(now, sizeof(now));
        line = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:O*}", "time", now, "event", event, "kind", kind,
                         "path", path, grant ? "device" : "name", first, "container", second, "properties",
                         properties);
        text = line ? json_dumps(line, JSON_COMPACT) : NULL;
        if (text)
                puts(text);
}

static void tell(Monitor *monitor, const char *event, const char *path, json_t *properties) {
        _cleanup_free_ char *first = NULL, *second = NULL;
        const char *kind = decode(path, &first, &second);

        if (!kind)
                return;
        if (properties && tree_refine(properties) < 0)
                return;
        if (monitor->ctl->json)
                print_json_line(event, kind, path, first, second, properties);
        else
                print_line(event, kind, first, second, properties);
        if (output_finish() != EXIT_DONE)
                monitor->failed = true;
}

/* InterfacesAdded: the properties of the interface that is ours. */
static int read_added(sd_bus_message *m, json_t **ret) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                _cleanup_json_ json_t *properties = NULL;
                const char *interface;

                r = sd_bus_message_read_basic(m, 's', &interface);
                if (r < 0)
                        return r;
                r = value_read_properties(m, &properties);
                if (r < 0)
                        return r;
                if (tree_interface_kind(interface)) {
                        *ret = TAKE_PTR(properties);
                        return 1;
                }
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int on_change(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Monitor *monitor = userdata;
        _cleanup_json_ json_t *properties = NULL;
        const char *path = sd_bus_message_get_path(m), *interface;

        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged")) {
                if (sd_bus_message_read_basic(m, 's', &interface) > 0 &&
                    value_read_properties(m, &properties) > 0)
                        tell(monitor, "changed", path, properties);
        } else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded")) {
                if (sd_bus_message_read_basic(m, 'o', &path) > 0 && read_added(m, &properties) > 0)
                        tell(monitor, "added", path, properties);
        } else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")) {
                if (sd_bus_message_read_basic(m, 'o', &path) > 0)
                        tell(monitor, "removed", path, NULL);
        } else if (sd_bus_message_is_signal(m, DAEMON_INTERFACE_MANAGER, "PolicyReloaded"))
                tell(monitor, "reloaded", path, NULL);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const char *name, *before, *now;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) > 0)
                tell(userdata, *now ? "started" : "stopped", DAEMON_PATH, NULL);
        return 0;
}

int command_monitor(Ctl *ctl, _unused_ int argc, _unused_ char **argv) {
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
        _cleanup_(waiter_deinit) Waiter waiter = WAITER_NULL;
        Monitor monitor = {.ctl = ctl};
        int r;

        if (waiter_init(&waiter, signals, ELEMENTSOF(signals)) < 0 || daemon_open(ctl) < 0)
                return EXIT_FAILED;
        r = sd_bus_add_match(ctl->bus, NULL,
                             "type='signal',sender='" DAEMON_NAME "',path_namespace='" DAEMON_PATH "'",
                             on_change, &monitor);
        if (r >= 0)
                r = sd_bus_add_match(
                        ctl->bus, NULL,
                        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                        "member='NameOwnerChanged',arg0='" DAEMON_NAME "'",
                        on_owner, &monitor);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }

        while (!monitor.failed) {
                r = waiter_wait(&waiter, ctl->bus);
                if (r < 0) {
                        complain("The message bus is gone: %s", strerror(-r));
                        return EXIT_FAILED;
                }
                if (r > 0)
                        return EXIT_DONE;
        }
        return EXIT_FAILED;
}
