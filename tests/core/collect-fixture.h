/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One container of a manager, for what it should have: the registry, the collecting and the executor are the
 * real ones, the kernel is an item set.
 */

#include <string.h>

#include "core/manager-internal.h"
#include "plan/world.h"
#include "util/log.h"
#include "util/string.h"

typedef struct Fixture {
        Loop *loop;
        Manager manager;
        Container *container;
        Context context;
        ItemSet kernel;
        unsigned int n_steps;
        const char *fails;    /* path of the item that can not be added */
        const char *stays;    /* path of an item that must not be removed */
        char settled[32][64]; /* "ID ERROR" */
        unsigned int n_settled;
} Fixture;

static inline bool never_blocks(_unused_ const Step *step) {
        return false;
}

static inline int kernel_apply(void *target, const Step *step) {
        Fixture *f = target;
        const Item *there = item_set_find(&f->kernel, step->item);

        f->n_steps++;
        if (step->action == STEP_REMOVE && f->stays)
                assert_string_not_equal(step->item->path, f->stays);
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

static inline int kernel_read(void *target, ItemSet *ret) {
        Fixture *f = target;

        *ret = (ItemSet){};
        for (size_t i = 0; i < f->kernel.n_items; i++)
                assert_int_equal(item_set_add(ret, f->kernel.items[i]), 0);
        return 0;
}

static inline int client_wanted(void *userdata, const char *device, ItemSet *ret) {
        Fixture *f = userdata;

        return manager_wanted(&f->manager, f->container, device, ret);
}

static inline void client_starting(_unused_ void *userdata, _unused_ const Step *step) {
}

static inline void client_settled(void *userdata, const char *device, int error) {
        Fixture *f = userdata;

        assert_true(f->n_settled < ELEMENTSOF(f->settled));
        snprintf(f->settled[f->n_settled++], sizeof(f->settled[0]), "%s %d", device, error);
}

static inline void client_idle(_unused_ void *userdata) {
}

static inline void quiet(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                         _unused_ const char *text) {
}

static inline void start_runner(Fixture *f) {
        static const RunnerOps ops = {never_blocks, kernel_apply, kernel_read};
        static const RunnerClient client = {client_wanted, client_starting, client_settled, client_idle};

        assert_int_equal(runner_new(f->loop, "c1", &ops, f, &client, f, &f->context.runner), 0);
        assert_int_equal(runner_read(f->context.runner), 0);
}

static inline int setup(void **state) {
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

static inline int teardown(void **state) {
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

static inline Device *apply(Fixture *f, UeventAction action, const char *const *properties) {
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
static inline Device *plug_gpu(Fixture *f, unsigned int number, const char *driver) {
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

static inline Grant *grant(Fixture *f, Device *device, const Rule *rule) {
        Grant *grant;

        assert_int_equal(
                registry_add_grant(&f->manager.registry, device, f->container, GRANT_POLICY, "r", &grant), 0);
        grant->decision = rule;
        return grant;
}

static inline void touch(Fixture *f, const Device *device) {
        f->n_settled = 0;
        runner_touch(f->context.runner, device->id);
}

static inline void take_back(Fixture *f, Grant *grant) {
        grant->state = GRANT_LEAVING;
        touch(f, grant->device);
        registry_drop_grant(&f->manager.registry, grant);
}

/* Owner of the node, "" where there is none. */
static inline const char *owner(const Fixture *f, const char *path) {
        const Item *item = item_set_find(&f->kernel, &(Item){.kind = ITEM_NODE, .path = path});

        return item ? item->device : "";
}

/* A look at everything finds nothing to do: what was done for one device agrees with all of them. Also for a
 * daemon that was started anew. */
static inline void assert_settled(Fixture *f) {
        unsigned int n = f->n_steps;

        runner_touch_all(f->context.runner);
        assert_int_equal(f->n_steps, n);
        runner_free(f->context.runner);
        start_runner(f);
        runner_touch_all(f->context.runner);
        assert_int_equal(f->n_steps, n);
}
