/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * How a network interface goes into a container.
 */

typedef enum NetMode {
        NET_MOVE,    /* the interface itself */
        NET_MACVLAN, /* one on top of it, with a hardware address of its own */
        NET_IPVLAN,  /* one on top of it, with its hardware address */
        NET_VLAN,    /* one on top of it, for the frames with one tag */
        NET_SRIOV,   /* that of one of the card's virtual functions */
        NET_MODE_MAX,
        NET_MODE_INVALID = -EINVAL,
} NetMode;

const char *net_mode_to_string(NetMode mode);
NetMode net_mode_from_string(const char *s);

/* Whether the host is without the interface that the rule is about. */
static inline bool net_mode_takes(NetMode mode) {
        return mode == NET_MOVE;
}

/* Whether an interface is made on top of the host's, which stays where it is. */
static inline bool net_mode_makes(NetMode mode) {
        return mode == NET_MACVLAN || mode == NET_IPVLAN || mode == NET_VLAN;
}

/* Whom a macvlan reaches besides the network, and what an ipvlan does for it: the kernel's words, the
 * default first. Of the other modes there is one kind only. */
typedef uint8_t NetVariant;

/* NULL where the mode has no such variant. */
const char *net_variant_to_string(NetMode mode, NetVariant variant);
/* Return: it; -EINVAL. */
int net_variant_from_string(NetMode mode, const char *s);
/* All of a mode, NULL-terminated; NULL where it has none. */
const char *const *net_variants(NetMode mode);

#define NET_VARIANT_PASSTHRU 3 /* of a macvlan: the only one on its parent */

#define NET_VLAN_MAX 4094 /* 0 and 4095 are IEEE 802.1Q's own */

#define NET_ADDRESSES_MAX 32

/* `net:` of a rule; only with it does a rule take an interface from the host. */
typedef struct GiveNet {
        bool set;
        NetMode mode;
        NetVariant variant;
        uint16_t vlan;       /* 0: none */
        char name[IFNAMSIZ]; /* inside; "" keeps that of the host's interface, or of the function's */
        char mac[18];        /* "" the kernel's, or of a macvlan one that is made of who has it */
        uint32_t mtu;        /* bytes; 0 keeps it */
        bool up;             /* default true */
        char *addresses;     /* "192.0.2.10/24 2001:db8::1/64", NULL: none; owned by the rule */
} GiveNet;
