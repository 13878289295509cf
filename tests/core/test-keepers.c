/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Launches whose keeper is started by somebody else: a real manager, in a runtime folder of its own and
 * without a policy, and a service manager that is this test. It starts "keepers", which ask for their order
 * as the real one does and then fail in all the ways there are.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/manager.h"
#include "launch/unit.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define LIMIT_USEC (UINT64_C(20) * 1000 * 1000)

static char dir[64], policy[96], program[96];

typedef struct Fixture {
        Loop *loop;
        Manager *manager;
        int (*keeper)(KeeperOrder *order); /* what a keeper does; NULL: none is started */
        const char *asks_for;              /* the name that it asks with; NULL: its own */
        uid_t uid;
        pid_t pid;
        int start_result;
        unsigned int n_done;
        CallCode code;
        char message[256];
} Fixture;

static void quiet(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                  _unused_ const char *text) {
}

static int group_setup(_unused_ void **state) {
        static const char script[] = "#!/bin/sh\necho \"error 5 forked $*\" >&3\n";

        log_set_sink(quiet);
        if (geteuid() != 0)
                return 0;
        alarm(120);
        snprintf(dir, sizeof(dir), "/tmp/davit-test-keepers.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(policy, sizeof(policy), "%s/policy", dir);
        snprintf(program, sizeof(program), "%s/program", dir);
        if (mkdir(policy, 0755) < 0)
                return -1;
        return fd_write_file(AT_FDCWD, program, script, strlen(script), 0755);
}

static int group_teardown(_unused_ void **state) {
        char command[128];

        log_set_sink(NULL);
        if (!dir[0])
                return 0;
        snprintf(command, sizeof(command), "rm -rf --one-file-system %s", dir);
        return system(command);
}

static int start_keeper(void *userdata, const char *name) {
        Fixture *f = userdata;

        if (!f->keeper)
                return f->start_result;
        fflush(NULL);
        f->pid = fork();
        assert_true(f->pid >= 0);
        if (f->pid == 0) {
                KeeperOrder order = KEEPER_ORDER_NULL;
                int r;

                if (f->uid != 0 && setuid(f->uid) < 0)
                        _exit(99);
                r = keeper_order_fetch(dir, f->asks_for ?: name, &order);
                _exit(r < 0 ? 100 : r == 0 ? 101 : f->keeper(&order));
        }
        return 0;
}

static int setup(void **state) {
        const char *const dirs[] = {policy, NULL};
        const ManagerConfig config = {
                .runtime_dir = dir,
                .policy_dirs = dirs,
                .container_program = program,
                .kept_events = -EBADF,
        };
        Fixture *f;

        if (geteuid() != 0)
                return 0;
        f = calloc(1, sizeof(*f));
        assert_non_null(f);
        *state = f;
        assert_int_equal(loop_new(&f->loop), 0);
        assert_int_equal(manager_new(f->loop, &config, &f->manager), 0);
        assert_int_equal(manager_start(f->manager), 0);
        manager_set_keeper_start(f->manager, start_keeper, f);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (!f)
                return 0;
        manager_free(f->manager);
        loop_free(f->loop);
        free(f);
        return 0;
}

static Fixture *need(void **state) {
        if (!*state) {
                print_message("SKIP: needs root\n");
                skip();
        }
        return *state;
}

static void on_done(void *userdata, CallCode code, const char *message, _unused_ int value) {
        Fixture *f = userdata;

        f->n_done++;
        f->code = code;
        snprintf(f->message, sizeof(f->message), "%s", message);
}

static void launch(Fixture *f, int output_fd) {
        char *const command[] = {(char *)"/bin/sh", (char *)"-c", (char *)"", (char *)"a b", NULL};
        char *const labels[] = {(char *)"team=blue", NULL};

        f->n_done = 0;
        manager_launch(f->manager,
                       &(ManagerLaunch){
                               .name = "one",
                               .command = command,
                               .labels = labels,
                               .stdio = {-EBADF, output_fd, -EBADF},
                       },
                       on_done, f);
}

static void run_until_done(Fixture *f) {
        uint64_t end = loop_now() + LIMIT_USEC;

        while (f->n_done == 0 && loop_now() < end)
                assert_int_equal(loop_run_once(f->loop, LIMIT_USEC), 0);
        assert_int_equal(f->n_done, 1);
}

/* Says on the ready descriptor what it was told to launch. */
static int says_order(KeeperOrder *order) {
        dprintf(order->ready_fd, "error 22");
        for (char **argument = order->arguments; *argument; argument++)
                dprintf(order->ready_fd, " <%s>", *argument);
        if (order->stdio[0] != -EBADF || order->stdio[2] != -EBADF || write(order->stdio[1], "hello", 5) != 5)
                dprintf(order->ready_fd, ", and wrong standard descriptors");
        dprintf(order->ready_fd, "\n");
        return 0;
}

static void test_order(void **state) {
        Fixture *f = need(state);
        char expected[256], text[8] = "";
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        f->keeper = says_order;
        launch(f, fds[1]);
        close(fds[1]);
        run_until_done(f);
        assert_int_equal(f->code, CALL_LAUNCH_FAILED);
        snprintf(expected, sizeof(expected),
                 "<run> <--foreground> <--runtime-dir> <%s> <--name> <one> <--label> <team=blue> <--> "
                 "</bin/sh> "
                 "<-c> <> <a b>",
                 dir);
        assert_string_equal(f->message, expected);
        assert_int_equal(read(fds[0], text, sizeof(text) - 1), 5);
        assert_string_equal(text, "hello");
        /* Nobody else has it open still. */
        assert_int_equal(read(fds[0], text, sizeof(text) - 1), 0);
        close(fds[0]);
}

static int says_nothing(_unused_ KeeperOrder *order) {
        return 7;
}

static void test_silent_end(void **state) {
        Fixture *f = need(state);

        f->keeper = says_nothing;
        launch(f, -EBADF);
        run_until_done(f);
        assert_int_equal(f->code, CALL_LAUNCH_FAILED);
        assert_string_equal(f->message, "The launcher ended without a word");
}

/* One that was not ordered is told so, and does not take another's order along. */
static void test_not_ordered(void **state) {
        Fixture *f = need(state);

        f->keeper = says_order;
        f->asks_for = "two";
        launch(f, -EBADF);
        for (int status; waitpid(f->pid, &status, WNOHANG) == 0;)
                assert_int_equal(loop_run_once(f->loop, 10000), 0);
        assert_int_equal(f->n_done, 0);
        manager_keeper_failed(f->manager, "two", -EIO, "not this");
        assert_int_equal(f->n_done, 0);
        manager_keeper_failed(f->manager, "one", -EIO, "the unit failed");
        assert_int_equal(f->n_done, 1);
        assert_int_equal(f->code, CALL_LAUNCH_FAILED);
        assert_string_equal(f->message, "the unit failed");
}

static void test_other_user(void **state) {
        Fixture *f = need(state);
        char path[96];
        struct stat st;

        snprintf(path, sizeof(path), "%s/keepers", dir);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        /* Were the mode another one day, the credentials say it still. */
        assert_int_equal(chmod(path, 0666), 0);
        assert_int_equal(chmod(dir, 0755), 0);
        f->keeper = says_order;
        f->uid = 65534;
        launch(f, -EBADF);
        for (int status; waitpid(f->pid, &status, WNOHANG) == 0;)
                assert_int_equal(loop_run_once(f->loop, 10000), 0);
        assert_int_equal(f->n_done, 0);
        manager_keeper_failed(f->manager, NULL, -EIO, "all");
        assert_int_equal(f->n_done, 1);
}

static size_t count_open(void) {
        size_t n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* A request has one descriptor. What comes with more does not stay with the daemon. */
static void test_many_descriptors(void **state) {
        Fixture *f = need(state);
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(4 * sizeof(int))];
        } control = {
                .header = {.cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS,
                           .cmsg_len = CMSG_LEN(4 * sizeof(int))},
        };
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct iovec iov = {.iov_base = (char *)"one", .iov_len = 3};
        struct msghdr message = {
                .msg_name = &address,
                .msg_namelen = sizeof(address),
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), fds[] = {fd, fd, fd, fd};
        size_t before;

        memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/keepers", dir);
        before = count_open();
        for (unsigned int i = 0; i < 4; i++) {
                assert_int_equal(sendmsg(fd, &message, 0), 3);
                assert_int_equal(loop_run_once(f->loop, LIMIT_USEC), 0);
                assert_int_equal(count_open(), before);
        }
        close(fd);
}

