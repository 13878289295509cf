/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"
#include "plan/item.h"

/**
 * interface_settle() - set an interface in the container up as it is asked for
 * @link: in the namespace of @inside
 *
 * Changes nothing that is right already; an IP address that is there stays.
 *
 * Return: 0; -EINVAL an address that is none; errno, the rest is undone by whoever takes the interface back.
 */
int interface_settle(RouteSocket *inside, struct rtnl_link *link, const Item *item);
