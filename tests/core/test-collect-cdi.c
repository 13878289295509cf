/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a container should have by CDI files, of which much is the same for several devices, and the
 * hardware's own besides.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/sysmacros.h>

#include "core/collect-fixture.h"

static EditNode board_node(unsigned int number, unsigned int access) {
        static char names[8][16];

        snprintf(names[number % 8], sizeof(names[0]), "/dev/board%u", number);
        return (EditNode){.path = names[number % 8],
                          .type = 'c',
                          .numbered = true,
                          .major = 240,
                          .minor = number,
                          .access = access};
}

/* What a file says of vendor.example/board=@name. */
static Device *describe(Fixture *f, const char *name, const Edits *edits) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD, .edits = edits};
        char devpath[128], id[128];
        RegistryChange change;
        Device *device;

        snprintf(devpath, sizeof(devpath), "/devices/virtual/cdi/vendor.example:board:%s", name);
        snprintf(id, sizeof(id), "cdi-vendor.example:board:%s", name);
        assert_int_equal(property_list_set(&event.properties, "DEVPATH", devpath), 0);
        assert_int_equal(property_list_set(&event.properties, "SUBSYSTEM", "cdi"), 0);
        assert_int_equal(registry_apply(&f->manager.registry, &event, /* complete= */ true, &change, &device),
                         0);
        return registry_device(&f->manager.registry, id);
}

/* One of a file whose devices have a control node and a library in common. */
static Device *describe_board(Fixture *f, const char *name, unsigned int number) {
        EditMount mount = {(char *)"/usr/lib/board.so", (char *)"/opt/board.so", NULL, NULL};
        EditNode nodes[] = {board_node(7, EDIT_ALL), board_node(number, EDIT_ALL)};

        return describe(f, name, &(Edits){.nodes = nodes, .n_nodes = 2, .mounts = &mount, .n_mounts = 1});
}

static bool has(const Fixture *f, ItemKind kind, const char *path) {
        return item_set_find(&f->kernel, &(Item){.kind = kind, .path = path});
}

/* EDIT_* bits that the container may open the number with. */
static unsigned int may_open(const Fixture *f, const char *right) {
        const Item *item = item_set_find(&f->kernel, &(Item){.kind = ITEM_RIGHT, .path = right});

        return item ? (EDIT_READ | EDIT_WRITE) & ~item->refused : 0;
}

/* What is the same for two devices of one file is there with the first and goes with the last, untouched
 * between. */
static void test_of_one_file(void **state) {
        Fixture *f = *state;
        Device *a = describe_board(f, "a", 1), *b = describe_board(f, "b", 2);

        for (unsigned int first_leaves = 0; first_leaves < 2; first_leaves++) {
                Grant *one, *two;

                one = grant(f, a, NULL);
                touch(f, a);
                assert_true(has(f, ITEM_NODE, "board7") && has(f, ITEM_NODE, "board1"));
                assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
                assert_settled(f);

                two = grant(f, b, NULL);
                f->n_steps = 0;
                touch(f, b);
                assert_int_equal(f->n_steps, 2); /* its own right and node */
                assert_string_equal(f->settled[0], "cdi-vendor.example:board:b 0");
                assert_settled(f);

                f->n_steps = 0;
                take_back(f, first_leaves ? one : two);
                assert_int_equal(f->n_steps, 2);
                assert_true(has(f, ITEM_NODE, "board7"));
                assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
                assert_int_equal(may_open(f, "c240:7"), EDIT_READ | EDIT_WRITE);
                assert_false(has(f, ITEM_NODE, first_leaves ? "board1" : "board2"));
                assert_settled(f);
                take_back(f, first_leaves ? two : one);
                assert_int_equal(f->kernel.n_items, 0);
        }
}

/* The hardware's own grant of a node, and a file about that hardware that lets it be read alone, in either
 * order of coming and going. */
