/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The udev database of a container, with the live /dev that it is a part of. Wants root. */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inject/live-dev-fixture.h"

static const Item entry = {
        .kind = ITEM_DATA,
        .device = "usb-3-1.2",
        .path = "c188:0",
        .text = "S:serial/by-id/x\nE:ID_SERIAL=x\nG:seat\nG:mine\nQ:seat\nV:1\n",
};

static const Item other = {
        .kind = ITEM_DATA,
        .device = "usb-3-1.3",
        .path = "+usb:3-1.3:1.0",
        .text = "G:seat\nV:1\n",
};

static void put(Fixture *fixture, const char *path, const char *text) {
        FILE *f = fopen(at(fixture, path), "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void assert_content(const Fixture *fixture, const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(fd_read_file(AT_FDCWD, at(fixture, path), 4096, &text, NULL), 0);
        assert_string_equal(text, expected);
}

static unsigned int count(const Fixture *fixture, const char *path) {
        return count_entries(at(fixture, path));
}

static void test_made(void **state) {
        Fixture *fixture = need_root(state);

        assert_stat(fixture, "udev", 0, 0, S_IFDIR | 0755);
        assert_stat(fixture, "udev/data", 0, 0, S_IFDIR | 0755);
        assert_stat(fixture, "udev/tags", 0, 0, S_IFDIR | 0755);
        assert_stat(fixture, "udev/control", 0, 0, S_IFREG | 0444);
        assert_present(fixture, "");
}

static void test_add_and_remove(void **state) {
        Fixture *fixture = need_root(state);

        assert_int_equal(live_dev_add(fixture->live, &entry), 0);
        assert_int_equal(live_dev_add(fixture->live, &other), 0);
        assert_stat(fixture, "udev/data/c188:0", 0, 0, S_IFREG | 0644);
        assert_stat(fixture, "udev/tags/seat", 0, 0, S_IFDIR | 0755);
        assert_stat(fixture, "udev/tags/seat/c188:0", 0, 0, S_IFREG | 0644);
        assert_content(fixture, "udev/data/c188:0", entry.text);
        assert_true(exists(fixture, "udev/tags/mine/c188:0"));
        assert_true(exists(fixture, "udev/tags/seat/+usb:3-1.3:1.0"));
        assert_present(fixture,
                       "data usb-3-1.3 +usb:3-1.3:1.0 G:seat V:1\n"
                       "data usb-3-1.2 c188:0 S:serial/by-id/x E:ID_SERIAL=x G:seat G:mine Q:seat V:1\n");

        assert_int_equal(live_dev_remove(fixture->live, &entry), 0);
        assert_int_equal(live_dev_remove(fixture->live, &entry), 0);
        assert_false(exists(fixture, "udev/data/c188:0"));
        assert_false(exists(fixture, "udev/tags/mine/c188:0"));
        assert_true(exists(fixture, "udev/tags/seat/+usb:3-1.3:1.0"));
        assert_int_equal(live_dev_remove(fixture->live, &other), 0);
        assert_int_equal(count(fixture, "udev/data"), 2);
        assert_int_equal(count(fixture, "udev/tags/seat"), 2);
}

/* A reader that has the old entry open reads that to its end. */
static void test_replaced_as_a_whole(void **state) {
        Fixture *fixture = need_root(state);
        char text[256] = "";
        Item again = entry;
        int fd;

        assert_int_equal(live_dev_add(fixture->live, &entry), 0);
        fd = open(at(fixture, "udev/data/c188:0"), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        again.text = "G:seat\nG:new\nV:1\n";
        assert_int_equal(live_dev_add(fixture->live, &again), 0);
        assert_int_equal(read(fd, text, sizeof(text) - 1), strlen(entry.text));
        assert_string_equal(text, entry.text);
        close(fd);
        assert_content(fixture, "udev/data/c188:0", again.text);
        /* Tags come and go with it. */
        assert_true(exists(fixture, "udev/tags/seat/c188:0"));
        assert_true(exists(fixture, "udev/tags/new/c188:0"));
        assert_false(exists(fixture, "udev/tags/mine/c188:0"));
        assert_present(fixture, "data usb-3-1.2 c188:0 G:seat G:new V:1\n");
}

static void test_what_an_interruption_left(void **state) {
        Fixture *fixture = need_root(state);

        assert_int_equal(live_dev_add(fixture->live, &entry), 0);
        assert_int_equal(live_dev_add(fixture->live, &other), 0);

        /* before the entry had its name */
        put(fixture, "udev/data/.new", "E:ID_SERIAL=half");
        assert_int_equal(live_dev_add(fixture->live, &other), 0);
        assert_content(fixture, "udev/data/+usb:3-1.3:1.0", other.text);
        put(fixture, "udev/data/c1:1", "E:ID_SERIAL=half");
        assert_int_equal(chmod(at(fixture, "udev/data/c1:1"), 0), 0);
        put(fixture, "udev/data/c1:2", "E:ID_SERIAL=nobody's");
        /* between tags and entry */
        assert_int_equal(unlink(at(fixture, "udev/tags/mine/c188:0")), 0);
        assert_present(fixture, "data usb-3-1.3 +usb:3-1.3:1.0 G:seat V:1\n");
        assert_int_equal(count(fixture, "udev/data"), 3);
        assert_false(exists(fixture, "udev/tags/seat/c188:0"));
        /* tags of nothing */
        assert_int_equal(unlink(at(fixture, "udev/data/+usb:3-1.3:1.0")), 0);
        assert_present(fixture, "");
        assert_int_equal(count(fixture, "udev/tags/seat"), 2);
        assert_int_equal(count(fixture, "udev/tags/mine"), 2);
}

static int fill_up(const char *path) {
        char block[4096] = {};
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), r;

        if (fd < 0)
                return errno;
        while (write(fd, block, sizeof(block)) > 0)
                ;
        r = errno;
        close(fd);
        return r;
}

static void test_out_of_space(void **state) {
        Fixture *fixture = need_root(state);

        assert_int_equal(fill_up(at(fixture, "dev/junk")), ENOSPC);
        assert_int_equal(live_dev_add(fixture->live, &entry), -ENOSPC);
        assert_int_equal(count(fixture, "udev/data"), 2);
        assert_int_equal(count(fixture, "udev/tags"), 2);
        /* a node needs no space but its inode */
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(unlink(at(fixture, "dev/junk")), 0);
        assert_int_equal(live_dev_add(fixture->live, &entry), 0);
}

static int write_to(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static int remove_it(const char *path) {
        return unlink(path) < 0 ? errno : 0;
}

static void test_inside_reads_only(void **state) {
        Fixture *fixture = need_root(state);
        char text[PATH_MAX];

        assert_int_equal(live_dev_add(fixture->live, &entry), 0);
        need_inside(fixture);
        snprintf(text, sizeof(text), "%s", at(fixture, "udev/data/c188:0"));
        assert_int_equal(inside_call(&fixture->inside, write_to, text), EACCES);
        assert_int_equal(inside_call(&fixture->inside, remove_it, text), EACCES);
        snprintf(text, sizeof(text), "%s", at(fixture, "udev/data/mine"));
        assert_int_equal(inside_call(&fixture->inside, write_to, text), EACCES);
        snprintf(text, sizeof(text), "%s", at(fixture, "udev/control"));
        assert_int_equal(inside_call(&fixture->inside, remove_it, text), EACCES);
}

/* A container with a udevd of its own. */
static void test_without(void **state) {
        Fixture *fixture = need_root(state);

        live_dev_close(fixture->live);
        fixture->live = NULL;
        assert_int_equal(live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ false),
                         0);
        assert_int_equal(live_dev_open(fixture->runtime, NAME, &fixture->live), 0);
        assert_false(exists(fixture, "udev"));
        assert_int_equal(live_dev_add(fixture->live, &entry), 0);
        assert_int_equal(live_dev_remove(fixture->live, &entry), 0);
        assert_present(fixture, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                live_test(test_made),
                live_test(test_add_and_remove),
                live_test(test_replaced_as_a_whole),
                live_test(test_what_an_interruption_left),
                live_test(test_out_of_space),
                live_test(test_inside_reads_only),
                live_test(test_without),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
