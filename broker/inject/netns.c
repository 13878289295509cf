/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sockets of other network namespaces. A namespace belongs to the thread: this is for a process with one
 * thread, where nothing else can run between leaving and coming back.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "inject/netns.h"
#include "util/fd.h"
#include "util/log.h"

int netns_socket(int netns_fd, int domain, int type, int protocol) {
        _cleanup_close_ int home_fd = -EBADF;
        int fd;

        home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (home_fd < 0)
                return -errno;
        if (setns(netns_fd, CLONE_NEWNET) < 0)
                return -errno;
        fd = socket(domain, type | SOCK_CLOEXEC, protocol);
        if (fd < 0)
                fd = -errno;
        if (setns(home_fd, CLONE_NEWNET) < 0) {
                log_error_errno(errno, "Failed to return from a container's network namespace: %m");
                abort();
        }
        return fd;
}

int netns_hear_kernel_only(int fd) {
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        char message[1];

        /* The kernel refuses what comes from others to a connected socket (Linux, net/netlink/af_netlink.c,
         * netlink_getsockbyportid()): from here on the queue only gets shorter. */
        if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
                return -errno;
        while (recv(fd, message, sizeof(message), MSG_DONTWAIT) >= 0 || errno == ENOBUFS || errno == EINTR)
                ;
        return errno == EAGAIN ? 0 : -errno;
}
