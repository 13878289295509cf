/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Children for work that may block.
 *
 * The result comes back through a pipe; the end is seen on a pidfd, which no other process can take over. Two
 * deadlines as udev's workers have them: a warning first, then SIGKILL. A killed child counts as -ETIMEDOUT
 * even if it sits in an uninterruptible sleep and cannot die yet: its owner must not wait with it. (It is
 * reaped once it is gone.)
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/child.h"
#include "util/fd.h"
#include "util/log.h"

struct Child {
        const char *name;
        ChildDone done;
        void *userdata;
        pid_t pid;
        int pidfd, pipe_fd;
        bool warned, reaped;
        LoopSource *exit, *timer;
};

int pidfd_of(pid_t pid) {
        int fd = pidfd_open(pid, /* flags= */ 0);

        return fd < 0 ? -errno : fd;
}

static void child_reap(Child *child, int flags) {
        siginfo_t info = {};

        if (child->reaped || child->pidfd < 0)
                return;
        if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | flags) == 0 && info.si_pid != 0)
                child->reaped = true;
}

Child *child_free(Child *child) {
        if (!child)
                return NULL;

        loop_source_free(child->exit);
        loop_source_free(child->timer);
        if (!child->reaped && child->pidfd >= 0) {
                pidfd_send_signal(child->pidfd, SIGKILL, NULL, /* flags= */ 0);
                /* One that cannot die now must not hang us: it stays a zombie until we end. */
                child_reap(child, WNOHANG);
        }
        safe_close(child->pidfd);
        safe_close(child->pipe_fd);
        free(child);
        return NULL;
}

static void child_finish(Child *child, int result) {
        ChildDone done = child->done;

        child->exit = loop_source_free(child->exit);
        child->timer = loop_source_free(child->timer);
        done(child->userdata, result);
}

static void on_child_exit(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Child *child = userdata;
        int result;

        child_reap(child, /* flags= */ 0);
        if (read(child->pipe_fd, &result, sizeof(result)) != sizeof(result))
                result = -EIO;
        child_finish(child, result);
}

static void on_child_late(void *userdata) {
        Child *child = userdata;

        if (!child->warned) {
                child->warned = true;
                log_warning("%s takes long (process %d)", child->name, (int)child->pid);
                loop_source_set_timer(child->timer, CHILD_KILL_USEC - CHILD_WARN_USEC);
                return;
        }
        log_error("%s took too long: killing process %d", child->name, (int)child->pid);
        pidfd_send_signal(child->pidfd, SIGKILL, NULL, /* flags= */ 0);
        child_finish(child, -ETIMEDOUT);
}

_Noreturn static void child_main(int fd, int (*work)(void *userdata), void *userdata) {
        sigset_t all;
        int result;

        /* Our handlers write into the parent's loop: none of them may run here. */
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);

        result = work(userdata);
        _exit(write(fd, &result, sizeof(result)) == sizeof(result) ? EXIT_SUCCESS : EXIT_FAILURE);
}

int child_start(Loop *loop, const char *name, int (*work)(void *userdata), ChildDone done, void *userdata,
                Child **ret) {
        _cleanup_(child_freep) Child *child = calloc(1, sizeof(*child));
        _cleanup_close_ int write_fd = -EBADF;
        int fds[2], r;

        if (!child)
                return -ENOMEM;
        *child = (Child){
                .name = name,
                .done = done,
                .userdata = userdata,
                .pidfd = -EBADF,
                .pipe_fd = -EBADF,
        };

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        child->pipe_fd = fds[0];
        write_fd = fds[1];

        child->pid = fork();
        if (child->pid < 0)
                return -errno;
        if (child->pid == 0)
                child_main(write_fd, work, userdata);

        child->pidfd = pidfd_of(child->pid);
        if (child->pidfd < 0) {
                kill(child->pid, SIGKILL);
                waitpid(child->pid, NULL, 0);
                return child->pidfd;
        }
        r = loop_add_io(loop, child->pidfd, LOOP_READ, on_child_exit, child, &child->exit);
        if (r < 0)
                return r;
        r = loop_add_timer(loop, on_child_late, child, &child->timer);
        if (r < 0)
                return r;
        r = loop_source_set_timer(child->timer, CHILD_WARN_USEC);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(child);
        return 0;
}
