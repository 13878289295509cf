/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The properties that the planner promises (plan/plan.h), each over many random worlds, and the few orders
 * that matter to a program inside a container, spelled out.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "plan/world.h"
#include "util/string.h"

#define WORLDS 3000
#define ITEMS  12

static bool sets_equal(const ItemSet *a, const ItemSet *b) {
        if (a->n_items != b->n_items)
                return false;
        for (size_t i = 0; i < a->n_items; i++)
                if (!item_equal(a->items[i], b->items[i]))
                        return false;
        return true;
}

static void copy_set(const ItemSet *from, ItemSet *ret) {
        *ret = (ItemSet){};
        for (size_t i = 0; i < from->n_items; i++)
                assert_int_equal(item_set_add(ret, from->items[i]), 0);
}

/* As the kernel would: adding what is there and removing what is not are mistakes of the plan, but for what
 * replaces the one that is there. */
static void apply(ItemSet *set, StepAction action, Item *item) {
        const Item *there = item_set_find(set, item);

        if (action == STEP_ADD && there && item_replaces(item, there))
                assert_int_equal(item_set_remove(set, item), 0);
        assert_int_equal(action == STEP_ADD ? item_set_add(set, item) : item_set_remove(set, item), 0);
}

typedef void (*Property)(const ItemSet *wanted, const ItemSet *present, const Plan *steps);

static void over_worlds(Property property) {
        for (unsigned int seed = 1; seed <= WORLDS; seed++) {
                _cleanup_(item_set_deinit) ItemSet wanted = {}, present = {};
                _cleanup_(plan_deinit) Plan steps = {};
                World world = {seed};

                world_set(&world, ITEMS, &wanted);
                world_set(&world, ITEMS, &present);
                assert_int_equal(plan(&wanted, &present, &steps), 0);
                property(&wanted, &present, &steps);
        }
}

static void check_same_is_empty(const ItemSet *wanted, _unused_ const ItemSet *present,
                                _unused_ const Plan *steps) {
        _cleanup_(plan_deinit) Plan nothing = {};

        assert_int_equal(plan(wanted, wanted, &nothing), 0);
        assert_int_equal(nothing.n_steps, 0);
}

static void check_reaches_wanted(const ItemSet *wanted, const ItemSet *present, const Plan *steps) {
        _cleanup_(item_set_deinit) ItemSet set = {};

        copy_set(present, &set);
        for (size_t i = 0; i < steps->n_steps; i++)
                apply(&set, steps->steps[i].action, steps->steps[i].item);
        assert_true(sets_equal(&set, wanted));
}

static void check_removals_first(_unused_ const ItemSet *wanted, _unused_ const ItemSet *present,
                                 const Plan *steps) {
        bool adding = false;

        for (size_t i = 0; i < steps->n_steps; i++) {
                if (steps->steps[i].action == STEP_ADD)
                        adding = true;
                else
                        assert_false(adding);
        }
}

/* The place of a kind in the order of removals: entries of the udev database go before events. */
static int removal_rank(ItemKind kind) {
        return kind == ITEM_DATA ? ITEM_EVENT : kind == ITEM_EVENT ? ITEM_DATA : (int)kind;
}

static void check_kinds_in_order(_unused_ const ItemSet *wanted, _unused_ const ItemSet *present,
                                 const Plan *steps) {
        for (size_t i = 1; i < steps->n_steps; i++) {
                const Step *a = &steps->steps[i - 1], *b = &steps->steps[i];

                if (a->action != b->action)
                        continue;
                if (a->action == STEP_ADD)
                        assert_true(a->item->kind <= b->item->kind);
                else
                        assert_true(removal_rank(a->item->kind) >= removal_rank(b->item->kind));
        }
}

static void check_undo(_unused_ const ItemSet *wanted, const ItemSet *present, const Plan *steps) {
        for (size_t prefix = 0; prefix <= steps->n_steps; prefix++) {
                _cleanup_(item_set_deinit) ItemSet set = {};

                copy_set(present, &set);
                for (size_t i = 0; i < prefix; i++)
                        apply(&set, steps->steps[i].action, steps->steps[i].item);
                for (size_t i = prefix; i > 0; i--) {
                        const Step *step = &steps->steps[i - 1];
                        Item *before = item_set_find(present, step->item);

                        if (step->action == STEP_ADD && before && item_replaces(step->item, before))
                                apply(&set, STEP_ADD, before);
                        else
                                apply(&set, step->action == STEP_ADD ? STEP_REMOVE : STEP_ADD, step->item);
                }
                assert_true(sets_equal(&set, present));
        }
}

