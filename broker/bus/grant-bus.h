/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/bus.h"

/* Adds the grants to a connection. Return: 0; negative errno. */
int grant_bus_export(Bus *bus, sd_bus *connection);
