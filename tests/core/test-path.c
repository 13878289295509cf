/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Nodes that a rule finds by their path, in the farm's own /dev: what a container sees of it while a driver
 * comes that tells of the node by its events, and goes again.
 */

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/farm.h"
#include "util/string.h"

#define NAME "davit-x"

static const char policy[] = "version: 1\n"
                             "rules:\n"
                             "  - name: found\n"
                             "    match: { path: \"/dev/davit-*\" }\n"
                             "    give: { to: ci-1 }\n";

typedef struct Row {
        const char *name;
        unsigned int major, minor;
        const char *found; /* the id while nothing tells of it */
        const char *devpath, *subsystem, *id;
} Row;

static const Row foreseen = {
        "a module that is loaded when its node is opened",
        10,
        250,
        "virtual-misc-" NAME,
        "/devices/virtual/misc/" NAME,
        "misc",
        "virtual-misc-" NAME,
};
static const Row unforeseen = {
        "a driver of its own",
        10,
        251,
        "virtual-misc-" NAME,
        "/devices/platform/davit.0/davit/" NAME,
        "davit",
        "platform-davit.0",
};

static void make_node(const Row *row) {
        assert_int_equal(mknod("/dev/" NAME, S_IFCHR | 0600, makedev(row->major, row->minor)), 0);
}

static void assert_inside(const Row *row, struct stat *ret) {
        char path[256];

        snprintf(path, sizeof(path), "%s/dev/ci-1/dev/" NAME, launch_dir());
        assert_int_equal(lstat(path, ret), 0);
        assert_true(S_ISCHR(ret->st_mode));
        assert_int_equal(ret->st_rdev, makedev(row->major, row->minor));
}

static void await(Farm *farm, const char *id) {
        char expected[128] = "";

        if (id)
                snprintf(expected, sizeof(expected), "%s ci-1 active", id);

        farm_await_grants(farm, expected);
        farm_assert_nodes(farm, id ? "ci-1 " NAME : "");
}

static void driver_comes(Farm *farm, const Row *row) {
        char text[512];

        snprintf(text, sizeof(text), "DEVPATH=%s\nSUBSYSTEM=%s\nDEVNAME=/dev/" NAME "\nMAJOR=%u\nMINOR=%u",
                 row->devpath, row->subsystem, row->major, row->minor);
        farm_tell(farm, UEVENT_ADD, text);
        farm_settle(farm);
}

/* It is the same node all the time: whoever has opened it has it still. */
static void test_foreseen(_unused_ void **state) {
        struct stat before, st;
        Farm farm;

        farm_open(&farm, policy);
        make_node(&foreseen);
        await(&farm, foreseen.found);
        assert_inside(&foreseen, &before);

        driver_comes(&farm, &foreseen);
        await(&farm, foreseen.id);
        assert_inside(&foreseen, &st);
        assert_int_equal(st.st_ino, before.st_ino);
        /* And after a crash. */
        farm_stop(&farm, /* crash= */ true);
        farm_start(&farm);
        await(&farm, foreseen.id);
        assert_inside(&foreseen, &st);
        assert_int_equal(st.st_ino, before.st_ino);

        farm_remove(&farm, foreseen.devpath);
        await(&farm, foreseen.found);
        assert_inside(&foreseen, &before);
        farm_stop(&farm, /* crash= */ true);
        farm_start(&farm);
        await(&farm, foreseen.found);
        assert_inside(&foreseen, &st);
        assert_int_equal(st.st_ino, before.st_ino);

        assert_int_equal(unlink("/dev/" NAME), 0);
        await(&farm, NULL);
        farm_close(&farm);
}

static void test_unforeseen(_unused_ void **state) {
        struct stat st;
        Farm farm;

        farm_open(&farm, policy);
        make_node(&unforeseen);
        for (unsigned int i = 0; i < 2; i++) {
                await(&farm, unforeseen.found);
                driver_comes(&farm, &unforeseen);
                await(&farm, unforeseen.id);
                assert_inside(&unforeseen, &st);
                farm_remove(&farm, unforeseen.devpath);
        }
        await(&farm, unforeseen.found);
        assert_inside(&unforeseen, &st);
        assert_int_equal(unlink("/dev/" NAME), 0);
        await(&farm, NULL);
        farm_close(&farm);
}

/* Of all this nobody has heard. */
static void test_unheard(_unused_ void **state) {
        struct stat st;
        Farm farm;

        farm_open(&farm, policy);
        make_node(&foreseen);
        await(&farm, foreseen.found);
        farm_stop(&farm, /* crash= */ true);
        assert_int_equal(unlink("/dev/" NAME), 0);
        make_node(&unforeseen);
        farm_start(&farm);
        await(&farm, unforeseen.found);
        assert_inside(&unforeseen, &st);

        farm_stop(&farm, /* crash= */ false);
        assert_int_equal(unlink("/dev/" NAME), 0);
        farm_start(&farm);
        await(&farm, NULL);
        farm_close(&farm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_foreseen),
                cmocka_unit_test(test_unforeseen),
                cmocka_unit_test(test_unheard),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
