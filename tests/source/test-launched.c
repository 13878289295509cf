/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Launched containers, with a keeper played by the test: it makes the folder, holds the lock and writes the
 * record of an init that is a process in a user namespace of its own. Nothing waits by the clock: the test
 * polls the descriptor.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/launched.h"
#include "util/fd.h"
#include "util/string.h"

#define WAIT_MSEC 10000

typedef struct Fixture {
        char runtime[64];
        Launched *launched;
        char log[1024]; /* "up a | down a | stale a davit/a" */
        Container *last;
        unsigned int n_fds;
} Fixture;

typedef struct Keeper {
        const char *name;
        pid_t init;
        int lock_fd;
} Keeper;

static void note(Fixture *f, const char *what, const char *name, const char *more) {
        size_t n = strlen(f->log);

        snprintf(f->log + n, sizeof(f->log) - n, "%s%s %s%s%s", n > 0 ? " | " : "", what, name,
                 more ? " " : "", more ?: "");
}

static void on_up(void *userdata, Container *container, const ContainerRecord *record) {
        Fixture *f = userdata;

        assert_string_equal(container->runtime, "davit");
        assert_int_equal(container->state, CONTAINER_RUNNING);
        assert_int_equal(container->init_pid, record->init_pid);
        assert_true(fcntl(container->init_pidfd, F_GETFD) & FD_CLOEXEC);
        note(f, "up", container->name, NULL);
        container_free(f->last);
        f->last = container;
}

static void on_down(void *userdata, const char *name) {
        note(userdata, "down", name, NULL);
}

static void on_stale(void *userdata, const char *name, const char *cgroup) {
        note(userdata, "stale", name, cgroup ?: "-");
}

static const LaunchedOps ops = {.up = on_up, .down = on_down, .stale = on_stale};

