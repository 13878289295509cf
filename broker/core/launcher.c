/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Starting and ending containers.
 *
 * The container's keeper (davit-container) is started as a program of its own, which says "ok" or "error …"
 * on a pipe. That it runs is not taken from the pipe: as at any time, it is known by its record
 * (source/launched.c). A launch is done when the container is there and has what the policy gives it.
 *
 * A keeper is our child, but only by birth; where there is a service manager, it is a unit of its own, which
 * comes and asks what to do (keepers.c). Either way it goes on when we end; the next davitd finds it by its
 * record.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define READY_LINE_MAX 1024
#define EXIT_FILE_MAX  16

/* The soft limit that the kernel gives to init, and systemd to services. */
#define FILE_LIMIT_USUAL 1024U

/* A launch whose keeper has not spoken yet, or that waits until a former container of its name is cleaned up.
 */
struct PendingLaunch {
        Manager *manager;
        char *name;
        char **arguments; /* of `davit-container` */
        int stdio[3];
        CallDone done;
        void *userdata;
        bool ordered; /* the service manager is to start it */
        pid_t pid;    /* 0: not started yet */
        int pidfd;
        int ready_fd;
        int write_fd; /* the other end of ready_fd, until the keeper has it */
        LoopSource *ready;
        char line[READY_LINE_MAX];
        size_t n_line;
        int refused; /* errno: it runs, but was not taken in */
        PendingLaunch *next;
};

static void launch_free(PendingLaunch *launch) {
        loop_source_free(launch->ready);
        safe_close(launch->ready_fd);
        safe_close(launch->write_fd);
        safe_close(launch->pidfd);
        for (size_t i = 0; i < ELEMENTSOF(launch->stdio); i++)
                safe_close(launch->stdio[i]);
        for (char **arg = launch->arguments; arg && *arg; arg++)
                free(*arg);
        free(launch->arguments);
        free(launch->name);
        free(launch);
}

void manager_free_launches(Manager *manager) {
        while (manager->launches) {
                PendingLaunch *launch = manager->launches;

                manager->launches = launch->next;
                launch->done(launch->userdata, CALL_FAILED, "davitd is ending", 0);
                launch_free(launch);
        }
}

static void launch_unlink(PendingLaunch *launch) {
        for (PendingLaunch **p = &launch->manager->launches; *p; p = &(*p)->next)
                if (*p == launch) {
                        *p = launch->next;
                        return;
                }
}

/* Ends a launch that came to nothing. */
static void launch_fail(PendingLaunch *launch, const char *message) {
        launch_unlink(launch);
        log_full(LOG_ERR, 0, &(LogSubject){.container = launch->name}, "Failed to launch container %s: %s",
                 launch->name, message);
        launch->done(launch->userdata, CALL_LAUNCH_FAILED, message, 0);
        manager_tell_ended(launch->manager, launch->name, -1);
        launch_free(launch);
}

/* Done when the container has what the policy gives it. */
static void launch_is_up(PendingLaunch *launch) {
        Manager *manager = launch->manager;
        int r;

        launch_unlink(launch);
        r = manager_wait_for(manager, WAIT_RUNNING, NULL, launch->name, launch->done, launch->userdata);
        if (r < 0)
                call_fail(launch->done, launch->userdata, CALL_FAILED, "Failed to wait for %s: %s",
                          launch->name, strerror(-r));
        launch_free(launch);
        manager_check_waiters(manager);
}

