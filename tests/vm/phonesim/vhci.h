/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "phonesim/phone.h"

/*
 * Our ports are numbered so that one after the other is on another controller: those of one hub are
 * enumerated one by one, hubs side by side.
 */
#define VHCI_PORTS 120

/* Return: whether the kernel has the controllers. */
bool vhci_is_there(void);

/* Whether another program has a device there. */
bool vhci_port_is_free(unsigned int port, Speed speed);

/* Plugs in what is at the other end of @fd, which stays the caller's. Waits until the port is free. Return:
 * 0, -errno. */
int vhci_attach(unsigned int port, Speed speed, int fd);

void vhci_detach(unsigned int port, Speed speed);
