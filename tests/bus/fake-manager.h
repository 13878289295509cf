/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/manager.h"

/*
 * A manager without a kernel behind it, for tests of its bus face: core/manager.h over a registry that the
 * test fills.
 *
 * What it answers follows from what is there, and from the serial of a device: BUSY, DENIED and BROKEN are
 * those answers to an attach. A container named "fails" does not launch. A launch writes its request to the
 * container's standard output; with units, it waits for its keeper to fail, and is well where the unit is not
 * known. A kill ends a container with 128 + signal, a stop with 0.
 */

/* A USB device on port 3-@port with @serial, "" none. Return: 0; errno. */
int fake_manager_plug(Manager *manager, unsigned int port, const char *serial);
int fake_manager_unplug(Manager *manager, unsigned int port);

/* A running container with a label "team=blue"; its end with an exit status. */
int fake_manager_run(Manager *manager, const char *name);
int fake_manager_end(Manager *manager, const char *name, int status);

/* Whether a wait for @name is under way. */
bool fake_manager_is_waited(const Manager *manager, const char *name);

/* A grant by a rule of the policy, and its end. */
int fake_manager_give(Manager *manager, unsigned int port, const char *name, GrantState state, int error);
/* The device is away, and the grant goes on for so long; a second more or less. */
int fake_manager_linger(Manager *manager, unsigned int port, const char *name, unsigned int seconds);
int fake_manager_take(Manager *manager, unsigned int port, const char *name);
