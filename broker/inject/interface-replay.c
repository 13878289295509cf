/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Routes and queueing of an interface, as the kernel's messages.
 *
 * The kernel takes in the form in which it tells, which `ip route save` and `ip route restore` build on, too.
 * Only what is a state, or is not taken back, is left out; see settle_header() and is_told_alone(). Nothing
 * is looked into beyond that, so encapsulations, metrics and whatever else comes some day are kept.
 *
 * Kept is what somebody set for good. The kernel makes its own routes anew by itself, and who has his from
 * router advertisements, a DHCP server or a routing protocol has them from there again.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/object.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inject/interface-replay.h"
#include "inject/interface-state.h"
#include "util/log.h"
#include "util/string.h"

#define MESSAGES_MAX   512
#define DUMP_TRIES     3
#define DAD_PAUSE_USEC (100 * 1000)
#define DAD_PAUSES     30

#define DESCRIPTION_SIZE 512

typedef enum Kind {
        KIND_NEXTHOP,
        KIND_ROUTE,
        KIND_ROUTE6,
        KIND_NEIGHBOUR,
        KIND_FDB,
        KIND_QDISC,
        KIND_CLASS,
        KIND_MAX,
} Kind;

/* In the order in which they may build on one another. */
static const struct {
        const char *key, *noun;
        int family;
        int get, new;
        int flags; /* of the new one, which is to take nobody's place */
        size_t header_size;
} kinds[KIND_MAX] = {
        [KIND_NEXTHOP] = {"NEXTHOP", "Next hop", AF_UNSPEC, RTM_GETNEXTHOP, RTM_NEWNEXTHOP, NLM_F_EXCL,
                          sizeof(struct nhmsg)},
        /* Of one prefix there may be several: the first is used. */
        [KIND_ROUTE] = {"ROUTE", "Route", AF_INET, RTM_GETROUTE, RTM_NEWROUTE, NLM_F_APPEND,
                        sizeof(struct rtmsg)},
        [KIND_ROUTE6] = {"ROUTE6", "Route", AF_INET6, RTM_GETROUTE, RTM_NEWROUTE, NLM_F_EXCL,
                         sizeof(struct rtmsg)},
        [KIND_NEIGHBOUR] = {"NEIGHBOUR", "Neighbour", AF_UNSPEC, RTM_GETNEIGH, RTM_NEWNEIGH, NLM_F_EXCL,
                            sizeof(struct ndmsg)},
        [KIND_FDB] = {"FDB", "Bridge's entry", AF_BRIDGE, RTM_GETNEIGH, RTM_NEWNEIGH, NLM_F_EXCL,
                      sizeof(struct ndmsg)},
        [KIND_QDISC] = {"QDISC", "Queueing discipline", AF_UNSPEC, RTM_GETQDISC, RTM_NEWQDISC, NLM_F_EXCL,
                        sizeof(struct tcmsg)},
        [KIND_CLASS] = {"CLASS", "Queueing class", AF_UNSPEC, RTM_GETTCLASS, RTM_NEWTCLASS, NLM_F_EXCL,
                        sizeof(struct tcmsg)},
};

/* Any of the kernel's headers. */
typedef union Header {
        struct rtmsg route;
        struct nhmsg nexthop;
        struct ndmsg neighbour;
        struct tcmsg queue;
        unsigned char bytes[1];
} Header;

static struct nlattr *find(const struct nlmsghdr *header, Kind kind, int type) {
        return nlmsg_find_attr((struct nlmsghdr *)header, (int)kinds[kind].header_size, type);
}

static bool has_number(const struct nlmsghdr *header, Kind kind, int type, uint32_t value) {
        const struct nlattr *attribute = find(header, kind, type);

        return attribute && nla_len(attribute) == sizeof(value) && nla_get_u32(attribute) == value;
}

/* One of a route's several next hops behind @at, the first for NULL; NULL at the end. */
static struct rtnexthop *next_hop(struct nlattr *hops, struct rtnexthop *at) {
        unsigned char *end = (unsigned char *)nla_data(hops) + nla_len(hops);
        unsigned char *p = at ? (unsigned char *)at + RTNH_ALIGN(at->rtnh_len) : nla_data(hops);

        if (p + sizeof(*at) > end || ((struct rtnexthop *)p)->rtnh_len < sizeof(*at) ||
            p + ((struct rtnexthop *)p)->rtnh_len > end)
                return NULL;
        return (struct rtnexthop *)p;
}

