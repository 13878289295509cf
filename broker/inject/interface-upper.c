/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is on top of an interface.
 *
 * It is looked for when the interface is on the host again: from then on the container cannot add to it, as
 * the kernel asks for rights in the namespace of the lower interface. What the container has moved to a
 * further namespace is out of sight here; it goes with that namespace, at the container's end.
 */

#include "config.h"

#include <string.h>

#include "inject/interface-state.h"
#include "inject/interface-upper.h"
#include "util/string.h"

typedef struct Given {
        unsigned int ifindex;
        bool found;
} Given;

static int compare(const PropertyList *state, void *userdata) {
        Given *given = userdata;

        if (interface_state_number(state, "LOWER") > 0 &&
            interface_state_number(state, "INSIDE_IFINDEX") == given->ifindex)
                given->found = true;
        return 0;
}

/* Whether the link inside is one that was given itself. */
static bool is_given(struct rtnl_link *link, int state_fd, const char *container) {
        Given given = {.ifindex = (unsigned int)rtnl_link_get_ifindex(link)};

        return interface_state_foreach(state_fd, container, compare, &given) < 0 || given.found;
}

static bool is_upper(struct rtnl_link *link, int home_nsid, unsigned int ifindex) {
        int nsid;

        /* Two veths are beside each other. */
        return (unsigned int)rtnl_link_get_link(link) == ifindex &&
               rtnl_link_get_link_netnsid(link, &nsid) >= 0 && nsid == home_nsid &&
               !streq_ptr(rtnl_link_get_type(link), "veth");
}

int interface_drop_uppers(RouteSocket *inside, int home_fd, unsigned int ifindex, int state_fd,
                          const char *container) {
        _cleanup_(nl_cache_freep) struct nl_cache *all = NULL;
        int r, home_nsid;

        r = link_get_all(inside, &all);
        if (r < 0)
                return r;
        /* The list gave the host's namespace a number, if anything in it has to do with the host. */
        r = route_socket_nsid(inside, home_fd, &home_nsid);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
                struct rtnl_link *link = (struct rtnl_link *)o;
                int k;

                if (!is_upper(link, home_nsid, ifindex) || is_given(link, state_fd, container))
                        continue;
                inside->error = 0;
                k = route_errno(inside, rtnl_link_delete(inside->nl, link));
                if (k < 0 && k != -ENODEV && r >= 0)
                        r = k;
        }
        return r;
}
