/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The executor of one container over a fake target: an item set that plays the kernel, whose k-th step fails
 * on demand. For every k, and for steps done at once as well as in a child: a device comes whole or not at
 * all, others are not touched by its failure, `present` is what the fake kernel has, and the end is told
 * exactly once.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/runner.h"
#include "plan/world.h"
#include "util/log.h"
#include "util/string.h"

#define DEVICES_MAX 8

/* In memory shared with the children, which do the steps that "block". */
typedef struct Kernel {
        struct {
                bool there;
                ItemKind kind;
                char device[32], path[32];
        } slots[64];
        unsigned int n_steps, fail_at; /* the step, from 1, which fails; 0: none */
        bool hang;                     /* the step sleeps until it is killed */
} Kernel;

typedef struct Fixture {
        Loop *loop;
        Runner *runner;
        Kernel *kernel;
        ItemSet wanted;
        bool in_children;
        struct {
                char device[32];
                int error;
        } settled[64];
        unsigned int n_settled, n_idle;
        ItemSet shared;        /* wanted by all of @sharers */
        const char *sharers;   /* one letter a device */
        const char *concerned; /* a device of which nothing is wanted, but somebody waits for it */
        int concern_error;
} Fixture;

static Fixture *fixture; /* the ops have the target alone */

static bool fake_blocks(const Step *step) {
        return fixture->in_children && step->item->kind == ITEM_INTERFACE;
}

static int fake_apply(void *target, const Step *step) {
        Kernel *kernel = target;
        int at = -1;

        if (kernel->hang && step->item->kind == ITEM_INTERFACE)
                pause();
        if (++kernel->n_steps == kernel->fail_at)
                return -EIO;
        for (unsigned int i = 0; i < ELEMENTSOF(kernel->slots); i++) {
                if (kernel->slots[i].there && kernel->slots[i].kind == step->item->kind &&
                    streq(kernel->slots[i].path, step->item->path))
                        at = (int)i;
        }
        if (step->action == STEP_REMOVE) {
                assert_true(at >= 0);
                kernel->slots[at].there = false;
                return 0;
        }
        assert_true(at < 0);
        for (unsigned int i = 0; i < ELEMENTSOF(kernel->slots); i++)
                if (!kernel->slots[i].there) {
                        kernel->slots[i].there = true;
                        kernel->slots[i].kind = step->item->kind;
                        strcpy(kernel->slots[i].device, step->item->device);
                        strcpy(kernel->slots[i].path, step->item->path);
                        return 0;
                }
        fail();
        return 0;
}

static void put(ItemSet *set, ItemKind kind, const char *device, const char *path) {
        _cleanup_(item_unrefp) Item *item = NULL;

        assert_int_equal(item_new(&(Item){.kind = kind,
                                          .device = device,
                                          .path = path,
                                          .type = 'c',
                                          .target = "/eth0",
                                          .text = ""},
                                  &item),
                         0);
        assert_int_equal(item_set_add(set, item), 0);
}

static int fake_read(void *target, ItemSet *ret) {
        const Kernel *kernel = target;

        *ret = (ItemSet){};
        for (unsigned int i = 0; i < ELEMENTSOF(kernel->slots); i++)
                if (kernel->slots[i].there)
                        put(ret, kernel->slots[i].kind, kernel->slots[i].device, kernel->slots[i].path);
        return 0;
}

static int fake_wanted(void *userdata, const char *device, ItemSet *ret) {
        Fixture *f = userdata;

        if (device && !f->sharers)
                return item_set_of_device(&f->wanted, device, ret);
        *ret = (ItemSet){};
        for (size_t i = 0; i < f->wanted.n_items; i++)
                if (!device || streq(f->wanted.items[i]->device, device))
                        assert_int_equal(item_set_add(ret, f->wanted.items[i]), 0);
        for (size_t i = 0; f->sharers && i < f->shared.n_items && f->sharers[0]; i++) {
                assert_int_equal(item_set_add(ret, f->shared.items[i]), 0);
                for (const char *s = f->sharers; *s; s++)
                        assert_int_equal(
                                runner_share(f->runner, (const char[]){*s, '\0'}, f->shared.items[i]), 0);
        }
        if (device)
                return 1;
        return f->concerned ? runner_concern(f->runner, f->concerned, f->concern_error) : 0;
}

static void fake_starting(_unused_ void *userdata, const Step *step) {
        assert_int_equal(step->item->kind, ITEM_INTERFACE);
}

static void fake_settled(void *userdata, const char *device, int error) {
        Fixture *f = userdata;

        strcpy(f->settled[f->n_settled].device, device);
        f->settled[f->n_settled++].error = error;
}

