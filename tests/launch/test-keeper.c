/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of a container: start, signals, end, and what is left of it. */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch-fixture.h"
#include "launch/leftovers.h"
#include "util/fd.h"
#include "util/string.h"

#define COMMAND(script) ((char *const[]){(char *)"/bin/sh", (char *)"-c", (char *)(script), NULL})
#define SLEEP           COMMAND("exec sleep 1000000")

static void assert_nothing_left(const char *name) {
        _cleanup_free_ char *folder = NULL;

        assert_true(asprintf(&folder, "%s/containers/%s", launch_dir(), name) > 0);
        assert_int_equal(access(folder, F_OK), -1);
        assert_int_equal(count_mounts(), 0);
        assert_int_equal(count_cgroups(), 0);
}

static void test_exit_status(_unused_ void **state) {
        static const int statuses[] = {0, 1, 7, 255};

        launch_skip_unless_possible();
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                _cleanup_free_ char *script = NULL, *text = NULL, *expected = NULL;
                char output[OUTPUT_SIZE];
                Keeping keeping;

                assert_true(asprintf(&script, "echo here; exit %d", statuses[i]) > 0);
                assert_true(asprintf(&expected, "%d\n", statuses[i]) > 0);
                keeping = keeping_start_ok("status", COMMAND(script));
                keeping_read(&keeping, NULL, output, sizeof(output));
                assert_string_equal(output, "here\n");
                assert_int_equal(keeping_wait(&keeping), statuses[i]);
                text = read_text("%s/exits/status", launch_dir());
                assert_string_equal(text, expected);
                assert_nothing_left("status");
        }
}

static void test_killed(_unused_ void **state) {
        Keeping keeping;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("killed", SLEEP);
        keeping_end(&keeping);
        assert_nothing_left("killed");
}

static void test_record(_unused_ void **state) {
        char *const labels[] = {(char *)"farm=a", (char *)"empty=", NULL};
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        Keeping keeping;

        launch_skip_unless_possible();
        keeping = keeping_start("record", NULL, SLEEP, labels);
        assert_string_equal(keeping.line, "ok\n");
        keeping_record(&keeping, &record);
        assert_int_equal(record.keeper_pid, keeping.pid);
        assert_true(record.init_start > 0);
        assert_string_equal(property_list_get(&record.labels, "farm"), "a");
        assert_string_equal(property_list_get(&record.labels, "empty"), "");
        assert_non_null(startswith(record.cgroup, "davit-"));
        keeping_end(&keeping);
}

static void test_signals(_unused_ void **state) {
        static const struct {
                int number;
                const char *name;
        } signals[] = {{SIGUSR1, "USR1"}, {SIGUSR2, "USR2"}, {SIGHUP, "HUP"},
                       {SIGINT, "INT"},   {SIGQUIT, "QUIT"}, {SIGTERM, "TERM"}};

        launch_skip_unless_possible();
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                _cleanup_free_ char *script = NULL;
                char output[OUTPUT_SIZE];
                Keeping keeping;

                assert_true(asprintf(&script,
                                     "trap 'exit %zu' %s; echo up; while :; do sleep 1000 & wait; done",
                                     i + 10, signals[i].name) > 0);
                keeping = keeping_start_ok("signals", COMMAND(script));
                keeping_read(&keeping, "up\n", output, sizeof(output));
                assert_int_equal(kill(keeping.pid, signals[i].number), 0);
                assert_int_equal(keeping_wait(&keeping), (int)i + 10);
        }
}

/* The small root's init powers off when it is told to, which is no failure. */
static void test_init_powers_off(_unused_ void **state) {
        Keeping keeping;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("init", NULL);
        assert_int_equal(kill(keeping.pid, SIGTERM), 0);
        assert_int_equal(keeping_wait(&keeping), 0);
        assert_nothing_left("init");
}

/* One that does not listen is killed, not before the grace is over. */
static void test_grace(_unused_ void **state) {
        Keeping keeping;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("grace", SLEEP);
        assert_int_equal(kill(keeping.pid, SIGTERM), 0);
        assert_int_equal(keeping_wait(&keeping), 128 + SIGKILL);
}

/* The v1 freezer keeps even SIGKILL from what is frozen. */
static void test_frozen(_unused_ void **state) {
        char *const command[] = {(char *)"sh", (char *)"-c",
                                 (char *)"mkdir /mnt/f && mount -t cgroup -o freezer none /mnt/f && mkdir "
                                         "/mnt/f/cold || exit 3\n"
                                         "echo 1 > /mnt/f/cold/cgroup.procs; echo ready; "
                                         "(echo FROZEN > /mnt/f/cold/freezer.state); exit 4",
                                 NULL};
        Keeping keeping;
        char output[OUTPUT_SIZE];

        launch_skip_unless_possible();
        keeping = keeping_start_ok("frozen", command);
        keeping_read(&keeping, "ready\n", output, sizeof(output));
        if (!strstr(output, "ready")) {
                print_message("SKIP: there is no v1 freezer here\n");
                assert_int_equal(keeping_wait(&keeping), 3);
                skip();
        }
        assert_int_equal(kill(keeping.pid, SIGTERM), 0);
        assert_int_equal(keeping_wait(&keeping), 128 + SIGKILL);
}