static unsigned int count_fds(void) {
        DIR *folder = opendir("/proc/self/fd");
        unsigned int n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

static bool have_pidfd(void) {
        int fd = (int)syscall(SYS_pidfd_open, getpid(), 0U);

        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

static int setup(void **state) {
        Fixture *f;

        if (!have_pidfd()) {
                *state = NULL;
                return 0;
        }
        f = calloc(1, sizeof(*f));
        assert_non_null(f);
        f->n_fds = count_fds();
        strcpy(f->runtime, "/tmp/test-launched-XXXXXX");
        assert_non_null(mkdtemp(f->runtime));
        assert_int_equal(launched_new(f->runtime, &ops, f, &f->launched), 0);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[128];

        if (!f)
                return 0;
        launched_free(f->launched);
        container_free(f->last);
        snprintf(command, sizeof(command), "rm -r %s", f->runtime);
        assert_int_equal(system(command), 0);
        assert_int_equal(count_fds(), f->n_fds);
        free(f);
        return 0;
}

#define fixture_or_skip(state)                                                                  \
        ({                                                                                      \
                if (!*(state)) {                                                                \
                        puts("SKIP: needs pidfd_open(), which old kernels and valgrinds lack"); \
                        skip();                                                                 \
                }                                                                               \
                (Fixture *)*(state);                                                            \
        })

/* Dispatches until the log reads @expected, or for ten seconds. */
static void wait_for(Fixture *f, const char *expected) {
        struct pollfd p = {.fd = launched_fd(f->launched), .events = POLLIN};

        while (!streq(f->log, expected) && strlen(f->log) <= strlen(expected) && poll(&p, 1, WAIT_MSEC) > 0)
                assert_int_equal(launched_dispatch(f->launched), 0);
        assert_string_equal(f->log, expected);
}

/* All that is known by now has been said. */
static void settle(Fixture *f) {
        struct pollfd p = {.fd = launched_fd(f->launched), .events = POLLIN};

        while (poll(&p, 1, /* timeout= */ 0) > 0)
                assert_int_equal(launched_dispatch(f->launched), 0);
}

static char *path_of(const Fixture *f, const char *name, const char *file) {
        static char path[256];

        snprintf(path, sizeof(path), "%s/containers/%s%s%s", f->runtime, name, *file ? "/" : "", file);
        return path;
}

static uint64_t start_time(pid_t pid) {
        char path[64], *text = NULL, *p;
        uint64_t start = 0;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        assert_int_equal(fd_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
        p = strrchr(text, ')') + 2;
        for (int i = 3; i < 22; i++)
                p = strchr(p, ' ') + 1;
        start = strtoull(p, NULL, 10);
        free(text);
        return start;
}

/* A process in a user namespace, as an init is; its name is chosen to confuse who reads /proc/PID/stat. */
static pid_t start_init(void) {
        int ready[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (fd_write_string(AT_FDCWD, "/proc/self/comm", "a) S 1 (b 2 3") < 0)
                        _exit(1);
                (void)unshare(CLONE_NEWUSER);
                if (write(ready[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return pid;
}

static void make_folder(const Fixture *f, Keeper *keeper) {
        assert_int_equal(mkdir(path_of(f, keeper->name, ""), 0755), 0);
        keeper->lock_fd = open(path_of(f, keeper->name, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(keeper->lock_fd >= 0);
        assert_int_equal(flock(keeper->lock_fd, LOCK_EX | LOCK_NB), 0);
}

static void write_record(const Fixture *f, const Keeper *keeper, uint64_t start) {
        char cgroup[128], *text = NULL;
        ContainerRecord record = {.keeper_pid = getpid(), .init_pid = keeper->init, .init_start = start};

        snprintf(cgroup, sizeof(cgroup), "davit/%s", keeper->name);
        record.cgroup = cgroup;
        assert_int_equal(property_list_set(&record.labels, "job", "ci"), 0);
        assert_int_equal(container_record_format(&record, &text), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, path_of(f, keeper->name, "state"), text, strlen(text), 0600),
                         0);
        property_list_deinit(&record.labels);
        free(text);
}

static Keeper launch(const Fixture *f, const char *name) {
        Keeper keeper = {.name = name, .init = start_init()};

        make_folder(f, &keeper);
        write_record(f, &keeper, start_time(keeper.init));
        return keeper;
}

static void end_init(Keeper *keeper) {
        kill(keeper->init, SIGKILL);
        waitpid(keeper->init, NULL, 0);
}

static void remove_folder(const Fixture *f, const Keeper *keeper) {
        unlink(path_of(f, keeper->name, "state"));
        unlink(path_of(f, keeper->name, "lock"));
        assert_int_equal(rmdir(path_of(f, keeper->name, "")), 0);
}

static void test_life(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = launch(f, "a");

        wait_for(f, "up a");
        assert_string_equal(f->last->name, "a");
        assert_int_equal(f->last->init_pid, keeper.init);
        assert_string_equal(property_list_get(&f->last->labels, "job"), "ci");
        settle(f);
        assert_string_equal(f->log, "up a");

        end_init(&keeper);
        wait_for(f, "up a | down a");
        settle(f);
        remove_folder(f, &keeper);
        close(keeper.lock_fd);
        settle(f);
        assert_int_equal(launched_scan(f->launched), 0);
        assert_string_equal(f->log, "up a | down a");
}

/* Every line of the id maps arrives. */
static void test_id_map(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = {.name = "a", .init = start_init()};
        uint32_t host;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)keeper.init);
        if (fd_write_string(AT_FDCWD, path, "0 100000 1000\n5000 300000 7\n") < 0) {
                end_init(&keeper);
                puts("SKIP: needs root and user namespaces");
                skip();
        }
        make_folder(f, &keeper);
        write_record(f, &keeper, start_time(keeper.init));
        wait_for(f, "up a");
        assert_int_equal(f->last->uid_map.n_ranges, 2);
        assert_int_equal(id_map_to_host(&f->last->uid_map, 5006, &host), 0);
        assert_int_equal(host, 300006);
        assert_int_equal(f->last->gid_map.n_ranges, 0);
        end_init(&keeper);
        close(keeper.lock_fd);
}

/* One that was launched while nobody looked. */
static void test_scan(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper a, b;

        f->launched = launched_free(f->launched);
        a = launch(f, "a");
        assert_int_equal(launched_new(f->runtime, &ops, f, &f->launched), 0);
        settle(f);
        assert_string_equal(f->log, "");
        assert_int_equal(launched_scan(f->launched), 0);
        assert_string_equal(f->log, "up a");
        b = launch(f, "b");
        wait_for(f, "up a | up b");
        assert_int_equal(launched_scan(f->launched), 0);
        settle(f);
        assert_string_equal(f->log, "up a | up b");

        end_init(&b);
        wait_for(f, "up a | up b | down b");
        end_init(&a);
        wait_for(f, "up a | up b | down b | down a");
        close(a.lock_fd);
        close(b.lock_fd);
}

static void test_keeper_dies_after_init(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = launch(f, "a");

        wait_for(f, "up a");
        end_init(&keeper);
        wait_for(f, "up a | down a");
        close(keeper.lock_fd);
        wait_for(f, "up a | down a | stale a davit/a");
        assert_int_equal(launched_scan(f->launched), 0);
        settle(f);
        assert_string_equal(f->log, "up a | down a | stale a davit/a");
}

/* A container outlives its keeper. */
static void test_keeper_dies_first(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = launch(f, "a");

        wait_for(f, "up a");
        close(keeper.lock_fd);
        settle(f);
        assert_string_equal(f->log, "up a");
        end_init(&keeper);
        wait_for(f, "up a | down a | stale a davit/a");
}

static void test_stale_at_scan(void **state) {
        Fixture *f = fixture_or_skip(state);
        const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
        Keeper dead = {.name = "dead"}, young = {.name = "young"}, old = {.name = "old"};

        f->launched = launched_free(f->launched);
        dead.init = start_init();
        end_init(&dead);
        make_folder(f, &dead);
        write_record(f, &dead, 1);
        close(dead.lock_fd);
        /* Without a record: made just now it may be on its way, from long ago it is not. */
        make_folder(f, &young);
        close(young.lock_fd);
        make_folder(f, &old);
        close(old.lock_fd);
        assert_int_equal(utimensat(AT_FDCWD, path_of(f, "old", ""), long_ago, 0), 0);

        assert_int_equal(launched_new(f->runtime, &ops, f, &f->launched), 0);
        assert_int_equal(launched_scan(f->launched), 0);
        assert_non_null(strstr(f->log, "stale dead davit/dead"));
        assert_non_null(strstr(f->log, "stale old -"));
        assert_null(strstr(f->log, "young"));
        settle(f);
        assert_int_equal(strlen(f->log), strlen("stale dead davit/dead | stale old -"));
}

/* The number of a process alone proves nothing. */
static void test_pid_of_another(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = {.name = "a", .init = start_init()};

        make_folder(f, &keeper);
        write_record(f, &keeper, start_time(keeper.init) + 1);
        settle(f);
        assert_string_equal(f->log, "");
        close(keeper.lock_fd);
        wait_for(f, "stale a davit/a");
        end_init(&keeper);
}

/* The same name again before anybody looked. */
static void test_again(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = launch(f, "a");

        wait_for(f, "up a");
        end_init(&keeper);
        remove_folder(f, &keeper);
        close(keeper.lock_fd);
        keeper = launch(f, "a");
        wait_for(f, "up a | down a | up a");
        assert_int_equal(f->last->init_pid, keeper.init);
        end_init(&keeper);
        wait_for(f, "up a | down a | up a | down a");
        close(keeper.lock_fd);
}

static void test_junk(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keeper = {.name = "broken"};
        static const char *const names[] = {".hidden", "-dash", "with space", "a\nb", "\xff", "..."};
        char nul[] = "INIT_PID=1\0INIT_START=";

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(mkdir(path_of(f, names[i], ""), 0755), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, path_of(f, "file", ""), "x", 1, 0600), 0);
        assert_int_equal(symlink("/", path_of(f, "link", "")), 0);
        make_folder(f, &keeper);
        assert_int_equal(fd_write_file(AT_FDCWD, path_of(f, "broken", "state"), "garbage", 7, 0600), 0);
        settle(f);
        assert_int_equal(fd_write_file(AT_FDCWD, path_of(f, "broken", "state"), nul, sizeof(nul), 0600), 0);
        settle(f);
        assert_int_equal(launched_scan(f->launched), 0);
        assert_string_equal(f->log, "");
        close(keeper.lock_fd);
}

static void test_many(void **state) {
        Fixture *f = fixture_or_skip(state);
        Keeper keepers[20];
        char names[20][8];
        unsigned int n_up = 0, n_down = 0;
        struct pollfd p = {.fd = launched_fd(f->launched), .events = POLLIN};

        for (size_t i = 0; i < ELEMENTSOF(keepers); i++) {
                snprintf(names[i], sizeof(names[i]), "c%zu", i);
                keepers[i] = launch(f, names[i]);
        }
        settle(f);
        for (size_t i = 0; i < ELEMENTSOF(keepers); i++)
                end_init(&keepers[i]);
        while (n_down < ELEMENTSOF(keepers) && poll(&p, 1, WAIT_MSEC) > 0) {
                assert_int_equal(launched_dispatch(f->launched), 0);
                n_up = n_down = 0;
                for (const char *s = f->log; (s = strstr(s, "up ")); s++)
                        n_up++;
                for (const char *s = f->log; (s = strstr(s, "down ")); s++)
                        n_down++;
        }
        assert_int_equal(n_up, ELEMENTSOF(keepers));
        assert_int_equal(n_down, ELEMENTSOF(keepers));
        for (size_t i = 0; i < ELEMENTSOF(keepers); i++)
                close(keepers[i].lock_fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_id_map, setup, teardown),
                cmocka_unit_test_setup_teardown(test_scan, setup, teardown),
                cmocka_unit_test_setup_teardown(test_keeper_dies_after_init, setup, teardown),
                cmocka_unit_test_setup_teardown(test_keeper_dies_first, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stale_at_scan, setup, teardown),
                cmocka_unit_test_setup_teardown(test_pid_of_another, setup, teardown),
                cmocka_unit_test_setup_teardown(test_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_junk, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
