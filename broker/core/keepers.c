/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keepers that somebody else started for us: the service manager, as units.
 *
 * Such a keeper asks on the socket RUNTIME/keepers what it is to launch: one datagram with its container's
 * name, its credentials and a descriptor to answer on (launch/unit.h). One datagram is all there is to a
 * request, so nobody who stops in the middle keeps us waiting. Only root can reach the socket, and the
 * credentials are looked at all the same. A keeper that nobody ordered is told so by closing the descriptor.
 */

#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "util/control.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define NAME_SIZE_MAX  256
#define ORDER_SIZE_MAX (128U * 1024U)

typedef struct Request {
        char name[NAME_SIZE_MAX];
        struct ucred sender;
        int answer_fd;
} Request;

/* Return: 1; 0 nothing of use; -EAGAIN none is left; errno. */
static int receive_request(int fd, Request *request) {
        char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))]
                __attribute__((__aligned__(__alignof__(struct cmsghdr)))) = {};
        struct iovec iov = {.iov_base = request->name, .iov_len = sizeof(request->name) - 1};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        request->name[n] = '\0';
        if (control_take_fds(&message, &request->answer_fd, 1) == 0 ||
            !control_find_sender(&message, &request->sender))
                return 0;
        return request->sender.uid == 0 && request->sender.pid > 0 && strlen(request->name) == (size_t)n &&
               string_is_name(request->name);
}

static void on_keepers(void *userdata, int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;

        for (;;) {
                Request request = {.sender.uid = (uid_t)-1, .answer_fd = -EBADF};
                int r = receive_request(fd, &request);

                if (r > 0)
                        manager_order_keeper(manager, request.name, request.sender.pid, request.answer_fd);
                safe_close(request.answer_fd);
                if (r < 0) {
                        if (r != -EAGAIN)
                                log_error_errno(r, "Failed to hear keepers: %m");
                        return;
                }
        }
}

int keepers_open(Manager *manager) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const int on = 1;
        int r;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/keepers", manager->runtime_dir) >=
            (int)sizeof(address.sun_path))
                return -ENAMETOOLONG;
        if (unlink(address.sun_path) < 0 && errno != ENOENT)
                return -errno;
        /* The mode of the socket file is that of the descriptor, so it is never another's to send to. */
        if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        r = loop_add_io(manager->loop, fd, LOOP_READ, on_keepers, manager, &manager->keepers_source);
        if (r < 0)
                return r;
        manager->keepers_fd = TAKE_FD(fd);
        return 0;
}

void keepers_close(Manager *manager) {
        manager->keepers_source = loop_source_free(manager->keepers_source);
        manager->keepers_fd = safe_close(manager->keepers_fd);
}

int keepers_answer(int answer_fd, char *const *arguments, const int fds[static 4]) {
        char control[CMSG_SPACE(4 * sizeof(int))]
                __attribute__((__aligned__(__alignof__(struct cmsghdr)))) = {};
        _cleanup_free_ char *text = malloc(ORDER_SIZE_MAX);
        struct iovec iov = {.iov_base = text};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
        struct cmsghdr *c = (struct cmsghdr *)control;
        size_t n_fds = 0, size = 1;

        if (!text)
                return -ENOMEM;
        text[0] = 0;
        for (unsigned int i = 0; i < 4; i++)
                if (fds[i] >= 0) {
                        memcpy(CMSG_DATA(c) + n_fds++ * sizeof(int), &fds[i], sizeof(int));
                        text[0] = (char)(text[0] | 1 << i);
                }
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        message.msg_controllen = n_fds > 0 ? CMSG_SPACE(n_fds * sizeof(int)) : 0;

        for (; *arguments; arguments++) {
                size_t n = strlen(*arguments) + 1;

                if (n > ORDER_SIZE_MAX - size)
                        return -E2BIG;
                memcpy(text + size, *arguments, n);
                size += n;
        }
        iov.iov_len = size;
        return sendmsg(answer_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
