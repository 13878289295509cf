/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Telling the kernel again what it has told of an interface.
 *
 * What is there verbatim is left alone, so that the same may be done twice. The rest is sent in rounds, as
 * one may build on what comes later; but of routes to one place the first is used, so none is sent before
 * those that were before it. When a round brings nothing, what was refused is given up, and who waited behind
 * it has his turn.
 */

#include "config.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "inject/interface-message.h"
#include "inject/interface-replay.h"
#include "inject/interface-state.h"
#include "inject/interface-sysctl.h"
#include "util/log.h"
#include "util/string.h"

#define MESSAGES_MAX 512 /* of one kind */
#define DUMP_TRIES   3

/* The rest is for what a state is given after this. */
#define STATE_SIZE (PROPERTY_LIST_SIZE_MAX - 8U * 1024U)

#define DESCRIPTION_SIZE 512

typedef struct Collector {
        MessageKind kind;
        unsigned int ifindex;
        bool own_prefixes;
        size_t room;
        PropertyList list;
        unsigned int n, n_left;
        int error;
} Collector;

static int take(struct nl_msg *message, void *userdata) {
        Collector *collector = userdata;
        struct nlmsghdr *header = nlmsg_hdr(message);
        _cleanup_free_ char *text = NULL;
        char key[32];
        int r;

        if (collector->error < 0 ||
            !message_is_kept(collector->kind, header, collector->ifindex, collector->own_prefixes))
                return NL_OK;
        r = message_to_text(collector->kind, header, collector->ifindex, &text);
        if (r < 0) {
                collector->error = r;
                return NL_OK;
        }
        snprintf(key, sizeof(key), "%s_%u", message_kind_key(collector->kind), collector->n);
        if (collector->n >= MESSAGES_MAX ||
            collector->list.size + strlen(key) + strlen(text) + 2 > collector->room) {
                collector->n_left++;
                return NL_OK;
        }
        collector->n++;
        collector->error = property_list_set(&collector->list, key, text);
        return NL_OK;
}

/* Before Linux 4.20 there is no such thing, and everything is told. */
static void set_strict(RouteSocket *socket, int on) {
        (void)setsockopt(nl_socket_get_fd(socket->nl), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
}

/* Return: 0; errno. */
static int dump(RouteSocket *socket, Collector *collector) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;
        bool strict = false;
        int r;

        message = message_request(collector->kind, collector->ifindex, &strict);
        if (!message)
                return -ENOMEM;
        if (strict)
                set_strict(socket, true);
        r = route_request(socket, message, take, collector);
        if (strict)
                set_strict(socket, false);
        return r < 0 ? r : collector->error;
}

/* Whether there is an address whose prefix's route is not the kernel's. */
static bool has_own_prefixes(const PropertyList *state) {
        property_list_foreach(entry, state) {
                _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;

                if (startswith(entry, "ADDR_") &&
                    message_from_text(MESSAGE_ADDRESS, strchr(entry, '=') + 1, 0, 0, &message) >= 0 &&
                    message_has_own_prefix(message))
                        return true;
        }
        return false;
}

/* *ret_left: how many are too much for a state. Return: 0, also where the kernel has none of that; errno. */
static int collect_kind(RouteSocket *socket, MessageKind kind, struct rtnl_link *link, PropertyList *state,
                        unsigned int *ret_left) {
        for (unsigned int i = 0;; i++) {
                Collector collector = {
                        .kind = kind,
                        .ifindex = (unsigned int)rtnl_link_get_ifindex(link),
                        .own_prefixes = has_own_prefixes(state),
                        .room = STATE_SIZE - MIN(state->size, (size_t)STATE_SIZE),
                };
                int r = dump(socket, &collector);
                /* Where routes came and went, not all may have been told. */
                bool again = r >= 0 && socket->interrupted && i + 1 < DUMP_TRIES;

                if (r >= 0 && !again)
                        r = property_list_append(state, collector.list.data ?: "", collector.list.size);
                *ret_left = collector.n_left;
                property_list_deinit(&collector.list);
                if (!again)
                        return r == -EOPNOTSUPP ? 0 : r;
        }
}

