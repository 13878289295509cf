/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A link's attributes, as bytes.
 *
 * The root of a network namespace may set those of the link and of its kind (Linux, net/core/rtnetlink.c,
 * do_setlink()), and they stay with the interface when it goes to another one. Those of a port are forgotten
 * when it goes.
 */

#include "config.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "inject/interface-attribute.h"
#include "util/log.h"
#include "util/string.h"

/* Newer than the headers of some systems that we build on. */
#define GSO_IPV4_MAX_SIZE 63 /* IFLA_GSO_IPV4_MAX_SIZE, Linux 6.3 */
#define GRO_IPV4_MAX_SIZE 64
#define MACVLAN_BC_CUTOFF 9 /* Linux 6.4 */
#define VLAN_FLAGS_KNOWN                                                                     \
        (VLAN_FLAG_REORDER_HDR | VLAN_FLAG_GVRP | VLAN_FLAG_LOOSE_BINDING | VLAN_FLAG_MVRP | \
         VLAN_FLAG_BRIDGE_BINDING)

/* As <linux/if.h> has them, which <net/if.h> does not bear beside it. */
#define OPERSTATE_TESTING 4
#define OPERSTATE_DORMANT 5
#define OPERSTATE_UP      6

/* What one changes may have changed another one that was right. */
#define ROUNDS 2

/* Of links of all kinds. */
static const struct {
        const char *key;
        uint16_t type;
        const char *kind; /* NULL: of all; else it is a state with others */
} attributes[] = {
        {"LINK_BROADCAST", IFLA_BROADCAST, NULL},
        {"LINK_CARRIER", IFLA_CARRIER, "dummy"},
        {"LINK_GRO_MAX_SIZE", IFLA_GRO_MAX_SIZE, NULL},
        {"LINK_GSO_MAX_SEGS", IFLA_GSO_MAX_SEGS, NULL},
        {"LINK_GSO_MAX_SIZE", IFLA_GSO_MAX_SIZE, NULL},
        {"LINK_GRO_IPV4_MAX_SIZE", GRO_IPV4_MAX_SIZE, NULL},
        {"LINK_GSO_IPV4_MAX_SIZE", GSO_IPV4_MAX_SIZE, NULL},
        {"LINK_MODE", IFLA_LINKMODE, NULL},
        {"LINK_PROTO_DOWN", IFLA_PROTO_DOWN, NULL},
};

#define OPERSTATE_KEY "LINK_OPERSTATE"
#define REASON_KEY    "LINK_PROTO_DOWN_REASON"
#define XDP_KEY       "LINK_XDP"

/* The settings among what a kind tells of itself, or of a port; the rest is states. */
static const uint16_t ipvlan_settings[] = {IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS};
static const uint16_t macvlan_settings[] = {IFLA_MACVLAN_MODE, IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_BC_QUEUE_LEN,
                                            MACVLAN_BC_CUTOFF};
static const uint16_t vlan_settings[] = {IFLA_VLAN_FLAGS};
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
        SETTINGS("ipvlan", ipvlan_settings),   SETTINGS("ipvtap", ipvlan_settings),
        SETTINGS("macvlan", macvlan_settings), SETTINGS("macvtap", macvlan_settings),
        SETTINGS("vlan", vlan_settings),
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

/* What a bridge reckons from a port's speed, and goes on to reckon as long as nobody sets it (Linux,
 * net/bridge/br_if.c, port_cost()). */
static bool is_reckoned(const Place *place, uint16_t type, const struct nlattr *setting) {
        static const uint32_t costs[] = {2, 4, 19, 100};

        for (size_t i = 0; place == &port_place && type == IFLA_BRPORT_COST && i < ELEMENTSOF(costs); i++)
                if (nla_len(setting) == sizeof(uint32_t) && nla_get_u32(setting) == costs[i])
                        return true;
        return false;
}

