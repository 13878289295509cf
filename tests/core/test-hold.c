/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A phone changes its mode and stays its container's: every way in which that begins, goes on and ends. Real
 * manager, real containers; the phones are made up, see farm.h.
 */

#include "config.h"

#include "core/farm.h"
#include "model/mode.h"
#include "util/string.h"

#define POLICY(rules)           "version: 1\nrules:\n" rules
#define RULE(name, match, give) "  - name: " name "\n    match: " match "\n    " give "\n"

/* Of a phone's modes the rule knows one. Behind it stand rules that take the others, for others. */
#define PHONES                                                                                \
        RULE("phones", "{ class: usb, interface: \"ff:42:01\", vendor: \"18d1\" }",           \
             "give: { to: ci-1, linger: 1h }")                                                \
        RULE("boot loaders", "{ class: usb, interface: \"ff:42:03\" }", "give: { to: ci-2 }") \
        RULE("the rest", "{ class: usb }", "give: { to: ci-3 }")
#define SHORT                                                                                         \
        RULE("phones", "{ class: usb, interface: \"ff:42:01\" }", "give: { to: ci-1, linger: 20ms }") \
        RULE("boot loaders", "{ class: usb, interface: \"ff:42:03\" }", "give: { to: ci-2 }")

static const FarmMode *const adb = &farm_modes[FARM_ADB], *const fastboot = &farm_modes[FARM_FASTBOOT],
                             *const recovery = &farm_modes[FARM_RECOVERY], *const edl = &farm_modes[FARM_EDL];

static const Device *device_of(const Farm *farm, const char *id) {
        return registry_device(manager_registry(farm->manager), id);
}

static void assert_mode(const Farm *farm, const char *id, const char *mode) {
        assert_non_null(device_of(farm, id));
        assert_string_equal(device_mode_to_string(device_mode(device_of(farm, id))), mode);
}

/* ---- it goes on */

static void test_stays_through_all_modes(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002");
        assert_mode(&farm, "usb-3-1", "adb");
        assert_string_equal(farm_files(), "hold.ci-1@usb-3-1");
        for (int round = 0; round < 2; round++)
                for (FarmModes mode = 0; mode < FARM_MODES; mode++) {
                        char expected[64];
                        unsigned int number;

                        farm_unplug(&farm, "3-1");
                        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering");
                        assert_string_equal(farm_nodes(), "");
                        assert_mode(&farm, "usb-3-1", "away");

                        number = farm_plug(&farm, "3-1", &farm_modes[mode], "A");
                        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
                        snprintf(expected, sizeof(expected), "ci-1 bus/usb/003/%03u", number);
                        assert_string_equal(farm_nodes(), expected);
                        assert_mode(&farm, "usb-3-1", farm_modes[mode].name);
                }
        farm_close(&farm);
}

/* Who has no rule with linger has what he had before. */
static void test_nothing_lingers_by_itself(_unused_ void **state) {
        Farm farm;

        farm_open(&farm,
                  POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }", "give: { to: ci-1 }")
                                 RULE("the rest", "{ class: usb }", "give: { to: ci-2, linger: 1h }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_unplug(&farm, "3-1");
        farm_assert_grants(&farm, "");
        assert_null(device_of(&farm, "usb-3-1"));
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_close(&farm);
}

static void test_removal_was_lost(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_unplug_unheard(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        assert_string_equal(farm_nodes(), "ci-1 bus/usb/003/003");
        farm_unplug_unheard(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_close(&farm);
}

/* What the rule for the present mode says holds, as far as it is for who has the device. */
static void test_goes_by_the_rule_of_the_mode(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }",
                                     "give: { to: ci-1, linger: 1h, symlink: \"/dev/phones/adb\" }")
                                        RULE("boot loaders", "{ class: usb, interface: \"ff:42:03\" }",
                                             "give: { to: \"ci-*\", symlink: \"/dev/phones/fastboot\" }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/002, ci-1 phones/adb");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/003, ci-1 phones/fastboot");
        /* That rule does not let it linger; the hold is by the other, and no rule knows this mode. */
        farm_unplug(&farm, "3-1");
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering");
        farm_plug(&farm, "3-1", edl, NULL);
        farm_assert_nodes(&farm, "ci-1 bus/usb/003/004, ci-1 phones/adb");
        farm_close(&farm);
}

static void test_shared(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }",
                                     "give: { to: [ci-1, ci-2], share: 2, linger: 1h }")
                                        RULE("others", "{ class: usb, interface: \"ff:42:01\" }",
                                             "give: { to: ci-3, share: 2, linger: 1h }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-1 ci-2 active");
        farm_unplug(&farm, "3-1");
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-1 ci-2 lingering");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-1 ci-2 active");
        /* One place of the two is free for a third, in a mode that its rule knows. */
        assert_int_equal(farm_detach(&farm, "usb-3-1", "ci-1"), CALL_OK);
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active, usb-3-1 ci-3 active");
        farm_close(&farm);
}

