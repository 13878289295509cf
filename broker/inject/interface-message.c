/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Addresses, routes and queueing as the kernel's messages.
 *
 * The kernel takes in the form in which it tells, which `ip route save` and `ip route restore` build on, too:
 * encapsulations, metrics and whatever else comes some day are kept without being looked into. What is left
 * out are states, and what is told alone.
 *
 * Kept is what somebody set for good. The kernel makes its own routes anew by itself, and who has his from
 * router advertisements, a DHCP server or a routing protocol has them from there again.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/object.h>
#include <stdio.h>
#include <string.h>

#include "inject/interface-message.h"
#include "util/string.h"

static const struct {
        const char *key, *noun;
        int family;
        int get, new;
        int flags; /* of the new one, which is to take nobody's place */
        size_t header_size;
} kinds[MESSAGE_KIND_MAX] = {
        [MESSAGE_ADDRESS] = {"ADDR", "address", AF_UNSPEC, RTM_GETADDR, RTM_NEWADDR, NLM_F_EXCL,
                             sizeof(struct ifaddrmsg)},
        [MESSAGE_NEXT_HOP] = {"NEXTHOP", "next hop", AF_UNSPEC, RTM_GETNEXTHOP, RTM_NEWNEXTHOP, NLM_F_EXCL,
                              sizeof(struct nhmsg)},
        /* To one place there may be several: the first is used. */
        [MESSAGE_ROUTE] = {"ROUTE", "route", AF_INET, RTM_GETROUTE, RTM_NEWROUTE, NLM_F_APPEND,
                           sizeof(struct rtmsg)},
        [MESSAGE_ROUTE6] = {"ROUTE6", "route", AF_INET6, RTM_GETROUTE, RTM_NEWROUTE, NLM_F_EXCL,
                            sizeof(struct rtmsg)},
        [MESSAGE_SHARED_ROUTE6] = {"SHARED6", "route", AF_INET6, RTM_GETROUTE, RTM_NEWROUTE, NLM_F_APPEND,
                                   sizeof(struct rtmsg)},
        [MESSAGE_NEIGHBOUR] = {"NEIGHBOUR", "neighbour", AF_UNSPEC, RTM_GETNEIGH, RTM_NEWNEIGH, NLM_F_EXCL,
                               sizeof(struct ndmsg)},
        [MESSAGE_PROXY] = {"PROXY", "proxied neighbour", AF_UNSPEC, RTM_GETNEIGH, RTM_NEWNEIGH, NLM_F_EXCL,
                           sizeof(struct ndmsg)},
        [MESSAGE_FDB] = {"FDB", "bridge's entry", AF_BRIDGE, RTM_GETNEIGH, RTM_NEWNEIGH, NLM_F_EXCL,
                         sizeof(struct ndmsg)},
        [MESSAGE_QDISC] = {"QDISC", "queueing discipline", AF_UNSPEC, RTM_GETQDISC, RTM_NEWQDISC, NLM_F_EXCL,
                           sizeof(struct tcmsg)},
        [MESSAGE_CLASS] = {"CLASS", "queueing class", AF_UNSPEC, RTM_GETTCLASS, RTM_NEWTCLASS, NLM_F_EXCL,
                           sizeof(struct tcmsg)},
};

/* Any of the kernel's headers; all of them begin with the family. */
typedef union Header {
        unsigned char family;
        struct ifaddrmsg address;
        struct rtmsg route;
        struct nhmsg next_hop;
        struct ndmsg neighbour;
        struct tcmsg queue;
} Header;

