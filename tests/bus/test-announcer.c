/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the bus tells of changes: each exactly once, in an order in which a listener can keep a picture of the
 * whole; bursts beyond every bound; and a message bus that dies and comes back.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus/announcer.h"
#include "bus/client.h"
#include "bus/harness.h"
#include "util/fd.h"
#include "util/string.h"

#define D1 "/org/davit1/device/usb_2d3_2d1"
#define C1 "/org/davit1/container/ci_2d1"
#define G1 "/org/davit1/grant/usb_2d3_2d1/ci_2d1"

static Harness harness;
static sd_bus *bus;
static Signals signals;

static int setup(_unused_ void **state) {
        if (harness_start(&harness) > 0)
                return 0;
        bus = harness_connect(&harness);
        signals_listen(bus, &signals);
        return 0;
}

static int teardown(_unused_ void **state) {
        bus = sd_bus_flush_close_unref(bus);
        signals_deinit(&signals);
        if (harness.daemon_pid != 0)
                harness_stop(&harness);
        harness.daemon_pid = 0;
        return 0;
}

static void need_bus(void) {
        if (!bus)
                skip();
}

static void expect_next(const char *line) {
        size_t n = signals.n_lines;

        signals_wait(bus, &signals, n + 1);
        assert_string_equal(signals.lines[n], line);
}

#define DEVICE_PROPERTIES " Place Devpath Classes Vendor Product Serial Model Mode Nodes Interfaces Grants"

static void test_life(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "plug 1 ABC");
        expect_next("added " D1);
        harness_do(&harness, "run ci-1");
        expect_next("added " C1);
        harness_do(&harness, "give 1 ci-1");
        expect_next("added " G1);
        expect_next("changed " D1 " Grants");
        expect_next("changed " C1 " Grants");
        harness_do(&harness, "fail 1 ci-1 5");
        expect_next("changed " G1 " Origin State Rule Error LingerUntil Lacking");
        harness_do(&harness, "plug 1 XYZ");
        expect_next("changed " D1 DEVICE_PROPERTIES);
        harness_do(&harness, "take 1 ci-1");
        expect_next("removed " G1);
        expect_next("changed " D1 " Grants");
        expect_next("changed " C1 " Grants");
        harness_do(&harness, "end ci-1 0");
        expect_next("removed " C1);
        harness_do(&harness, "unplug 1");
        expect_next("removed " D1);
}

static void test_both_ends_first(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "plug 1 ABC");
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "give 1 ci-1");
        signals_wait(bus, &signals, 5);

        /* The grants end first, whatever the order in which the manager says so. */
        harness_do(&harness, "unplug 1");
        signals_wait(bus, &signals, 8);
        assert_string_equal(signals.lines[5], "removed " G1);
        assert_int_equal(signals_count(&signals, "removed " D1), 1);
        assert_int_equal(signals_count(&signals, "changed " C1 " Grants"), 2);
}

/* Several changes in one round of the daemon: one write to its control socket. */
static void in_one_round(const char *lines, size_t n) {
        char answer[64];

        assert_int_equal(write(harness.control, lines, strlen(lines)), strlen(lines));
        while (n > 0) {
                ssize_t size = read(harness.control, answer, sizeof(answer));

                assert_true(size > 0 && size % 3 == 0);
                n -= (size_t)size / 3;
        }
}

static void test_coalesced(_unused_ void **state) {
        need_bus();
        /* What came and went within a round is nothing; what changed thrice is one signal. */
        in_one_round("plug 7 A\nunplug 7\nplug 1 A\nplug 1 B\nplug 1 C\n", 5);
        expect_next("added " D1);
        in_one_round("plug 1 D\nplug 1 E\nrun ci-1\ngive 1 ci-1\n", 4);
        expect_next("added " C1);
        expect_next("added " G1);
        expect_next("changed " D1 DEVICE_PROPERTIES);
        expect_next("changed " C1 " Grants");
        /* Away and back again in one round is a change. */
        in_one_round("take 1 ci-1\ngive 1 ci-1\n", 2);
        expect_next("changed " G1 " Origin State Rule Error LingerUntil Lacking");
        client_expect_string(bus, D1, "org.davit1.Device", "Serial", "E");
}

static void test_policy_reloaded(_unused_ void **state) {
        uint32_t count;

        need_bus();
        harness_policy(&harness, "version: 1\nrules: []\n");
        client_call(bus, "/org/davit1", "org.davit1.Manager", "Reload", NULL, "a{sv}", 0);
        expect_next("changed /org/davit1 RuleCount");
        expect_next("signal PolicyReloaded");
        assert_true(sd_bus_get_property_trivial(bus, "org.davit1", "/org/davit1", "org.davit1.Manager",
                                                "RuleCount", NULL, 'u', &count) >= 0);
        assert_int_equal(count, 0);
}

static size_t count_objects(const char *prefix) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        size_t n = 0;

        client_call(bus, "/org/davit1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &reply,
                    "");
        assert_true(sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}") > 0);
        while (sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
                assert_true(sd_bus_message_read_basic(reply, 'o', &path) > 0);
                n += startswith(path, prefix) != NULL;
                assert_true(sd_bus_message_skip(reply, "a{sa{sv}}") > 0);
                assert_true(sd_bus_message_exit_container(reply) > 0);
        }
        return n;
}

