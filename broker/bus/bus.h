/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/loop.h"
#include "core/manager.h"

/*
 * The D-Bus face of davitd: the name org.davit1 and the tree below /org/davit1; org.davit1(5) is its
 * contract.
 */
typedef struct Bus Bus;

/**
 * bus_new() - show a manager on the bus
 * @address:    D-Bus address of a message bus; NULL: the system bus
 * @use_units:  keepers are units of the service manager on that bus, where it knows them
 *
 * A bus that cannot be reached, that goes away or where the name is another's is no failure: it is logged,
 * and tried again for as long as it takes. Takes the manager's observer; @loop and @manager are borrowed and
 * must outlive it.
 *
 * Return: 0; -EINVAL @address is no D-Bus address; -ENOMEM.
 */
int bus_new(Loop *loop, Manager *manager, const char *address, bool use_units, Bus **ret);

/* Sends what is queued, gives the name back. Calls that the manager still works on end in silence. */
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free);
