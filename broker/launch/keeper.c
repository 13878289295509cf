/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The keeper of one container: takes what the container needs, starts it, writes its record, waits, takes all
 * off.
 *
 * Two lives are nested. The keeper's own, from the lock to the exit status, in keeper_run(); and a boot,
 * which is all that the container has, in keeper_boot(): a reboot inside is a second boot under the same
 * lock. A boot takes off what it made whether or not it came to run, by the same function that deals with the
 * leftovers of a keeper that was killed: there is no second way down.
 *
 * Order on the way up: id slice, live /dev, device filter, root, container, record, "ok". The filter denies
 * before the first process is in its folder, and before anybody is told that the container runs it is made
 * sure that it is there.
 *
 * On the way down the record goes last but for the lock: who sees no record, and the lock free, finds nothing
 * else.
 */

#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "inject/filter.h"
#include "inject/live-dev.h"
#include "launch/alias.h"
#include "launch/cgroup-tree.h"
#include "launch/container-config.h"
#include "launch/container-file.h"
#include "launch/launch.h"
#include "launch/leftovers.h"
#include "launch/message.h"
#include "launch/monitor.h"
#include "launch/root-folder.h"
#include "launch/root-layers.h"
#include "launch/unit.h"
#include "model/record.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define SUBUID             "/etc/subuid"
#define SUBGID             "/etc/subgid"
#define LOCKS_DIR          "/run/lock/davit"
#define STOP_GRACE_MS      10000 /* of a command; a system ends its services first */
#define HALT_GRACE_MS      60000
#define REBOOTS_AT_ONCE    5 /* a container that reboots faster than this per REBOOT_SPAN_MS is ended */
#define KILL_AGAIN_MS      1000
#define STATUS_SIZE_MAX    65536
#define HALT_AGAIN_MS      1000
#define LISTENS_MS         20
#define EXITING_MS         1000
#define REBOOT_SPAN_MS     10000
#define CLEAN_UP_TRIES_MAX 50 /* a tree of files takes as long as it takes */

typedef struct Keeper {
        const LaunchRequest *request;
        char *folder;
        char *cgroup;
        char *message; /* what went wrong, for whoever asked for the launch */
        int signal_fd;
        int ready_fd;
        bool stopping;
        bool told; /* whoever waited how the launch went */

        /* Of one boot. */
        IdSlice slice;
        RootFolder root;
        int kept_fd; /* the lock of what is kept of the container */
        Monitor monitor;
        int init_pidfd;
        int halt_signal;
        bool udev;
        bool keep_run;
        pid_t init_pid;
        uint64_t halt_at; /* milliseconds of CLOCK_MONOTONIC; 0 never */
        uint64_t kill_at; /* likewise */
} Keeper;

static uint64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void keeper_deinit(Keeper *keeper) {
        free(keeper->folder);
        free(keeper->cgroup);
        free(keeper->message);
        safe_close(keeper->signal_fd);
        safe_close(keeper->ready_fd);
}

/* Tells whoever waits, once. A reader that went away is no matter: SIGPIPE is blocked. */
static void keeper_report(Keeper *keeper, int error) {
        char line[1024], text[768];
        int n;

        if (error < 0)
                string_escape(text, sizeof(text), keeper->message ?: strerror(-error));
        if (keeper->request->unit && !keeper->told)
                error < 0 ? unit_tell_failed(text) : unit_tell_ready();
        keeper->told = true;
        if (keeper->ready_fd < 0)
                return;
        if (error < 0) {
                n = snprintf(line, sizeof(line), "error %d %s\n", -error, text);
        } else
                n = snprintf(line, sizeof(line), "ok\n");
        if (write(keeper->ready_fd, line, (size_t)n) < 0)
                log_debug_errno(errno, "Nobody reads how the launch went: %m");
        keeper->ready_fd = safe_close(keeper->ready_fd);
}

