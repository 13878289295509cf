/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Making interfaces inside a container.
 *
 * One RTM_NEWLINK on a socket of the host's makes the interface in the container's namespace: the parent is
 * looked up on the host, the name is free inside, and nothing ever moves. IP addresses follow through a
 * socket of the container's, and only then it is set up.
 *
 * Inside, the container's root may rename it, give it another address and index, delete it. Nobody inside
 * can make one on top of an interface of the host, as the kernel asks for rights there. So whatever has the
 * parent, the kind and, of a VLAN, the tag is ours, but for what was there before: interfaces which the
 * container's own file asked for, whose indexes are noted.
 *
 * The state file is there from before the making until after the removal. It has nothing to put right: the
 * kernel removes the interface with the namespace, or with its parent.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/vlan.h>
#include <stdio.h>
#include <string.h>

#include "inject/interface-make.h"
#include "inject/interface-restore.h"
#include "inject/interface-settle.h"
#include "inject/interface-state.h"
#include "util/string.h"

#define SIBLINGS_MAX 256

typedef struct Making {
        InterfaceFinder finder;
        const Item *item;
        int netns_fd, state_fd; /* borrowed */
        const char *container;
        struct rtnl_link *parent;
        PropertyList state;
} Making;

static void making_deinit(Making *making) {
        interface_finder_close(&making->finder);
        rtnl_link_put(making->parent);
        property_list_deinit(&making->state);
}

static bool is_sibling(const PropertyList *state, unsigned int ifindex) {
        for (unsigned int n = 0; n < SIBLINGS_MAX; n++) {
                char key[sizeof("SIBLING_") + 10];
                uint32_t sibling;

                snprintf(key, sizeof(key), "SIBLING_%u", n);
                sibling = interface_state_number(state, key);
                if (sibling == 0)
                        break;
                if (sibling == ifindex)
                        return true;
        }
        return false;
}

/* Whether the link inside is of that mode and on that interface of the host's. */
static bool is_on_parent(const InterfaceFinder *finder, struct rtnl_link *link, NetMode mode, uint32_t parent,
                         uint32_t vlan) {
        int nsid;

        if (!streq_ptr(rtnl_link_get_type(link), net_mode_to_string(mode)) ||
            (uint32_t)rtnl_link_get_link(link) != parent)
                return false;
        if (rtnl_link_get_link_netnsid(link, &nsid) < 0 || nsid != finder->home_nsid)
                return false;
        return mode != NET_VLAN || (uint32_t)rtnl_link_vlan_get_id(link) == vlan;
}

int interface_find_made(InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret) {
        _cleanup_(nl_cache_freep) struct nl_cache *all = NULL;
        uint32_t parent = interface_state_number(state, "IFINDEX"),
                 vlan = interface_state_number(state, "ITEM_VLAN");
        NetMode mode = interface_state_mode(state);
        int r, k;

        r = link_get_all(finder->inside, &all);
        if (r < 0)
                return r;
        k = interface_finder_learn_nsid(finder);
        if (k < 0)
                return k;
        for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
                struct rtnl_link *link = (struct rtnl_link *)o;

                if (is_on_parent(finder, link, mode, parent, vlan) &&
                    !is_sibling(state, (unsigned int)rtnl_link_get_ifindex(link))) {
                        nl_object_get(o);
                        *ret = link;
                        return 0;
                }
        }
        return r > 0 ? -EAGAIN : -ENODEV;
}

/* Notes what is on the parent inside before ours is. Return: 0; -E2BIG; errno. */
static int note_siblings(Making *making) {
        _cleanup_(nl_cache_freep) struct nl_cache *all = NULL;
        uint32_t parent = (uint32_t)rtnl_link_get_ifindex(making->parent);
        unsigned int n = 0;
        int r;

        r = link_get_all(making->finder.inside, &all);
        if (r >= 0)
                r = interface_finder_learn_nsid(&making->finder);
        if (r < 0)
                return r;
        for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
                struct rtnl_link *link = (struct rtnl_link *)o;
                char key[sizeof("SIBLING_") + 10];

                if (!is_on_parent(&making->finder, link, making->item->net_mode, parent, making->item->vlan))
                        continue;
                if (n >= SIBLINGS_MAX)
                        return -E2BIG;
                snprintf(key, sizeof(key), "SIBLING_%u", n++);
                r = interface_state_set_number(&making->state, key, (uint32_t)rtnl_link_get_ifindex(link));
                if (r < 0)
                        return r;
        }
        return 0;
}

