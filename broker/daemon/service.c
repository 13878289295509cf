/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitd as a process among others.
 *
 * The lock is a flock on RUNTIME/lock: it ends with the process however that ends, so nothing is ever left to
 * clean up. Going to the background is a fork before all else; the parent learns over a pipe whether the
 * start went well.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "daemon/service.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

/* Four for each container and some for each device; the kernel's own limit is higher (fs.nr_open). */
#define DESCRIPTORS_WANTED 65536U

/* For how long a child of a davitd that was killed is waited for: longer than such a child may take. */
#define LOCK_PAUSE_NSEC 20000000L
#define LOCK_PAUSES_MAX 750U

static int check_runtime_dir(int fd, const char *path) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return log_error_errno(errno, "Failed to look at %s: %m", path);
        if (st.st_uid != 0) {
                log_error("%s belongs to user %u: what is in it cannot be believed", path, st.st_uid);
                return -EPERM;
        }
        if (st.st_mode & (S_IWGRP | S_IWOTH)) {
                log_error("%s may be written to by others (mode %04o): what is in it cannot be believed",
                          path, st.st_mode & 07777);
                return -EPERM;
        }
        return 0;
}

/* Whether the process that has written its number into the lock file lives. */
static bool holder_lives(int lock_fd) {
        char text[16] = "";
        uint64_t pid;

        if (pread(lock_fd, text, sizeof(text) - 1, 0) <= 0)
                return true; /* it has just taken the lock */
        text[strcspn(text, "\n")] = '\0';
        return string_to_u64(text, 10, INT_MAX, &pid) < 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/*
 * A davitd that was killed may have left a child that moves an interface. It has the lock too, and has to
 * come to its end before anybody looks at what is present.
 *
 * Return: 0; -EBUSY another davitd lives; -ETIMEDOUT such a child does not come to its end; errno.
 */
static int take_lock(int lock_fd) {
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NSEC};
        char text[16];
        int n;

        for (unsigned int i = 0; flock(lock_fd, LOCK_EX | LOCK_NB) < 0; i++) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
                if (holder_lives(lock_fd))
                        return -EBUSY;
                if (i >= LOCK_PAUSES_MAX)
                        return -ETIMEDOUT;
                nanosleep(&pause, NULL);
        }
        n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
        if (ftruncate(lock_fd, 0) < 0 || pwrite(lock_fd, text, (size_t)n, 0) < 0)
                return -errno;
        return 0;
}

int service_claim_runtime_dir(const char *path, int *ret_lock) {
        _cleanup_close_ int dir_fd = -EBADF, lock_fd = -EBADF;
        int r;

        if (path[0] != '/') {
                log_error("The runtime folder '%s' is not absolute", path);
                return -EINVAL;
        }
        r = fd_mkdir_parents(path, 0755);
        if (r < 0)
                return log_error_errno(r, "Failed to make %s: %m", path);
        dir_fd = fd_open_dir(AT_FDCWD, path);
        if (dir_fd < 0)
                return log_error_errno(dir_fd, "Failed to open %s: %m", path);
        r = check_runtime_dir(dir_fd, path);
        if (r < 0)
                return r;

        lock_fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (lock_fd < 0)
                return log_error_errno(errno, "Failed to open %s/lock: %m", path);
        r = take_lock(lock_fd);
        if (r == -EBUSY)
                return log_error_errno(r, "Another davitd runs with %s", path);
        if (r < 0)
                return log_error_errno(r, "Failed to lock %s/lock: %m", path);
        *ret_lock = TAKE_FD(lock_fd);
        return 0;
}

static void on_signal_do_nothing(_unused_ int number) {
}

int service_prepare_process(void) {
        /* A handler, not SIG_IGN: that would be inherited by every container through execve(). */
        struct sigaction action = {.sa_handler = on_signal_do_nothing, .sa_flags = SA_RESTART};
        struct rlimit limit;

        if (sigaction(SIGPIPE, &action, NULL) < 0)
                return log_error_errno(errno, "Failed to handle SIGPIPE: %m");
        umask(0022);
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return log_error_errno(errno, "Failed to read the limit of open files: %m");
        if (limit.rlim_cur < DESCRIPTORS_WANTED) {
                limit.rlim_cur = limit.rlim_max == RLIM_INFINITY
                                         ? DESCRIPTORS_WANTED
                                         : MIN(limit.rlim_max, (rlim_t)DESCRIPTORS_WANTED);
                if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                        log_warning_errno(errno, "Failed to raise the limit of open files: %m");
        }
        return 0;
}

