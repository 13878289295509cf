/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/property.h"

/*
 * The host's settings of an interface below /proc/sys/net, which go when it leaves its network namespace. Of
 * the interface's state they are, for those that are other than the folder's `default` says,
 *
 *   SYSCTL_FOLDER/FILE=      the file's text, as string_to_component(); say SYSCTL_ipv4/conf/forwarding=1
 *
 * "The host" is the network namespace of the calling process.
 */

/* Return: 0, also where it has none; -E2BIG; -ENOMEM; errno. */
int interface_sysctl_collect(const char *name, PropertyList *state);

/* Writes what is other than the state says. Return: 0; the errno of the first that was refused, having gone
 * on with the rest. */
int interface_sysctl_put_right(const char *name, const PropertyList *state);
