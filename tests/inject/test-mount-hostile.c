/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the root inside does to what is mounted for it, or puts in the way: it gets no more of the host than
 * was given, and keeps nothing. Wants root and namespaces.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/fuse.h>

#include "inject/mount-fixture.h"

/* The flags are locked, of the mount, of copies, and wherever it is moved. */
static void test_made_writable(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), 0);
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        fails(f, do_write, "/opt/a.so", EROFS);
        fails(f, do_remount_writable, "/opt/a.so", EPERM);
        fails(f, do_remount_writable, "/opt/data", EPERM);
        does(f, do_mkdir, "/copy");
        does(f, do_bind, "/opt/data /copy");
        fails(f, do_remount_writable, "/copy", EPERM);
        fails(f, do_write, "/copy/table", EROFS);
        fails(f, do_write, "/opt/data/table", EROFS);
        does(f, do_umount, "/copy");
        assert_int_equal(take(f, f->lib, "opt/a.so"), 0);
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        does(f, do_rmdir, "/copy");
}

/* What was given to be written to is, as anybody on the host could. */
static void test_writable(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->lib, "opt/a.so", ""), 0);
        does(f, do_write, "/opt/a.so");
        assert_int_equal(chmod(f->lib, 0644), 0);
        fails(f, do_write, "/opt/a.so", EACCES);
        assert_int_equal(take(f, f->lib, "opt/a.so"), 0);
        assert_clean(f);
}

/* Mounts on top of ours go with it. */
static void test_covered(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_mkdir, "/else");
        does(f, do_tmpfs, "/opt/data");
        does(f, do_bind, "/else /opt/data");
        does(f, do_make, "/opt/data/file");
        assert_int_equal(mounts_at(f, "/opt/data"), 3);
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 0);
        assert_clean(f);
        does(f, do_compare, "/else/file mine\n");
}

static void test_covered_file(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), 0);
        does(f, do_make, "/own");
        does(f, do_bind, "/own /opt/a.so");
        does(f, do_compare, "/opt/a.so mine\n");
        assert_int_equal(take(f, f->lib, "opt/a.so"), 0);
        assert_clean(f);
        does(f, do_compare, "/own mine\n");
}

/* Who covers it without end keeps it for as long as he does. */
static void test_covered_without_end(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        for (unsigned int i = 0; i < 20; i++)
                does(f, do_tmpfs, "/opt/data");
        assert_int_equal(take(f, f->data, "opt/data"), -EBUSY);
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
}

/* It is found where it was moved to, and folders there are not ours to remove. */
static void test_moved(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/vendor/data", "ro"), 0);
        does(f, do_mkdir, "/to");
        does(f, do_mkdir, "/to/there");
        does(f, do_mkdir, "/to/there/it-is");
        does(f, do_move, "/opt/vendor/data /to/there/it-is");
        assert_int_equal(mounts_at(f, "/opt/vendor/data"), 0);
        assert_present(f, "opt/vendor/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/vendor/data"), 0);
        assert_int_equal(mounts_at(f, "/to/there/it-is"), 0);
        assert_clean(f);
        does(f, do_exist, "/to/there/it-is");
}

static int do_move_to_odd_place(const char *from) {
        static const char place[] = "/odd \\ pla\tce\n";

        if (mkdir(place, 0755) < 0 || mount(from, place, NULL, MS_MOVE, NULL) < 0)
                return errno;
        return 0;
}

static int do_remove_odd_place(_unused_ const char *argument) {
        return rmdir("/odd \\ pla\tce\n") < 0 ? errno : 0;
}

static void test_moved_to_odd_place(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_move_to_odd_place, "/opt/data");
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
        does(f, do_remove_odd_place, "");
}

/* A copy is his until the end; the next one is ours again. */
static void test_copied(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_mkdir, "/copy");
        does(f, do_bind, "/opt/data /copy");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
        does(f, do_compare, "/copy/table table\n");
        fails(f, do_write, "/copy/table", EROFS);
        fails(f, do_remount_writable, "/copy", EPERM);
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_clean(f);
}

static void test_unmounted(void **state) {
        Fixture *f = need(state);

        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_umount, "/opt/data");
        /* It is not there, and so will be put there again. */
        assert_present(f, "");
        assert_int_equal(n_states(f), 0);
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_compare, "/opt/data/table table\n");

        does(f, do_umount, "/opt/data");
        does(f, do_tmpfs, "/opt/data");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/opt/data"), 1);
        assert_int_equal(n_states(f), 0);
}

/* ---- links in the way */

static void test_links(void **state) {
        static const char *const links[] = {
                "/real /opt",               /* absolute: of its own root */
                "real /opt",                /* relative */
                "../../../../../real /opt", /* above the root is the root */
                "./link /opt",              /* one more */
        };
        Fixture *f = need(state);

        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                does(f, do_mkdir, "/real");
                does(f, do_symlink, "/real /link");
                does(f, do_symlink, links[i]);
                assert_int_equal(add(f, f->data, "opt/made/data", "ro"), 0);
                assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), 0);
                does(f, do_compare, "/real/made/data/table table\n");
                does(f, do_compare, "/real/a.so library\n");
                assert_present(f, "opt/a.so</lib.so[ro] opt/made/data</data[ro]");
                assert_int_equal(take(f, f->data, "opt/made/data"), 0);
                assert_int_equal(take(f, f->lib, "opt/a.so"), 0);
                assert_present(f, "");
                /* What was made is gone, wherever that was. */
                does(f, do_rmdir, "/real");
                does(f, do_unlink, "/opt");
                does(f, do_unlink, "/link");
        }
}

