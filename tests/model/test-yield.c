/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What udev's rules of ours say, and that a part knows nothing of it: as it was before, or as the rules kept
 * it.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "model/yield.h"
#include "util/string.h"

static void add_all(PropertyList *list, const char *const *entries) {
        for (; *entries; entries++)
                assert_int_equal(property_list_append(list, *entries, strlen(*entries) + 1), 0);
}

/* As text, each entry in a line. */
static void assert_list(const PropertyList *list, const char *expected) {
        char text[4096] = "";

        property_list_foreach(entry, list)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n", entry);
        assert_string_equal(text, expected);
}

static void test_text(_unused_ void **state) {
        static const struct {
                YieldSet set;
                const char *text;
        } cases[] = {
                {0, ""},
                {1U << PART_BLOCK, ":block:"},
                {YIELD_EXCLUSIVE | 1U << PART_USB | 1U << PART_TTY, ":exclusive:usb:tty:"},
        };
        char text[YIELD_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                yield_to_text(cases[i].set, text);
                assert_string_equal(text, cases[i].text);
                assert_int_equal(yield_from_text(text), cases[i].set);
        }
        /* All there is fits. */
        yield_to_text(YIELD_EXCLUSIVE | ((1U << PART_KIND_MAX) - 1), text);
        assert_int_equal(yield_from_text(text), YIELD_EXCLUSIVE | ((1U << PART_KIND_MAX) - 1));
}

static void test_text_that_is_not_ours(_unused_ void **state) {
        assert_int_equal(yield_from_text(NULL), 0);
        assert_int_equal(yield_from_text(":::"), 0);
        assert_int_equal(yield_from_text("tty"), 1U << PART_TTY);
        assert_int_equal(yield_from_text(":ttyUSB:tt:block"), 1U << PART_BLOCK);
        assert_int_equal(yield_from_text(":0123456789012345678901234567890123456789:usb:"), 1U << PART_USB);
}

static void test_hidden_comes_back(_unused_ void **state) {
        static const char *const said[] = {"DEVPATH=/devices/x",          "ID_MM_DEVICE_IGNORE=1",
                                           "TAGS=:seat:uaccess:systemd:", "CURRENT_TAGS=:systemd:",
                                           "DAVIT_KEPT_ID_MTP_DEVICE=1",  "DAVIT_KEPT_TAGS=:uaccess:seat",
                                           "DAVIT_YIELD=:exclusive:usb:", NULL};
        _cleanup_(property_list_deinit) PropertyList list = {};

        add_all(&list, said);
        assert_int_equal(yield_told(&list), YIELD_EXCLUSIVE | 1U << PART_USB);
        assert_int_equal(yield_take_off(&list, NULL), 0);
        assert_list(&list, "DEVPATH=/devices/x\n"
                           "TAGS=:seat:uaccess:systemd:\n"
                           "ID_MTP_DEVICE=1\n"
                           "CURRENT_TAGS=:systemd:uaccess:seat:\n");
}

/* Where other rules had a word already, or had one before it was given. */
static void test_added_is_as_it_was(_unused_ void **state) {
        static const char *const said[] = {"NM_UNMANAGED=1",    "DAVIT_KEPT_NM_UNMANAGED=0",
                                           "UDISKS_IGNORE=1",   "ID_MM_PORT_IGNORE=1",
                                           "DAVIT_YIELD=:net:", NULL};
        static const char *const before[] = {"UDISKS_IGNORE=2", NULL};
        _cleanup_(property_list_deinit) PropertyList list = {}, old = {};

        add_all(&list, said);
        add_all(&old, before);
        assert_int_equal(yield_take_off(&list, &old), 0);
        assert_list(&list, "UDISKS_IGNORE=2\nNM_UNMANAGED=0\n");
}

static void test_host_device_is_left_alone(_unused_ void **state) {
        static const char *const said[] = {"NM_UNMANAGED=1", "ID_MTP_DEVICE=1",
                                           "CURRENT_TAGS=:uaccess:", NULL};
        _cleanup_(property_list_deinit) PropertyList list = {};

        add_all(&list, said);
        assert_int_equal(yield_take_off(&list, NULL), 0);
        assert_list(&list, "NM_UNMANAGED=1\nID_MTP_DEVICE=1\nCURRENT_TAGS=:uaccess:\n");
}

