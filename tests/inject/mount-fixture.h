/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A container for mounts: a child that is root of a user and a mount namespace of its own, on an empty root
 * of its own, and does there what it is told. Beside it files of the host, and a folder for the state.
 */

#include <ftw.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "inject/inside.h"
#include "inject/mount-list.h"
#include "inject/mount-state.h"
#include "inject/mount.h"
#include "util/fd.h"
#include "util/string.h"

#define NAME "box"

typedef struct Fixture {
        char top[64];
        char lib[80], data[80]; /* a file and a folder of the host that anybody may write to */
        Inside inside;
        int proc_fd, state_fd;
        unsigned int n_fds;
} Fixture;

/* ---- what is done inside; two arguments have a blank between them */

static inline const char *second(char *both) {
        char *blank = strchr(both, ' ');

        *blank = '\0';
        return blank + 1;
}

/* An empty root, with the host's out of sight. */
static inline int do_pivot(const char *path) {
        if (mount("root", path, "tmpfs", 0, "mode=0755") < 0 || chdir(path) < 0 || mkdir("old", 0755) < 0 ||
            syscall(SYS_pivot_root, ".", "old") < 0 || chdir("/") < 0 || umount2("/old", MNT_DETACH) < 0 ||
            rmdir("/old") < 0)
                return errno;
        return 0;
}

static inline int do_mkdir(const char *path) {
        return mkdir(path, 0755) < 0 ? errno : 0;
}

static inline int do_rmdir(const char *path) {
        return rmdir(path) < 0 ? errno : 0;
}

static inline int do_unlink(const char *path) {
        return unlink(path) < 0 ? errno : 0;
}

static inline int do_exist(const char *path) {
        struct stat st;

        return lstat(path, &st) < 0 ? errno : 0;
}

/* A file of one line. */
static inline int do_make(const char *path) {
        return -fd_write_file(AT_FDCWD, path, "mine\n", 5, 0644);
}

/* Whether a file has that line. */
static inline int do_compare(const char *argument) {
        char both[PATH_MAX], text[64];
        const char *expected;
        ssize_t n;
        int fd;

        snprintf(both, sizeof(both), "%s", argument);
        expected = second(both);
        fd = open(both, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno;
        n = read(fd, text, sizeof(text));
        close(fd);
        return n == (ssize_t)strlen(expected) && memcmp(text, expected, (size_t)n) == 0 ? 0 : EILSEQ;
}

static inline int do_write(const char *path) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static inline int do_symlink(const char *argument) {
        char both[PATH_MAX];
        const char *path;

        snprintf(both, sizeof(both), "%s", argument);
        path = second(both);
        return symlink(both, path) < 0 ? errno : 0;
}

static inline int do_mount(const char *argument, unsigned long flags) {
        char both[PATH_MAX];
        const char *path;

        snprintf(both, sizeof(both), "%s", argument);
        path = second(both);
        return mount(both, path, NULL, flags, NULL) < 0 ? errno : 0;
}

static inline int do_bind(const char *argument) {
        return do_mount(argument, MS_BIND);
}

static inline int do_move(const char *argument) {
        return do_mount(argument, MS_MOVE);
}

static inline int do_tmpfs(const char *path) {
        return mount("tmpfs", path, "tmpfs", 0, "mode=0755") < 0 ? errno : 0;
}

static inline int do_umount(const char *path) {
        return umount2(path, MNT_DETACH) < 0 ? errno : 0;
}

static inline int do_remount_writable(const char *path) {
        return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL) < 0 ? errno : 0;
}

/* ST_* of what is mounted there. */
static inline int do_flags(const char *path) {
        struct statvfs st;

        return statvfs(path, &st) < 0 ? -1
                                      : (int)(st.f_flag & (ST_RDONLY | ST_NOEXEC | ST_NOSUID | ST_NODEV |
                                                           ST_NOATIME | ST_NODIRATIME));
}

/* ---- the ground */

static inline int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                             _unused_ struct FTW *ftw) {
        return remove(path);
}

static inline void write_text(const char *path, const char *text) {
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0666), 0);
        assert_int_equal(chmod(path, 0666), 0);
}

