/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * liblxc keeps the process that starts a container for itself until the container ends: it blocks signals,
 * reads them from a descriptor of its own and runs its own loop. So that process is a child, and the keeper
 * is free to wait for anything. All that the child has to say is how it ended: one Result through a pipe.
 *
 * liblxc tells neither when a container runs nor which pid it has but by its command socket, whose calls
 * block without a limit. They are made in another child, the asker, so that a start which hangs can be given
 * up.
 *
 * Lives end in this order: a keeper that is killed takes the monitor along (parent-death signal), and that
 * takes the container's init (liblxc's). Neither is all there is: see cgroup-tree.c.
 */

#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch/message.h"
#include "launch/monitor.h"
#include "util/fd.h"
#include "util/string.h"

#define START_LIMIT_MS 60000
#define ASK_AGAIN_NS   500000
#define LOG_SIZE_MAX   (256U * 1024U)
#define TEXT_MAX       512

typedef struct Result {
        bool ran;
        int error_num;       /* liblxc's own form of a wait status */
        char text[TEXT_MAX]; /* of a failure before liblxc's part; may be empty */
} Result;

static void kill_and_reap(pid_t pid) {
        if (pid <= 0)
                return;
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

void monitor_deinit(Monitor *monitor) {
        kill_and_reap(monitor->pid);
        safe_close(monitor->pidfd);
        safe_close(monitor->result_fd);
        *monitor = MONITOR_NULL;
}

/* Closes what the keeper has open, but for two. The end of the pipe by which it says that the container runs,
 * above all: its reader may wait for the end of file. */
static void close_all_but(int a, int b) {
        unsigned int low = (unsigned int)MIN(a, b), high = (unsigned int)MAX(a, b);

        if (low > 3)
                syscall(SYS_close_range, 3U, low - 1, 0);
        if (high > low + 1)
                syscall(SYS_close_range, MAX(low + 1, 3U), high - 1, 0);
        syscall(SYS_close_range, high + 1, ~0U, 0);
}

/* What a child of ours needs that runs foreign code: our death ends it, and no signal is blocked or ignored,
 * as its own children would take that over, the container's init among them. */
static void become_child(pid_t parent) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1); /* it died before we said so */
        for (int n = 1; n < NSIG; n++)
                sigaction(n, &action, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct lxc_container *open_container(const char *runtime_dir, const char *alias) {
        _cleanup_free_ char *lxcpath = NULL;

        if (container_config_lxcpath(runtime_dir, &lxcpath) < 0)
                return NULL;
        return lxc_container_new(alias, lxcpath);
}

static void run_container(const ContainerConfig *config, char *const *command, Result *result) {
        char *const init[] = {(char *)"/sbin/init", NULL};
        _cleanup_free_ char *message = NULL;
        struct lxc_container *c;
        int r;

        c = open_container(config->runtime_dir, config->alias);
        if (!c) {
                snprintf(result->text, sizeof(result->text), "liblxc has no memory for a container");
                return;
        }
        r = container_config_apply(config, c, &message);
        /* Only now: without any setting yet, liblxc has nothing to keep this in. */
        if (r >= 0 && !c->want_daemonize(c, false))
                r = -EINVAL;
        if (r < 0) {
                snprintf(result->text, sizeof(result->text), "%s", message ?: strerror(-r));
        } else {
                /* false also where it ran and its end was not in order; then error_num has been set by its
                 * end. */
                result->ran = c->start(c, /* useinit= */ 0, command ?: init) || c->error_num != 1;
                result->error_num = c->error_num;
        }
        lxc_container_put(c);
}

int monitor_start(const ContainerConfig *config, char *const *command, Monitor *ret) {
        _cleanup_(monitor_deinit) Monitor monitor = MONITOR_NULL;
        pid_t keeper = getpid();
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        monitor.pid = fork();
        if (monitor.pid < 0) {
                int r = -errno;

                safe_close(fds[0]);
                safe_close(fds[1]);
                return r;
        }
        if (monitor.pid == 0) {
                Result result = {};

                become_child(keeper);
                /* The lock of the slice stays, so that the ids are nobody else's while anything of us lives.
                 */
                close_all_but(fds[1], config->slice->lock_fd);
                /* Signals of a terminal come to init by the keeper alone; but a console is proxied from here.
                 */
                if (!config->terminal)
                        setpgid(0, 0);
                umask(0022);
                run_container(config, command, &result);
                _exit(write(fds[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
        }
        safe_close(fds[1]);
        monitor.result_fd = fds[0];
        monitor.pidfd = (int)syscall(SYS_pidfd_open, monitor.pid, 0);
        if (monitor.pidfd < 0)
                return -errno;
        *ret = monitor;
        monitor = MONITOR_NULL;
        return 0;
}

/* The parent and the start time of a process. Fields 4 and 22; the name in the second may hold anything. */
static int read_stat(pid_t pid, pid_t *ret_parent, uint64_t *ret_start) {
        _cleanup_free_ char *text = NULL;
        unsigned long long start;
        const char *p;
        char path[64];
        int parent, r;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        r = fd_read_file(AT_FDCWD, path, 4096, &text, NULL);
        if (r < 0)
                return r;
        p = strrchr(text, ')');
        if (!p ||
            sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                   &parent, &start) != 2)
                return -EBADMSG;
        *ret_parent = parent;
        *ret_start = start;
        return 0;
}

/* Forks the asker, which writes the pid of init to a pipe. */
static int start_asker(const char *runtime_dir, const char *alias, pid_t *ret_pid, int *ret_fd) {
        pid_t keeper = getpid(), pid;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                int r = -errno;

                safe_close(fds[0]);
                safe_close(fds[1]);
                return r;
        }
        if (pid == 0) {
                struct timespec pause = {.tv_nsec = ASK_AGAIN_NS};
                struct lxc_container *c;
                pid_t init;

                become_child(keeper);
                close_all_but(fds[1], fds[1]);
                c = open_container(runtime_dir, alias);
                if (!c)
                        _exit(1);
                /* Refused until the monitor listens; from then on the answer comes when init runs. */
                while ((init = c->init_pid(c)) <= 0)
                        nanosleep(&pause, NULL);
                _exit(write(fds[1], &init, sizeof(init)) == sizeof(init) ? 0 : 1);
        }
        safe_close(fds[1]);
        *ret_pid = pid;
        *ret_fd = fds[0];
        return 0;
}

static int wait_answer(const Monitor *monitor, int answer_fd, int cancel_fd, pid_t *ret) {
        struct pollfd fds[] = {
                {.fd = answer_fd, .events = POLLIN},
                {.fd = monitor->pidfd, .events = POLLIN},
                {.fd = cancel_fd, .events = POLLIN},
        };
        pid_t init;
        int n;

        do
                n = poll(fds, ELEMENTSOF(fds), START_LIMIT_MS);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n == 0)
                return -ETIMEDOUT;
        if (fds[0].revents & POLLIN) {
                if (read(answer_fd, &init, sizeof(init)) != sizeof(init))
                        return -EIO;
                *ret = init;
                return 0;
        }
        if (fds[1].revents)
                return -ECHILD;
        return fds[2].revents ? -ECANCELED : -EIO;
}

int monitor_wait_running(const Monitor *monitor, const char *runtime_dir, const char *alias, int cancel_fd,
                         pid_t *ret_init, int *ret_init_pidfd, uint64_t *ret_start) {
        _cleanup_close_ int answer_fd = -EBADF, pidfd = -EBADF;
        pid_t asker = 0, init = 0, parent;
        uint64_t start;
        int r;

        r = start_asker(runtime_dir, alias, &asker, &answer_fd);
        if (r < 0)
                return r;
        r = wait_answer(monitor, answer_fd, cancel_fd, &init);
        kill_and_reap(asker);
        if (r < 0)
                return r;

        pidfd = (int)syscall(SYS_pidfd_open, init, 0);
        if (pidfd < 0)
                return errno == ESRCH ? -ECHILD : -errno;
        /* A child that its parent did not reap keeps its number: pinned and ours, it is init. */
        r = read_stat(init, &parent, &start);
        if (r < 0)
                return r == -ENOENT || r == -ESRCH ? -ECHILD : r;
        if (parent != monitor->pid)
                return -ECHILD;
        *ret_init = init;
        *ret_init_pidfd = TAKE_FD(pidfd);
        *ret_start = start;
        return 0;
}

/* The first error in liblxc's log, which names the cause; those behind it are what followed from that. */
static char *read_first_error(const char *folder) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        char *line, *end;

        if (asprintf(&path, "%s/log", folder) < 0 ||
            fd_read_file(AT_FDCWD, path, LOG_SIZE_MAX, &text, NULL) < 0)
                return NULL;
        line = strstr(text, " ERROR ");
        if (!line)
                return NULL;
        end = strchrnul(line, '\n');
        *end = '\0';
        /* "… ERROR    conf - ../src/lxc/conf.c:function:123 - Text" */
        for (int i = 0; i < 2; i++) {
                char *dash = strstr(line, " - ");

                if (dash)
                        line = dash + 3;
        }
        return strdup(line);
}

