/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The terminal of who launched the container.
 *
 * What has a terminal open reads what is typed there, and changes how it behaves, whether or not it is the
 * controlling one. So a container never gets it: either liblxc makes one inside and copies between the two,
 * which takes our controlling terminal; or, where that is not ours (davitd runs us, in a session of our own),
 * a child copies the output and there is no input.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/terminal.h"
#include "util/fd.h"

/* The container is gone by then; whoever still has the pipe open is none of ours. */
#define DRAIN_MS 1000

bool terminal_is_ours(void) {
        _cleanup_close_ int fd = -EBADF;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return false;
        fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
        return fd >= 0;
}

static bool write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno != EINTR)
                        return false;
                if (n > 0) {
                        data += n;
                        size -= (size_t)n;
                }
        }
        return true;
}

/* Between 0, the pipe, and 1, the terminal. Signals of the terminal are for the container, whose last words
 * are still to be copied. */
_Noreturn static void relay(void) {
        char buffer[4096];
        ssize_t n;

        signal(SIGINT, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        syscall(SYS_close_range, 2U, ~0U, 0);
        while ((n = read(0, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR))
                if (n > 0 && !write_all(1, buffer, (size_t)n))
                        break;
        _exit(0);
}

static int start_relay(int terminal_fd, int *ret_fd, pid_t *ret) {
        pid_t parent = getpid();
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret = fork();
        if (*ret < 0) {
                int r = -errno;

                safe_close(fds[0]);
                safe_close(fds[1]);
                return r;
        }
        if (*ret == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent || dup2(terminal_fd, 1) < 0 || dup2(fds[0], 0) < 0)
                        _exit(1);
                relay();
        }
        safe_close(fds[0]);
        *ret_fd = fds[1];
        return 0;
}

int terminal_keep_out(pid_t *ret) {
        _cleanup_close_ int null_fd = -EBADF, pipe_fd = -EBADF;
        int r, terminal_fd = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDERR_FILENO;

        *ret = 0;
        if (isatty(STDIN_FILENO)) {
                null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (null_fd < 0)
                        return -errno;
        }
        if (isatty(terminal_fd)) {
                r = start_relay(terminal_fd, &pipe_fd, ret);
                if (r < 0)
                        return r;
        }
        if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) < 0)
                return -errno;
        for (int fd = STDOUT_FILENO; pipe_fd >= 0 && fd <= STDERR_FILENO; fd++)
                if (isatty(fd) && dup2(pipe_fd, fd) < 0)
                        return -errno;
        return 0;
}

void terminal_drain(pid_t relay_pid) {
        _cleanup_close_ int pidfd = -EBADF;
        struct pollfd p = {.events = POLLIN};

        if (relay_pid <= 0)
                return;
        safe_close(STDOUT_FILENO);
        safe_close(STDERR_FILENO);
        pidfd = (int)syscall(SYS_pidfd_open, relay_pid, 0);
        p.fd = pidfd;
        if (pidfd >= 0)
                (void)poll(&p, 1, DRAIN_MS);
        kill(relay_pid, SIGKILL);
        while (waitpid(relay_pid, NULL, 0) < 0 && errno == EINTR)
                ;
}
