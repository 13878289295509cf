/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Slices of ids: what the files give, what is taken, and that two processes never get the same. Wants no
 * root. */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/launch.h"
#include "util/fd.h"
#include "util/string.h"

typedef struct Fixture {
        char folder[64], subuid[96], subgid[96], locks[96];
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        strcpy(f->folder, "/tmp/davit-slice-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->subuid, sizeof(f->subuid), "%s/subuid", f->folder);
        snprintf(f->subgid, sizeof(f->subgid), "%s/subgid", f->folder);
        snprintf(f->locks, sizeof(f->locks), "%s/locks", f->folder);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", f->folder);
        assert_int_equal(system(command), 0);
        free(f);
        return 0;
}

static void give(const Fixture *f, const char *uids, const char *gids) {
        assert_int_equal(fd_write_file(AT_FDCWD, f->subuid, uids, strlen(uids), 0644), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, f->subgid, gids, strlen(gids), 0644), 0);
}

static int take(const Fixture *f, uint32_t want, IdSlice *ret, char **message) {
        return id_slice_take(f->subuid, f->subgid, f->locks, want, ret, message);
}

static void test_files(void **state) {
        static const struct {
                const char *uids, *gids;
                uint32_t want;
                int r;
                uint32_t uid_base, gid_base;
        } cases[] = {
                {"root:100000:65536\n", "root:100000:65536\n", 0, 0, 100000, 100000},
                {"0:100000:65536\n", "0:100000:65536\n", 0, 0, 100000, 100000},
                {"user:100000:65536\nroot:300000:65536\n", "root:300000:65536", 0, 0, 300000, 300000},
                /* Too small a range is passed over. */
                {"root:100000:1000\nroot:200000:65536\n", "root:200000:65536\n", 0, 0, 200000, 200000},
                /* The files need not say the same. */
                {"root:100000:65536\n", "root:700000:131072\n", 0, 0, 100000, 700000},
                {"root:100000:65535\n", "root:100000:65536\n", 0, -ENOSPC, 0, 0},
                {"", "", 0, -ENOENT, 0, 0},
                {"user:100000:65536\n", "root:100000:65536\n", 0, -ENOENT, 0, 0},
                /* Rubbish, the host's own root, and what goes beyond the last id. */
                {"root\nroot:\nroot:x:65536\nroot:-1:65536\nroot:0:65536\nroot:4294967290:65536\n\n:::\n",
                 "root:100000:65536\n", 0, -ENOENT, 0, 0},
                {"root:4294901760:65535\n", "root:100000:65536\n", 0, -ENOSPC, 0, 0},
                /* A base that a root folder asks for, on no grid. */
                {"root:100000:1000000\n", "root:100000:1000000\n", 123456, 0, 123456, 123456},
                {"root:100000:1000000\n", "root:100000:1000000\n", 99999, -ERANGE, 0, 0},
                {"root:100000:1000000\n", "root:100000:1000000\n", 1034465, -ERANGE, 0, 0},
                {"root:100000:1000000\n", "root:100000:1000000\n", 1034464, 0, 1034464, 1034464},
        };
        const Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *message = NULL;
                IdSlice slice = ID_SLICE_NULL;

                give(f, cases[i].uids, cases[i].gids);
                assert_int_equal(take(f, cases[i].want, &slice, &message), cases[i].r);
                if (cases[i].r < 0) {
                        assert_non_null(message);
                        assert_int_equal(slice.lock_fd, -EBADF);
                        continue;
                }
                assert_int_equal(slice.uid_base, cases[i].uid_base);
                assert_int_equal(slice.gid_base, cases[i].gid_base);
                assert_int_equal(slice.count, ID_SLICE_COUNT);
                id_slice_release(&slice);
                assert_int_equal(slice.lock_fd, -EBADF);
        }
}

static void test_missing_files(void **state) {
        _cleanup_free_ char *message = NULL;
        IdSlice slice;

        assert_int_equal(take(*state, 0, &slice, &message), -ENOENT);
        assert_non_null(strstr(message, "usermod --add-subuids"));
}

