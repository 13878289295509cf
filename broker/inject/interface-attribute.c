/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A link's attributes, as bytes.
 *
 * The root of a network namespace may set those of the link and of its kind (Linux, net/core/rtnetlink.c,
 * do_setlink()), and they stay with the interface when it goes to another one. Those of a port are forgotten
 * when it goes.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "inject/interface-attribute.h"
#include "util/string.h"

/* Of links of all kinds. */
static const struct {
        const char *key;
        uint16_t type;
        const char *kind; /* NULL: of all; else it is a state with others */
} attributes[] = {
        {"LINK_BROADCAST", IFLA_BROADCAST, NULL},       {"LINK_CARRIER", IFLA_CARRIER, "dummy"},
        {"LINK_GRO_MAX_SIZE", IFLA_GRO_MAX_SIZE, NULL}, {"LINK_GSO_MAX_SEGS", IFLA_GSO_MAX_SEGS, NULL},
        {"LINK_GSO_MAX_SIZE", IFLA_GSO_MAX_SIZE, NULL}, {"LINK_MODE", IFLA_LINKMODE, NULL},
        {"LINK_PROTO_DOWN", IFLA_PROTO_DOWN, NULL},
};

/* The settings among what a kind tells of itself, or of a port; the rest is states. */
static const uint16_t ipvlan_settings[] = {IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS};
static const uint16_t macvlan_settings[] = {IFLA_MACVLAN_MODE, IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_BC_QUEUE_LEN};
static const uint16_t bond_port_settings[] = {IFLA_BOND_SLAVE_QUEUE_ID, IFLA_BOND_SLAVE_PRIO};
static const uint16_t bridge_port_settings[] = {
        IFLA_BRPORT_PRIORITY,
        IFLA_BRPORT_COST,
        IFLA_BRPORT_MODE,
        IFLA_BRPORT_GUARD,
        IFLA_BRPORT_PROTECT,
        IFLA_BRPORT_FAST_LEAVE,
        IFLA_BRPORT_LEARNING,
        IFLA_BRPORT_UNICAST_FLOOD,
        IFLA_BRPORT_PROXYARP,
        IFLA_BRPORT_PROXYARP_WIFI,
        IFLA_BRPORT_MULTICAST_ROUTER,
        IFLA_BRPORT_MCAST_FLOOD,
        IFLA_BRPORT_MCAST_TO_UCAST,
        IFLA_BRPORT_VLAN_TUNNEL,
        IFLA_BRPORT_BCAST_FLOOD,
        IFLA_BRPORT_GROUP_FWD_MASK,
        IFLA_BRPORT_NEIGH_SUPPRESS,
        IFLA_BRPORT_ISOLATED,
        IFLA_BRPORT_BACKUP_PORT,
        IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT,
        IFLA_BRPORT_LOCKED,
};

typedef struct KindSettings {
        const char *kind;
        const uint16_t *types;
        size_t n_types;
} KindSettings;

#define SETTINGS(kind, types) \
        { kind, types, ELEMENTSOF(types) }

static const KindSettings own_settings[] = {
        SETTINGS("ipvlan", ipvlan_settings),
        SETTINGS("ipvtap", ipvlan_settings),
        SETTINGS("macvlan", macvlan_settings),
        SETTINGS("macvtap", macvlan_settings),
};
static const KindSettings port_settings[] = {
        SETTINGS("bond", bond_port_settings),
        SETTINGS("bridge", bridge_port_settings),
};

/* One of the two places where a message about a link has the settings of a kind. */
typedef struct Place {
        const KindSettings *kinds;
        size_t n_kinds;
        const char *key;
        uint16_t kind_type, data_type;
} Place;

static const Place own_place = {
        .kinds = own_settings,
        .n_kinds = ELEMENTSOF(own_settings),
        .key = "INFO",
        .kind_type = IFLA_INFO_KIND,
        .data_type = IFLA_INFO_DATA,
};
static const Place port_place = {
        .kinds = port_settings,
        .n_kinds = ELEMENTSOF(port_settings),
        .key = "PORT",
        .kind_type = IFLA_INFO_SLAVE_KIND,
        .data_type = IFLA_INFO_SLAVE_DATA,
};

static const KindSettings *find_settings(const Place *place, const char *kind) {
        for (size_t i = 0; kind && i < place->n_kinds; i++)
                if (streq(place->kinds[i].kind, kind))
                        return &place->kinds[i];
        return NULL;
}

#define SETTING_KEY_SIZE 32

static const char *setting_key(const Place *place, uint16_t type, char key[SETTING_KEY_SIZE]) {
        snprintf(key, SETTING_KEY_SIZE, "%s_%u", place->key, type);
        return key;
}

typedef struct Reader {
        const Place *place; /* NULL: attributes of the link */
        const char *kind;
        PropertyList *list;
        int error;
} Reader;

static void note(Reader *reader, const char *key, const struct nlattr *attribute) {
        _cleanup_free_ char *hex = NULL;

        if (!attribute || nla_len(attribute) == 0 || reader->error < 0)
                return;
        reader->error = string_to_hex(nla_data(attribute), (size_t)nla_len(attribute), &hex);
        if (reader->error >= 0)
                reader->error = property_list_set(reader->list, key, hex);
}

static void note_settings(Reader *reader, struct nlmsghdr *header) {
        struct nlattr *info = nlmsg_find_attr(header, sizeof(struct ifinfomsg), IFLA_LINKINFO), *data;
        const KindSettings *settings = find_settings(reader->place, reader->kind);
        char key[SETTING_KEY_SIZE];

        data = info ? nla_find(nla_data(info), nla_len(info), reader->place->data_type) : NULL;
        for (size_t i = 0; data && settings && i < settings->n_types; i++)
                note(reader, setting_key(reader->place, settings->types[i], key),
                     nla_find(nla_data(data), nla_len(data), settings->types[i]));
}