/* The keeper ended before we had anything to do with its container: it never ran, or ran very briefly. */
static void on_keeper_ended(void *userdata, int fd, _unused_ unsigned int events) {
        PendingLaunch *launch = userdata;
        const char *message;
        siginfo_t info;

        (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
        if (launch->refused < 0) {
                launch_fail(launch, strerror(-launch->refused));
                return;
        }
        if (streq(launch->line, "ok")) {
                launch_unlink(launch);
                launch->done(launch->userdata, CALL_OK, "", 0);
                manager_tell_ended(launch->manager, launch->name,
                                   manager_exit_status(launch->manager, launch->name));
                launch_free(launch);
                return;
        }
        /* One that was killed on its way up had nobody told of what it leaves. */
        manager_container_stale(launch->manager, launch->name, NULL);
        message = startswith(launch->line, "error ");
        if (message && strchr(message, ' '))
                message = strchr(message, ' ') + 1;
        launch_fail(launch, !string_empty(message) ? message : "The launcher ended without a word");
}

void manager_refuse_launch(Manager *manager, const char *name, int error) {
        for (PendingLaunch *launch = manager->launches; launch; launch = launch->next)
                /* One that has ended by itself meanwhile has only been short. */
                if (streq(launch->name, name) && launch->pidfd >= 0 && error != -ESRCH) {
                        launch->refused = error;
                        (void)pidfd_send_signal(launch->pidfd, SIGTERM, NULL, /* flags= */ 0);
                }
}

static void launch_await_end(PendingLaunch *launch) {
        int r;

        launch->ready = loop_source_free(launch->ready);
        r = loop_add_io(launch->manager->loop, launch->pidfd, LOOP_READ, on_keeper_ended, launch,
                        &launch->ready);
        if (r < 0)
                launch_fail(launch, strerror(-r));
}

static void on_ready(void *userdata, int fd, _unused_ unsigned int events) {
        PendingLaunch *launch = userdata;
        char *end;
        ssize_t n;

        n = read(fd, launch->line + launch->n_line, sizeof(launch->line) - 1 - launch->n_line);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0)
                launch->n_line += (size_t)n;
        launch->line[launch->n_line] = '\0';
        manager_take_progress(launch->manager, launch->name, launch->line, &launch->n_line);
        end = strchr(launch->line, '\n');
        if (!end && n > 0 && launch->n_line < sizeof(launch->line) - 1)
                return;
        if (end)
                *end = '\0';

        if (streq(launch->line, "ok"))
                launched_scan(launch->manager->launched);
        if (streq(launch->line, "ok") && registry_container(&launch->manager->registry, launch->name))
                launch_is_up(launch);
        else
                launch_await_end(launch);
}

/* Ours is raised for many containers; programs inside may use select(), and loop over all that they could
 * have open. */
static void restore_file_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = MIN(limit.rlim_max, FILE_LIMIT_USUAL);
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static size_t count(char *const *strings) {
        size_t n = 0;

        while (strings && strings[n])
                n++;
        return n;
}

