/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the root of a container can do about its live /dev, which is nothing to anybody but itself. Wants root
 * and user namespaces.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inject/live-dev-fixture.h"

/* What the container's root does, in its dev/. */

static int do_open(const char *path) {
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static int do_unlink(const char *path) {
        return unlink(path) < 0 ? errno : 0;
}

static int do_mkdir(const char *path) {
        return mkdir(path, 0777) < 0 ? errno : 0;
}

static int do_touch(const char *path) {
        return mknod(path, S_IFREG | 0644, 0) < 0 ? errno : 0;
}

static int do_mknod(const char *path) {
        return mknod(path, S_IFCHR | 0666, NULL_NUMBER) < 0 ? errno : 0;
}

/* A folder of the host's, where nothing of ours must ever come. */
static char elsewhere[] = "/tmp/davit-elsewhere.XXXXXX";

static int do_symlink_elsewhere(const char *path) {
        return symlink(elsewhere, path) < 0 ? errno : 0;
}

/* "A>B" */
static int two_paths(const char *argument, int (*call)(const char *a, const char *b)) {
        char a[PATH_MAX], *b;

        strcpy(a, argument);
        b = strchr(a, '>');
        *b++ = '\0';
        return call(a, b) < 0 ? errno : 0;
}

static int do_rename(const char *argument) {
        return two_paths(argument, rename);
}

static int do_link(const char *argument) {
        return two_paths(argument, link);
}

static int bind_over(const char *a, const char *b) {
        return mount(a, b, "none", MS_BIND, NULL);
}

static int do_bind(const char *argument) {
        return two_paths(argument, bind_over);
}

static int do_chmod_open(const char *path) {
        return chmod(path, 0777) < 0 ? errno : 0;
}

static int do_read_label(const char *path) {
        char value[64];

        return lgetxattr(path, "trusted.davit.device", value, sizeof(value)) < 0 ? errno : 0;
}

static int kept_fd = -EBADF;

static int do_keep(const char *path) {
        kept_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return kept_fd < 0 ? errno : 0;
}

static int do_unlink_in_kept(const char *name) {
        return unlinkat(kept_fd, name, 0) < 0 ? errno : 0;
}

#define inside_does(fixture, call, argument) inside_call(&(fixture)->inside, (call), (argument))

static void test_container_uses_what_it_has(void **state) {
        Fixture *fixture = need_root(state);

        need_inside(fixture);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_open, "null"), 0);
        assert_int_equal(inside_does(fixture, do_open, usb.path), 0);
        assert_int_equal(inside_does(fixture, do_open, serial.path), 0);
        assert_int_equal(inside_does(fixture, do_touch, "log"), 0);

        assert_int_equal(inside_does(fixture, do_unlink, usb.path), EACCES);
        assert_int_equal(inside_does(fixture, do_rename, "dri/pci/003/017>mine"), EACCES);
        assert_int_equal(inside_does(fixture, do_rename, "dri/pci>usb"), EACCES);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri/pci/004"), EACCES);
        assert_int_equal(inside_does(fixture, do_mknod, "another"), EPERM);
        assert_int_equal(inside_does(fixture, do_chmod_open, "dri"), EPERM);
        assert_int_equal(inside_does(fixture, do_open, "../held/ttyUSB0"), EACCES);
        assert_int_equal(inside_does(fixture, do_read_label, serial.path), ENODATA);
}

static void test_hoarded_nodes_are_dead(void **state) {
        Fixture *fixture = need_root(state);

        need_inside(fixture);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_link, "dri/pci/003/017>hoard"), 0);
        assert_int_equal(inside_does(fixture, do_touch, "place"), 0);
        assert_int_equal(inside_does(fixture, do_bind, "ttyUSB0>place"), 0);
        assert_int_equal(inside_does(fixture, do_open, "hoard"), 0);
        assert_int_equal(inside_does(fixture, do_open, "place"), 0);

        assert_int_equal(live_dev_remove(fixture->live, &usb), 0);
        assert_int_equal(live_dev_remove(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_open, "hoard"), EACCES);
        assert_int_equal(inside_does(fixture, do_open, "place"), EACCES);
        assert_int_equal(inside_does(fixture, do_chmod_open, "hoard"), EPERM);
        assert_int_equal(inside_does(fixture, do_chmod_open, "place"), EPERM);
}

static void test_destroy_revokes(void **state) {
        Fixture *fixture = need_root(state);

        need_inside(fixture);
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(live_dev_destroy(fixture->runtime, NAME), 0);
        /* The container's own mount namespace has the file system still. */
        assert_int_equal(inside_does(fixture, do_open, "null"), 0);
        assert_int_equal(inside_does(fixture, do_open, "ttyUSB0"), EACCES);
}

