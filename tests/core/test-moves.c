/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A phone is unplugged, and plugged in at another port: nobody waits for it at the old one any more, as far
 * as its serial number can tell. Real manager, real containers; see farm.h.
 */

#include "config.h"

#include "core/farm.h"
#include "util/string.h"

#define POLICY(rules)           "version: 1\nrules:\n" rules
#define RULE(name, match, give) "  - name: " name "\n    match: " match "\n    " give "\n"

/* Of a phone's modes the rule knows one. Behind it stand rules that take the others, for others. */
#define PHONES                                                                                \
        RULE("phones", "{ class: usb, interface: \"ff:42:01\", vendor: \"18d1\" }",           \
             "give: { to: ci-1, linger: 1h }")                                                \
        RULE("boot loaders", "{ class: usb, interface: \"ff:42:03\" }", "give: { to: ci-2 }") \
        RULE("the rest", "{ class: usb }", "give: { to: ci-3 }")

static const FarmMode *const adb = &farm_modes[FARM_ADB], *const fastboot = &farm_modes[FARM_FASTBOOT];

/* It is plugged in elsewhere: nobody waits for it at the old place. */
static void test_moves_to_another_place(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, POLICY(PHONES));
        farm_plug(&farm, "3-1", adb, "A");
        farm_settle(&farm);
        farm_unplug(&farm, "3-1");
        farm_plug(&farm, "3-5", adb, "A");
        farm_await_grants(&farm, "usb-3-5 ci-1 active");
        farm_plug(&farm, "3-1", fastboot, "A");
        farm_assert_grants(&farm, "usb-3-1 ci-2 active, usb-3-5 ci-1 active");
        /* Two say it by now, so that nobody can tell which of them this is. */
        farm_unplug(&farm, "3-1");
        farm_unplug(&farm, "3-5");
        farm_plug(&farm, "3-6", adb, "A");
        farm_assert_grants(&farm, "usb-3-5 ci-1 lingering, usb-3-6 ci-1 active");
        farm_close(&farm);
}

/* Of two with one serial, one without a rule of its own: it does not end what the other holds. */
static void test_duplicate_is_there_all_along(_unused_ void **state) {
        for (int first = 0; first < 2; first++) {
                Farm farm;

                farm_open(&farm, POLICY(RULE("one", "{ class: usb, interface: \"ff:42:01\", port: \"3-1\" }",
                                             "give: { to: ci-1, linger: 1h }")));
                farm_plug(&farm, first ? "3-1" : "3-2", adb, "0123456789ABCDEF");
                farm_plug(&farm, first ? "3-2" : "3-1", adb, "0123456789ABCDEF");
                farm_assert_grants(&farm, "usb-3-1 ci-1 active");
                farm_unplug(&farm, "3-1");
                farm_add_part(&farm, "3-2", "3-2:1.1/tty/ttyACM0", "ttyACM0", 166, 0);
                farm_assert_grants(&farm, "usb-3-1 ci-1 lingering");
                /* Nor after a restart, nor when it comes again. */
                farm_stop(&farm, /* crash= */ true);
                farm_start(&farm);
                farm_unplug(&farm, "3-2");
                farm_plug(&farm, "3-2", adb, "0123456789ABCDEF");
                farm_assert_grants(&farm, "usb-3-1 ci-1 lingering");
                farm_close(&farm);
        }
}

/* What was said by hand is of the device that is there: in another mode it is dealt by the rules. */
static void test_detach_ends_with_the_mode(_unused_ void **state) {
        for (int everybody = 0; everybody < 2; everybody++) {
                Farm farm;

                farm_open(&farm, POLICY(PHONES));
                farm_plug(&farm, "3-1", adb, "A");
                assert_int_equal(farm_detach(&farm, "usb-3-1", everybody ? NULL : "ci-1"), CALL_OK);
                farm_assert_grants(&farm, everybody ? "" : "usb-3-1 ci-3 active");
                farm_unplug(&farm, "3-1");
                farm_plug(&farm, "3-1", fastboot, "A");
                farm_assert_grants(&farm, "usb-3-1 ci-2 active");
                farm_unplug(&farm, "3-1");
                farm_plug(&farm, "3-1", adb, "A");
                farm_assert_grants(&farm, "usb-3-1 ci-1 active");
                farm_close(&farm);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_moves_to_another_place),
                cmocka_unit_test(test_duplicate_is_there_all_along),
                cmocka_unit_test(test_detach_ends_with_the_mode),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
