/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a container should have when its grants share things: GPUs of a driver that has a node for all of them
 * (/dev/kfd), that node given for its own sake too, and a device that brings as its own what another shares.
 * The registry, the collecting and the executor are the real ones, the kernel is an item set.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/manager-internal.h"
#include "plan/world.h"
#include "util/log.h"
#include "util/string.h"

#define GPUS 3

typedef struct Fixture {
        Loop *loop;
        Manager manager;
        Container *container;
        Context context;
        ItemSet kernel;
        unsigned int n_steps;
        const char *fails;    /* path of the item that can not be added */
        char settled[32][64]; /* "ID ERROR" */
        unsigned int n_settled;
} Fixture;

static bool never_blocks(_unused_ const Step *step) {
        return false;
}

static int kernel_apply(void *target, const Step *step) {
        Fixture *f = target;
        const Item *there = item_set_find(&f->kernel, step->item);

        f->n_steps++;
        if (step->action == STEP_REMOVE)
                assert_int_equal(item_set_remove(&f->kernel, step->item), 0);
        else if (f->fails && streq(step->item->path, f->fails))
                return -EIO;
        else {
                if (there && item_replaces(step->item, there))
                        assert_int_equal(item_set_remove(&f->kernel, step->item), 0);
                assert_int_equal(item_set_add(&f->kernel, step->item), 0);
        }
        return 0;
}

static int kernel_read(void *target, ItemSet *ret) {
        Fixture *f = target;

        *ret = (ItemSet){};
        for (size_t i = 0; i < f->kernel.n_items; i++)
                assert_int_equal(item_set_add(ret, f->kernel.items[i]), 0);
        return 0;
}

static int client_wanted(void *userdata, const char *device, ItemSet *ret) {
        Fixture *f = userdata;

        return manager_wanted(&f->manager, f->container, device, ret);
}

static void client_starting(_unused_ void *userdata, _unused_ const Step *step) {
}

static void client_settled(void *userdata, const char *device, int error) {
        Fixture *f = userdata;

        assert_true(f->n_settled < ELEMENTSOF(f->settled));
        snprintf(f->settled[f->n_settled++], sizeof(f->settled[0]), "%s %d", device, error);
}

static void client_idle(_unused_ void *userdata) {
}

static void quiet(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                  _unused_ const char *text) {
}

static void start_runner(Fixture *f) {
        static const RunnerOps ops = {never_blocks, kernel_apply, kernel_read};
        static const RunnerClient client = {client_wanted, client_starting, client_settled, client_idle};

        assert_int_equal(runner_new(f->loop, "c1", &ops, f, &client, f, &f->context.runner), 0);
        assert_int_equal(runner_read(f->context.runner), 0);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = f;
        log_set_sink(quiet);
        assert_int_equal(loop_new(&f->loop), 0);
        registry_init(&f->manager.registry);
        assert_int_equal(container_new("c1", "davit", &f->container), 0);
        f->container->state = CONTAINER_RUNNING;
        f->container->userdata = &f->context;
        assert_int_equal(id_map_parse("0 100000 65536\n", &f->container->uid_map), 0);
        assert_int_equal(id_map_parse("0 100000 65536\n", &f->container->gid_map), 0);
        assert_int_equal(registry_add_container(&f->manager.registry, f->container), 0);
        start_runner(f);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        runner_free(f->context.runner);
        registry_devices_foreach(device, &f->manager.registry)
                while (device->grants)
                        registry_drop_grant(&f->manager.registry, device->grants);
        registry_deinit(&f->manager.registry);
        item_set_deinit(&f->kernel);
        loop_free(f->loop);
        log_set_sink(NULL);
        free(f);
        return 0;
}

static Device *apply(Fixture *f, UeventAction action, const char *const *properties) {
        _cleanup_(uevent_deinit) Uevent event = {.action = action};
        RegistryChange change;
        Device *device;

        for (; properties[0]; properties += 2)
                assert_int_equal(property_list_set(&event.properties, properties[0], properties[1]), 0);
        assert_int_equal(registry_apply(&f->manager.registry, &event, /* complete= */ true, &change, &device),
                         0);
        return device;
}

/* A PCI function, and its render node. */
static Device *plug_gpu(Fixture *f, unsigned int number, const char *driver) {
        char devpath[64], below[128], name[32], minor[8];

        snprintf(devpath, sizeof(devpath), "/devices/pci0000:00/0000:00:%02x.0", number);
        snprintf(below, sizeof(below), "%s/drm/renderD%u", devpath, 128 + number);
        snprintf(name, sizeof(name), "/dev/dri/renderD%u", 128 + number);
        snprintf(minor, sizeof(minor), "%u", 128 + number);
        apply(f, UEVENT_ADD,
              (const char *const[]){"DEVPATH", devpath, "SUBSYSTEM", "pci", "PCI_ID", "1002:73BF", "DRIVER",
                                    driver, NULL});
        return apply(f, UEVENT_ADD,
                     (const char *const[]){"DEVPATH", below, "SUBSYSTEM", "drm", "DEVNAME", name, "MAJOR",
                                           "226", "MINOR", minor, NULL});
}

static const char *const kfd[] = {"DEVPATH",   "/devices/virtual/kfd/kfd",
                                  "SUBSYSTEM", "kfd",
                                  "DEVNAME",   "/dev/kfd",
                                  "MAJOR",     "510",
                                  "MINOR",     "0",
                                  NULL};

static Grant *grant(Fixture *f, Device *device, const Rule *rule) {
        Grant *grant;

        assert_int_equal(
                registry_add_grant(&f->manager.registry, device, f->container, GRANT_POLICY, "r", &grant), 0);
        grant->decision = rule;
        return grant;
}

static void touch(Fixture *f, const Device *device) {
        f->n_settled = 0;
        runner_touch(f->context.runner, device->id);
}

static void take_back(Fixture *f, Grant *grant) {
        grant->state = GRANT_LEAVING;
        touch(f, grant->device);
        registry_drop_grant(&f->manager.registry, grant);
}

/* Owner of the node, "" where there is none. */
static const char *owner(const Fixture *f, const char *path) {
        const Item *item = item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = path});

        return item ? item->device : "";
}

/* A look at everything finds nothing to do: what was done for one device agrees with all of them. Also for a
 * daemon that was started anew. */
static void assert_settled(Fixture *f) {
        unsigned int n = f->n_steps;

        runner_touch_all(f->context.runner);
        assert_int_equal(f->n_steps, n);
        runner_free(f->context.runner);
        start_runner(f);
        runner_touch_all(f->context.runner);
        assert_int_equal(f->n_steps, n);
}

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