/* A host without our units has keepers as children of ours. */
static void test_no_unit(void **state) {
        Fixture *f = need(state);

        launch(f, -EBADF);
        assert_int_equal(f->n_done, 0);
        manager_keeper_failed(f->manager, "one", -ENOENT, "Unit not found.");
        run_until_done(f);
        assert_int_equal(f->code, CALL_LAUNCH_FAILED);
        assert_ptr_equal(strstr(f->message, "forked run --ready-fd=3 --foreground --runtime-dir "),
                         f->message);
        assert_non_null(strstr(f->message, "--label team=blue -- /bin/sh"));
}

static void test_cannot_start(void **state) {
        Fixture *f = need(state);

        f->start_result = -ENOTCONN;
        launch(f, -EBADF);
        run_until_done(f);
        assert_int_equal(f->code, CALL_LAUNCH_FAILED);
        assert_string_equal(f->message, strerror(ENOTCONN));
}

/* A keeper is found by nobody where there is no davitd, and goes by its file alone. */
static void test_no_davitd(void **state) {
        KeeperOrder order = KEEPER_ORDER_NULL;
        char none[96];

        need(state);
        snprintf(none, sizeof(none), "%s/none", dir);
        assert_int_equal(keeper_order_fetch(none, "one", &order), 0);
        teardown(state);
        *state = NULL;
        assert_int_equal(keeper_order_fetch(dir, "one", &order), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_silent_end, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_ordered, setup, teardown),
                cmocka_unit_test_setup_teardown(test_other_user, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many_descriptors, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_unit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cannot_start, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_davitd, setup, teardown),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
