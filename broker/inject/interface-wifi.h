/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/*
 * A Wi-Fi interface goes from one namespace to another by its radio alone, and that takes along all that
 * works on it.
 *
 * @netns_fd is the namespace that is looked into or, negative, our own; @socket, @inside and @home are
 * sockets of it.
 */

/* Whether the state is that of a Wi-Fi interface. */
bool interface_is_wifi(const PropertyList *state);

/**
 * interface_wifi_collect() - note down what is on which radio
 * @link: on the host
 *
 * Return: 0, also where it is no Wi-Fi interface, and nothing was noted; -EBUSY there is another network
 * interface on its radio, which was not given and would go along; -ENODEV it is gone; errno.
 */
int interface_wifi_collect(struct rtnl_link *link, PropertyList *state);

/* Whether the radio is there. Return: 0; -ENODEV no; errno. */
int interface_wifi_locate(int netns_fd, const PropertyList *state);
/* The interface that was given, if it is there and was not deleted. Return: 0; -ENODEV; errno. */
int interface_wifi_find(int netns_fd, RouteSocket *socket, const PropertyList *state, struct rtnl_link **ret);

/* Moves the radio from the host to @netns_fd; its interface keeps its name, where that is free there.
 * Return: 0; -EOPNOTSUPP the driver does not want that; errno. */
int interface_wifi_move_in(int netns_fd, const PropertyList *state);
/* Moves the radio to @home_fd, if possible with its interface alone and under the saved name. Return: 0;
 * -ENODEV it is not inside; -EEXIST an alternative name is the host's; errno. */
int interface_wifi_move_out(int netns_fd, RouteSocket *inside, int home_fd, const PropertyList *state);

/**
 * interface_wifi_recover() - leave the one interface on a radio that is back on the host
 *
 * What else is on it was made inside, and is deleted; the one that was given is made anew, if it was deleted
 * there.
 *
 * Return: 0; -ENODEV the radio is not there, or another one has its number; errno.
 */
int interface_wifi_recover(RouteSocket *home, const PropertyList *state, struct rtnl_link **ret);
/* Makes its type, and the radio's name and settings, what they were; goes on after a failure. Return: 0; the
 * errno of the first thing that failed. */
int interface_wifi_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state);