/* Deeper than the descriptors of anybody who goes down by one for each folder. */
static void test_deep_cgroups(_unused_ void **state) {
        char *const command[] = {(char *)"sh", (char *)"-c",
                                 (char *)"mkdir /mnt/c; mount -t cgroup2 none /mnt/c || mount -t cgroup -o "
                                         "devices none /mnt/c || exit 3\n"
                                         "cd /mnt/c; i=0; while [ $i -lt 1200 ]; do mkdir d && cd d || exit "
                                         "4; i=$((i + 1)); done",
                                 NULL};
        size_t before;
        Keeping keeping;

        launch_skip_unless_possible();
        before = count_cgroups();
        keeping = keeping_start_ok("deep", command);
        assert_int_equal(keeping_wait(&keeping), 0);
        assert_int_equal(count_cgroups(), before);
}

static void test_running_already(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord before = {}, after = {};
        Keeping first, second;

        launch_skip_unless_possible();
        first = keeping_start_ok("twice", SLEEP);
        keeping_record(&first, &before);
        second = keeping_start("twice", NULL, SLEEP, NULL);
        assert_string_equal(second.line, "error 17 a container twice is running already\n");
        assert_int_equal(keeping_wait(&second), 200);
        keeping_record(&first, &after);
        assert_int_equal(before.init_pid, after.init_pid);
        assert_int_equal(launch_clean_up(launch_dir(), "twice"), -EBUSY);
        keeping_end(&first);
}

static void test_keeper_killed(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        Keeping keeping, again;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("orphan", NULL);
        keeping_record(&keeping, &record);
        assert_int_equal(kill(keeping.pid, SIGKILL), 0);
        assert_int_equal(keeping_wait(&keeping), 128 + SIGKILL);
        wait_gone(record.init_pid);
        assert_true(count_mounts() > 0);

        /* The next one of that name finds the rest of it, and copes. */
        again = keeping_start_ok("orphan", NULL);
        keeping_end(&again);
        assert_nothing_left("orphan");
}

static void test_clean_up(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        Keeping keeping;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("cleaned", NULL);
        keeping_record(&keeping, &record);
        assert_int_equal(kill(keeping.pid, SIGKILL), 0);
        assert_int_equal(keeping_wait(&keeping), 128 + SIGKILL);
        wait_gone(record.init_pid);
        assert_int_equal(launch_clean_up(launch_dir(), "cleaned"), 0);
        assert_nothing_left("cleaned");
        assert_int_equal(launch_clean_up(launch_dir(), "cleaned"), 0);
}

/* What lives on in the cgroup of a keeper that is dead is killed. */
static void test_clean_up_kills(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        _cleanup_free_ char *where = NULL;
        Keeping keeping;
        pid_t survivor;
        int status;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("survivor", SLEEP);
        keeping_record(&keeping, &record);
        survivor = fork();
        assert_true(survivor >= 0);
        if (survivor == 0)
                for (;;)
                        pause();
        /* In one hierarchy or in all: into whichever the container's init is seen. */
        assert_true(asprintf(&where,
                             "for f in $(find /sys/fs/cgroup -path '*/%s/payload/cgroup.procs'); do "
                             "echo %d > $f; done",
                             record.cgroup, (int)survivor) > 0);
        assert_int_equal(system(where), 0);
        assert_int_equal(kill(keeping.pid, SIGKILL), 0);
        assert_int_equal(keeping_wait(&keeping), 128 + SIGKILL);
        wait_gone(record.init_pid);
        assert_int_equal(launch_clean_up(launch_dir(), "survivor"), 0);
        assert_int_equal(waitpid(survivor, &status, 0), survivor);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_nothing_left("survivor");
}

/* Waits for a record with another init than @old. */
static pid_t wait_other_init(const Keeping *keeping, pid_t old) {
        for (;;) {
                _cleanup_(container_record_deinit) ContainerRecord record = {};
                _cleanup_free_ char *path = NULL, *text = NULL;

                assert_true(asprintf(&path, "%s/containers/%s/state", launch_dir(), keeping->name) > 0);
                if (fd_read_file(AT_FDCWD, path, 65536, &text, NULL) >= 0 &&
                    container_record_parse(text, &record) >= 0 && record.init_pid != old)
                        return record.init_pid;
                poll(NULL, 0, 5);
        }
}