/* Those that call a launch off. The others are for the container, and wait until there is one. */
static int keeper_hear(Keeper *keeper, bool all) {
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
        const size_t n_ending = 4; /* the first ones */
        sigset_t set, blocked;
        int fd;

        sigemptyset(&set);
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGPIPE);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                sigaddset(&blocked, signals[i]);
                if (all || i < n_ending)
                        sigaddset(&set, signals[i]);
        }
        if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
                return -errno;
        fd = signalfd(keeper->signal_fd < 0 ? -1 : keeper->signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        keeper->signal_fd = fd;
        return 0;
}

/* The ids that the container must have; 0 any. */
static int keeper_wanted_ids(Keeper *keeper, uint32_t *ret) {
        const ContainerFile *file = keeper->request->file;
        uint32_t want = keeper->root.uid;
        int r;

        if (file && file->root.kind != CONTAINER_ROOT_SMALL) {
                r = root_layers_wanted_ids(&file->root, &want, &keeper->message);
                if (r < 0)
                        return r;
        }
        if (file && file->ids > 0) {
                if (want > 0 && want != file->ids)
                        return message_set(
                                &keeper->message, -EINVAL,
                                "the root folder is owned by uid %u, and the container file wants the "
                                "ids from %u on: change one of them",
                                (unsigned int)want, (unsigned int)file->ids);
                want = file->ids;
        }
        *ret = want;
        return 0;
}

/* A root that is put together, or the small one: made at @path. */
static int keeper_make_root(Keeper *keeper, const char *path, char **ret_busybox) {
        const LaunchRequest *request = keeper->request;
        RootRequest root = {
                .folder = keeper->folder,
                .state_dir = request->state_dir,
                .name = request->name,
                .slice = &keeper->slice,
                .cancel_fd = keeper->signal_fd,
                .progress_fd = keeper->ready_fd,
        };

        if (!request->file || request->file->root.kind == CONTAINER_ROOT_SMALL)
                return small_root_create(path, keeper->slice.uid_base, keeper->slice.gid_base, ret_busybox,
                                         &keeper->message);
        root.root = &request->file->root;
        return root_layers_create(&root, &keeper->kept_fd, &keeper->message);
}

/* The root that was given, with the slice that its owner asks for; or a slice, and a small root that it owns.
 */
static int keeper_take_root(Keeper *keeper, char **ret_busybox) {
        const LaunchRequest *request = keeper->request;
        _cleanup_free_ char *path = NULL;
        uint32_t want = 0;
        int r;

        if (request->rootfs) {
                r = root_folder_open(request->rootfs, &keeper->root, &keeper->message);
                if (r < 0)
                        return r;
        }
        r = keeper_wanted_ids(keeper, &want);
        if (r < 0)
                return r;
        r = id_slice_take(SUBUID, SUBGID, LOCKS_DIR, want, &keeper->slice, &keeper->message);
        if (r < 0)
                return r;
        if (!request->rootfs) {
                if (asprintf(&path, "%s/rootfs", keeper->folder) < 0)
                        return -ENOMEM;
                r = keeper_make_root(keeper, path, ret_busybox);
                if (r >= 0)
                        r = root_folder_open(path, &keeper->root, &keeper->message);
                /* Nobody on the host but us and this container's root gets in. */
                if (r >= 0 &&
                    (chown(keeper->folder, 0, keeper->slice.gid_base) < 0 || chmod(keeper->folder, 0710) < 0))
                        r = -errno;
                if (r < 0)
                        return r;
        } else if (!keeper->root.idmapped && keeper->root.gid != keeper->slice.gid_base)
                return message_set(
                        &keeper->message, -EINVAL,
                        "the root folder %s is owned by uid %u and gid %u: both must be the first of a range "
                        "of root's in /etc/subuid and /etc/subgid",
                        request->rootfs, (unsigned int)keeper->root.uid, (unsigned int)keeper->root.gid);
        if (!keeper->root.idmapped) {
                r = root_folder_check_reach(&keeper->root, keeper->slice.uid_base, keeper->slice.gid_base,
                                            &keeper->message);
                if (r < 0)
                        return r;
        }
        if (request->rootfs && !keeper->root.idmapped)
                return root_folder_hold_ids(&keeper->root, request->file && request->file->ids > 0,
                                            &keeper->message);
        return 0;
}

/* An init system is told to power off, and again until it listens; a command is ended once. One that a file
 * names is what it is called. */