static void note_settings(Reader *reader, struct nlmsghdr *header) {
        struct nlattr *info = nlmsg_find_attr(header, sizeof(struct ifinfomsg), IFLA_LINKINFO), *data;
        const KindSettings *settings = find_settings(reader->place, reader->kind);
        char key[SETTING_KEY_SIZE];

        data = info ? nla_find(nla_data(info), nla_len(info), reader->place->data_type) : NULL;
        for (size_t i = 0; data && settings && i < settings->n_types; i++) {
                uint16_t type = settings->types[i];
                struct nlattr *setting = nla_find(nla_data(data), nla_len(data), type);

                if (setting && !is_reckoned(reader->place, type, setting))
                        note(reader, setting_key(reader->place, type, key), setting);
        }
}

static struct nlattr *find_within(struct nlmsghdr *header, int outer, int inner) {
        struct nlattr *nest = nlmsg_find_attr(header, sizeof(struct ifinfomsg), outer);

        return nest ? nla_find(nla_data(nest), nla_len(nest), inner) : NULL;
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
        note(reader, OPERSTATE_KEY, nlmsg_find_attr(header, sizeof(struct ifinfomsg), IFLA_OPERSTATE));
        note(reader, REASON_KEY, find_within(header, IFLA_PROTO_DOWN_REASON, IFLA_PROTO_DOWN_REASON_VALUE));
        note(reader, XDP_KEY, find_within(header, IFLA_XDP, IFLA_XDP_PROG_ID));
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

        if (!message || nla_put(message, type, (int)size, data) < 0)
                return -ENOMEM;
        return route_send(home, TAKE_PTR(message));
}

/* The bits of why it is to be down: while there are some, it is. */
static int request_reasons(RouteSocket *home, unsigned int ifindex, uint32_t reasons) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(RTM_SETLINK, /* flags= */ 0, ifindex);
        struct nlattr *nest;

        nest = message ? nla_nest_start(message, IFLA_PROTO_DOWN_REASON | NLA_F_NESTED) : NULL;
        if (!nest || nla_put_u32(message, IFLA_PROTO_DOWN_REASON_VALUE, reasons) < 0)
                return -ENOMEM;
        nla_nest_end(message, nest);
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

/* Return: 0; @r where it may pass. */
static int complain(int r, struct rtnl_link *link, const char *key, bool last) {
        if (r >= 0 || r == -EBADMSG || route_error_passes(r))
                return r;
        if (last)
                log_full(LOG_WARNING, r, NULL, "%s is back on the host without its setting %s: %m",
                         rtnl_link_get_name(link), key);
        return 0;
}

/* The dump's mask has bits that are none. */
static void settle_vlan_flags(void *data, size_t size) {
        struct ifla_vlan_flags *flags = data;

        if (size == sizeof(*flags))
                flags->mask &= VLAN_FLAGS_KNOWN;
}

static int put_right_setting(RouteSocket *home, const Place *place, struct rtnl_link *link, const char *kind,
                             uint16_t type, const PropertyList *state, const PropertyList *now, bool last) {
        _cleanup_free_ void *data = NULL;
        char key[SETTING_KEY_SIZE];
        size_t size;
        int r = is_wrong(state, now, setting_key(place, type, key), &data, &size);

        if (r > 0 && place == &own_place && streq(kind, "vlan"))
                settle_vlan_flags(data, size);
        if (r > 0)
                r = request_setting(home, place, (unsigned int)rtnl_link_get_ifindex(link), kind, type, data,
                                    size);
        return complain(r, link, key, last);
}

/* One at a time: whoever refuses one takes none of the same message. */
static int put_right_settings(RouteSocket *home, const Place *place, struct rtnl_link *link, const char *kind,
                              const PropertyList *state) {
        const KindSettings *settings = find_settings(place, kind);
        int r = 0;

        for (unsigned int round = 1; settings && round <= ROUNDS; round++) {
                _cleanup_(property_list_deinit) PropertyList now = {};

                r = collect(home, place, (unsigned int)rtnl_link_get_ifindex(link), kind, &now);
                for (size_t i = 0; r >= 0 && i < settings->n_types; i++)
                        r = put_right_setting(home, place, link, kind, settings->types[i], state, &now,
                                              round == ROUNDS);
        }
        return r;
}