static void test_reboot(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        char output[OUTPUT_SIZE];
        Keeping keeping;
        pid_t init;

        launch_skip_unless_possible();
        keeping = keeping_start_ok("reboot", NULL);
        keeping_record(&keeping, &record);
        inside("reboot", "reboot -f", output, sizeof(output));
        init = wait_other_init(&keeping, record.init_pid);
        assert_int_equal(inside("reboot", "exit 4", output, sizeof(output)), 4);
        assert_int_equal(kill(init, SIGKILL), 0);
        assert_int_equal(keeping_wait(&keeping), 128 + SIGKILL);
        assert_nothing_left("reboot");
}

/* Those who ask whether a container runs never make it one that does. */
static void test_asked(_unused_ void **state) {
        _cleanup_free_ char *folder = NULL;
        pid_t asker;
        int held;

        launch_skip_unless_possible();
        assert_true(asprintf(&folder, "%s/containers/asked", launch_dir()) > 0);
        held = container_folder_lock(folder);
        assert_true(held >= 0);
        assert_int_equal(container_folder_lock(folder), -EBUSY);
        assert_int_equal(container_folder_is_locked(folder), 1);
        close(held);

        asker = fork();
        assert_true(asker >= 0);
        if (asker == 0)
                for (prctl(PR_SET_PDEATHSIG, SIGKILL);;)
                        (void)container_folder_is_locked(folder);
        for (unsigned int i = 0; i < 50000; i++) {
                held = container_folder_lock(folder);
                assert_true(held >= 0);
                close(held);
        }
        kill(asker, SIGKILL);
        assert_int_equal(waitpid(asker, NULL, 0), asker);
        assert_int_equal(container_folder_remove(folder), 0);
        assert_nothing_left("asked");
}

static void test_refused(_unused_ void **state) {
        static const struct {
                const char *name, *rootfs, *program, *says;
        } cases[] = {
                {"no/slash", NULL, "/bin/sh", "error 22 a name is"},
                {"..", NULL, "/bin/sh", "error 22 a name is"},
                {"", NULL, "/bin/sh", "error 22 a name is"},
                {"a", "/nonexistent", "/bin/sh", "error 2 the root folder /nonexistent cannot be opened"},
                {"a", "/", "/bin/sh", "error 22 the host's own root"},
                {"a", "/usr", "/bin/sh",
                 "error 13 the root folder /usr is owned by the host's root and every user"},
                {"a", NULL, "/bin/nosuch", "error 2 there is no program /bin/nosuch"},
                {"a", NULL, "nosuch", "error 2 there is no program nosuch"},
                {"a", NULL, "/etc/../../../etc/shadow", "error 2 there is no program"},
        };

        launch_skip_unless_possible();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *const command[] = {(char *)cases[i].program, NULL};
                Keeping keeping = keeping_start(cases[i].name, cases[i].rootfs, command, NULL);

                if (!startswith(keeping.line, cases[i].says))
                        fail_msg("case %zu: %s", i, keeping.line);
                assert_int_equal(keeping_wait(&keeping), 200);
                assert_int_equal(count_mounts(), 0);
                assert_int_equal(count_cgroups(), 0);
        }
}

static size_t count_open(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

#define CYCLES 10

/* In one process, so that what a cycle leaks in it adds up. */
static int cycle(void) {
        size_t open_before = 0;

        for (int i = 0; i < CYCLES; i++) {
                const LaunchRequest request = {
                        .runtime_dir = launch_dir(), .name = "cycle", .command = COMMAND("exit 3")};

                if (keeper_run(&request, -EBADF) != 3)
                        return 1;
                if (i == 0)
                        open_before = count_open();
                else if (count_open() != open_before)
                        return 2;
                if (waitpid(-1, NULL, WNOHANG) != -1)
                        return 3;
        }
        return 0;
}

static void test_nothing_leaks(_unused_ void **state) {
        int status;
        pid_t pid;

        launch_skip_unless_possible();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(cycle());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_nothing_left("cycle");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exit_status),     cmocka_unit_test(test_killed),
                cmocka_unit_test(test_record),          cmocka_unit_test(test_signals),
                cmocka_unit_test(test_init_powers_off), cmocka_unit_test(test_grace),
                cmocka_unit_test(test_frozen),          cmocka_unit_test(test_deep_cgroups),
                cmocka_unit_test(test_running_already), cmocka_unit_test(test_keeper_killed),
                cmocka_unit_test(test_clean_up),        cmocka_unit_test(test_clean_up_kills),
                cmocka_unit_test(test_reboot),          cmocka_unit_test(test_refused),
                cmocka_unit_test(test_asked),           cmocka_unit_test(test_nothing_leaks),
        };

        return cmocka_run_group_tests(tests, launch_group_setup, launch_group_teardown);
}
