/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes that no uevent tells of: which are found, and what is heard of their coming and going. */

#include "config.h"

#include "source/nodes-fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/node-folders.h"
#include "util/fd.h"
#include "util/string.h"

#define NODES_MAX 8

typedef struct Row {
        const char *name;
        const char *paths[4];
        const char *made[NODES_MAX]; /* "NUMBER PATH" */
        const char *expected;
} Row;

static const Row rows[] = {
        {"literal", {"/dev/a"}, {"c240:3 a", "c240:4 b"}, "node-a a c240:3"},
        {"minor 0", {"/dev/a"}, {"c240:0 a"}, "node-a a c240:0"},
        {"pattern",
         {"\"/dev/a*\""},
         {"c240:0 a0", "c240:1 a1", "c240:2 b"},
         "node-a0 a0 c240:0, node-a1 a1 c240:1"},
        {"block device", {"/dev/a"}, {"b240:0 a"}, "node-a a b240:0"},
        {"one number, two types",
         {"\"/dev/*\""},
         {"b240:0 a", "c240:0 b"},
         "node-a a b240:0, node-b b c240:0"},
        {"negated", {"[\"/dev/a*\", \"!/dev/a1\"]"}, {"c240:0 a0", "c240:1 a1"}, "node-a0 a0 c240:0"},
        {"negated alone", {"\"!/dev/a\""}, {"c240:0 a", "c240:1 b"}, ""},
        {"negated by one rule, taken by another",
         {"[\"/dev/a*\", \"!/dev/a1\"]", "/dev/a1"},
         {"c240:0 a0", "c240:1 a1"},
         "node-a0 a0 c240:0, node-a1 a1 c240:1"},
        {"folders",
         {"[/dev/x/y/a, \"/dev/x/*\"]"},
         {"c240:0 x/y/a", "c240:1 x/y/b", "c240:2 x/c", "c240:3 a"},
         "node-x\\x21c x/c c240:2, node-x\\x21y\\x21a x/y/a c240:0"},
        {"a pattern is for one folder", {"\"/dev/a*\""}, {"c240:0 a/b", "c240:1 ab"}, "node-ab ab c240:1"},
        {"classes in brackets", {"\"/dev/a[0-9]\""}, {"c240:0 a0", "c240:1 ax"}, "node-a0 a0 c240:0"},
        {"escaped star", {"'/dev/a\\*'"}, {"c240:0 a0", "c240:1 a*"}, "node-a\\x5cx2a a* c240:1"},
        {"one number, several names: the first",
         {"\"/dev/*\""},
         {"c240:0 b", "c240:0 a", "c240:0 c"},
         "node-a a c240:0"},
        {"no number of a device", {"/dev/a"}, {"c0:0 a"}, ""},
        {"hostile names",
         {"\"/dev/*\""},
         {"c240:0 a!b", "c240:1 a\nb", "c240:2 \x1b[31m", "c240:3 ..."},
         "node-\\x5cx1b\\x5cx5b31m \x1b[31m c240:2, node-\\x5cx2e.. ... c240:3, "
         "node-a\\x5cx0ab a\nb c240:1, node-a\\x5cx21b a!b c240:0"},
        {"what is a name and what a folder",
         {"[\"/dev/*\", \"/dev/a/*\"]"},
         {"c240:0 a!b", "c240:1 a/b"},
         "node-a\\x21b a/b c240:1, node-a\\x5cx21b a!b c240:0"},
        {"of a class that stands for modules",
         {"[/dev/net/tun, /dev/ppp, /dev/snd/seq]"},
         {"c10:200 net/tun", "c108:0 ppp", "c116:1 snd/seq"},
         "virtual-misc-tun net/tun c10:200, virtual-ppp-ppp ppp c108:0, virtual-sound-seq snd/seq c116:1"},
        {"of such a class, two of one name",
         {"[\"/dev/*\", \"/dev/x/*\"]"},
         {"c10:250 a", "c10:251 x/a"},
         "node-x\\x21a x/a c10:251, virtual-misc-a a c10:250"},
        {"of such a class, a block device", {"/dev/a"}, {"b10:250 a"}, "node-a a b10:250"},
};

static void test_found(void **state) {
        NodesFixture *f = nodes_fixture(state);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                print_message("%s\n", rows[i].name);
                for (size_t k = 0; k < NODES_MAX && rows[i].made[k]; k++) {
                        char number[16], path[128] = "dev/";

                        assert_int_equal(sscanf(rows[i].made[k], "%15s", number), 1);
                        strcat(path, rows[i].made[k] + strlen(number) + 1);
                        nodes_make(f, path, number);
                }
                nodes_want(f, rows[i].paths);
                nodes_assert_devices(f, rows[i].expected);
                /* Looking again is no news. */
                f->n_changes = 0;
                assert_int_equal(nodes_scan(f->nodes), 0);
                assert_int_equal(f->n_changes, 0);
                nodes_take(f, "dev");
                nodes_make_folder(f, "dev");
        }
}

