/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A keeper as a unit of the service manager.
 *
 * The service manager starts a unit with what the unit's file says, nothing else; what a single launch is to
 * have (arguments, the caller's standard descriptors, the pipe that says how it went) davitd hands over when
 * the keeper asks for it. Who may ask is said by the credentials on the datagram, and a keeper believes what
 * lies in the runtime folder, which is host root's.
 *
 * Below the unit's cgroup the container has the folder "container", with the device filter on it; the keeper
 * itself, which no filter of a container's is to bind, the folder "keeper" beside it.
 */

#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "inject/cgroup.h"
#include "launch/unit.h"
#include "util/control.h"
#include "util/fd.h"
#include "util/string.h"

#define ANSWER_SECONDS  10
#define ANSWER_SIZE_MAX (128U * 1024U)
#define ARGUMENTS_MAX   4096U
#define ORDER_FDS       4

#define PROC_CGROUP_MAX 65536U

void keeper_order_deinit(KeeperOrder *order) {
        free(order->arguments);
        free(order->text);
        safe_close(order->ready_fd);
        for (size_t i = 0; i < ELEMENTSOF(order->stdio); i++)
                safe_close(order->stdio[i]);
        *order = KEEPER_ORDER_NULL;
}

/* Return: 0; -ENOENT or -ECONNREFUSED no davitd; errno. */
static int send_request(const char *runtime_dir, const char *name, int answer_fd) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char control[CMSG_SPACE(sizeof(int))] __attribute__((__aligned__(__alignof__(struct cmsghdr)))) = {};
        struct iovec iov = {.iov_base = (char *)name, .iov_len = strlen(name)};
        struct msghdr message = {
                .msg_name = &address,
                .msg_namelen = sizeof(address),
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);

        if (fd < 0)
                return -errno;
        if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/keepers", runtime_dir) >=
            (int)sizeof(address.sun_path))
                return -ENAMETOOLONG;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &answer_fd, sizeof(int));
        return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Closes all, and takes over none, where they are not those that @mask announces. */
static int take_descriptors(struct msghdr *message, unsigned int mask, KeeperOrder *order) {
        int fds[ORDER_FDS], *const places[ORDER_FDS] = {&order->ready_fd, &order->stdio[0], &order->stdio[1],
                                                        &order->stdio[2]};
        size_t n = control_take_fds(message, fds, ORDER_FDS), at = 0;

        if (n != (size_t)__builtin_popcount(mask) || mask >= 1U << ORDER_FDS) {
                for (size_t i = 0; i < MIN(n, ORDER_FDS); i++)
                        safe_close(fds[i]);
                return -EPROTO;
        }
        for (size_t i = 0; i < ORDER_FDS; i++)
                if (mask & 1U << i)
                        *places[i] = fds[at++];
        return 0;
}

static int split_arguments(KeeperOrder *order, const char *text, size_t size) {
        size_t n = 0;

        if (size == 0 || text[size - 1] != '\0')
                return -EPROTO;
        order->text = malloc(size);
        order->arguments = calloc(ARGUMENTS_MAX + 1, sizeof(*order->arguments));
        if (!order->text || !order->arguments)
                return -ENOMEM;
        memcpy(order->text, text, size);
        for (char *p = order->text; p < order->text + size; p += strlen(p) + 1) {
                if (n == ARGUMENTS_MAX)
                        return -E2BIG;
                order->arguments[n++] = p;
        }
        return 0;
}

static int receive_order(int fd, KeeperOrder *order) {
        _cleanup_free_ char *text = malloc(ANSWER_SIZE_MAX);
        char control[CMSG_SPACE(ORDER_FDS * sizeof(int))]
                __attribute__((__aligned__(__alignof__(struct cmsghdr)))) = {};
        struct iovec iov = {.iov_base = text, .iov_len = ANSWER_SIZE_MAX};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;
        int r;

        if (!text)
                return -ENOMEM;
        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n == 0)
                return 0;
        r = take_descriptors(&message, (unsigned char)text[0], order);
        if (r < 0)
                return r;
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
                return -EPROTO;
        r = split_arguments(order, text + 1, (size_t)n - 1);
        return r < 0 ? r : 1;
}

int keeper_order_fetch(const char *runtime_dir, const char *name, KeeperOrder *ret) {
        _cleanup_(keeper_order_deinit) KeeperOrder order = KEEPER_ORDER_NULL;
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        ours = fds[0];
        theirs = fds[1];
        if (setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        r = send_request(runtime_dir, name, theirs);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return 0;
        if (r < 0)
                return r;
        theirs = safe_close(theirs);
        r = receive_order(ours, &order);
        if (r > 0) {
                *ret = order;
                order = KEEPER_ORDER_NULL;
        }
        return r;
}

/* "0::/PATH" as the only line, cgroups(7). */
static int read_own_cgroup(char **ret) {
        _cleanup_free_ char *text = NULL;
        const char *path;
        char *end;
        int r;

        r = fd_read_file(AT_FDCWD, "/proc/self/cgroup", PROC_CGROUP_MAX, &text, NULL);
        if (r < 0)
                return r;
        path = startswith(text, "0::/");
        end = strchr(text, '\n');
        if (!path || !end || end[1] != '\0')
                return -EOPNOTSUPP;
        *end = '\0';
        if (!cgroup_path_is_valid(path))
                return -EOPNOTSUPP;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

int unit_take_cgroup(char **ret) {
        _cleanup_free_ char *unit = NULL, *folder = NULL, *file = NULL, *container = NULL;
        _cleanup_close_ int root_fd = -EBADF;
        int r;

        r = read_own_cgroup(&unit);
        if (r < 0)
                return r;
        root_fd = cgroup_open_root(CGROUP_UNIFIED);
        if (root_fd < 0)
                return root_fd;
        if (asprintf(&folder, "%s/keeper", unit) < 0 || asprintf(&file, "%s/cgroup.procs", folder) < 0 ||
            asprintf(&container, "%s/container", unit) < 0)
                return -ENOMEM;
        if (mkdirat(root_fd, folder, 0755) < 0 && errno != EEXIST)
                return -errno;
        r = fd_write_string(root_fd, file, "0");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(container);
        return 0;
}

void unit_tell_ready(void) {
        (void)sd_notify(/* unset_environment= */ 0, "READY=1");
}

void unit_tell_failed(const char *message) {
        (void)sd_notifyf(/* unset_environment= */ 0, "STATUS=%s", message);
}
