/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"
#include "plan/item.h"

/*
 * The interfaces of a card's virtual functions (SR-IOV): which of them is free, whose it is from then on, and
 * what the card is to make of it. They move as any interface does; the state of one that is given says also
 * which function of which card it is, and what the card had set for it.
 *
 * The functions are where the kernel shows them, /sys/class/net/CARD/device/virtfnN. None is made here: to
 * set their number takes away all that there are.
 */

/* How often another function is tried where somebody else took the one that was free. */
#define INTERFACE_FUNCTION_TRIES 64

/**
 * interface_function_claim() - choose a free function of the card @item->target and write its state
 * @home: of the host's namespace
 *
 * The lowest one whose interface is on the host, down, without an IP address, below no other, and in nobody's
 * state. The state is what makes it ours for all who choose. One of an earlier function under the same name
 * goes.
 *
 * Return: 0; -ENODEV no such card; GRANT_NO_FUNCTION none of its functions is free; -EOPNOTSUPP a hardware
 * address or a tag is asked for, and the card does not say what it has set; errno.
 */
int interface_function_claim(RouteSocket *home, const Item *item, int state_fd, const char *container,
                             PropertyList *ret_state, struct rtnl_link **ret);

/* Has the card set what @item asks for, before the function is in the container. Return: 0; -ENODEV the card
 * is gone; errno. */
int interface_function_set_up(RouteSocket *home, const Item *item, const PropertyList *state);

/* Has the card set what it had set before; nothing where the state is not of a function, or the card is gone.
 * Return: 0; errno. */
int interface_function_put_right(RouteSocket *home, const PropertyList *state);

/* Whether the function of @state is there still and has an interface, but not on the host: of one that is not
 * in the container either, its root has hidden it in a namespace further down. */
bool interface_function_is_hidden(const PropertyList *state);
