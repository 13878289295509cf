/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

typedef struct Folder {
        char path[64];
        int fd;
} Folder;

static int setup(void **state) {
        Folder *folder = calloc(1, sizeof(*folder));

        if (!folder)
                return -1;
        strcpy(folder->path, "/tmp/davit-test-fd-XXXXXX");
        if (!mkdtemp(folder->path))
                return -1;
        folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = folder;
        return folder->fd < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static int teardown(void **state) {
        Folder *folder = *state;
        int r;

        close(folder->fd);
        r = nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(folder);
        return r;
}

static void check_file(Folder *folder, const char *name, const char *expected) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        assert_int_equal(fd_read_file(folder->fd, name, 4096, &data, &size), 0);
        assert_string_equal(data, expected);
        assert_int_equal(size, strlen(expected));
}

static unsigned int count_entries(Folder *folder) {
        struct dirent **names;
        int n = scandir(folder->path, &names, NULL, NULL);

        assert_true(n >= 2);
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
        return (unsigned int)n - 2;
}

static void test_close(void **state) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        errno = ENOTTY;
        assert_int_equal(safe_close(fd), -EBADF);
        assert_int_equal(errno, ENOTTY);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        errno = ENOTTY;
        assert_int_equal(safe_close(-EBADF), -EBADF);
        assert_int_equal(errno, ENOTTY);
}

static void test_read(void **state) {
        static const size_t sizes[] = {0, 1, 510, 511, 512, 513, 1023, 1024, 5000};
        Folder *folder = *state;

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_free_ char *data = NULL, *text = calloc(1, sizes[i] + 1), *none = NULL;
                size_t size = 99;

                assert_non_null(text);
                memset(text, 'x', sizes[i]);
                assert_int_equal(fd_write_file(folder->fd, "f", text, sizes[i], 0600), 0);
                assert_int_equal(fd_read_file(folder->fd, "f", sizes[i], &data, &size), 0);
                assert_int_equal(size, sizes[i]);
                assert_string_equal(data, text);
                if (sizes[i] > 0) {
                        assert_int_equal(fd_read_file(folder->fd, "f", sizes[i] - 1, &none, &size), -EFBIG);
                        assert_null(none);
                }
        }
}

static void test_read_special(void **state) {
        _cleanup_free_ char *data = NULL, *none = NULL;
        Folder *folder = *state;

        assert_int_equal(fd_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &data, NULL), 0);
        assert_true(strlen(data) > 0);
        assert_int_equal(fd_read_file(folder->fd, "missing", 10, &none, NULL), -ENOENT);
        assert_int_equal(fd_read_file(AT_FDCWD, folder->path, 10, &none, NULL), -EISDIR);
        assert_int_equal(fd_read_file(AT_FDCWD, "/dev/zero", 4096, &none, NULL), -EFBIG);
        assert_null(none);
}

