/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Virtual functions as their card has them (IFLA_VFINFO_LIST), through libnl.
 *
 * libnl asks the kernel for that list with every single link, and sends of a function what was set of it and
 * nothing else.
 */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netlink/errno.h>
#include <netlink/route/link/sriov.h>

#include "inject/link-function.h"

DEFINE_CLEANUP(struct rtnl_link_vf *, rtnl_link_vf_put);

int link_function_get(struct rtnl_link *card, uint32_t number, char mac[32], LinkTag *ret_tag) {
        _cleanup_(rtnl_link_vf_putp) struct rtnl_link_vf *function = NULL;
        LinkTag tag = {.protocol = ETH_P_8021Q};
        struct nl_addr *address;
        nl_vf_vlans_t *tags;

        /* libnl looks for it in the list without asking whether there is one. */
        if (rtnl_link_has_vf_list(card))
                function = rtnl_link_vf_get(card, number);
        if (!function)
                return -EOPNOTSUPP;
        mac[0] = '\0';
        if (rtnl_link_vf_get_addr(function, &address) >= 0)
                nl_addr2str(address, mac, 32);
        if (rtnl_link_vf_get_vlans(function, &tags) >= 0) {
                if (tags->size > 0 && tags->vlans[0].vf_vlan > 0)
                        tag = (LinkTag){
                                .vlan = tags->vlans[0].vf_vlan,
                                .qos = tags->vlans[0].vf_vlan_qos,
                                .protocol = tags->vlans[0].vf_vlan_proto,
                        };
                /* The list was counted up for us. */
                rtnl_link_vf_vlan_put(tags);
        }
        *ret_tag = tag;
        return 0;
}

static int set_tag(struct rtnl_link_vf *function, const LinkTag *tag) {
        nl_vf_vlans_t *tags = NULL;

        if (rtnl_link_vf_vlan_alloc(&tags, 1) < 0)
                return -ENOMEM;
        tags->vlans[0].vf_vlan = tag->vlan;
        tags->vlans[0].vf_vlan_qos = tag->qos;
        /* libnl hands any other protocol on as it is, and the kernel wants it in the network's order. */
        tags->vlans[0].vf_vlan_proto =
                tag->protocol == ETH_P_8021Q ? ETH_P_8021Q : htons((uint16_t)tag->protocol);
        rtnl_link_vf_set_vlans(function, tags);
        rtnl_link_vf_vlan_put(tags);
        return 0;
}

static int set_address(struct rtnl_link_vf *function, const char *mac) {
        _cleanup_(nl_addr_putp) struct nl_addr *address = NULL;

        if (nl_addr_parse(mac, AF_LLC, &address) < 0)
                return -EINVAL;
        rtnl_link_vf_set_addr(function, address);
        return 0;
}

int link_function_set(RouteSocket *socket, struct rtnl_link *card, uint32_t number, const char *mac,
                      const LinkTag *tag) {
        _cleanup_(rtnl_link_vf_putp) struct rtnl_link_vf *function = rtnl_link_vf_alloc();
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = rtnl_link_alloc();
        int r = 0;

        if (!function || !change)
                return -ENOMEM;
        rtnl_link_vf_set_index(function, number);
        if (mac)
                r = set_address(function, mac);
        if (r >= 0 && tag)
                r = set_tag(function, tag);
        if (r < 0)
                return r;
        if (rtnl_link_vf_add(change, function) < 0)
                return -ENOMEM;
        return link_change(socket, card, change);
}