_Noreturn static void exec_keeper(const PendingLaunch *launch, int ready_fd) {
        const char *program = launch->manager->container_program;
        size_t n = count(launch->arguments);
        char **argv = calloc(n + 4, sizeof(*argv));
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* What we were started with, ignored in the background or by nohup, is nothing to a container. */
        for (int i = 1; i < NSIG; i++)
                (void)signal(i, SIG_DFL);
        restore_file_limit();
        /* A container is no part of our terminal: an interrupt for us is none for it. */
        setsid();

        /* Above the standard ones first, so that none is overwritten before it is put in its place. */
        for (int i = 0; i < 3; i++) {
                int fd = launch->stdio[i] >= 0 ? launch->stdio[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

                fd = fcntl(fd, F_DUPFD_CLOEXEC, 10 + i);
                if (fd < 0 || dup2(fd, i) < 0)
                        _exit(127);
        }
        if (dup2(ready_fd, 3) < 0 || !argv)
                _exit(127);
        argv[0] = (char *)program;
        argv[1] = launch->arguments[0];
        argv[2] = (char *)"--ready-fd=3";
        memcpy(argv + 3, launch->arguments + 1, n * sizeof(*argv));
        execv(program, argv);
        dprintf(3, "error %d Failed to run %s: %s\n", errno, program, strerror(errno));
        _exit(127);
}

/* The status of the last container of that name: RUNTIME/exits/NAME. */
static int exit_path(const Manager *manager, const char *name, char **ret) {
        return asprintf(ret, "%s/exits/%s", manager->runtime_dir, name) < 0 ? -ENOMEM : 0;
}

int manager_exit_status(const Manager *manager, const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        uint64_t status;

        if (exit_path(manager, name, &path) < 0 ||
            fd_read_file(AT_FDCWD, path, EXIT_FILE_MAX, &text, NULL) < 0)
                return -1;
        text[strcspn(text, "\n")] = '\0';
        return string_to_u64(text, 10, 255, &status) < 0 ? -1 : (int)status;
}

/* The keeper has its descriptors now. */
static void launch_drop_descriptors(PendingLaunch *launch) {
        launch->write_fd = safe_close(launch->write_fd);
        for (size_t i = 0; i < ELEMENTSOF(launch->stdio); i++)
                launch->stdio[i] = safe_close(launch->stdio[i]);
}

static int launch_fork(PendingLaunch *launch) {
        _cleanup_close_ int high_fd = -EBADF;

        high_fd = fcntl(launch->write_fd, F_DUPFD_CLOEXEC, 20);
        if (high_fd < 0)
                return -errno;
        launch->ordered = false;
        launch->pid = fork();
        if (launch->pid < 0)
                return -errno;
        if (launch->pid == 0)
                exec_keeper(launch, high_fd);

        launch->pidfd = pidfd_of(launch->pid);
        if (launch->pidfd < 0)
                return launch->pidfd;
        launch_drop_descriptors(launch);
        return loop_add_io(launch->manager->loop, launch->ready_fd, LOOP_READ, on_ready, launch,
                           &launch->ready);
}

static int launch_start(PendingLaunch *launch) {
        Manager *manager = launch->manager;
        _cleanup_free_ char *old_status = NULL;
        int fds[2];

        if (exit_path(manager, launch->name, &old_status) < 0)
                return -ENOMEM;
        if (unlink(old_status) < 0 && errno != ENOENT)
                return -errno;
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        launch->ready_fd = fds[0];
        launch->write_fd = fds[1];
        if (!manager->start_keeper)
                return launch_fork(launch);
        launch->ordered = true;
        return manager->start_keeper(manager->start_userdata, launch->name);
}

static PendingLaunch *find_ordered(const Manager *manager, const char *name) {
        for (PendingLaunch *launch = manager->launches; launch; launch = launch->next)
                if (launch->ordered && launch->pid == 0 && (!name || streq(launch->name, name)))
                        return launch;
        return NULL;
}

void manager_order_keeper(Manager *manager, const char *name, pid_t pid, int answer_fd) {
        PendingLaunch *launch = find_ordered(manager, name);
        int r;

        if (!launch)
                return;
        launch->pidfd = pidfd_of(pid);
        r = launch->pidfd;
        if (r >= 0)
                r = keepers_answer(
                        answer_fd, launch->arguments,
                        (int[]){launch->write_fd, launch->stdio[0], launch->stdio[1], launch->stdio[2]});
        /* It took the answer, so it lived still, and the number was its. */
        if (r >= 0) {
                launch->pid = pid;
                launch_drop_descriptors(launch);
                r = loop_add_io(manager->loop, launch->ready_fd, LOOP_READ, on_ready, launch, &launch->ready);
        }
        if (r < 0)
                launch_fail(launch, strerror(-r));
}

void manager_keeper_failed(Manager *manager, const char *name, int error, const char *message) {
        PendingLaunch *launch;

        while ((launch = find_ordered(manager, name))) {
                if (error == -ENOENT) {
                        log_full(LOG_NOTICE, 0, &(LogSubject){.container = launch->name},
                                 "There is no unit for container %s, its keeper is a child of davitd: %s",
                                 launch->name, message);
                        error = launch_fork(launch);
                        if (error >= 0)
                                continue;
                        message = strerror(-error);
                }
                launch_fail(launch, message);
        }
}

void manager_set_keeper_start(Manager *manager, KeeperStart start, void *userdata) {
        int r;

        if (start && manager->keepers_fd < 0) {
                r = keepers_open(manager);
                if (r < 0) {
                        log_error_errno(r, "Failed to open %s/keepers, keepers are children of davitd: %m",
                                        manager->runtime_dir);
                        return;
                }
        }
        manager->start_keeper = start;
        manager->start_userdata = userdata;
        if (start && manager->autostart_due)
                manager_autostart(manager, /* units= */ true);
}

void manager_check_launches(Manager *manager) {
        for (PendingLaunch *launch = manager->launches, *next; launch; launch = next) {
                int r;

                next = launch->next;
                if (launch->pid != 0 || launch->ordered || manager_cleans_up(manager, launch->name))
                        continue;
                r = launch_start(launch);
                if (r < 0)
                        launch_fail(launch, strerror(-r));
        }
}

static int push(char **argv, size_t *n, const char *arg) {
        argv[*n] = strdup(arg);
        return argv[(*n)++] ? 0 : -ENOMEM;
}

static int push_started(char **argv, size_t *n, const Edits *started) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < started->n_env; i++) {
                r = push(argv, n, "--cdi-env");
                if (r >= 0)
                        r = push(argv, n, started->env[i]);
        }
        for (size_t i = 0; r >= 0 && i < started->n_gids; i++) {
                char text[16];

                snprintf(text, sizeof(text), "%u", started->gids[i]);
                r = push(argv, n, "--cdi-gid");
                if (r >= 0)
                        r = push(argv, n, text);
        }
        return r;
}

