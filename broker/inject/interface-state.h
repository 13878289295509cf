/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "inject/link.h"
#include "plan/item.h"

/*
 * What an interface was before it moved, as a property list and as a file STATE/interface-CONTAINER@INSIDE of
 * KEY=VALUE lines, INSIDE being its name in the container as string_to_component() (no container's name has
 * an `@`).
 *
 *   DEVICE=, INSIDE=, TARGET=, ITEM_...=        the item that was asked for
 *   PROPERTY_n=                                 what the host said of it, KEY=VALUE; n counts from 0
 *   NAME=, IFINDEX=                             on the host
 *   INSIDE_IFINDEX=                             in the container, once it is known
 *   KIND=, LOWER=                               of a virtual one: its kind, its peer's or lower one's index
 *   BUS=, PERMANENT=                            of a physical one: bus place, burnt-in address
 *   PARENT=                                     and the devpath of its folder
 *   WIPHY=, PHY=, PHY_...=                      of a Wi-Fi one: its radio's number, name, settings
 *   WDEV=, IFTYPE=, FOUR_ADDRESS=               its own number on that radio, and its type
 *   WDEV_LAST=                                  the last number that was given out there by then
 *   MAC=, MTU=, TXQLEN=, GROUP=, FLAGS=, ALIAS= what is put back
 *   ALTNAME_n=                                  likewise; n counts from 0
 *   ADDRESS_n=                                  likewise, in states of former versions
 *   LINK_...=, INFO_n=                          see interface-attribute.h
 *   SYSCTL_...=                                 see interface-sysctl.h
 *   MASTER...=, PORT_...=                       see interface-port.h
 *   ADDR_n=, ROUTE_n=, QDISC_n=, ...            see interface-replay.h
 *
 * Of a function's interface, TARGET is the name of its card, and there are as well
 *
 *   FUNCTION=, CARD=                            its number, the index of its card
 *   FUNCTION_MAC=, FUNCTION_VLAN=, FUNCTION_QOS=, FUNCTION_PROTOCOL=
 *                                               what the card had set for it, where that is changed
 *
 * Where all of it is right but that it is a port, these alone are left, and
 *
 *   PORT_ALONE=1
 *
 * Of an interface that is made, NAME and IFINDEX are its parent's, and of all that follows there is only
 *
 *   SIBLING_n=                                  the index inside of another one on the same parent
 */

/* The flags that somebody may have set; the others are states. */
#define INTERFACE_FLAGS_KEPT \
        (IFF_UP | IFF_DEBUG | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST | IFF_DYNAMIC)

/**
 * interface_state_collect() - note down what @link is
 *
 * Return: 0; -EOPNOTSUPP the loopback, or a kind of which the container could make a twin that it controls
 * from inside (a tap, a tunnel), so that it could not be told which one to take back; errno.
 */
int interface_state_collect(RouteSocket *socket, struct rtnl_link *link, const Item *item, PropertyList *ret);

/* Notes down what is asked for. Return: 0; -ENOMEM; -E2BIG. */
int interface_state_set_item(PropertyList *state, const Item *item);
/* The item that was asked for. Return: 0; -EBADMSG; -EINVAL; -ENOMEM. */
int interface_state_item(const PropertyList *state, Item **ret);
/* How it was to go in. Return: it; NET_MODE_INVALID. */
NetMode interface_state_mode(const PropertyList *state);

/* A number of the state; 0 where it has none. */
uint32_t interface_state_number(const PropertyList *state, const char *key);
int interface_state_set_number(PropertyList *state, const char *key, uint32_t value);

/* Text that somebody may have chosen freely; nothing where it is empty. Return: 0; -ENAMETOOLONG; -E2BIG;
 * -ENOMEM. */
int interface_state_set_text(PropertyList *state, const char *key, const char *value);

/* Return: 0; errno. */
int interface_state_save(int state_fd, const char *container, const PropertyList *state);
/* Return: 0; -ENOENT; -EBADMSG; errno. */
int interface_state_load(int state_fd, const char *container, const char *inside, PropertyList *ret);
/* Return: 0, also when there is none; errno. */
int interface_state_remove(int state_fd, const char *container, const char *inside);

/* Leaves what tells which interface it is, and whose port. Return: 0; -ENOMEM. */
int interface_state_reduce_to_port(PropertyList *state);
/* Whether it was reduced so. */
bool interface_state_is_of_port(const PropertyList *state);

/* Waits until nobody else chooses an interface, or puts one right of which the container is gone. Return: fd
 * that holds the lock; errno. */
int interface_state_lock(int state_fd);

/* Calls @each for the state of every interface of @container, or for a NULL one of all; those that cannot be
 * read are passed over.
 * Return: 0; the first error of @each, having gone on with the rest; errno. */
int interface_state_foreach(int state_fd, const char *container,
                            int (*each)(const PropertyList *state, void *userdata), void *userdata);

/* Puts an address of the state back. @text is the value of an ADDRESS_n, "LOCAL PEER BROADCAST SCOPE FLAGS",
 * the first three as "10.0.0.1/24", "-" where there is none. Return: 0; -EBADMSG; errno. */
int interface_state_add_address(RouteSocket *socket, unsigned int ifindex, const char *text);
