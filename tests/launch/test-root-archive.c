/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Unpacking archives that mean well and such that do not, removing trees, and the folder of what is kept.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch/kept.h"
#include "launch/root-archive.h"
#include "launch/tree.h"
#include "util/fd.h"
#include "util/string.h"

#define DEPTH       3000
#define PATIENCE_MS 60000

typedef struct Item {
        const char *path;
        mode_t mode;
        const char *target; /* of a symlink; of a hard link where mode is 0 */
        const char *text;
        int64_t uid;
        const char *xattr;
} Item;

static char scratch[] = "/tmp/davit-archive-XXXXXX";
static char *archive_path, *folder, *outside;
static bool possible;

static int group_setup(_unused_ void **state) {
        possible = geteuid() == 0;
        signal(SIGPIPE, SIG_IGN);
        setlocale(LC_CTYPE, "C.UTF-8");
        if (!mkdtemp(scratch) || asprintf(&archive_path, "%s/archive", scratch) < 0 ||
            asprintf(&folder, "%s/folder", scratch) < 0 || asprintf(&outside, "%s/outside", scratch) < 0)
                return -1;
        return 0;
}

static int group_teardown(_unused_ void **state) {
        int r = tree_remove(scratch, PATIENCE_MS);

        free(archive_path);
        free(folder);
        free(outside);
        return r;
}

static int setup(_unused_ void **state) {
        if (!possible) {
                print_message("SKIP: not root\n");
                skip();
        }
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_int_equal(mkdir(outside, 0700), 0);
        return 0;
}

static int teardown(_unused_ void **state) {
        if (!possible)
                return 0;
        assert_int_equal(tree_remove(folder, PATIENCE_MS), 0);
        /* Whatever a case did, nothing came to be here. */
        assert_int_equal(rmdir(outside), 0);
        return 0;
}

static void write_item(struct archive *a, const Item *item) {
        struct archive_entry *entry = archive_entry_new();
        size_t n = item->text ? strlen(item->text) : 0;

        archive_entry_set_pathname(entry, item->path);
        archive_entry_set_uid(entry, item->uid);
        archive_entry_set_mtime(entry, 1000000000, 0);
        if (item->mode == 0) {
                archive_entry_set_mode(entry, S_IFREG | 0644);
                archive_entry_set_hardlink(entry, item->target);
        } else {
                archive_entry_set_mode(entry, item->mode);
                if (S_ISLNK(item->mode))
                        archive_entry_set_symlink(entry, item->target);
                if (S_ISBLK(item->mode) || S_ISCHR(item->mode))
                        archive_entry_set_rdev(entry, makedev(1, 3));
                archive_entry_set_size(entry, (la_int64_t)n);
        }
        if (item->xattr)
                archive_entry_xattr_add_entry(entry, item->xattr, "x", 1);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        if (n > 0)
                assert_int_equal(archive_write_data(a, item->text, n), n);
        archive_entry_free(entry);
}

static void write_archive(const char *filter, const Item *items, size_t n) {
        struct archive *a = archive_write_new();

        assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
        if (filter)
                assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
        assert_int_equal(archive_write_open_filename(a, archive_path), ARCHIVE_OK);
        for (size_t i = 0; i < n; i++)
                write_item(a, &items[i]);
        assert_int_equal(archive_write_close(a), ARCHIVE_OK);
        archive_write_free(a);
}