#define ADDRESS_FLAGS \
        (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
#define HOP_FLAGS (RTNH_F_ONLINK | RTNH_F_PERVASIVE)

const char *message_kind_key(MessageKind kind) {
        return kinds[kind].key;
}

static bool is_route(MessageKind kind) {
        return kinds[kind].new == RTM_NEWROUTE;
}

static struct nlattr *find(const struct nlmsghdr *header, MessageKind kind, int type) {
        return nlmsg_find_attr((struct nlmsghdr *)header, (int)kinds[kind].header_size, type);
}

/* Return: the attribute's number; 0 it has none. */
static uint32_t number_of(const struct nlmsghdr *header, MessageKind kind, int type) {
        const struct nlattr *attribute = find(header, kind, type);

        return attribute && nla_len(attribute) == sizeof(uint32_t) ? nla_get_u32(attribute) : 0;
}

struct nl_msg *message_request(MessageKind kind, unsigned int ifindex, bool *ret_strict) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(kinds[kind].get, NLM_F_DUMP);
        Header h;

        memset(&h, 0, sizeof(h));
        h.family = (unsigned char)kinds[kind].family;
        if (kind == MESSAGE_CLASS)
                h.queue.tcm_ifindex = (int)ifindex;
        else if (kind == MESSAGE_PROXY)
                h.neighbour.ndm_flags = NTF_PROXY;
        if (!message || nlmsg_append(message, &h, kinds[kind].header_size, NLMSG_ALIGNTO) < 0)
                return NULL;
        /* On a host with a full table of the internet's routes the kernel picks ours faster than we do. */
        *ret_strict = is_route(kind);
        if (*ret_strict && nla_put_u32(message, RTA_OIF, ifindex) < 0)
                return NULL;
        return TAKE_PTR(message);
}

/* ---- what is kept */

/* One of a route's several next hops behind @at, the first for NULL; NULL at the end. */
static struct rtnexthop *next_hop(struct nlattr *hops, struct rtnexthop *at) {
        unsigned char *end = (unsigned char *)nla_data(hops) + nla_len(hops);
        unsigned char *p = at ? (unsigned char *)at + RTNH_ALIGN(at->rtnh_len) : nla_data(hops);

        if (p + sizeof(*at) > end || ((struct rtnexthop *)p)->rtnh_len < sizeof(*at) ||
            p + ((struct rtnexthop *)p)->rtnh_len > end)
                return NULL;
        return (struct rtnexthop *)p;
}

/* How many next hops are through the interface; *ret_others: and through others. */
static unsigned int count_hops(const struct nlmsghdr *header, MessageKind kind, unsigned int ifindex,
                               unsigned int *ret_others) {
        struct nlattr *hops = find(header, kind, RTA_MULTIPATH);
        unsigned int n = number_of(header, kind, RTA_OIF) == ifindex;

        *ret_others = 0;
        for (struct rtnexthop *hop = hops ? next_hop(hops, NULL) : NULL; hop; hop = next_hop(hops, hop))
                if ((unsigned int)hop->rtnh_ifindex == ifindex)
                        n++;
                else
                        *ret_others += 1;
        return n;
}

static bool is_lasting_protocol(unsigned int protocol) {
        return protocol == RTPROT_UNSPEC || protocol == RTPROT_BOOT || protocol == RTPROT_STATIC;
}

static bool route_lasts(const struct nlmsghdr *header, MessageKind kind, bool own_prefixes) {
        const struct rtmsg *route = nlmsg_data(header);
        const struct nlattr *cache = find(header, kind, RTA_CACHEINFO);

        if ((route->rtm_flags & RTM_F_CLONED) ||
            (cache && nla_len(cache) >= (int)sizeof(struct rta_cacheinfo) &&
             ((struct rta_cacheinfo *)nla_data(cache))->rta_expires != 0))
                return false;
        return is_lasting_protocol(route->rtm_protocol) ||
               (own_prefixes && route->rtm_protocol == RTPROT_KERNEL && route->rtm_type == RTN_UNICAST &&
                number_of(header, kind, RTA_TABLE) != RT_TABLE_LOCAL);
}

/* The kernel makes link-local ones, router advertisements and DHCP clients those with a lifetime. */
static bool address_lasts(const struct nlmsghdr *header) {
        const struct ifaddrmsg *address = nlmsg_data(header);
        uint32_t flags = number_of(header, MESSAGE_ADDRESS, IFA_FLAGS) ?: address->ifa_flags;

        if (!(flags & IFA_F_PERMANENT))
                return false;
        return address->ifa_family == AF_INET ||
               (address->ifa_family == AF_INET6 && address->ifa_scope != RT_SCOPE_LINK);
}