static Part *make_part(const char *const *entries) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        Part *part;

        add_all(&list, entries);
        assert_int_equal(part_new(&list, &part), 0);
        return part;
}

static void test_part_takes_note_alone(_unused_ void **state) {
        static const char *const first[] = {
                "DEVPATH=/devices/x", "SUBSYSTEM=tty",       "DEVNAME=/dev/ttyUSB0", "MAJOR=188", "MINOR=0",
                "ID_MODEL=A",         "ID_MM_PORT_IGNORE=1", "DAVIT_YIELD=:tty:",    NULL};
        static const char *const again[] = {"DEVPATH=/devices/x",
                                            "SUBSYSTEM=tty",
                                            "DEVNAME=/dev/ttyUSB0",
                                            "MAJOR=188",
                                            "MINOR=0",
                                            "SYNTH_UUID=" YIELD_UUID,
                                            "ID_MODEL=B",
                                            NULL};
        _cleanup_(part_freep) Part *part = make_part(first);
        _cleanup_(property_list_deinit) PropertyList list = {};

        assert_int_equal(part->yield_told, 1U << PART_TTY);
        assert_null(property_list_get(&part->properties, "ID_MM_PORT_IGNORE"));

        /* What we asked for ourselves is no news. */
        add_all(&list, again);
        assert_int_equal(part_update(part, &list, /* replace= */ true), 0);
        assert_int_equal(part->yield_told, 0);
        assert_string_equal(property_list_get(&part->properties, "ID_MODEL"), "A");

        /* Asked for by another it is. */
        assert_int_equal(property_list_set(&list, "SYNTH_UUID", "0"), 0);
        assert_int_equal(part_update(part, &list, /* replace= */ true), 1);
        assert_string_equal(property_list_get(&part->properties, "ID_MODEL"), "B");
}

static void test_whom_it_concerns(_unused_ void **state) {
        static const struct {
                const char *subsystem, *name, *property;
                YieldSet set;
                bool concerned;
        } cases[] = {
                {"tty", "ttyUSB0", "ID_X=1", 1U << PART_TTY, true},
                {"tty", "ttyUSB0", "ID_X=1", 1U << PART_USB, false},
                {"block", "sda", "ID_X=1", 1U << PART_BLOCK, true},
                {"usbmisc", "cdc-wdm0", "ID_X=1", 1U << PART_TTY, true},
                /* A phone in a burst of a hundred: nobody on the host looks at it. */
                {"usb", "bus/usb/003/002", "CURRENT_TAGS=:seat:", YIELD_EXCLUSIVE | 1U << PART_USB, false},
                {"usb", "bus/usb/003/002", "CURRENT_TAGS=:seat:uaccess:", YIELD_EXCLUSIVE | 1U << PART_USB,
                 true},
                {"usb", "bus/usb/003/002", "CURRENT_TAGS=:seat:uaccess:", 1U << PART_USB, false},
                {"usb", "bus/usb/003/002", "ID_MTP_DEVICE=1", 1U << PART_USB, true},
                /* It was the user's once, and is not now. */
                {"hidraw", "hidraw0", "TAGS=:uaccess:", YIELD_EXCLUSIVE | 1U << PART_HIDRAW, true},
                {"drm", "dri/card0", "CURRENT_TAGS=:uaccess:", YIELD_EXCLUSIVE | 1U << PART_RENDER, false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char subsystem[64], name[64];
                const char *const entries[] = {"DEVPATH=/devices/x", subsystem, name, "MAJOR=10", "MINOR=1",
                                               cases[i].property,    NULL};
                _cleanup_(part_freep) Part *part = NULL;

                snprintf(subsystem, sizeof(subsystem), "SUBSYSTEM=%s", cases[i].subsystem);
                snprintf(name, sizeof(name), "DEVNAME=/dev/%s", cases[i].name);
                part = make_part(entries);
                assert_int_equal(yield_concerns(part, cases[i].set), cases[i].concerned);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_text_that_is_not_ours),
                cmocka_unit_test(test_hidden_comes_back),
                cmocka_unit_test(test_added_is_as_it_was),
                cmocka_unit_test(test_host_device_is_left_alone),
                cmocka_unit_test(test_part_takes_note_alone),
                cmocka_unit_test(test_whom_it_concerns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
