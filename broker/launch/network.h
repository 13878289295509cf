/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lxc/lxccontainer.h>

#include "launch/container-file.h"

/**
 * network_apply() - tell liblxc of the interfaces of a container's own
 * @first:      number of the first among liblxc's
 *
 * Return: 0; -ENODEV with @message, the host has no such parent; -EINVAL with @message; errno.
 */
int network_apply(const ContainerNetwork *networks, size_t n, unsigned int first, struct lxc_container *c,
                  char **message);
