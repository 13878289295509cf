/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/property.h"
#include "util/cleanup.h"

/*
 * Network links of one network namespace, through a routing socket that was opened in it: what libnl has not,
 * and the kernel's own errno where libnl has only its own, coarser one.
 */

DEFINE_CLEANUP(struct rtnl_link *, rtnl_link_put);
DEFINE_CLEANUP(struct rtnl_addr *, rtnl_addr_put);
DEFINE_CLEANUP(struct nl_addr *, nl_addr_put);
DEFINE_CLEANUP(struct nl_cache *, nl_cache_free);
DEFINE_CLEANUP(struct nl_msg *, nlmsg_free);

typedef struct RouteSocket {
        struct nl_sock *nl;
        int control_fd;   /* for ethtool's ioctl */
        int error;        /* what the kernel answered last, negative; 0 nothing bad */
        bool interrupted; /* links came or went while they were listed */
} RouteSocket;

/**
 * route_socket_open() - open the sockets, in the namespace @netns_fd or, for a negative one, in our own
 *
 * Enters the namespace as netns_socket() does.
 *
 * Return: 0; errno.
 */
int route_socket_open(int netns_fd, RouteSocket **ret);
/* The same for generic netlink: of what follows it has the requests and their errors alone, and no
 * control_fd. */
int route_socket_open_generic(int netns_fd, RouteSocket **ret);
RouteSocket *route_socket_close(RouteSocket *socket);
DEFINE_CLEANUP(RouteSocket *, route_socket_close);

/* The errno for @r, the result of a libnl call on @socket; 0 where it is not negative. */
int route_errno(const RouteSocket *socket, int r);

/* Whether an errno of the kernel's may be another one on the next try, with nothing changed. */
bool route_error_passes(int r);

/* Sends @message, which the caller frees, and hands @take the answer; that of a dump in many messages. Not
 * for requests which are acknowledged alone. Return: 0; errno. */
int route_request(RouteSocket *socket, struct nl_msg *message, nl_recvmsg_msg_cb_t take, void *userdata);

/* Finds a link by @ifindex, or by @name where that is 0. Return: 0; -ENODEV; errno. */
int link_get(RouteSocket *socket, unsigned int ifindex, const char *name, struct rtnl_link **ret);

/* All links, as a cache of rtnl_link. Return: 0; 1 some may be missing, as they never stopped to come and go;
 * errno. */
int link_get_all(RouteSocket *socket, struct nl_cache **ret);

/* Requests @change for @link. Return: 0; errno. */
int link_change(RouteSocket *socket, struct rtnl_link *link, struct rtnl_link *change);

/* Moves @link to another namespace under @name. After -EEXIST it may be there nevertheless: kernels up to 6.1
 * rename after the move. Return: 0; errno. */
int link_move(RouteSocket *socket, struct rtnl_link *link, int netns_fd, const char *name);

/* Return: 0; -EEXIST; -EBUSY it is up, with a kernel before 6.2; errno. */
int link_rename(RouteSocket *socket, struct rtnl_link *link, const char *name);

/* Sets the flags of @mask as in @flags. Return: 0; errno. */
int link_set_flags(RouteSocket *socket, struct rtnl_link *link, unsigned int flags, unsigned int mask);

/* A message about a link of the namespace, to be added to; NULL: no memory. */
struct nl_msg *link_message(int type, int flags, unsigned int ifindex);
/* Sends @message, which is freed, for what answers with an acknowledgement alone. Return: 0; errno. */
int route_send(RouteSocket *socket, struct nl_msg *message);

/* Reads the alternative names, each as an entry "ALTNAME=name" in @ret. Return: 0; 1 there are more than a
 * list takes; errno. */
int link_read_altnames(RouteSocket *socket, unsigned int ifindex, PropertyList *ret);
int link_add_altname(RouteSocket *socket, unsigned int ifindex, const char *name);
int link_remove_altname(RouteSocket *socket, unsigned int ifindex, const char *name);

/* What the hardware says of itself: its place on the bus and its burnt-in address; "" where unknown. */
#define LINK_BUS_SIZE       33
#define LINK_PERMANENT_SIZE 97
void link_read_hardware(RouteSocket *socket, const char *name, char bus[LINK_BUS_SIZE],
                        char permanent[LINK_PERMANENT_SIZE]);

/* The number by which the namespace of @socket knows @netns_fd. Return: 0; -ENOENT it has none; errno. */
int route_socket_nsid(RouteSocket *socket, int netns_fd, int *ret);
