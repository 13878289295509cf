/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/*
 * Arguments of method calls, checked and bounded. Borrowed from the message.
 * Return: 0; negative errno with @error set.
 */

/* Anything that registry_find_device() takes, at most ARGUMENT_DEVICE_MAX bytes. */
int argument_read_device(sd_bus_message *request, const char **ret, sd_bus_error *error);
int argument_read_container(sd_bus_message *request, const char **ret, sd_bus_error *error);
/* "" reads as NULL: every container. */
int argument_read_container_or_all(sd_bus_message *request, const char **ret, sd_bus_error *error);

#define ARGUMENT_DEVICE_MAX 4096U
