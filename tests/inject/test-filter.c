/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The device filter in real cgroups, both kinds, seen from a process inside. Wants root and the hierarchies.
 *
 * The numbers that are opened have no driver: a filter that lets them through is told by ENXIO or ENODEV in
 * place of EPERM.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/sysmacros.h>

#include "inject/cgroup.h"
#include "inject/filter.h"
#include "inject/inside.h"
#include "model/edits.h"
#include "util/fd.h"
#include "util/string.h"

#define NO_DRIVER 509 /* above the majors that the kernel hands out by itself */

typedef struct Fixture {
        FilterKind kind;
        char relative[64];
        char folder[32];
        Filter *filter;
        Inside inside;
        unsigned int n_fds;
} Fixture;

static CgroupHierarchy hierarchy_of(FilterKind kind) {
        return kind == FILTER_V1 ? CGROUP_DEVICES : CGROUP_UNIFIED;
}

static int setup_kind(void **state, FilterKind kind) {
        static Fixture fixture;

        fixture = (Fixture){.kind = kind,
                            .inside.fd = -EBADF,
                            .n_fds = count_entries("/proc/self/fd"),
                            .folder = "/tmp/davit-test-XXXXXX"};
        *state = &fixture;
        snprintf(fixture.relative, sizeof(fixture.relative), "davit-test-%d/box", (int)getpid());
        assert_non_null(mkdtemp(fixture.folder));
        return 0;
}

static int setup_bpf(void **state) {
        return setup_kind(state, FILTER_BPF);
}

static int setup_v1(void **state) {
        return setup_kind(state, FILTER_V1);
}

static int remove_nodes(const char *folder) {
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = opendir(folder);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                unlinkat(fd, entry->d_name, 0);
        closedir(dir);
        return rmdir(folder);
}

static bool folder_exists(FilterKind kind, const char *relative) {
        _cleanup_close_ int root_fd = cgroup_open_root(hierarchy_of(kind));
        _cleanup_close_ int fd = root_fd < 0 ? -EBADF : cgroup_open(root_fd, relative);

        return fd >= 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        inside_stop(&fixture->inside);
        filter_close(fixture->filter);
        if (geteuid() == 0)
                assert_int_equal(filter_destroy(fixture->relative), 0);
        assert_int_equal(remove_nodes(fixture->folder), 0);
        *strchr(fixture->relative, '/') = '\0';
        assert_false(folder_exists(FILTER_BPF, fixture->relative));
        assert_false(folder_exists(FILTER_V1, fixture->relative));
        assert_int_equal(count_entries("/proc/self/fd"), fixture->n_fds);
        return 0;
}

static Fixture *need(void **state) {
        Fixture *fixture = *state;
        int r;

        if (geteuid() != 0)
                skip_because("not root");
        r = cgroup_open_root(hierarchy_of(fixture->kind));
        if (r == -EOPNOTSUPP)
                skip_because("no such hierarchy");
        assert_true(r >= 0);
        close(r);
        r = filter_create(fixture->kind, fixture->relative);
        if (r == -EPERM || r == -EACCES)
                skip_because("not allowed to: %s", strerror(-r));
        assert_int_equal(r, 0);
        assert_int_equal(filter_open(fixture->relative, &fixture->filter), 0);
        return fixture;
}

static int join(const char *procs) {
        return -fd_write_string(AT_FDCWD, procs, "0");
}

/* Makes RELATIVE/@below and a process in it. */
static void go_inside(Fixture *fixture, const char *below) {
        _cleanup_close_ int root_fd = cgroup_open_root(hierarchy_of(fixture->kind)), fd = -EBADF;
        char relative[256], link[64], path[PATH_MAX] = {};
        bool made;

        snprintf(relative, sizeof(relative), "%s%s", fixture->relative, below);
        fd = cgroup_make(root_fd, relative, &made);
        assert_true(fd >= 0);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        assert_true(readlink(link, path, sizeof(path) - 32) > 0);
        strcat(path, "/cgroup.procs");
        if (fixture->inside.pid == 0)
                assert_int_equal(inside_start(&fixture->inside, 0), 0);
        assert_int_equal(inside_call(&fixture->inside, join, path), 0);
}

