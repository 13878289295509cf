/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Ports of bridges, bonds and the like.
 *
 * An interface that leaves its namespace is nobody's port any more, and what was set for it as a port is
 * forgotten. A
 * master is known again by index and kind, or, as a network manager makes it anew, by name and kind.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "inject/interface-attribute.h"
#include "inject/interface-port.h"
#include "inject/interface-state.h"
#include "util/log.h"
#include "util/string.h"

static int take_bond_port(struct nl_msg *message, void *userdata) {
        struct nlattr *info, *data, *mac;

        info = nlmsg_find_attr(nlmsg_hdr(message), sizeof(struct ifinfomsg), IFLA_LINKINFO);
        data = info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_DATA) : NULL;
        mac = data ? nla_find(nla_data(data), nla_len(data), IFLA_BOND_SLAVE_PERM_HWADDR) : NULL;
        if (mac)
                *(struct nl_addr **)userdata = nl_addr_alloc_attr(mac, AF_LLC);
        return NL_OK;
}

/* A bond's ports have one address, and get their own back when they leave. */
static int collect_bond_port(RouteSocket *socket, unsigned int ifindex, PropertyList *state) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(RTM_GETLINK, /* flags= */ 0, ifindex);
        _cleanup_(nl_addr_putp) struct nl_addr *address = NULL;
        char text[128];
        int r;

        if (!message)
                return -ENOMEM;
        r = route_request(socket, message, take_bond_port, &address);
        return r < 0 || !address
                       ? r
                       : property_list_set(state, "PORT_MAC", nl_addr2str(address, text, sizeof(text)));
}

typedef struct Reader {
        unsigned int ifindex;
        PropertyList *list;
        int error;
} Reader;

static int take_vlans(struct nl_msg *message, void *userdata) {
        const struct ifinfomsg *header = nlmsg_data(nlmsg_hdr(message));
        Reader *reader = userdata;
        _cleanup_free_ char *hex = NULL;
        struct nlattr *vlans;

        if ((unsigned int)header->ifi_index != reader->ifindex)
                return NL_OK;
        vlans = nlmsg_find_attr(nlmsg_hdr(message), sizeof(*header), IFLA_AF_SPEC);
        if (!vlans || nla_len(vlans) == 0 || reader->error < 0)
                return NL_OK;
        reader->error = string_to_hex(nla_data(vlans), (size_t)nla_len(vlans), &hex);
        if (reader->error >= 0)
                reader->error = property_list_set(reader->list, "PORT_VLANS", hex);
        return NL_OK;
}

/* Of one bridge's port the kernel does not tell alone. */
static int read_vlans(RouteSocket *socket, unsigned int ifindex, PropertyList *ret) {
        const struct ifinfomsg header = {.ifi_family = AF_BRIDGE};
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_DUMP);
        Reader reader = {.ifindex = ifindex, .list = ret};
        int r;

        if (!message || nlmsg_append(message, (void *)&header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
            nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED) < 0)
                return -ENOMEM;
        r = route_request(socket, message, take_vlans, &reader);
        return r < 0 ? r : reader.error;
}

int interface_port_collect(RouteSocket *socket, struct rtnl_link *link, PropertyList *state) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *master = NULL;
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(link),
                     index = (unsigned int)rtnl_link_get_master(link);
        const char *kind;
        int r;

        if (index == 0)
                return 0;
        r = link_get(socket, index, /* name= */ NULL, &master);
        if (r < 0)
                return r;
        kind = rtnl_link_get_type(master) ?: "";
        r = interface_state_set_number(state, "MASTER", index);
        if (r >= 0)
                r = interface_state_set_text(state, "MASTER_NAME", rtnl_link_get_name(master));
        if (r >= 0)
                r = interface_state_set_text(state, "MASTER_KIND", kind);
        if (r >= 0)
                r = interface_attribute_collect_port(socket, ifindex, kind, state);
        if (r >= 0 && streq(kind, "bond"))
                r = collect_bond_port(socket, ifindex, state);
        return r < 0 || !streq(kind, "bridge") ? r : read_vlans(socket, ifindex, state);
}