/* ---- whose it is */

static void test_another_serial_ends_it(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        assert_string_equal(farm_files(), "");
        /* For good: the first one is like any other when it comes back. */
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_close(&farm);
}

/* Its own rule gives the other one to the same container: then it is that one which is held. */
static void test_another_serial_for_the_same(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", adb, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_close(&farm);
}

static void test_place_decides_without_serials(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, NULL);
        farm_plug(&farm, "3-2", adb, NULL);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 active");
        farm_unplug(&farm, "3-1");
        farm_unplug(&farm, "3-2");
        farm_plug(&farm, "3-1", fastboot, NULL);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 lingering");
        /* It says a serial for the first time: from now on that counts. */
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 lingering");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active, usb-3-2 ci-1 lingering");
        farm_close(&farm);
}

/* "0123456789ABCDEF" is the serial of many: it holds nothing in another place. */
static void test_duplicate_serials(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("one", "{ class: usb, interface: \"ff:42:01\", port: \"3-1\" }",
                                     "give: { to: ci-1, linger: 1h }")
                                        RULE("two", "{ class: usb, interface: \"ff:42:01\", port: \"3-2\" }",
                                             "give: { to: ci-2, linger: 1h }")));
        farm_plug(&farm, "3-1", adb, "0123456789ABCDEF");
        farm_plug(&farm, "3-2", adb, "0123456789ABCDEF");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-2 active");
        farm_unplug(&farm, "3-1");
        farm_unplug(&farm, "3-2");
        farm_plug(&farm, "3-2", fastboot, "0123456789ABCDEF");
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-2 ci-2 active");
        farm_plug(&farm, "3-3", fastboot, "0123456789ABCDEF");
        farm_plug(&farm, "3-1", fastboot, "0123456789ABCDEF");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-2 active");
        farm_close(&farm);
}

/* A hub has no serial, as a rule, and is no mode of a phone. */
static void test_hub_is_no_mode(_unused_ void **state) {
        static const FarmMode hub = {"", "05e3", "0608", "090000", true};
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }",
                                     "give: { to: ci-1, linger: 1h }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", &hub, NULL);
        farm_assert_grants(&farm, "");
        farm_close(&farm);
}

/* ---- it ends */

static void test_time_runs_out(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(SHORT));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_await_grants(&farm, "usb-3-1 ci-1 lingering");
        farm_await_grants(&farm, "");
        assert_null(device_of(&farm, "usb-3-1"));
        assert_string_equal(farm_files(), "");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_close(&farm);
}

