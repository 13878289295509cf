/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Files and folders of the host in a container that runs: put there and taken off, at places that are made
 * and removed again, done twice, interrupted after each step, and after the container's end. Wants root and
 * namespaces.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inject/mount-fixture.h"

static void test_file_and_folder(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->lib, "opt/vendor/lib/a.so", "ro"), 0);
        does(f, do_compare, "/opt/vendor/lib/a.so library\n");
        assert_int_equal(add(f, f->data, "opt/vendor/data", ""), 0);
        does(f, do_compare, "/opt/vendor/data/table table\n");
        assert_present(f, "opt/vendor/data</data[] opt/vendor/lib/a.so</lib.so[ro]");
        assert_int_equal(n_states(f), 2);

        assert_int_equal(take(f, f->lib, "opt/vendor/lib/a.so"), 0);
        fails(f, do_exist, "/opt/vendor/lib", ENOENT);
        does(f, do_compare, "/opt/vendor/data/table table\n");
        assert_present(f, "opt/vendor/data</data[]");
        assert_int_equal(take(f, f->data, "opt/vendor/data"), 0);
        /* Its folder was made for the first. */
        fails(f, do_exist, "/opt/vendor/data", ENOENT);
        assert_present(f, "");
        assert_int_equal(n_states(f), 0);
}

static void test_places_are_removed(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/a/b/c", "ro"), 0);
        assert_int_equal(take(f, f->data, "opt/a/b/c"), 0);
        assert_clean(f);
        assert_int_equal(add(f, f->lib, "a.so", "ro"), 0);
        assert_int_equal(take(f, f->lib, "a.so"), 0);
        fails(f, do_exist, "/a.so", ENOENT);
        assert_clean(f);
}

/* What was there before, and what was put there meanwhile, is the container's. */
static void test_content_is_kept(void **state) {
        Fixture *f = need(state);

        does(f, do_mkdir, "/opt");
        does(f, do_mkdir, "/opt/data");
        does(f, do_make, "/opt/data/old");
        does(f, do_make, "/opt/a.so");
        assert_int_equal(add(f, f->data, "opt/data", ""), 0);
        assert_int_equal(add(f, f->lib, "opt/a.so", ""), 0);
        assert_int_equal(add(f, f->lib, "opt/made/b.so", ""), 0);
        does(f, do_compare, "/opt/a.so library\n");
        fails(f, do_exist, "/opt/data/old", ENOENT);
        does(f, do_make, "/opt/made/own");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(take(f, f->lib, "opt/a.so"), 0);
        assert_int_equal(take(f, f->lib, "opt/made/b.so"), 0);
        does(f, do_compare, "/opt/data/old mine\n");
        does(f, do_compare, "/opt/a.so mine\n");
        does(f, do_compare, "/opt/made/own mine\n");
        fails(f, do_exist, "/opt/made/b.so", ENOENT);
        assert_int_equal(n_states(f), 0);
}

/* Also an empty folder that was there, and is empty again. */
static void test_empty_place_is_kept(void **state) {
        Fixture *f = need(state);

        does(f, do_mkdir, "/opt");
        assert_int_equal(add(f, f->data, "opt", ""), 0);
        assert_int_equal(take(f, f->data, "opt"), 0);
        does(f, do_rmdir, "/opt");
}

static void test_twice(void **state) {
        Fixture *f = need(state);

        for (unsigned int i = 0; i < 3; i++) {
                assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
                assert_int_equal(mounts_at(f, "/opt/data"), 1);
                assert_present(f, "opt/data</data[ro]");
                assert_int_equal(n_states(f), 1);
        }
        for (unsigned int i = 0; i < 3; i++) {
                assert_int_equal(take(f, f->data, "opt/data"), 0);
                assert_clean(f);
        }
}

static void test_options(void **state) {
        static const struct {
                const char *options;
                int flags;
        } cases[] = {
                {"", ST_NOSUID | ST_NODEV},
                {"ro", ST_NOSUID | ST_NODEV | ST_RDONLY},
                {"noexec", ST_NOSUID | ST_NODEV | ST_NOEXEC},
                {"ro,noexec,noatime,nodiratime",
                 ST_NOSUID | ST_NODEV | ST_RDONLY | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME},
                {"recursive", ST_NOSUID | ST_NODEV},
        };
        Fixture *f = need(state);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int flags;

                assert_int_equal(add(f, f->data, "opt/data", cases[i].options), 0);
                flags = inside_call(&f->inside, do_flags, "/opt/data");
                assert_int_equal(flags & cases[i].flags, cases[i].flags);
                assert_int_equal(flags & (ST_RDONLY | ST_NOEXEC), cases[i].flags & (ST_RDONLY | ST_NOEXEC));
                fails(f, do_write, "/opt/data/table", cases[i].flags & ST_RDONLY ? EROFS : 0);
                assert_int_equal(take(f, f->data, "opt/data"), 0);
        }
        assert_clean(f);
}

