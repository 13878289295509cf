/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/interface-find.h"
#include "plan/item.h"

/*
 * Interfaces that are made on top of one of the host's, inside the container: macvlan, ipvlan, VLAN. The
 * host's stays where it is.
 */

/**
 * interface_make() - make it, with all that is asked of it
 * @item: an ITEM_INTERFACE whose mode makes one
 *
 * Return: 0, also when it is there already; -ENODEV the host has no such interface; -EEXIST the name is taken
 * inside, or of a VLAN its tag on that interface; errno. On failure nothing of it is left.
 */
int interface_make(const Item *item, int netns_fd, int state_fd, const char *container);

/* Removes it. Return: 0, also when it is gone; -EAGAIN nobody can tell whether it is; errno. */
int interface_unmake(const Item *item, int netns_fd, int state_fd, const char *container);

/* Finds the interface inside that was made by @state. Return: 0; -ENODEV; -EAGAIN; errno. */
int interface_find_made(InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret);
