/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/udev-data.h"

static void fill(PropertyList *list, const char *const *entries) {
        for (; *entries; entries++)
                assert_int_equal(property_list_append(list, *entries, strlen(*entries) + 1), 0);
}

#define PROPERTIES(...)           \
        (const char *const[]) {   \
                __VA_ARGS__, NULL \
        }

static void assert_id(const char *const *entries, const char *expected) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        char id[UDEV_DATA_ID_MAX] = "untouched";

        fill(&list, entries);
        assert_int_equal(udev_data_id(&list, id), expected ? 0 : -EBADMSG);
        assert_string_equal(id, expected ?: "untouched");
}

static void test_ids(void **state) {
        char long_path[UDEV_DATA_ID_MAX + 32] = "DEVPATH=/";

        assert_id(PROPERTIES("DEVPATH=/a/3-1", "SUBSYSTEM=usb", "MAJOR=189", "MINOR=257",
                             "DEVNAME=bus/usb/003/002"),
                  "c189:257");
        assert_id(PROPERTIES("DEVPATH=/a/sda", "SUBSYSTEM=block", "MAJOR=8", "MINOR=0", "DEVNAME=/dev/sda"),
                  "b8:0");
        assert_id(PROPERTIES("DEVPATH=/a/net/eth0", "SUBSYSTEM=net", "INTERFACE=eth0", "IFINDEX=3"), "n3");
        assert_id(PROPERTIES("DEVPATH=/a/3-1:1.0", "SUBSYSTEM=usb"), "+usb:3-1:1.0");
        assert_id(PROPERTIES("DEVPATH=/a/card1", "SUBSYSTEM=sound"), "+sound:card1");
        assert_id(PROPERTIES("DEVPATH=/a/b\x1b[31m", "SUBSYSTEM=usb"), NULL);
        assert_id(PROPERTIES("DEVPATH=/a/b", "SUBSYSTEM=../../etc"), NULL);
        assert_id(PROPERTIES("DEVPATH=/a/b"), NULL);
        assert_id(PROPERTIES("SUBSYSTEM=usb"), NULL);
        memset(long_path + strlen(long_path), 'x', UDEV_DATA_ID_MAX);
        assert_id(PROPERTIES(long_path, "SUBSYSTEM=usb"), NULL);
}

static void assert_text(const char *const *entries, const char *links, const char *expected) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        _cleanup_free_ char *text = NULL;

        fill(&list, entries);
        assert_int_equal(udev_data_format(&list, links, &text), 0);
        assert_string_equal(text, expected);
}

static void test_text(void **state) {
        assert_text(PROPERTIES("DEVPATH=/a/3-1", "SUBSYSTEM=usb"), "", "V:1\n");
        assert_text(PROPERTIES("ACTION=add", "DEVPATH=/a/sda", "SUBSYSTEM=block", "MAJOR=8", "MINOR=0",
                               "DEVNAME=/dev/sda", "DEVTYPE=disk", "DISKSEQ=9", "ID_SERIAL=A b", "MY_KEY=1",
                               "DEVLINKS=/dev/disk/by-id/of-the-host", ".PRIVATE=1",
                               "USEC_INITIALIZED=123456",
                               "TAGS=:systemd:seat:", "CURRENT_TAGS=:seat:", "SEQNUM=4"),
                    "disk/by-id/A\ndisk/B\n",
                    "S:disk/by-id/A\nS:disk/B\nI:123456\nE:ID_SERIAL=A b\nE:MY_KEY=1\n"
                    "G:systemd\nG:seat\nQ:seat\nV:1\n");
        assert_text(PROPERTIES("TAGS=:a:"), "", "G:a\nQ:a\nV:1\n");
}

static void test_hostile(void **state) {
        assert_text(PROPERTIES("ID_MODEL=x\nE:ID_SEAT=seat0", "ID_SERIAL=x\x7f", "ID\nX=1", "1ID=x",
                               "ID_A B=1", "ID_ESC=\x1b[31m", "USEC_INITIALIZED=1\nG:x", "ID_OK=\xc3\xa9"),
                    "", "E:ID_OK=\xc3\xa9\nV:1\n");
        assert_text(PROPERTIES("TAGS=:..:.:a/b:a\nGb:c d:ok:"), "", "G:ok\nQ:ok\nV:1\n");
}

/* However much there is, what is written is whole lines within the bound, the last of them the last. */
static void test_bounds(void **state) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        _cleanup_free_ char *text = NULL;
        char entry[1024], tag[UDEV_TAG_MAX];
        unsigned int n_tags = 0;
        const char *p;

        assert_int_equal(property_list_set(&list, "TAGS", ""), 0);
        for (unsigned int i = 0; i < 60; i++) {
                int n = snprintf(entry, sizeof(entry), "ID_%u=", i);

                memset(entry + n, 'x', sizeof(entry) - (size_t)n);
                entry[sizeof(entry) - 1] = '\0';
                assert_int_equal(property_list_append(&list, entry, sizeof(entry)), 0);
        }
        assert_int_equal(udev_data_format(&list, "", &text), 0);
        assert_true(strlen(text) <= UDEV_DATA_MAX);
        assert_true(strlen(text) > UDEV_DATA_MAX - 2 * sizeof(entry));
        assert_string_equal(text + strlen(text) - 5, "\nV:1\n");

        strcpy(entry, "TAGS=");
        for (unsigned int i = 0; i < 2 * UDEV_TAGS_MAX; i++)
                sprintf(entry + strlen(entry), ":t%u", i);
        property_list_deinit(&list);
        assert_int_equal(property_list_append(&list, entry, strlen(entry) + 1), 0);
        free(TAKE_PTR(text));
        assert_int_equal(udev_data_format(&list, "", &text), 0);
        p = text;
        while (udev_data_next_tag(&p, tag)) {
                snprintf(entry, sizeof(entry), "t%u", n_tags++);
                assert_string_equal(tag, entry);
        }
        assert_int_equal(n_tags, UDEV_TAGS_MAX);
}

/* What was not written by us is read with the same care. */
static void test_tags_of_junk(void **state) {
        const char *p = "G:\nG:../x\nG:.x\nQ:q\nG\nX:G:a\nG:good\nG:last";
        char tag[UDEV_TAG_MAX];

        assert_true(udev_data_next_tag(&p, tag));
        assert_string_equal(tag, "good");
        assert_true(udev_data_next_tag(&p, tag));
        assert_string_equal(tag, "last");
        assert_false(udev_data_next_tag(&p, tag));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids),          cmocka_unit_test(test_text),
                cmocka_unit_test(test_hostile),      cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_tags_of_junk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
