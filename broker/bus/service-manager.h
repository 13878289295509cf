/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/bus-internal.h"

/* Keepers as units of systemd, davit-container@NAME.service. */

/* To be called for each new connection, before it is ours: listens for what becomes of the jobs. Return: 0;
 * negative errno. */
int service_manager_listen(Bus *bus, sd_bus *connection);

/* The name is ours, or no more: units can be started, or not. */
void service_manager_begin(Bus *bus);
void service_manager_end(Bus *bus);
