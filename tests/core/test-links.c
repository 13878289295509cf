/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Links that rules have made, and devices that name theirs alike: a link is an alias, so all of them are
 * there, and one has the link. Who had it first keeps it, whatever is looked at anew; when it goes, another
 * one has it. Real manager, real containers; see farm.h.
 */

#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "core/farm.h"
#include "util/string.h"

#define POLICY(rules)           "version: 1\nrules:\n" rules
#define RULE(name, match, give) "  - name: " name "\n    match: " match "\n    " give "\n"

/* As in 10-phones.yaml.example. Many phones have this serial number. */
#define PHONES                                                          \
        POLICY(RULE("phones", "{ class: usb, interface: \"ff:42:*\" }", \
                    "give: { to: ci-1, linger: 1h, symlink: \"/dev/phones/{serial}\" }"))
#define SERIAL "0123456789ABCDEF"

static const FarmMode *const adb = &farm_modes[FARM_ADB];

/* What the link points to; "" where there is none. */
static const char *link_of(const char *name) {
        static char target[PATH_MAX];
        char path[256];
        ssize_t n;

        snprintf(path, sizeof(path), "%s/dev/ci-1/dev/phones/%s", launch_dir(), name);
        n = readlink(path, target, sizeof(target) - 1);
        target[MAX(n, 0)] = '\0';
        return target;
}

static void test_duplicate_serials(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, PHONES);
        farm_plug(&farm, "3-1", adb, SERIAL);
        farm_plug(&farm, "3-2", adb, SERIAL);
        farm_plug(&farm, "3-3", adb, SERIAL);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 active, usb-3-3 ci-1 active");
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/002");

        /* Everything is looked at anew. */
        farm_reload(&farm, PHONES "\n");
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 active, usb-3-3 ci-1 active");
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/002");

        farm_unplug(&farm, "3-1");
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-2 ci-1 active, usb-3-3 ci-1 active");
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/003");
        farm_plug(&farm, "3-1", adb, SERIAL);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 active, usb-3-3 ci-1 active");
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/003");

        /* A reload and a restart do not give it back to the one that was granted first. */
        farm_reload(&farm, PHONES);
        farm_settle(&farm);
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/003");
        farm_stop(&farm, /* crash= */ true);
        farm_start(&farm);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 active, usb-3-3 ci-1 active");
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/003");

        assert_int_equal(farm_detach(&farm, "usb-3-2", "ci-1"), CALL_OK);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-3 ci-1 active");
        assert_string_not_equal(link_of(SERIAL), "");
        assert_string_not_equal(link_of(SERIAL), "../bus/usb/003/003");
        farm_unplug(&farm, "3-1");
        farm_settle(&farm);
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/004");
        farm_unplug(&farm, "3-3");
        farm_settle(&farm);
        assert_string_equal(link_of(SERIAL), "");
        farm_close(&farm);
}

/* They were there before davitd, and none has a link yet. */
static void test_cold_start(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, PHONES);
        farm_stop(&farm, /* crash= */ false);
        farm_plug(&farm, "3-1", adb, SERIAL);
        farm_plug(&farm, "3-2", adb, SERIAL);
        farm_start(&farm);
        farm_assert_grants(&farm, "usb-3-1 ci-1 active, usb-3-2 ci-1 active");
        assert_string_equal(farm_nodes(), "ci-1 bus/usb/003/002, ci-1 bus/usb/003/003, ci-1 phones/" SERIAL);
        farm_close(&farm);
}

/* Davitd is away while the one that has it goes. */
static void test_goes_unseen(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, PHONES);
        farm_plug(&farm, "3-1", adb, SERIAL);
        farm_plug(&farm, "3-2", adb, SERIAL);
        farm_settle(&farm);
        farm_stop(&farm, /* crash= */ true);
        farm_unplug(&farm, "3-1");
        farm_start(&farm);
        farm_assert_grants(&farm, "usb-3-1 ci-1 lingering, usb-3-2 ci-1 active");
        assert_string_equal(link_of(SERIAL), "../bus/usb/003/003");
        farm_close(&farm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_duplicate_serials),
                cmocka_unit_test(test_cold_start),
                cmocka_unit_test(test_goes_unseen),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