static int unpack(int cancel_fd, int progress_fd, char **message) {
        _cleanup_close_ int fd = open(archive_path, O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        return archive_unpack(fd, archive_path, folder, /* sync= */ false, cancel_fd, progress_fd, message);
}

#define UNPACK(filter, ...)                                          \
        ({                                                           \
                const Item _items[] = {__VA_ARGS__};                 \
                write_archive((filter), _items, ELEMENTSOF(_items)); \
                unpack(-EBADF, -EBADF, &message);                    \
        })

static int stat_inside(const char *name, struct stat *ret) {
        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, folder);

        return fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static void test_kinds(_unused_ void **state) {
        _cleanup_free_ char *message = NULL;
        struct stat st, other;

        assert_int_equal(UNPACK("gzip", {"./", S_IFDIR | 0711}, {"bin", S_IFDIR | 0755},
                                {"bin/su", S_IFREG | 04755, .text = "x"},
                                {"bin/other", 0, .target = "bin/su"},
                                {"bin/link", S_IFLNK | 0777, .target = "/bin/su", .uid = 7},
                                {"home", S_IFDIR | 01777, .uid = 65535}, {"pipe", S_IFIFO | 0600},
                                {"gr\xc3\xbc\xc3\x9f", S_IFREG | 0600, .text = "y", .uid = 1000},
                                {"null", S_IFCHR | 0666}, {"disk", S_IFBLK | 0666}),
                         0);
        assert_null(message);
        assert_int_equal(stat_inside(".", &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0711);
        assert_int_equal(stat_inside("bin/su", &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 04755);
        assert_int_equal(st.st_mtime, 1000000000);
        assert_int_equal(stat_inside("bin/other", &other), 0);
        assert_int_equal(st.st_ino, other.st_ino);
        assert_int_equal(stat_inside("bin/link", &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(st.st_uid, 7);
        assert_int_equal(stat_inside("home", &st), 0);
        assert_int_equal(st.st_uid, 65535);
        assert_int_equal(stat_inside("pipe", &st), 0);
        assert_int_equal(stat_inside("gr\xc3\xbc\xc3\x9f", &st), 0);
        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(stat_inside("null", &st), -ENOENT);
        assert_int_equal(stat_inside("disk", &st), -ENOENT);
}

static void test_compressions(_unused_ void **state) {
        static const char *const filters[] = {NULL, "gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "compress"};

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                _cleanup_free_ char *message = NULL, *name = NULL;
                struct stat st;

                assert_true(asprintf(&name, "file-%zu", i) > 0);
                assert_int_equal(UNPACK(filters[i], {name, S_IFREG | 0644, .text = "x"}), 0);
                assert_int_equal(stat_inside(name, &st), 0);
        }
}

/* However it is asked for, nothing comes to be outside. */
static void test_escapes(_unused_ void **state) {
        _cleanup_free_ char *message = NULL, *dots = NULL, *absolute = NULL;
        struct stat st;

        assert_true(asprintf(&absolute, "%s/evil", outside) > 0);
        assert_true(asprintf(&dots, "../outside/evil") > 0);
        assert_true(UNPACK(NULL, {dots, S_IFREG | 0644, .text = "x"}) < 0);
        assert_non_null(strstr(message, "../outside/evil"));
        assert_true(UNPACK(NULL, {"a/../../outside/evil", S_IFREG | 0644, .text = "x"}) < 0);
        assert_true(UNPACK(NULL, {"link", S_IFLNK | 0777, .target = outside},
                           {"link/evil", S_IFREG | 0644, .text = "x"}) < 0);
        assert_true(UNPACK(NULL, {"up", S_IFLNK | 0777, .target = "../outside"},
                           {"up/evil", S_IFREG | 0644, .text = "x"}) < 0);
        assert_true(UNPACK(NULL, {"hard", 0, .target = "/etc/passwd"}) < 0);
        assert_true(UNPACK(NULL, {"hard", 0, .target = "../../../../../../etc/passwd"}) < 0);
        /* Absolute is below the top, as with tar(1). */
        assert_int_equal(UNPACK(NULL, {absolute, S_IFREG | 0644, .text = "x"}), 0);
        assert_int_equal(stat_inside(absolute + 1, &st), 0);
}

/* A link in the place of a file or folder is replaced, not written through. */
static void test_replaced(_unused_ void **state) {
        _cleanup_free_ char *message = NULL, *target = NULL;
        struct stat st;

        assert_true(asprintf(&target, "%s/evil", outside) > 0);
        assert_int_equal(UNPACK(NULL, {"file", S_IFLNK | 0777, .target = target},
                                {"file", S_IFREG | 0644, .text = "x"}),
                         0);
        assert_int_equal(stat_inside("file", &st), 0);
        assert_true(S_ISREG(st.st_mode));
}

static void test_owners(_unused_ void **state) {
        _cleanup_free_ char *message = NULL;

        assert_int_equal(UNPACK(NULL, {"file", S_IFREG | 0644, .text = "x", .uid = 65536}), -ERANGE);
        assert_non_null(strstr(message, "65536"));
}

static void test_attributes(_unused_ void **state) {
        static const struct {
                const char *name;
                bool kept;
        } cases[] = {{"user.x", true}, {"trusted.overlay.opaque", false}, {"security.ima", false}};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *message = NULL, *path = NULL;
                char value[8];

                assert_int_equal(UNPACK(NULL, {"file", S_IFREG | 0644, .text = "x", .xattr = cases[i].name}),
                                 0);
                assert_true(asprintf(&path, "%s/file", folder) > 0);
                assert_int_equal(getxattr(path, cases[i].name, value, sizeof(value)), cases[i].kept ? 1 : -1);
        }
}

static void write_text(const char *text, size_t n) {
        assert_int_equal(fd_write_file(AT_FDCWD, archive_path, text, n, 0600), 0);
}

/* What is no archive: text, nothing, one without an entry, one that a program would have to read. */
static void test_none(_unused_ void **state) {
        static const char lzop[] = "\x89LZO\0\r\n\x1a\n\x10\x30\x20\xa0\x09\x40\x01\x05",
                          lrzip[] = "LRZI\0\x06";
        static const struct {
                const char *text;
                size_t n;
        } cases[] = {{"hello\n", 6}, {"", 0}, {lzop, sizeof(lzop)}, {lrzip, sizeof(lrzip)}};
        _cleanup_free_ char *message = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *why = NULL;

                write_text(cases[i].text, cases[i].n);
                assert_true(unpack(-EBADF, -EBADF, &why) < 0);
                assert_non_null(strstr(why, archive_path));
        }
        write_archive("gzip", NULL, 0);
        assert_int_equal(unpack(-EBADF, -EBADF, &message), -EBADMSG);
}

/* Cut anywhere, it is an error. Behind the last entry there are only zeros to lose. */
static void test_cut(_unused_ void **state) {
        const Item items[] = {{"a", S_IFREG | 0644, .text = "hello"}, {"b", S_IFREG | 0644, .text = "world"}};
        _cleanup_free_ char *text = NULL;
        size_t size;

        write_archive("gzip", items, ELEMENTSOF(items));
        assert_int_equal(fd_read_file(AT_FDCWD, archive_path, 1U << 20, &text, &size), 0);
        for (size_t n = 1; n + 24 < size; n += 7) {
                _cleanup_free_ char *message = NULL;

                write_text(text, n);
                assert_true(unpack(-EBADF, -EBADF, &message) < 0);
        }
}

static void test_cancelled(_unused_ void **state) {
        const Item item = {"a", S_IFREG | 0644, .text = "hello"};
        _cleanup_free_ char *message = NULL;
        int fds[2];

        write_archive(NULL, &item, 1);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], "x", 1), 1);
        assert_int_equal(unpack(fds[0], -EBADF, &message), -ECANCELED);
        close(fds[0]);
        close(fds[1]);
}

