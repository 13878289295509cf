/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Events for the programs inside a container.
 *
 * Kernel listeners take only what comes from the kernel (group 1, port 0). The kernel passes a message on to
 * that group when a privileged socket of the namespace's owner or above sends it one of type 16 (Linux,
 * lib/kobject_uevent.c, uevent_net_rcv_skb()): it adds a SEQNUM and its own address. It does so within
 * sendmsg(), and leaves an error on our socket where it did not, which we take up there and then.
 *
 * udev's listeners take what comes to group 2, from anyone whom they see as uid 0.
 */

#include "config.h"

#include <assert.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inject/netns.h"
#include "inject/uevent-socket.h"
#include "util/fd.h"

/* The lowest type that is not netlink's own (NLMSG_MIN_TYPE); the kernel looks at no other detail of it. */
#define UEVENT_MESSAGE_TYPE 16

/* Many listeners that are slow to read share what we may have on the way. */
#define SEND_BUFFER_SIZE (1024 * 1024)

struct UeventSocket {
        int fd;
        struct ucred sender;
        uint32_t n_sent;
        bool proven; /* the kernel took one for its own group */
        char message[UEVENT_MESSAGE_MAX];
};

int uevent_socket_open(int netns_fd, uid_t root_uid, gid_t root_gid, UeventSocket **ret) {
        _cleanup_(uevent_socket_closep) UeventSocket *socket = NULL;
        const int size = SEND_BUFFER_SIZE;
        int r;

        assert(ret);

        socket = malloc(sizeof(*socket));
        if (!socket)
                return -ENOMEM;
        socket->sender = (struct ucred){.pid = getpid(), .uid = root_uid, .gid = root_gid};
        socket->n_sent = 0;
        socket->proven = false;
        socket->fd = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
        if (socket->fd < 0)
                return socket->fd;
        r = netns_hear_kernel_only(socket->fd);
        if (r < 0)
                return r;
        if (setsockopt(socket->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
                return -errno;
        *ret = TAKE_PTR(socket);
        return 0;
}

UeventSocket *uevent_socket_close(UeventSocket *socket) {
        if (socket) {
                safe_close(socket->fd);
                free(socket);
        }
        return NULL;
}

/* What the kernel answered to a message of type 16. Nothing: it passed it on. Return: 0; errno. */
static int take_answer(int fd) {
        int r = 0;

        for (;;) {
                union {
                        struct nlmsghdr header;
                        char bytes[NLMSG_SPACE(sizeof(struct nlmsgerr))];
                } answer;
                const struct nlmsgerr *error = NLMSG_DATA(&answer.header); /* our message follows, cut off */
                ssize_t n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? r : -errno;
                if (n >= (ssize_t)NLMSG_LENGTH(sizeof(*error)) && answer.header.nlmsg_type == NLMSG_ERROR)
                        r = error->error;
        }
}

static int send_message(UeventSocket *socket, UeventGroup group, size_t size) {
        int r;
        struct nlmsghdr header = {
                .nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
                .nlmsg_type = UEVENT_MESSAGE_TYPE,
                .nlmsg_flags = NLM_F_REQUEST,
                .nlmsg_seq = ++socket->n_sent,
        };
        struct sockaddr_nl to = {
                .nl_family = AF_NETLINK,
                .nl_groups = group == UEVENT_GROUP_UDEV ? UEVENT_GROUP_UDEV : 0,
        };
        struct iovec parts[] = {{&header, sizeof(header)}, {socket->message, size}};
        const bool framed = group == UEVENT_GROUP_KERNEL;
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
        } control = {};
        struct msghdr message = {
                .msg_name = &to,
                .msg_namelen = sizeof(to),
                .msg_iov = framed ? parts : parts + 1,
                .msg_iovlen = framed ? 2 : 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };

        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_CREDENTIALS;
        control.header.cmsg_len = CMSG_LEN(sizeof(struct ucred));
        memcpy(CMSG_DATA(&control.header), &socket->sender, sizeof(struct ucred));

        /* A listener that does not read must not stop us: it loses the message, as it would the kernel's. */
        while (sendmsg(socket->fd, &message, MSG_DONTWAIT) < 0) {
                if (errno == EINTR)
                        continue;
                return errno == ECONNREFUSED || errno == ESRCH ? 0 : -errno;
        }
        /* What it refuses, it refuses for good, and so the first time: our rights do not change. */
        if (!framed || socket->proven)
                return 0;
        r = take_answer(socket->fd);
        socket->proven = r == 0;
        return r;
}

int uevent_socket_send(UeventSocket *socket, UeventGroup group, UeventAction action,
                       const PropertyList *properties) {
        int n;

        assert(socket && properties);

        n = uevent_encode(action, properties, group, socket->message, sizeof(socket->message));
        return n < 0 ? n : send_message(socket, group, (size_t)n);
}
