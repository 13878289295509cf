/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/bus.h"

/* Adds the devices to a connection. Return: 0; negative errno. */
int device_bus_export(Bus *bus, sd_bus *connection);
