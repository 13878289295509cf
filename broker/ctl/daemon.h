/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "ctl/ctl.h"

#define DAEMON_NAME                "org.davit1"
#define DAEMON_PATH                "/org/davit1"
#define DAEMON_INTERFACE_MANAGER   "org.davit1.Manager"
#define DAEMON_INTERFACE_CONTAINER "org.davit1.Container"

/* Calls that only read are answered at once or not at all; what changes something takes the time it takes. */
#define DAEMON_READ_USEC   (25ULL * 1000 * 1000)
#define DAEMON_CHANGE_USEC UINT64_MAX

/* Whether a davitd is on the bus; says nothing. */
bool daemon_is_running(Ctl *ctl);

/* All of these say on standard error what went wrong. Return: 0; negative errno. */

/* Connects, where that was not done yet. */
int daemon_open(Ctl *ctl);

/* Calls a method; @ret may be NULL. */
int daemon_call(Ctl *ctl, uint64_t timeout_usec, const char *path, const char *interface, const char *member,
                sd_bus_message **ret, const char *types, ...);

/* A string property of the manager, owned by the caller. */
int daemon_manager_string(Ctl *ctl, const char *property, char **ret);

/* The path of the object of a container, owned by the caller. */
int daemon_container_path(const char *name, char **ret);

/* Says "davitctl: TEXT"; lines stay lines, all else that a terminal could take for a command is escaped. */
void complain(const char *format, ...) _printf_(1, 2);

/* Says why a call failed. Return: a negative errno. */
int complain_error(const sd_bus_error *error, int r);