/* The parent: ends as the child's start ends. */
static _Noreturn void await_start(pid_t pid, int fd) {
        char byte;
        ssize_t n;
        int status;

        do
                n = read(fd, &byte, 1);
        while (n < 0 && errno == EINTR);
        if (n == 1)
                _exit(0);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

int service_detach(int *ret_ready) {
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return log_error_errno(errno, "Failed to make a pipe: %m");
        pid = fork();
        if (pid < 0) {
                int r = -errno;

                safe_close(fds[0]);
                safe_close(fds[1]);
                return log_error_errno(r, "Failed to fork: %m");
        }
        if (pid > 0) {
                safe_close(fds[1]);
                await_start(pid, fds[0]);
        }

        safe_close(fds[0]);
        if (setsid() < 0 || chdir("/") < 0) {
                int r = -errno;

                safe_close(fds[1]);
                return log_error_errno(r, "Failed to leave the terminal: %m");
        }
        *ret_ready = fds[1];
        return 0;
}

void service_notify(const char *state) {
        int r = sd_notify(/* unset_environment= */ 0, state);

        if (r < 0)
                log_warning_errno(r, "Failed to tell the service manager: %m");
}

uint64_t service_watchdog_usec(void) {
        uint64_t usec;

        return sd_watchdog_enabled(/* unset_environment= */ 0, &usec) > 0 ? usec / 3 : 0;
}

int service_take_stored(const char *name) {
        _cleanup_close_ int found = -EBADF;
        char **names = NULL;
        int n;

        n = sd_listen_fds_with_names(/* unset_environment= */ 1, &names);
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (found < 0 && streq(names[i], name))
                        found = fd;
                else
                        safe_close(fd);
                free(names[i]);
        }
        free(names);
        if (n < 0)
                return n;
        return found < 0 ? -ENOENT : TAKE_FD(found);
}

void service_store(const char *name, int fd) {
        char state[128];
        int r;

        snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);
        service_notify(state);
        snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", name);
        r = sd_pid_notify_with_fds(/* pid= */ 0, /* unset_environment= */ 0, state, &fd, 1);
        if (r < 0)
                log_warning_errno(r, "Failed to leave a descriptor with the service manager: %m");
}

void service_ready(int *ready_fd) {
        service_notify("READY=1");
        if (*ready_fd < 0)
                return;

        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
            dup2(null_fd, STDERR_FILENO) < 0)
                log_warning_errno(errno, "Failed to let go of the standard descriptors: %m");
        if (write(*ready_fd, "r", 1) < 0)
                log_warning_errno(errno, "Failed to tell the parent process: %m");
        *ready_fd = safe_close(*ready_fd);
}

bool service_has_units(void) {
        return sd_booted() > 0;
}

bool service_is_managed(void) {
        const char *started = getenv("SYSTEMD_EXEC_PID");
        uint64_t pid;

        /* What is inherited from a service further up, such as $INVOCATION_ID, says nothing of us. */
        return getenv("NOTIFY_SOCKET") ||
               (started && string_to_u64(started, 10, INT_MAX, &pid) >= 0 && (pid_t)pid == getpid());
}

/* One field of a journal entry, in @buffer. What does not fit is cut: it is a name. */
static void add_field(struct iovec *fields, size_t *n, char *buffer, size_t size, const char *key,
                      const char *value) {
        if (!value)
                return;
        snprintf(buffer, size, "%s=%s", key, value);
        fields[(*n)++] = (struct iovec){.iov_base = buffer, .iov_len = strlen(buffer)};
}

static void sink_journal(int level, int error, const LogSubject *subject, const char *text) {
        char priority[32], number[32], message[2300], buffers[4][320];
        struct iovec fields[8];
        size_t n = 0;

        snprintf(priority, sizeof(priority), "PRIORITY=%d", level & LOG_PRIMASK);
        fields[n++] = (struct iovec){.iov_base = priority, .iov_len = strlen(priority)};
        add_field(fields, &n, message, sizeof(message), "MESSAGE", text);
        if (error > 0) {
                snprintf(number, sizeof(number), "ERRNO=%d", error);
                fields[n++] = (struct iovec){.iov_base = number, .iov_len = strlen(number)};
        }
        if (subject) {
                /* Binary-safe: the journal takes any bytes in a field, also those of a hostile name. */
                add_field(fields, &n, buffers[0], sizeof(buffers[0]), "DEVICE", subject->device);
                add_field(fields, &n, buffers[1], sizeof(buffers[1]), "CONTAINER", subject->container);
                add_field(fields, &n, buffers[2], sizeof(buffers[2]), "RULE", subject->rule);
                add_field(fields, &n, buffers[3], sizeof(buffers[3]), "STEP", subject->step);
        }
        sd_journal_sendv(fields, (int)n);
}

static void sink_syslog(int level, _unused_ int error, const LogSubject *subject, const char *text) {
        char device[256], container[256], rule[256], step[256];

        syslog(level & LOG_PRIMASK, "%s%s%s%s%s%s%s%s%s", text, subject && subject->device ? " device=" : "",
               string_escape(device, sizeof(device), subject ? subject->device : NULL),
               subject && subject->container ? " container=" : "",
               string_escape(container, sizeof(container), subject ? subject->container : NULL),
               subject && subject->rule ? " rule=" : "",
               string_escape(rule, sizeof(rule), subject ? subject->rule : NULL),
               subject && subject->step ? " step=" : "",
               string_escape(step, sizeof(step), subject ? subject->step : NULL));
}

/* $JOURNAL_STREAM names the socket that the service manager made standard error: "DEVICE:INODE",
 * systemd.exec(5). */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void service_log_open(bool detached) {
        if (!detached && !stderr_is_journal())
                return;
        if (access("/run/systemd/journal/socket", W_OK) == 0) {
                log_set_sink(sink_journal);
                return;
        }
        openlog("davitd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
        log_set_sink(sink_syslog);
}
