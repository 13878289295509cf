/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which interface is the one that was given.
 *
 * What the container's root can choose (name, index, hardware address) only says where to look first. What
 * makes a link the saved one is
 * - for a physical interface, that it has no kind, which nothing made inside lacks, and the saved bus place
 * and burnt-in address; for one of a card's functions, the place;
 * - for one of a radio, its number on that radio: see interface-wifi.c;
 * - for a virtual one, the kind and the peer or lower interface, which has to be in the host's namespace: a
 * peer in another namespace may have the same index by the container's choice. Where several siblings share a
 * lower interface, index or address decide among them;
 * - for a dummy and its like, index or address: a twin of it does no harm.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "inject/interface-find.h"
#include "inject/interface-state.h"
#include "inject/interface-wifi.h"
#include "util/fd.h"
#include "util/string.h"

int interface_finder_open(int netns_fd, InterfaceFinder *finder) {
        int r;

        finder->inside_fd = netns_fd;
        finder->home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (finder->home_fd < 0)
                return -errno;
        r = route_socket_open(-EBADF, &finder->home);
        if (r < 0)
                return r;
        r = route_socket_open(netns_fd, &finder->inside);
        return r < 0 ? r : interface_finder_learn_nsid(finder);
}

void interface_finder_close(InterfaceFinder *finder) {
        route_socket_close(finder->home);
        route_socket_close(finder->inside);
        safe_close(finder->home_fd);
}

int interface_finder_learn_nsid(InterfaceFinder *finder) {
        int r = route_socket_nsid(finder->inside, finder->home_fd, &finder->home_nsid);

        return r == -ENOENT ? 0 : r;
}

typedef struct Search {
        const InterfaceFinder *finder;
        const PropertyList *state;
        RouteSocket *socket;
        bool inside;
        unsigned int ifindex; /* where it was last */
        const char *name;
} Search;

static bool same_component(const PropertyList *state, const char *key, const char *value) {
        const char *saved = property_list_get(state, key);
        char plain[4096];

        return saved && string_from_component(saved, plain, sizeof(plain)) >= 0 && streq(plain, value);
}

static bool same_index_or_address(const Search *search, struct rtnl_link *link) {
        const char *saved = property_list_get(search->state, "MAC");
        char mac[128] = "";

        if (search->ifindex > 0 && (unsigned int)rtnl_link_get_ifindex(link) == search->ifindex)
                return true;
        if (rtnl_link_get_addr(link))
                nl_addr2str(rtnl_link_get_addr(link), mac, sizeof(mac));
        return saved && streq(saved, mac);
}

static bool is_physical(const Search *search, struct rtnl_link *link) {
        const char *permanent = property_list_get(search->state, "PERMANENT");
        char bus[LINK_BUS_SIZE], address[LINK_PERMANENT_SIZE];

        link_read_hardware(search->socket, rtnl_link_get_name(link), bus, address);
        if (property_list_get(search->state, "BUS") && !same_component(search->state, "BUS", bus))
                return false;
        /* Some drivers take what the card sets for a function for burnt in. One place has one function. */
        if (property_list_get(search->state, "FUNCTION") && property_list_get(search->state, "BUS"))
                return true;
        /* Former versions wrote its first byte alone, and their containers run on. */
        if (permanent)
                return strlen(permanent) > 2 ? streq(permanent, address) : !!startswith(address, permanent);
        return same_index_or_address(search, link);
}

static bool is_virtual(const Search *search, struct rtnl_link *link) {
        uint32_t lower = interface_state_number(search->state, "LOWER");
        int nsid;

        if (lower == 0)
                return same_index_or_address(search, link);
        if ((uint32_t)rtnl_link_get_link(link) != lower)
                return false;
        if (rtnl_link_get_link_netnsid(link, &nsid) < 0)
                nsid = -1;
        /* On the host the peer is beside it, and so has no number. */
        if (search->inside ? nsid < 0 || nsid != search->finder->home_nsid : nsid >= 0)
                return false;
        return streq(rtnl_link_get_type(link), "veth") || same_index_or_address(search, link);
}

static bool is_saved(const Search *search, struct rtnl_link *link) {
        const char *kind = property_list_get(search->state, "KIND");

        if (!streq_ptr(kind, rtnl_link_get_type(link)) || !rtnl_link_get_name(link))
                return false;
        return kind ? is_virtual(search, link) : is_physical(search, link);
}

static int search_all(const Search *search, struct rtnl_link **ret) {
        _cleanup_(nl_cache_freep) struct nl_cache *all = NULL;
        int r;

        /* In a namespace that keeps changing "not seen" does not mean "not there". */
        r = link_get_all(search->socket, &all);
        if (r < 0)
                return r;
        for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o))
                if (is_saved(search, (struct rtnl_link *)o)) {
                        nl_object_get(o);
                        *ret = (struct rtnl_link *)o;
                        return 0;
                }
        return r > 0 ? -EAGAIN : -ENODEV;
}

static int search_for(const Search *search, struct rtnl_link **ret) {
        for (int by_name = 0; by_name < 2; by_name++) {
                _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
                int r;

                if (!by_name && search->ifindex == 0)
                        continue;
                r = link_get(search->socket, by_name ? 0 : search->ifindex, search->name, &link);
                if (r < 0 && r != -ENODEV)
                        return r;
                if (r >= 0 && is_saved(search, link)) {
                        *ret = TAKE_PTR(link);
                        return 0;
                }
        }
        return search_all(search, ret);
}

int interface_find_inside(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret) {
        char name[IFNAMSIZ];
        Search search = {
                .finder = finder,
                .state = state,
                .socket = finder->inside,
                .inside = true,
                .ifindex = interface_state_number(state, "INSIDE_IFINDEX"),
                .name = name,
        };
        int r = string_from_component(property_list_get(state, "INSIDE"), name, sizeof(name));

        if (interface_is_wifi(state))
                return interface_wifi_find(finder->inside_fd, finder->inside, state, ret);
        return r < 0 ? r : search_for(&search, ret);
}

int interface_find_home(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link **ret) {
        char name[IFNAMSIZ];
        Search search = {
                .finder = finder,
                .state = state,
                .socket = finder->home,
                .ifindex = interface_state_number(state, "IFINDEX"),
                .name = name,
        };
        int r = string_from_component(property_list_get(state, "NAME"), name, sizeof(name));

        if (interface_is_wifi(state))
                return interface_wifi_find(/* netns_fd= */ -EBADF, finder->home, state, ret);
        return r < 0 ? r : search_for(&search, ret);
}

int interface_is_saved(const InterfaceFinder *finder, const PropertyList *state, struct rtnl_link *link) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *found = NULL;
        Search search = {
                .finder = finder,
                .state = state,
                .socket = finder->home,
                .ifindex = interface_state_number(state, "IFINDEX"),
        };
        int r;

        if (!interface_is_wifi(state))
                return is_saved(&search, link);
        r = interface_find_home(finder, state, &found);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        return rtnl_link_get_ifindex(found) == rtnl_link_get_ifindex(link);
}
