/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "core/loop.h"

/*
 * One lasting place on a message bus: opened, named, served by the loop, and opened again after a loss.
 */
typedef struct Connection Connection;

typedef struct ConnectionHandlers {
        /* A new connection, nothing sent on it yet: adds the vtables. Return: 0; negative errno, tried again
         * later. */
        int (*setup)(void *userdata, sd_bus *bus);
        /* The name is ours. */
        void (*ready)(void *userdata);
        /* Not called but after ready(); the connection is dead already. */
        void (*lost)(void *userdata);
} ConnectionHandlers;

/**
 * connection_new() - prepare a connection
 * @address:    NULL: the system bus; copied
 * @name:       the well-known name to ask for; copied
 *
 * Return: 0; -ENOMEM.
 */
int connection_new(Loop *loop, const char *address, const char *name, const ConnectionHandlers *handlers,
                   void *userdata, Connection **ret);
Connection *connection_free(Connection *connection);
DEFINE_CLEANUP(Connection *, connection_free);

/* Opens it for the first time. Return: 0, also where the bus is not there yet; -EINVAL the address is none;
 * -ENOMEM. */
int connection_start(Connection *connection);

/* Borrowed, and only while the name is ours; else NULL. */
sd_bus *connection_peek(const Connection *connection);

/* To be called after any use of the bus from outside of its own callbacks: there may be something to send. */
void connection_arm(Connection *connection);

/* Gives this connection up and opens another, at the end of this round of the loop. */
void connection_restart(Connection *connection, int error);