/* Each has its own time. */
static void test_times_of_several(_unused_ void **state) {
        Farm farm;

        farm_open(&farm,
                  POLICY(RULE("a", "{ class: usb, serial: A }", "give: { to: ci-1, linger: 60ms }")
                                 RULE("b", "{ class: usb, serial: B }", "give: { to: ci-2, linger: 20ms }")
                                         RULE("c", "{ class: usb }", "give: { to: ci-3, linger: 1h }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-2", adb, "B");
        farm_plug(&farm, "3-3", adb, "C");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-2 active, usb-3-3 ci-3 active");
        farm_unplug(&farm, "3-1");
        farm_unplug(&farm, "3-2");
        farm_unplug(&farm, "3-3");
        farm_await_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-3 ci-3 lingering");
        farm_await_grants(&farm, "usb-3-3 ci-3 lingering");
        farm_close(&farm);
}

/* As long as it is there no time runs, in whatever mode. */
static void test_time_does_not_run_while_it_is_there(_unused_ void **state) {
        Farm farm;
        uint64_t start;

        farm_open(&farm, POLICY(SHORT));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        start = loop_now();
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        while (loop_now() < start + 3 * 20000)
                assert_int_equal(loop_run_once(farm.loop, 5000), 0);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_close(&farm);
}

static void test_detach_while_away(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_settle(&farm);
        assert_int_equal(farm_detach(&farm, "usb-3-1", "ci-2"), CALL_NOT_GRANTED);
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-1"), CALL_NO_SUCH_DEVICE);
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-2"), CALL_NO_SUCH_DEVICE);
        /* By its serial, which is remembered. */
        assert_int_equal(farm_detach(&farm, "A", "ci-1"), CALL_OK);
        farm_assert_grants(&farm, "");
        assert_string_equal(farm_files(), "");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_close(&farm);
}

static void test_detach_in_another_mode(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-2"), CALL_BUSY);
        assert_int_equal(farm_detach(&farm, "usb-3-1", "ci-1"), CALL_OK);
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        assert_int_equal(farm_detach(&farm, "usb-3-1", NULL), CALL_OK);
        farm_assert_grants(&farm, "");
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-1"), CALL_OK);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_close(&farm);
}

static void test_detach_from_everybody_while_away(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        assert_int_equal(farm_detach(&farm, "usb-3-1", NULL), CALL_OK);
        farm_assert_grants(&farm, "");
        farm_close(&farm);
}

static void test_deny_wins(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("never in fastboot", "{ class: usb, interface: \"ff:42:03\" }",
                                     "deny: true\n    to: ci-1") PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", recovery, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        /* It ended; now its turn is like anybody's. */
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", recovery, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-3 active");
        farm_close(&farm);
}

static void test_reload(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-2", adb, "B");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_unplug(&farm, "3-2");
        farm_plug(&farm, "3-2", fastboot, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-2 ci-1 active");
        /* The same rule elsewhere, and with another time. */
        farm_reload(&farm, POLICY(RULE("nothing", "{ serial: X }", "deny: true") PHONES));
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-2 ci-1 active");
        farm_reload(&farm,
                    POLICY(RULE("phones", "{ class: usb, serial: C }", "give: { to: ci-1, linger: 2h }")));
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-2 ci-1 active");
        /* The time is up by the new rule. */
        farm_reload(&farm,
                    POLICY(RULE("phones", "{ class: usb, serial: C }", "give: { to: ci-1, linger: 1us }")));
        farm_await_grants(&farm, "usb-3-2 ci-1 active");
        /* For others, without linger, or not at all. */
        farm_reload(&farm,
                    POLICY(RULE("phones", "{ class: usb, serial: C }", "give: { to: ci-2, linger: 1h }")));
        farm_assert_grants(&farm, "");
        farm_reload(&farm, POLICY(PHONES));
        farm_assert_grants(&farm, "usb-3-2 ci-2 active");
        farm_close(&farm);
}

static void test_reload_without_linger(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-2", adb, "B");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_reload(&farm, POLICY(RULE("phones", "{ class: usb }", "give: { to: ci-1 }")));
        farm_assert_grants(&farm, "usb-3-2 ci-1 active");
        assert_string_equal(farm_files(), "");
        farm_close(&farm);
}

/* ---- by hand */

#define SECOND \
        RULE("phones of another", "{ class: usb, interface: \"ff:42:01\" }", "give: { to: ci-2, linger: 1h }")

static void test_manual(_unused_ void **state) {
        Farm farm;

        farm_open(&farm,
                  POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }",
                              "give: { to: ci-1, linger: 1h }")
                                 SECOND RULE("no recovery", "{ class: usb, vendor: \"22b8\" }", "deny: true")
                                         RULE("the rest", "{ class: usb }", "give: { to: ci-3 }")));
        farm_plug(&farm, "3-1", adb, "A");
        assert_int_equal(farm_detach(&farm, "usb-3-1", NULL), CALL_OK);
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-2"), CALL_OK);
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_unplug(&farm, "3-1");
        farm_assert_grants(&farm, "usb-3-1 ci-2 lingering");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        /* Another phone is another matter, and was not attached. */
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-3 active");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", adb, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_close(&farm);
}

