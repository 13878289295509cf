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
} Child;

static int child_status(Child child) {
        int status;
        pid_t pid;

        fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(child == CHILD_PREPARE ? prepared()
                      : child == CHILD_READY ? detached(true, 0)
                      : child == CHILD_FAILS ? detached(false, 7)
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
        assert_int_equal(unsetenv("INVOCATION_ID"), 0);
        assert_false(service_is_managed());
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_claim, setup, teardown),
                cmocka_unit_test_setup_teardown(test_distrust, setup, teardown),
                cmocka_unit_test_setup_teardown(test_prepare, setup, teardown),
                cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
                cmocka_unit_test_setup_teardown(test_notify, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
