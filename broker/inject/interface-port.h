/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/*
 * An interface as a port of another one of the host: a bridge's, a bond's, a VRF's. Of its state that is
 *
 *   MASTER=, MASTER_NAME=, MASTER_KIND=   the other's index, name, kind
 *   PORT_n=                               what that has set for it, see interface-attribute.h
 *   PORT_VLANS=                           the VLANs that a bridge lets through there, the kernel's attribute,
 *                                         hexadecimal
 *   PORT_MAC=                             the port's own hardware address, where a bond gave it another
 */

/* Notes down whose port @link is. Return: 0, also where it is nobody's; -E2BIG; errno. */
int interface_port_collect(RouteSocket *socket, struct rtnl_link *link, PropertyList *state);

/* The hardware address that @link is to have before it is a port again; NULL: none that we know of, as it is
 * somebody else's port now. */
const char *interface_port_address(struct rtnl_link *link, const PropertyList *state);

/**
 * interface_port_put_right() - make it the same port again
 * @link: on the host, as it is now, with its own name and address
 *
 * It may be down afterwards, as a bond takes none that is up. Where it is somebody's port already, who made
 * it one keeps it. Where that master is gone, or does not take it, that is logged.
 *
 * Return: 0; 1 there is something on top of it in a place out of our sight, with which it cannot be a port;
 * -EBADMSG; errno of what may pass.
 */
int interface_port_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state);
