/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "inject/link.h"

/* A tag that a card puts on all that one of its virtual functions sends, and takes off what it receives. */
typedef struct LinkTag {
        uint32_t vlan, qos; /* 0: none */
        uint32_t protocol;  /* ETH_P_8021Q or ETH_P_8021AD */
} LinkTag;

/* What a card says of one of its virtual functions. @mac is "" where it does not say. Return: 0; -EOPNOTSUPP
 * it says nothing of such a function. */
int link_function_get(struct rtnl_link *card, uint32_t number, char mac[32], LinkTag *ret_tag);

/* Has a card give one of its virtual functions a hardware address and a tag, each where it is not NULL, which
 * whoever has the function cannot change. Return: 0; -EINVAL no address; -EOPNOTSUPP the driver cannot;
 * errno. */
int link_function_set(RouteSocket *socket, struct rtnl_link *card, uint32_t number, const char *mac,
                      const LinkTag *tag);
