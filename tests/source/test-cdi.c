/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CDI files in folders of the test's own: what they describe comes, changes and goes with them, and with the
 * nodes of the host that they name. What is told of goes through the registry. Where a look is due later, the
 * test waits for the descriptor.
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
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "model/registry.h"
#include "source/cdi.h"
#include "support/failing-memory.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define WAIT_MSEC 10000

typedef struct Fixture {
        char top[64];
        char low[96], high[96]; /* the folders; of the second one neither that nor its parent is there */
        Registry registry;
        CdiSource *source;
        unsigned int n_events, n_changes, n_lines;
        char line[512]; /* that was logged last */
} Fixture;

static Fixture *logged;

static void on_log(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                   const char *text) {
        logged->n_lines++;
        snprintf(logged->line, sizeof(logged->line), "%s", text);
}

static void on_event(void *userdata, const Uevent *event, bool complete) {
        Fixture *f = userdata;
        RegistryChange change;
        Device *device;

        assert_true(complete);
        assert_int_equal(registry_apply(&f->registry, event, complete, &change, &device), 0);
        f->n_events++;
        f->n_changes += change != REGISTRY_UNCHANGED;
        if (device && device->n_parts == 0)
                registry_drop_device(&f->registry, device);
}

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = logged = f;
        strcpy(f->top, "/tmp/davit-test-cdi.XXXXXX");
        assert_non_null(mkdtemp(f->top));
        snprintf(f->low, sizeof(f->low), "%s/etc", f->top);
        snprintf(f->high, sizeof(f->high), "%s/run/cdi", f->top);
        assert_int_equal(mkdir(f->low, 0755), 0);
        registry_init(&f->registry);
        log_set_sink(on_log);
        assert_int_equal(
                cdi_source_new((const char *const[]){f->low, f->high, NULL}, on_event, f, &f->source), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        cdi_source_free(f->source);
        registry_deinit(&f->registry);
        log_set_sink(NULL);
        assert_int_equal(nftw(f->top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(f);
        return 0;
}

/* Writes a file as it should be: beside it, and renamed. */
static void put_text(const char *folder, const char *file, const char *text) {
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_file(fd, file, text, strlen(text), 0644), 0);
}

/* A file with the devices v/c=NAME for each letter of @names, which have the variable FROM=@mark. */
static void put(const char *folder, const char *file, const char *names, const char *mark) {
        char text[1024] = "cdiVersion: 0.5.0\nkind: v/c\ndevices:\n";

        for (; *names; names++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text),
                         "  - { name: %c, containerEdits: { env: [FROM=%s] } }\n", *names, mark);
        put_text(folder, file, text);
}

/* A file with v/c=a, whose node is /dev/@name with these fields. */
static void put_node(const Fixture *f, const char *fields) {
        char text[512];

        snprintf(text, sizeof(text),
                 "cdiVersion: 0.5.0\nkind: v/c\ndevices:\n"
                 "  - { name: a, containerEdits: { deviceNodes: [{ path: /dev/board, %s }] } }\n",
                 fields);
        put_text(f->low, "a.yaml", text);
}

static void take(const char *folder, const char *file) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", folder, file);
        assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* "NAME FILE FROM …" of each device, sorted as they came; of a node what was found. */
static const char *devices(const Fixture *f) {
        static char text[1024];
        size_t n = 0;

        text[0] = '\0';
        registry_devices_foreach(device, &f->registry) {
                const Edits *edits = device->parts->edits;
                const char *file = device_property(device, "CDI_FILE");

                assert_true(device_is_cdi(device));
                assert_string_equal(device_property(device, "CDI_DEVICE"), device->place);
                assert_true(startswith(file, f->top) != NULL);
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s", n > 0 ? ", " : "", device->place,
                                      file + strlen(f->top) + 1);
                for (size_t i = 0; i < edits->n_env; i++)
                        n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", edits->env[i]);
                for (size_t i = 0; i < edits->n_nodes; i++) {
                        const EditNode *node = &edits->nodes[i];

                        n += node->error < 0
                                     ? (size_t)snprintf(text + n, sizeof(text) - n, " %d", node->error)
                             : node->numbered ? (size_t)snprintf(text + n, sizeof(text) - n, " %c%u:%u said",
                                                                 node->type, node->major, node->minor)
                                              : (size_t)snprintf(text + n, sizeof(text) - n, " %c%u:%u",
                                                                 node->found_type, major(node->found_rdev),
                                                                 minor(node->found_rdev));
                }
        }
        return text;
}

static void scan(Fixture *f, const char *expected) {
        assert_int_equal(cdi_source_scan(f->source), 0);
        assert_string_equal(devices(f), expected);
        assert_int_equal(cdi_source_is_empty(f->source), !*expected);
}