/* Each of ports 1…@count was told of by @verb exactly once. */
static void expect_each(const char *verb, unsigned int count) {
        _cleanup_free_ unsigned char *seen = calloc(count + 1, 1);

        assert_non_null(seen);
        for (size_t i = 0; i < signals.n_lines; i++) {
                const char *rest = startswith(signals.lines[i], verb);
                unsigned int port;

                if (!rest || sscanf(rest, " /org/davit1/device/usb_2d3_2d%u", &port) != 1)
                        fail_msg("Unexpected: %s", signals.lines[i]);
                assert_in_range(port, 1, count);
                assert_int_equal(seen[port]++, 0);
        }
        assert_int_equal(signals.n_lines, count);
}

static void burst(unsigned int count) {
        need_bus();
        harness_do(&harness, "burst 1 %u", count);
        signals_wait(bus, &signals, count);
        assert_int_equal(count_objects("/org/davit1/device/"), count);
        expect_each("added", count);
        signals_deinit(&signals);

        harness_do(&harness, "clear 1 %u", count);
        signals_wait(bus, &signals, count);
        assert_int_equal(count_objects("/org/davit1/device/"), 0);
        expect_each("removed", count);
        signals_deinit(&signals);

        /* And the picture is whole again. */
        harness_do(&harness, "plug 1 X");
        expect_next("added " D1);
}

static void test_thousand(_unused_ void **state) {
        burst(1000);
}

static void test_overflow(_unused_ void **state) {
        burst(ANNOUNCER_DIRTY_MAX + 900);
}

static void test_bus_lost(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "plug 1 ABC");
        expect_next("added " D1);

        bus = sd_bus_close_unref(bus);
        harness_stop_bus(&harness);
        /* The daemon goes on. */
        harness_do(&harness, "plug 2 DEF");
        harness_do(&harness, "unplug 1");
        assert_int_equal(harness_start_bus(&harness), 0);

        signals_deinit(&signals);
        bus = harness_connect(&harness);
        signals_listen(bus, &signals);
        assert_int_equal(count_objects("/org/davit1/device/"), 1);
        client_expect_string(bus, DEVICE(2), "Serial", "DEF");
        harness_do(&harness, "plug 1 NEW");
        expect_next("added " D1);
        harness_do(&harness, "unplug 2");
        expect_next("removed /org/davit1/device/usb_2d3_2d2");
}

static void test_name_taken(_unused_ void **state) {
        sd_bus *other;

        need_bus();
        bus = sd_bus_close_unref(bus);
        harness_stop_bus(&harness);
        assert_int_equal(harness_start_bus(&harness), 0);
        /* Whoever is first has the name; when it is free again, the daemon takes it. */
        assert_int_equal(sd_bus_new(&other), 0);
        assert_true(sd_bus_set_address(other, harness.address) >= 0);
        assert_true(sd_bus_set_bus_client(other, true) >= 0);
        assert_true(sd_bus_start(other) >= 0);
        if (sd_bus_request_name(other, "org.davit1", SD_BUS_NAME_REPLACE_EXISTING) >= 0)
                assert_true(sd_bus_release_name(other, "org.davit1") >= 0);
        sd_bus_flush_close_unref(other);
        signals_deinit(&signals);
        bus = harness_connect(&harness);
        client_expect_string(bus, "/org/davit1", "org.davit1.Manager", "Version", PACKAGE_VERSION);
}

/* A caller that is gone when its answer comes, and a daemon that goes while calls wait. */
static void test_answers_to_nobody(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "run ci-1");
        expect_next("added " C1);
        for (unsigned int i = 0; i < 3; i++)
                assert_true(sd_bus_call_method_async(bus, NULL, "org.davit1", C1, "org.davit1.Container",
                                                     "Wait", NULL, NULL, "") >= 0);
        assert_true(sd_bus_flush(bus) >= 0);
        bus = sd_bus_flush_close_unref(bus);
        harness_do(&harness, "end ci-1 3");
        harness_do(&harness, "run ci-2");
        bus = harness_connect(&harness);
        assert_true(sd_bus_call_method_async(bus, NULL, "org.davit1", "/org/davit1/container/ci_2d2",
                                             "org.davit1.Container", "Wait", NULL, NULL, "") >= 0);
        client_expect_string(bus, "/org/davit1/container/ci_2d2", "org.davit1.Container", "Name", "ci-2");
        /* The teardown asserts that the daemon ends well with a call that waits. */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_both_ends_first, setup, teardown),
                cmocka_unit_test_setup_teardown(test_coalesced, setup, teardown),
                cmocka_unit_test_setup_teardown(test_policy_reloaded, setup, teardown),
                cmocka_unit_test_setup_teardown(test_thousand, setup, teardown),
                cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bus_lost, setup, teardown),
                cmocka_unit_test_setup_teardown(test_name_taken, setup, teardown),
                cmocka_unit_test_setup_teardown(test_answers_to_nobody, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