/* The two go together: it cannot be switched off while there are reasons for it. */
static int put_right_reasons(RouteSocket *home, struct rtnl_link *link, const PropertyList *state,
                             const PropertyList *now, bool last) {
        const char *saved = property_list_get(state, REASON_KEY);
        _cleanup_free_ void *data = NULL;
        uint32_t reasons = 0;
        size_t size;
        int r;

        if (!property_list_get(state, "LINK_PROTO_DOWN") ||
            streq_ptr(saved, property_list_get(now, REASON_KEY)))
                return 0;
        if (saved) {
                r = string_from_hex(saved, &data, &size);
                if (r < 0 || size != sizeof(reasons))
                        return r == -ENOMEM ? r : -EBADMSG;
                memcpy(&reasons, data, sizeof(reasons));
        }
        r = request_reasons(home, (unsigned int)rtnl_link_get_ifindex(link), reasons);
        return complain(r, link, REASON_KEY, last);
}

static int put_right_attributes(RouteSocket *home, struct rtnl_link *link, const char *kind,
                                const PropertyList *state, bool last) {
        _cleanup_(property_list_deinit) PropertyList now = {};
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(link);
        int r;

        r = collect(home, /* place= */ NULL, ifindex, kind, &now);
        if (r >= 0)
                r = put_right_reasons(home, link, state, &now, last);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(attributes); i++) {
                _cleanup_free_ void *data = NULL;
                size_t size;

                r = is_wrong(state, &now, attributes[i].key, &data, &size);
                if (r > 0)
                        r = request_attribute(home, ifindex, attributes[i].type, data, size);
                r = complain(r, link, attributes[i].key, last);
        }
        /* Its owner alone could put it back. */
        if (last && property_list_get(state, XDP_KEY) &&
            !streq_ptr(property_list_get(state, XDP_KEY), property_list_get(&now, XDP_KEY)))
                log_warning("%s is back on the host without its XDP program", rtnl_link_get_name(link));
        return r;
}

int interface_attribute_put_right(RouteSocket *home, struct rtnl_link *link, const char *kind,
                                  const PropertyList *state) {
        int r = 0;

        for (unsigned int round = 1; round <= ROUNDS && r >= 0; round++)
                r = put_right_attributes(home, link, kind, state, round == ROUNDS);
        return r < 0 ? r : put_right_settings(home, &own_place, link, kind, state);
}

int interface_attribute_put_right_port(RouteSocket *home, struct rtnl_link *link, const char *kind,
                                       const PropertyList *state) {
        return put_right_settings(home, &port_place, link, kind, state);
}

static bool is_asleep(const PropertyList *list) {
        static const uint8_t states[] = {OPERSTATE_DORMANT, OPERSTATE_TESTING};
        const char *text = property_list_get(list, OPERSTATE_KEY);

        for (size_t i = 0; text && i < ELEMENTSOF(states); i++) {
                char state[3];

                snprintf(state, sizeof(state), "%02x", states[i]);
                if (streq(text, state))
                        return true;
        }
        return false;
}

int interface_attribute_wake(RouteSocket *home, unsigned int ifindex, const PropertyList *state) {
        _cleanup_(property_list_deinit) PropertyList now = {};
        uint8_t up = OPERSTATE_UP;
        int r;

        if (!property_list_get(state, OPERSTATE_KEY) || is_asleep(state))
                return 0;
        r = collect(home, /* place= */ NULL, ifindex, /* kind= */ NULL, &now);
        return r < 0 || !is_asleep(&now) ? r
                                         : request_attribute(home, ifindex, IFLA_OPERSTATE, &up, sizeof(up));
}