static void fake_idle(void *userdata) {
        Fixture *f = userdata;

        f->n_idle++;
}

static void quiet(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                  _unused_ const char *text) {
}

static void set_up(Fixture *f, bool in_children) {
        static const RunnerOps ops = {fake_blocks, fake_apply, fake_read};
        static const RunnerClient client = {fake_wanted, fake_starting, fake_settled, fake_idle};

        *f = (Fixture){.in_children = in_children};
        fixture = f;
        log_set_sink(quiet);
        f->kernel = mmap(NULL, sizeof(*f->kernel), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(f->kernel, MAP_FAILED);
        assert_int_equal(loop_new(&f->loop), 0);
        assert_int_equal(runner_new(f->loop, "c1", &ops, f->kernel, &client, f, &f->runner), 0);
}

static void tear_down(Fixture *f) {
        runner_free(f->runner);
        loop_free(f->loop);
        item_set_deinit(&f->wanted);
        item_set_deinit(&f->shared);
        munmap(f->kernel, sizeof(*f->kernel));
        log_set_sink(NULL);
}

static void want_phone(Fixture *f, const char *device, const char *node) {
        put(&f->wanted, ITEM_RIGHT, device, node);
        put(&f->wanted, ITEM_NODE, device, node);
        put(&f->wanted, ITEM_INTERFACE, device, node);
}

static void run_until_idle(Fixture *f) {
        while (!runner_is_idle(f->runner))
                assert_int_equal(loop_run_once(f->loop, UINT64_MAX), 0);
}

static unsigned int n_present(const Fixture *f, const char *device) {
        unsigned int n = 0;

        for (unsigned int i = 0; i < ELEMENTSOF(f->kernel->slots); i++)
                n += f->kernel->slots[i].there && streq(f->kernel->slots[i].device, device);
        return n;
}

static void assert_present_is_true(const Fixture *f) {
        _cleanup_(item_set_deinit) ItemSet kernel = {};
        const ItemSet *present = runner_present(f->runner);

        assert_int_equal(fake_read(f->kernel, &kernel), 0);
        assert_int_equal(kernel.n_items, present->n_items);
        for (size_t i = 0; i < kernel.n_items; i++)
                assert_int_equal(item_compare_key(kernel.items[i], present->items[i]), 0);
}

static int outcome(const Fixture *f, const char *device) {
        int error = 1, n = 0;

        for (unsigned int i = 0; i < f->n_settled; i++)
                if (streq(f->settled[i].device, device)) {
                        error = f->settled[i].error;
                        n++;
                }
        assert_int_equal(n, 1);
        return error;
}

static void check_failure_at(unsigned int k, bool in_children) {
        static const char *const devices[] = {"a", "b"};
        Fixture f;

        set_up(&f, in_children);
        f.kernel->fail_at = k;
        want_phone(&f, "a", "n1");
        want_phone(&f, "b", "n2");
        runner_touch_all(f.runner);
        run_until_idle(&f);

        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                assert_int_equal(n_present(&f, devices[i]), outcome(&f, devices[i]) < 0 ? 0 : 3);
        /* One step failed, so at most one device did; step 7 on there are none. */
        assert_int_equal((outcome(&f, "a") < 0) + (outcome(&f, "b") < 0), k <= 6);
        assert_present_is_true(&f);
        assert_int_equal(f.n_idle, 1);
        tear_down(&f);
}

static void test_failure_of_each_add(_unused_ void **state) {
        for (unsigned int k = 1; k <= 7; k++) {
                check_failure_at(k, /* in_children= */ false);
                check_failure_at(k, /* in_children= */ true);
        }
}

static void want_shared(Fixture *f) {
        put(&f->shared, ITEM_RIGHT, ITEM_OWNER_SHARED, "ctl");
        put(&f->shared, ITEM_NODE, ITEM_OWNER_SHARED, "ctl");
}

/* What two devices share is there with the first and goes with the last. */
static void test_shared(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ false);
        want_phone(&f, "a", "n1");
        want_shared(&f);
        f.sharers = "a";
        runner_touch(f.runner, "a");
        assert_int_equal(outcome(&f, "a"), 0);
        assert_int_equal(n_present(&f, ITEM_OWNER_SHARED), 2);

        want_phone(&f, "b", "n2");
        f.sharers = "ab";
        f.kernel->n_steps = 0;
        runner_touch(f.runner, "b");
        assert_int_equal(outcome(&f, "b"), 0);
        assert_int_equal(f.kernel->n_steps, 3);

        f.n_settled = 0;
        item_set_deinit(&f.wanted);
        want_phone(&f, "b", "n2");
        f.sharers = "b";
        runner_touch(f.runner, "a");
        assert_int_equal(outcome(&f, "a"), 0);
        assert_int_equal(f.n_settled, 1);
        assert_int_equal(n_present(&f, ITEM_OWNER_SHARED), 2);

        item_set_deinit(&f.wanted);
        f.sharers = "";
        runner_touch(f.runner, "b");
        assert_present_is_true(&f);
        assert_int_equal(runner_present(f.runner)->n_items, 0);
        tear_down(&f);
}

