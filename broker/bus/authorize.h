/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/**
 * authorize() - whether a sender may do what it asks for
 * @request:    the method call
 * @error:      set where it may not
 *
 * Return: 0 it may; a negative errno to return from the handler.
 */
int authorize(sd_bus_message *request, sd_bus_error *error);