static void dispatch_next(Fixture *f) {
        struct pollfd p = {.fd = cdi_source_fd(f->source), .events = POLLIN};

        if (poll(&p, 1, WAIT_MSEC) != 1)
                fail_msg("nothing is due, and there is \"%s\"", devices(f));
        assert_int_equal(cdi_source_dispatch(f->source), 0);
}

/* Lets the source work until that is what there is. */
static void await(Fixture *f, const char *expected) {
        while (!streq(devices(f), expected))
                dispatch_next(f);
}

static void test_no_folder(void **state) {
        Fixture *f = *state;

        scan(f, "");
        assert_int_equal(f->n_events, 0);
        assert_int_equal(f->n_lines, 0);
}

static void test_come_and_go(void **state) {
        Fixture *f = *state;

        put(f->low, "a.yaml", "ab", "1");
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        put(f->low, "c.json", "c", "1");
        await(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1, v/c=c etc/c.json FROM=1");
        /* Replaced: one goes, one stays, one changes. */
        put(f->low, "a.yaml", "b", "2");
        await(f, "v/c=b etc/a.yaml FROM=2, v/c=c etc/c.json FROM=1");
        take(f->low, "a.yaml");
        await(f, "v/c=c etc/c.json FROM=1");
        take(f->low, "c.json");
        await(f, "");
        assert_true(cdi_source_is_empty(f->source));
        assert_int_equal(f->n_lines, 0);
}

/* Each look tells of all, of which nothing is news. */
static void test_same_again(void **state) {
        Fixture *f = *state;

        put(f->low, "a.yaml", "ab", "1");
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        assert_int_equal(f->n_events, 2);
        assert_int_equal(f->n_changes, 2);
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        assert_int_equal(f->n_events, 4);
        assert_int_equal(f->n_changes, 2);
}

static void test_folders(void **state) {
        Fixture *f = *state;

        put(f->low, "a.yaml", "ab", "low");
        scan(f, "v/c=a etc/a.yaml FROM=low, v/c=b etc/a.yaml FROM=low");
        /* First the parent comes, then the folder, then a file in it. */
        assert_int_equal(fd_mkdir_parents(f->high, 0755), 0);
        put(f->high, "b.yaml", "b", "high");
        await(f, "v/c=a etc/a.yaml FROM=low, v/c=b run/cdi/b.yaml FROM=high");
        put(f->high, "c.yaml", "c", "high");
        await(f, "v/c=a etc/a.yaml FROM=low, v/c=b run/cdi/b.yaml FROM=high, v/c=c run/cdi/c.yaml FROM=high");
        /* It goes as a whole, and comes again. */
        take(f->top, "run");
        await(f, "v/c=a etc/a.yaml FROM=low, v/c=b etc/a.yaml FROM=low");
        assert_int_equal(fd_mkdir_parents(f->high, 0755), 0);
        put(f->high, "a.yaml", "a", "again");
        await(f, "v/c=a run/cdi/a.yaml FROM=again, v/c=b etc/a.yaml FROM=low");
}

/* Step by step, with a look after each. */
static void test_folder_comes_later(void **state) {
        Fixture *f = *state;
        char parent[96];

        scan(f, "");
        snprintf(parent, sizeof(parent), "%s/run", f->top);
        assert_int_equal(mkdir(parent, 0755), 0);
        dispatch_next(f); /* inotify */
        dispatch_next(f); /* the look */
        assert_int_equal(mkdir(f->high, 0755), 0);
        dispatch_next(f);
        dispatch_next(f);
        put(f->high, "a.yaml", "a", "1");
        await(f, "v/c=a run/cdi/a.yaml FROM=1");
}

/* A file that is bad now keeps what it had; who begins with a bad one has nothing. */
static void test_bad_file(void **state) {
        static const char bad[] = "cdiVersion: 0.5.0\nkind: v/c\ndevices: [{ name: a";
        Fixture *f = *state;

        put(f->low, "a.yaml", "ab", "1");
        put_text(f->low, "z.yaml", bad);
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        assert_int_equal(f->n_lines, 1);
        assert_non_null(strstr(f->line, "etc/z.yaml:"));
        put_text(f->low, "a.yaml", bad);
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        assert_int_equal(f->n_lines, 3);
        /* What is known to be wrong is not said again. */
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        assert_int_equal(f->n_lines, 3);

        /* Good again, without one of them. */
        put(f->low, "a.yaml", "b", "2");
        await(f, "v/c=b etc/a.yaml FROM=2");
        assert_int_equal(f->n_lines, 4);
        put_text(f->low, "a.yaml", bad);
        scan(f, "v/c=b etc/a.yaml FROM=2");
        /* Another file has it now. */
        put(f->low, "b.yaml", "b", "3");
        await(f, "v/c=b etc/b.yaml FROM=3");
        /* Gone, with what it had kept. */
        put(f->low, "b.yaml", "x", "3");
        await(f, "v/c=x etc/b.yaml FROM=3");
        put_text(f->low, "b.yaml", bad);
        scan(f, "v/c=x etc/b.yaml FROM=3");
        take(f->low, "b.yaml");
        await(f, "");
}

/* Two files of one folder: nobody could say which is meant. */
static void test_conflict(void **state) {
        Fixture *f = *state;

        put(f->low, "a.yaml", "ab", "1");
        scan(f, "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1");
        put(f->low, "b.yaml", "b", "2");
        await(f, "v/c=a etc/a.yaml FROM=1");
        assert_true(f->n_lines > 0);
        take(f->low, "a.yaml");
        await(f, "v/c=b etc/b.yaml FROM=2");
}

/* ---- nodes */

static void make_node(const Fixture *f, const char *name, mode_t mode, unsigned int n_major,
                      unsigned int n_minor) {
        char path[128];

        snprintf(path, sizeof(path), "%s/dev/%s", f->top, name);
        if (mknod(path, mode | 0600, makedev(n_major, n_minor)) < 0)
                fail_msg("%s: %m", path);
}

static void make_dev(const Fixture *f) {
        char path[96];

        snprintf(path, sizeof(path), "%s/dev", f->top);
        assert_int_equal(mkdir(path, 0755), 0);
}

#define skip_unless_root()                      \
        do {                                    \
                if (geteuid() != 0) {           \
                        puts("SKIP: not root"); \
                        skip();                 \
                }                               \
        } while (0)

static void test_node_comes_and_goes(void **state) {
        Fixture *f = *state;
        char fields[128];

        skip_unless_root();
        snprintf(fields, sizeof(fields), "hostPath: %s/dev/board", f->top);
        put_node(f, fields);
        /* Nor is its folder there. */
        scan(f, "v/c=a etc/a.yaml -2");
        make_dev(f);
        make_node(f, "board", S_IFCHR, 240, 1);
        await(f, "v/c=a etc/a.yaml c240:1");
        take(f->top, "dev/board");
        await(f, "v/c=a etc/a.yaml -2");
        make_node(f, "board", S_IFBLK, 240, 2);
        await(f, "v/c=a etc/a.yaml b240:2");

        /* Another number from one moment to the other. */
        make_node(f, "new", S_IFCHR, 240, 3);
        {
                char from[128], to[128];

                snprintf(from, sizeof(from), "%s/dev/new", f->top);
                snprintf(to, sizeof(to), "%s/dev/board", f->top);
                assert_int_equal(rename(from, to), 0);
        }
        await(f, "v/c=a etc/a.yaml c240:3");
        take(f->top, "dev");
        await(f, "v/c=a etc/a.yaml -2");
        assert_int_equal(f->n_lines, 0);
}

static void test_kinds_of_nodes(void **state) {
        static const struct {
                const char *name, *more, *found;
        } cases[] = {
                {"char", "", "v/c=a etc/a.yaml c240:1"},
                {"char", ", type: c", "v/c=a etc/a.yaml c240:1"},
                {"char", ", type: u", "v/c=a etc/a.yaml c240:1"},
                {"char", ", type: b", "v/c=a etc/a.yaml -19"},
                {"block", "", "v/c=a etc/a.yaml b240:2"},
                {"block", ", type: b", "v/c=a etc/a.yaml b240:2"},
                {"block", ", type: c", "v/c=a etc/a.yaml -19"},
                {"link", "", "v/c=a etc/a.yaml -19"},
                {"fifo", "", "v/c=a etc/a.yaml -19"},
                {".", "", "v/c=a etc/a.yaml -19"},
                {"char/x", "", "v/c=a etc/a.yaml -20"},
                /* A number without a type counts for nothing, one with it for all. */
                {"char", ", major: 1, minor: 3", "v/c=a etc/a.yaml c240:1"},
                {"missing", ", type: c, major: 1, minor: 3", "v/c=a etc/a.yaml c1:3 said"},
        };
        Fixture *f = *state;
        char path[128];

        skip_unless_root();
        make_dev(f);
        make_node(f, "char", S_IFCHR, 240, 1);
        make_node(f, "block", S_IFBLK, 240, 2);
        make_node(f, "fifo", S_IFIFO, 0, 0);
        snprintf(path, sizeof(path), "%s/dev/link", f->top);
        assert_int_equal(symlink("char", path), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char fields[256];

                print_message("case %zu\n", i);
                snprintf(fields, sizeof(fields), "hostPath: %s/dev/%s%s", f->top, cases[i].name,
                         cases[i].more);
                put_node(f, fields);
                scan(f, cases[i].found);
        }
}

/* Also of a file that cannot be read just now, whose devices are kept. */
static void test_node_of_bad_file(void **state) {
        Fixture *f = *state;
        char fields[128];

        skip_unless_root();
        make_dev(f);
        snprintf(fields, sizeof(fields), "hostPath: %s/dev/board", f->top);
        put_node(f, fields);
        scan(f, "v/c=a etc/a.yaml -2");
        put_text(f->low, "a.yaml", "cdiVersion: [");
        scan(f, "v/c=a etc/a.yaml -2");
        make_node(f, "board", S_IFCHR, 240, 1);
        await(f, "v/c=a etc/a.yaml c240:1");
}

/* ---- memory */

#if OWN_ALLOCATOR

static void on_counted(void *userdata, _unused_ const Uevent *event, _unused_ bool complete) {
        (*(unsigned int *)userdata)++;
}

static void put_some(const Fixture *f) {
        put(f->low, "a.yaml", "ab", "1");
        put(f->low, "b.yaml", "cd", "1");
        put_text(f->low, "c.yaml",
                 "cdiVersion: 0.5.0\nkind: v/d\ndevices:\n"
                 "  - { name: a, containerEdits: { deviceNodes: [{ path: /dev/davit-none }] } }\n");
        put_text(f->low, "bad.yaml", "cdiVersion: 0.5.0\nkind: v/c\ndevices: x\n");
}

/* From nothing to all that there is, and away again. */
static int look(const Fixture *f, unsigned int *ret_n) {
        const char *const folders[] = {f->low, f->high, NULL};
        CdiSource *source;
        int r;

        *ret_n = 0;
        r = cdi_source_new(folders, on_counted, ret_n, &source);
        if (r < 0)
                return r;
        r = cdi_source_scan(source);
        cdi_source_free(source);
        return r;
}

static void test_memory(void **state) {
        Fixture *f = *state;
        size_t k, n_refused = 0;
        unsigned int n;

        put_some(f);
        assert_int_equal(look(f, &n), 0);
        assert_int_equal(n, 5);
        for (k = 1;; k++) {
                int r;

                n_live = 0;
                failed = false;
                until_failure = k;
                armed = true;
                r = look(f, &n);
                armed = false;
                if (n_live != 0)
                        fail_msg("allocation %zu: %td are left", k, n_live);
                if (!failed)
                        break;
                assert_true(r == -ENOMEM || r == 0);
                n_refused += r == -ENOMEM;
        }
        assert_int_equal(n, 5);
        assert_true(n_refused > 100);
}

/* The memory that fails is the source's alone. */
static void on_event_safely(void *userdata, const Uevent *event, bool complete) {
        bool was_armed = armed;

        armed = false;
        on_event(userdata, event, complete);
        armed = was_armed;
}

/* What a look has missed the next one has: and nobody lost anything by that. */
static void test_memory_then_again(void **state) {
        static const char before[] = "v/c=a etc/a.yaml FROM=1, v/c=b etc/a.yaml FROM=1, "
                                     "v/c=c etc/b.yaml FROM=1, v/c=d etc/b.yaml FROM=1, v/d=a etc/c.yaml -2";
        Fixture *f = *state;
        size_t k;

        cdi_source_free(f->source);
        assert_int_equal(
                cdi_source_new((const char *const[]){f->low, f->high, NULL}, on_event_safely, f, &f->source),
                0);
        put_some(f);
        scan(f, before);
        for (k = 1;; k++) {
                int r;

                failed = false;
                until_failure = k;
                armed = true;
                r = cdi_source_scan(f->source);
                armed = false;
                if (!failed)
                        break;
                assert_true(r == -ENOMEM || r == 0);
                assert_string_equal(devices(f), before);
                scan(f, before);
        }
        assert_string_equal(devices(f), before);
        assert_true(k > 100);
}

#else

static void test_memory(_unused_ void **state) {
        print_message("SKIP: the allocator belongs to a sanitizer or to another C library\n");
        skip();
}

#define test_memory_then_again test_memory

#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_no_folder),
                TEST(test_come_and_go),
                TEST(test_same_again),
                TEST(test_folders),
                TEST(test_folder_comes_later),
                TEST(test_bad_file),
                TEST(test_conflict),
                TEST(test_node_comes_and_goes),
                TEST(test_kinds_of_nodes),
                TEST(test_node_of_bad_file),
                TEST(test_memory),
                TEST(test_memory_then_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
