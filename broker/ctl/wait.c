/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The little loop of the two commands that stay: monitor, and launch in the foreground.
 */

#include "config.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/wait.h"
#include "util/fd.h"

int waiter_init(Waiter *waiter, const int *signals, size_t n_signals) {
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < n_signals; i++) {
                struct sigaction action;

                /* nohup, or a shell's background job: what the caller has us ignore, we ignore. */
                if (sigaction(signals[i], NULL, &action) >= 0 && action.sa_handler == SIG_IGN)
                        continue;
                sigaddset(&set, signals[i]);
        }
        waiter->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (waiter->signal_fd < 0)
                return complain_error(NULL, -errno);
        if (sigprocmask(SIG_BLOCK, &set, &waiter->before) < 0)
                return complain_error(NULL, -errno);
        return 0;
}

void waiter_deinit(Waiter *waiter) {
        if (waiter->signal_fd < 0)
                return;
        waiter->signal_fd = safe_close(waiter->signal_fd);
        sigprocmask(SIG_SETMASK, &waiter->before, NULL);
}

static int read_signal(Waiter *waiter) {
        struct signalfd_siginfo info;
        ssize_t n = read(waiter->signal_fd, &info, sizeof(info));

        return n == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

/* sd-bus' absolute time as that of ppoll(). Return: NULL for ever. */
static struct timespec *relative(uint64_t until, struct timespec *buffer) {
        struct timespec now;
        uint64_t usec;

        if (until == UINT64_MAX)
                return NULL;
        clock_gettime(CLOCK_MONOTONIC, &now);
        usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        usec = until > usec ? until - usec : 0;
        *buffer = (struct timespec){.tv_sec = (time_t)(usec / 1000000),
                                    .tv_nsec = (long)(usec % 1000000) * 1000};
        return buffer;
}

int waiter_wait(Waiter *waiter, sd_bus *bus) {
        struct timespec buffer;
        struct pollfd fds[2];
        uint64_t until;
        int events, r;

        r = sd_bus_process(bus, NULL);
        if (r < 0)
                return r;
        if (r > 0)
                return read_signal(waiter);

        events = sd_bus_get_events(bus);
        if (events < 0)
                return events;
        r = sd_bus_get_timeout(bus, &until);
        if (r < 0)
                return r;
        fds[0] = (struct pollfd){.fd = sd_bus_get_fd(bus), .events = (short)events};
        fds[1] = (struct pollfd){.fd = waiter->signal_fd, .events = POLLIN};
        if (ppoll(fds, ELEMENTSOF(fds), relative(until, &buffer), NULL) < 0 && errno != EINTR)
                return -errno;
        return read_signal(waiter);
}
