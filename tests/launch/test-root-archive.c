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
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch/kept.h"
#include "launch/root-archive.h"
#include "launch/tree.h"
#include "util/fd.h"
#include "util/string.h"

#define DEPTH       3000
#define PATIENCE_MS 60000
#define IDS         1000000 /* who unpacks */

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
        /* What is mounted here is nobody else's, and goes with us. */
        if (possible && (unshare(CLONE_NEWNS) < 0 || mount("", "/", "", MS_REC | MS_PRIVATE, "") < 0))
                return -1;
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
        return archive_unpack(
                &(ArchiveRequest){
                        .from_fd = fd,
                        .path = archive_path,
                        .folder = folder,
                        .uid = IDS,
                        .gid = IDS,
                        .cancel_fd = cancel_fd,
                        .progress_fd = progress_fd,
                },
                message);
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

        assert_int_equal(
                UNPACK("gzip", {"./", S_IFDIR | 0711}, {"bin", S_IFDIR | 0755},
                       {"bin/su", S_IFREG | 04755, .text = "x"}, {"bin/other", 0, .target = "bin/su"},
                       {"bin/link", S_IFLNK | 0777, .target = "/bin/su", .uid = 7},
                       {"home", S_IFDIR | 01777, .uid = 65535}, {"pipe", S_IFIFO | 0600},
                       {"gr\xc3\xbc\xc3\x9f", S_IFREG | 0600, .text = "y", .uid = 1000},
                       {"null", S_IFCHR | 0666}, {"disk", S_IFBLK | 0666}, {"/nil", 0, .target = "/null"},
                       {"void", 0, .target = "nil"}, {"deep/er", S_IFREG | 0600, .text = "z"}),
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
        assert_int_equal(stat_inside("nil", &st), -ENOENT);
        assert_int_equal(stat_inside("void", &st), -ENOENT);
        /* A folder that is not named is the container root's. */
        assert_int_equal(stat_inside("deep", &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(st.st_gid, 0);
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

/* Writes another owner into the first header of the archive, as GNU tar writes one that its digits cannot. */
static void set_owner(int64_t uid) {
        _cleanup_free_ char *text = NULL;
        unsigned int sum = 0;
        size_t size;

        assert_int_equal(fd_read_file(AT_FDCWD, archive_path, 1U << 20, &text, &size), 0);
        assert_true(size > 512);
        for (unsigned int i = 0; i < 8; i++)
                text[115 - i] = (char)((uint64_t)uid >> 8 * i);
        text[108] = (char)(text[108] | 0x80);
        memset(text + 148, ' ', 8);
        for (unsigned int i = 0; i < 512; i++)
                sum += (unsigned char)text[i];
        snprintf(text + 148, 8, "%06o", sum);
        assert_int_equal(fd_write_file(AT_FDCWD, archive_path, text, size, 0600), 0);
}

/* -1 is what leaves an owner as it is: our own. */
static void test_owners(_unused_ void **state) {
        static const int64_t ids[] = {65536, -1, -5, UINT32_MAX, INT64_C(1) << 32};
        const Item item = {"file", S_IFREG | 04755, .text = "x"};

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                _cleanup_free_ char *message = NULL, *id = NULL;

                assert_true(asprintf(&id, "id %" PRId64 ",", ids[i]) > 0);
                write_archive(NULL, &item, 1);
                set_owner(ids[i]);
                assert_int_equal(unpack(-EBADF, -EBADF, &message), -ERANGE);
                assert_non_null(strstr(message, id));
        }
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

/* The first child of @pid, once there is one. */
static pid_t child_of(pid_t pid) {
        for (;;) {
                _cleanup_free_ char *path = NULL, *text = NULL;

                assert_true(asprintf(&path, "/proc/%d/task/%d/children", (int)pid, (int)pid) > 0);
                assert_int_equal(fd_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
                if (*text)
                        return atoi(text);
                assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        }
}

/* Who unpacks could take no signal or socket of the host's root for its own. It waits until somebody reads
 * how far it has come. */
static void test_who(_unused_ void **state) {
        const Item item = {"a", S_IFREG | 0644, .text = "hello"};
        _cleanup_free_ char *path = NULL, *status = NULL, *full = NULL;
        pid_t keeper, child;
        int fds[2], size, end;

        write_archive(NULL, &item, 1);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        size = fcntl(fds[1], F_SETPIPE_SZ, 4096);
        assert_true(size > 0);
        full = calloc(1, (size_t)size);
        assert_non_null(full);
        assert_int_equal(write(fds[1], full, (size_t)size), size);

        keeper = fork();
        if (keeper == 0) {
                _cleanup_free_ char *message = NULL;

                _exit(unpack(-EBADF, fds[1], &message) == 0 ? 0 : 1);
        }
        assert_true(keeper > 0);
        child = child_of(keeper);
        do {
                _cleanup_free_ char *call = NULL, *where = NULL;

                assert_true(asprintf(&where, "/proc/%d/syscall", (int)child) > 0);
                assert_int_equal(fd_read_file(AT_FDCWD, where, 4096, &call, NULL), 0);
                end = atoi(call);
        } while (end != SYS_write);
        assert_true(asprintf(&path, "/proc/%d/status", (int)child) > 0);
        assert_int_equal(fd_read_file(AT_FDCWD, path, 65536, &status, NULL), 0);
        assert_non_null(strstr(status, "\nUid:\t1000000\t1000000\t1000000\t0\n"));
        assert_non_null(strstr(status, "\nGid:\t1000000\t1000000\t1000000\t0\n"));
        assert_non_null(strstr(status, "\nGroups:\t \n"));
        /* chown dac_override dac_read_search fowner fsetid setfcap */
        assert_non_null(strstr(status, "\nCapEff:\t000000008000001f\n"));
        assert_non_null(strstr(status, "\nCapPrm:\t000000008000001f\n"));
        assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));

        assert_int_equal(read(fds[0], full, (size_t)size), size);
        assert_int_equal(waitpid(keeper, &end, 0), keeper);
        assert_int_equal(end, 0);
        close(fds[0]);
        close(fds[1]);
}

/* What a file system keeps back for the host's root is not an archive's to take, by data or by names. */
static void test_reserve(_unused_ void **state) {
        _cleanup_free_ char *command = NULL, *data = malloc((24U << 20) + 1), *names = NULL;
        _cleanup_free_ Item *items = calloc(20000, sizeof(*items));
        struct statvfs st;

        assert_non_null(data);
        assert_non_null(items);
        for (size_t i = 0; i < (24U << 20); i++)
                data[i] = (char)('a' + i * i % 23);
        data[24U << 20] = '\0';
        assert_true(asprintf(&command,
                             "truncate -s 40M %s/disk && mkfs.ext4 -q -m 50 -i 65536 %s/disk && "
                             "mount -o loop %s/disk %s",
                             scratch, scratch, scratch, folder) > 0);
        assert_int_equal(system(command), 0);
        for (int round = 0; round < 2; round++) {
                _cleanup_free_ char *message = NULL;

                if (round == 0)
                        write_archive(NULL, &(Item){"a", S_IFREG | 0644, .text = data}, 1);
                else {
                        names = calloc(20000, 16);
                        assert_non_null(names);
                        for (size_t i = 0; i < 20000; i++) {
                                snprintf(names + 16 * i, 16, "%zu", i);
                                items[i] = (Item){names + 16 * i, S_IFDIR | 0755};
                        }
                        write_archive(NULL, items, 20000);
                }
                assert_int_equal(unpack(-EBADF, -EBADF, &message), -ENOSPC);
                assert_non_null(strstr(message, "no room"));
                assert_int_equal(statvfs(folder, &st), 0);
                if (round == 0)
                        assert_true(st.f_bfree * st.f_frsize > 15U << 20);
        }
        assert_int_equal(umount(folder), 0);
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

/* A container's user makes subvolumes and snapshots where the file system has them. */
static void test_remove_subvolumes(_unused_ void **state) {
        _cleanup_free_ char *command = NULL, *filesystems = NULL, *tree = NULL;

        assert_int_equal(fd_read_file(AT_FDCWD, "/proc/filesystems", 65536, &filesystems, NULL), 0);
        if (!strstr(filesystems, "btrfs") && system("modprobe -q btrfs") != 0) {
                print_message("SKIP: the kernel has no btrfs\n");
                skip();
        }
        assert_true(asprintf(&command,
                             "set -e; exec >/dev/null; truncate -s 120M %s/disk; mkfs.btrfs -q -f %s/disk; "
                             "mount -o loop %s/disk %s; cd %s; mkdir tree; cd tree; "
                             "btrfs subvolume create sub; mkdir sub/folder; touch sub/folder/file; "
                             "btrfs subvolume create sub/folder/deeper; touch sub/folder/deeper/file; "
                             "btrfs subvolume snapshot -r sub snap; btrfs subvolume create empty; "
                             "btrfs subvolume snapshot -r empty emptier",
                             scratch, scratch, scratch, folder, folder) > 0);
        assert_int_equal(system(command), 0);
        assert_true(asprintf(&tree, "%s/tree", folder) > 0);
        assert_int_equal(tree_remove(tree, PATIENCE_MS), 0);
        assert_int_equal(access(tree, F_OK), -1);

        /* What is mounted there is somebody's. */
        free(TAKE_PTR(command));
        assert_true(asprintf(&command, "mkdir -p %s/on; mount --bind %s %s/on", tree, outside, tree) > 0);
        assert_int_equal(system(command), 0);
        assert_int_equal(tree_remove(tree, PATIENCE_MS), -EBUSY);
        assert_int_equal(umount2(folder, MNT_DETACH), 0);
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
                cmocka_unit_test_setup_teardown(test_who, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
                cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
                cmocka_unit_test_setup_teardown(test_remove_subvolumes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
