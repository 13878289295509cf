/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Paths watched through their folders: what is said of one, and of its neighbours; folders that are not there
 * yet; and what is watched no more.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/path-watch.h"
#include "util/fd.h"

typedef struct Fixture {
        char top[64];
        PathWatch *watch;
} Fixture;

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static int setup(void **state) {
        static Fixture fixture;

        fixture = (Fixture){.top = "/tmp/davit-test-watch.XXXXXX"};
        *state = &fixture;
        assert_non_null(mkdtemp(fixture.top));
        assert_int_equal(path_watch_new(&fixture.watch), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        path_watch_free(f->watch);
        assert_int_equal(nftw(f->top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        return 0;
}

static const char *at(const Fixture *f, const char *name) {
        static char paths[4][PATH_MAX];
        static unsigned int i;
        char *path = paths[i++ % 4];

        snprintf(path, PATH_MAX, "%s/%s", f->top, name);
        return path;
}

/* The NULL-terminated paths, from now on; those that end in a slash as folders. Return: whether more is
 * watched than before. */
static bool watch(Fixture *f, const char *const *names) {
        path_watch_begin(f->watch);
        for (; *names; names++) {
                char path[PATH_MAX];
                size_t n;

                snprintf(path, sizeof(path), "%s", at(f, *names));
                n = strlen(path);
                if (path[n - 1] == '/') {
                        path[n - 1] = '\0';
                        assert_int_equal(path_watch_add_folder(f->watch, path), 0);
                } else
                        assert_int_equal(path_watch_add(f->watch, path), 0);
        }
        return path_watch_end(f->watch);
}

#define WATCH(f, ...) watch((f), (const char *const[]){__VA_ARGS__, NULL})

/* inotify tells at once: there is nothing to wait for. */
static bool told(Fixture *f) {
        return path_watch_dispatch(f->watch);
}

static void touch(const Fixture *f, const char *name) {
        int fd = open(at(f, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        close(fd);
}

static void make_folder(const Fixture *f, const char *name) {
        assert_int_equal(mkdir(at(f, name), 0755), 0);
}

static void test_one_name(void **state) {
        Fixture *f = *state;
        struct pollfd p = {.fd = path_watch_fd(f->watch), .events = POLLIN};

        make_folder(f, "dev");
        WATCH(f, "dev/a");
        assert_false(told(f));
        touch(f, "dev/b");
        touch(f, "dev/aa");
        touch(f, "b");
        assert_int_equal(unlink(at(f, "dev/b")), 0);
        assert_int_equal(rename(at(f, "dev/aa"), at(f, "dev/c")), 0);
        /* All of that is heard, and none of it is told of. */
        assert_int_equal(poll(&p, 1, /* timeout= */ 0), 1);
        assert_false(told(f));
        assert_int_equal(poll(&p, 1, /* timeout= */ 0), 0);

        touch(f, "dev/a");
        assert_true(told(f));
        assert_false(told(f));
        /* A node is opened and closed all the time, and by anybody. */
        assert_int_equal(chmod(at(f, "dev/a"), 0600), 0);
        touch(f, "dev/a");
        assert_int_equal(poll(&p, 1, /* timeout= */ 0), 0);
        assert_false(told(f));
        assert_int_equal(rename(at(f, "dev/a"), at(f, "dev/d")), 0);
        assert_true(told(f));
        assert_int_equal(rename(at(f, "dev/c"), at(f, "dev/a")), 0);
        assert_true(told(f));
        assert_int_equal(unlink(at(f, "dev/a")), 0);
        assert_true(told(f));
}

static void test_folder(void **state) {
        Fixture *f = *state;

        make_folder(f, "cdi");
        WATCH(f, "cdi/");
        touch(f, "other");
        assert_false(told(f));
        touch(f, "cdi/a");
        assert_true(told(f));
        touch(f, "cdi/a");
        assert_true(told(f));
        assert_int_equal(unlink(at(f, "cdi/a")), 0);
        assert_true(told(f));
        /* Made anew it is another folder. */
        assert_int_equal(rmdir(at(f, "cdi")), 0);
        assert_true(told(f));
        WATCH(f, "cdi/");
        make_folder(f, "cdi");
        assert_true(told(f));
        WATCH(f, "cdi/");
        touch(f, "cdi/a");
        assert_true(told(f));
}

/* The nearest folder that is there tells of the next one. */
static void test_not_there_yet(void **state) {
        Fixture *f = *state;

        WATCH(f, "x/y/z/a");
        touch(f, "y");
        touch(f, "a");
        assert_false(told(f));
        make_folder(f, "x");
        assert_true(told(f));
        WATCH(f, "x/y/z/a");
        touch(f, "x/z");
        assert_false(told(f));
        make_folder(f, "x/y");
        assert_true(told(f));
        make_folder(f, "x/y/z");
        WATCH(f, "x/y/z/a");
        touch(f, "x/y/z/b");
        assert_false(told(f));
        touch(f, "x/y/z/a");
        assert_true(told(f));
        /* It goes as a whole. */
        assert_int_equal(nftw(at(f, "x"), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        assert_true(told(f));
        WATCH(f, "x/y/z/a");
        make_folder(f, "x");
        assert_true(told(f));
}

static void test_several_of_one_folder(void **state) {
        Fixture *f = *state;

        make_folder(f, "dev");
        WATCH(f, "dev/a", "dev/b", "dev/a");
        touch(f, "dev/a");
        assert_true(told(f));
        touch(f, "dev/b");
        assert_true(told(f));
        touch(f, "dev/c");
        assert_false(told(f));
        /* One of them no more. */
        WATCH(f, "dev/b");
        assert_int_equal(unlink(at(f, "dev/a")), 0);
        assert_false(told(f));
        assert_int_equal(unlink(at(f, "dev/b")), 0);
        assert_true(told(f));
}

/* What was written in a folder while it was watched for a name alone has to be looked for. */
static void test_grown(void **state) {
        Fixture *f = *state;

        assert_true(WATCH(f, "wanted"));
        assert_false(WATCH(f, "wanted"));
        assert_false(WATCH(f, "another"));
        assert_int_equal(mkdir(at(f, "folder"), 0755), 0);
        assert_true(WATCH(f, "folder/wanted"));
        assert_true(WATCH(f, "folder/"));
        assert_false(WATCH(f, "folder/"));
        assert_false(WATCH(f, "folder/wanted"));
}

static void test_no_more(void **state) {
        Fixture *f = *state;
        struct pollfd p = {.fd = path_watch_fd(f->watch), .events = POLLIN};

        make_folder(f, "dev");
        make_folder(f, "cdi");
        WATCH(f, "dev/a", "cdi/");
        path_watch_begin(f->watch);
        path_watch_end(f->watch);
        assert_false(told(f));
        touch(f, "dev/a");
        touch(f, "cdi/a");
        assert_int_equal(poll(&p, 1, /* timeout= */ 0), 0);
        WATCH(f, "dev/a");
        assert_int_equal(unlink(at(f, "dev/a")), 0);
        assert_true(told(f));
}

/* What cannot be watched is not, and does no harm. */
static void test_odd_paths(void **state) {
        Fixture *f = *state;
        char path[2 * PATH_MAX];

        path_watch_begin(f->watch);
        assert_int_equal(path_watch_add(f->watch, "relative"), 0);
        assert_int_equal(path_watch_add(f->watch, ""), 0);
        assert_int_equal(path_watch_add(f->watch, "/"), 0);
        assert_int_equal(path_watch_add(f->watch, "//"), 0);
        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(path_watch_add(f->watch, path), 0);
        path[PATH_MAX - 1] = '\0';
        assert_int_equal(path_watch_add(f->watch, path), 0);
        touch(f, "file");
        assert_int_equal(path_watch_add(f->watch, at(f, "file/a")), 0);
        assert_int_equal(path_watch_add_folder(f->watch, at(f, "file")), 0);
        path_watch_end(f->watch);
        (void)told(f);
        assert_int_equal(unlink(at(f, "file")), 0);
        assert_true(told(f));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_one_name),      TEST(test_folder),
                TEST(test_not_there_yet), TEST(test_several_of_one_folder),
                TEST(test_grown),         TEST(test_no_more),
                TEST(test_odd_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