/* What the host has mounted below goes along where it is asked for, under the same terms. */
static void test_recursive(void **state) {
        Fixture *f = need(state);
        char below[128], file[160];

        snprintf(below, sizeof(below), "%s/below", f->data);
        snprintf(file, sizeof(file), "%s/deep", below);
        assert_int_equal(mkdir(below, 0755), 0);
        assert_int_equal(mount("tmpfs", below, "tmpfs", 0, "mode=0777"), 0);
        write_text(file, "deep\n");

        assert_int_equal(add(f, f->data, "opt/data", "ro,recursive"), 0);
        does(f, do_compare, "/opt/data/below/deep deep\n");
        fails(f, do_write, "/opt/data/below/deep", EROFS);
        fails(f, do_remount_writable, "/opt/data/below", EPERM);
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        fails(f, do_exist, "/opt/data/below/deep", ENOENT);
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
        assert_int_equal(umount2(below, 0), 0);
}

static void test_socket(void **state) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Fixture *f = need(state);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", f->top);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
        assert_int_equal(add(f, address.sun_path, "opt/socket", ""), 0);
        assert_int_equal(mounts_at(f, "/opt/socket"), 1);
        assert_int_equal(take(f, address.sun_path, "opt/socket"), 0);
        assert_clean(f);
}

/* Nothing is left of what fails. */
static void test_cannot_be_added(void **state) {
        char missing[96], fifo[96], node[96];
        Fixture *f = need(state);
        const struct {
                const char *target, *place, *options;
                int result;
        } cases[] = {
                {f->data, "file", "", -ENOTDIR},    {f->lib, "folder", "", -EISDIR},
                {f->lib, "file/a", "", -ENOTDIR},   {f->data, "file/a/b", "", -ENOTDIR},
                {missing, "opt/a", "", -ENOENT},    {fifo, "opt/a", "", -EOPNOTSUPP},
                {node, "opt/a", "", -EOPNOTSUPP},   {f->lib, "opt/a", "rw", -EBADMSG},
                {f->lib, "opt/a\nb", "", -EINVAL},  {f->lib, "loop/a", "", -ELOOP},
                {f->lib, "loop", "", -ELOOP},       {f->lib, "nowhere", "", -ELOOP},
                {f->lib, "nowhere/a", "", -ENOENT},
        };

        snprintf(missing, sizeof(missing), "%s/missing", f->top);
        snprintf(fifo, sizeof(fifo), "%s/fifo", f->top);
        snprintf(node, sizeof(node), "%s/node", f->top);
        assert_int_equal(mkfifo(fifo, 0666), 0);
        assert_int_equal(mknod(node, S_IFCHR | 0666, 1 << 8 | 3), 0);
        does(f, do_make, "/file");
        does(f, do_mkdir, "/folder");
        does(f, do_symlink, "loop /loop");
        does(f, do_symlink, "missing /nowhere");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int r = add(f, cases[i].target, cases[i].place, cases[i].options);

                if (r != cases[i].result)
                        fail_msg("case %zu: %d", i, r);
                assert_clean(f);
                fails(f, do_exist, "/missing", ENOENT);
        }
        does(f, do_compare, "/file mine\n");
}

/* Where the container's root may not write, nobody of us may in its name. */
static void test_place_of_others(void **state) {
        Fixture *f = need(state);
        char path[128];

        /* A file system of the host, whose root is nobody inside. */
        assert_int_equal(add(f, f->data, "opt/data", ""), 0);
        assert_int_equal(add(f, f->lib, "opt/data/a.so", ""), -EACCES);
        snprintf(path, sizeof(path), "%s/a.so", f->data);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
}

/* ---- interrupted */

static void rewrite_state(Fixture *f, const char *place, uint64_t id, const char *what) {
        _cleanup_(mount_state_deinit) MountState known = {};

        assert_int_equal(mount_state_load(f->state_fd, NAME, place, &known), 0);
        known.id = id;
        if (id == 0)
                known.made = 0;
        free(known.what);
        known.what = what ? strdup(what) : NULL;
        assert_int_equal(mount_state_save(f->state_fd, NAME, &known), 0);
}

