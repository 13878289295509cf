/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Appends a foreign string (NULL: "") as valid, printable UTF-8. Return: 0; negative errno. */
int append_string(sd_bus_message *m, const char *s);

/* A vtable getter for a `char *` at the entry's offset. */
int property_get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error);

/* Appends "PATH" of a grant as 'o'. Return: 0; negative errno. */
int append_grant_path(sd_bus_message *m, const char *device_id, const char *container_name);