static void test_symlink_in_the_way(void **state) {
        Fixture *fixture = need_root(state);
        unsigned int n = count_entries(elsewhere);

        need_inside(fixture);
        assert_int_equal(inside_does(fixture, do_symlink_elsewhere, "dri"), 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), -EEXIST);
        assert_int_equal(count_entries(elsewhere), n);
        assert_int_equal(count_entries(at(fixture, "held")), 2);
        assert_int_equal(live_dev_remove(fixture->live, &usb), 0);

        /* Put there after the node: the removal must not follow it. */
        assert_int_equal(inside_does(fixture, do_unlink, "dri"), 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(inside_does(fixture, do_rename, "dri>away"), 0);
        assert_int_equal(inside_does(fixture, do_symlink_elsewhere, "dri"), 0);
        assert_int_equal(live_dev_remove(fixture->live, &usb), 0);
        /* Our folder is known by more than its name. */
        assert_int_equal(inside_does(fixture, do_open, "away/pci/003/017"), ENOENT);
        assert_true(exists(fixture, "dev/dri"));
        assert_int_equal(count_entries(elsewhere), n);

        /* A file is no better, once what is present was looked at: until then our folder is found as it was,
         * under the name that the container gave it. */
        assert_present(fixture, "");
        assert_int_equal(inside_does(fixture, do_unlink, "dri"), 0);
        assert_int_equal(inside_does(fixture, do_touch, "dri"), 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), -EEXIST);
        assert_true(exists(fixture, "dev/dri"));
}

static void test_own_folder_is_taken_over(void **state) {
        Fixture *fixture = need_root(state);

        need_inside(fixture);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri"), 0);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri/pci"), 0);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri/pci/003"), 0);
        assert_int_equal(inside_does(fixture, do_touch, "dri/pci/mine"), 0);
        assert_int_equal(inside_does(fixture, do_keep, "dri/pci/003"), 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_stat(fixture, "dev/dri", 0, 0, S_IFDIR | 0755);
        assert_stat(fixture, "dev/dri/pci", 0, 0, S_IFDIR | 0755);
        assert_stat(fixture, "dev/dri/pci/003", 0, 0, S_IFDIR | 0755);
        assert_true(exists(fixture, "dev/dri/pci/mine"));
        assert_int_equal(inside_does(fixture, do_open, usb.path), 0);
        assert_int_equal(inside_does(fixture, do_unlink_in_kept, "017"), EACCES);
        assert_int_equal(inside_does(fixture, do_chmod_open, "dri/pci/003"), EPERM);
        assert_int_equal(live_dev_remove(fixture->live, &usb), 0);
        assert_false(exists(fixture, "dev/dri/pci/003"));
        assert_true(exists(fixture, "dev/dri/pci/mine"));
}

static void test_renamed_folder(void **state) {
        Fixture *fixture = need_root(state);

        need_inside(fixture);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(inside_does(fixture, do_rename, "dri>away"), 0);
        assert_int_equal(inside_does(fixture, do_open, "away/pci/003/017"), 0);

        /* Where its name is gone it is not present, and dead. */
        assert_present(fixture, "");
        assert_int_equal(inside_does(fixture, do_open, "away/pci/003/017"), EACCES);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(inside_does(fixture, do_open, usb.path), 0);

        /* Without a read in between. */
        assert_int_equal(inside_does(fixture, do_rename, "dri>again"), 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(inside_does(fixture, do_open, "again/pci/003/017"), ENOENT);
        assert_int_equal(inside_does(fixture, do_open, usb.path), 0);
}

static void test_name_taken(void **state) {
        Fixture *fixture = need_root(state);
        Item standard = serial;

        need_inside(fixture);
        assert_int_equal(inside_does(fixture, do_touch, "ttyUSB0"), 0);
        assert_int_equal(live_dev_add(fixture->live, &serial), -EEXIST);
        assert_int_equal(count_entries(at(fixture, "held")), 2);
        assert_stat(fixture, "dev/ttyUSB0", INSIDE_ROOT, INSIDE_ROOT, S_IFREG | 0644);

        /* Exchanged after the add: the removal leaves what is not ours, and kills what is. */
        assert_int_equal(inside_does(fixture, do_unlink, "ttyUSB0"), 0);
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_rename, "ttyUSB0>saved"), 0);
        assert_int_equal(inside_does(fixture, do_touch, "ttyUSB0"), 0);
        assert_int_equal(live_dev_remove(fixture->live, &serial), 0);
        assert_stat(fixture, "dev/ttyUSB0", INSIDE_ROOT, INSIDE_ROOT, S_IFREG | 0644);
        assert_int_equal(inside_does(fixture, do_open, "saved"), EACCES);

        /* A dead node put back is in nobody's way. */
        assert_int_equal(inside_does(fixture, do_rename, "saved>ttyUSB0"), 0);
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_open, "ttyUSB0"), 0);

        standard.path = "null";
        assert_int_equal(live_dev_add(fixture->live, &standard), -EEXIST);
        standard.path = "pts/7";
        assert_int_equal(live_dev_add(fixture->live, &standard), -EEXIST);
        standard.path = "shm/x";
        assert_int_equal(live_dev_add(fixture->live, &standard), -EEXIST);
        assert_stat(fixture, "dev/shm", 0, 0, S_IFDIR | 01777);
        assert_int_equal(inside_does(fixture, do_open, "null"), 0);
}

