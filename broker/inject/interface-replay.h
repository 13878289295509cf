/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/*
 * What the host's network has about an interface, and forgets when it leaves: lasting routes, permanent
 * neighbours, static entries of a bridge's table, queueing disciplines and their classes. Each is kept as the
 * kernel tells it. Of the interface's state they are, n counting from 0,
 *
 *   NEXTHOP_n=, ROUTE_n=, ROUTE6_n=, NEIGHBOUR_n=, FDB_n=, QDISC_n=, CLASS_n=
 *                       the kernel's message, without netlink's header, hexadecimal
 */

/* Notes down what there is. Return: 0; -E2BIG; errno. */
int interface_replay_collect(RouteSocket *socket, unsigned int ifindex, PropertyList *state);

/**
 * interface_replay_put_right() - hand it to the kernel again
 * @ifindex: of the interface on the host, as it is now: up, with its addresses, a port again where it was one
 *
 * What is there already stays as it is. What the kernel does not take any more, as a gateway is out of reach
 * by now, is logged and forgotten. May wait up to three seconds for IPv6 to be sure of an address.
 *
 * Return: 0; -EBADMSG; errno of what may pass.
 */
int interface_replay_put_right(RouteSocket *home, unsigned int ifindex, const PropertyList *state);
