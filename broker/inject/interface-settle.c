/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a rule asks of an interface inside: hardware address, MTU, IP addresses, up. Up comes last, so that
 * nobody sees it up without the rest.
 */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#include "inject/interface-settle.h"
#include "util/string.h"

/* Longest network that has an address for all in it. */
#define BROADCAST_PREFIX_MAX 30

/* A second for a card to reset one of its functions. */
#define RESET_TRIES 20
#define RESET_NSEC  (50 * 1000 * 1000)

static int settle_mtu(RouteSocket *inside, struct rtnl_link *link, uint32_t mtu) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = NULL;

        if (mtu == 0 || mtu == rtnl_link_get_mtu(link))
                return 0;
        change = rtnl_link_alloc();
        if (!change)
                return -ENOMEM;
        rtnl_link_set_mtu(change, mtu);
        return link_change(inside, link, change);
}

static bool has_address(struct rtnl_link *link, struct nl_addr *address) {
        return rtnl_link_get_addr(link) && nl_addr_cmp(address, rtnl_link_get_addr(link)) == 0;
}

static int set_address(RouteSocket *inside, struct rtnl_link *link, struct nl_addr *address) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = rtnl_link_alloc();
        int r;

        if (!change)
                return -ENOMEM;
        rtnl_link_set_addr(change, address);
        /* Most drivers take another address only while the interface is down. */
        r = link_set_flags(inside, link, 0, IFF_UP);
        return r < 0 ? r : link_change(inside, link, change);
}

/* Sets it up and down again, and says whether it has @address then. */
static int has_address_after_reset(RouteSocket *inside, unsigned int ifindex, struct nl_addr *address) {
        static const unsigned int steps[] = {IFF_UP, 0};
        _cleanup_(rtnl_link_putp) struct rtnl_link *after = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_(rtnl_link_putp) struct rtnl_link *now = NULL;

                r = link_get(inside, ifindex, /* name= */ NULL, &now);
                if (r >= 0)
                        r = link_set_flags(inside, now, steps[i], IFF_UP);
                if (r < 0)
                        return r;
        }
        r = link_get(inside, ifindex, /* name= */ NULL, &after);
        return r < 0 ? r : has_address(after, address);
}

/* What the card has set for a function, its driver takes over when it resets the function: by itself, but
 * after a while, or when the interface is set down. Until then it refuses this address as it does others. */
static int set_address_of_card(RouteSocket *inside, struct rtnl_link *link, struct nl_addr *address) {
        static const struct timespec pause = {.tv_nsec = RESET_NSEC};

        for (unsigned int i = 0;; i++) {
                int r = set_address(inside, link, address), k;

                if (r != -EADDRNOTAVAIL && r != -EPERM && r != -EACCES && r != -EAGAIN && r != -EBUSY)
                        return r;
                k = has_address_after_reset(inside, (unsigned int)rtnl_link_get_ifindex(link), address);
                if (k != 0)
                        return k < 0 ? k : 0;
                if (i + 1 == RESET_TRIES)
                        return r;
                nanosleep(&pause, NULL);
        }
}

static int settle_mac(RouteSocket *inside, struct rtnl_link *link, const Item *item) {
        _cleanup_(nl_addr_putp) struct nl_addr *address = NULL;

        if (!item->mac)
                return 0;
        if (nl_addr_parse(item->mac, AF_LLC, &address) < 0)
                return -EINVAL;
        if (has_address(link, address))
                return 0;
        return item->net_mode == NET_SRIOV ? set_address_of_card(inside, link, address)
                                           : set_address(inside, link, address);
}

/* The address of all in the network of @local, where it has one. */
static int set_broadcast(struct rtnl_addr *address, struct nl_addr *local) {
        _cleanup_(nl_addr_putp) struct nl_addr *broadcast = NULL;
        unsigned int prefix = nl_addr_get_prefixlen(local);
        struct in_addr in;

        if (nl_addr_get_family(local) != AF_INET || prefix > BROADCAST_PREFIX_MAX)
                return 0;
        memcpy(&in, nl_addr_get_binary_addr(local), sizeof(in));
        in.s_addr |= htonl(prefix == 0 ? UINT32_MAX : UINT32_MAX >> prefix);
        broadcast = nl_addr_build(AF_INET, &in, sizeof(in));
        if (!broadcast)
                return -ENOMEM;
        return rtnl_addr_set_broadcast(address, broadcast) < 0 ? -EINVAL : 0;
}

static int settle_address(RouteSocket *inside, struct rtnl_link *link, const char *text) {
        _cleanup_(rtnl_addr_putp) struct rtnl_addr *address = rtnl_addr_alloc();
        _cleanup_(nl_addr_putp) struct nl_addr *local = NULL;
        int r;

        if (!address)
                return -ENOMEM;
        if (nl_addr_parse(text, AF_UNSPEC, &local) < 0)
                return -EINVAL;
        rtnl_addr_set_ifindex(address, rtnl_link_get_ifindex(link));
        if (rtnl_addr_set_local(address, local) < 0)
                return -EINVAL;
        r = set_broadcast(address, local);
        if (r < 0)
                return r;

        inside->error = 0;
        r = route_errno(inside, rtnl_addr_add(inside->nl, address, /* flags= */ 0));
        return r == -EEXIST ? 0 : r;
}

static int settle_addresses(RouteSocket *inside, struct rtnl_link *link, const char *addresses) {
        int r = 0;

        for (const char *p = addresses; p && *p && r >= 0;) {
                size_t n = strcspn(p, " ");
                char text[INET6_ADDRSTRLEN + sizeof("/128")];

                if (n >= sizeof(text))
                        return -EINVAL;
                memcpy(text, p, n);
                text[n] = '\0';
                r = settle_address(inside, link, text);
                p += n + strspn(p + n, " ");
        }
        return r;
}

int interface_settle(RouteSocket *inside, struct rtnl_link *link, const Item *item) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *now = NULL;
        int r;

        r = settle_mtu(inside, link, item->mtu);
        if (r >= 0)
                r = settle_mac(inside, link, item);
        if (r >= 0)
                r = settle_addresses(inside, link, item->addresses);
        /* It may have been set down above. */
        if (r >= 0)
                r = link_get(inside, (unsigned int)rtnl_link_get_ifindex(link), /* name= */ NULL, &now);
        if (r >= 0)
                r = link_set_flags(inside, now, item->up ? IFF_UP : 0, IFF_UP);
        /* A radio that is switched off cannot be up; it can be had nevertheless. */
        return r == -ERFKILL ? 0 : r;
}