static bool goes_through(const struct nlmsghdr *header, Kind kind, unsigned int ifindex) {
        struct nlattr *hops = find(header, kind, RTA_MULTIPATH);

        for (struct rtnexthop *hop = hops ? next_hop(hops, NULL) : NULL; hop; hop = next_hop(hops, hop))
                if ((unsigned int)hop->rtnh_ifindex == ifindex)
                        return true;
        return has_number(header, kind, RTA_OIF, ifindex);
}

static bool route_lasts(const struct nlmsghdr *header, Kind kind) {
        const struct rtmsg *route = nlmsg_data(header);

        return !(route->rtm_flags & RTM_F_CLONED) && !find(header, kind, RTA_EXPIRES) &&
               (route->rtm_protocol == RTPROT_UNSPEC || route->rtm_protocol == RTPROT_BOOT ||
                route->rtm_protocol == RTPROT_STATIC);
}

/* The classes that somebody made; those of other disciplines come with these. */
static bool class_was_made(const struct nlmsghdr *header) {
        static const char *const made[] = {"drr", "hfsc", "htb", "qfq"};
        const struct nlattr *kind = find(header, KIND_CLASS, TCA_KIND);

        for (size_t i = 0; kind && i < ELEMENTSOF(made); i++)
                if (streq(nla_get_string(kind), made[i]))
                        return true;
        return false;
}

static bool is_kept(const struct nlmsghdr *header, Kind kind, unsigned int ifindex) {
        const Header *h = nlmsg_data(header);

        switch (kind) {
        case KIND_NEXTHOP:
                return has_number(header, kind, NHA_OIF, ifindex) &&
                       (h->nexthop.nh_protocol == RTPROT_UNSPEC || h->nexthop.nh_protocol == RTPROT_BOOT ||
                        h->nexthop.nh_protocol == RTPROT_STATIC);
        case KIND_ROUTE:
        case KIND_ROUTE6:
                return goes_through(header, kind, ifindex) && route_lasts(header, kind);
        case KIND_NEIGHBOUR:
                return (unsigned int)h->neighbour.ndm_ifindex == ifindex &&
                       (h->neighbour.ndm_state & NUD_PERMANENT);
        case KIND_FDB:
                /* A bridge's own are permanent. */
                return (unsigned int)h->neighbour.ndm_ifindex == ifindex && find(header, kind, NDA_MASTER) &&
                       (h->neighbour.ndm_state & NUD_NOARP) && !(h->neighbour.ndm_flags & NTF_EXT_LEARNED);
        case KIND_QDISC:
                /* One by default has no handle. */
                return (unsigned int)h->queue.tcm_ifindex == ifindex && h->queue.tcm_handle != 0;
        case KIND_CLASS:
                return (unsigned int)h->queue.tcm_ifindex == ifindex && class_was_made(header);
        case KIND_MAX:
                break;
        }
        return false;
}

/* Flags that are states are refused. */
static void settle_header(Header *h, Kind kind) {
        switch (kind) {
        case KIND_NEXTHOP:
                h->nexthop.nh_scope = 0;
                h->nexthop.nh_flags &= RTNH_F_ONLINK;
                break;
        case KIND_ROUTE:
        case KIND_ROUTE6:
                h->route.rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
                break;
        case KIND_FDB:
                h->neighbour.ndm_flags |= NTF_MASTER;
                break;
        case KIND_QDISC:
                h->queue.tcm_info = 0;
                break;
        case KIND_NEIGHBOUR:
        case KIND_CLASS:
        case KIND_MAX:
                break;
        }
}

/* It tells its version in full and takes the first half (Linux, net/sched/sch_htb.c, HTB_VER). */
static void settle_htb(struct nlmsghdr *header) {
        struct nlattr *options = find(header, KIND_QDISC, TCA_OPTIONS), *kind, *init;
        struct tc_htb_glob *global;

        kind = find(header, KIND_QDISC, TCA_KIND);
        if (!kind || !options || !streq(nla_get_string(kind), "htb"))
                return;
        init = nla_find(nla_data(options), nla_len(options), TCA_HTB_INIT);
        if (!init || nla_len(init) < (int)sizeof(*global))
                return;
        global = nla_data(init);
        if (global->version >> 16)
                global->version >>= 16;
}