static uint64_t hash_text(uint64_t hash, const char *text) {
        /* FNV-1a, the NUL included: it keeps the texts apart. */
        do
                hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        while (*text++);
        return hash;
}

/* The same for the same device in the same container on the same host, so that a lease of an IP address holds
 * from one run of a container to the next; another one on a host with the same names, whose parent has
 * another address. */
static void make_mac(const Making *making, char mac[18]) {
        char bus[LINK_BUS_SIZE], parent[MAX(LINK_PERMANENT_SIZE, 128)];
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        link_read_hardware(making->finder.home, rtnl_link_get_name(making->parent), bus, parent);
        if (!parent[0] && rtnl_link_get_addr(making->parent))
                nl_addr2str(rtnl_link_get_addr(making->parent), parent, sizeof(parent));
        hash = hash_text(hash, parent);
        hash = hash_text(hash, making->container);
        hash = hash_text(hash, making->item->device);
        hash = hash_text(hash, making->item->target);
        /* Locally administered, of one interface. */
        snprintf(mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", ((unsigned int)(hash >> 40) & 0xfcU) | 0x02U,
                 (unsigned int)(hash >> 32) & 0xffU, (unsigned int)(hash >> 24) & 0xffU,
                 (unsigned int)(hash >> 16) & 0xffU, (unsigned int)(hash >> 8) & 0xffU,
                 (unsigned int)hash & 0xffU);
}

/* A passthru one has its parent's address, and would give its parent another. */
static bool needs_mac(const Item *item) {
        return item->net_mode == NET_MACVLAN && item->net_variant != NET_VARIANT_PASSTHRU;
}

static int set_mac(const Making *making, struct rtnl_link *link) {
        _cleanup_(nl_addr_putp) struct nl_addr *address = NULL;
        const char *mac = making->item->mac;
        char made[18];

        if (!mac && needs_mac(making->item)) {
                make_mac(making, made);
                mac = made;
        }
        if (!mac)
                return 0;
        if (nl_addr_parse(mac, AF_LLC, &address) < 0)
                return -EINVAL;
        rtnl_link_set_addr(link, address);
        return 0;
}

static int set_mode(const Item *item, struct rtnl_link *link) {
        const char *variant = net_variant_to_string(item->net_mode, item->net_variant);
        int r = 0;

        if (rtnl_link_set_type(link, net_mode_to_string(item->net_mode)) < 0)
                return -EINVAL;
        switch (item->net_mode) {
        case NET_MACVLAN:
                r = rtnl_link_macvlan_set_mode(link, (uint32_t)rtnl_link_macvlan_str2mode(variant));
                break;
        case NET_IPVLAN:
                r = rtnl_link_ipvlan_set_mode(link, (uint16_t)rtnl_link_ipvlan_str2mode(variant));
                break;
        case NET_VLAN:
                r = rtnl_link_vlan_set_id(link, item->vlan);
                break;
        case NET_MOVE:
        case NET_SRIOV:
        case NET_MODE_MAX:
        case NET_MODE_INVALID:
                return -EINVAL;
        }
        return r < 0 ? -EINVAL : 0;
}

static int describe(const Making *making, struct rtnl_link **ret) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = rtnl_link_alloc();
        const Item *item = making->item;
        int r;

        if (!link)
                return -ENOMEM;
        rtnl_link_set_ns_fd(link, making->netns_fd);
        rtnl_link_set_link(link, rtnl_link_get_ifindex(making->parent));
        if (item->mtu > 0)
                rtnl_link_set_mtu(link, item->mtu);
        if (item->up && !item->addresses)
                rtnl_link_set_flags(link, IFF_UP);
        r = set_mode(item, link);
        if (r >= 0)
                r = set_mac(making, link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(link);
        return 0;
}

static int request(const Making *making, struct rtnl_link *link, const char *name) {
        RouteSocket *home = making->finder.home;

        rtnl_link_set_name(link, name);
        home->error = 0;
        return route_errno(home, rtnl_link_add(home->nl, link, NLM_F_CREATE | NLM_F_EXCL));
}

static int rename_made(Making *making, struct rtnl_link *made) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = rtnl_link_alloc();

        if (!change)
                return -ENOMEM;
        rtnl_link_set_name(change, making->item->path);
        return link_change(making->finder.inside, made, change);
}

/* Kernels before 6.15 refuse a name that is taken where the request comes from, on the host: then it is made
 * under a spare one and renamed, which takes them longer. */