static void test_beside_hardware(void **state) {
        static const char render[] = "dri/renderD129", right[] = "c226:129";
        Rule strict = {.name = (char *)"strict", .give = GIVE_DEFAULT};
        EditNode nodes[] = {{.path = (char *)"/dev/dri/renderD129",
                             .type = 'c',
                             .numbered = true,
                             .major = 226,
                             .minor = 129,
                             .has_mode = true,
                             .mode = 0444,
                             .access = EDIT_READ},
                            board_node(7, EDIT_ALL)};
        const Edits edits = {.nodes = nodes, .n_nodes = 2};

        Fixture *f = *state;
        Device *gpu = plug_gpu(f, 1, "i915"), *cdi = describe(f, "gpu", &edits);

        strict.give.mode = 0600;
        for (unsigned int order = 0; order < 4; order++) {
                bool cdi_first = order & 1, cdi_leaves = order & 2;
                Grant *hardware = NULL, *described = NULL;
                const Item *node;

                for (unsigned int i = 0; i < 2; i++)
                        if ((i == 0) == cdi_first) {
                                described = grant(f, cdi, NULL);
                                touch(f, cdi);
                                assert_string_equal(f->settled[0], "cdi-vendor.example:board:gpu 0");
                                assert_true(has(f, ITEM_EVENT, gpu->parts->next->devpath));
                                assert_settled(f);
                        } else {
                                hardware = grant(f, gpu, &strict);
                                touch(f, gpu);
                                assert_string_equal(f->settled[0], "pci-0000:00:01.0 0");
                                assert_settled(f);
                        }
                /* Both: the hardware's word counts. */
                node = item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = render});
                assert_string_equal(owner(f, render), ITEM_OWNER_SHARED);
                assert_int_equal(node->mode, 0600);
                assert_int_equal(may_open(f, right), EDIT_READ | EDIT_WRITE);
                assert_true(has(f, ITEM_NODE, "board7"));

                take_back(f, cdi_leaves ? described : hardware);
                node = item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = render});
                assert_non_null(node);
                assert_int_equal(node->mode, cdi_leaves ? 0600 : 0444);
                assert_string_equal(owner(f, render), cdi_leaves ? gpu->id : ITEM_OWNER_SHARED);
                assert_int_equal(may_open(f, right), cdi_leaves ? EDIT_READ | EDIT_WRITE : EDIT_READ);
                assert_int_equal(has(f, ITEM_NODE, "board7"), !cdi_leaves);
                assert_true(has(f, ITEM_EVENT, gpu->parts->next->devpath));
                assert_settled(f);
                take_back(f, cdi_leaves ? hardware : described);
                assert_int_equal(f->kernel.n_items, 0);
        }
}

/* Along with the device that it is about, and for its own sake too. */
static void test_along(void **state) {
        Pattern name = {.glob = (char *)"vendor.example/board=a", .literal = true};
        Rule along = {.name = (char *)"along", .give = GIVE_DEFAULT};
        Fixture *f = *state;
        Device *gpu = plug_gpu(f, 3, "i915"), *a;
        Grant *first, *second;

        along.give.cdi = (PatternList){.items = &name, .n_items = 1};
        /* Before any file says what it is nothing goes along. */
        first = grant(f, gpu, &along);
        touch(f, gpu);
        assert_int_equal(f->kernel.n_items, 4);
        a = describe_board(f, "a", 1);
        touch(f, gpu);
        assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
        assert_settled(f);
        second = grant(f, a, NULL);
        f->n_steps = 0;
        touch(f, a);
        assert_int_equal(f->n_steps, 0);
        take_back(f, first);
        assert_int_equal(f->n_steps, 4);
        assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
        assert_settled(f);
        take_back(f, second);
        assert_int_equal(f->kernel.n_items, 0);
}

/* What each may open adds up, and shrinks again. */
static void test_rights_add_up(void **state) {
        EditNode node = board_node(7, EDIT_READ);
        const Edits edits = {.nodes = &node, .n_nodes = 1};
        Fixture *f = *state;
        Device *a, *b;
        Grant *one, *two;

        a = describe(f, "a", &edits);
        node.access = EDIT_WRITE;
        b = describe(f, "b", &edits);
        one = grant(f, a, NULL);
        touch(f, a);
        assert_int_equal(may_open(f, "c240:7"), EDIT_READ);
        two = grant(f, b, NULL);
        touch(f, b);
        assert_int_equal(may_open(f, "c240:7"), EDIT_READ | EDIT_WRITE);
        assert_settled(f);
        take_back(f, one);
        assert_int_equal(may_open(f, "c240:7"), EDIT_WRITE);
        assert_settled(f);
        take_back(f, two);
        assert_int_equal(f->kernel.n_items, 0);
}

/* Another number under the same name is another thing: who came first has it. */
static void test_conflict(void **state) {
        EditNode node = board_node(1, EDIT_ALL);
        Fixture *f = *state;
        Device *a, *b;
        Grant *one, *two;

        a = describe(f, "a", &(Edits){.nodes = &node, .n_nodes = 1});
        node.minor = 9;
        b = describe(f, "b", &(Edits){.nodes = &node, .n_nodes = 1});
        one = grant(f, a, NULL);
        touch(f, a);
        two = grant(f, b, NULL);
        touch(f, b);
        assert_string_equal(f->settled[0], "cdi-vendor.example:board:b -17");
        assert_int_equal(item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = "board1"})->rdev,
                         makedev(240, 1));
        f->n_settled = 0;
        runner_touch_all(f->context.runner);
        assert_int_equal(f->n_settled, 2);
        assert_string_equal(f->settled[0], "cdi-vendor.example:board:a 0");
        assert_string_equal(f->settled[1], "cdi-vendor.example:board:b -17");

        take_back(f, one);
        touch(f, b);
        assert_string_equal(f->settled[0], "cdi-vendor.example:board:b 0");
        assert_int_equal(item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = "board1"})->rdev,
                         makedev(240, 9));
        assert_settled(f);
        take_back(f, two);
        assert_int_equal(f->kernel.n_items, 0);
}