static int open_node(const char *path) {
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static int make_node(const char *path) {
        return mknod(path, S_IFCHR | 0600, makedev(NO_DRIVER, 99)) < 0 ? errno : 0;
}

static int open_to_read(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static int open_to_write(const char *path) {
        int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

/* Whether the process inside may open the number. */
static bool may_by(Fixture *fixture, InsideCall call, char type, unsigned int n_major, unsigned int n_minor) {
        char path[128];
        int r;

        snprintf(path, sizeof(path), "%s/%c%u:%u", fixture->folder, type, n_major, n_minor);
        if (mknod(path, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(n_major, n_minor)) < 0)
                assert_int_equal(errno, EEXIST);
        r = inside_call(&fixture->inside, call, path);
        assert_true(r >= 0);
        return r != EPERM;
}

static bool may(Fixture *fixture, char type, unsigned int n_major, unsigned int n_minor) {
        return may_by(fixture, open_node, type, n_major, n_minor);
}

static Item right(char type, unsigned int n_major, unsigned int n_minor) {
        return (Item){.kind = ITEM_RIGHT,
                      .device = "d",
                      .path = "p",
                      .type = type,
                      .rdev = makedev(n_major, n_minor)};
}

static void assert_rights(Filter *filter, const char *expected) {
        char text[1024] = "";
        ItemSet set = {};

        assert_int_equal(filter_read(filter, &set), 0);
        for (size_t i = 0; i < set.n_items; i++) {
                const Item *item = set.items[i];
                char path[64];

                snprintf(path, sizeof(path), "%c%u:%u", item->type, major(item->rdev), minor(item->rdev));
                assert_int_equal(item->kind, ITEM_RIGHT);
                assert_string_equal(item->path, path);
                assert_string_equal(item->device, "");
                strcat(strcat(text, path), " ");
        }
        assert_string_equal(text, expected);
        item_set_deinit(&set);
}

static void test_standard(void **state) {
        static const struct {
                char type;
                unsigned int major, minor;
                bool allowed;
        } cases[] = {{'c', 1, 3, true},          {'c', 1, 5, true},       {'c', 1, 7, true},
                     {'c', 1, 8, true},          {'c', 1, 9, true},       {'c', 5, 0, true},
                     {'c', 5, 1, true},          {'c', 5, 2, true},       {'c', 10, 200, true},
                     {'c', 136, 0, true},        {'c', 136, 77777, true}, {'c', 1, 1, false},
                     {'c', 1, 11, false},        {'c', 5, 3, false},      {'c', 137, 0, false},
                     {'c', 10, 229, false},      {'b', 1, 3, false},      {'b', 136, 0, false},
                     {'c', NO_DRIVER, 0, false}, {'b', 8, 0, false},      {'c', 189, 256, false}};
        Fixture *fixture = need(state);

        go_inside(fixture, "/payload");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (may(fixture, cases[i].type, cases[i].major, cases[i].minor) != cases[i].allowed)
                        fail_msg("%c%u:%u", cases[i].type, cases[i].major, cases[i].minor);
        assert_rights(fixture->filter, "");
}

static void test_mknod_is_left_to_the_namespace(void **state) {
        Fixture *fixture = need(state);
        char path[128];

        go_inside(fixture, "/payload");
        snprintf(path, sizeof(path), "%s/new", fixture->folder);
        assert_int_equal(inside_call(&fixture->inside, make_node, path), 0);
        assert_int_equal(inside_call(&fixture->inside, open_node, path), EPERM);
}

static void test_allow_and_deny(void **state) {
        Fixture *fixture = need(state);
        Item one = right('c', NO_DRIVER, 0), block = right('b', NO_DRIVER, 0),
             far = right('c', NO_DRIVER, 0xfffff);

        go_inside(fixture, "/payload");
        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        assert_true(may(fixture, 'c', NO_DRIVER, 0));
        assert_false(may(fixture, 'b', NO_DRIVER, 0));
        assert_false(may(fixture, 'c', NO_DRIVER, 1));
        assert_false(may(fixture, 'c', NO_DRIVER, 0xfffff));
        assert_int_equal(filter_allow(fixture->filter, &far), 0);
        assert_int_equal(filter_allow(fixture->filter, &block), 0);
        assert_true(may(fixture, 'b', NO_DRIVER, 0));
        assert_true(may(fixture, 'c', NO_DRIVER, 0xfffff));
        assert_rights(fixture->filter, "b509:0 c509:0 c509:1048575 ");

        assert_int_equal(filter_deny(fixture->filter, &one), 0);
        assert_int_equal(filter_deny(fixture->filter, &one), 0);
        assert_false(may(fixture, 'c', NO_DRIVER, 0));
        assert_true(may(fixture, 'b', NO_DRIVER, 0));
        assert_rights(fixture->filter, "b509:0 c509:1048575 ");
}

/* What a right refuses, as the process inside finds it and as it is read back. */
static void assert_access(Fixture *fixture, char type, unsigned int n_minor, unsigned int refused) {
        bool found = false;
        ItemSet set = {};

        assert_int_equal(may_by(fixture, open_to_read, type, NO_DRIVER, n_minor), !(refused & EDIT_READ));
        assert_int_equal(may_by(fixture, open_to_write, type, NO_DRIVER, n_minor), !(refused & EDIT_WRITE));
        assert_int_equal(may(fixture, type, NO_DRIVER, n_minor), refused == 0);
        assert_int_equal(filter_read(fixture->filter, &set), 0);
        for (size_t i = 0; i < set.n_items; i++)
                if (set.items[i]->type == type && set.items[i]->rdev == makedev(NO_DRIVER, n_minor)) {
                        assert_int_equal(set.items[i]->refused, refused);
                        found = true;
                }
        assert_int_equal(found, refused != (EDIT_READ | EDIT_WRITE));
        item_set_deinit(&set);
}

static void test_refused(void **state) {
        static const unsigned int all[] = {EDIT_WRITE, EDIT_READ, 0};
        Fixture *fixture = need(state);

        go_inside(fixture, "/payload/nested");
        for (unsigned int type = 0; type < 2; type++)
                for (unsigned int from = 0; from < ELEMENTSOF(all); from++)
                        for (unsigned int to = 0; to < ELEMENTSOF(all); to++) {
                                Item item = right(type ? 'b' : 'c', NO_DRIVER, 11);

                                item.refused = all[from];
                                assert_int_equal(filter_allow(fixture->filter, &item), 0);
                                assert_int_equal(filter_allow(fixture->filter, &item), 0);
                                assert_access(fixture, item.type, 11, all[from]);
                                /* Another one takes its place as any that is replaced: behind its end. */
                                assert_int_equal(filter_deny(fixture->filter, &item), 0);
                                assert_access(fixture, item.type, 11, EDIT_READ | EDIT_WRITE);
                                item.refused = all[to];
                                assert_int_equal(filter_allow(fixture->filter, &item), 0);
                                assert_access(fixture, item.type, 11, all[to]);
                                /* Whoever takes it off need not know what it refused. */
                                item.refused = all[from];
                                assert_int_equal(filter_deny(fixture->filter, &item), 0);
                                assert_rights(fixture->filter, "");
                        }
}

/* Neighbours by number or by type, and the next davitd. */
static void test_refused_alone(void **state) {
        Fixture *fixture = need(state);
        Item one = right('c', NO_DRIVER, 11), next = right('c', NO_DRIVER, 12);

        one.refused = EDIT_WRITE;
        next.refused = EDIT_READ;
        go_inside(fixture, "/payload");
        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        assert_int_equal(filter_allow(fixture->filter, &next), 0);
        fixture->filter = filter_close(fixture->filter);
        assert_int_equal(filter_open(fixture->relative, &fixture->filter), 0);
        assert_access(fixture, 'c', 11, EDIT_WRITE);
        assert_access(fixture, 'c', 12, EDIT_READ);
        assert_access(fixture, 'b', 11, EDIT_READ | EDIT_WRITE);
        go_inside(fixture, "/payload/later");
        assert_access(fixture, 'c', 11, EDIT_WRITE);
        assert_int_equal(filter_deny(fixture->filter, &one), 0);
        assert_access(fixture, 'c', 12, EDIT_READ);
        assert_rights(fixture->filter, "c509:12 ");
}

static void test_standard_is_not_taken(void **state) {
        Fixture *fixture = need(state);
        Item tun = right('c', 10, 200);

        go_inside(fixture, "/payload");
        assert_int_equal(filter_allow(fixture->filter, &tun), 0);
        assert_rights(fixture->filter, "");
        assert_int_equal(filter_deny(fixture->filter, &tun), 0);
        assert_true(may(fixture, 'c', 10, 200));
}

/* Folders that the container made itself. */
static void test_nested(void **state) {
        Fixture *fixture = need(state);
        Item one = right('c', NO_DRIVER, 3);

        go_inside(fixture, "/payload/system.slice/adb.service");
        assert_false(may(fixture, 'c', NO_DRIVER, 3));
        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        assert_true(may(fixture, 'c', NO_DRIVER, 3));
        go_inside(fixture, "/payload/later");
        assert_true(may(fixture, 'c', NO_DRIVER, 3));
        assert_int_equal(filter_deny(fixture->filter, &one), 0);
        assert_false(may(fixture, 'c', NO_DRIVER, 3));
        go_inside(fixture, "/payload/system.slice/adb.service");
        assert_false(may(fixture, 'c', NO_DRIVER, 3));
}

static void test_nested_too_deep(void **state) {
        Fixture *fixture = need(state);
        Item one = right('c', NO_DRIVER, 3);
        char below[128] = "";

        for (unsigned int i = 0; i < 20; i++)
                strcat(below, "/d");
        go_inside(fixture, below);
        /* One map serves all; a list for each folder has an end, and then nobody is allowed. */
        assert_int_equal(filter_allow(fixture->filter, &one), fixture->kind == FILTER_V1 ? -ELOOP : 0);
        assert_int_equal(may(fixture, 'c', NO_DRIVER, 3), fixture->kind != FILTER_V1);
        assert_rights(fixture->filter, fixture->kind == FILTER_V1 ? "" : "c509:3 ");

        /* Taking it off gives up too, and goes on where it stopped. */
        inside_stop(&fixture->inside);
        assert_int_equal(filter_destroy(fixture->relative), -ELOOP);
        for (unsigned int i = 0; i < 10; i++)
                below[strlen(below) - 2] = '\0';
        {
                _cleanup_close_ int root_fd = cgroup_open_root(hierarchy_of(fixture->kind));
                char relative[256];

                snprintf(relative, sizeof(relative), "%s%s", fixture->relative, below);
                assert_int_equal(cgroup_remove(root_fd, relative), 0);
        }
}

static void test_opened_anew(void **state) {
        Fixture *fixture = need(state);
        Item one = right('c', NO_DRIVER, 0), two = right('c', NO_DRIVER, 1);

        go_inside(fixture, "/payload");
        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        fixture->filter = filter_close(fixture->filter);
        assert_true(may(fixture, 'c', NO_DRIVER, 0));
        assert_int_equal(filter_open(fixture->relative, &fixture->filter), 0);
        assert_rights(fixture->filter, "c509:0 ");
        assert_int_equal(filter_allow(fixture->filter, &two), 0);
        assert_int_equal(filter_deny(fixture->filter, &one), 0);
        assert_true(may(fixture, 'c', NO_DRIVER, 1));
        assert_false(may(fixture, 'c', NO_DRIVER, 0));
}

static void test_created_anew(void **state) {
        Fixture *fixture = need(state);
        Item one = right('c', NO_DRIVER, 0);

        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        fixture->filter = filter_close(fixture->filter);
        assert_int_equal(filter_create(fixture->kind, fixture->relative), 0);
        assert_int_equal(filter_open(fixture->relative, &fixture->filter), 0);
        assert_rights(fixture->filter, "");
        assert_int_equal(filter_allow(fixture->filter, &one), 0);
        go_inside(fixture, "/payload");
        assert_true(may(fixture, 'c', NO_DRIVER, 0));
}

static void test_destroy(void **state) {
        Fixture *fixture = need(state);
        Filter *filter = NULL;

        go_inside(fixture, "/payload/a/b");
        assert_int_equal(filter_destroy(fixture->relative), -EBUSY);
        assert_false(may(fixture, 'c', NO_DRIVER, 0));
        inside_stop(&fixture->inside);
        assert_int_equal(filter_destroy(fixture->relative), 0);
        assert_int_equal(filter_destroy(fixture->relative), 0);
        assert_int_equal(filter_open(fixture->relative, &filter), -ENOENT);
        assert_null(filter);
}

/* liblxc makes its folder in every hierarchy: that is no filter. */
static void test_folder_without_filter(void **state) {
        Fixture *fixture = need(state);
        Filter *filter = NULL;
        bool made;
        int root_fd, fd;

        fixture->filter = filter_close(fixture->filter);
        assert_int_equal(filter_destroy(fixture->relative), 0);
        root_fd = cgroup_open_root(hierarchy_of(fixture->kind));
        fd = cgroup_make(root_fd, fixture->relative, &made);
        assert_true(fd >= 0 && made);
        assert_int_equal(filter_open(fixture->relative, &filter), -ENOENT);
        close(fd);
        close(root_fd);
}

static void test_full(void **state) {
        Fixture *fixture = need(state);
        unsigned int n = 0;
        Item item = right('c', NO_DRIVER, 0);
        int r = 0;

        for (; n < 5000 && r == 0; n++) {
                item.rdev = makedev(NO_DRIVER, n);
                r = filter_allow(fixture->filter, &item);
        }
        assert_int_equal(r, -E2BIG);
        assert_true(n > 4000 && n <= 4096);
        item.rdev = makedev(NO_DRIVER, 0);
        assert_int_equal(filter_deny(fixture->filter, &item), 0);
        assert_int_equal(filter_allow(fixture->filter, &item), 0);
}

static void test_bad_paths(void **state) {
        static const char *const paths[] = {"", "/", "/davit", "davit/", "a//b", ".", "..", "a/../b", "./a"};
        Filter *filter;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                assert_false(cgroup_path_is_valid(paths[i]));
                if (geteuid() != 0)
                        continue;
                assert_int_equal(filter_create(FILTER_AUTO, paths[i]), -EINVAL);
                assert_int_equal(filter_open(paths[i], &filter), -EINVAL);
                assert_int_equal(filter_destroy(paths[i]), -EINVAL);
        }
        assert_true(cgroup_path_is_valid("a"));
        assert_true(cgroup_path_is_valid("davit/..x/.y"));
}

#define both_kinds(name)                                    \
        {#name "/bpf", name, setup_bpf, teardown, NULL}, {  \
#name "/v1", name, setup_v1, teardown, NULL \
        }

int main(void) {
        const struct CMUnitTest tests[] = {
                both_kinds(test_standard),
                both_kinds(test_mknod_is_left_to_the_namespace),
                both_kinds(test_allow_and_deny),
                both_kinds(test_refused),
                both_kinds(test_refused_alone),
                both_kinds(test_standard_is_not_taken),
                both_kinds(test_nested),
                both_kinds(test_nested_too_deep),
                both_kinds(test_opened_anew),
                both_kinds(test_created_anew),
                both_kinds(test_destroy),
                both_kinds(test_folder_without_filter),
                {"test_full/bpf", test_full, setup_bpf, teardown, NULL},
                cmocka_unit_test(test_bad_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