static void test_manual_and_deny(_unused_ void **state) {
        static const FarmMode denied = {"recovery", "22b8", "2e81", "ff4205", false};
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }",
                                     "give: { to: ci-1, linger: 1h }")
                                        SECOND RULE("no recovery", "{ class: usb, vendor: \"22b8\" }",
                                                    "deny: true")));
        farm_plug(&farm, "3-1", adb, "A");
        assert_int_equal(farm_detach(&farm, "usb-3-1", NULL), CALL_OK);
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-2"), CALL_OK);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", &denied, "A");
        farm_assert_grants(&farm, "");
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", adb, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_close(&farm);
}

/* No rule with linger describes it: it goes with the device, as ever. */
static void test_manual_without_linger(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        assert_int_equal(farm_detach(&farm, "usb-3-1", "ci-1"), CALL_OK);
        assert_int_equal(farm_detach(&farm, "usb-3-1", NULL), CALL_OK);
        assert_int_equal(farm_attach(&farm, "usb-3-1", "ci-2"), CALL_OK);
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        farm_unplug(&farm, "3-1");
        farm_assert_grants(&farm, "");
        farm_close(&farm);
}

/* ---- davitd comes and goes */

static void restart(Farm *farm, bool crash) {
        farm_stop(farm, crash);
        farm_start(farm);
}

static void test_restart_in_each_state(_unused_ void **state) {
        for (int crash = 0; crash < 2; crash++) {
                Farm farm;

                farm_open(&farm, POLICY(PHONES));
                farm_plug(&farm, "3-1", adb, "A");
                farm_settle(&farm);
                restart(&farm, crash);
                farm_assert_grants(&farm, "usb-3-1 ci-1 active");
                farm_unplug(&farm, "3-1");
                farm_settle(&farm);
                restart(&farm, crash);
                farm_assert_grants(&farm, "usb-3-1 ci-1 lingering");
                assert_string_equal(device_of(&farm, "usb-3-1")->serial, "A");
                farm_plug(&farm, "3-1", fastboot, "A");
                farm_settle(&farm);
                restart(&farm, crash);
                farm_assert_grants(&farm, "usb-3-1 ci-1 active");
                assert_string_equal(farm_nodes(), "ci-1 bus/usb/003/003");
                farm_close(&farm);
        }
}

static void test_changes_while_davitd_is_away(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-2", adb, "B");
        farm_plug(&farm, "3-3", adb, "C");
        farm_plug(&farm, "3-4", adb, "D");
        farm_settle(&farm);
        farm_unplug(&farm, "3-4");
        farm_settle(&farm);
        farm_stop(&farm, /* crash= */ true);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_unplug(&farm, "3-2");
        farm_plug(&farm, "3-2", fastboot, "X");
        farm_unplug(&farm, "3-3");
        farm_plug(&farm, "3-4", fastboot, "D");
        farm_start(&farm);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-2 active, usb-3-3 ci-1 lingering, "
                                  "usb-3-4 ci-1 active");
        assert_string_equal(farm_nodes(), "ci-1 bus/usb/003/006, ci-1 bus/usb/003/008, ci-2 bus/usb/003/007");
        farm_close(&farm);
}

static void test_time_without_davitd_counts(_unused_ void **state) {
        Farm farm;
        uint64_t start;

        farm_open(&farm, POLICY(SHORT));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_settle(&farm);
        farm_stop(&farm, /* crash= */ true);
        start = loop_now();
        while (loop_now() <= start + 20000)
                ;
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_start(&farm);
        farm_assert_grants(&farm, "usb-3-1 ci-2 active");
        assert_string_equal(farm_files(), "");
        farm_close(&farm);
}