/* The keeper's command line. On failure what was made of it is in *ret, to be freed. */
static int launch_arguments(const Manager *manager, const ManagerLaunch *launch, const Edits *started,
                            char ***ret) {
        const char *const head[] = {
                "run", "--foreground", "--runtime-dir", manager->runtime_dir, "--name", launch->name,
        };
        const char *const folders[][2] = {
                {"--container-dir", manager->container_dir},
                {"--state-dir", manager->state_dir},
        };
        size_t n = 0, n_labels = count(launch->labels), n_command = count(launch->command);
        char **argv = calloc(ELEMENTSOF(head) + 2 * ELEMENTSOF(folders) + 4 + 2 * n_labels + n_command +
                                     2 * (started->n_env + started->n_gids),
                             sizeof(*argv));
        int r = 0;

        *ret = argv;
        if (!argv)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(head); i++)
                r = push(argv, &n, head[i]);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(folders); i++)
                if (folders[i][1]) {
                        r = push(argv, &n, folders[i][0]);
                        if (r >= 0)
                                r = push(argv, &n, folders[i][1]);
                }
        if (r >= 0 && launch->rootfs) {
                r = push(argv, &n, "--rootfs");
                if (r >= 0)
                        r = push(argv, &n, launch->rootfs);
        }
        for (size_t i = 0; r >= 0 && i < n_labels; i++) {
                r = push(argv, &n, "--label");
                if (r >= 0)
                        r = push(argv, &n, launch->labels[i]);
        }
        if (r >= 0)
                r = push_started(argv, &n, started);
        if (r >= 0 && n_command > 0)
                r = push(argv, &n, "--");
        for (size_t i = 0; r >= 0 && i < n_command; i++)
                r = push(argv, &n, launch->command[i]);
        return r;
}

static bool name_is_taken(const Manager *manager, const char *name) {
        for (const PendingLaunch *launch = manager->launches; launch; launch = launch->next)
                if (streq(launch->name, name))
                        return true;
        return registry_container(&manager->registry, name);
}

static int launch_new(Manager *manager, const ManagerLaunch *request, CallDone done, void *userdata,
                      PendingLaunch **ret) {
        _cleanup_(edits_deinit) Edits started = {};
        PendingLaunch *launch = calloc(1, sizeof(*launch));
        int r = 0;

        if (!launch)
                return -ENOMEM;
        *launch = (PendingLaunch){
                .manager = manager,
                .stdio = {-EBADF, -EBADF, -EBADF},
                .done = done,
                .userdata = userdata,
                .pidfd = -EBADF,
                .ready_fd = -EBADF,
                .write_fd = -EBADF,
                .name = strdup(request->name),
        };
        if (!launch->name)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(launch->stdio); i++)
                if (request->stdio[i] >= 0) {
                        launch->stdio[i] = fcntl(request->stdio[i], F_DUPFD_CLOEXEC, 3);
                        if (launch->stdio[i] < 0)
                                r = -errno;
                }
        if (r >= 0)
                r = manager_start_edits(manager, request->name, request->labels, &started);
        if (r >= 0)
                r = launch_arguments(manager, request, &started, &launch->arguments);
        if (r < 0) {
                launch_free(launch);
                return r;
        }
        *ret = launch;
        return 0;
}

