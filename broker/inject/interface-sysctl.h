/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/property.h"

/*
 * The host's settings of an interface below /proc/sys/net, which go when it leaves its network namespace. Of
 * the interface's state they are
 *
 *   SYSCTL_FOLDER/FILE=      the file's text, as string_to_component(); say SYSCTL_ipv4/conf/forwarding=1
 *
 * "The host" is the network namespace of the calling process.
 */

/* Return: 0, also where it has none; -E2BIG; -ENOMEM; errno. */
int interface_sysctl_collect(const char *name, PropertyList *state);

/* Writes what is other than the state says. What is refused is logged. Return: 0; -EBADMSG; errno of what may
 * pass. */
int interface_sysctl_put_right(const char *name, const PropertyList *state);

/* One of them; @file is "ipv4/conf/forwarding". Return: 0; -ENOENT; errno. */
int interface_sysctl_get(const char *name, const char *file, char **ret);
int interface_sysctl_set(const char *name, const char *file, const char *value);
