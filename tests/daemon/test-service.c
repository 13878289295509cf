/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The process side of davitd: the runtime folder it trusts, the lock that keeps a second one out, the way to
 * the background.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/service.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

static char dir[64], path[128];

static void quiet(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                  _unused_ const char *text) {
}

static int setup(_unused_ void **state) {
        log_set_sink(quiet);
        snprintf(dir, sizeof(dir), "/tmp/davit-test-service.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/a/run", dir);
        return 0;
}

static int teardown(_unused_ void **state) {
        static const char *const names[] = {"a/run/lock", "a/run", "a/file", "a", "socket", ""};
        char name[256];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(name, sizeof(name), "%s/%s", dir, names[i]);
                remove(name);
        }
        log_set_sink(NULL);
        return 0;
}

static void need_root(void) {
        if (geteuid() != 0) {
                print_message("SKIP: needs root\n");
                skip();
        }
}

static void test_claim(_unused_ void **state) {
        _cleanup_close_ int lock = -EBADF, second = -EBADF;
        struct stat st;

        need_root();
        assert_int_equal(service_claim_runtime_dir(path, &lock), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(service_claim_runtime_dir(path, &second), -EBUSY);
        assert_int_equal(second, -EBADF);
        lock = safe_close(lock);
        assert_int_equal(service_claim_runtime_dir(path, &second), 0);
}

static void test_distrust(_unused_ void **state) {
        _cleanup_close_ int lock = -EBADF;
        char name[256];

        need_root();
        assert_int_equal(service_claim_runtime_dir("run", &lock), -EINVAL);
        assert_int_equal(service_claim_runtime_dir(path, &lock), 0);
        lock = safe_close(lock);

        assert_int_equal(chmod(path, 0775), 0);
        assert_int_equal(service_claim_runtime_dir(path, &lock), -EPERM);
        assert_int_equal(chmod(path, 01777), 0);
        assert_int_equal(service_claim_runtime_dir(path, &lock), -EPERM);
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(service_claim_runtime_dir(path, &lock), -EPERM);
        assert_int_equal(chown(path, 0, 0), 0);

        /* A link in place of the lock is not followed. */
        snprintf(name, sizeof(name), "%s/lock", path);
        assert_int_equal(unlink(name), 0);
        assert_int_equal(symlink("../file", name), 0);
        assert_int_equal(service_claim_runtime_dir(path, &lock), -ELOOP);
        snprintf(name, sizeof(name), "%s/a/file", dir);
        assert_int_equal(access(name, F_OK), -1);
        assert_int_equal(lock, -EBADF);
}

/* In a child, as it changes the process. */
static int prepared(void) {
        struct rlimit before, after;
        int fds[2];

        umask(0);
        if (getrlimit(RLIMIT_NOFILE, &before) < 0 || pipe2(fds, O_CLOEXEC) < 0 ||
            service_prepare_process() < 0)
                return 1;
        if (getrlimit(RLIMIT_NOFILE, &after) < 0 || after.rlim_cur < before.rlim_cur ||
            after.rlim_cur < MIN(after.rlim_max, (rlim_t)65536))
                return 2;
        if (umask(0) != 0022)
                return 3;
        close(fds[0]);
        return write(fds[1], "x", 1) < 0 && errno == EPIPE ? 0 : 4;
}

/* Away in the background, with @status or ready. */
static int detached(bool ready, int status) {
        _cleanup_close_ int ready_fd = -EBADF;
        char folder[16];

        if (service_detach(&ready_fd) < 0)
                return 99;
        if (!ready)
                return status;
        if (getsid(0) != getpid() || !getcwd(folder, sizeof(folder)) || !streq(folder, "/"))
                return 98;
        service_ready(&ready_fd);
        return ready_fd == -EBADF ? 0 : 97;
}

typedef enum Child {
        CHILD_PREPARE,
        CHILD_READY,
        CHILD_FAILS,
        CHILD_ENDS,
        CHILD_STORED,
} Child;

static int taken(void);

static int child_status(Child child) {
        int status;
        pid_t pid;

        fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(child == CHILD_PREPARE  ? prepared()
                      : child == CHILD_READY  ? detached(true, 0)
                      : child == CHILD_FAILS  ? detached(false, 7)
                      : child == CHILD_STORED ? taken()
                                              : detached(false, 0));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_prepare(_unused_ void **state) {
        assert_int_equal(child_status(CHILD_PREPARE), 0);
}

static void test_detach(_unused_ void **state) {
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        assert_int_equal(child_status(CHILD_READY), 0);
        assert_int_equal(child_status(CHILD_FAILS), 7);
        /* One that ends well before it was ready did not start. */
        assert_int_equal(child_status(CHILD_ENDS), 1);
}

static void test_notify(_unused_ void **state) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int none = -EBADF;
        char text[64];
        ssize_t n;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
        assert_true(service_is_managed());
        service_ready(&none);
        n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, "READY=1");
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        assert_int_equal(setenv("SYSTEMD_EXEC_PID", "1", 1), 0);
        assert_int_equal(setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1), 0);
        assert_false(service_is_managed());
        snprintf(text, sizeof(text), "%d", (int)getpid());
        assert_int_equal(setenv("SYSTEMD_EXEC_PID", text, 1), 0);
        assert_true(service_is_managed());
        assert_int_equal(unsetenv("SYSTEMD_EXEC_PID"), 0);
        assert_int_equal(unsetenv("INVOCATION_ID"), 0);
}