/* Attributes that the kernel tells and does not take. */
static bool is_told_alone(Kind kind, int type, bool by_id) {
        switch (kind) {
        case KIND_ROUTE:
        case KIND_ROUTE6:
                /* Its next hop is told by number, and once more in full. */
                return type == RTA_CACHEINFO ||
                       (by_id && (type == RTA_OIF || type == RTA_GATEWAY || type == RTA_VIA ||
                                  type == RTA_MULTIPATH || type == RTA_ENCAP || type == RTA_ENCAP_TYPE));
        case KIND_NEIGHBOUR:
        case KIND_FDB:
                return type == NDA_CACHEINFO || type == NDA_PROBES || type == NDA_MASTER;
        case KIND_QDISC:
        case KIND_CLASS:
                return type == TCA_STATS || type == TCA_STATS2 || type == TCA_XSTATS ||
                       type == TCA_HW_OFFLOAD;
        case KIND_NEXTHOP:
        case KIND_MAX:
                break;
        }
        return false;
}

/* Takes the states off the next hops of @attribute and, of IPv6, which keeps the others, all but ours. */
static int put_hops(struct nl_msg *message, struct nlattr *attribute, bool ours_alone, unsigned int ifindex) {
        struct nlattr *nest = nla_nest_start(message, RTA_MULTIPATH);

        if (!nest)
                return -ENOMEM;
        for (struct rtnexthop *hop = next_hop(attribute, NULL); hop; hop = next_hop(attribute, hop)) {
                if (ours_alone && (unsigned int)hop->rtnh_ifindex != ifindex)
                        continue;
                hop->rtnh_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
                if (nlmsg_append(message, hop, hop->rtnh_len, RTNH_ALIGNTO) < 0)
                        return -ENOMEM;
        }
        nla_nest_end(message, nest);
        return 0;
}

typedef struct Collector {
        Kind kind;
        unsigned int ifindex;
        PropertyList list;
        unsigned int n;
        int error;
} Collector;

static int keep(Collector *collector, const struct nlmsghdr *header) {
        _cleanup_(nlmsg_freep) struct nl_msg *kept = nlmsg_alloc_size(NLMSG_HDRLEN + header->nlmsg_len + 256);
        Kind kind = collector->kind;
        size_t header_size = kinds[kind].header_size;
        bool by_id = (kind == KIND_ROUTE || kind == KIND_ROUTE6) && find(header, kind, RTA_NH_ID);
        _cleanup_free_ char *hex = NULL;
        struct nlattr *attribute;
        char key[32];
        Header h = {};
        int left, r = 0;

        if (collector->n >= MESSAGES_MAX)
                return -E2BIG;
        memcpy(&h, nlmsg_data(header), header_size);
        settle_header(&h, kind);
        if (!kept || !nlmsg_put(kept, NL_AUTO_PORT, NL_AUTO_SEQ, kinds[kind].new, 0, 0) ||
            nlmsg_append(kept, &h, header_size, NLMSG_ALIGNTO) < 0)
                return -ENOMEM;
        nlmsg_for_each_attr(attribute, (struct nlmsghdr *)header, (int)header_size, left) {
                int type = nla_type(attribute);

                if (is_told_alone(kind, type, by_id))
                        continue;
                if ((kind == KIND_ROUTE || kind == KIND_ROUTE6) && type == RTA_MULTIPATH)
                        r = put_hops(kept, attribute, kind == KIND_ROUTE6, collector->ifindex);
                else
                        r = nla_put(kept, attribute->nla_type, nla_len(attribute), nla_data(attribute));
                if (r < 0)
                        return -ENOMEM;
        }
        if (kind == KIND_QDISC)
                settle_htb(nlmsg_hdr(kept));
        snprintf(key, sizeof(key), "%s_%u", kinds[kind].key, collector->n++);
        r = string_to_hex(nlmsg_data(nlmsg_hdr(kept)), (size_t)nlmsg_datalen(nlmsg_hdr(kept)), &hex);
        return r < 0 ? r : property_list_set(&collector->list, key, hex);
}

static int take(struct nl_msg *message, void *userdata) {
        struct nlmsghdr *header = nlmsg_hdr(message);
        Collector *collector = userdata;

        if (collector->error >= 0 && nlmsg_valid_hdr(header, (int)kinds[collector->kind].header_size) &&
            header->nlmsg_type ==
                    kinds[collector->kind].new &&is_kept(header, collector->kind, collector->ifindex))
                collector->error = keep(collector, header);
        return NL_OK;
}

/* On a host with a full table of the internet's routes the kernel picks ours faster than we do. Before Linux
 * 4.20 it does not. */
