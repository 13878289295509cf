/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Folders merged: which file of which folder a device is taken from, what is read and what is not, and what
 * two definitions of one device do.
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
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cdi/catalog.h"
#include "model/cdi-name.h"
#include "util/fd.h"
#include "util/string.h"

typedef struct Fixture {
        char root[sizeof("/tmp/test-catalog-XXXXXX")];
        char folders[3][PATH_MAX];
        const char *list[4];
        CdiCatalog *catalog;
        ParseErrors errors;
} Fixture;

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        strcpy(fixture->root, "/tmp/test-catalog-XXXXXX");
        assert_non_null(mkdtemp(fixture->root));
        for (size_t i = 0; i < 3; i++) {
                snprintf(fixture->folders[i], PATH_MAX, "%s/%zu", fixture->root, i);
                fixture->list[i] = fixture->folders[i];
        }
        /* The third is never made. */
        assert_int_equal(mkdir(fixture->folders[0], 0755), 0);
        assert_int_equal(mkdir(fixture->folders[1], 0755), 0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        cdi_catalog_free(fixture->catalog);
        parse_errors_deinit(&fixture->errors);
        nftw(fixture->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

/* A file with devices a/b=NAME for each letter of @names, each with the variable FROM=@mark. */
static void put(Fixture *fixture, size_t folder, const char *file, const char *names, const char *mark) {
        char path[PATH_MAX + NAME_MAX];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", fixture->folders[folder], file);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f, "cdiVersion: 0.5.0\nkind: a/b\ncontainerEdits: { env: [ALL=1] }\ndevices:\n");
        for (; *names; names++)
                fprintf(f, "  - { name: %c, containerEdits: { env: [FROM=%s] } }\n", *names, mark);
        fclose(f);
}

static void load(Fixture *fixture) {
        fixture->catalog = cdi_catalog_free(fixture->catalog);
        parse_errors_deinit(&fixture->errors);
        assert_int_equal(cdi_catalog_load(fixture->list, &fixture->catalog, &fixture->errors), 0);
}

/* "MARK", or "" where it can not be used. */
static const char *mark_of(const Fixture *fixture, const char *name) {
        static char mark[64];
        const CdiEntry *entry = cdi_catalog_find(fixture->catalog, name);
        _cleanup_(edits_freep) Edits *edits = NULL;

        if (!entry)
                return "";
        assert_int_equal(entry->status, CDI_USED);
        assert_int_equal(cdi_entry_edits(entry, &edits), 0);
        assert_int_equal(edits->n_env, 2);
        assert_string_equal(edits->env[0], "ALL=1");
        snprintf(mark, sizeof(mark), "%s", edits->env[1] + strlen("FROM="));
        return mark;
}

static bool complained(const Fixture *fixture, const char *file, const char *text) {
        for (size_t i = 0; i < fixture->errors.n_items; i++)
                if (strstr(fixture->errors.items[i].file, file) &&
                    strstr(fixture->errors.items[i].message, text))
                        return true;
        return false;
}

static void test_later_wins(void **state) {
        Fixture *fixture = *state;

        put(fixture, 0, "x.yaml", "ab", "first");
        put(fixture, 1, "y.json", "bc", "second");
        load(fixture);
        assert_int_equal(fixture->errors.n_items, 0);
        assert_string_equal(mark_of(fixture, "a/b=a"), "first");
        assert_string_equal(mark_of(fixture, "a/b=b"), "second");
        assert_string_equal(mark_of(fixture, "a/b=c"), "second");
        assert_string_equal(mark_of(fixture, "a/b=d"), "");
        assert_string_equal(mark_of(fixture, "a/b"), "");
        assert_int_equal(fixture->catalog->n_entries, 4);
        /* The shadowed one is listed behind the one that counts. */
        assert_int_equal(fixture->catalog->entries[1].status, CDI_USED);
        assert_int_equal(fixture->catalog->entries[2].status, CDI_SHADOWED);
}

static void test_conflict(void **state) {
        Fixture *fixture = *state;

        put(fixture, 1, "x.yaml", "ab", "x");
        put(fixture, 1, "y.yaml", "bc", "y");
        load(fixture);
        assert_int_equal(fixture->errors.n_errors, 2);
        assert_true(complained(fixture, "x.yaml", "a/b=b is in "));
        assert_true(complained(fixture, "y.yaml", "a/b=b is in "));
        assert_int_equal(fixture->errors.items[0].line, 6);
        assert_string_equal(mark_of(fixture, "a/b=a"), "x");
        assert_string_equal(mark_of(fixture, "a/b=b"), "");
        assert_string_equal(mark_of(fixture, "a/b=c"), "y");
}

/* Neither a folder before nor one behind helps it. */
static void test_conflict_stays(void **state) {
        Fixture *fixture = *state;

        for (size_t other = 0; other < 2; other++) {
                put(fixture, other, "0.yaml", "b", "other");
                put(fixture, !other, "x.yaml", "b", "x");
                put(fixture, !other, "y.yaml", "b", "y");
                load(fixture);
                assert_int_equal(fixture->errors.n_errors, 2);
                assert_string_equal(mark_of(fixture, "a/b=b"), "");
                for (size_t i = 0; i < fixture->catalog->n_entries; i++)
                        assert_int_equal(fixture->catalog->entries[i].status, CDI_CONFLICT);
                for (size_t i = 0; i < 2; i++) {
                        char path[PATH_MAX + 16];

                        for (const char *const *name = (const char *const[]){"0", "x", "y", NULL}; *name;
                             name++) {
                                snprintf(path, sizeof(path), "%s/%s.yaml", fixture->folders[i], *name);
                                (void)unlink(path);
                        }
                }
        }
}

static void test_names_of_files(void **state) {
        Fixture *fixture = *state;
        char path[PATH_MAX + 32];

        put(fixture, 0, "good.json", "a", "good");
        put(fixture, 0, ".hidden.yaml", "h", "hidden");
        put(fixture, 0, "x.yml", "b", "no");
        put(fixture, 0, "x.yaml~", "c", "no");
        put(fixture, 0, "x.YAML", "d", "no");
        put(fixture, 0, "yaml", "e", "no");
        put(fixture, 0, "spec.123.tmp", "f", "no");
        snprintf(path, sizeof(path), "%s/folder.yaml", fixture->folders[0]);
        assert_int_equal(mkdir(path, 0755), 0);
        load(fixture);
        assert_int_equal(fixture->errors.n_items, 0);
        assert_int_equal(fixture->catalog->n_entries, 2);
        assert_string_equal(mark_of(fixture, "a/b=a"), "good");
        assert_string_equal(mark_of(fixture, "a/b=h"), "hidden");
}

/* A bad file costs its own devices alone; what cannot be read is told. */
static void test_bad_files(void **state) {
        Fixture *fixture = *state;
        char path[PATH_MAX + 32];
        FILE *f;

        put(fixture, 0, "good.yaml", "a", "good");
        put(fixture, 0, "bad.yaml", "b1", "bad");
        snprintf(path, sizeof(path), "%s/bad.yaml", fixture->folders[0]);
        f = fopen(path, "ae");
        assert_non_null(f);
        fputs("  - { name: broken }\n", f);
        fclose(f);
        snprintf(path, sizeof(path), "%s/pipe.json", fixture->folders[0]);
        assert_int_equal(mkfifo(path, 0644), 0);
        snprintf(path, sizeof(path), "%s/dangling.json", fixture->folders[1]);
        assert_int_equal(symlink("/nonexistent", path), 0);
        snprintf(path, sizeof(path), "%s/empty.json", fixture->folders[1]);
        assert_int_equal(fd_write_file(AT_FDCWD, path, "", 0, 0644), 0);
        load(fixture);
        assert_string_equal(mark_of(fixture, "a/b=a"), "good");
        assert_int_equal(fixture->catalog->n_entries, 1);
        assert_int_equal(fixture->errors.n_errors, 4);
        assert_true(complained(fixture, "bad.yaml", "no edits"));
        assert_true(complained(fixture, "pipe.json", "not a regular file"));
        assert_true(complained(fixture, "dangling.json", "cannot be read"));
        assert_true(complained(fixture, "empty.json", "no specification"));
}

static void test_folder_is_none(void **state) {
        Fixture *fixture = *state;

        put(fixture, 0, "good.yaml", "a", "good");
        fixture->list[1] = "/dev/null";
        load(fixture);
        assert_string_equal(mark_of(fixture, "a/b=a"), "good");
        assert_int_equal(fixture->errors.n_errors, 1);
        assert_true(complained(fixture, "/dev/null", "cannot be read"));
}

static void test_ids(_unused_ void **state) {
        static const struct {
                const char *name, *id;
        } names[] = {
                {"nvidia.com/gpu=0", "cdi-nvidia.com:gpu:0"},
                {"nvidia.com/gpu=mig1:0", "cdi-nvidia.com:gpu:mig1:0"},
                {"a/b-c=d", "cdi-a:b-c:d"},
                {"a/b=c-d", "cdi-a:b:c-d"},
        };
        static const char *const bad[] = {"",        "a",       "a/b",     "a=b",    "/b=c",
                                          "a/=c",    "a/b=",    "a/b=c=d", "1a/b=c", "a/b=c/d",
                                          "a/b/c=d", "a b/c=d", "a/b=-c"};
        char id[64];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(cdi_name_to_id(names[i].name, id, sizeof(id)), 0);
                assert_string_equal(id, names[i].id);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(cdi_name_to_id(bad[i], id, sizeof(id)), -EINVAL);
        assert_int_equal(cdi_name_to_id("nvidia.com/gpu=0", id, strlen("cdi-nvidia.com/gpu=0")),
                         -ENAMETOOLONG);
        assert_int_equal(cdi_name_to_id("nvidia.com/gpu=0", id, sizeof("cdi-nvidia.com/gpu=0")), 0);
}

static void test_states(_unused_ void **state) {
        for (CdiStatus status = 0; status < CDI_STATUS_MAX; status++)
                assert_non_null(cdi_status_to_string(status));
        assert_null(cdi_status_to_string(CDI_STATUS_MAX));
        assert_null(cdi_status_to_string(CDI_STATUS_INVALID));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_later_wins),      TEST(test_conflict),           TEST(test_conflict_stays),
                TEST(test_names_of_files),  TEST(test_bad_files),          TEST(test_folder_is_none),
                cmocka_unit_test(test_ids), cmocka_unit_test(test_states),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
