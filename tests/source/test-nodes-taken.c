/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nodes that the kernel, or another source, comes to tell of, and then no more. */

#include "config.h"

#include "source/nodes-fixture.h"

#include <stdio.h>
#include <string.h>

#include "util/string.h"

/* An event of the host, and what the manager does with it. */
static void tell(NodesFixture *f, UeventAction action, const char *devpath, const char *subsystem,
                 const char *devname, unsigned int major_number, unsigned int minor_number) {
        _cleanup_(uevent_deinit) Uevent event = {.action = action};
        char text[16];

        assert_int_equal(property_list_set(&event.properties, "DEVPATH", devpath), 0);
        assert_int_equal(property_list_set(&event.properties, "SUBSYSTEM", subsystem), 0);
        assert_int_equal(property_list_set(&event.properties, "DEVNAME", devname), 0);
        snprintf(text, sizeof(text), "%u", major_number);
        assert_int_equal(property_list_set(&event.properties, "MAJOR", text), 0);
        snprintf(text, sizeof(text), "%u", minor_number);
        assert_int_equal(property_list_set(&event.properties, "MINOR", text), 0);
        nodes_on_event(f, &event, /* complete= */ startswith(devname, "/dev/") != NULL);
        nodes_hear(f->nodes, &event);
}

/* The module behind a node is loaded when it is opened: whoever has it keeps it, under the same id. */
static void test_module_is_loaded(void **state) {
        static const char *const devnames[] = {"/dev/net/dvt", "net/dvt"};
        NodesFixture *f = nodes_fixture(state);

        nodes_make(f, "dev/net/dvt", "c10:250");
        nodes_want_one(f, "\"/dev/net/*\"");
        for (size_t i = 0; i < ELEMENTSOF(devnames); i++) {
                nodes_assert_devices(f, "virtual-misc-dvt net/dvt c10:250");
                f->n_removed = 0;
                nodes_make_file(f, "sys/dev/char/10:250");
                nodes_make_file(f, "sys/devices/virtual/misc/dvt");
                /* Somebody looks in between. */
                if (i == 0)
                        assert_int_equal(nodes_scan(f->nodes), 0);
                tell(f, UEVENT_ADD, "/devices/virtual/misc/dvt", "misc", devnames[i], 10, 250);
                nodes_assert_devices(f, "virtual-misc-dvt net/dvt c10:250*");
                assert_int_equal(nodes_scan(f->nodes), 0);
                nodes_assert_devices(f, "virtual-misc-dvt net/dvt c10:250*");
                assert_int_equal(f->n_removed, 0);

                /* The node stays when it is unloaded. */
                nodes_take(f, "sys/dev/char/10:250");
                nodes_take(f, "sys/devices/virtual/misc/dvt");
                if (i == 0)
                        assert_int_equal(nodes_scan(f->nodes), 0);
                tell(f, UEVENT_REMOVE, "/devices/virtual/misc/dvt", "misc", devnames[i], 10, 250);
                nodes_assert_devices(f, "virtual-misc-dvt net/dvt c10:250");
        }
        nodes_take(f, "dev/net/dvt");
        nodes_dispatch_all(f);
        nodes_assert_devices(f, "");
}

/* The same where the kernel's name of it was not foreseen. */
static void test_driver_takes_over(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_make(f, "dev/a", "c240:0");
        nodes_want_one(f, "/dev/a");
        for (unsigned int i = 0; i < 3; i++) {
                nodes_assert_devices(f, "node-a a c240:0");
                nodes_make_file(f, "sys/dev/char/240:0");
                if (i == 0)
                        assert_int_equal(nodes_scan(f->nodes), 0);
                tell(f, UEVENT_ADD, "/devices/platform/dvt/dvt/a", "dvt", "/dev/a", 240, 0);
                nodes_assert_devices(f, "platform-dvt a c240:0*");
                assert_int_equal(nodes_scan(f->nodes), 0);
                nodes_assert_devices(f, "platform-dvt a c240:0*");

                nodes_take(f, "sys/dev/char/240:0");
                /* Looked at before its removal was heard of, it is still the driver's. */
                if (i == 1) {
                        assert_int_equal(nodes_scan(f->nodes), 0);
                        nodes_assert_devices(f, "platform-dvt a c240:0*");
                }
                tell(f, UEVENT_REMOVE, "/devices/platform/dvt/dvt/a", "dvt", "/dev/a", 240, 0);
        }
        nodes_assert_devices(f, "node-a a c240:0");

        /* A driver that takes its node along. */
        nodes_make_file(f, "sys/dev/char/240:0");
        tell(f, UEVENT_ADD, "/devices/platform/dvt/dvt/a", "dvt", "/dev/a", 240, 0);
        nodes_take(f, "dev/a");
        nodes_take(f, "sys/dev/char/240:0");
        nodes_dispatch_all(f);
        tell(f, UEVENT_REMOVE, "/devices/platform/dvt/dvt/a", "dvt", "/dev/a", 240, 0);
        nodes_assert_devices(f, "");
}

/* The name that was foreseen is another's, before and after. */
static void test_foreseen_wrongly(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_make_file(f, "sys/devices/virtual/misc/a");
        nodes_make_file(f, "sys/dev/char/10:120");
        tell(f, UEVENT_ADD, "/devices/virtual/misc/a", "misc", "/dev/of-a", 10, 120);
        nodes_make(f, "dev/a", "c10:250");
        nodes_make(f, "dev/b", "c10:251");
        nodes_want_one(f, "[/dev/a, /dev/b]");
        nodes_assert_devices(f, "node-a a c10:250, virtual-misc-a of-a c10:120*, virtual-misc-b b c10:251");

        nodes_make_file(f, "sys/devices/virtual/misc/b");
        nodes_make_file(f, "sys/dev/char/10:121");
        tell(f, UEVENT_ADD, "/devices/virtual/misc/b", "misc", "/dev/b", 10, 121);
        nodes_assert_devices(f, "node-a a c10:250, node-b b c10:251, virtual-misc-a of-a c10:120*, "
                                "virtual-misc-b b c10:121*");
        f->n_changes = 0;
        assert_int_equal(nodes_scan(f->nodes), 0);
        assert_int_equal(f->n_changes, 0);
}

/* A removal is lost, and all are looked at again. */
static int on_gone(const char *devpath, void *userdata) {
        tell(userdata, UEVENT_REMOVE, devpath, "dvt", "/dev/nothing", 240, 9);
        return 0;
}

static void test_rescan(void **state) {
        NodesFixture *f = nodes_fixture(state);

        nodes_make(f, "dev/a", "c240:0");
        nodes_make(f, "dev/b", "c240:1");
        nodes_make_file(f, "sys/dev/char/240:0");
        nodes_want_one(f, "[/dev/a, /dev/b]");
        tell(f, UEVENT_ADD, "/devices/platform/dvt/dvt/a", "dvt", "/dev/a", 240, 0);
        nodes_assert_devices(f, "node-b b c240:1, platform-dvt a c240:0*");

        nodes_take(f, "sys/dev/char/240:0");
        registry_mark(&f->registry);
        assert_int_equal(nodes_scan(f->nodes), 0);
        assert_int_equal(registry_sweep(&f->registry, on_gone, f), 0);
        nodes_assert_devices(f, "node-a a c240:0, node-b b c240:1");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_module_is_loaded, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_driver_takes_over, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_foreseen_wrongly, nodes_setup, nodes_teardown),
                cmocka_unit_test_setup_teardown(test_rescan, nodes_setup, nodes_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