static void set_strict(RouteSocket *socket, int on) {
        (void)setsockopt(nl_socket_get_fd(socket->nl), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
}

/* Return: 0; errno. */
static int dump(RouteSocket *socket, Collector *collector) {
        Kind kind = collector->kind;
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(kinds[kind].get, NLM_F_DUMP);
        bool of_routes = kinds[kind].get == RTM_GETROUTE;
        Header h = {};
        int r;

        h.bytes[0] = (unsigned char)kinds[kind].family; /* all of them begin with it */
        if (kind == KIND_CLASS)
                h.queue.tcm_ifindex = (int)collector->ifindex;
        if (!message || nlmsg_append(message, &h, kinds[kind].header_size, NLMSG_ALIGNTO) < 0 ||
            (of_routes && nla_put_u32(message, RTA_OIF, collector->ifindex) < 0))
                return -ENOMEM;
        if (of_routes)
                set_strict(socket, true);
        r = route_request(socket, message, take, collector);
        if (of_routes)
                set_strict(socket, false);
        return r < 0 ? r : collector->error;
}

/* Return: 0, also where the kernel has none of that; -E2BIG; errno. */
static int collect_kind(RouteSocket *socket, Kind kind, unsigned int ifindex, PropertyList *state) {
        for (unsigned int i = 0;; i++) {
                Collector collector = {.kind = kind, .ifindex = ifindex};
                int r = dump(socket, &collector);

                /* Without having heard all, as routes came and went: once more. */
                if (r >= 0 && (!socket->interrupted || i + 1 == DUMP_TRIES))
                        r = property_list_append(state, collector.list.data ?: "", collector.list.size);
                else if (r >= 0)
                        r = 1;
                property_list_deinit(&collector.list);
                if (r <= 0)
                        return r == -EOPNOTSUPP ? 0 : r;
        }
}

int interface_replay_collect(RouteSocket *socket, unsigned int ifindex, PropertyList *state) {
        int r = 0;

        for (Kind kind = 0; kind < KIND_MAX && r >= 0; kind++)
                r = collect_kind(socket, kind, ifindex, state);
        return r;
}

static void renumber(struct nlattr *attribute, unsigned int from, unsigned int to) {
        if (attribute && nla_len(attribute) == sizeof(uint32_t) && nla_get_u32(attribute) == from)
                memcpy(nla_data(attribute), &to, sizeof(uint32_t));
}

/* The interface may have another index by now. */
static void set_ifindex(struct nlmsghdr *header, Kind kind, unsigned int from, unsigned int to) {
        Header *h = nlmsg_data(header);
        struct nlattr *hops;

        switch (kind) {
        case KIND_NEXTHOP:
                renumber(find(header, kind, NHA_OIF), from, to);
                break;
        case KIND_ROUTE:
        case KIND_ROUTE6:
                renumber(find(header, kind, RTA_OIF), from, to);
                hops = find(header, kind, RTA_MULTIPATH);
                for (struct rtnexthop *hop = hops ? next_hop(hops, NULL) : NULL; hop;
                     hop = next_hop(hops, hop))
                        if ((unsigned int)hop->rtnh_ifindex == from)
                                hop->rtnh_ifindex = (int)to;
                break;
        case KIND_NEIGHBOUR:
        case KIND_FDB:
                h->neighbour.ndm_ifindex = (int)to;
                break;
        case KIND_QDISC:
        case KIND_CLASS:
                h->queue.tcm_ifindex = (int)to;
                break;
        case KIND_MAX:
                break;
        }
}

/* Return: 0; -EBADMSG; -ENOMEM. */
static int message_from_state(const char *hex, Kind kind, unsigned int from, unsigned int to,
                              struct nl_msg **ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;
        _cleanup_free_ void *data = NULL;
        int flags = kinds[kind].flags, r;
        struct nlmsghdr *header;
        size_t size;

        r = string_from_hex(hex, &data, &size);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        if (size < kinds[kind].header_size)
                return -EBADMSG;
        message = nlmsg_alloc_size(NLMSG_HDRLEN + size + NLMSG_ALIGNTO);
        header = message ? nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, kinds[kind].new, 0, NLM_F_CREATE)
                         : NULL;
        if (!header || nlmsg_append(message, data, size, NLMSG_ALIGNTO) < 0)
                return -ENOMEM;
        /* One of IPv6 which others have kept up meanwhile gets its next hops back. */
        if (kind == KIND_ROUTE6 && find(header, kind, RTA_MULTIPATH))
                flags = NLM_F_APPEND;
        header->nlmsg_flags |= (uint16_t)flags;
        set_ifindex(header, kind, from, to);
        *ret = TAKE_PTR(message);
        return 0;
}

typedef struct Pending {
        Kind kind;
        struct nl_msg *message;
        int error;
} Pending;

typedef struct Queue {
        Pending all[KIND_MAX * MESSAGES_MAX];
        size_t n;
} Queue;

