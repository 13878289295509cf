/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/link.h"

/*
 * One thing that the host's network has about an interface, as the kernel tells of it: its message without
 * netlink's header, less what is a state or is not taken back, as hexadecimal digits.
 */

/* In the order in which they build on one another. */
typedef enum MessageKind {
        MESSAGE_ADDRESS,
        MESSAGE_NEXT_HOP,
        MESSAGE_ROUTE,
        MESSAGE_ROUTE6,
        MESSAGE_SHARED_ROUTE6, /* other interfaces have next hops of it, too */
        MESSAGE_NEIGHBOUR,
        MESSAGE_PROXY,
        MESSAGE_FDB,
        MESSAGE_QDISC,
        MESSAGE_CLASS,
        MESSAGE_KIND_MAX,
} MessageKind;

/* "ROUTE", for the keys of a state. */
const char *message_kind_key(MessageKind kind);

/* What asks for all of a kind, those of other interfaces perhaps among them. *ret_strict: the kernel is to
 * take the request by the letter. Return: to be freed; NULL: no memory. */
struct nl_msg *message_request(MessageKind kind, unsigned int ifindex, bool *ret_strict);

/* Whether @header is one of that kind, and what somebody has set for good. @own_prefixes: the interface has
 * addresses whose prefixes' routes are not the kernel's. */
bool message_is_kept(MessageKind kind, const struct nlmsghdr *header, unsigned int ifindex,
                     bool own_prefixes);

/* Return: 0; -ENOMEM. */
int message_to_text(MessageKind kind, const struct nlmsghdr *header, unsigned int ifindex, char **ret);
/* What makes one such anew, for the interface whose index was @from and is @to. Return: 0; -EBADMSG;
 * -ENOMEM. */
int message_from_text(MessageKind kind, const char *text, unsigned int from, unsigned int to,
                      struct nl_msg **ret);

/* Whether of two routes the order counts, as both lead to one place. */
bool message_is_beside(MessageKind kind, const struct nl_msg *message, MessageKind other_kind,
                       const struct nl_msg *other);
/* Whether @message is of no use without that next hop. */
bool message_needs(MessageKind kind, const struct nl_msg *message, MessageKind other_kind,
                   const struct nl_msg *other);
/* Whether something else has its place, where the kernel says so: otherwise it is the same that is there. */
bool message_is_alone(MessageKind kind, const struct nl_msg *message);
/* Whether it is an address whose prefix's route is not the kernel's. */
bool message_has_own_prefix(const struct nl_msg *message);
/* Of a route: it is to be added to what leads to the same place. */
void message_append(struct nl_msg *message);
/* Whether its source is an address. */
bool message_has_source(MessageKind kind, const struct nl_msg *message);
/* Of an address of IPv6: lets it be used while the kernel still looks for another one of it, where the
 * interface's `optimistic_dad` says so, too. */
void message_make_optimistic(MessageKind kind, struct nl_msg *message);

/* In words, cut to @size. */
void message_describe(MessageKind kind, struct nl_msg *message, char *buffer, size_t size);