static void test_what_is_written_is_not_trusted(_unused_ void **state) {
        static const struct {
                const char *name, *text;
        } files[] = {
                {"hold.ci-1@usb-3-1", ""},
                {"hold.ci-1@usb-3-2", "CONTAINER=ci-1\n"},
                {"hold.ci-1@usb-3-3", "nothing of the kind"},
                {"hold.ci-1@usb-3-4",
                 "CONTAINER=ci-1\nINIT_PID=1\nUNTIL=0\nDEVPATH=/devices/x\nSERIAL=\nRULE=phones\n"},
                {"hold.../../x@usb-3-5",
                 "CONTAINER=../../x\nINIT_PID=1\nUNTIL=0\nDEVPATH=x\nSERIAL=\nRULE=phones\n"},
                {"hold.ci-1@usb-3-6",
                 "CONTAINER=ci-1\nINIT_PID=99999999999\nUNTIL=x\nDEVPATH=\nSERIAL=\nRULE=\n"},
                {"hold.nobody@usb-3-7", "CONTAINER=nobody\nINIT_PID=1\nUNTIL=0\nDEVPATH="
                                        "\\x2fdevices\\x2fx\nSERIAL=A\nRULE=phones\n"},
        };
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_stop(&farm, /* crash= */ false);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                char path[160];
                FILE *f;

                if (strchr(files[i].name, '/'))
                        continue;
                snprintf(path, sizeof(path), "%s/state/%s", launch_dir(), files[i].name);
                f = fopen(path, "we");
                assert_non_null(f);
                fputs(files[i].text, f);
                fclose(f);
        }
        farm_start(&farm);
        farm_assert_grants(&farm, "");
        assert_string_equal(farm_files(), "");
        farm_close(&farm);
}

/* Words of devices and people stay within their lines. */
static void test_hostile_words_are_kept(_unused_ void **state) {
        static const char serial[] = "x\\x2f ../..=\"%s";
        Farm farm;

        farm_open(&farm, POLICY(RULE("\"a\\\\b RULE=c\"", "{ class: usb, interface: \"ff:42:01\" }",
                                     "give: { to: ci-1, linger: 1h }")));
        farm_plug(&farm, "3-1", adb, serial);
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_settle(&farm);
        restart(&farm, /* crash= */ true);
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering");
        assert_string_equal(device_of(&farm, "usb-3-1")->serial, serial);
        farm_plug(&farm, "3-1", fastboot, serial);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active");
        farm_close(&farm);
}

/* The last one: it takes a container along. */
static void test_container_stops(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:01\" }",
                                     "give: { to: ci-3, linger: 1h }")
                                        RULE("boot loaders", "{ class: usb, interface: \"ff:42:03\" }",
                                             "give: { to: ci-2 }")));
        farm_plug(&farm, "3-1", adb, "A");
        farm_plug(&farm, "3-2", adb, "B");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_unplug(&farm, "3-2");
        farm_plug(&farm, "3-2", fastboot, "B");
        farm_assert_grants(&farm, "usb-3-1 ci-3 lingering, usb-3-2 ci-3 active");
        farm_end_container(2);
        farm_await_grants(&farm, "usb-3-2 ci-2 active");
        assert_string_equal(farm_files(), "");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active, usb-3-2 ci-2 active");
        farm_close(&farm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stays_through_all_modes),
                cmocka_unit_test(test_nothing_lingers_by_itself),
                cmocka_unit_test(test_removal_was_lost),
                cmocka_unit_test(test_goes_by_the_rule_of_the_mode),
                cmocka_unit_test(test_shared),
                cmocka_unit_test(test_another_serial_ends_it),
                cmocka_unit_test(test_another_serial_for_the_same),
                cmocka_unit_test(test_place_decides_without_serials),
                cmocka_unit_test(test_duplicate_serials),
                cmocka_unit_test(test_hub_is_no_mode),
                cmocka_unit_test(test_time_runs_out),
                cmocka_unit_test(test_times_of_several),
                cmocka_unit_test(test_time_does_not_run_while_it_is_there),
                cmocka_unit_test(test_detach_while_away),
                cmocka_unit_test(test_detach_in_another_mode),
                cmocka_unit_test(test_detach_from_everybody_while_away),
                cmocka_unit_test(test_deny_wins),
                cmocka_unit_test(test_reload),
                cmocka_unit_test(test_reload_without_linger),
                cmocka_unit_test(test_manual),
                cmocka_unit_test(test_manual_and_deny),
                cmocka_unit_test(test_manual_without_linger),
                cmocka_unit_test(test_restart_in_each_state),
                cmocka_unit_test(test_changes_while_davitd_is_away),
                cmocka_unit_test(test_time_without_davitd_counts),
                cmocka_unit_test(test_what_is_written_is_not_trusted),
                cmocka_unit_test(test_hostile_words_are_kept),
                cmocka_unit_test(test_container_stops),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