const char *interface_port_address(struct rtnl_link *link, const PropertyList *state) {
        return rtnl_link_get_master(link) == 0 ? property_list_get(state, "PORT_MAC") : NULL;
}

static bool is_of_kind(struct rtnl_link *link, const char *kind) {
        return streq(rtnl_link_get_type(link) ?: "", kind);
}

/* Return: 0; -ENODEV it is gone; errno. */
static int find_master(RouteSocket *home, const PropertyList *state, const char *name, const char *kind,
                       struct rtnl_link **ret) {
        const unsigned int indexes[] = {interface_state_number(state, "MASTER"), 0};

        for (size_t i = 0; i < ELEMENTSOF(indexes); i++) {
                _cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
                int r = link_get(home, indexes[i], name, &link);

                if (r >= 0 && is_of_kind(link, kind)) {
                        *ret = TAKE_PTR(link);
                        return 0;
                }
                if (r < 0 && r != -ENODEV)
                        return r;
        }
        return -ENODEV;
}

static int enslave(RouteSocket *home, struct rtnl_link *link, struct rtnl_link *master) {
        int r = link_set_flags(home, link, 0, IFF_UP);

        if (r < 0)
                return r;
        home->error = 0;
        return route_errno(home, rtnl_link_enslave(home->nl, master, link));
}

static int change_vlans(RouteSocket *home, unsigned int ifindex, int type, const char *hex) {
        const struct ifinfomsg header = {.ifi_family = AF_BRIDGE, .ifi_index = (int)ifindex};
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(type, /* flags= */ 0);
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        if (!hex)
                return 0;
        r = string_from_hex(hex, &data, &size);
        if (r < 0)
                return r;
        if (!message || nlmsg_append(message, (void *)&header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
            nla_put(message, IFLA_AF_SPEC | NLA_F_NESTED, (int)size, data) < 0)
                return -ENOMEM;
        return route_send(home, TAKE_PTR(message));
}

/* A new port of a bridge is let into the VLAN that this has for such. */
static int put_right_vlans(RouteSocket *home, unsigned int ifindex, const PropertyList *state) {
        _cleanup_(property_list_deinit) PropertyList now = {};
        const char *wanted = property_list_get(state, "PORT_VLANS"), *present;
        int r, k;

        r = read_vlans(home, ifindex, &now);
        if (r < 0)
                return r;
        present = property_list_get(&now, "PORT_VLANS");
        if (streq_ptr(wanted, present))
                return 0;
        r = change_vlans(home, ifindex, RTM_DELLINK, present);
        k = change_vlans(home, ifindex, RTM_SETLINK, wanted);
        return r < 0 ? r : k;
}

static int put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state, const char *name,
                     const char *kind) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *master = NULL;
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(link);
        int r, k;

        r = find_master(home, state, name, kind, &master);
        if (r < 0)
                return r;
        if (rtnl_link_get_master(link) == 0)
                r = enslave(home, link, master);
        else if (rtnl_link_get_master(link) != rtnl_link_get_ifindex(master))
                return 0;
        if (r < 0)
                return r;
        r = interface_attribute_put_right_port(home, ifindex, kind, state);
        k = streq(kind, "bridge") ? put_right_vlans(home, ifindex, state) : 0;
        return r < 0 ? r : k;
}

int interface_port_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        char name[IFNAMSIZ], kind[64];
        int r;

        if (interface_state_number(state, "MASTER") == 0)
                return 0;
        r = string_from_component(property_list_get(state, "MASTER_NAME") ?: "", name, sizeof(name));
        if (r >= 0)
                r = string_from_component(property_list_get(state, "MASTER_KIND") ?: "", kind, sizeof(kind));
        if (r < 0)
                return -EBADMSG;
        r = put_right(home, link, state, name, kind);
        if (r >= 0 || route_error_passes(r))
                return r;
        log_full(LOG_WARNING, r, NULL, "%s is back on the host, but is not a port of %s as before: %m",
                 rtnl_link_get_name(link), name);
        return 0;
}