static void test_watchdog(_unused_ void **state) {
        char pid[16];

        assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
        assert_int_equal(service_watchdog_usec(), 0);
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
        assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
        assert_in_range(service_watchdog_usec(), 1, 15000000);
        assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
        assert_int_equal(service_watchdog_usec(), 0);
        assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
        assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
}

/* A service manager that takes one message: its text in @text; the descriptor that came with it, or -EBADF.
 */
static int take_message(int fd, char *text, size_t size) {
        char control[CMSG_SPACE(sizeof(int))] __attribute__((__aligned__(__alignof__(struct cmsghdr)))) = {};
        struct iovec iov = {.iov_base = text, .iov_len = size - 1};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        int got = -EBADF;

        assert_true(n > 0);
        text[n] = '\0';
        if (c && c->cmsg_type == SCM_RIGHTS)
                memcpy(&got, CMSG_DATA(c), sizeof(got));
        return got;
}

static void test_store(_unused_ void **state) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), stored = -EBADF;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct stat ours, theirs;
        char text[128];

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
        service_store("events", fd);
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        assert_int_equal(take_message(fd, text, sizeof(text)), -EBADF);
        assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=events");
        stored = take_message(fd, text, sizeof(text));
        assert_string_equal(text, "FDSTORE=1\nFDNAME=events");
        assert_int_equal(fstat(fd, &ours), 0);
        assert_int_equal(fstat(stored, &theirs), 0);
        assert_int_equal(ours.st_ino, theirs.st_ino);
}

/* As the service manager starts us: in a child, as the first descriptors behind the standard ones are. */
static int taken(void) {
        char pid[16];
        int r;

        if (service_take_stored("events") != -ENOENT)
                return 1;
        if (dup2(open("/", O_PATH), 3) < 0 || dup2(open("/dev/null", O_RDONLY), 4) < 0 ||
            dup2(open("/", O_PATH), 5) < 0)
                return 2;
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "3", 1);
        setenv("LISTEN_FDNAMES", "other:events:stored", 1);
        r = service_take_stored("events");
        if (r != 4 || !(fcntl(4, F_GETFD) & FD_CLOEXEC))
                return 3;
        /* What is of no use is closed, and no child is told of it. */
        return fcntl(3, F_GETFD) >= 0 || fcntl(5, F_GETFD) >= 0 || getenv("LISTEN_FDS") ? 4 : 0;
}

static void test_take_stored(_unused_ void **state) {
        assert_int_equal(child_status(CHILD_STORED), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_claim, setup, teardown),
                cmocka_unit_test_setup_teardown(test_distrust, setup, teardown),
                cmocka_unit_test_setup_teardown(test_prepare, setup, teardown),
                cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
                cmocka_unit_test_setup_teardown(test_notify, setup, teardown),
                cmocka_unit_test_setup_teardown(test_watchdog, setup, teardown),
                cmocka_unit_test_setup_teardown(test_store, setup, teardown),
                cmocka_unit_test_setup_teardown(test_take_stored, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
