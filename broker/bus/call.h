/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/bus.h"

/*
 * A method call that the manager works on. It keeps the request, and so the descriptors in it, until the end.
 */
typedef struct Call Call;

/* Bound of calls at a time; above it org.freedesktop.DBus.Error.LimitsExceeded. */
#define CALLS_MAX 1024U

/* Appends the results to @reply. @object is what call_new() was given. Return: 0; negative errno. */
typedef int (*CallResult)(sd_bus_message *reply, const char *object, const char *message, int value);

/**
 * call_new() - keep a request until the manager answers
 * @result:     NULL for a method without results
 * @object:     the object of the call, for the result and the log; copied; may be NULL
 * @ret:        goes with call_done() to the manager, which ends it
 *
 * Return: 0; negative errno with @error set.
 */
int call_new(Bus *bus, sd_bus_message *request, CallResult result, const char *object, sd_bus_error *error,
             Call **ret);

/* A CallDone: answers and frees the call. */
void call_done(void *userdata, CallCode code, const char *message, int value);

/* The bus face goes: the calls stay with the manager, and their ends are heard by nobody. */
void call_orphan_all(Bus *bus);
