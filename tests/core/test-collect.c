/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a container should have when its grants share things: GPUs of a driver that has a node for all of them
 * (/dev/kfd), that node given for its own sake too, and a device that brings as its own what another shares.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/collect-fixture.h"

#define GPUS 3

static const char *const kfd[] = {"DEVPATH",   "/devices/virtual/kfd/kfd",
                                  "SUBSYSTEM", "kfd",
                                  "DEVNAME",   "/dev/kfd",
                                  "MAJOR",     "510",
                                  "MINOR",     "0",
                                  NULL};

static void test_companion_comes_and_goes(void **state) {
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "amdgpu"), *b = plug_gpu(f, 2, "amdgpu"), *c = plug_gpu(f, 3, "i915");
        Grant *first, *second, *third;

        apply(f, UEVENT_ADD, kfd);
        third = grant(f, c, NULL);
        touch(f, c);
        assert_string_equal(owner(f, "kfd"), "");

        first = grant(f, a, NULL);
        touch(f, a);
        assert_string_equal(owner(f, "kfd"), ITEM_OWNER_SHARED);
        assert_string_equal(owner(f, "dri/renderD129"), "pci-0000:00:01.0");
        assert_settled(f);
        second = grant(f, b, NULL);
        f->n_steps = 0;
        touch(f, b);
        assert_int_equal(f->n_steps, 4); /* its own right, node, data and event */
        assert_settled(f);

        take_back(f, first);
        assert_string_equal(owner(f, "kfd"), ITEM_OWNER_SHARED);
        assert_string_equal(owner(f, "dri/renderD129"), "");
        assert_settled(f);
        take_back(f, second);
        assert_string_equal(owner(f, "kfd"), "");
        assert_string_equal(owner(f, "dri/renderD131"), "pci-0000:00:03.0");
        assert_settled(f);
        take_back(f, third);
        assert_int_equal(f->kernel.n_items, 0);
}

/* The companion comes after the GPUs, and goes before them. */
static void test_companion_comes_late(void **state) {
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "amdgpu");

        grant(f, a, NULL);
        touch(f, a);
        assert_string_equal(owner(f, "kfd"), "");

        assert_true(device_is_companion(apply(f, UEVENT_ADD, kfd)));
        manager_touch_companions_of(&f->manager, "virtual-kfd-kfd");
        assert_string_equal(owner(f, "kfd"), ITEM_OWNER_SHARED);
        assert_settled(f);

        assert_true(device_is_companion(apply(f, UEVENT_REMOVE, kfd)));
        manager_touch_companions_of(&f->manager, "virtual-kfd-kfd");
        assert_string_equal(owner(f, "kfd"), "");
        assert_string_equal(owner(f, "dri/renderD129"), "pci-0000:00:01.0");
        assert_settled(f);
}

/* Given for its own sake too, and by a rule with another mode: what is in place stays as it is. */
static void test_companion_given_itself(void **state) {
        Rule strict = {.name = (char *)"strict", .give = GIVE_DEFAULT};
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "amdgpu"), *k = apply(f, UEVENT_ADD, kfd);
        const Item *node;
        Grant *first, *second;

        strict.give.mode = 0600;
        first = grant(f, k, &strict);
        touch(f, k);
        second = grant(f, a, NULL);
        touch(f, a);
        node = item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = "kfd"});
        assert_int_equal(node->mode, 0600);
        assert_settled(f);

        take_back(f, first);
        node = item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = "kfd"});
        assert_int_equal(node->mode, 0660);
        assert_settled(f);
        take_back(f, second);
        assert_int_equal(f->kernel.n_items, 0);
}

static void test_nodes_narrow_companions(void **state) {
        Rule card = {.name = (char *)"card", .give = GIVE_DEFAULT};
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "amdgpu");

        apply(f, UEVENT_ADD, kfd);
        card.give.kinds = 1U << PART_CARD;
        grant(f, a, &card);
        touch(f, a);
        assert_int_equal(f->kernel.n_items, 0);
}

static void test_failure_is_told_to_all(void **state) {
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "amdgpu"), *b = plug_gpu(f, 2, "amdgpu"), *c = plug_gpu(f, 3, "i915");

        apply(f, UEVENT_ADD, kfd);
        grant(f, a, NULL);
        grant(f, b, NULL);
        grant(f, c, NULL);
        f->fails = "kfd";
        runner_touch_all(f->context.runner);
        assert_int_equal(f->n_settled, 3);
        assert_string_equal(f->settled[0], "pci-0000:00:01.0 -5");
        assert_string_equal(f->settled[1], "pci-0000:00:02.0 -5");
        assert_string_equal(f->settled[2], "pci-0000:00:03.0 0");
        assert_int_equal(f->kernel.n_items, 4);

        f->fails = NULL;
        f->n_settled = 0;
        runner_touch_all(f->context.runner);
        assert_string_equal(f->settled[0], "pci-0000:00:01.0 0");
        assert_int_equal(f->kernel.n_items, 16);
        assert_settled(f);
}