/* A node that the host has no more takes all of the device, but nothing of another one. */
static void test_cannot_be_given(void **state) {
        EditMount mount = {(char *)"/usr/lib/board.so", (char *)"/opt/board.so", NULL, NULL};
        EditNode gone = {.path = (char *)"/dev/board7", .error = -ENOENT};
        const Edits bad = {.nodes = &gone, .n_nodes = 1, .mounts = &mount, .n_mounts = 1};
        Fixture *f = *state;
        Device *a = describe_board(f, "a", 1), *b = describe_board(f, "b", 2);
        Grant *one, *two;

        one = grant(f, a, NULL);
        two = grant(f, b, NULL);
        runner_touch_all(f->context.runner);
        assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
        describe(f, "a", &bad);
        touch(f, a);
        assert_int_equal(f->n_settled, 1);
        assert_string_equal(f->settled[0], "cdi-vendor.example:board:a -2");
        assert_false(has(f, ITEM_NODE, "board1"));
        assert_true(has(f, ITEM_NODE, "board2") && has(f, ITEM_NODE, "board7"));
        assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
        assert_settled(f);
        f->n_settled = 0;
        describe(f, "b", &bad);
        touch(f, b);
        assert_string_equal(f->settled[0], "cdi-vendor.example:board:b -2");
        assert_int_equal(f->kernel.n_items, 0);
        assert_settled(f);

        describe_board(f, "b", 2);
        touch(f, b);
        assert_string_equal(f->settled[0], "cdi-vendor.example:board:b 0");
        assert_true(has(f, ITEM_MOUNT, "opt/board.so"));
        assert_settled(f);
        take_back(f, one);
        take_back(f, two);
        assert_int_equal(f->kernel.n_items, 0);
}

/* Any order of grants and drops of two devices of one file, of hardware that has one of its nodes, and
 * failures between, ends where it should. */
static void test_random_walk(void **state) {
        Fixture *f = *state;
        EditNode nodes[] = {board_node(7, EDIT_READ),
                            {.path = (char *)"/dev/dri/renderD129",
                             .type = 'c',
                             .numbered = true,
                             .major = 226,
                             .minor = 129,
                             .access = EDIT_READ}};
        Device *devices[] = {plug_gpu(f, 1, "i915"), describe_board(f, "a", 1), describe_board(f, "b", 2),
                             describe(f, "gpu", &(Edits){.nodes = nodes, .n_nodes = 2})};
        Grant *grants[ELEMENTSOF(devices)] = {};
        World world = {4711};

        for (unsigned int round = 0; round < 2000; round++) {
                unsigned int i = world_draw(&world, ELEMENTSOF(devices));
                bool boards;

                f->n_settled = 0;
                f->fails = world_draw(&world, 8) == 0
                                   ? (const char *const[]){"board7", "dri/renderD129", "c240:7",
                                                           "opt/board.so"}[world_draw(&world, 4)]
                                   : NULL;
                /* What one of those that stay shares is not touched, unless something fails. */
                boards = (grants[1] && i != 1) || (grants[2] && i != 2);
                f->stays = boards && !f->fails ? "opt/board.so" : NULL;
                if (grants[i]) {
                        take_back(f, grants[i]);
                        grants[i] = NULL;
                } else {
                        grants[i] = grant(f, devices[i], NULL);
                        touch(f, devices[i]);
                }
                f->stays = NULL;
                if (f->fails) {
                        f->fails = NULL;
                        f->n_settled = 0;
                        runner_touch_all(f->context.runner);
                }
                boards = grants[1] || grants[2];
                assert_int_equal(has(f, ITEM_MOUNT, "opt/board.so"), boards);
                assert_int_equal(has(f, ITEM_NODE, "board1"), grants[1] != NULL);
                assert_int_equal(has(f, ITEM_NODE, "board2"), grants[2] != NULL);
                assert_int_equal(has(f, ITEM_NODE, "board7"), boards || grants[3]);
                assert_int_equal(may_open(f, "c240:7"), boards      ? EDIT_READ | EDIT_WRITE
                                                        : grants[3] ? EDIT_READ
                                                                    : 0);
                assert_int_equal(has(f, ITEM_EVENT, devices[0]->parts->next->devpath),
                                 grants[0] || grants[3]);
                assert_int_equal(may_open(f, "c226:129"), grants[0]   ? EDIT_READ | EDIT_WRITE
                                                          : grants[3] ? EDIT_READ
                                                                      : 0);
                f->n_settled = 0;
                assert_settled(f);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_of_one_file, setup, teardown),
                cmocka_unit_test_setup_teardown(test_beside_hardware, setup, teardown),
                cmocka_unit_test_setup_teardown(test_along, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rights_add_up, setup, teardown),
                cmocka_unit_test_setup_teardown(test_conflict, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cannot_be_given, setup, teardown),
                cmocka_unit_test_setup_teardown(test_random_walk, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