/* The classes that somebody made; those of other disciplines come with these. */
static bool class_was_made(const struct nlmsghdr *header) {
        static const char *const made[] = {"drr", "hfsc", "htb", "qfq"};
        const struct nlattr *kind = find(header, MESSAGE_CLASS, TCA_KIND);

        for (size_t i = 0; kind && i < ELEMENTSOF(made); i++)
                if (streq(nla_get_string(kind), made[i]))
                        return true;
        return false;
}

bool message_is_kept(MessageKind kind, const struct nlmsghdr *header, unsigned int ifindex,
                     bool own_prefixes) {
        const Header *h = nlmsg_data(header);
        unsigned int others;

        if (!nlmsg_valid_hdr(header, (int)kinds[kind].header_size) || header->nlmsg_type != kinds[kind].new)
                return false;
        switch (kind) {
        case MESSAGE_ADDRESS:
                return h->address.ifa_index == ifindex && address_lasts(header);
        case MESSAGE_NEXT_HOP:
                return number_of(header, kind, NHA_OIF) == ifindex &&
                       is_lasting_protocol(h->next_hop.nh_protocol);
        case MESSAGE_ROUTE:
                return count_hops(header, kind, ifindex, &others) > 0 &&
                       route_lasts(header, kind, own_prefixes);
        case MESSAGE_ROUTE6:
                return count_hops(header, kind, ifindex, &others) > 0 && others == 0 &&
                       route_lasts(header, kind, own_prefixes);
        case MESSAGE_SHARED_ROUTE6:
                return count_hops(header, kind, ifindex, &others) > 0 && others > 0 &&
                       route_lasts(header, kind, own_prefixes);
        case MESSAGE_NEIGHBOUR:
                return (unsigned int)h->neighbour.ndm_ifindex == ifindex &&
                       (h->neighbour.ndm_state & NUD_PERMANENT);
        case MESSAGE_PROXY:
                return (unsigned int)h->neighbour.ndm_ifindex == ifindex &&
                       (h->neighbour.ndm_flags & NTF_PROXY);
        case MESSAGE_FDB:
                return (unsigned int)h->neighbour.ndm_ifindex == ifindex && find(header, kind, NDA_MASTER) &&
                       (h->neighbour.ndm_state & (NUD_NOARP | NUD_PERMANENT)) &&
                       !(h->neighbour.ndm_flags & NTF_EXT_LEARNED);
        case MESSAGE_QDISC:
                /* One by default has no handle. */
                return (unsigned int)h->queue.tcm_ifindex == ifindex && h->queue.tcm_handle != 0;
        case MESSAGE_CLASS:
                return (unsigned int)h->queue.tcm_ifindex == ifindex && class_was_made(header);
        case MESSAGE_KIND_MAX:
                break;
        }
        return false;
}

/* ---- and in which form */

/* Flags that are states are refused. */
static void settle_header(Header *h, MessageKind kind) {
        switch (kind) {
        case MESSAGE_ADDRESS:
                h->address.ifa_flags = 0; /* all of them are in the attribute */
                break;
        case MESSAGE_NEXT_HOP:
                h->next_hop.nh_scope = 0;
                h->next_hop.nh_flags &= RTNH_F_ONLINK;
                break;
        case MESSAGE_ROUTE:
        case MESSAGE_ROUTE6:
        case MESSAGE_SHARED_ROUTE6:
                h->route.rtm_flags &= HOP_FLAGS;
                break;
        case MESSAGE_FDB:
                h->neighbour.ndm_flags |= NTF_MASTER;
                break;
        case MESSAGE_QDISC:
                h->queue.tcm_info = 0;
                break;
        case MESSAGE_NEIGHBOUR:
        case MESSAGE_PROXY:
        case MESSAGE_CLASS:
        case MESSAGE_KIND_MAX:
                break;
        }
}

/* The discipline tells its version in full and takes the first half (Linux, net/sched/sch_htb.c, HTB_VER);
 * a counter is among its options. */
static void settle_htb(struct nlmsghdr *header) {
        struct nlattr *options = find(header, MESSAGE_QDISC, TCA_OPTIONS), *kind, *init;
        struct tc_htb_glob *global;

        kind = find(header, MESSAGE_QDISC, TCA_KIND);
        if (!kind || !options || !streq(nla_get_string(kind), "htb"))
                return;
        init = nla_find(nla_data(options), nla_len(options), TCA_HTB_INIT);
        if (!init || nla_len(init) < (int)sizeof(*global))
                return;
        global = nla_data(init);
        if (global->version >> 16)
                global->version >>= 16;
        global->direct_pkts = 0;
}

