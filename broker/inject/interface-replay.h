/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/*
 * What the host's network has about an interface, and forgets when it leaves: lasting addresses, routes and
 * next hops, permanent and proxied neighbours, static entries of a bridge's table, queueing disciplines and
 * their classes. Of the interface's state they are, n counting from 0,
 *
 *   ADDR_n=, NEXTHOP_n=, ROUTE_n=, ROUTE6_n=, SHARED6_n=, NEIGHBOUR_n=, PROXY_n=, FDB_n=, QDISC_n=, CLASS_n=
 *                       see interface-message.h
 */

/* Notes down what there is. What is too much for a state is left out, and that is logged. Return: 0; errno.
 */
int interface_replay_collect(RouteSocket *socket, struct rtnl_link *link, PropertyList *state);

/* Hands its addresses to the kernel again; it may be down. Return: as below. */
int interface_replay_addresses(RouteSocket *home, struct rtnl_link *link, const PropertyList *state);

/**
 * interface_replay_rest() - and all the rest
 * @link: on the host, as it is now: up, with its addresses, a port again where it was one
 *
 * What is there already stays as it is. What the kernel does not take any more, as a gateway is out of reach
 * by now or something else has its place, is logged and forgotten.
 *
 * Return: 0; -EBADMSG; errno of what may pass.
 */
int interface_replay_rest(RouteSocket *home, struct rtnl_link *link, const PropertyList *state);