static int request_any(Making *making, struct rtnl_link *link) {
        char name[IFNAMSIZ];
        int r;

        r = request(making, link, making->item->path);
        for (unsigned int i = 0; r == -EEXIST && i < INTERFACE_SPARE_NAMES; i++) {
                /* A tag that is taken gives the same error. */
                if (making->item->net_mode == NET_VLAN && i > 0)
                        break;
                interface_spare_name(i, name);
                r = request(making, link, name);
        }
        return r;
}

static int settle(Making *making) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *made = NULL;
        int r;

        r = interface_find_made(&making->finder, &making->state, &made);
        if (r >= 0 && !streq(rtnl_link_get_name(made), making->item->path))
                r = rename_made(making, made);
        return r < 0 ? r : interface_settle(making->finder.inside, made, making->item);
}

/* Return: 0; -ENODEV; -EAGAIN; errno. */
static int delete_made(InterfaceFinder *finder, const PropertyList *state) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *made = NULL;
        int r;

        r = interface_find_made(finder, state, &made);
        if (r < 0)
                return r;
        finder->inside->error = 0;
        return route_errno(finder->inside, rtnl_link_delete(finder->inside->nl, made));
}

/* Return: 1 it is there, by a state that was written earlier; 0 it is not; errno. */
static int take_up_earlier(Making *making) {
        _cleanup_(property_list_deinit) PropertyList state = {};
        _cleanup_(rtnl_link_putp) struct rtnl_link *made = NULL;
        int r;

        r = interface_state_load(making->state_fd, making->container, making->item->path, &state);
        if (r < 0)
                return r == -ENOENT || r == -EBADMSG ? 0 : r;
        if (interface_state_mode(&state) != making->item->net_mode)
                return 0;
        r = interface_find_made(&making->finder, &state, &made);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        r = interface_settle(making->finder.inside, made, making->item);
        return r < 0 ? r : 1;
}

static int write_intent(Making *making) {
        PropertyList *state = &making->state;
        int r;

        r = interface_state_set_item(state, making->item);
        if (r >= 0)
                r = interface_state_set_text(state, "NAME", rtnl_link_get_name(making->parent));
        if (r >= 0)
                r = interface_state_set_number(state, "IFINDEX",
                                               (uint32_t)rtnl_link_get_ifindex(making->parent));
        if (r >= 0)
                r = note_siblings(making);
        return r < 0 ? r : interface_state_save(making->state_fd, making->container, state);
}

int interface_make(const Item *item, int netns_fd, int state_fd, const char *container) {
        _cleanup_(making_deinit) Making making = {
                .finder = INTERFACE_FINDER_NULL,
                .item = item,
                .netns_fd = netns_fd,
                .state_fd = state_fd,
                .container = container,
        };
        _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL, *taken = NULL;
        int r, k;

        assert(item && item->kind == ITEM_INTERFACE && container);

        if (strlen(item->path) >= IFNAMSIZ || strlen(item->target) >= IFNAMSIZ)
                return -EINVAL;
        r = interface_finder_open(netns_fd, &making.finder);
        if (r < 0)
                return r;
        r = take_up_earlier(&making);
        if (r != 0)
                return r < 0 ? r : 0;

        r = link_get(making.finder.inside, /* ifindex= */ 0, item->path, &taken);
        if (r != -ENODEV)
                return r < 0 ? r : -EEXIST;
        r = link_get(making.finder.home, /* ifindex= */ 0, item->target, &making.parent);
        if (r >= 0)
                r = describe(&making, &link);
        if (r >= 0)
                r = write_intent(&making);
        if (r < 0)
                return r;

        r = request_any(&making, link);
        if (r >= 0) {
                r = settle(&making);
                k = r < 0 ? delete_made(&making.finder, &making.state) : 0;
                if (k < 0 && k != -ENODEV)
                        return r; /* the state stays, as it may be there */
        }
        if (r < 0)
                (void)interface_state_remove(state_fd, container, item->path);
        return r;
}

int interface_unmake(const Item *item, int netns_fd, int state_fd, const char *container) {
        _cleanup_(interface_finder_close) InterfaceFinder finder = INTERFACE_FINDER_NULL;
        _cleanup_(property_list_deinit) PropertyList state = {};
        int r;

        assert(item && item->kind == ITEM_INTERFACE && container);

        r = interface_state_load(state_fd, container, item->path, &state);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = interface_finder_open(netns_fd, &finder);
        if (r >= 0)
                r = delete_made(&finder, &state);
        if (r < 0 && r != -ENODEV)
                return r;
        return interface_state_remove(state_fd, container, item->path);
}