/* Two devices at once, one with something shared and one without, and every step fails once: who shares what
 * failed is without it, the other is not concerned, and nothing shared is left for nobody. */
static void test_failure_of_each_shared_add(_unused_ void **state) {
        for (unsigned int k = 1; k <= 12; k++)
                for (unsigned int children = 0; children < 2; children++) {
                        int a, b, c;
                        Fixture f;

                        set_up(&f, children > 0);
                        f.kernel->fail_at = k;
                        want_phone(&f, "a", "n1");
                        want_phone(&f, "b", "n2");
                        want_phone(&f, "c", "n3");
                        want_shared(&f);
                        f.sharers = "ab";
                        runner_touch_all(f.runner);
                        run_until_idle(&f);

                        a = outcome(&f, "a");
                        b = outcome(&f, "b");
                        c = outcome(&f, "c");
                        assert_int_equal(n_present(&f, "a"), a < 0 ? 0 : 3);
                        assert_int_equal(n_present(&f, "b"), b < 0 ? 0 : 3);
                        assert_int_equal(n_present(&f, "c"), c < 0 ? 0 : 3);
                        assert_int_equal(n_present(&f, ITEM_OWNER_SHARED), a < 0 && b < 0 ? 0 : 2);
                        /* Rights and nodes: "ctl" comes before "n1". */
                        assert_int_equal(a < 0 && b < 0, k == 1 || k == 5);
                        assert_true(c == 0 || (a == 0 && b == 0));
                        assert_int_equal(a < 0 || b < 0 || c < 0, k <= 11);
                        assert_present_is_true(&f);
                        tear_down(&f);
                }
}

/* A device that has been there for a while is told when what it shares fails by another's coming. */
static void test_shared_fails_who_is_there(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ false);
        want_phone(&f, "a", "n1");
        f.sharers = "";
        runner_touch(f.runner, "a");
        assert_int_equal(outcome(&f, "a"), 0);

        f.n_settled = 0;
        want_shared(&f);
        want_phone(&f, "b", "n2");
        f.sharers = "ab";
        f.kernel->fail_at = f.kernel->n_steps + 1;
        runner_touch(f.runner, "b");
        assert_int_equal(outcome(&f, "a"), -EIO);
        assert_int_equal(outcome(&f, "b"), -EIO);
        assert_int_equal(n_present(&f, "a"), 3);
        assert_int_equal(n_present(&f, "b"), 0);

        /* What can not be taken back is told to who had it. */
        f.n_settled = 0;
        runner_touch_all(f.runner);
        assert_int_equal(outcome(&f, "b"), 0);
        f.n_settled = 0;
        item_set_deinit(&f.wanted);
        want_phone(&f, "a", "n1");
        item_set_deinit(&f.shared);
        f.kernel->fail_at = f.kernel->n_steps + 2; /* the interface, then the shared node */
        runner_touch(f.runner, "b");
        assert_int_equal(outcome(&f, "b"), -EIO);
        assert_present_is_true(&f);
        tear_down(&f);
}

/* What could not be removed stays booked, is reported, and goes on the next look. */
static void test_failure_of_each_removal(_unused_ void **state) {
        for (unsigned int k = 1; k <= 3; k++) {
                Fixture f;

                set_up(&f, /* in_children= */ false);
                want_phone(&f, "a", "n1");
                runner_touch(f.runner, "a");
                assert_int_equal(n_present(&f, "a"), 3);

                item_set_deinit(&f.wanted);
                f.n_settled = 0;
                f.kernel->n_steps = 0;
                f.kernel->fail_at = k;
                runner_touch(f.runner, "a");
                assert_int_equal(outcome(&f, "a"), -EIO);
                assert_int_equal(n_present(&f, "a"), 1);
                assert_present_is_true(&f);

                f.n_settled = 0;
                runner_touch(f.runner, "a");
                assert_int_equal(outcome(&f, "a"), 0);
                assert_int_equal(n_present(&f, "a"), 0);
                tear_down(&f);
        }
}

/* Who waits for a device of which there is nothing, neither wanted nor present, is told so. */
static void test_settles_what_has_nothing(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ false);
        f.concerned = "a";
        runner_touch_all(f.runner);
        assert_int_equal(outcome(&f, "a"), 0);

        f.n_settled = 0;
        f.concern_error = -ERANGE;
        want_phone(&f, "b", "n1");
        runner_touch_all(f.runner);
        assert_int_equal(outcome(&f, "a"), -ERANGE);
        assert_int_equal(outcome(&f, "b"), 0);
        tear_down(&f);
}

