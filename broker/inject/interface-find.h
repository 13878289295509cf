/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/* Finds the interface that a saved state tells of, whatever was done to it meanwhile. */
typedef struct InterfaceFinder {
        RouteSocket *home;   /* of the host's network namespace */
        RouteSocket *inside; /* of the container's */
        int home_nsid;       /* the number by which the container's knows the host's; -1 it does not */
} InterfaceFinder;

/* Return: 0; -ENODEV it is not there; -EAGAIN nobody can tell, as links there come and go without end; errno.
 */
int interface_find_inside(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret);
int interface_find_home(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret);