static inline int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        char path[128];

        assert_non_null(f);
        *state = f;
        *f = (Fixture){.inside.fd = -EBADF,
                       .proc_fd = -EBADF,
                       .state_fd = -EBADF,
                       .n_fds = count_entries("/proc/self/fd"),
                       .top = "/tmp/davit-test-XXXXXX"};
        assert_non_null(mkdtemp(f->top));
        assert_int_equal(chmod(f->top, 0755), 0);
        snprintf(f->lib, sizeof(f->lib), "%s/lib.so", f->top);
        snprintf(f->data, sizeof(f->data), "%s/data", f->top);
        write_text(f->lib, "library\n");
        assert_int_equal(mkdir(f->data, 0755), 0);
        snprintf(path, sizeof(path), "%s/table", f->data);
        write_text(path, "table\n");
        snprintf(path, sizeof(path), "%s/state", f->top);
        assert_int_equal(mkdir(path, 0755), 0);
        f->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->state_fd >= 0);
        snprintf(path, sizeof(path), "%s/root", f->top);
        assert_int_equal(mkdir(path, 0755), 0);
        return 0;
}

static inline int teardown(void **state) {
        Fixture *f = *state;

        inside_stop(&f->inside);
        safe_close(f->proc_fd);
        safe_close(f->state_fd);
        assert_int_equal(nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        assert_int_equal(count_mounts(f->top), 0);
        assert_int_equal(count_entries("/proc/self/fd"), f->n_fds);
        free(f);
        return 0;
}

#define does(f, call, argument)      assert_int_equal(inside_call(&(f)->inside, (call), (argument)), 0)
#define fails(f, call, argument, no) assert_int_equal(inside_call(&(f)->inside, (call), (argument)), (no))

static inline Fixture *need(void **state) {
        Fixture *f = *state;
        char path[128];
        int r;

        if (geteuid() != 0)
                skip_because("not root");
        r = inside_start(&f->inside, CLONE_NEWUSER | CLONE_NEWNS);
        if (r < 0)
                skip_because("no namespaces: %s", strerror(-r));
        snprintf(path, sizeof(path), "%s/root", f->top);
        does(f, do_pivot, path);
        snprintf(path, sizeof(path), "/proc/%d", (int)f->inside.pid);
        f->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->proc_fd >= 0);
        return f;
}

/* ---- the calls */

typedef int (*MountCall)(const Item *item, int proc_fd, int state_fd, const char *container);

static inline int call(Fixture *f, MountCall function, const char *target, const char *place,
                       const char *options) {
        const Item item = {
                .kind = ITEM_MOUNT, .device = "cdi-a:b:c", .path = place, .target = target, .text = options};

        return function(&item, f->proc_fd, f->state_fd, NAME);
}

#define add(f, target, place, options) call((f), mount_add, (target), (place), (options))
#define take(f, target, place)         call((f), mount_remove, (target), (place), "")

/* "PLACE<TARGET[OPTIONS] …" of all that is said to be there. */
static inline void assert_present(Fixture *f, const char *expected) {
        char text[1024] = "";
        ItemSet set = {};

        assert_int_equal(mount_read(f->proc_fd, f->state_fd, NAME, &set), 0);
        for (size_t i = 0; i < set.n_items; i++) {
                const Item *item = set.items[i];

                assert_int_equal(item->kind, ITEM_MOUNT);
                assert_string_equal(item->device, "cdi-a:b:c");
                assert_true(startswith(item->target, f->top) != NULL);
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s<%s[%s]", i > 0 ? " " : "",
                         item->path, item->target + strlen(f->top), item->text);
        }
        assert_string_equal(text, expected);
        item_set_deinit(&set);
}

/* How many mounts the container has at @place, which starts with a slash. */
static inline unsigned int mounts_at(Fixture *f, const char *place) {
        _cleanup_(mount_list_deinit) MountList list = {};
        char needle[PATH_MAX];
        unsigned int n = 0;

        snprintf(needle, sizeof(needle), " %s ", place);
        assert_int_equal(mount_list_read(f->proc_fd, &list), 0);
        for (const char *p = list.text; (p = strstr(p, needle)); p++)
                n++;
        return n;
}

static inline unsigned int n_states(const Fixture *f) {
        char path[128];

        snprintf(path, sizeof(path), "%s/state", f->top);
        return count_entries(path) - 2;
}

/* Whether nothing is left of what was given at "opt/…". */
static inline void assert_clean(Fixture *f) {
        assert_present(f, "");
        assert_int_equal(n_states(f), 0);
        fails(f, do_exist, "/opt", ENOENT);
}

#define mount_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