static void check_only_ours(const ItemSet *wanted, const ItemSet *present, const Plan *steps) {
        for (size_t i = 0; i < steps->n_steps; i++)
                assert_non_null(item_set_find(steps->steps[i].action == STEP_ADD ? wanted : present,
                                              steps->steps[i].item));
}

static void check_input_order(const ItemSet *wanted, const ItemSet *present, const Plan *steps) {
        _cleanup_(item_set_deinit) ItemSet reversed = {};
        _cleanup_(plan_deinit) Plan again = {};

        for (size_t i = wanted->n_items; i > 0; i--)
                assert_int_equal(item_set_add(&reversed, wanted->items[i - 1]), 0);
        assert_int_equal(plan(&reversed, present, &again), 0);
        assert_int_equal(again.n_steps, steps->n_steps);
        for (size_t i = 0; i < again.n_steps; i++) {
                assert_int_equal(again.steps[i].action, steps->steps[i].action);
                assert_ptr_equal(again.steps[i].item, steps->steps[i].item);
        }
}

static void test_same_is_empty(_unused_ void **state) {
        over_worlds(check_same_is_empty);
}

static void test_reaches_wanted(_unused_ void **state) {
        over_worlds(check_reaches_wanted);
}

static void test_removals_first(_unused_ void **state) {
        over_worlds(check_removals_first);
}

static void test_kinds_in_order(_unused_ void **state) {
        over_worlds(check_kinds_in_order);
}

static void test_undo_restores(_unused_ void **state) {
        over_worlds(check_undo);
}

static void test_only_ours(_unused_ void **state) {
        over_worlds(check_only_ours);
}

static void test_input_order(_unused_ void **state) {
        over_worlds(check_input_order);
}

static void put(ItemSet *set, const Item *fields) {
        Item *item;

        assert_int_equal(item_new(fields, &item), 0);
        assert_int_equal(item_set_add(set, item), 0);
        item_unref(item);
}

/* One node as wanted_items() gives it. */
static void put_node(ItemSet *set, const char *device, uid_t uid, mode_t mode) {
        _cleanup_(property_list_deinit) PropertyList properties = {};

        assert_int_equal(property_list_set(&properties, "DEVNAME", "/dev/bus/usb/003/017"), 0);
        put(set, &(Item){.kind = ITEM_RIGHT,
                         .device = device,
                         .path = "c189:272",
                         .type = 'c',
                         .rdev = makedev(189, 272)});
        put(set, &(Item){.kind = ITEM_NODE,
                         .device = device,
                         .path = "bus/usb/003/017",
                         .type = 'c',
                         .rdev = makedev(189, 272),
                         .uid = uid,
                         .gid = uid,
                         .mode = mode});
        put(set, &(Item){.kind = ITEM_EVENT,
                         .device = device,
                         .path = "/devices/usb3/3-1",
                         .properties = properties});
}

static void assert_steps(const Plan *steps, const char *expected) {
        char text[512] = "";

        for (size_t i = 0; i < steps->n_steps; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%c%s", i > 0 ? " " : "",
                         steps->steps[i].action == STEP_ADD ? '+' : '-',
                         item_kind_to_string(steps->steps[i].item->kind));
        assert_string_equal(text, expected);
}

static void test_orders(_unused_ void **state) {
        static const struct {
                uid_t wanted, present; /* owner; 0: no node at all */
                mode_t wanted_mode, present_mode;
                const char *wanted_device, *present_device;
                const char *expected;
        } table[] = {
                /* right before node before event on the way in, the reverse on the way out */
                {100000, 0, 0660, 0, "usb-3-1", "", "+right +node +event"},
                {0, 100000, 0, 0660, "", "usb-3-1", "-event -node -right"},
                /* a node that is replaced is told of anew */
                {100000, 200000, 0660, 0660, "usb-3-1", "usb-3-1", "-event -node +node +event"},
                {100000, 100000, 0660, 0600, "usb-3-1", "usb-3-1", "-event -node +node +event"},
                /* the same name is another device's now: nothing of the old one stays */
                {100000, 100000, 0660, 0660, "usb-3-1", "usb-3-2", "-event -node -right +right +node +event"},
                {100000, 100000, 0660, 0660, "usb-3-1", "usb-3-1", ""},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(item_set_deinit) ItemSet wanted = {}, present = {};
                _cleanup_(plan_deinit) Plan steps = {};

                if (table[i].wanted)
                        put_node(&wanted, table[i].wanted_device, table[i].wanted, table[i].wanted_mode);
                if (table[i].present)
                        put_node(&present, table[i].present_device, table[i].present, table[i].present_mode);
                assert_int_equal(plan(&wanted, &present, &steps), 0);
                assert_steps(&steps, table[i].expected);
        }
}

