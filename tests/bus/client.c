/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Client calls of the bus tests.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "bus/client.h"
#include "util/cleanup.h"
#include "util/string.h"

#define NAME "org.davit1"

#define SIGNAL_WAIT_USEC (10ULL * 1000 * 1000)

void client_call(sd_bus *bus, const char *path, const char *interface, const char *member,
                 sd_bus_message **ret_reply, const char *types, ...) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list ap;
        int r;

        va_start(ap, types);
        r = sd_bus_call_methodv(bus, NAME, path, interface, member, &error, ret_reply, types, ap);
        va_end(ap);
        if (r < 0)
                fail_msg("%s on %s: %s: %s", member, path, error.name, error.message);
}

void client_call_fails(sd_bus *bus, const char *path, const char *interface, const char *member,
                       const char *name, const char *text, const char *types, ...) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list ap;
        int r;

        va_start(ap, types);
        r = sd_bus_call_methodv(bus, NAME, path, interface, member, &error, NULL, types, ap);
        va_end(ap);
        if (r >= 0)
                fail_msg("%s on %s went well", member, path);
        if (!streq_ptr(error.name, name) || (text && !strstr(error.message, text)))
                fail_msg("%s on %s: %s: %s, not %s", member, path, error.name, error.message, name);
}

void client_expect_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                          const char *value) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *got = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *s;
        char type;
        int r;

        r = sd_bus_call_method(bus, NAME, path, "org.freedesktop.DBus.Properties", "Get", &error, &reply,
                               "ss", interface, property);
        if (r < 0)
                fail_msg("%s of %s: %s", property, path, error.message);
        assert_true(sd_bus_message_peek_type(reply, &type, &s) > 0);
        assert_true(sd_bus_message_enter_container(reply, 'v', s) > 0);
        assert_true(sd_bus_message_read_basic(reply, *s, &s) > 0);
        assert_string_equal(s, value);
}

void client_expect_array(sd_bus *bus, const char *path, const char *interface, const char *property,
                         const char *type, const char *values) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char got[4096] = "", array[8];
        const char *s;
        int r;

        snprintf(array, sizeof(array), "a%s", type);
        r = sd_bus_get_property(bus, NAME, path, interface, property, &error, &reply, array);
        if (r < 0)
                fail_msg("%s of %s: %s", property, path, error.message);
        assert_true(sd_bus_message_enter_container(reply, 'a', type) > 0);
        while ((r = sd_bus_message_read_basic(reply, *type, &s)) > 0)
                snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", *got ? " " : "", s);
        assert_int_equal(r, 0);
        assert_string_equal(got, values);
}

static void add_line(Signals *signals, const char *line) {
        signals->lines = realloc(signals->lines, (signals->n_lines + 1) * sizeof(char *));
        assert_non_null(signals->lines);
        signals->lines[signals->n_lines] = strdup(line);
        assert_non_null(signals->lines[signals->n_lines]);
        signals->n_lines++;
}

/* The names of the properties in an a{sv}, behind @line. */
static void add_properties(sd_bus_message *m, char *line, size_t size) {
        const char *name;

        assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                assert_true(sd_bus_message_read_basic(m, 's', &name) > 0);
                snprintf(line + strlen(line), size - strlen(line), " %s", name);
                assert_true(sd_bus_message_skip(m, "v") > 0);
                assert_true(sd_bus_message_exit_container(m) > 0);
        }
        assert_true(sd_bus_message_exit_container(m) > 0);
}

static int on_signal(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        char line[2048];
        const char *path;

        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", NULL)) {
                assert_true(sd_bus_message_read_basic(m, 'o', &path) > 0);
                snprintf(line, sizeof(line), "%s %s",
                         streq(sd_bus_message_get_member(m), "InterfacesAdded") ? "added" : "removed", path);
        } else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged")) {
                snprintf(line, sizeof(line), "changed %s", sd_bus_message_get_path(m));
                assert_true(sd_bus_message_skip(m, "s") > 0);
                add_properties(m, line, sizeof(line));
        } else
                snprintf(line, sizeof(line), "signal %s", sd_bus_message_get_member(m));
        add_line(userdata, line);
        return 0;
}

void signals_listen(sd_bus *bus, Signals *signals) {
        assert_true(sd_bus_add_match(bus, NULL,
                                     "type='signal',sender='org.davit1',path_namespace='/org/davit1'",
                                     on_signal, signals) >= 0);
}

void signals_wait(sd_bus *bus, Signals *signals, size_t n) {
        while (signals->n_lines < n) {
                int r = sd_bus_process(bus, NULL);

                assert_true(r >= 0);
                if (r == 0 && sd_bus_wait(bus, SIGNAL_WAIT_USEC) == 0) {
                        for (size_t i = 0; i < signals->n_lines && i < 50; i++)
                                print_message("signal: %s\n", signals->lines[i]);
                        fail_msg("%zu signals came, not %zu", signals->n_lines, n);
                }
        }
}

size_t signals_count(const Signals *signals, const char *line) {
        size_t n = 0;

        for (size_t i = 0; i < signals->n_lines; i++)
                n += streq(signals->lines[i], line);
        return n;
}

void signals_deinit(Signals *signals) {
        for (size_t i = 0; i < signals->n_lines; i++)
                free(signals->lines[i]);
        free(signals->lines);
        *signals = (Signals){};
}
