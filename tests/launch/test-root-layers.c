/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Roots where the kernel cannot shift the owners of a squashfs, as before Linux 6.2: a copy serves. And where
 * it can shift none.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch/idmap.h"
#include "launch/root-folder.h"
#include "launch/root-layers.h"
#include "launch/tree.h"
#include "util/fd.h"
#include "util/string.h"

#define BASE        1000000
#define PATIENCE_MS 60000

int __real_idmap_mount(const char *from, const char *to, const IdSlice *slice, unsigned int attributes);
int __wrap_idmap_mount(const char *from, const char *to, const IdSlice *slice, unsigned int attributes);

/* What the kernel is said to refuse: the ends of paths, NULL nothing. */
static const char *refused;

int __wrap_idmap_mount(const char *from, const char *to, const IdSlice *slice, unsigned int attributes) {
        size_t n = strlen(from), m = refused ? strlen(refused) : 0;

        if (refused && n >= m && streq(from + n - m, refused))
                return -EOPNOTSUPP;
        return __real_idmap_mount(from, to, slice, attributes);
}

/* Not on a tmpfs, whose owners can be shifted since Linux 6.3 alone. */
static char scratch[] = "/var/tmp/davit-layers-XXXXXX";
static char *image, *folder, *states, *rootfs;
static const char *impossible;

static int group_setup(_unused_ void **state) {
        char command[1024];

        if (geteuid() != 0) {
                impossible = "not root";
                return 0;
        }
        if (!mkdtemp(scratch) || asprintf(&image, "%s/image.squashfs", scratch) < 0 ||
            asprintf(&folder, "%s/folder", scratch) < 0 || asprintf(&states, "%s/states", scratch) < 0 ||
            asprintf(&rootfs, "%s/rootfs", folder) < 0)
                return -1;
        snprintf(command, sizeof(command),
                 "set -e; cd %s; mkdir folder tree tree/etc tree/home; echo mark >tree/etc/mark; "
                 "ln tree/etc/mark tree/etc/other; ln -s mark tree/etc/link; chmod 4755 tree/etc/mark; "
                 "chown 1000:1000 tree/home; mknod tree/null c 1 3; "
                 "mksquashfs tree image.squashfs -quiet -no-progress >/dev/null",
                 scratch);
        if (system("command -v mksquashfs >/dev/null") != 0)
                impossible = "there is no mksquashfs";
        else if (system(command) != 0)
                impossible = "no image can be made";
        return 0;
}

static int group_teardown(_unused_ void **state) {
        int r = folder ? tree_remove(scratch, PATIENCE_MS) : 0;

        free(image);
        free(folder);
        free(states);
        free(rootfs);
        return r;
}

static int setup(_unused_ void **state) {
        refused = NULL;
        if (impossible) {
                print_message("SKIP: %s\n", impossible);
                skip();
        }
        return 0;
}

static int make(bool overlay, int *ret_lock, char **message) {
        const IdSlice slice = {
                .uid_base = BASE, .gid_base = BASE, .count = ID_SLICE_COUNT, .lock_fd = -EBADF};
        const ContainerRoot root = {
                .kind = CONTAINER_ROOT_SQUASHFS,
                .path = image,
                .overlay = overlay,
                .size = 1U << 20,
        };
        const RootRequest request = {
                .root = &root,
                .folder = folder,
                .state_dir = states,
                .name = "box",
                .slice = &slice,
                .cancel_fd = -EBADF,
                .progress_fd = -EBADF,
        };

        return root_layers_create(&request, ret_lock, message);
}

static void take_off(int lock_fd) {
        assert_int_equal(small_root_destroy(rootfs), 0);
        assert_int_equal(root_layers_destroy(folder), 0);
        safe_close(lock_fd);
}

static struct stat look(const char *name) {
        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, rootfs);
        struct stat st;

        assert_int_equal(fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        return st;
}

static void check_root(void) {
        struct stat mark = look("etc/mark"), other = look("etc/other"), link = look("etc/link"),
                    home = look("home"), top = look(".");
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, rootfs);

        assert_int_equal(mark.st_uid, BASE);
        assert_int_equal(mark.st_mode, S_IFREG | 04755);
        assert_int_equal(mark.st_nlink, 2);
        assert_int_equal(mark.st_ino, other.st_ino);
        assert_true(S_ISLNK(link.st_mode));
        assert_int_equal(home.st_uid, BASE + 1000);
        assert_int_equal(top.st_uid, BASE);
        assert_int_equal(fd_read_file(fd, "etc/mark", 100, &text, NULL), 0);
        assert_string_equal(text, "mark\n");
}

static void test_copy(_unused_ void **state) {
        for (int overlay = 0; overlay < 2; overlay++) {
                _cleanup_free_ char *message = NULL, *base = NULL;
                struct stat first, second;
                int lock_fd = -EBADF;

                refused = "/layers/image";
                assert_int_equal(make(overlay, &lock_fd, &message), 0);
                assert_null(message);
                check_root();
                if (!overlay) {
                        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, rootfs);

                        assert_int_equal(mkdirat(fd, "new", 0700), -1);
                        assert_int_equal(errno, EROFS);
                }
                assert_int_equal(faccessat(AT_FDCWD, states, F_OK, 0), 0);
                take_off(lock_fd);

                /* The copy is there for the next time. */
                assert_true(asprintf(&base, "%s/box/base", states) > 0);
                assert_int_equal(stat(base, &first), 0);
                assert_int_equal(make(overlay, &lock_fd, &message), 0);
                check_root();
                take_off(lock_fd);
                assert_int_equal(stat(base, &second), 0);
                assert_int_equal(first.st_ino, second.st_ino);
        }
        assert_int_equal(tree_remove(states, PATIENCE_MS), 0);
}

static void test_none(_unused_ void **state) {
        _cleanup_free_ char *message = NULL;
        int lock_fd = -EBADF;

        refused = "";
        assert_int_equal(make(false, &lock_fd, &message), -EOPNOTSUPP);
        assert_non_null(strstr(message, "ext4"));
        take_off(lock_fd);
        assert_int_equal(tree_remove(states, PATIENCE_MS), 0);
}

/* Where the kernel can, nothing is copied. */
static void test_shifted(_unused_ void **state) {
        _cleanup_free_ char *message = NULL;
        int lock_fd = -EBADF, r;

        r = make(false, &lock_fd, &message);
        assert_int_equal(r, 0);
        check_root();
        take_off(lock_fd);
        (void)tree_remove(states, PATIENCE_MS);
}

static int what_ends_us(_unused_ void *userdata) {
        int signal = 0;

        return prctl(PR_GET_PDEATHSIG, &signal) < 0 ? -errno : -signal;
}

/* Or it would mount a layer after somebody cleaned up behind a keeper that was killed. */
static void test_ends_with_us(_unused_ void **state) {
        const IdSlice slice = {.uid_base = BASE, .gid_base = BASE, .count = ID_SLICE_COUNT};

        assert_int_equal(idmap_run(&slice, what_ends_us, NULL), -SIGKILL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_copy, setup),
                cmocka_unit_test_setup(test_none, setup),
                cmocka_unit_test_setup(test_shifted, setup),
                cmocka_unit_test_setup(test_ends_with_us, setup),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
