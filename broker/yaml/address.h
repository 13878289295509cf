/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <arpa/inet.h>

#include "yaml/node.h"

/*
 * Addresses of network interfaces as values. The functions say: 0 done; 1 complained of; -ENOMEM.
 */

#define MAC_TEXT_SIZE    sizeof("02:00:5e:10:00:01")
#define PREFIX_TEXT_SIZE (INET6_ADDRSTRLEN + sizeof("/128") - 1)

/* The hardware address of one interface: no group's, and not all zero. */
int policy_mac(const PolicyContext *context, const PolicyNode *node, char ret[static MAC_TEXT_SIZE]);

/* An IP address with the length of its network, "192.0.2.10/24", that an interface can have: neither a
 * group's nor nobody's. */
int policy_prefix(const PolicyContext *context, const PolicyNode *node, char ret[static PREFIX_TEXT_SIZE]);

/* Of an IP address without a length: AF_INET, AF_INET6; 0 it is none. */
int address_family(const char *text);