/* Attributes that the kernel tells and does not take. @by_number: a route's next hop is told by number, and
 * once more in full. */
static bool is_told_alone(MessageKind kind, int type, bool by_number) {
        switch (kind) {
        case MESSAGE_ADDRESS:
                return type == IFA_CACHEINFO;
        case MESSAGE_ROUTE:
        case MESSAGE_ROUTE6:
        case MESSAGE_SHARED_ROUTE6:
                return type == RTA_CACHEINFO ||
                       (by_number && (type == RTA_OIF || type == RTA_GATEWAY || type == RTA_VIA ||
                                      type == RTA_MULTIPATH || type == RTA_ENCAP || type == RTA_ENCAP_TYPE));
        case MESSAGE_NEIGHBOUR:
        case MESSAGE_PROXY:
        case MESSAGE_FDB:
                return type == NDA_CACHEINFO || type == NDA_PROBES || type == NDA_MASTER;
        case MESSAGE_QDISC:
        case MESSAGE_CLASS:
                return type == TCA_STATS || type == TCA_STATS2 || type == TCA_XSTATS ||
                       type == TCA_HW_OFFLOAD;
        case MESSAGE_NEXT_HOP:
        case MESSAGE_KIND_MAX:
                break;
        }
        return false;
}

/* Takes the states off the next hops of @attribute and, where others keep theirs, all but ours. */
static int put_hops(struct nl_msg *message, struct nlattr *attribute, bool ours_alone, unsigned int ifindex) {
        struct nlattr *nest = nla_nest_start(message, RTA_MULTIPATH);

        if (!nest)
                return -ENOMEM;
        for (struct rtnexthop *hop = next_hop(attribute, NULL); hop; hop = next_hop(attribute, hop)) {
                if (ours_alone && (unsigned int)hop->rtnh_ifindex != ifindex)
                        continue;
                hop->rtnh_flags &= HOP_FLAGS;
                if (nlmsg_append(message, hop, hop->rtnh_len, RTNH_ALIGNTO) < 0)
                        return -ENOMEM;
        }
        nla_nest_end(message, nest);
        return 0;
}

static int put_attribute(struct nl_msg *message, MessageKind kind, struct nlattr *attribute,
                         unsigned int ifindex) {
        int type = nla_type(attribute);

        if (is_route(kind) && type == RTA_MULTIPATH)
                return put_hops(message, attribute, kind == MESSAGE_SHARED_ROUTE6, ifindex);
        if (kind == MESSAGE_ADDRESS && type == IFA_FLAGS && nla_len(attribute) == sizeof(uint32_t))
                return nla_put_u32(message, type, nla_get_u32(attribute) & ADDRESS_FLAGS);
        /* Here the kernel wants a flag that it does not tell. */
        if (kind == MESSAGE_NEXT_HOP && type == NHA_ENCAP)
                type |= NLA_F_NESTED;
        else
                type = attribute->nla_type;
        return nla_put(message, type, nla_len(attribute), nla_data(attribute));
}

int message_to_text(MessageKind kind, const struct nlmsghdr *header, unsigned int ifindex, char **ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *kept = nlmsg_alloc_size(NLMSG_HDRLEN + header->nlmsg_len + 256);
        size_t header_size = kinds[kind].header_size;
        bool by_number = is_route(kind) && find(header, kind, RTA_NH_ID);
        struct nlattr *attribute;
        Header h;
        int left;

        memset(&h, 0, sizeof(h));
        memcpy(&h, nlmsg_data(header), header_size);
        settle_header(&h, kind);
        if (!kept || !nlmsg_put(kept, NL_AUTO_PORT, NL_AUTO_SEQ, kinds[kind].new, 0, 0) ||
            nlmsg_append(kept, &h, header_size, NLMSG_ALIGNTO) < 0)
                return -ENOMEM;
        nlmsg_for_each_attr(attribute, (struct nlmsghdr *)header, (int)header_size,
                            left) if (!is_told_alone(kind, nla_type(attribute), by_number) &&
                                      put_attribute(kept, kind, attribute, ifindex) < 0) return -ENOMEM;
        if (kind == MESSAGE_QDISC)
                settle_htb(nlmsg_hdr(kept));
        return string_to_hex(nlmsg_data(nlmsg_hdr(kept)), (size_t)nlmsg_datalen(nlmsg_hdr(kept)), ret);
}