int interface_replay_collect(RouteSocket *socket, struct rtnl_link *link, PropertyList *state) {
        for (MessageKind kind = 0; kind < MESSAGE_KIND_MAX; kind++) {
                unsigned int n_left;
                int r = collect_kind(socket, kind, link, state, &n_left);

                if (r < 0)
                        return r;
                if (n_left > 0)
                        log_warning("%s has more than can be kept (%s): %u will not come back",
                                    rtnl_link_get_name(link), message_kind_key(kind), n_left);
        }
        return 0;
}

/* ---- and back */

typedef struct Pending {
        MessageKind kind;
        struct nl_msg *message;
        int error; /* as it was sent last; 0: it waits behind another one */
} Pending;

typedef struct Queue {
        Pending all[MESSAGE_KIND_MAX * MESSAGES_MAX];
        size_t n;
} Queue;

static Queue *queue_free(Queue *queue) {
        for (size_t i = 0; queue && i < queue->n; i++)
                nlmsg_free(queue->all[i].message);
        free(queue);
        return NULL;
}
DEFINE_CLEANUP(Queue *, queue_free);

static const char *value_of(const char *entry, MessageKind kind) {
        const char *rest = startswith(entry, message_kind_key(kind));

        return rest && *rest == '_' ? strchr(rest, '=') + 1 : NULL;
}

static bool is_there(const PropertyList *now, MessageKind kind, struct nl_msg *message) {
        _cleanup_free_ char *text = NULL;

        if (string_to_hex(nlmsg_data(nlmsg_hdr(message)), (size_t)nlmsg_datalen(nlmsg_hdr(message)), &text) <
            0)
                return false;
        property_list_foreach(entry, now) {
                const char *value = value_of(entry, kind);

                if (value && streq(value, text))
                        return true;
        }
        return false;
}

/* Whether @pending is not to be sent before something that is among the first @n. */
static bool has_to_wait(const Queue *queue, size_t n, const Pending *pending) {
        for (size_t i = 0; i < n; i++) {
                const Pending *before = &queue->all[i];

                if (message_is_beside(pending->kind, pending->message, before->kind, before->message) ||
                    message_needs(pending->kind, pending->message, before->kind, before->message))
                        return true;
        }
        return false;
}

/* What of @kind the state has and @now has not. Return: 0; -EBADMSG; -ENOMEM. */
static int queue_fill(Queue *queue, MessageKind kind, unsigned int ifindex, const PropertyList *state,
                      const PropertyList *now) {
        unsigned int from = interface_state_number(state, "IFINDEX");

        property_list_foreach(entry, state) {
                _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;
                const char *text = value_of(entry, kind);
                int r;

                if (!text)
                        continue;
                if (queue->n >= ELEMENTSOF(queue->all))
                        return -EBADMSG;
                r = message_from_text(kind, text, from, ifindex, &message);
                if (r < 0)
                        return r;
                if (has_to_wait(queue, queue->n, &(Pending){.kind = kind, .message = message}) &&
                    kind == MESSAGE_ROUTE6)
                        message_append(message);
                if (!is_there(now, kind, message))
                        queue->all[queue->n++] = (Pending){.kind = kind, .message = TAKE_PTR(message)};
        }
        return 0;
}

static int send_one(RouteSocket *home, const Pending *pending) {
        int r;

        /* libnl frees what it sends, and leaves the number on it. */
        nlmsg_get(pending->message);
        nlmsg_hdr(pending->message)->nlmsg_seq = NL_AUTO_SEQ;
        r = route_send(home, pending->message);
        return r == -EEXIST && !message_is_alone(pending->kind, pending->message) ? 0 : r;
}

/* Sends what is left. Return: whether some of it was taken. */
static bool queue_round(Queue *queue, RouteSocket *home) {
        size_t kept = 0, n = queue->n;

        for (size_t i = 0; i < n; i++) {
                Pending pending = queue->all[i];
                bool waits = has_to_wait(queue, kept, &pending);

                pending.error = waits ? 0 : send_one(home, &pending);
                if (waits || pending.error < 0)
                        queue->all[kept++] = pending;
                else
                        nlmsg_free(pending.message);
        }
        queue->n = kept;
        return kept < n;
}

static void log_refused(const Pending *pending, int error, const char *name) {
        char text[DESCRIPTION_SIZE];

        message_describe(pending->kind, pending->message, text, sizeof(text));
        log_full(LOG_WARNING, error, NULL, "%s is back on the host without its %s: %m", name, text);
}