static void test_write(void **state) {
        Folder *folder = *state;
        char path[128];
        struct stat st;
        mode_t old;

        assert_int_equal(fd_write_file(folder->fd, "f", "one", 3, 0600), 0);
        check_file(folder, "f", "one");

        /* The mode is what was asked for, whatever the umask. */
        old = umask(0777);
        assert_int_equal(fd_write_file(folder->fd, "f", "three", 5, 0644), 0);
        umask(old);
        check_file(folder, "f", "three");
        assert_int_equal(fstatat(folder->fd, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode & 07777, 0644);

        /* A path with folders, and an absolute one. */
        assert_int_equal(mkdirat(folder->fd, "d", 0755), 0);
        assert_int_equal(fd_write_file(folder->fd, "d/f", "two", 3, 0600), 0);
        check_file(folder, "d/f", "two");
        snprintf(path, sizeof(path), "%s/g", folder->path);
        assert_int_equal(fd_write_file(AT_FDCWD, path, "", 0, 0600), 0);
        check_file(folder, "g", "");
        assert_int_equal(count_entries(folder), 3);
}

/* A reader has the old file or the new one; a symlink is replaced, not followed. */
static void test_write_replaces(void **state) {
        _cleanup_close_ int fd = -EBADF;
        Folder *folder = *state;
        char text[4] = "";

        assert_int_equal(fd_write_file(folder->fd, "old", "old", 3, 0600), 0);
        fd = openat(folder->fd, "old", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_file(folder->fd, "old", "new", 3, 0600), 0);
        assert_int_equal(read(fd, text, 3), 3);
        assert_string_equal(text, "old");

        assert_int_equal(symlinkat("old", folder->fd, "link"), 0);
        assert_int_equal(fd_write_file(folder->fd, "link", "own", 3, 0600), 0);
        check_file(folder, "old", "new");
        check_file(folder, "link", "own");
}

static void test_write_fails(void **state) {
        Folder *folder = *state;

        assert_int_equal(fd_write_file(folder->fd, "missing/f", "x", 1, 0600), -ENOENT);
        /* The rename fails: nothing is left beside. */
        assert_int_equal(mkdirat(folder->fd, "d", 0755), 0);
        assert_int_equal(fd_write_file(folder->fd, "d", "x", 1, 0600), -EISDIR);
        assert_int_equal(count_entries(folder), 1);
}

static void test_write_string(void **state) {
        Folder *folder = *state;

        assert_int_equal(fd_write_string(folder->fd, "f", "x"), -ENOENT);
        assert_int_equal(count_entries(folder), 0);
        assert_int_equal(fd_write_file(folder->fd, "f", "abc", 3, 0600), 0);
        assert_int_equal(fd_write_string(folder->fd, "f", "x"), 0);
        check_file(folder, "f", "xbc");
        assert_int_equal(fd_write_string(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
}

static void test_mkdir_parents(void **state) {
        Folder *folder = *state;
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/a/b/c", folder->path);
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        snprintf(path, sizeof(path), "%s/a//d/", folder->path);
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);

        assert_int_equal(fd_write_file(folder->fd, "f", "", 0, 0600), 0);
        snprintf(path, sizeof(path), "%s/f", folder->path);
        assert_int_equal(fd_mkdir_parents(path, 0755), -ENOTDIR);
        snprintf(path, sizeof(path), "%s/f/g", folder->path);
        assert_int_equal(fd_mkdir_parents(path, 0755), -ENOTDIR);
        assert_int_equal(fd_mkdir_parents("", 0755), -EINVAL);
        assert_int_equal(fd_mkdir_parents("/", 0755), 0);
}

static void test_open_dir(void **state) {
        Folder *folder = *state;
        int fd;

        assert_int_equal(mkdirat(folder->fd, "d", 0755), 0);
        assert_int_equal(symlinkat("d", folder->fd, "link"), 0);
        assert_int_equal(fd_write_file(folder->fd, "f", "", 0, 0600), 0);

        fd = fd_open_dir(folder->fd, "d");
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_true(fcntl(fd, F_GETFL) & O_PATH);
        close(fd);
        assert_int_equal(fd_open_dir(folder->fd, "link"), -ENOTDIR);
        assert_int_equal(fd_open_dir(folder->fd, "f"), -ENOTDIR);
        assert_int_equal(fd_open_dir(folder->fd, "missing"), -ENOENT);
}

static void test_open_locked(_unused_ void **state) {
        char path[] = "/tmp/davit-test-locked.XXXXXX";
        _cleanup_close_ int first = -EBADF, second = -EBADF;

        close(mkstemp(path));
        first = fd_open_locked(path, O_RDWR, 0);
        assert_true(first >= 0);
        assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(fd_open_locked(path, O_RDWR, 0), -EBUSY);
        /* One that was removed with its lock held is no lock any more. */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(fd_open_locked(path, O_RDWR, 0), -EAGAIN);
        second = fd_open_locked(path, O_RDWR | O_CREAT, 0600);
        assert_true(second >= 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        assert_int_equal(fd_open_locked(path, O_RDONLY, 0), -ELOOP);
        assert_int_equal(unlink(path), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
                TEST(test_close),          TEST(test_read),
                TEST(test_read_special),   TEST(test_write),
                TEST(test_write_replaces), TEST(test_write_fails),
                TEST(test_write_string),   TEST(test_mkdir_parents),
                TEST(test_open_dir),       cmocka_unit_test(test_open_locked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