/* ---- and back */

static void renumber(struct nlattr *attribute, unsigned int from, unsigned int to) {
        if (attribute && nla_len(attribute) == sizeof(uint32_t) && nla_get_u32(attribute) == from)
                memcpy(nla_data(attribute), &to, sizeof(uint32_t));
}

/* The interface may have another index by now. */
static void set_ifindex(struct nlmsghdr *header, MessageKind kind, unsigned int from, unsigned int to) {
        Header *h = nlmsg_data(header);
        struct nlattr *hops;

        switch (kind) {
        case MESSAGE_ADDRESS:
                h->address.ifa_index = to;
                break;
        case MESSAGE_NEXT_HOP:
                renumber(find(header, kind, NHA_OIF), from, to);
                break;
        case MESSAGE_ROUTE:
        case MESSAGE_ROUTE6:
        case MESSAGE_SHARED_ROUTE6:
                renumber(find(header, kind, RTA_OIF), from, to);
                hops = find(header, kind, RTA_MULTIPATH);
                for (struct rtnexthop *hop = hops ? next_hop(hops, NULL) : NULL; hop;
                     hop = next_hop(hops, hop))
                        if ((unsigned int)hop->rtnh_ifindex == from)
                                hop->rtnh_ifindex = (int)to;
                break;
        case MESSAGE_NEIGHBOUR:
        case MESSAGE_PROXY:
        case MESSAGE_FDB:
                h->neighbour.ndm_ifindex = (int)to;
                break;
        case MESSAGE_QDISC:
        case MESSAGE_CLASS:
                h->queue.tcm_ifindex = (int)to;
                break;
        case MESSAGE_KIND_MAX:
                break;
        }
}

int message_from_text(MessageKind kind, const char *text, unsigned int from, unsigned int to,
                      struct nl_msg **ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;
        _cleanup_free_ void *data = NULL;
        struct nlmsghdr *header;
        size_t size;
        int r;

        r = string_from_hex(text, &data, &size);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        if (size < kinds[kind].header_size)
                return -EBADMSG;
        message = nlmsg_alloc_size(NLMSG_HDRLEN + size + NLMSG_ALIGNTO);
        header = message ? nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, kinds[kind].new, 0,
                                     NLM_F_CREATE | kinds[kind].flags)
                         : NULL;
        if (!header || nlmsg_append(message, data, size, NLMSG_ALIGNTO) < 0)
                return -ENOMEM;
        set_ifindex(header, kind, from, to);
        *ret = TAKE_PTR(message);
        return 0;
}

/* ---- how two of them go together */

static bool same_attribute(const struct nlmsghdr *a, MessageKind kind, const struct nlmsghdr *b,
                           MessageKind other_kind, int type) {
        const struct nlattr *x = find(a, kind, type), *y = find(b, other_kind, type);

        if (!x || !y)
                return !x && !y;
        return nla_len(x) == nla_len(y) && memcmp(nla_data(x), nla_data(y), (size_t)nla_len(x)) == 0;
}

bool message_is_beside(MessageKind kind, const struct nl_msg *message, MessageKind other_kind,
                       const struct nl_msg *other) {
        static const int types[] = {RTA_DST, RTA_TABLE, RTA_PRIORITY};
        const struct nlmsghdr *a = nlmsg_hdr((struct nl_msg *)message),
                              *b = nlmsg_hdr((struct nl_msg *)other);
        const struct rtmsg *x = nlmsg_data(a), *y = nlmsg_data(b);

        if (!is_route(kind) || !is_route(other_kind) || x->rtm_family != y->rtm_family ||
            x->rtm_dst_len != y->rtm_dst_len || x->rtm_tos != y->rtm_tos)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (!same_attribute(a, kind, b, other_kind, types[i]))
                        return false;
        return true;
}

