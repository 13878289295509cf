/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What comes along with a message of a socket: descriptors, and who sent it.
 *
 * The kernel writes as many descriptors as there is room for, and room is made in whole words: a buffer that
 * was made for one has two. So what was not asked for may be there, is ours all the same, and is closed.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "util/control.h"
#include "util/fd.h"

size_t control_take_fds(struct msghdr *message, int *fds, size_t max) {
        size_t n = 0;

        assert(message && (fds || max == 0));

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int), n++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
                        if (n < max)
                                fds[n] = fd;
                        else
                                safe_close(fd);
                }
        }
        return n;
}

bool control_find_sender(const struct msghdr *message, struct ucred *ret) {
        /* The macro takes no const, and changes nothing. */
        struct msghdr *m = (struct msghdr *)message;

        assert(message && ret);

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
                    c->cmsg_len >= CMSG_LEN(sizeof(*ret))) {
                        memcpy(ret, CMSG_DATA(c), sizeof(*ret));
                        return true;
                }
        return false;
}