/* Gives the container's root all rights by name, in the access list of @path and, of a folder, in the default
 * one. */
static int do_set_acl(const char *path) {
        static const struct {
                uint32_t version;
                struct {
                        uint16_t tag, permissions;
                        uint32_t id;
                } entries[5];
        } list = {2,
                  {{0x01, 7, UINT32_MAX},
                   {0x02, 7, 0},
                   {0x04, 7, UINT32_MAX},
                   {0x10, 7, UINT32_MAX},
                   {0x20, 7, UINT32_MAX}}};
        struct stat st;

        if (setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0) < 0 || stat(path, &st) < 0)
                return errno;
        return S_ISDIR(st.st_mode) && setxattr(path, "system.posix_acl_default", &list, sizeof(list), 0) < 0
                       ? errno
                       : 0;
}

static void test_access_lists(void **state) {
        Fixture *fixture = need_root(state);
        int r;

        need_inside(fixture);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri"), 0);
        r = inside_does(fixture, do_set_acl, "dri");
        if (r == EOPNOTSUPP)
                skip_because("no access lists on a tmpfs");
        assert_int_equal(r, 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri/mine"), EACCES);
        assert_int_equal(inside_does(fixture, do_mkdir, "dri/pci/mine"), EACCES);
        assert_int_equal(inside_does(fixture, do_unlink, usb.path), EACCES);
        assert_int_equal(inside_does(fixture, do_set_acl, "dri"), EPERM);

        assert_int_equal(inside_does(fixture, do_set_acl, serial.path), 0);
        assert_int_equal(inside_does(fixture, do_link, "ttyUSB0>hoard"), 0);
        assert_int_equal(live_dev_remove(fixture->live, &serial), 0);
        assert_int_equal(inside_does(fixture, do_open, "hoard"), EACCES);
        assert_int_equal(inside_does(fixture, do_set_acl, "hoard"), EPERM);
}

/* A held name whose decoded path leads out of dev/. */
static void test_no_way_out(void **state) {
        static const char *const paths[] = {"../held/x", "dri/../../x", "/tmp/x", "dri//x"};
        Fixture *fixture = need_root(state);

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                Item item = usb;

                item.path = paths[i];
                (void)live_dev_remove(fixture->live, &item);
                assert_int_equal(count_entries(at(fixture, "held")), 2);
        }
        assert_int_equal(mknod(at(fixture, "held/\\x2e.\\x2fescape"), S_IFCHR | 0600, NULL_NUMBER), 0);
        assert_int_equal(setxattr(at(fixture, "held/\\x2e.\\x2fescape"), "trusted.davit.device", "x", 1, 0),
                         0);
        assert_int_equal(mknod(at(fixture, "escape"), S_IFREG | 0600, 0), 0);
        assert_present(fixture, "");
        assert_true(exists(fixture, "escape"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                live_test(test_container_uses_what_it_has),
                live_test(test_hoarded_nodes_are_dead),
                live_test(test_destroy_revokes),
                live_test(test_symlink_in_the_way),
                live_test(test_own_folder_is_taken_over),
                live_test(test_renamed_folder),
                live_test(test_name_taken),
                live_test(test_access_lists),
                live_test(test_no_way_out),
        };

        int failed;

        if (!mkdtemp(elsewhere)) {
                perror(elsewhere);
                return EXIT_FAILURE;
        }
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        return rmdir(elsewhere) < 0 ? EXIT_FAILURE : failed;
}