static void test_class(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_make(f, "dev/a", "c240:0");
        nodes_make(f, "dev/b", "b240:0");
        nodes_want_one(f, "\"/dev/*\"");
        assert_int_equal(registry_device(&f->registry, "node-a")->classes, 1U << DEVICE_OTHER);
        /* What is denied of block devices is denied of these. */
        assert_int_equal(registry_device(&f->registry, "node-b")->classes, 1U << DEVICE_BLOCK);
        assert_string_equal(registry_device(&f->registry, "node-a")->place, "a");
}

/* Only what is a node itself, below /dev itself, and no name too long for one. */
static void test_no_nodes(void **state) {
        char path[PATH_MAX], name[160] = "dev/";
        struct sockaddr_un {
                sa_family_t family;
                char path[108];
        } address = {AF_UNIX, ""};
        NodesFixture *f = nodes_fixture(state);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        nodes_make(f, "elsewhere/node", "c240:0");
        nodes_make_file(f, "dev/file");
        nodes_path(f, "dev/fifo", path);
        assert_int_equal(mkfifo(path, 0600), 0);
        snprintf(address.path, sizeof(address.path), "%s/dev/socket", f->top);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        nodes_path(f, "dev/link", path);
        assert_int_equal(symlink("../elsewhere/node", path), 0);
        nodes_path(f, "dev/folder", path);
        assert_int_equal(symlink("../elsewhere", path), 0);
        memset(name + 4, 'x', 129);
        nodes_make(f, name, "c240:1");
        nodes_want_one(f, "[\"/dev/*\", \"/dev/folder/*\", /dev/folder/node, /dev/file/x]");
        nodes_assert_devices(f, "");
        assert_false(nodes_is_due(f));
        name[4 + 128] = '\0';
        nodes_make(f, name, "c240:2");
        nodes_dispatch_all(f);
        assert_int_equal(HASH_COUNT(f->registry.devices), 1);
}

static void test_without_rules(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_make(f, "dev/a", "c240:0");
        nodes_want(f, (const char *const[]){NULL});
        nodes_assert_devices(f, "");
        nodes_make(f, "dev/b", "c240:1");
        assert_false(nodes_is_due(f));
}

static void test_comes_and_goes(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_want_one(f, "[/dev/a, \"/dev/b*\"]");
        nodes_make(f, "dev/a", "c240:0");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:0");
        nodes_make(f, "dev/b1", "c240:1");
        nodes_make(f, "dev/c", "c240:2");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:0, node-b1 b1 c240:1");

        nodes_take(f, "dev/a");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-b1 b1 c240:1");
        /* Under another number, without a moment of being away that anybody looks at. */
        nodes_take(f, "dev/b1");
        nodes_make(f, "dev/b1", "c240:7");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-b1 b1 c240:7");
        nodes_make(f, "dev/new", "c240:8");
        nodes_move(f, "dev/new", "dev/b1");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-b1 b1 c240:8");
        nodes_move(f, "dev/b1", "dev/b2");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-b2 b2 c240:8");
        nodes_make_file(f, "dev/file");
        nodes_move(f, "dev/file", "dev/b2");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "");
        nodes_take(f, "dev/b2");
        nodes_make(f, "dev/b2", "c240:8");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-b2 b2 c240:8");
        nodes_move(f, "dev/b2", "elsewhere");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "");
}

static void test_numbers_change_hands(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_want_one(f, "\"/dev/*\"");
        nodes_make(f, "dev/a", "c240:0");
        nodes_make(f, "dev/b", "c240:1");
        nodes_dispatch_all(f);
        nodes_move(f, "dev/a", "dev/x");
        nodes_move(f, "dev/b", "dev/a");
        nodes_move(f, "dev/x", "dev/b");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:1, node-b b c240:0");

        /* One more name of a number, and the only one that is left. */
        nodes_make(f, "dev/c", "c240:0");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:1, node-b b c240:0");
        nodes_take(f, "dev/b");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:1, node-c c c240:0");
}

/* What others tell of costs one look at its number, and no whole one. */
static void test_others(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_want_one(f, "\"/dev/*\"");
        nodes_make_file(f, "sys/dev/char/240:0");
        nodes_make_file(f, "sys/dev/block/240:1");
        nodes_make(f, "dev/a", "c240:0");
        nodes_make(f, "dev/b", "b240:1");
        nodes_make(f, "dev/c", "c240:1");
        nodes_make(f, "dev/d", "b240:0");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-c c c240:1, node-d d b240:0");
        nodes_take(f, "dev/a");
        nodes_take(f, "dev/b");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-c c c240:1, node-d d b240:0");
}

