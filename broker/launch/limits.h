/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lxc/lxccontainer.h>

#include "launch/container-file.h"

/* Tells liblxc of limits, in the words of whichever hierarchy has the controller. Return: 0; -EOPNOTSUPP with
 * @message, the host has no such controller; -EINVAL with @message; errno. */
int limits_apply(const ContainerLimits *limits, struct lxc_container *c, char **message);