/* Before the mount: it is none that anybody wants, and goes. */
static void test_state_alone(void **state) {
        const Item item = {.kind = ITEM_MOUNT, .device = "cdi-a:b:c", .path = "opt/data", .text = "ro"};
        _cleanup_(mount_state_deinit) MountState wanted = {};
        Fixture *f = need(state);
        Item full = item;

        full.target = f->data;
        assert_int_equal(mount_state_of_item(&full, &wanted), 0);
        assert_int_equal(mount_state_save(f->state_fd, NAME, &wanted), 0);
        assert_present(f, "opt/data</data[unfinished]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);

        /* Nor is what is at the place taken for it. */
        assert_int_equal(mount_state_save(f->state_fd, NAME, &wanted), 0);
        does(f, do_mkdir, "/opt");
        does(f, do_mkdir, "/opt/data");
        does(f, do_tmpfs, "/opt/data");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 1);
        assert_int_equal(n_states(f), 0);
        does(f, do_umount, "/opt/data");

        /* Or it goes on. */
        assert_int_equal(mount_state_save(f->state_fd, NAME, &wanted), 0);
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(n_states(f), 0);
}

/* Between the mount and what is written down of it. */
static void test_mount_without_id(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        rewrite_state(f, "opt/data", 0, NULL);
        assert_present(f, "opt/data</data[unfinished]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 0);
        assert_int_equal(n_states(f), 0);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        rewrite_state(f, "opt/data", 0, NULL);
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 1);
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 0);
}

/* What it was to be is not there on the host any more: nobody can tell whose the mount is. */
static void test_mount_without_id_nor_source(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), 0);
        rewrite_state(f, "opt/a.so", 0, NULL);
        assert_int_equal(unlink(f->lib), 0);
        assert_int_equal(take(f, f->lib, "opt/a.so"), 0);
        assert_int_equal(n_states(f), 0);
}

static void test_state_is_lost(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        assert_int_equal(mount_state_remove(f->state_fd, NAME, "opt/data"), 0);
        assert_present(f, "");
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 1);
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 0);
}

/* Ids are used again: what is mounted tells whether it is ours. */
static void test_id_is_anothers(void **state) {
        _cleanup_(mount_state_deinit) MountState known = {};
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        assert_int_equal(mount_state_load(f->state_fd, NAME, "opt/data", &known), 0);
        assert_true(known.id > 0 && known.what && strchr(known.what, ':'));
        rewrite_state(f, "opt/data", known.id, "0:0 /else");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 1);
        assert_int_equal(n_states(f), 0);

        assert_int_equal(mount_state_save(f->state_fd, NAME, &known), 0);
        assert_present(f, "opt/data</data[ro]");
        rewrite_state(f, "opt/data", known.id, "0:0 /else");
        assert_present(f, "");
        assert_int_equal(n_states(f), 0);
        assert_int_equal(mount_state_save(f->state_fd, NAME, &known), 0);
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 0);
}

static void test_bad_state(void **state) {
        static const char *const texts[] = {
                "",
                "PLACE=opt\n",
                "DEVICE=a\nPLACE=opt\nTARGET=/a\n",
                "DEVICE=a\nPLACE=opt\nTARGET=/a\nOPTIONS=\nID=x\n",
                "DEVICE=a\nPLACE=opt\nTARGET=/a\nOPTIONS=\nMADE=4\n",
                "DEVICE=a\nPLACE=opt\nTARGET=/a\nOPTIONS=\nMADE=-1\n",
                "DEVICE=a\nno equals\n",
        };
        static const char other[] = "DEVICE=a\nPLACE=opt\nTARGET=/a\nOPTIONS=\n";
        Fixture *f = need(state);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                assert_int_equal(fd_write_file(f->state_fd, "mount-" NAME "@0123456789abcdef", texts[i],
                                               strlen(texts[i]), 0600),
                                 0);
                assert_present(f, "");
        }
        assert_int_equal(unlinkat(f->state_fd, "mount-" NAME "@0123456789abcdef", 0), 0);
        /* Those of another container are not ours. */
        assert_int_equal(
                fd_write_file(f->state_fd, "mount-" NAME "x@0123456789abcdef", other, strlen(other), 0600),
                0);
        assert_present(f, "");
        assert_int_equal(mount_forget(f->state_fd, NAME), 0);
        assert_int_equal(n_states(f), 1);
}

/* ---- the end */