static void test_folders(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_want_one(f, "[/dev/x/y/a, \"/dev/x/b*\"]");
        nodes_assert_devices(f, "");
        nodes_make_folder(f, "dev/x");
        nodes_dispatch_all(f);
        nodes_make(f, "dev/x/b", "c240:0");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-x\\x21b x/b c240:0");
        /* With all that is in it, at once. */
        nodes_make(f, "dev/z/a", "c240:1");
        nodes_move(f, "dev/z", "dev/x/y");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-x\\x21b x/b c240:0, node-x\\x21y\\x21a x/y/a c240:1");
        nodes_take(f, "dev/x/y/a");
        nodes_make(f, "dev/x/y/a", "c240:2");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-x\\x21b x/b c240:0, node-x\\x21y\\x21a x/y/a c240:2");

        nodes_move(f, "dev/x/y", "dev/q");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-x\\x21b x/b c240:0");
        nodes_make(f, "dev/q/b", "c240:3");
        assert_false(nodes_is_due(f));
        nodes_take(f, "dev/x");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "");
        nodes_make_file(f, "dev/x");
        nodes_dispatch_all(f);
        nodes_take(f, "dev/x");
        nodes_make(f, "dev/x/y/a", "c240:4");
        nodes_make(f, "dev/x/b", "c240:5");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-x\\x21b x/b c240:5, node-x\\x21y\\x21a x/y/a c240:4");
        nodes_take(f, "dev/x/b");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-x\\x21y\\x21a x/y/a c240:4");
}

static void test_reload(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_make(f, "dev/a", "c240:0");
        nodes_make(f, "dev/x/b", "c240:1");
        nodes_want_one(f, "/dev/a");
        nodes_assert_devices(f, "node-a a c240:0");
        f->n_removed = 0;
        nodes_want(f, (const char *const[]){"/dev/a", "\"/dev/x/*\"", NULL});
        nodes_assert_devices(f, "node-a a c240:0, node-x\\x21b x/b c240:1");
        assert_int_equal(f->n_removed, 0);
        nodes_make(f, "dev/x/c", "c240:2");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:0, node-x\\x21b x/b c240:1, node-x\\x21c x/c c240:2");
        nodes_want_one(f, "/dev/a");
        nodes_assert_devices(f, "node-a a c240:0");
        nodes_take(f, "dev/x/c");
        assert_false(nodes_is_due(f));
        nodes_want(f, (const char *const[]){NULL});
        nodes_assert_devices(f, "");
        nodes_take(f, "dev/a");
        assert_false(nodes_is_due(f));
}

static unsigned int read_number(const char *path) {
        _cleanup_free_ char *text = NULL;
        unsigned int number;

        assert_int_equal(fd_read_file(AT_FDCWD, path, 64, &text, NULL), 0);
        assert_int_equal(sscanf(text, "%u", &number), 1);
        return number;
}

/* More happens than the kernel queues. */
static void test_overflow(void **state) {
        unsigned int n = read_number("/proc/sys/fs/inotify/max_queued_events");
        NodesFixture *f = nodes_fixture(state);

        nodes_want_one(f, "[/dev/a, /dev/x/b]");
        for (unsigned int i = 0; i <= n / 2; i++) {
                nodes_make(f, "dev/other", "c240:9");
                nodes_take(f, "dev/other");
        }
        nodes_make(f, "dev/x/b", "c240:1");
        nodes_make(f, "dev/a", "c240:0");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:0, node-x\\x21b x/b c240:1");
        nodes_take(f, "dev/x/b");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "node-a a c240:0");
}

static void test_bounds(void **state) {
        NodesFixture *f = nodes_fixture(state);
        char path[64];

        for (unsigned int i = 0; i < REPORT_MAX + 8; i++) {
                char number[16];

                snprintf(path, sizeof(path), "dev/a%u", i);
                snprintf(number, sizeof(number), "c240:%u", i);
                nodes_make(f, path, number);
        }
        nodes_want_one(f, "\"/dev/a*\"");
        assert_int_equal(HASH_COUNT(f->registry.devices), REPORT_MAX);
        nodes_want_one(f, "[/dev/a3, \"/dev/a103?\"]");
        assert_int_equal(HASH_COUNT(f->registry.devices), 3);
}

static void test_folders_max(_unused_ void **state) {
        static char paths[NODE_FOLDERS_MAX + 1][32];
        _cleanup_(node_folders_deinit) NodeFolders folders = {};
        Pattern pattern = {.literal = true};
        const PatternList list = {&pattern, 1};

        for (unsigned int i = 0; i <= NODE_FOLDERS_MAX; i++) {
                snprintf(paths[i], sizeof(paths[i]), "/dev/%u/a", i);
                pattern.glob = paths[i];
                assert_int_equal(node_folders_add(&folders, &list), i < NODE_FOLDERS_MAX ? 0 : -ENOSPC);
        }
        /* One more in a folder that is known. */
        pattern.glob = strcpy(paths[NODE_FOLDERS_MAX], "/dev/0/b");
        assert_int_equal(node_folders_add(&folders, &list), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_found, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_class, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_no_nodes, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_without_rules, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_comes_and_goes, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_numbers_change_hands, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_others, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_folders, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_reload, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_overflow, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_bounds, nodes_setup, nodes_teardown),
                cmocka_unit_test(test_folders_max),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
