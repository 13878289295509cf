/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The attribute reader, on a device of umockdev's and on the machine's own /sys. */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/sysfs.h"
#include "support/mock-phone.h"
#include "util/string.h"

#define PHONE "/devices/platform/vhci_hcd.0/usb3/3-1"

static int read_attribute(const char *devpath, const char *name, char *buffer, size_t size) {
        return sysfs_reader.read(sysfs_reader.userdata, devpath, name, buffer, size);
}

/* Writes a file of the test bed past umockdev. */
static void put(const char *name, const char *data, size_t size) {
        char path[512];
        FILE *f;

        snprintf(path, sizeof(path), "%s/sys" PHONE "/%s", getenv("UMOCKDEV_DIR"), name);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(data, 1, size, f), size);
        fclose(f);
}

static void test_table(void **state) {
        static const struct {
                const char *devpath, *name;
                int error;
                const char *text;
        } table[] = {
                {PHONE, "serial", 0, "PIXEL1"},
                {PHONE, "product", 0, "Pixel 6"},
                {PHONE, "power/control", 0, "auto"},
                {PHONE, "two-lines", 0, "a\nb"},
                {PHONE, "empty", 0, ""},
                {PHONE, "fits", 0, "123456789012345"},
                {PHONE, "fits-bare", 0, "123456789012345"},
                {PHONE, "too-long", -ENOBUFS, NULL},
                {PHONE, "much-too-long", -ENOBUFS, NULL},
                {PHONE, "binary", -ENOENT, NULL},
                {PHONE, "none", -ENOENT, NULL},
                {PHONE, "power", -ENOENT, NULL},
                {PHONE, "subsystem/uevent", -ENOENT, NULL},
                {PHONE, "link", -ENOENT, NULL},
                {PHONE, "../3-1/serial", -ENOENT, NULL},
                {PHONE, "power/../serial", -ENOENT, NULL},
                {PHONE, "./serial", -ENOENT, NULL},
                {PHONE, "/etc/passwd", -ENOENT, NULL},
                {PHONE, "power//control", -ENOENT, NULL},
                {PHONE, "serial/", -ENOENT, NULL},
                {PHONE, "", -ENOENT, NULL},
                {PHONE, "..", -ENOENT, NULL},
                {"/devices/../devices/platform/vhci_hcd.0/usb3/3-1", "serial", -ENOENT, NULL},
                {"/../etc", "passwd", -ENOENT, NULL},
                {"devices/platform/vhci_hcd.0/usb3/3-1", "serial", -ENOENT, NULL},
                {"", "serial", -ENOENT, NULL},
                {"/", "serial", -ENOENT, NULL},
        };
        MockHost *host = NULL;
        char path[512], longest[5000];

        (void)state;
        if (mock_host_new(&host) < 0) {
                puts("SKIP: needs umockdev and a mount namespace");
                skip();
        }
        mock_phone_plug(host, &mock_phone_adb);
        snprintf(path, sizeof(path), "%s/sys" PHONE "/power", getenv("UMOCKDEV_DIR"));
        assert_int_equal(mkdir(path, 0755), 0);
        put("power/control", "auto\n", 5);
        put("two-lines", "a\nb\n", 4);
        put("empty", "", 0);
        put("fits", "123456789012345\n", 16);
        put("fits-bare", "123456789012345", 15);
        put("too-long", "1234567890123456", 16);
        memset(longest, 'x', sizeof(longest));
        put("much-too-long", longest, sizeof(longest));
        put("binary", "a\0b", 3);
        snprintf(path, sizeof(path), "%s/sys" PHONE "/link", getenv("UMOCKDEV_DIR"));
        assert_int_equal(symlink("serial", path), 0);

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char buffer[16] = "untouched";
                int r = read_attribute(table[i].devpath, table[i].name, buffer, sizeof(buffer));

                if (r != table[i].error)
                        fail_msg("%s %s: %d, not %d", table[i].devpath, table[i].name, r, table[i].error);
                assert_string_equal(buffer, table[i].text ?: "untouched");
        }
        memset(longest, '/', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(read_attribute(longest, "serial", path, sizeof(path)), -ENOENT);
        memset(longest + 1, 'x', sizeof(longest) - 2);
        assert_int_equal(read_attribute(longest, "serial", path, sizeof(path)), -ENOENT);
        assert_int_equal(read_attribute(PHONE, longest + 1, path, sizeof(path)), -ENOENT);
        mock_host_free(host);
}

static void test_real(void **state) {
        char buffer[64];

        (void)state;
        assert_int_equal(read_attribute("/devices/virtual/net/lo", "address", buffer, sizeof(buffer)), 0);
        assert_string_equal(buffer, "00:00:00:00:00:00");
        assert_int_equal(
                read_attribute("/devices/virtual/net/lo", "subsystem/lo/address", buffer, sizeof(buffer)),
                -ENOENT);
}

int main(_unused_ int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_real),
                cmocka_unit_test(test_table),
        };

        mock_host_preload(argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
