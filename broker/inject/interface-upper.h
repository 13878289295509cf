/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/**
 * interface_drop_uppers() - delete what the container has put on top of an interface that is back on the host
 * @inside:  a socket of the container's namespace
 * @home_fd: the host's namespace
 * @ifindex: of the interface, on the host
 *
 * A macvlan or VLAN on top of an interface stays when that one goes to another namespace, and works on. What
 * the host had put on top of it and has given to the same container, stays too.
 *
 * Return: 0; errno of the first that could not be deleted.
 */
int interface_drop_uppers(RouteSocket *inside, int home_fd, unsigned int ifindex, int state_fd,
                          const char *container);
