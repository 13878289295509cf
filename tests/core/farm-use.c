/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Using what is in the farm's containers. A container is entered from the network namespace that it was
 * started in alone (the launcher is asked by an abstract socket), which the farm leaves: so a child that has
 * stayed there does it, one command at a time. It ends when its socket does.
 */

#include "config.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/farm.h"
#include "util/fd.h"

typedef struct Order {
        char container[32], script[1024];
} Order;

typedef struct Answer {
        int status;
        char output[OUTPUT_SIZE];
} Answer;

#define LENT_MAX 64

typedef struct Lent {
        dev_t numbers[LENT_MAX];
        size_t n;
} Lent;

static Lent lent_characters, lent_blocks;

static pid_t helper;
static int helper_fd = -EBADF;

static void help(int fd) {
        Order order;

        while (recv(fd, &order, sizeof(order), 0) == (ssize_t)sizeof(order)) {
                Answer answer = {};

                answer.status = inside(order.container, order.script, answer.output, sizeof(answer.output));
                if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
                        break;
        }
        _exit(0);
}

void farm_inside_start(void) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        fflush(NULL);
        helper = fork();
        assert_true(helper >= 0);
        if (helper == 0) {
                close(fds[0]);
                help(fds[1]);
        }
        close(fds[1]);
        helper_fd = fds[0];
}

void farm_inside_end(void) {
        helper_fd = safe_close(helper_fd);
        if (helper > 0)
                waitpid(helper, NULL, 0);
        helper = 0;
}

int farm_inside(const char *container, const char *script, char *output, size_t size) {
        Order order = {};
        Answer answer;

        snprintf(order.container, sizeof(order.container), "%s", container);
        assert_true(snprintf(order.script, sizeof(order.script), "%s", script) < (int)sizeof(order.script));
        assert_int_equal(send(helper_fd, &order, sizeof(order), MSG_NOSIGNAL), sizeof(order));
        assert_int_equal(recv(helper_fd, &answer, sizeof(answer), 0), sizeof(answer));
        snprintf(output, size, "%s", answer.output);
        return answer.status;
}

static void lend(Lent *lent, const char *pattern) {
        glob_t found = {};
        struct stat st;

        (void)glob(pattern, /* flags= */ 0, NULL, &found);
        for (size_t i = 0; i < found.gl_pathc && lent->n < LENT_MAX; i++)
                if (stat(found.gl_pathv[i], &st) >= 0)
                        lent->numbers[lent->n++] = st.st_rdev;
        globfree(&found);
}

void farm_lend_start(void) {
        lend(&lent_characters, "/dev/cpu/*/cpuid");
        lend(&lent_characters, "/dev/vcs*");
        lend(&lent_blocks, "/dev/loop[0-9]*");
}

bool farm_lend(char type, size_t i, dev_t *ret) {
        const Lent *lent = type == 'c' ? &lent_characters : &lent_blocks;

        if (i >= lent->n)
                return false;
        *ret = lent->numbers[i];
        return true;
}
