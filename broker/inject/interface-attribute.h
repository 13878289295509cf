/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/*
 * Settings of a link that are attributes of the kernel's messages about it and nothing else: taken and put
 * back as they are. Of the interface's state they are
 *
 *   LINK_BROADCAST=, LINK_MODE=, ...   the attribute's bytes, hexadecimal; see the table
 *   LINK_PROTO_DOWN_REASON=            likewise, the reasons' bits, where there are any
 *   LINK_XDP=                          likewise, the number of the program that filters what it receives
 *   INFO_n=                            likewise, attribute n of its kind's own (a macvlan's mode, ...)
 *   PORT_n=                            attribute n of what another link's kind has for its ports
 */

/* Notes down what @ifindex, whose kind is @kind or NULL, has. Return: 0; -E2BIG; errno. */
int interface_attribute_collect(RouteSocket *socket, unsigned int ifindex, const char *kind,
                                PropertyList *state);
/* The same of a port of a link of that kind. */
int interface_attribute_collect_port(RouteSocket *socket, unsigned int ifindex, const char *kind,
                                     PropertyList *state);

/* Each requests what is other than the state says, one by one. What is refused is logged. Return: 0;
 * -EBADMSG; errno of what may pass. */
int interface_attribute_put_right(RouteSocket *home, struct rtnl_link *link, const char *kind,
                                  const PropertyList *state);
int interface_attribute_put_right_port(RouteSocket *home, struct rtnl_link *link, const char *kind,
                                       const PropertyList *state);
/* Of a link that is up: it may have been told that it is not to be used yet. Return: 0; errno. */
int interface_attribute_wake(RouteSocket *home, unsigned int ifindex, const PropertyList *state);
