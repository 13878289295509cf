/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

#include "inject/link.h"

/* Finds the interface that a saved state tells of, whatever was done to it meanwhile. */
typedef struct InterfaceFinder {
        RouteSocket *home;   /* of the host's network namespace */
        RouteSocket *inside; /* of the container's */
        int home_fd;         /* the host's namespace */
        int inside_fd;       /* the container's, borrowed */
        int home_nsid;       /* the number by which the container's knows the host's; -1 it does not */
} InterfaceFinder;

#define INTERFACE_FINDER_NULL ((InterfaceFinder){.home_fd = -EBADF, .inside_fd = -EBADF, .home_nsid = -1})

/* Return: 0; errno: what was opened is to be closed nevertheless. */
int interface_finder_open(int netns_fd, InterfaceFinder *finder);
void interface_finder_close(InterfaceFinder *finder);

/* The host's namespace has a number inside only once something there has asked for it: a link that just came,
 * or a list of the links there. Return: 0; errno. */
int interface_finder_learn_nsid(InterfaceFinder *finder);

/* Return: 0; -ENODEV it is not there; -EAGAIN nobody can tell, as links there come and go without end; errno.
 */
int interface_find_inside(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret);
int interface_find_home(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret);

/* Whether @link, on the host, is the one of the state. Return: 1; 0; errno. */
int interface_is_saved(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link *link);
