/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/manager.h"
#include "util/cleanup.h"

/* The D-Bus error of an answer, "org.davit1.Error.NoSuchDevice"; NULL for CALL_OK. */
const char *call_code_to_error(CallCode code);
/* CALL_CODE_INVALID where @name is none of ours. */
CallCode call_code_from_error(const char *name);

/* @s as the text of an error: like string_escape_new(), but newlines stay. Return: 0; -ENOMEM. */
int error_text_new(const char *s, char **ret);

/* Sets @error. @format may have foreign text in it. Return: a negative errno, to be returned from a method's
 * handler. */
int error_set(sd_bus_error *error, CallCode code, const char *format, ...) _printf_(3, 4);
#define error_invalid(error, ...) error_set((error), CALL_INVALID_ARGUMENT, __VA_ARGS__)
