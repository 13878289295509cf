/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Network links through libnl.
 *
 * A RouteSocket belongs to the namespace in which it was opened and works from anywhere, so nothing but the
 * opening ever happens in a foreign namespace. libnl folds the kernel's errors into some thirty of its own;
 * the error callback here keeps the original, which callers tell apart (EEXIST, ENODEV, EOPNOTSUPP).
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "inject/link.h"
#include "inject/netns.h"
#include "util/fd.h"

/* How often a dump is asked for before one that may lack something has to do. */
#define DUMP_TRIES 3

static int keep_error(_unused_ struct sockaddr_nl *address, struct nlmsgerr *answer, void *userdata) {
        RouteSocket *socket = userdata;

        socket->error = answer->error;
        return NL_STOP;
}

static int note_interruption(_unused_ struct nl_msg *message, void *userdata) {
        RouteSocket *socket = userdata;

        socket->interrupted = true;
        return NL_OK;
}

int route_errno(const RouteSocket *socket, int r) {
        if (r >= 0)
                return 0;
        if (socket->error < 0)
                return socket->error;
        switch (-r) {
        case NLE_NOMEM:
                return -ENOMEM;
        case NLE_OBJ_NOTFOUND:
        case NLE_NODEV:
                return -ENODEV;
        case NLE_PERM:
                return -EPERM;
        case NLE_AGAIN:
                return -EAGAIN;
        case NLE_INVAL:
        case NLE_RANGE:
                return -EINVAL;
        default:
                return -EIO;
        }
}

bool route_error_passes(int r) {
        return r == -ENOMEM || r == -ENOBUFS || r == -EINTR || r == -EAGAIN || r == -EBUSY;
}

static int socket_in(int netns_fd, int domain, int type, int protocol) {
        int fd;

        if (netns_fd >= 0)
                return netns_socket(netns_fd, domain, type, protocol);
        fd = socket(domain, type | SOCK_CLOEXEC, protocol);
        return fd < 0 ? -errno : fd;
}

static int open_protocol(int netns_fd, int protocol, RouteSocket **ret) {
        const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
        _cleanup_(route_socket_closep) RouteSocket *route = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        route = calloc(1, sizeof(*route));
        if (!route)
                return -ENOMEM;
        route->control_fd = -EBADF;
        fd = socket_in(netns_fd, AF_NETLINK, SOCK_RAW, protocol);
        if (fd < 0)
                return fd;
        if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
                return -errno;
        r = netns_hear_kernel_only(fd);
        if (r < 0)
                return r;

        route->nl = nl_socket_alloc();
        if (!route->nl)
                return -ENOMEM;
        r = nl_socket_modify_err_cb(route->nl, NL_CB_CUSTOM, keep_error, route);
        /* Without this libnl starts a dump that was interrupted anew for as long as links come and go. */
        if (r >= 0)
                r = nl_socket_modify_cb(route->nl, NL_CB_DUMP_INTR, NL_CB_CUSTOM, note_interruption, route);
        if (r >= 0)
                r = nl_socket_set_fd(route->nl, protocol, fd);
        if (r < 0)
                return route_errno(route, r);
        TAKE_FD(fd); /* libnl's now */

        *ret = TAKE_PTR(route);
        return 0;
}

int route_socket_open(int netns_fd, RouteSocket **ret) {
        _cleanup_(route_socket_closep) RouteSocket *route = NULL;
        int r;

        r = open_protocol(netns_fd, NETLINK_ROUTE, &route);
        if (r < 0)
                return r;
        route->control_fd = socket_in(netns_fd, AF_UNIX, SOCK_DGRAM, /* protocol= */ 0);
        if (route->control_fd < 0)
                return route->control_fd;
        *ret = TAKE_PTR(route);
        return 0;
}

int route_socket_open_generic(int netns_fd, RouteSocket **ret) {
        return open_protocol(netns_fd, NETLINK_GENERIC, ret);
}

RouteSocket *route_socket_close(RouteSocket *socket) {
        if (!socket)
                return NULL;
        nl_socket_free(socket->nl);
        safe_close(socket->control_fd);
        free(socket);
        return NULL;
}

