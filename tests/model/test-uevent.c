/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/world.h"

#define KERNEL           "add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=usb\0SEQNUM=7\0"
#define UDEV_HEADER_SIZE 40

static void test_action_names(void **state) {
        for (UeventAction action = 0; action < UEVENT_ACTION_MAX; action++) {
                assert_non_null(uevent_action_to_string(action));
                assert_int_equal(uevent_action_from_string(uevent_action_to_string(action)), action);
        }
        assert_null(uevent_action_to_string(UEVENT_ACTION_INVALID));
        assert_int_equal(uevent_action_from_string("explode"), UEVENT_ACTION_INVALID);
}

static void test_decode_kernel(void **state) {
        _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;

        assert_int_equal(uevent_decode(KERNEL, sizeof(KERNEL) - 1, UEVENT_GROUP_KERNEL, &event), 0);
        assert_int_equal(event.action, UEVENT_ADD);
        assert_string_equal(uevent_devpath(&event), "/devices/x");
        assert_string_equal(uevent_subsystem(&event), "usb");
        assert_string_equal(property_list_get(&event.properties, "SEQNUM"), "7");
}

#define CASE(text, result) \
        { text, sizeof(text) - 1, result }

static void test_decode_kernel_table(void **state) {
        static const struct {
                const char *data;
                size_t size;
                int result;
        } cases[] = {
                CASE(KERNEL, 0),
                CASE("", -EBADMSG),
                CASE("\0", -EBADMSG),
                CASE("add@/devices/x", -EBADMSG),
                CASE("add@/devices/x\0", -EBADMSG),
                CASE("add/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb", -EBADMSG),
                CASE("add@/x\0ACTION=add\0DEVPATH=/x\0", -EBADMSG),
                CASE("add@/x\0ACTION=add\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/x\0DEVPATH=/x\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=\0", -EBADMSG),
                CASE("add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb\0\0", -EBADMSG),
                CASE("add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb\0=v\0", -EBADMSG),
                CASE("add@x\0ACTION=add\0DEVPATH=x\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/..\0ACTION=add\0DEVPATH=/..\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/a/../b\0ACTION=add\0DEVPATH=/a/../b\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/a/..\0ACTION=add\0DEVPATH=/a/..\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/a/..b\0ACTION=add\0DEVPATH=/a/..b\0SUBSYSTEM=usb\0", 0),
                CASE("add@/x\0ACTION=add\0DEVPATH=/y\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("add@/x\0ACTION=remove\0DEVPATH=/x\0SUBSYSTEM=usb\0", -EBADMSG),
                CASE("explode@/x\0ACTION=explode\0DEVPATH=/x\0SUBSYSTEM=usb\0", -EOPNOTSUPP),
                CASE("libudev\0\xfe\xed\xca\xfe", -EBADMSG),
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
                /* On the heap in its true size, for the tools that watch reads. */
                _cleanup_free_ char *data = malloc(cases[i].size ?: 1);

                assert_non_null(data);
                memcpy(data, cases[i].data, cases[i].size);
                print_message("case %zu\n", i);
                assert_int_equal(uevent_decode(data, cases[i].size, UEVENT_GROUP_KERNEL, &event),
                                 cases[i].result);
                if (cases[i].result < 0) {
                        assert_int_equal(event.action, UEVENT_ACTION_INVALID);
                        assert_int_equal(event.properties.size, 0);
                }
        }
}

static void test_decode_too_big(void **state) {
        _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
        _cleanup_free_ char *data = calloc(1, UEVENT_MESSAGE_MAX + 1);

        assert_non_null(data);
        assert_int_equal(uevent_decode(data, UEVENT_MESSAGE_MAX + 1, UEVENT_GROUP_KERNEL, &event), -E2BIG);
        assert_int_equal(uevent_decode(data, UEVENT_MESSAGE_MAX + 1, UEVENT_GROUP_UDEV, &event), -E2BIG);
}

static Uevent phone(void) {
        return EVENT(UEVENT_BIND, "DEVPATH=/devices/usb3/3-1", "SUBSYSTEM=usb",
                     "DEVNAME=/dev/bus/usb/003/002", "DEVTYPE=usb_device", "PRODUCT=18d1/4ee7/540",
                     "MAJOR=189", "MINOR=257", "ID_SERIAL_SHORT=PIXEL1", "DEVLINKS=/dev/a /dev/b",
                     "TAGS=:seat:", "CURRENT_TAGS=:seat:", "USEC_INITIALIZED=1", "SYSTEMD_WANTS=x",
                     "INTERFACE_OLD=eth0");
}

static uint32_t word(const char *message, size_t offset) {
        uint32_t value;

        memcpy(&value, message + offset, sizeof(value));
        return value;
}

static void test_encode_kernel(void **state) {
        static const char expected[] = "add@/devices/usb3/3-1\0ACTION=add\0DEVPATH=/devices/usb3/3-1\0"
                                       "SUBSYSTEM=usb\0DEVNAME=bus/usb/003/002\0DEVTYPE=usb_device\0"
                                       "PRODUCT=18d1/4ee7/540\0MAJOR=189\0MINOR=257";
        _cleanup_(uevent_deinit) Uevent event = phone();
        char buffer[1024];

        assert_int_equal(
                uevent_encode(UEVENT_ADD, &event.properties, UEVENT_GROUP_KERNEL, buffer, sizeof(buffer)),
                sizeof(expected));
        assert_memory_equal(buffer, expected, sizeof(expected));
}

/* The hashes are those that libudev's own filter program compares with. */
static void test_encode_udev(void **state) {
        static const char expected[] =
                "ACTION=add\0DEVPATH=/devices/usb3/3-1\0SUBSYSTEM=usb\0DEVNAME=/dev/bus/usb/003/002\0"
                "DEVTYPE=usb_device\0PRODUCT=18d1/4ee7/540\0MAJOR=189\0MINOR=257\0ID_SERIAL_SHORT=PIXEL1\0"
                "DEVLINKS=/dev/a "
                "/dev/b\0TAGS=:seat:\0CURRENT_TAGS=:seat:\0USEC_INITIALIZED=1\0SYSTEMD_WANTS=x\0"
                "INTERFACE_OLD=eth0\0SEQNUM=1";
        _cleanup_(uevent_deinit) Uevent event = phone();
        char buffer[1024];

        assert_int_equal(
                uevent_encode(UEVENT_ADD, &event.properties, UEVENT_GROUP_UDEV, buffer, sizeof(buffer)),
                UDEV_HEADER_SIZE + sizeof(expected));
        assert_memory_equal(buffer, "libudev", 8);
        assert_int_equal(be32toh(word(buffer, 8)), 0xfeedcafe);
        assert_int_equal(word(buffer, 12), UDEV_HEADER_SIZE);
        assert_int_equal(word(buffer, 16), UDEV_HEADER_SIZE);
        assert_int_equal(word(buffer, 20), sizeof(expected));
        assert_int_equal(be32toh(word(buffer, 24)), 0x0577c5e5); /* usb */
        assert_int_equal(be32toh(word(buffer, 28)), 0x27f8f50c); /* usb_device */
        assert_int_equal(be32toh(word(buffer, 32)), 0x02080000); /* seat */
        assert_int_equal(be32toh(word(buffer, 36)), 0x00400001);
        assert_memory_equal(buffer + UDEV_HEADER_SIZE, expected, sizeof(expected));
}

static void test_encode_sizes(void **state) {
        _cleanup_(uevent_deinit) Uevent event = phone();
        const UeventGroup groups[] = {UEVENT_GROUP_KERNEL, UEVENT_GROUP_UDEV};
        char whole[1024];

        for (size_t g = 0; g < ELEMENTSOF(groups); g++) {
                int n = uevent_encode(UEVENT_ADD, &event.properties, groups[g], whole, sizeof(whole));

                assert_true(n > 0);
                for (int size = 0; size <= n; size++) {
                        _cleanup_free_ char *buffer = malloc((size_t)size ?: 1);

                        assert_non_null(buffer);
                        assert_int_equal(
                                uevent_encode(UEVENT_ADD, &event.properties, groups[g], buffer, (size_t)size),
                                size == n ? n : -ENOBUFS);
                }
        }
}

static void test_encode_incomplete(void **state) {
        _cleanup_(uevent_deinit) Uevent no_subsystem = EVENT(UEVENT_ADD, "DEVPATH=/x");
        _cleanup_(uevent_deinit) Uevent no_devpath = EVENT(UEVENT_ADD, "SUBSYSTEM=usb");
        char buffer[256];

        assert_int_equal(uevent_encode(UEVENT_ADD, &no_subsystem.properties, UEVENT_GROUP_KERNEL, buffer,
                                       sizeof(buffer)),
                         -EINVAL);
        assert_int_equal(
                uevent_encode(UEVENT_ADD, &no_devpath.properties, UEVENT_GROUP_UDEV, buffer, sizeof(buffer)),
                -EINVAL);
}

/* What the kernel names below /dev has the whole path in udev's form. */
static void test_encode_devname(void **state) {
        _cleanup_(uevent_deinit) Uevent event =
                EVENT(UEVENT_ADD, "DEVPATH=/x", "SUBSYSTEM=tty", "DEVNAME=ttyUSB0");
        _cleanup_(uevent_deinit) Uevent back = UEVENT_NULL;
        char buffer[256];
        int n;

        n = uevent_encode(UEVENT_ADD, &event.properties, UEVENT_GROUP_UDEV, buffer, sizeof(buffer));
        assert_true(n > 0);
        assert_int_equal(uevent_decode(buffer, (size_t)n, UEVENT_GROUP_UDEV, &back), 0);
        assert_string_equal(property_list_get(&back.properties, "DEVNAME"), "/dev/ttyUSB0");
}

static void test_round_trip(void **state) {
        const UeventGroup groups[] = {UEVENT_GROUP_KERNEL, UEVENT_GROUP_UDEV};

        for (size_t g = 0; g < ELEMENTSOF(groups); g++)
                for (UeventAction action = 0; action < UEVENT_ACTION_MAX; action++) {
                        _cleanup_(uevent_deinit) Uevent event = phone(), back = UEVENT_NULL;
                        char buffer[1024];
                        int n;

                        n = uevent_encode(action, &event.properties, groups[g], buffer, sizeof(buffer));
                        assert_true(n > 0);
                        assert_int_equal(uevent_decode(buffer, (size_t)n, groups[g], &back), 0);
                        assert_int_equal(back.action, action);
                        assert_string_equal(uevent_devpath(&back), uevent_devpath(&event));
                        assert_string_equal(property_list_get(&back.properties, "MINOR"), "257");
                        /* Neither is taken for the other. */
                        assert_int_not_equal(uevent_decode(buffer, (size_t)n, groups[!g], &(Uevent){}), 0);
                }
}

static void test_decode_udev_header(void **state) {
        static const struct {
                size_t offset;
                uint32_t value;
                int result;
        } cases[] = {
                {0, 0, -EBADMSG},    /* prefix */
                {8, 0, -EOPNOTSUPP}, /* magic */
                {12, 48, 0},         /* a longer header is none of our business */
                {16, 0, -EBADMSG},   /* properties inside the header */
                {16, 39, -EBADMSG},
                {16, UINT32_MAX, -EBADMSG}, /* behind the end */
                {20, UINT32_MAX, -EBADMSG},
                {20, 0, -EBADMSG},  /* nothing in them */
                {20, 11, -EBADMSG}, /* ACTION alone */
                {20, 12, -EBADMSG}, /* cut in an entry */
        };
        _cleanup_(uevent_deinit) Uevent event = phone();
        char good[1024];
        int n;

        n = uevent_encode(UEVENT_ADD, &event.properties, UEVENT_GROUP_UDEV, good, sizeof(good));
        assert_true(n > 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(uevent_deinit) Uevent back = UEVENT_NULL;
                _cleanup_free_ char *message = malloc((size_t)n);

                assert_non_null(message);
                memcpy(message, good, (size_t)n);
                memcpy(message + cases[i].offset, &cases[i].value, sizeof(cases[i].value));
                print_message("case %zu\n", i);
                assert_int_equal(uevent_decode(message, (size_t)n, UEVENT_GROUP_UDEV, &back),
                                 cases[i].result);
        }
        /* Every prefix is refused, and no byte behind it read. */
        for (int size = 0; size < n; size++) {
                _cleanup_(uevent_deinit) Uevent back = UEVENT_NULL;
                _cleanup_free_ char *message = malloc((size_t)size ?: 1);

                assert_non_null(message);
                memcpy(message, good, (size_t)size);
                assert_int_equal(uevent_decode(message, (size_t)size, UEVENT_GROUP_UDEV, &back), -EBADMSG);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_action_names),        cmocka_unit_test(test_decode_kernel),
                cmocka_unit_test(test_decode_kernel_table), cmocka_unit_test(test_decode_too_big),
                cmocka_unit_test(test_encode_kernel),       cmocka_unit_test(test_encode_udev),
                cmocka_unit_test(test_encode_sizes),        cmocka_unit_test(test_encode_incomplete),
                cmocka_unit_test(test_encode_devname),      cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_decode_udev_header),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
