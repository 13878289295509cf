/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/*
 * What the tests of the bus say as its clients; each fails the test where the answer is another than asked
 * for.
 */

#define MANAGER   "/org/davit1", "org.davit1.Manager"
#define DEVICE(n) "/org/davit1/device/usb_2d3_2d" #n, "org.davit1.Device"

/* Results are read from @ret_reply, which may be NULL. */
void client_call(sd_bus *bus, const char *path, const char *interface, const char *member,
                 sd_bus_message **ret_reply, const char *types, ...);

/* @error is the full name of the error that must come; a part of its text is @text, which may be NULL. */
void client_call_fails(sd_bus *bus, const char *path, const char *interface, const char *member,
                       const char *error, const char *text, const char *types, ...);

/* That a string property has @value. */
void client_expect_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                          const char *value);
/* That an array of strings or paths has exactly @values, one after another with spaces between. */
void client_expect_array(sd_bus *bus, const char *path, const char *interface, const char *property,
                         const char *type, const char *values);

/* Signals below /org/davit1, as "added PATH", "removed PATH", "changed PATH PROPERTY…", "signal NAME". */
typedef struct Signals {
        char **lines;
        size_t n_lines;
} Signals;

void signals_listen(sd_bus *bus, Signals *signals);
/* Waits until @n lines are there; each is awaited for ten seconds at most. */
void signals_wait(sd_bus *bus, Signals *signals, size_t n);
/* How many lines are exactly @line. */
size_t signals_count(const Signals *signals, const char *line);
void signals_deinit(Signals *signals);