/* The place itself is a link. */
static void test_link_at_the_end(void **state) {
        Fixture *f = need(state);

        does(f, do_mkdir, "/opt");
        does(f, do_mkdir, "/real");
        does(f, do_symlink, "../real /opt/data");
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_compare, "/real/table table\n");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        does(f, do_rmdir, "/real");
        does(f, do_exist, "/opt/data");
}

/* No link leads to a file of the host that is not given. */
static void test_leads_out(void **state) {
        Fixture *f = need(state);
        char link[256], victim[128];

        snprintf(victim, sizeof(victim), "%s/victim", f->top);
        assert_int_equal(mkdir(victim, 0777), 0);
        assert_int_equal(chmod(victim, 0777), 0);
        snprintf(link, sizeof(link), "../../../../../../..%s /opt", victim);
        does(f, do_symlink, link);
        assert_int_equal(add(f, f->lib, "opt/a.so", "ro"), -ENOENT);
        assert_int_equal(count_entries(victim), 2);
        assert_int_equal(n_states(f), 0);
        assert_int_equal(count_mounts(victim), 0);
}

/* The way there is laid anew while it is mounted. */
static void test_way_is_moved(void **state) {
        Fixture *f = need(state);

        does(f, do_mkdir, "/one");
        does(f, do_mkdir, "/two");
        does(f, do_symlink, "one /opt");
        assert_int_equal(add(f, f->data, "opt/data", "ro"), 0);
        does(f, do_unlink, "/opt");
        does(f, do_symlink, "two /opt");
        does(f, do_mkdir, "/two/data");
        does(f, do_make, "/two/data/file");
        assert_present(f, "opt/data</data[ro]");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
        assert_int_equal(mounts_at(f, "/one/data"), 0);
        does(f, do_compare, "/two/data/file mine\n");
        assert_present(f, "");
}

/* ---- a file system of his that never answers */

/* Says yes to the first request, as it must to be mounted, and to no other. */
_Noreturn static void serve_nothing(int fd) {
        static char request[FUSE_MIN_READ_BUFFER * 4];
        struct {
                struct fuse_out_header header;
                struct fuse_init_out init;
        } yes = {.header.len = sizeof(yes),
                 .init = {.major = FUSE_KERNEL_VERSION,
                          .minor = FUSE_KERNEL_MINOR_VERSION,
                          .max_write = 4096}};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(fd, request, sizeof(request)) > 0) {
                yes.header.unique = ((const struct fuse_in_header *)request)->unique;
                (void)!write(fd, &yes, sizeof(yes));
        }
        if (read(fd, request, sizeof(request)) > 0)
                (void)do_make("/asked");
        for (;;)
                pause();
}

/* Such a server, in the container and of its user namespace. The device is opened before it is out of sight.
 */
static pid_t start_silent(const Fixture *f) {
        int user_fd = openat(f->proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
        int mount_fd = openat(f->proc_fd, "ns/mnt", O_RDONLY | O_CLOEXEC);
        pid_t pid = fork();

        if (pid == 0) {
                char options[64];
                int fd;

                if (setns(user_fd, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                        _exit(EXIT_FAILURE);
                fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
                snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
                if (fd < 0 || setns(mount_fd, CLONE_NEWNS) < 0 ||
                    mount("silent", "/opt", "fuse", 0, options) < 0)
                        _exit(EXIT_FAILURE);
                serve_nothing(fd);
        }
        close(user_fd);
        close(mount_fd);
        return pid;
}

/* Whoever went in there cannot be ended, but the steps that follow can: they do not go after him. */
static void test_never_answers(void **state) {
        Fixture *f = need(state);
        unsigned int tries;
        pid_t server, pid;
        int status, r;

        if (access("/dev/fuse", F_OK) < 0)
                skip_because("no FUSE");
        does(f, do_mkdir, "/opt");
        server = start_silent(f);
        for (tries = 0; mounts_at(f, "/opt") == 0; tries++) {
                assert_in_range(tries, 0, 1000);
                usleep(10000);
        }

        pid = fork();
        if (pid == 0)
                _exit(-add(f, f->data, "opt/data", "ro"));
        for (tries = 0; inside_call(&f->inside, do_exist, "/asked") != 0; tries++) {
                assert_in_range(tries, 0, 1000);
                usleep(10000);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(add(f, f->data, "opt/data", "ro"), -EBUSY);
        assert_int_equal(add(f, f->lib, "a.so", "ro"), -EBUSY);

        assert_int_equal(kill(server, SIGKILL), 0);
        assert_int_equal(waitpid(server, &status, 0), server);
        does(f, do_umount, "/opt");
        for (tries = 0; (r = add(f, f->data, "opt/data", "ro")) == -EBUSY; tries++) {
                assert_in_range(tries, 0, 1000);
                usleep(10000);
        }
        assert_int_equal(r, 0);
        does(f, do_compare, "/opt/data/table table\n");
        assert_int_equal(take(f, f->data, "opt/data"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                mount_test(test_made_writable),
                mount_test(test_writable),
                mount_test(test_covered),
                mount_test(test_covered_file),
                mount_test(test_covered_without_end),
                mount_test(test_moved),
                mount_test(test_moved_to_odd_place),
                mount_test(test_copied),
                mount_test(test_unmounted),
                mount_test(test_links),
                mount_test(test_link_at_the_end),
                mount_test(test_leads_out),
                mount_test(test_way_is_moved),
                mount_test(test_never_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