/* Gives up what was refused, and what is of no use without that. Return: 0; errno of what may pass. */
static int queue_give_up(Queue *queue, const char *name) {
        size_t kept = 0, n = queue->n;
        int r = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < i; j++) {
                        Pending *pending = &queue->all[i];
                        const Pending *refused = &queue->all[j];

                        if (pending->error == 0 && refused->error < 0 &&
                            message_needs(pending->kind, pending->message, refused->kind, refused->message))
                                pending->error = refused->error;
                }
        for (size_t i = 0; i < n; i++) {
                Pending pending = queue->all[i];

                if (pending.error == 0) {
                        queue->all[kept++] = pending;
                        continue;
                }
                if (!route_error_passes(pending.error))
                        log_refused(&pending, pending.error, name);
                else if (r >= 0)
                        r = pending.error;
                nlmsg_free(pending.message);
        }
        queue->n = kept;
        return r;
}

/* Return: 0; errno of what may pass. */
static int queue_send(Queue *queue, RouteSocket *home, const char *name) {
        int r = 0;

        while (queue->n > 0) {
                int k = queue_round(queue, home) ? 0 : queue_give_up(queue, name);

                if (r >= 0)
                        r = k;
        }
        return r;
}

/* Return: 0; -EBADMSG; errno. */
static int queue_kind(Queue *queue, RouteSocket *home, MessageKind kind, struct rtnl_link *link,
                      const PropertyList *state) {
        _cleanup_(property_list_deinit) PropertyList now = {};
        unsigned int n_left;
        int r = collect_kind(home, kind, link, &now, &n_left);

        return r < 0 ? r : queue_fill(queue, kind, (unsigned int)rtnl_link_get_ifindex(link), state, &now);
}

/* Whether a route is sent from one of the addresses: then they are wanted at once. */
static bool has_sources(const PropertyList *state) {
        property_list_foreach(entry, state)
                for (MessageKind kind = MESSAGE_ROUTE6; kind <= MESSAGE_SHARED_ROUTE6; kind++) {
                        _cleanup_(nlmsg_freep) struct nl_msg *message = NULL;
                        const char *text = value_of(entry, kind);

                        if (text && message_from_text(kind, text, 0, 0, &message) >= 0 &&
                            message_has_source(kind, message))
                                return true;
                }
        return false;
}

#define OPTIMISM "ipv6/conf/optimistic_dad"

int interface_replay_addresses(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        _cleanup_(queue_freep) Queue *queue = calloc(1, sizeof(*queue));
        const char *name = rtnl_link_get_name(link);
        _cleanup_free_ char *optimism = NULL;
        bool hurry = has_sources(state);
        int r;

        if (!queue)
                return -ENOMEM;
        r = queue_kind(queue, home, MESSAGE_ADDRESS, link, state);
        if (r < 0)
                return r;
        /* An address is no source of a route until the kernel knows, a second later or once there is a
         * carrier, that nobody else has it. Some kernels can be told to take it for granted until then. */
        if (hurry && queue->n > 0 && interface_sysctl_get(name, OPTIMISM, &optimism) >= 0) {
                (void)interface_sysctl_set(name, OPTIMISM, "1");
                for (size_t i = 0; i < queue->n; i++)
                        message_make_optimistic(MESSAGE_ADDRESS, queue->all[i].message);
        }
        r = queue_send(queue, home, name);
        if (optimism)
                (void)interface_sysctl_set(name, OPTIMISM, optimism);
        return r;
}

int interface_replay_rest(RouteSocket *home, struct rtnl_link *link, const PropertyList *state) {
        _cleanup_(queue_freep) Queue *queue = calloc(1, sizeof(*queue));
        int r = queue ? 0 : -ENOMEM;

        for (MessageKind kind = MESSAGE_ADDRESS + 1; kind < MESSAGE_KIND_MAX && r >= 0; kind++)
                /* That it is no port any more was said. */
                if (kind != MESSAGE_FDB || rtnl_link_get_master(link) > 0)
                        r = queue_kind(queue, home, kind, link, state);
        return r < 0 ? r : queue_send(queue, home, rtnl_link_get_name(link));
}