int route_request(RouteSocket *socket, struct nl_msg *message, nl_recvmsg_msg_cb_t take, void *userdata) {
        bool dump = (nlmsg_hdr(message)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        struct nl_cb *kept = nl_socket_get_cb(socket->nl), *own = nl_cb_clone(kept);
        int r = -NLE_NOMEM;

        socket->error = 0;
        socket->interrupted = false;
        if (own) {
                nl_cb_set(own, NL_CB_VALID, NL_CB_CUSTOM, take, userdata);
                r = nl_send_auto(socket->nl, message);
                if (r >= 0)
                        r = nl_recvmsgs(socket->nl, own);
                if (r >= 0 && !dump)
                        r = nl_wait_for_ack(socket->nl);
                nl_cb_put(own);
        }
        nl_cb_put(kept);
        return route_errno(socket, r);
}

int route_send(RouteSocket *socket, struct nl_msg *message) {
        socket->error = 0;
        return route_errno(socket, nl_send_sync(socket->nl, message));
}

int link_get(RouteSocket *socket, unsigned int ifindex, const char *name, struct rtnl_link **ret) {
        socket->error = 0;
        return route_errno(socket,
                           rtnl_link_get_kernel(socket->nl, (int)ifindex, ifindex > 0 ? NULL : name, ret));
}

int link_get_all(RouteSocket *socket, struct nl_cache **ret) {
        struct nl_cache *all;
        int r;

        for (unsigned int i = 0;; i++) {
                socket->error = 0;
                socket->interrupted = false;
                r = rtnl_link_alloc_cache(socket->nl, AF_UNSPEC, &all);
                if (r < 0)
                        return route_errno(socket, r);
                if (!socket->interrupted || i + 1 == DUMP_TRIES)
                        break;
                nl_cache_free(all);
        }
        *ret = all;
        return socket->interrupted;
}

int link_change(RouteSocket *socket, struct rtnl_link *link, struct rtnl_link *change) {
        socket->error = 0;
        return route_errno(socket, rtnl_link_change(socket->nl, link, change, /* flags= */ 0));
}

int link_move(RouteSocket *socket, struct rtnl_link *link, int netns_fd, const char *name) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = rtnl_link_alloc();

        if (!change)
                return -ENOMEM;
        rtnl_link_set_ns_fd(change, netns_fd);
        rtnl_link_set_name(change, name);
        return link_change(socket, link, change);
}

int link_rename(RouteSocket *socket, struct rtnl_link *link, const char *name) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = rtnl_link_alloc();

        if (!change)
                return -ENOMEM;
        rtnl_link_set_name(change, name);
        return link_change(socket, link, change);
}

int link_set_flags(RouteSocket *socket, struct rtnl_link *link, unsigned int flags, unsigned int mask) {
        _cleanup_(rtnl_link_putp) struct rtnl_link *change = NULL;

        if ((rtnl_link_get_flags(link) & mask) == (flags & mask))
                return 0;
        change = rtnl_link_alloc();
        if (!change)
                return -ENOMEM;
        rtnl_link_set_flags(change, flags & mask);
        rtnl_link_unset_flags(change, ~flags & mask);
        return link_change(socket, link, change);
}

struct nl_msg *link_message(int type, int flags, unsigned int ifindex) {
        struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex};
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(type, flags);

        if (!message || nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0)
                return NULL;
        return TAKE_PTR(message);
}

typedef struct AltnameReader {
        PropertyList *list;
        int error;
        bool more;
} AltnameReader;

static int take_altnames(struct nl_msg *message, void *userdata) {
        AltnameReader *reader = userdata;
        struct nlattr *list, *entry;
        int left;

        list = nlmsg_find_attr(nlmsg_hdr(message), sizeof(struct ifinfomsg), IFLA_PROP_LIST);
        if (!list)
                return NL_OK;
        nla_for_each_nested(entry, list, left) {
                _cleanup_free_ char *text = NULL;

                if (nla_type(entry) != IFLA_ALT_IFNAME || reader->error < 0)
                        continue;
                if (asprintf(&text, "ALTNAME=%.*s", nla_len(entry), nla_get_string(entry)) < 0) {
                        text = NULL;
                        reader->error = -ENOMEM;
                } else
                        reader->error = property_list_append(reader->list, text, strlen(text) + 1);
                if (reader->error == -E2BIG) {
                        reader->error = 0;
                        reader->more = true;
                        break;
                }
        }
        return NL_OK;
}

