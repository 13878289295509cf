/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "util/cleanup.h"

#define _cleanup_json_ _cleanup_(json_decrefp)

/**
 * value_read() - the next value of a message, of any type, as JSON
 *
 * Strings, paths: string. Integers: integer. A dictionary with strings as keys: object. Arrays, structures:
 * array. A variant: what is in it.
 *
 * Return: 1; 0 there is none at this place; -EBADMSG; -ENOMEM; -EOPNOTSUPP a type that davitd does not use.
 */
int value_read(sd_bus_message *m, json_t **ret);

/* An a{sv} of properties as an object, "DeviceId" becoming "device_id". Same returns. */
int value_read_properties(sd_bus_message *m, json_t **ret);

/* Makes objects of an array of arrays: the n-th value gets the n-th of @names. Return: 0; -EINVAL; -ENOMEM.
 */
int value_name_fields(json_t *array, const char *const *names);

/* "DeviceId" -> "device_id"; bounded by @size. */
void value_key(const char *property, char *buffer, size_t size);

/* The string @key of an object; "" where it has none. */
const char *value_string(const json_t *object, const char *key);