/* liblxc keeps 8 bits of status above 7 bits that are 0 for an exit and 0x7f for a signal (signal_handler()
 * in its start.c), unlike wait(2). reboot(2) in a pid namespace reads as a signal to its init: HUP again, INT
 * for good. */
static MonitorEnd decode(int error_num, int *ret_status) {
        int value = (error_num >> 8) & 0xff;

        if ((error_num & 0x7f) == 0) {
                *ret_status = value;
                return MONITOR_ENDED;
        }
        if ((error_num & 0x7f) != 0x7f)
                value = error_num & 0x7f;
        *ret_status = value == SIGINT ? 0 : 128 + value;
        return value == SIGHUP ? MONITOR_REBOOT : MONITOR_ENDED;
}

int monitor_finish(Monitor *monitor, const char *folder, int *ret_status, char **message) {
        Result result = {};
        ssize_t n;
        int status;

        while (waitpid(monitor->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        monitor->pid = 0;
        n = read(monitor->result_fd, &result, sizeof(result));
        if (n != sizeof(result)) {
                /* It was killed, and so was the container. */
                *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 255;
                return MONITOR_ENDED;
        }
        if (result.ran)
                return decode(result.error_num, ret_status);
        if (!*message) {
                result.text[sizeof(result.text) - 1] = '\0';
                *message = result.text[0] ? strdup(result.text) : read_first_error(folder);
        }
        return MONITOR_FAILED;
}