static bool runs_command(const LaunchRequest *request) {
        const char *name, *slash;

        if (!request->command)
                return false;
        name = request->command[0];
        slash = strrchr(name, '/');
        if (slash)
                name = slash + 1;
        return !(request->file && request->command == (char *const *)request->file->init &&
                 (streq(name, "init") || streq(name, "systemd")));
}

static int keeper_prepare(Keeper *keeper, char **ret_busybox) {
        const LaunchRequest *request = keeper->request;
        const char *program = request->command ? request->command[0] : "/sbin/init";
        int r;

        r = keeper_take_root(keeper, ret_busybox);
        if (r < 0)
                return r;
        r = root_folder_check_places(&keeper->root, &keeper->message);
        if (r >= 0)
                r = root_folder_check_program(&keeper->root, program, &keeper->message);
        if (r < 0)
                return r;
        keeper->halt_signal =
                runs_command(request) ? SIGTERM : root_folder_halt_signal(&keeper->root, program);

        keeper->udev = runs_command(request) || !root_folder_has_udevd(&keeper->root);
        keeper->keep_run =
                keeper->udev && !runs_command(request) && root_folder_is_systemd(&keeper->root, program);

        r = live_dev_create(request->runtime_dir, request->name, keeper->slice.uid_base,
                            keeper->slice.gid_base, keeper->udev);
        if (r < 0)
                return message_set(&keeper->message, r, "the container's /dev cannot be made: %s",
                                   strerror(-r));
        r = filter_create(FILTER_AUTO, keeper->cgroup);
        if (r < 0)
                return message_set(&keeper->message, r, "the container's device filter cannot be made: %s",
                                   strerror(-r));
        return 0;
}

static bool has_ended(int pidfd, int wait_ms) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return poll(&p, 1, wait_ms) > 0;
}

static int keeper_start(Keeper *keeper, const char *busybox, uint64_t *ret_init_start) {
        const LaunchRequest *request = keeper->request;
        _cleanup_free_ char *alias = NULL;
        ContainerConfig config = {
                .runtime_dir = request->runtime_dir,
                .name = request->name,
                .folder = keeper->folder,
                .cgroup = keeper->cgroup,
                .busybox = busybox,
                .root = &keeper->root,
                .slice = &keeper->slice,
                .file = request->file,
                .started = request->started,
                .halt_signal = keeper->halt_signal,
                .terminal = request->terminal,
                .udev = keeper->udev,
                .keep_run = keeper->keep_run,
        };
        int r;

        r = alias_choose(keeper->folder, request->name, &alias);
        if (r < 0)
                return r;
        config.alias = alias;
        r = monitor_start(&config, request->command, &keeper->monitor);
        if (r < 0)
                return r;
        r = monitor_wait_running(&keeper->monitor, request->runtime_dir, alias, keeper->signal_fd,
                                 &keeper->init_pid, &keeper->init_pidfd, ret_init_start);
        if (r == -ETIMEDOUT)
                return message_set(&keeper->message, r, "the container did not start in time");
        if (r == -ECANCELED)
                return message_set(&keeper->message, r, "the launch was called off by a signal");
        if (r < 0)
                return r;
        if (cgroup_tree_confines(keeper->cgroup, keeper->init_pid) > 0)
                return 0;
        /* A process that is about to end has left its folder already, a moment before its pidfd tells. */
        if (has_ended(keeper->init_pidfd, EXITING_MS))
                return -ECHILD;
        return message_set(&keeper->message, -EXDEV,
                           "the container did not come to be below its device filter in the cgroup %s",
                           keeper->cgroup);
}

