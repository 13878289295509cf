/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which disks the host uses: by files as the kernel writes them (fs/proc_namespace.c, mm/swapfile.c, and the
 * folders of sysfs), good and bad, and by the kernel's own word when something is mounted for real.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source/disks.h"
#include "util/fd.h"
#include "util/string.h"

typedef struct Fixture {
        char top[64], proc[80], sys[80];
        Disks *disks;
} Fixture;

static void put(const Fixture *f, const char *path, const char *text) {
        _cleanup_free_ char *whole = NULL, *folder = NULL;

        assert_true(asprintf(&whole, "%s/%s", f->top, path) > 0);
        folder = strdup(whole);
        assert_non_null(folder);
        *strrchr(folder, '/') = '\0';
        assert_int_equal(fd_mkdir_parents(folder, 0755), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, whole, text, strlen(text), 0644), 0);
}

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = f;
        strcpy(f->top, "/tmp/davit-test-disks.XXXXXX");
        assert_non_null(mkdtemp(f->top));
        snprintf(f->proc, sizeof(f->proc), "%s/proc", f->top);
        snprintf(f->sys, sizeof(f->sys), "%s/sys", f->top);
        put(f, "proc/self/mountinfo", "");
        assert_int_equal(disks_new(f->proc, f->sys, &f->disks), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        disks_free(f->disks);
        assert_int_equal(nftw(f->top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(f);
        return 0;
}

static void assert_use(const Fixture *f, unsigned int major_number, unsigned int minor_number,
                       const char *expected) {
        const char *use = disks_use(f->disks, makedev(major_number, minor_number));

        if (!streq_ptr(use, expected))
                fail_msg("%u:%u is %s", major_number, minor_number, use ?: "not used");
}

static void test_mounts(void **state) {
        Fixture *f = *state;

        assert_int_equal(disks_read(f->disks), 0);
        assert_use(f, 8, 2, NULL);
        put(f, "proc/self/mountinfo",
            "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
            "23 22 0:21 / /proc rw,nosuid shared:5 master:2 - proc proc rw\n"
            "24 22 259:0 / /mnt/a\\040-\\040b rw - vfat /dev/nvme0n1 rw\n");
        assert_int_equal(disks_read(f->disks), 0);
        assert_use(f, 8, 2, "mount");
        assert_use(f, 8, 20, NULL);
        assert_use(f, 8, 0, NULL);
        assert_use(f, 259, 0, "mount"); /* minor 0 is a number like any other */
        assert_use(f, 0, 21, NULL);

        put(f, "proc/self/mountinfo", "");
        assert_int_equal(disks_read(f->disks), 0);
        assert_use(f, 8, 2, NULL);
}

static void test_holders_and_members(void **state) {
        Fixture *f = *state;

        put(f, "sys/dev/block/8:3/holders/dm-0", "");
        put(f, "sys/dev/block/8:4/size", "2048\n");
        put(f, "sys/fs/btrfs/features/raid56", "1\n");
        put(f, "sys/fs/btrfs/6a7c3c61/devices/sdb/dev", "8:16\n");
        put(f, "sys/fs/btrfs/6a7c3c61/devices/sdc/dev", "8:32\n");
        put(f, "sys/fs/btrfs/6a7c3c61/devices/sdd/dev", "nonsense\n");
        assert_int_equal(disks_read(f->disks), 0);
        assert_use(f, 8, 3, "holder");
        assert_use(f, 8, 4, NULL);
        assert_use(f, 8, 16, "mount");
        assert_use(f, 8, 32, "mount");
        assert_use(f, 8, 48, NULL);
}

static void test_nonsense(void **state) {
        static const char *const texts[] = {
                "\n\n \n",
                "22",
                "22 1 8:2",
                "a b c d e f - g",
                "22 1 8:2:3 / / rw - ext4 x rw",
                "22 1 x:y / / rw - ext4 /dev/ rw",
                "22 1 8 / / rw -",
                "22 1 8:2x / / rw - \\ \\0 \\999",
                "22 1 99999999999:1 / / rw - e /dev/../etc/passwd:/dev/null::: rw",
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                put(f, "proc/self/mountinfo", texts[i]);
                assert_int_equal(disks_read(f->disks), 0);
        }
        put(f, "proc/self/mountinfo", "22 1 8:2 / / rw - ext4 x rw\n");
        assert_int_equal(disks_read(f->disks), 0);
        assert_use(f, 8, 2, "mount");
}

/* What cannot be read changes nothing: a disk in use stays one. */
static void test_unreadable(void **state) {
        char path[128];
        Fixture *f = *state;

        put(f, "proc/self/mountinfo", "22 1 8:2 / / rw - ext4 x rw\n");
        assert_int_equal(disks_read(f->disks), 0);
        snprintf(path, sizeof(path), "%s/self/mountinfo", f->proc);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(disks_read(f->disks), -ENOENT);
        assert_use(f, 8, 2, "mount");
}

/* The kernel says when something was mounted, and when no more. */
static void test_kernel_tells(_unused_ void **state) {
        _cleanup_(disks_freep) Disks *disks = NULL;
        char folder[] = "/tmp/davit-test-disks.XXXXXX";
        struct pollfd p = {.events = POLLIN};

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                print_message("SKIP: a mount namespace takes root\n");
                skip();
        }
        assert_non_null(mkdtemp(folder));
        assert_int_equal(disks_new("/proc", "/sys", &disks), 0);
        p.fd = disks_fd(disks);
        assert_int_equal(disks_read(disks), 0);
        (void)poll(&p, 1, /* timeout= */ 0);
        for (unsigned int i = 0; i < 3; i++) {
                assert_int_equal(mount("none", folder, "tmpfs", 0, NULL), 0);
                assert_int_equal(poll(&p, 1, 10000), 1);
                assert_int_equal(disks_read(disks), 0);
                assert_int_equal(umount(folder), 0);
                assert_int_equal(poll(&p, 1, 10000), 1);
                assert_int_equal(poll(&p, 1, /* timeout= */ 0), 0);
        }
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_mounts, setup, teardown),
                cmocka_unit_test_setup_teardown(test_holders_and_members, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
                cmocka_unit_test(test_kernel_tells),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