void manager_launch(Manager *manager, const ManagerLaunch *request, CallDone done, void *userdata) {
        _cleanup_free_ char *errors = NULL;
        PendingLaunch *launch;
        int r;

        if (!string_is_name(request->name)) {
                call_fail(done, userdata, CALL_INVALID_ARGUMENT,
                          "A container's name is 1 to 63 letters, digits, dots, dashes and underscores, the "
                          "first a letter or digit");
                return;
        }
        if (request->rootfs && request->rootfs[0] != '/') {
                call_fail(done, userdata, CALL_INVALID_ARGUMENT,
                          "The root folder has to be an absolute path");
                return;
        }
        if (name_is_taken(manager, request->name)) {
                call_fail(done, userdata, CALL_EXISTS, "A container %s is there already", request->name);
                return;
        }

        r = manager_check_container_file(manager, request->name, &errors);
        if (r > 0) {
                done(userdata, CALL_LAUNCH_FAILED, errors, 0);
                return;
        }
        if (r >= 0)
                r = launch_new(manager, request, done, userdata, &launch);
        if (r < 0) {
                call_fail(done, userdata, CALL_FAILED, "Failed to launch %s: %s", request->name,
                          strerror(-r));
                return;
        }
        launch->next = manager->launches;
        manager->launches = launch;
        /* A keeper that was killed may have left things of this name: they go first. */
        launched_scan(manager->launched);
        manager_check_launches(manager);
}

static Context *find_context(const Manager *manager, const char *name) {
        Container *container = registry_container(&manager->registry, name);

        return container ? context_of(container) : NULL;
}

/* One whose keeper there is. */
static PendingLaunch *find_started(const Manager *manager, const char *name) {
        for (PendingLaunch *launch = manager->launches; launch; launch = launch->next)
                if (launch->pidfd >= 0 && streq(launch->name, name))
                        return launch;
        return NULL;
}

void manager_stop(Manager *manager, const char *name, CallDone done, void *userdata) {
        Context *context = find_context(manager, name);
        PendingLaunch *launch = context ? NULL : find_started(manager, name);
        int r;

        if (!context && !launch) {
                call_fail(done, userdata, CALL_NO_SUCH_CONTAINER, "No container %s runs", name);
                return;
        }
        r = manager_wait_for(manager, WAIT_ENDED, NULL, name, done, userdata);
        if (r < 0) {
                call_fail(done, userdata, CALL_FAILED, "Failed to wait for %s: %s", name, strerror(-r));
                return;
        }
        /* One that is on its way up, which may take long, is called off. Without a keeper nobody else would
         * end it. */
        if (launch)
                (void)pidfd_send_signal(launch->pidfd, SIGTERM, NULL, /* flags= */ 0);
        else if (context->keeper_pidfd >= 0)
                (void)pidfd_send_signal(context->keeper_pidfd, SIGTERM, NULL, /* flags= */ 0);
        else
                (void)pidfd_send_signal(context->container->init_pidfd, SIGKILL, NULL, /* flags= */ 0);
}

void manager_wait(Manager *manager, const char *name, CallDone done, void *userdata) {
        int r;

        if (!string_is_name(name) || !find_context(manager, name)) {
                int status = string_is_name(name) ? manager_exit_status(manager, name) : -1;

                /* One that has ended since it was launched is waited for as well. */
                if (status >= 0)
                        done(userdata, CALL_OK, "", status);
                else
                        call_fail(done, userdata, CALL_NO_SUCH_CONTAINER, "No container %s runs", name);
                return;
        }
        r = manager_wait_for(manager, WAIT_ENDED, NULL, name, done, userdata);
        if (r < 0)
                call_fail(done, userdata, CALL_FAILED, "Failed to wait for %s: %s", name, strerror(-r));
}

void manager_kill(Manager *manager, const char *name, int signal, CallDone done, void *userdata) {
        Context *context = find_context(manager, name);

        if (!context) {
                call_fail(done, userdata, CALL_NO_SUCH_CONTAINER, "No container %s runs", name);
                return;
        }
        if (signal < 1 || signal > SIGRTMAX) {
                call_fail(done, userdata, CALL_INVALID_ARGUMENT, "There is no signal %d", signal);
                return;
        }
        if (pidfd_send_signal(context->container->init_pidfd, signal, NULL, /* flags= */ 0) < 0) {
                call_fail(done, userdata, CALL_FAILED, "Failed to signal container %s: %s", name,
                          strerror(errno));
                return;
        }
        done(userdata, CALL_OK, "", 0);
}