static int set_labels(PropertyList *list, char *const *labels) {
        for (; labels && *labels; labels++) {
                const char *equals = strchr(*labels, '=');
                _cleanup_free_ char *key = NULL;
                int r;

                if (!equals)
                        return -EINVAL;
                key = strndup(*labels, (size_t)(equals - *labels));
                if (!key)
                        return -ENOMEM;
                r = property_list_set(list, key, equals + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int keeper_write_record(Keeper *keeper, uint64_t init_start) {
        _cleanup_(container_record_deinit) ContainerRecord record = {
                .keeper_pid = getpid(),
                .init_pid = keeper->init_pid,
                .init_start = init_start,
        };
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        record.cgroup = strdup(keeper->cgroup);
        if (!record.cgroup || asprintf(&path, "%s/state", keeper->folder) < 0)
                return -ENOMEM;
        r = set_labels(&record.labels, keeper->request->labels);
        if (r >= 0 && keeper->request->started)
                r = edits_append(&record.started, keeper->request->started);
        if (r >= 0)
                r = container_record_format(&record, &text);
        if (r < 0)
                return r;
        return fd_write_file(AT_FDCWD, path, text, strlen(text), 0600);
}

static void keeper_send(Keeper *keeper, int signal) {
        if (syscall(SYS_pidfd_send_signal, keeper->init_pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
                log_warning_errno(errno, "Failed to send signal %d to the container's init: %m", signal);
}

/* Whether init handles @signal, or blocks it. Until it does, the kernel drops it, as it does for any init.
 * One that waits in sigwait(3) is not told from one that does not listen. */
static bool init_listens(pid_t pid, int signal) {
        static const char *const fields[] = {"\nSigBlk:\t", "\nSigCgt:\t"};
        _cleanup_free_ char *text = NULL;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
        if (fd_read_file(AT_FDCWD, path, STATUS_SIZE_MAX, &text, NULL) < 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *field = strstr(text, fields[i]);

                if (field && strtoull(field + strlen(fields[i]), NULL, 16) & 1ULL << (signal - 1))
                        return true;
        }
        return false;
}

static void keeper_read_signals(Keeper *keeper) {
        struct signalfd_siginfo info;

        while (read(keeper->signal_fd, &info, sizeof(info)) == sizeof(info)) {
                if (info.ssi_signo == SIGTERM) {
                        uint64_t now = now_ms();

                        keeper->stopping = true;
                        if (keeper->kill_at == 0)
                                keeper->kill_at =
                                        now + (runs_command(keeper->request) ? STOP_GRACE_MS : HALT_GRACE_MS);
                        keeper->halt_at = now + (runs_command(keeper->request) ? HALT_AGAIN_MS : 0);
                } else
                        keeper_send(keeper, (int)info.ssi_signo);
        }
}

/*
 * Asks init to end. A signal that comes before it listens is lost. So an init system, which takes "power off"
 * twice for once, is told every second; a command, to which a second SIGTERM may mean something else, is told
 * once, when it listens or is past the time in which it might be about to. Return: milliseconds until this is
 * to be called again; -1 never.
 */
static int keeper_halt(Keeper *keeper, uint64_t now) {
        bool is_command = runs_command(keeper->request);

        if (keeper->halt_at == 0)
                return -1;
        if (now >= keeper->halt_at) {
                keeper_send(keeper, keeper->halt_signal);
                keeper->halt_at = is_command ? 0 : now + HALT_AGAIN_MS;
        } else if (is_command && init_listens(keeper->init_pid, keeper->halt_signal)) {
                keeper_send(keeper, keeper->halt_signal);
                keeper->halt_at = 0;
        }
        if (keeper->halt_at == 0)
                return -1;
        return is_command ? LISTENS_MS : HALT_AGAIN_MS;
}

/* SIGKILL to init ends the others too, but for what is frozen: init included, it may have frozen itself. */
static void keeper_kill(Keeper *keeper) {
        char payload[PATH_MAX];

        keeper_send(keeper, SIGKILL);
        if (snprintf(payload, sizeof(payload), "%s/payload", keeper->cgroup) < (int)sizeof(payload))
                (void)cgroup_tree_remove(payload, KILL_AGAIN_MS);
}

/* Goes on with a stop that was asked for. Return: as above. */
static int keeper_stop(Keeper *keeper) {
        uint64_t now = now_ms();
        int halt_ms, kill_ms;

        if (keeper->kill_at == 0)
                return -1;
        if (now >= keeper->kill_at) {
                keeper_kill(keeper);
                keeper->halt_at = 0;
                keeper->kill_at = now_ms() + KILL_AGAIN_MS;
                return KILL_AGAIN_MS;
        }
        kill_ms = (int)(keeper->kill_at - now);
        halt_ms = keeper_halt(keeper, now);
        return halt_ms < 0 ? kill_ms : MIN(halt_ms, kill_ms);
}

/* Until the monitor ended. */
static int keeper_wait(Keeper *keeper) {
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = keeper->monitor.pidfd, .events = POLLIN},
                        {.fd = keeper->signal_fd, .events = POLLIN},
                };

                if (poll(fds, ELEMENTSOF(fds), keeper_stop(keeper)) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (fds[1].revents)
                        keeper_read_signals(keeper);
                if (fds[0].revents)
                        return 0;
        }
}

/* What is between "nothing is there" and "all that can be waited for is waited for". */
static int keeper_run_boot(Keeper *keeper, int *ret_status) {
        _cleanup_free_ char *busybox = NULL;
        uint64_t init_start = 0;
        int r;

        r = keeper_hear(keeper, /* all= */ false);
        if (r >= 0)
                r = keeper_prepare(keeper, &busybox);
        if (r >= 0)
                r = keeper_start(keeper, busybox, &init_start);
        if (r >= 0)
                r = keeper_write_record(keeper, init_start);
        if (r >= 0)
                r = keeper_hear(keeper, /* all= */ true);
        if (r >= 0) {
                keeper_report(keeper, 0);
                r = keeper_wait(keeper);
        }
        /* -ECHILD: it ended before we could see that it runs, which a short command may well do. */
        if (r < 0 && r != -ECHILD)
                return r;
        return monitor_finish(&keeper->monitor, keeper->folder, ret_status, &keeper->message);
}

/* Return: a MonitorEnd; negative errno, it never ran. */
static int keeper_boot(Keeper *keeper, int *ret_status) {
        unsigned int n_tries = 0;
        int r, cleaned;

        keeper->slice = ID_SLICE_NULL;
        keeper->root = ROOT_FOLDER_NULL;
        keeper->kept_fd = -EBADF;
        keeper->monitor = MONITOR_NULL;
        keeper->init_pidfd = -EBADF;
        keeper->init_pid = 0;
        keeper->halt_at = 0;
        keeper->kill_at = 0;

        r = keeper_run_boot(keeper, ret_status);

        monitor_deinit(&keeper->monitor);
        keeper->init_pidfd = safe_close(keeper->init_pidfd);
        root_folder_deinit(&keeper->root);
        do
                cleaned = leftovers_remove(keeper->request->runtime_dir, keeper->request->name);
        while (cleaned == -EBUSY && ++n_tries < CLEAN_UP_TRIES_MAX);
        if (cleaned < 0)
                log_warning_errno(cleaned, "Failed to take off all of the container: %m");
        keeper->kept_fd = safe_close(keeper->kept_fd);
        id_slice_release(&keeper->slice);

        if (r == MONITOR_FAILED)
                return message_set(&keeper->message, -EIO, "liblxc could not start the container");
        return r;
}

static int keeper_boot_until_ended(Keeper *keeper, int *ret_status) {
        uint64_t span_start = now_ms();
        unsigned int reboots = 0;
        int r;

        do {
                r = keeper_boot(keeper, ret_status);
                if (r < 0)
                        return r;
                if (now_ms() - span_start > REBOOT_SPAN_MS) {
                        span_start = now_ms();
                        reboots = 0;
                }
        } while (r == MONITOR_REBOOT && !keeper->stopping && ++reboots < REBOOTS_AT_ONCE);
        return 0;
}

static int keeper_exit_path(Keeper *keeper, char **ret) {
        return asprintf(ret, "%s/exits/%s", keeper->request->runtime_dir, keeper->request->name) < 0 ? -ENOMEM
                                                                                                     : 0;
}

static void keeper_write_exit(Keeper *keeper, int status) {
        _cleanup_free_ char *path = NULL;
        char text[16];
        int r;

        snprintf(text, sizeof(text), "%d\n", status);
        r = keeper_exit_path(keeper, &path);
        if (r >= 0)
                r = fd_write_file(AT_FDCWD, path, text, strlen(text), 0644);
        if (r < 0)
                log_warning_errno(r, "Failed to keep the exit status of %s: %m", keeper->request->name);
}

static int check_request(const LaunchRequest *request, char **message) {
        if (!string_is_name(request->name))
                return message_set(message, -EINVAL,
                                   "a name is 1 to 63 letters, digits, dots, dashes or underscores, "
                                   "the first a letter or digit");
        if (request->runtime_dir[0] != '/')
                return message_set(message, -EINVAL, "the runtime folder must be an absolute path");
        if (request->command && !request->command[0])
                return message_set(message, -EINVAL, "the command is empty");
        for (char *const *label = request->labels; label && *label; label++)
                if ((*label)[0] == '=' || !strchr(*label, '=') || strchr(*label, '\n'))
                        return message_set(message, -EINVAL, "a label is KEY=VALUE on one line");
        if (geteuid() != 0)
                return message_set(message, -EPERM, "only root can launch containers");
        return 0;
}

/* Where the container's processes are to be, written down for whoever has to remove them after us. */
static int keeper_place(Keeper *keeper) {
        const LaunchRequest *request = keeper->request;
        int r = -EOPNOTSUPP;

        if (request->unit) {
                r = unit_take_cgroup(&keeper->cgroup);
                if (r < 0 && r != -EOPNOTSUPP)
                        return message_set(&keeper->message, r, "the unit's cgroup cannot be divided: %s",
                                           strerror(-r));
        }
        if (r < 0)
                r = launch_cgroup(request->runtime_dir, request->name, &keeper->cgroup);
        return r < 0 ? r : container_place_write(keeper->folder, keeper->cgroup);
}

/* Under the lock. */
static int keeper_live(Keeper *keeper, int *ret_status) {
        _cleanup_free_ char *exit_path = NULL;
        int r;

        r = keeper_exit_path(keeper, &exit_path);
        if (r < 0)
                return r;
        if (unlink(exit_path) < 0 && errno != ENOENT)
                return -errno;
        r = leftovers_remove(keeper->request->runtime_dir, keeper->request->name);
        if (r < 0)
                return message_set(&keeper->message, r,
                                   "what an earlier container of that name left cannot be removed: %s",
                                   strerror(-r));
        r = keeper_place(keeper);
        if (r < 0)
                return r;
        r = keeper_boot_until_ended(keeper, ret_status);
        if (r >= 0)
                keeper_write_exit(keeper, *ret_status);
        return r;
}

static int keeper_lock_and_live(Keeper *keeper, int *ret_status) {
        const LaunchRequest *request = keeper->request;
        _cleanup_close_ int lock_fd = -EBADF;
        int r;

        r = check_request(request, &keeper->message);
        if (r < 0)
                return r;
        r = container_config_prepare(request->runtime_dir);
        if (r < 0)
                return message_set(&keeper->message, r, "the runtime folder %s cannot be made",
                                   request->runtime_dir);
        r = container_folder_path(request->runtime_dir, request->name, &keeper->folder);
        if (r >= 0)
                r = keeper_hear(keeper, /* all= */ false);
        if (r < 0)
                return r;

        lock_fd = container_folder_lock(keeper->folder);
        if (lock_fd == -EBUSY)
                return message_set(&keeper->message, -EEXIST, "a container %s is running already",
                                   request->name);
        if (lock_fd < 0)
                return lock_fd;
        r = keeper_live(keeper, ret_status);
        keeper_report(keeper, r);
        if (container_folder_remove(keeper->folder) < 0)
                log_warning("Failed to remove the folder of container %s", request->name);
        return r;
}

int keeper_run(const LaunchRequest *request, int ready_fd) {
        _cleanup_(keeper_deinit) Keeper keeper = {
                .request = request,
                .signal_fd = -EBADF,
                .ready_fd = ready_fd,
        };
        const LogSubject subject = {.container = request->name};
        int r, status = 0;

        r = keeper_lock_and_live(&keeper, &status);
        keeper_report(&keeper, r);
        if (r < 0)
                return log_full(LOG_ERR, r, &subject, "Failed to launch: %s", keeper.message ?: strerror(-r));
        return status;
}
