/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What comes with a message: nothing, what was asked for, and more than that. */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/control.h"
#include "util/fd.h"
#include "util/string.h"

#define FDS_MAX 6

typedef union Buffer {
        struct cmsghdr header;
        char bytes[256];
} Buffer;

static int ends[2];

static int setup(_unused_ void **state) {
        const int on = 1;

        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
                return -1;
        return setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

static int teardown(_unused_ void **state) {
        close(ends[0]);
        close(ends[1]);
        return 0;
}

/* Sends a byte with @n descriptors. */
static void send_fds(size_t n) {
        int fds[FDS_MAX];
        Buffer buffer = {};
        struct iovec iov = {.iov_base = (char *)"x", .iov_len = 1};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        for (size_t i = 0; i < n; i++)
                fds[i] = ends[1];
        if (n > 0) {
                message.msg_control = &buffer;
                message.msg_controllen = CMSG_SPACE(n * sizeof(int));
                buffer.header.cmsg_level = SOL_SOCKET;
                buffer.header.cmsg_type = SCM_RIGHTS;
                buffer.header.cmsg_len = CMSG_LEN(n * sizeof(int));
                memcpy(CMSG_DATA(&buffer.header), fds, n * sizeof(int));
        }
        assert_int_equal(sendmsg(ends[1], &message, 0), 1);
}

static size_t count_open(void) {
        size_t n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* However many come and however large the buffer is, those that are taken are all that is open then. */
static void test_all(_unused_ void **state) {
        for (size_t sent = 0; sent <= FDS_MAX; sent++)
                for (size_t max = 0; max <= FDS_MAX; max++)
                        for (size_t room = 0; room <= sizeof(Buffer); room += 4) {
                                size_t before = count_open(), n, taken;
                                struct ucred sender = {};
                                int fds[FDS_MAX];
                                Buffer buffer;
                                char byte;
                                struct iovec iov = {.iov_base = &byte, .iov_len = 1};
                                struct msghdr message = {
                                        .msg_iov = &iov,
                                        .msg_iovlen = 1,
                                        .msg_control = &buffer,
                                        .msg_controllen = room,
                                };

                                send_fds(sent);
                                assert_int_equal(recvmsg(ends[0], &message, MSG_CMSG_CLOEXEC), 1);
                                n = control_take_fds(&message, fds, max);
                                assert_true(n <= sent);
                                if (room == sizeof(Buffer))
                                        assert_int_equal(n, sent);
                                taken = MIN(n, max);
                                assert_int_equal(count_open(), before + taken);
                                for (size_t i = 0; i < taken; i++)
                                        assert_int_equal(close(fds[i]), 0);
                                assert_int_equal(count_open(), before);
                                assert_true(control_find_sender(&message, &sender) ||
                                            room < CMSG_SPACE(sizeof(sender)));
                                if (room >= CMSG_SPACE(sizeof(sender)))
                                        assert_int_equal(sender.pid, getpid());
                        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
