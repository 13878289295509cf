/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Ports of bridges, bonds and the like.
 *
 * An interface that leaves its namespace is nobody's port any more, and what was set for it as a port is
 * forgotten. A master is known again by index and kind, or, as a network manager makes it anew, by name and
 * kind.
 */

#include "config.h"

#include <errno.h>
#include <linux/if_bridge.h>
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

/* Among the bridge's own words of its port are those of the port's driver, about a switch of its own. */
static int take_vlans(struct nl_msg *message, void *userdata) {
        const struct ifinfomsg *header = nlmsg_data(nlmsg_hdr(message));
        Reader *reader = userdata;
        _cleanup_(nlmsg_freep) struct nl_msg *kept = NULL;
        _cleanup_free_ char *hex = NULL;
        struct nlattr *all, *one;
        int left;

        all = nlmsg_find_attr(nlmsg_hdr(message), sizeof(*header), IFLA_AF_SPEC);
        if ((unsigned int)header->ifi_index != reader->ifindex || !all || reader->error < 0)
                return NL_OK;
        one = nla_find(nla_data(all), nla_len(all), IFLA_BRIDGE_FLAGS);
        if (one && (nla_get_u16(one) & BRIDGE_FLAGS_SELF))
                return NL_OK;
        kept = nlmsg_alloc_size((size_t)nla_len(all) + NLMSG_HDRLEN + NLA_ALIGNTO);
        if (!kept || !nlmsg_put(kept, NL_AUTO_PORT, NL_AUTO_SEQ, RTM_SETLINK, 0, 0)) {
                reader->error = -ENOMEM;
                return NL_OK;
        }
        nla_for_each_nested(one, all, left) if ((nla_type(one) == IFLA_BRIDGE_VLAN_INFO ||
                                                 nla_type(one) == IFLA_BRIDGE_VLAN_TUNNEL_INFO) &&
                                                nla_put(kept, one->nla_type, nla_len(one), nla_data(one)) < 0)
                reader->error = -ENOMEM;
        if (reader->error < 0 || nlmsg_datalen(nlmsg_hdr(kept)) == 0)
                return NL_OK;
        reader->error =
                string_to_hex(nlmsg_data(nlmsg_hdr(kept)), (size_t)nlmsg_datalen(nlmsg_hdr(kept)), &hex);
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
        const char *mac = property_list_get(state, "MAC"), *own = property_list_get(state, "PORT_MAC");
        unsigned int master = (unsigned int)rtnl_link_get_master(link);

        if (!own || master == interface_state_number(state, "MASTER"))
                return mac;
        return master == 0 ? own : NULL;
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

static int enslave(RouteSocket *home, struct rtnl_link *link, struct rtnl_link *master, const char *kind) {
        bool down = streq(kind, "bond") || streq(kind, "team");
        int r = down ? link_set_flags(home, link, 0, IFF_UP) : 0;

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

/* What @r is about is told once, and is no reason to keep the rest from coming back. Return: 0; @r where it
 * may pass. */
static int complain(int r, struct rtnl_link *link, const char *what, const char *name) {
        if (r >= 0 || r == -EBADMSG || route_error_passes(r))
                return r;
        log_full(LOG_WARNING, r, NULL, "%s is back on the host, but %s %s as before: %m",
                 rtnl_link_get_name(link), what, name);
        return 0;
}

/* What is set for it as a port of @master. */
static int put_right_port(RouteSocket *home, struct rtnl_link *link, const PropertyList *state,
                          const char *name, const char *kind) {
        int r = interface_attribute_put_right_port(home, link, kind, state), k = 0;

        if (streq(kind, "bridge"))
                k = complain(put_right_vlans(home, (unsigned int)rtnl_link_get_ifindex(link), state), link,
                             "not in the VLANs of", name);
        return r < 0 ? r : k;
}

int interface_port_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *master = NULL;
        char name[IFNAMSIZ], kind[64];
        int r;

        if (interface_state_number(state, "MASTER") == 0)
                return 0;
        if (string_from_component(property_list_get(state, "MASTER_NAME") ?: "", name, sizeof(name)) < 0 ||
            string_from_component(property_list_get(state, "MASTER_KIND") ?: "", kind, sizeof(kind)) < 0)
                return -EBADMSG;
        r = find_master(home, state, name, kind, &master);
        if (r >= 0 && rtnl_link_get_master(link) == 0)
                r = enslave(home, link, master, kind);
        else if (r >= 0 && rtnl_link_get_master(link) != rtnl_link_get_ifindex(master))
                return 0;
        if (r >= 0)
                return put_right_port(home, link, state, name, kind);
        if (r == -EBUSY)
                return 1;
        return complain(r, link, "not a port of", name);
}