/* It only grows, ends at the size of the archive, and a reader that went away is no matter. */
static void test_progress(_unused_ void **state) {
        uint64_t done, total, last = 0;
        _cleanup_free_ char *message = NULL, *big = malloc(1U << 20);
        Item items[8];
        char line[128];
        struct stat st;
        size_t n = 0;
        int fds[2];
        FILE *f;

        assert_non_null(big);
        memset(big, 'x', 1U << 20);
        big[(1U << 20) - 1] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                items[i] = (Item){i % 2 ? "a" : "b", S_IFREG | 0644, .text = big};
        write_archive(NULL, items, ELEMENTSOF(items));
        assert_int_equal(stat(archive_path, &st), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(unpack(-EBADF, fds[1], &message), 0);
        close(fds[1]);
        f = fdopen(fds[0], "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                assert_int_equal(sscanf(line, "progress %" SCNu64 " %" SCNu64 "\n", &done, &total), 2);
                assert_true(done >= last);
                assert_int_equal(total, st.st_size);
                last = done;
                n++;
        }
        fclose(f);
        assert_in_range(n, 8, 101);
        assert_true(last > total * 9 / 10 && last <= total);

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        close(fds[0]);
        assert_int_equal(unpack(-EBADF, fds[1], &message), 0);
        close(fds[1]);
}

/* Deeper than any path is long, and with ways out of it. */
static void test_remove(_unused_ void **state) {
        _cleanup_close_ int at = fd_open_dir(AT_FDCWD, folder);
        _cleanup_free_ char *file = NULL;

        assert_true(asprintf(&file, "%s/file", outside) > 0);
        assert_int_equal(fd_write_file(AT_FDCWD, file, "x", 1, 0600), 0);
        for (unsigned int i = 0; i < DEPTH; i++) {
                int next;

                assert_int_equal(symlinkat(outside, at, "out"), 0);
                assert_int_equal(mkdirat(at, "empty", 0), 0);
                assert_int_equal(mkdirat(at, "deeper", 0700), 0);
                next = fd_open_dir(at, "deeper");
                assert_true(next >= 0);
                close(at);
                at = next;
        }
        assert_int_equal(tree_remove(folder, 0), -EBUSY);
        assert_int_equal(tree_remove(folder, PATIENCE_MS), 0);
        assert_int_equal(access(folder, F_OK), -1);
        assert_int_equal(tree_remove(folder, PATIENCE_MS), 0);
        assert_int_equal(unlink(file), 0);
        /* One that is a link is no folder. */
        assert_int_equal(symlink(outside, folder), 0);
        assert_true(tree_remove(folder, PATIENCE_MS) < 0);
        assert_int_equal(unlink(folder), 0);
}

static void test_kept(_unused_ void **state) {
        _cleanup_free_ char *states = NULL, *path = NULL, *none = NULL, *half = NULL, *kept = NULL;
        struct stat st;
        int fd;

        assert_true(asprintf(&states, "%s/state/containers", scratch) > 0);
        fd = kept_open(states, "box", folder, &path);
        assert_true(fd >= 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0700);
        assert_int_equal(kept_open(states, "box", folder, &none), -EBUSY);
        assert_null(none);
        assert_true(asprintf(&half, "%s/scratch/tree", path) > 0);
        assert_int_equal(mkdir(half, 0700), 0);
        assert_int_equal(kept_clean(folder, PATIENCE_MS), 0);
        /* Nothing was kept, so nothing is there; and it can be had at once, though the old lock is held. */
        assert_int_equal(access(path, F_OK), -1);
        free(TAKE_PTR(path));
        close(fd);

        fd = kept_open(states, "box", folder, &path);
        assert_true(fd >= 0);
        assert_true(asprintf(&kept, "%s/base", path) > 0);
        assert_int_equal(mkdir(kept, 0700), 0);
        assert_int_equal(mkdir(half, 0700), 0);
        close(fd);
        /* The link was lost in a reboot: the next one begins without what was half. */
        free(TAKE_PTR(none));
        assert_true(asprintf(&none, "%s/scratch", folder) > 0);
        assert_int_equal(unlink(none), 0);
        assert_int_equal(kept_clean(folder, PATIENCE_MS), 0);
        assert_int_equal(access(half, F_OK), 0);
        free(TAKE_PTR(path));
        fd = kept_open(states, "box", folder, &path);
        assert_true(fd >= 0);
        assert_int_equal(access(half, F_OK), -1);
        assert_int_equal(kept_clean(folder, PATIENCE_MS), 0);
        assert_int_equal(access(kept, F_OK), 0);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_compressions, setup, teardown),
                cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
                cmocka_unit_test_setup_teardown(test_owners, setup, teardown),
                cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_none, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
                cmocka_unit_test_setup_teardown(test_progress, setup, teardown),
                cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