bool message_needs(MessageKind kind, const struct nl_msg *message, MessageKind other_kind,
                   const struct nl_msg *other) {
        uint32_t id;

        if (!is_route(kind) || other_kind != MESSAGE_NEXT_HOP)
                return false;
        id = number_of(nlmsg_hdr((struct nl_msg *)message), kind, RTA_NH_ID);
        return id > 0 && id == number_of(nlmsg_hdr((struct nl_msg *)other), other_kind, NHA_ID);
}

bool message_is_alone(MessageKind kind, const struct nl_msg *message) {
        const struct rtmsg *route = nlmsg_data(nlmsg_hdr((struct nl_msg *)message));

        return kind == MESSAGE_NEXT_HOP || (kind == MESSAGE_ROUTE6 && route->rtm_protocol != RTPROT_KERNEL);
}

bool message_has_own_prefix(const struct nl_msg *message) {
        return number_of(nlmsg_hdr((struct nl_msg *)message), MESSAGE_ADDRESS, IFA_FLAGS) &
               IFA_F_NOPREFIXROUTE;
}

void message_append(struct nl_msg *message) {
        struct nlmsghdr *header = nlmsg_hdr(message);

        header->nlmsg_flags = (uint16_t)((header->nlmsg_flags & ~NLM_F_EXCL) | NLM_F_APPEND);
}

bool message_has_source(MessageKind kind, const struct nl_msg *message) {
        return is_route(kind) && find(nlmsg_hdr((struct nl_msg *)message), kind, RTA_PREFSRC);
}

void message_make_optimistic(MessageKind kind, struct nl_msg *message) {
        const struct ifaddrmsg *address = nlmsg_data(nlmsg_hdr(message));
        struct nlattr *attribute = find(nlmsg_hdr(message), kind, IFA_FLAGS);
        uint32_t flags;

        if (kind != MESSAGE_ADDRESS || address->ifa_family != AF_INET6 || !attribute ||
            nla_len(attribute) != sizeof(flags))
                return;
        flags = nla_get_u32(attribute);
        if (flags & IFA_F_NODAD)
                return;
        flags |= IFA_F_OPTIMISTIC;
        memcpy(nla_data(attribute), &flags, sizeof(flags));
}

typedef struct Description {
        char *buffer;
        size_t size;
} Description;

static void describe(struct nl_object *object, void *userdata) {
        Description *description = userdata;

        nl_object_dump_buf(object, description->buffer, description->size);
        description->buffer[strcspn(description->buffer, "\n")] = '\0';
}

static void describe_route(MessageKind kind, const struct nlmsghdr *header, const Description *description) {
        const struct rtmsg *route = nlmsg_data(header);
        struct nlattr *destination = find(header, kind, RTA_DST);
        size_t size = route->rtm_family == AF_INET ? 4 : 16;
        _cleanup_(nl_addr_putp) struct nl_addr *address = NULL;
        char text[64] = "default";

        if (destination && nla_len(destination) == (int)size)
                address = nl_addr_build(route->rtm_family, nla_data(destination), size);
        if (address) {
                nl_addr_set_prefixlen(address, route->rtm_dst_len);
                nl_addr2str(address, text, sizeof(text));
        }
        snprintf(description->buffer, description->size, "to %s in table %u", text,
                 number_of(header, kind, RTA_TABLE) ?: route->rtm_table);
}

void message_describe(MessageKind kind, struct nl_msg *message, char *buffer, size_t size) {
        int n = snprintf(buffer, size, "%s ", kinds[kind].noun);
        Description rest = {buffer + n, size - (size_t)n};

        assert(n > 0 && (size_t)n < size);

        /* libnl knows nothing of next hops, and not of the routes that have one by its number. */
        if (kind == MESSAGE_NEXT_HOP)
                snprintf(rest.buffer, rest.size, "id %u", number_of(nlmsg_hdr(message), kind, NHA_ID));
        else if (is_route(kind))
                describe_route(kind, nlmsg_hdr(message), &rest);
        else
                (void)nl_msg_parse(message, describe, &rest);
}