/* What failed is tried again by itself. */
static void test_retry(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ false);
        f.kernel->fail_at = 2;
        want_phone(&f, "a", "n1");
        runner_touch(f.runner, "a");
        assert_int_equal(outcome(&f, "a"), -EIO);
        f.n_settled = 0;
        while (f.n_settled == 0)
                assert_int_equal(loop_run_once(f.loop, UINT64_MAX), 0);
        assert_int_equal(outcome(&f, "a"), 0);
        assert_int_equal(n_present(&f, "a"), 3);
        tear_down(&f);
}

/* What stays mounted does not hold the device, and is taken off when that can be done. */
static void test_failure_to_unmount(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ false);
        put(&f.shared, ITEM_MOUNT, ITEM_OWNER_SHARED, "usr/lib/a.so");
        f.sharers = "a";
        runner_touch(f.runner, "a");
        assert_int_equal(outcome(&f, "a"), 0);
        assert_int_equal(n_present(&f, ITEM_OWNER_SHARED), 1);

        f.n_settled = 0;
        f.sharers = "";
        f.kernel->fail_at = f.kernel->n_steps + 1;
        runner_touch(f.runner, "a");
        assert_int_equal(outcome(&f, "a"), 0);
        assert_true(f.kernel->slots[0].there);
        while (f.kernel->slots[0].there)
                assert_int_equal(loop_run_once(f.loop, UINT64_MAX), 0);
        assert_present_is_true(&f);
        tear_down(&f);
}

/* Touches that come while a child is at work fold into one look, which sees what is wanted then. */
static void test_touches_while_busy(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ true);
        want_phone(&f, "a", "n1");
        runner_touch(f.runner, "a");
        assert_false(runner_is_idle(f.runner));

        item_set_deinit(&f.wanted);
        want_phone(&f, "b", "n2");
        for (int i = 0; i < 10; i++) {
                runner_touch(f.runner, "a");
                runner_touch(f.runner, "b");
        }
        assert_int_equal(f.n_settled, 0);
        run_until_idle(&f);
        assert_int_equal(f.n_settled, 3); /* a in, a out, b in */
        assert_int_equal(n_present(&f, "a"), 0);
        assert_int_equal(n_present(&f, "b"), 3);
        assert_present_is_true(&f);
        tear_down(&f);
}

/* A container that ends while a child is at work does not wait for it. */
static void test_free_while_busy(_unused_ void **state) {
        Fixture f;

        set_up(&f, /* in_children= */ true);
        f.kernel->hang = true;
        want_phone(&f, "a", "n1");
        runner_touch(f.runner, "a");
        assert_false(runner_is_idle(f.runner));
        tear_down(&f);
}

/* A random walk over what is wanted always ends where it should. */
static void test_random_walk(_unused_ void **state) {
        static const char *const devices[] = {"a", "b", "c"}, *const nodes[] = {"n1", "n2", "n3"};
        World world = {4711};
        Fixture f;

        set_up(&f, /* in_children= */ false);
        for (unsigned int round = 0; round < 500; round++) {
                unsigned int chosen = world_draw(&world, 8);

                f.n_settled = 0;
                item_set_deinit(&f.wanted);
                for (unsigned int i = 0; i < 3; i++)
                        if (chosen & 1U << i)
                                want_phone(&f, devices[i], nodes[(i + round) % 3]);
                if (world_draw(&world, 4) == 0)
                        f.kernel->fail_at = f.kernel->n_steps + 1 + world_draw(&world, 6);
                runner_touch_all(f.runner);
                assert_present_is_true(&f);
                f.kernel->fail_at = 0;
                f.n_settled = 0;
                runner_touch_all(f.runner);
                for (unsigned int i = 0; i < 3; i++)
                        assert_int_equal(n_present(&f, devices[i]), chosen & 1U << i ? 3 : 0);
        }
        tear_down(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_failure_of_each_add),
                cmocka_unit_test(test_failure_of_each_removal),
                cmocka_unit_test(test_shared),
                cmocka_unit_test(test_failure_of_each_shared_add),
                cmocka_unit_test(test_shared_fails_who_is_there),
                cmocka_unit_test(test_retry),
                cmocka_unit_test(test_failure_to_unmount),
                cmocka_unit_test(test_settles_what_has_nothing),
                cmocka_unit_test(test_touches_while_busy),
                cmocka_unit_test(test_free_while_busy),
                cmocka_unit_test(test_random_walk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