static Queue *queue_free(Queue *queue) {
        for (size_t i = 0; queue && i < queue->n; i++)
                nlmsg_free(queue->all[i].message);
        free(queue);
        return NULL;
}
DEFINE_CLEANUP(Queue *, queue_free);

/* Whether it needs another one to be there. */
static bool is_far(const struct nlmsghdr *header, Kind kind) {
        return (kind == KIND_ROUTE || kind == KIND_ROUTE6) &&
               (find(header, kind, RTA_GATEWAY) || find(header, kind, RTA_VIA) ||
                find(header, kind, RTA_MULTIPATH) || find(header, kind, RTA_NH_ID));
}

static const char *value_of(const char *entry, Kind kind) {
        const char *rest = startswith(entry, kinds[kind].key);

        return rest && *rest == '_' ? strchr(rest, '=') + 1 : NULL;
}

static int queue_add(Queue *queue, Kind kind, bool far, unsigned int from, unsigned int to,
                     const PropertyList *state) {
        property_list_foreach(entry, state) {
                _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;
                const char *hex = value_of(entry, kind);
                int r;

                if (!hex)
                        continue;
                if (queue->n >= ELEMENTSOF(queue->all))
                        return -EBADMSG;
                r = message_from_state(hex, kind, from, to, &message);
                if (r < 0)
                        return r;
                if (is_far(nlmsg_hdr(message), kind) == far)
                        queue->all[queue->n++] = (Pending){.kind = kind, .message = TAKE_PTR(message)};
        }
        return 0;
}

/* What is told of first may need what is told of later; but of routes to one place the order counts. */
static int queue_fill(Queue *queue, unsigned int ifindex, const PropertyList *state) {
        unsigned int from = interface_state_number(state, "IFINDEX");
        int r = 0;

        for (Kind kind = 0; kind < KIND_MAX && r >= 0; kind++) {
                r = queue_add(queue, kind, /* far= */ false, from, ifindex, state);
                if (r >= 0)
                        r = queue_add(queue, kind, /* far= */ true, from, ifindex, state);
        }
        return r;
}

/* Sends what is left. Return: how much of it was taken, or is there. */
static size_t queue_pass(Queue *queue, RouteSocket *home) {
        size_t kept = 0, n = queue->n;

        for (size_t i = 0; i < n; i++) {
                Pending *pending = &queue->all[i];

                /* libnl frees what it sends, and leaves the number on it. */
                nlmsg_get(pending->message);
                nlmsg_hdr(pending->message)->nlmsg_seq = NL_AUTO_SEQ;
                pending->error = route_send(home, pending->message);
                if (pending->error < 0 && pending->error != -EEXIST)
                        queue->all[kept++] = *pending;
                else
                        nlmsg_free(pending->message);
        }
        queue->n = kept;
        return n - kept;
}

/* Whether something waits for IPv6 to be sure that nobody else has the address that it is from. */
static bool waits_for_address(const Queue *queue) {
        for (size_t i = 0; i < queue->n; i++)
                if (queue->all[i].kind == KIND_ROUTE6 && queue->all[i].error == -EINVAL &&
                    find(nlmsg_hdr(queue->all[i].message), KIND_ROUTE6, RTA_PREFSRC))
                        return true;
        return false;
}

static void describe(struct nl_object *object, void *userdata) {
        char *text = userdata;

        nl_object_dump_buf(object, text, DESCRIPTION_SIZE);
        text[strcspn(text, "\n")] = '\0';
}

static void log_refused(const Pending *pending) {
        char text[DESCRIPTION_SIZE] = "";

        (void)nl_msg_parse(pending->message, describe, text);
        log_full(LOG_WARNING, pending->error, NULL, "%s \"%s\" does not come back with its interface: %m",
                 kinds[pending->kind].noun, text);
}

int interface_replay_put_right(RouteSocket *home, unsigned int ifindex, const PropertyList *state) {
        _cleanup_(queue_freep) Queue *queue = calloc(1, sizeof(*queue));
        int r;

        if (!queue)
                return -ENOMEM;
        r = queue_fill(queue, ifindex, state);
        if (r < 0)
                return r;
        /* A class may be below another one. */
        for (unsigned int pauses = 0; queue->n > 0;) {
                if (queue_pass(queue, home) > 0)
                        continue;
                if (!waits_for_address(queue) || pauses++ == DAD_PAUSES)
                        break;
                usleep(DAD_PAUSE_USEC);
        }
        for (size_t i = 0; i < queue->n; i++) {
                if (!route_error_passes(queue->all[i].error))
                        log_refused(&queue->all[i]);
                else if (r >= 0)
                        r = queue->all[i].error;
        }
        return r;
}