static int take_link(struct nl_msg *message, void *userdata) {
        struct nlmsghdr *header = nlmsg_hdr(message);
        Reader *reader = userdata;

        if (reader->place) {
                note_settings(reader, header);
                return NL_OK;
        }
        for (size_t i = 0; i < ELEMENTSOF(attributes); i++)
                if (!attributes[i].kind || streq_ptr(attributes[i].kind, reader->kind))
                        note(reader, attributes[i].key,
                             nlmsg_find_attr(header, sizeof(struct ifinfomsg), attributes[i].type));
        return NL_OK;
}

static int collect(RouteSocket *socket, const Place *place, unsigned int ifindex, const char *kind,
                   PropertyList *list) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(RTM_GETLINK, /* flags= */ 0, ifindex);
        Reader reader = {.place = place, .kind = kind, .list = list};
        int r;

        if (!message)
                return -ENOMEM;
        r = route_request(socket, message, take_link, &reader);
        return r < 0 ? r : reader.error;
}

int interface_attribute_collect(RouteSocket *socket, unsigned int ifindex, const char *kind,
                                PropertyList *state) {
        int r = collect(socket, /* place= */ NULL, ifindex, kind, state);

        return r < 0 || !find_settings(&own_place, kind) ? r
                                                         : collect(socket, &own_place, ifindex, kind, state);
}

int interface_attribute_collect_port(RouteSocket *socket, unsigned int ifindex, const char *kind,
                                     PropertyList *state) {
        return find_settings(&port_place, kind) ? collect(socket, &port_place, ifindex, kind, state) : 0;
}

static int request_attribute(RouteSocket *home, unsigned int ifindex, uint16_t type, const void *data,
                             size_t size) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(RTM_SETLINK, /* flags= */ 0, ifindex);
        struct nlattr *reasons;

        if (!message)
                return -ENOMEM;
        /* It is not switched off while there are reasons for it. */
        if (type == IFLA_PROTO_DOWN) {
                reasons = nla_nest_start(message, IFLA_PROTO_DOWN_REASON | NLA_F_NESTED);
                if (!reasons || nla_put_u32(message, IFLA_PROTO_DOWN_REASON_VALUE, 0) < 0)
                        return -ENOMEM;
                nla_nest_end(message, reasons);
        }
        if (nla_put(message, type, (int)size, data) < 0)
                return -ENOMEM;
        return route_send(home, TAKE_PTR(message));
}

static int request_setting(RouteSocket *home, const Place *place, unsigned int ifindex, const char *kind,
                           uint16_t type, const void *data, size_t size) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(RTM_NEWLINK, /* flags= */ 0, ifindex);
        struct nlattr *info, *settings;

        info = message ? nla_nest_start(message, IFLA_LINKINFO | NLA_F_NESTED) : NULL;
        if (!info || nla_put_string(message, place->kind_type, kind) < 0)
                return -ENOMEM;
        settings = nla_nest_start(message, place->data_type | NLA_F_NESTED);
        if (!settings || nla_put(message, type, (int)size, data) < 0)
                return -ENOMEM;
        nla_nest_end(message, settings);
        nla_nest_end(message, info);
        return route_send(home, TAKE_PTR(message));
}

/* One that is to be other than it is. Return: 1, with its bytes; 0 it is right, or nothing is known of it;
 * -EBADMSG; -ENOMEM. */
static int is_wrong(const PropertyList *state, const PropertyList *now, const char *key, void **ret_data,
                    size_t *ret_size) {
        const char *wanted = property_list_get(state, key);
        int r;

        if (!wanted || streq_ptr(wanted, property_list_get(now, key)))
                return 0;
        r = string_from_hex(wanted, ret_data, ret_size);
        return r == -EINVAL ? -EBADMSG : r < 0 ? r : 1;
}

/* One at a time: whoever refuses one takes none of the same message. */
static int put_right_settings(RouteSocket *home, const Place *place, unsigned int ifindex, const char *kind,
                              const PropertyList *state) {
        const KindSettings *settings = find_settings(place, kind);
        _cleanup_(property_list_deinit) PropertyList now = {};
        int r;

        if (!settings)
                return 0;
        r = collect(home, place, ifindex, kind, &now);
        if (r < 0)
                return r;
        for (size_t i = 0; i < settings->n_types; i++) {
                uint16_t type = settings->types[i];
                _cleanup_free_ void *data = NULL;
                char key[SETTING_KEY_SIZE];
                size_t size;
                int k = is_wrong(state, &now, setting_key(place, type, key), &data, &size);

                if (k > 0)
                        k = request_setting(home, place, ifindex, kind, type, data, size);
                if (r >= 0 && k < 0)
                        r = k;
        }
        return r;
}

int interface_attribute_put_right(RouteSocket *home, unsigned int ifindex, const char *kind,
                                  const PropertyList *state) {
        _cleanup_(property_list_deinit) PropertyList now = {};
        int r, k;

        r = collect(home, /* place= */ NULL, ifindex, kind, &now);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
                _cleanup_free_ void *data = NULL;
                size_t size;

                k = is_wrong(state, &now, attributes[i].key, &data, &size);
                if (k > 0)
                        k = request_attribute(home, ifindex, attributes[i].type, data, size);
                if (r >= 0 && k < 0)
                        r = k;
        }
        k = put_right_settings(home, &own_place, ifindex, kind, state);
        return r < 0 ? r : k;
}

int interface_attribute_put_right_port(RouteSocket *home, unsigned int ifindex, const char *kind,
                                       const PropertyList *state) {
        return put_right_settings(home, &port_place, ifindex, kind, state);
}