/* Made by somebody else, who was first in a folder that is everybody's. */
static void test_others_locks(void **state) {
        static const mode_t modes[] = {0777, 0775, 01777};
        const Fixture *f = *state;
        _cleanup_free_ char *message = NULL, *linked = NULL;
        IdSlice slice = ID_SLICE_NULL;

        give(f, "root:100000:65536\n", "root:100000:65536\n");
        assert_int_equal(mkdir(f->locks, 0755), 0);
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                _cleanup_free_ char *open_to_all = NULL;

                assert_int_equal(chmod(f->locks, modes[i]), 0);
                assert_int_equal(take(f, 0, &slice, &open_to_all), -EPERM);
                assert_non_null(strstr(open_to_all, f->locks));
        }
        assert_int_equal(chmod(f->locks, 0755), 0);
        if (geteuid() == 0) {
                assert_int_equal(chown(f->locks, 65534, 65534), 0);
                assert_int_equal(take(f, 0, &slice, &message), -EPERM);
                assert_non_null(strstr(message, f->locks));
        }
        assert_int_equal(rmdir(f->locks), 0);
        assert_int_equal(symlink("/tmp", f->locks), 0);
        assert_int_equal(take(f, 0, &slice, &linked), -EPERM);
        assert_non_null(strstr(linked, f->locks));
        assert_int_equal(unlink(f->locks), 0);
        assert_int_equal(take(f, 0, &slice, NULL), 0);
        id_slice_release(&slice);
}

static void test_all_taken(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *message = NULL, *busy = NULL;
        IdSlice a, b, c;

        give(f, "root:100000:131072\n", "root:100000:131072\n");
        assert_int_equal(take(f, 0, &a, NULL), 0);
        assert_int_equal(take(f, 0, &b, NULL), 0);
        assert_int_equal(a.uid_base, 100000);
        assert_int_equal(b.uid_base, 165536);
        assert_int_equal(take(f, 0, &c, &message), -ENOSPC);
        assert_non_null(strstr(message, "taken"));
        /* One that overlaps two. */
        assert_int_equal(take(f, 120000, &c, &busy), -EBUSY);
        assert_non_null(strstr(busy, "120000"));
        id_slice_release(&a);
        assert_int_equal(take(f, 0, &c, NULL), 0);
        assert_int_equal(c.uid_base, 100000);
        id_slice_release(&b);
        id_slice_release(&c);
}

/* An off-grid slice in use keeps both that it overlaps from being given. */
static void test_overlap(void **state) {
        const Fixture *f = *state;
        IdSlice a, b;

        give(f, "root:100000:262144\n", "root:100000:262144\n");
        assert_int_equal(take(f, 110000, &a, NULL), 0);
        assert_int_equal(take(f, 0, &b, NULL), 0);
        assert_int_equal(b.uid_base, 231072);
        id_slice_release(&a);
        id_slice_release(&b);
}

static void test_rubbish(void **state) {
        const Fixture *f = *state;
        _cleanup_free_ char *path = NULL;
        IdSlice a;

        give(f, "root:100000:65536\n", "root:100000:65536\n");
        assert_int_equal(mkdir(f->locks, 0755), 0);
        assert_true(asprintf(&path, "%s/100000-100000-65536", f->locks) > 0);
        /* As a holder that was killed leaves it. */
        assert_int_equal(fd_write_file(AT_FDCWD, path, "", 0, 0600), 0);
        assert_int_equal(take(f, 0, &a, NULL), 0);
        assert_int_equal(a.uid_base, 100000);
        assert_int_equal(access(path, F_OK), 0);
        id_slice_release(&a);
        assert_int_equal(access(path, F_OK), -1);
}

/* A copy in a child holds the slice when its owner is gone. */
static void test_copy_holds(void **state) {
        const Fixture *f = *state;
        int hold[2], status;
        char byte;
        IdSlice a, b;
        pid_t pid;

        give(f, "root:100000:65536\n", "root:100000:65536\n");
        assert_int_equal(take(f, 0, &a, NULL), 0);
        assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(hold[1]);
                _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
        }
        close(hold[0]);
        close(a.lock_fd);
        assert_int_equal(take(f, 0, &b, NULL), -ENOSPC);
        close(hold[1]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(take(f, 0, &b, NULL), 0);
        id_slice_release(&b);
}

#define PROCESSES 8
#define ROUNDS    200

/* Takes and gives back; while it has a slice, it has a lock of its own on the base, which nobody else may
 * have. */
static int hammer(const Fixture *f) {
        for (int i = 0; i < ROUNDS; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -EBADF;
                IdSlice slice;

                if (take(f, 0, &slice, NULL) < 0)
                        return 1;
                if (asprintf(&path, "%s/mine-%u", f->folder, slice.uid_base) < 0)
                        return 2;
                fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
                if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                        return 3;
                fd = safe_close(fd);
                id_slice_release(&slice);
        }
        return 0;
}

static void test_two_never_the_same(void **state) {
        const Fixture *f = *state;
        pid_t pids[PROCESSES];
        int status;

        give(f, "root:100000:655360\n", "root:100000:655360\n");
        for (int i = 0; i < PROCESSES; i++) {
                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (pids[i] == 0)
                        _exit(hammer(f));
        }
        for (int i = 0; i < PROCESSES; i++) {
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_missing_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_others_locks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_all_taken, setup, teardown),
                cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rubbish, setup, teardown),
                cmocka_unit_test_setup_teardown(test_copy_holds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_two_never_the_same, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
