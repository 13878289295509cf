/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A USB device is one device: whatever is below it in the kernel's tree comes with it and goes with it, early
 * or late, and by itself where it comes or goes by itself. Real manager, real containers; see farm.h.
 */

#include "config.h"

#include "core/farm.h"
#include "util/string.h"

#define POLICY(rules)           "version: 1\nrules:\n" rules
#define RULE(name, match, give) "  - name: " name "\n    match: " match "\n    " give "\n"

static const FarmMode *const adb = &farm_modes[FARM_ADB], *const fastboot = &farm_modes[FARM_FASTBOOT];

typedef struct FarmPart {
        const char *path, *name;
        unsigned int major, minor;
} FarmPart;

static const FarmPart parts[] = {
        {"3-1:1.1/tty/ttyACM0", "ttyACM0", 166, 0},
        {"3-1:1.2/0003:18D1:4EE7.0001/hidraw/hidraw0", "hidraw0", 240, 0},
        {"3-1:1.3/sound/controlC1", "snd/controlC1", 116, 7},
        {"3-1:1.4/video4linux/video0", "video0", 81, 0},
        {"3-1:1.2/0003:18D1:4EE7.0001/input/event5", "input/event5", 13, 69},
        {"3-1:1.5/host7/target7:0:0/7:0:0:0/block/sdq", "sdq", 65, 0},
};

static void add_part(Farm *farm, const FarmPart *part) {
        farm_add_part(farm, "3-1", part->path, part->name, part->major, part->minor);
}

static const char all_of_them[] = "ci-1 bus/usb/003/002, ci-1 hidraw0, ci-1 input/event5, ci-1 sdq, "
                                  "ci-1 snd/controlC1, ci-1 ttyACM0, ci-1 video0";

static void test_all_parts_follow(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, serial: A }", "give: { to: ci-1 }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002");
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                add_part(&farm, &parts[i]);
        farm_assert_nodes(&farm, all_of_them);
        farm_unplug(&farm, "3-1");
        farm_assert_nodes(&farm, "");
        farm_assert_grants(&farm, "");
        farm_close(&farm);
}

/* The rule goes by the device's serial, of which the events of these parts say nothing. */
static void test_part_goes_alone(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, serial: A }", "give: { to: ci-1 }")));
        farm_plug(&farm, "3-1", adb, "A");
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                add_part(&farm, &parts[i]);
        farm_settle(&farm);
        farm_remove_part(&farm, "3-1", parts[0].path);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002, ci-1 hidraw0, ci-1 input/event5, ci-1 sdq, "
                                 "ci-1 snd/controlC1, ci-1 video0");
        /* Back under another number. */
        farm_add_part(&farm, "3-1", "3-1:1.1/tty/ttyACM3", "ttyACM3", 166, 3);
        for (size_t i = 1; i < ELEMENTSOF(parts); i++)
                farm_remove_part(&farm, "3-1", parts[i].path);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002, ci-1 ttyACM3");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_close(&farm);
}

/* `nodes:` goes for parts that come late, too. */
static void test_nodes_narrow_late_parts(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("consoles", "{ class: usb, serial: A }",
                                     "give: { to: ci-1, nodes: [tty, input] }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_nodes(&farm, "");
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                add_part(&farm, &parts[i]);
        farm_assert_nodes(&farm, "ci-1 input/event5, ci-1 ttyACM0");
        farm_remove_part(&farm, "3-1", parts[0].path);
        farm_assert_nodes(&farm, "ci-1 input/event5");
        farm_close(&farm);
}

/* The rule speaks of what comes last: then all that was there before comes with it, and goes with it. */
static void test_late_part_decides(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("with a console", "{ class: tty }", "give: { to: ci-1 }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_nodes(&farm, "");
        add_part(&farm, &parts[0]);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002, ci-1 ttyACM0");
        farm_remove_part(&farm, "3-1", parts[0].path);
        farm_assert_nodes(&farm, "");
        farm_close(&farm);
}

/* A hub's children are devices of their own, however alike their names are. */
static void test_neighbours_are_others(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("one", "{ class: usb, port: \"3-1\" }", "give: { to: ci-1 }")
                                        RULE("ten", "{ class: usb, port: \"3-10\" }", "give: { to: ci-2 }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-10", adb, "B");
        farm_add_part(&farm, "3-1", "3-1:1.1/tty/ttyACM1", "ttyACM1", 166, 1);
        farm_add_part(&farm, "3-10", "3-10:1.1/tty/ttyACM10", "ttyACM10", 166, 10);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002, ci-1 ttyACM1, ci-2 bus/usb/003/003, ci-2 ttyACM10");
        farm_unplug(&farm, "3-1");
        farm_assert_nodes(&farm, "ci-2 bus/usb/003/003, ci-2 ttyACM10");
        farm_close(&farm);
}

/* All of a hub, at any depth, and neither the hub nor what is called alike. */
static void test_port_of_a_hub(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("hub", "{ class: usb, port: \"3-1.*\" }", "give: { to: ci-1 }")
                                        RULE("others", "{ class: usb }", "give: { to: ci-2 }")));
        farm_plug(&farm, "3-1", adb, "HUB");
        farm_plug(&farm, "3-1.2", adb, "A");
        farm_plug(&farm, "3-1.2.4", adb, "B");
        farm_plug(&farm, "3-10", adb, "C");
        farm_plug(&farm, "3-10.2", adb, "D");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active, usb-3-1.2 ci-1 active, usb-3-1.2.4 ci-1 active, "
                                  "usb-3-10 ci-2 active, usb-3-10.2 ci-2 active");
        farm_close(&farm);
}