/* What is shared in the container already, as if by a grant of another kind, is one device's own too: it
 * becomes that device's when nobody shares it any more. */
static void test_own_and_shared(void **state) {
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "i915");
        Part *part = a->parts->next;
        Grant *first;

        first = grant(f, a, NULL);
        touch(f, a);
        assert_string_equal(owner(f, "dri/renderD129"), a->id);
        part->shared = true;
        touch(f, a);
        assert_string_equal(owner(f, "dri/renderD129"), ITEM_OWNER_SHARED);
        assert_settled(f);
        part->shared = false;
        touch(f, a);
        assert_string_equal(owner(f, "dri/renderD129"), a->id);
        assert_settled(f);
        take_back(f, first);
        assert_int_equal(f->kernel.n_items, 0);
}

/* What udev says of a device that is there becomes another entry, at once. */
static void test_entry_is_replaced(void **state) {
        Fixture *f = *state;
        Device *a = plug_gpu(f, 1, "i915");
        Grant *first = grant(f, a, NULL);
        const Item *data;

        touch(f, a);
        apply(f, UEVENT_CHANGE,
              (const char *const[]){"DEVPATH", "/devices/pci0000:00/0000:00:01.0/drm/renderD129", "SUBSYSTEM",
                                    "drm", "DEVNAME", "/dev/dri/renderD129", "MAJOR", "226", "MINOR", "129",
                                    "ID_NEW", "word", NULL});
        f->n_steps = 0;
        touch(f, a);
        assert_int_equal(f->n_steps, 1);
        data = item_set_find(&f->kernel, &(Item){.kind = ITEM_DATA, .path = "c226:129"});
        assert_non_null(data);
        assert_non_null(strstr(data->text, "ID_NEW=word"));
        assert_settled(f);
        take_back(f, first);
        assert_int_equal(f->kernel.n_items, 0);
}

/* Any order of grants, drops, failures and a companion that comes and goes ends where it should. */
static void test_random_walk(void **state) {
        Fixture *f = *state;
        Device *devices[GPUS + 1] = {};
        Grant *grants[GPUS + 1] = {};
        World world = {815};

        for (unsigned int i = 0; i < GPUS; i++)
                devices[i] = plug_gpu(f, i + 1, i == 2 ? "i915" : "amdgpu");
        devices[GPUS] = apply(f, UEVENT_ADD, kfd);
        for (unsigned int round = 0; round < 2000; round++) {
                unsigned int i = world_draw(&world, GPUS + 1);
                bool amd;

                f->n_settled = 0;
                f->fails = world_draw(&world, 8) == 0 ? (const char *const[]){"kfd", "dri/renderD129",
                                                                              "c510:0"}[world_draw(&world, 3)]
                                                      : NULL;
                if (grants[i]) {
                        take_back(f, grants[i]);
                        grants[i] = NULL;
                } else {
                        grants[i] = grant(f, devices[i], NULL);
                        touch(f, devices[i]);
                }
                if (f->fails) {
                        f->fails = NULL;
                        f->n_settled = 0;
                        runner_touch_all(f->context.runner);
                }
                amd = grants[0] || grants[1] || grants[GPUS];
                assert_string_equal(owner(f, "kfd"), amd ? ITEM_OWNER_SHARED : "");
                for (unsigned int k = 0; k < GPUS; k++) {
                        char path[32];

                        snprintf(path, sizeof(path), "dri/renderD%u", 129 + k);
                        assert_string_equal(owner(f, path), grants[k] ? devices[k]->id : "");
                }
                f->n_settled = 0;
                assert_settled(f);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_companion_comes_and_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_companion_comes_late, setup, teardown),
                cmocka_unit_test_setup_teardown(test_companion_given_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nodes_narrow_companions, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failure_is_told_to_all, setup, teardown),
                cmocka_unit_test_setup_teardown(test_own_and_shared, setup, teardown),
                cmocka_unit_test_setup_teardown(test_entry_is_replaced, setup, teardown),
                cmocka_unit_test_setup_teardown(test_random_walk, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
