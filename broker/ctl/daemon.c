/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon as davitctl sees it: a name on a message bus. Errors end here as one sentence on standard error.
 */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/daemon.h"
#include "util/string.h"

void complain(const char *format, ...) {
        _cleanup_free_ char *raw = NULL;
        char *rest, *line;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&raw, format, ap);
        va_end(ap);
        if (r < 0) {
                raw = NULL;
                return;
        }
        fputs("davitctl: ", stderr);
        rest = raw;
        while ((line = strsep(&rest, "\n"))) {
                _cleanup_free_ char *text = NULL;

                if (string_escape_new(line, &text) < 0)
                        return;
                fprintf(stderr, "%s\n", text);
        }
}

int complain_error(const sd_bus_error *error, int r) {
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                complain("davitd is not running on this bus");
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                complain("There is no such object");
        else if (sd_bus_error_is_set(error) && !string_empty(error->message))
                complain("%s", error->message);
        else
                complain("%s", strerror(-r));
        return r < 0 ? r : -EIO;
}

static int open_bus(const char *address, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        if (!address)
                return sd_bus_open_system(ret);
        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, address);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

int daemon_open(Ctl *ctl) {
        int r;

        if (ctl->bus)
                return 0;
        r = open_bus(ctl->address, &ctl->bus);
        if (r < 0)
                complain("The message bus %s cannot be reached: %s", ctl->address ?: "of the system",
                         strerror(-r));
        return r;
}

bool daemon_is_running(Ctl *ctl) {
        if (!ctl->bus && open_bus(ctl->address, &ctl->bus) < 0)
                return false;
        return sd_bus_get_name_creds(ctl->bus, DAEMON_NAME, /* mask= */ 0, NULL) >= 0;
}

int daemon_call(Ctl *ctl, uint64_t timeout_usec, const char *path, const char *interface, const char *member,
                sd_bus_message **ret, const char *types, ...) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = daemon_open(ctl);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(ctl->bus, &m, DAEMON_NAME, path, interface, member);
        if (r < 0)
                return complain_error(NULL, r);
        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        if (r < 0) {
                complain("An argument cannot be sent: it is not valid UTF-8");
                return r;
        }
        r = sd_bus_call(ctl->bus, m, timeout_usec, &error, ret);
        return r < 0 ? complain_error(&error, r) : 0;
}

int daemon_manager_string(Ctl *ctl, const char *property, char **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *s;
        char *copy;
        int r;

        r = daemon_call(ctl, DAEMON_READ_USEC, DAEMON_PATH, "org.freedesktop.DBus.Properties", "Get", &reply,
                        "ss", DAEMON_INTERFACE_MANAGER, property);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "v", "s", &s);
        if (r < 0)
                return complain_error(NULL, r);
        copy = strdup(s);
        if (!copy)
                return complain_error(NULL, -ENOMEM);
        *ret = copy;
        return 0;
}

int daemon_container_path(const char *name, char **ret) {
        int r = sd_bus_path_encode(DAEMON_PATH "/container", name, ret);

        return r < 0 ? complain_error(NULL, r) : 0;
}