/* Without or with the same serial the place tells them apart. */
static void test_same_and_missing_serials(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("left", "{ class: usb, port: \"3-1\" }", "give: { to: ci-1 }")
                                        RULE("right", "{ class: usb, port: \"3-2\" }", "give: { to: ci-2 }")
                                                RULE("with a serial", "{ class: usb, serial: \"*\" }",
                                                     "give: { to: ci-3 }")));
        for (int round = 0; round < 2; round++) {
                const char *serial = round == 0 ? NULL : "0123456789ABCDEF";

                farm_plug(&farm, "3-1", adb, serial);
                farm_plug(&farm, "3-2", adb, serial);
                farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-2 active");
                farm_unplug(&farm, "3-1");
                farm_assert_grants(&farm, "usb-3-2 ci-2 active");
                farm_unplug(&farm, "3-2");
        }
        farm_plug(&farm, "3-3", adb, NULL);
        farm_assert_grants(&farm, "");
        farm_close(&farm);
}

static void test_interface_triple(_unused_ void **state) {
        static const FarmMode both = {"adb", "18d1", "4ee2", "060101:ff4201", false};
        Farm farm;

        farm_open(&farm, POLICY(RULE("adb", "{ interface: \"ff:42:01\" }", "give: { to: ci-1 }") RULE(
                                 "any android", "{ interface: \"ff:42:*\" }", "give: { to: ci-2 }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-2", fastboot, "B");
        farm_plug(&farm, "3-3", &both, "C");
        farm_plug(&farm, "3-4", &farm_modes[FARM_EDL], "D");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-2 active, usb-3-3 ci-1 active");
        farm_close(&farm);
}

/* Held as one: all of it goes with the mode, and what the next mode has comes. */
static void test_parts_of_a_held_phone(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ interface: \"ff:42:01\" }",
                                     "give: { to: ci-1, linger: 1h, nodes: [usb, tty] }")));
        farm_plug(&farm, "3-1", adb, "A");
        add_part(&farm, &parts[0]);
        add_part(&farm, &parts[1]);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002, ci-1 ttyACM0");
        farm_unplug(&farm, "3-1");
        farm_assert_nodes(&farm, "");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/003");
        farm_add_part(&farm, "3-1", "3-1:1.1/tty/ttyACM1", "ttyACM1", 166, 1);
        add_part(&farm, &parts[3]);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/003, ci-1 ttyACM1");
        farm_close(&farm);
}

/* "Whatever is behind this port" are the devices, not the hub that they are at. */
static void test_hub_stays(_unused_ void **state) {
        static const FarmMode hub = {"", "05e3", "0608", "090000", true};
        Farm farm;

        farm_open(&farm,
                  POLICY(RULE("behind the hub", "{ class: usb, port: \"3-1.*\" }", "give: { to: ci-1 }")
                                 RULE("one hub", "{ port: \"3-2\" }", "give: { to: ci-2 }")
                                         RULE("the rest", "{ class: usb }", "give: { to: ci-3 }")));
        farm_plug(&farm, "3-1", &hub, NULL);
        farm_plug(&farm, "3-1.2", &hub, NULL);
        farm_plug(&farm, "3-2", &hub, NULL);
        farm_plug(&farm, "3-1.2.1", adb, "A");
        farm_plug(&farm, "3-1.3", adb, "B");
        farm_assert_grants(&farm, "usb-3-1.2.1 ci-1 active, usb-3-1.3 ci-1 active, usb-3-2 ci-2 active");
        assert_int_equal(farm_attach(&farm, "usb-3-1.2", "ci-3"), CALL_OK);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/005, ci-1 bus/usb/003/006, ci-2 bus/usb/003/004, "
                                 "ci-3 bus/usb/003/003");
        farm_close(&farm);
}

/* It is dealt as its parts become known: what it says at once comes before what it turns out to be. */
static void test_dealt_as_it_becomes_known(_unused_ void **state) {
        static const FarmMode camera = {"", "046d", "0825", "0e0100", false};
        Farm farm;

        farm_open(&farm, POLICY(RULE("cameras", "{ class: video }", "give: { to: ci-1 }")
                                        RULE("cameras by what they say", "{ interface: \"0e:*\", serial: B }",
                                             "give: { to: ci-2 }")
                                                RULE("the rest", "{ class: usb }", "give: { to: ci-3 }")));
        farm_plug(&farm, "3-1", &camera, "A");
        farm_plug(&farm, "3-2", &camera, "B");
        farm_add_part(&farm, "3-1", "3-1:1.0/video4linux/video0", "video0", 81, 0);
        farm_add_part(&farm, "3-2", "3-2:1.0/video4linux/video1", "video1", 81, 1);
        farm_assert_grants(&farm, "usb-3-1 ci-3 active, usb-3-2 ci-2 active");
        farm_close(&farm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_parts_follow),          cmocka_unit_test(test_part_goes_alone),
                cmocka_unit_test(test_nodes_narrow_late_parts),   cmocka_unit_test(test_late_part_decides),
                cmocka_unit_test(test_neighbours_are_others),     cmocka_unit_test(test_port_of_a_hub),
                cmocka_unit_test(test_same_and_missing_serials),  cmocka_unit_test(test_interface_triple),
                cmocka_unit_test(test_parts_of_a_held_phone),     cmocka_unit_test(test_hub_stays),
                cmocka_unit_test(test_dealt_as_it_becomes_known),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