int link_read_altnames(RouteSocket *socket, unsigned int ifindex, PropertyList *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(RTM_GETLINK, /* flags= */ 0, ifindex);
        _cleanup_(property_list_deinit) PropertyList list = {};
        AltnameReader reader = {.list = &list};
        int r;

        if (!message)
                return -ENOMEM;
        r = route_request(socket, message, take_altnames, &reader);
        if (r < 0)
                return r;
        if (reader.error < 0)
                return reader.error;
        *ret = list;
        list = (PropertyList){};
        return reader.more;
}

static int change_altname(RouteSocket *socket, int type, int flags, unsigned int ifindex, const char *name) {
        _cleanup_(nlmsg_freep) struct nl_msg *message = link_message(type, flags, ifindex);
        struct nlattr *list;

        if (!message)
                return -ENOMEM;
        list = nla_nest_start(message, IFLA_PROP_LIST | NLA_F_NESTED);
        if (!list || nla_put_string(message, IFLA_ALT_IFNAME, name) < 0)
                return -ENOMEM;
        nla_nest_end(message, list);
        return route_send(socket, TAKE_PTR(message));
}

int link_add_altname(RouteSocket *socket, unsigned int ifindex, const char *name) {
        return change_altname(socket, RTM_NEWLINKPROP, NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND, ifindex,
                              name);
}

int link_remove_altname(RouteSocket *socket, unsigned int ifindex, const char *name) {
        return change_altname(socket, RTM_DELLINKPROP, /* flags= */ 0, ifindex, name);
}

static int ethtool(RouteSocket *socket, const char *name, void *request) {
        struct ifreq ifr = {.ifr_data = request};

        strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
        return ioctl(socket->control_fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

void link_read_hardware(RouteSocket *socket, const char *name, char bus[LINK_BUS_SIZE],
                        char permanent[LINK_PERMANENT_SIZE]) {
        struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
        struct {
                struct ethtool_perm_addr header;
                unsigned char data[32];
        } address = {.header = {.cmd = ETHTOOL_GPERMADDR, .size = sizeof(address.data)}};

        bus[0] = permanent[0] = '\0';
        if (ethtool(socket, name, &driver) >= 0)
                snprintf(bus, LINK_BUS_SIZE, "%.32s", driver.bus_info);
        if (ethtool(socket, name, &address) >= 0)
                for (uint32_t i = 0; i < MIN(address.header.size, (uint32_t)sizeof(address.data)); i++)
                        sprintf(permanent + (i > 0 ? i * 3 - 1 : 0), "%s%02x", i > 0 ? ":" : "",
                                address.data[i]);
}

static int take_nsid(struct nl_msg *message, void *userdata) {
        struct nlattr *nsid = nlmsg_find_attr(nlmsg_hdr(message), sizeof(struct rtgenmsg), NETNSA_NSID);

        if (nsid)
                *(int *)userdata = nla_get_s32(nsid);
        return NL_OK;
}

int route_socket_nsid(RouteSocket *socket, int netns_fd, int *ret) {
        struct rtgenmsg header = {.rtgen_family = AF_UNSPEC};
        _cleanup_(nlmsg_freep) struct nl_msg *message = nlmsg_alloc_simple(RTM_GETNSID, /* flags= */ 0);
        int nsid = NETNSA_NSID_NOT_ASSIGNED, r;

        if (!message || nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
            nla_put_u32(message, NETNSA_FD, (uint32_t)netns_fd) < 0)
                return -ENOMEM;
        r = route_request(socket, message, take_nsid, &nsid);
        if (r < 0)
                return r;
        if (nsid < 0)
                return -ENOENT;
        *ret = nsid;
        return 0;
}