/* An entry that says something else is there all the time; another device's is not the same one. */
static void test_entry_is_replaced(_unused_ void **state) {
        static const struct {
                const char *wanted, *present, *present_device, *expected;
        } table[] = {
                {"E:A=1\n", "E:A=2\n", "usb-3-1", "+data"},
                {"E:A=1\n", "E:A=1\n", "usb-3-1", ""},
                {"E:A=1\n", "E:A=2\n", "usb-3-2", "-data +data"},
                {"E:A=1\n", NULL, NULL, "+data"},
                {NULL, "E:A=1\n", "usb-3-1", "-data"},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(item_set_deinit) ItemSet wanted = {}, present = {};
                _cleanup_(plan_deinit) Plan steps = {};

                if (table[i].wanted)
                        put(&wanted, &(Item){.kind = ITEM_DATA,
                                             .device = "usb-3-1",
                                             .path = "c189:272",
                                             .text = table[i].wanted});
                if (table[i].present)
                        put(&present, &(Item){.kind = ITEM_DATA,
                                              .device = table[i].present_device,
                                              .path = "c189:272",
                                              .text = table[i].present});
                assert_int_equal(plan(&wanted, &present, &steps), 0);
                assert_steps(&steps, table[i].expected);
        }
}

static void test_item_refuses(_unused_ void **state) {
        static const Item table[] = {
                {.kind = ITEM_NODE, .device = "d", .path = "/dev/null", .type = 'c'},
                {.kind = ITEM_NODE, .device = "d", .path = "a/../b", .type = 'c'},
                {.kind = ITEM_NODE, .device = "d", .path = "a//b", .type = 'c'},
                {.kind = ITEM_NODE, .device = "d", .path = "./b", .type = 'c'},
                {.kind = ITEM_NODE, .device = "d", .path = "b/", .type = 'c'},
                {.kind = ITEM_NODE, .device = "d", .path = "b"},
                {.kind = ITEM_NODE, .device = NULL, .path = "b", .type = 'c'},
                {.kind = ITEM_NODE, .device = "d", .path = "b", .type = 'c', .mode = 0100000},
                {.kind = ITEM_LINK, .device = "d", .path = "b"},
                {.kind = ITEM_LINK, .device = "d", .path = "..", .target = "x"},
                {.kind = ITEM_INTERFACE, .device = "d", .path = "sixteen-letters-", .target = "eth0"},
                {.kind = ITEM_INTERFACE, .device = "d", .path = "a/b", .target = "eth0"},
                {.kind = ITEM_MOUNT, .device = "d", .path = "a/b", .target = "usr", .text = ""},
                {.kind = ITEM_MOUNT, .device = "d", .path = "/a", .target = "/usr", .text = ""},
                {.kind = ITEM_MOUNT, .device = "d", .path = "a", .target = "/usr"},
                {.kind = ITEM_EVENT, .device = "d", .path = "devices/x"},
                {.kind = ITEM_DATA, .device = "d", .path = "c1:3"},
                {.kind = ITEM_DATA, .device = "d", .path = "../x", .text = "V:1\n"},
                {.kind = ITEM_DATA, .device = "d", .path = ".new", .text = "V:1\n"},
                {.kind = ITEM_RIGHT, .device = "d", .path = "c1:3", .type = 'x'},
                {.kind = ITEM_KIND_MAX, .device = "d", .path = "x"},
        };
        Item *item;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(item_new(&table[i], &item), -EINVAL);
}

static void test_kind_names(_unused_ void **state) {
        for (ItemKind kind = 0; kind < ITEM_KIND_MAX; kind++)
                assert_int_equal(item_kind_from_string(item_kind_to_string(kind)), kind);
        assert_int_equal(item_kind_from_string("socket"), ITEM_KIND_INVALID);
        assert_null(item_kind_to_string(ITEM_KIND_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same_is_empty),     cmocka_unit_test(test_reaches_wanted),
                cmocka_unit_test(test_removals_first),    cmocka_unit_test(test_kinds_in_order),
                cmocka_unit_test(test_undo_restores),     cmocka_unit_test(test_only_ours),
                cmocka_unit_test(test_input_order),       cmocka_unit_test(test_orders),
                cmocka_unit_test(test_entry_is_replaced), cmocka_unit_test(test_item_refuses),
                cmocka_unit_test(test_kind_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
