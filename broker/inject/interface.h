/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * Network interfaces of the host that go into a container and come back as they were, among them those of a
 * card's virtual functions, and interfaces that are made on top of them in there.
 *
 * What an interface was (name, alternative names, alias, hardware address, MTU, queue length, group, flags,
 * lasting IP addresses, sysctls, the bridge or bond that it is a port of, lasting routes and neighbours,
 * queueing) is written to STATE/interface-CONTAINER@INSIDE before it moves, and removed after it
 * is back: whoever finds such a file knows what to put right. All of these may block for tens of milliseconds
 * (the kernel waits for an RCU grace period): they run in a child, never on the loop. Calls for one container
 * must not overlap.
 *
 * "The host" is the network namespace of the calling process.
 */

/**
 * interface_add() - give it, in the way that the item says
 * @item:       an ITEM_INTERFACE
 * @netns_fd:   the container's network namespace, borrowed
 * @state_fd:   the state folder, borrowed
 *
 * Return: as interface_move_in() or interface_make().
 */
int interface_add(const Item *item, int netns_fd, int state_fd, const char *container);
/* Takes it back. Return: as interface_move_out() or interface_unmake(). */
int interface_remove(const Item *item, int netns_fd, int state_fd, const char *container);

/**
 * interface_move_in() - save, move under the name @item->path, set it up as asked
 * @item:       an ITEM_INTERFACE: the interface @item->target itself, or that of a free function of it
 * @netns_fd:   the container's network namespace, borrowed
 * @state_fd:   the state folder, borrowed
 *
 * Return: 0, also when it is there already; -ENODEV no such interface on the host; -EEXIST the name is taken
 * inside; -EOPNOTSUPP an interface that cannot move, or of a kind that could not be told apart from a twin
 * which the container makes (a tap, a tunnel); GRANT_NO_FUNCTION no function is free; -EBUSY the container
 * has one already and hides it, a container hides something on top of it, or there is another interface on
 * its radio, which was not given and would go along; errno. On failure the interface is on the host again as
 * it was.
 */
int interface_move_in(const Item *item, int netns_fd, int state_fd, const char *container);

/**
 * interface_move_out() - give it back by what was saved
 *
 * What the kernel refuses is logged, and not tried again. While the container hides something on top of it,
 * it cannot be a bridge's port: that is done when the container has ended.
 *
 * Return: 0, also when it is gone for good; -EEXIST its name is taken on the host by now: it is back and put
 * right, but under another ("davitN"); errno: what could be put right was, and the state is kept for another
 * try.
 */
int interface_move_out(const Item *item, int netns_fd, int state_fd, const char *container);

/* The interfaces that are in the container now by our account: a state file, and inside the interface that it
 * tells of, whatever its name is now, or the radio of a Wi-Fi one. The file of a made one, and of a virtual
 * one which is in neither namespace, is removed where it is gone; a physical one comes back when the last
 * namespace that it may be hidden in dies. Return: 0; errno; -ENOMEM. */
int interface_read(int netns_fd, int state_fd, const char *container, ItemSet *ret);

/* Puts right what came back by itself after its container died: the saved state of @container is applied to
 * whichever host interface is it (by its hardware). Waits up to five seconds for the kernel to give
 * back a physical one that is plugged in. Return: 0; -EEXIST as above; errno. */
int interface_restore(int state_fd, const char *container);