static void test_ended(void **state) {
        Fixture *f = need(state);

        for (unsigned int waited = 0; waited < 2; waited++) {
                if (waited > 0)
                        f = need(state);
                assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
                assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), 0);
                if (waited > 0)
                        inside_stop(&f->inside);
                else {
                        siginfo_t info;

                        /* It has ended, and is there still. */
                        assert_int_equal(kill(f->inside.pid, SIGKILL), 0);
                        assert_int_equal(waitid(P_PID, (id_t)f->inside.pid, &info, WEXITED | WNOWAIT), 0);
                }
                assert_int_equal(add(f, f->lib, "opt/b.so", "ro"), -ESRCH);
                assert_present(f, "");
                assert_int_equal(n_states(f), 2);
                assert_int_equal(take(f, f->data, "opt/data"), 0);
                assert_int_equal(n_states(f), 1);
                assert_int_equal(mount_forget(f->state_fd, NAME), 0);
                assert_int_equal(n_states(f), 0);
                assert_int_equal(mount_forget(f->state_fd, NAME), 0);
                inside_stop(&f->inside);
                f->proc_fd = safe_close(f->proc_fd);
        }
}

/* ---- the list */

static void test_list(_unused_ void **state) {
        static const char text[] =
                "1 0 0:5 / / rw - tmpfs root rw\n"
                "22 1 8:1 /usr/a\\040b /opt/a\\040b\\134\\011c rw,nosuid - ext4 /dev/sda1 rw\n"
                "23 1 0:5 / /opt rw shared:1 - tmpfs x rw\n"
                "nonsense\n"
                "24 1 0:5 / /last\\";
        static const struct {
                uint64_t id;
                int whole, cut; /* what is said of a list that is whole, and of one that is cut off */
                const char *what, *place;
        } cases[] = {
                {1, 0, 0, "0:5 /", "/"},
                {22, 0, 0, "8:1 /usr/a\\040b", "/opt/a b\\\tc"},
                {23, 0, 0, "0:5 /", "/opt"},
                {2, -ENOENT, -EAGAIN, NULL, NULL},
                {0, -ENOENT, -EAGAIN, NULL, NULL},
                /* Its line ends nowhere: there may be more of the path. */
                {24, -ENOENT, -EAGAIN, NULL, NULL},
        };

        for (unsigned int whole = 0; whole < 2; whole++)
                for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                        const MountList list = {.text = (char *)text, .whole = whole};
                        int expected = whole ? cases[i].whole : cases[i].cut;
                        char *what = NULL, *place = NULL;

                        print_message("%u %u\n", whole, (unsigned int)cases[i].id);
                        assert_int_equal(mount_list_find(&list, cases[i].id, &what, &place), expected);
                        if (expected == 0) {
                                assert_string_equal(what, cases[i].what);
                                assert_string_equal(place, cases[i].place);
                        } else
                                assert_true(!what && !place);
                        free(what);
                        free(place);
                        assert_int_equal(mount_list_find(&list, cases[i].id, NULL, NULL), expected);
                }
        assert_int_equal(mount_list_find(&(MountList){.text = (char *)"", .whole = true}, 1, NULL, NULL),
                         -ENOENT);
}

/* Of which each is a long line in the list. */
static int do_tmpfs_many(const char *path) {
        char source[3000];

        memset(source, 'x', sizeof(source));
        source[sizeof(source) - 1] = '\0';
        for (unsigned int i = 0; i < 400; i++)
                if (mount(source, path, "tmpfs", 0, NULL) < 0)
                        return errno;
        return 0;
}

/* Who has more mounts than are read gets no more of them; what he has he keeps, until it is taken off. */
static void test_list_is_too_long(void **state) {
        _cleanup_(mount_list_deinit) MountList list = {};
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "data", "ro"), 0);
        does(f, do_mkdir, "/many");
        does(f, do_tmpfs_many, "/many");
        assert_int_equal(mount_list_read(f->proc_fd, &list), 0);
        assert_false(list.whole);
        assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), -EAGAIN);
        fails(f, do_exist, "/opt/a.so", ENOENT);
        assert_int_equal(n_states(f), 1);
        assert_present(f, "data</data[ro]");
        assert_int_equal(take(f, f->data, "data"), 0);
        fails(f, do_exist, "/data", ENOENT);
        assert_clean(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                mount_test(test_file_and_folder),
                mount_test(test_places_are_removed),
                mount_test(test_content_is_kept),
                mount_test(test_empty_place_is_kept),
                mount_test(test_twice),
                mount_test(test_options),
                mount_test(test_recursive),
                mount_test(test_socket),
                mount_test(test_cannot_be_added),
                mount_test(test_place_of_others),
                mount_test(test_state_alone),
                mount_test(test_mount_without_id),
                mount_test(test_mount_without_id_nor_source),
                mount_test(test_state_is_lost),
                mount_test(test_id_is_anothers),
                mount_test(test_bad_state),
                mount_test(test_ended),
                cmocka_unit_test(test_list),
                mount_test(test_list_is_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
