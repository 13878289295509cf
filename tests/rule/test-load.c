/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Policy folders: order, replacement, masks, and files that cannot be used.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rule/fixture.h"
#include "util/fd.h"

typedef struct Folders {
        char root[64];
        char paths[3][80];
        const char *list[5];
} Folders;

static int setup(void **state) {
        Folders *folders = calloc(1, sizeof(Folders));

        assert_non_null(folders);
        strcpy(folders->root, "/tmp/test-load-XXXXXX");
        assert_non_null(mkdtemp(folders->root));
        for (size_t i = 0; i < 3; i++) {
                snprintf(folders->paths[i], sizeof(folders->paths[i]), "%s/%c", folders->root,
                         (int)('a' + i));
                assert_int_equal(mkdir(folders->paths[i], 0755), 0);
                folders->list[i] = folders->paths[i];
        }
        /* One that is not there. */
        folders->list[3] = "/nowhere/policy.d";
        *state = folders;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static int teardown(void **state) {
        Folders *folders = *state;

        nftw(folders->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(folders);
        return 0;
}

static void put(const char *folder, const char *name, const char *text) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void put_rule(const char *folder, const char *name, const char *rule) {
        char text[256];

        snprintf(text, sizeof(text), "version: 1\nrules: [{ name: %s, match: { serial: %s }, deny: true }]\n",
                 rule, rule);
        put(folder, name, text);
}

static void put_link(const char *folder, const char *name, const char *target) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(symlink(target, path), 0);
}

/* The names of the rules in order, and the complaints, without the root of the folders. */
static void assert_load(const Folders *folders, const char *rules, const char *complaints) {
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        ParseErrors errors = {};
        char got[1024] = "";

        assert_int_equal(rule_set_load(folders->list, &set, &errors), 0);
        for (size_t i = 0; i < rule_set_size(set); i++)
                snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
                         rule_set_get(set, i)->name);
        assert_string_equal(got, rules);
        got[0] = '\0';
        for (size_t i = 0; i < errors.n_items; i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(parse_error_format(&errors.items[i], &text), 0);
                assert_non_null(startswith(text, folders->root));
                snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s\n", text + strlen(folders->root));
        }
        assert_string_equal(got, complaints);
        parse_errors_deinit(&errors);
}

static void test_order(void **state) {
        const Folders *folders = *state;

        put_rule(folders->paths[0], "50-x.yaml", "second");
        put_rule(folders->paths[2], "10-y.yaml", "first");
        put_rule(folders->paths[1], "90-z.yaml", "third");
        put_rule(folders->paths[1], "5-w.yaml", "between");
        assert_load(folders, "first between second third", "");
}

static void test_replace(void **state) {
        const Folders *folders = *state;

        put_rule(folders->paths[0], "10.yaml", "vendors");
        put_rule(folders->paths[1], "10.yaml", "runtimes");
        put_rule(folders->paths[2], "10.yaml", "admins");
        put_rule(folders->paths[0], "20.yaml", "kept");
        assert_load(folders, "admins kept", "");
}

static void test_mask(void **state) {
        const Folders *folders = *state;

        put_rule(folders->paths[0], "10.yaml", "a");
        put_rule(folders->paths[0], "20.yaml", "b");
        put_rule(folders->paths[0], "30.yaml", "c");
        put_rule(folders->paths[0], "40.yaml", "d");
        put_link(folders->paths[1], "10.yaml", "/dev/null");
        put(folders->paths[2], "20.yaml", "");
        /* A mask can be undone by a file that goes before it. */
        put(folders->paths[1], "30.yaml", "");
        put_rule(folders->paths[2], "30.yaml", "e");
        assert_load(folders, "e d", "");
}

static void test_passed_over(void **state) {
        const Folders *folders = *state;
        char path[256];

        put(folders->paths[0], ".10.yaml", "nonsense");
        put(folders->paths[0], "README", "nonsense");
        put(folders->paths[0], "10.yaml.example", "nonsense");
        put(folders->paths[0], "10.yaml~", "nonsense");
        snprintf(path, sizeof(path), "%s/sub", folders->paths[0]);
        assert_int_equal(mkdir(path, 0755), 0);
        put_rule(path, "10.yaml", "below");
        assert_load(folders, "", "");
}

static void test_link(void **state) {
        const Folders *folders = *state;
        char path[256];

        put_rule(folders->root, "elsewhere", "linked");
        snprintf(path, sizeof(path), "%s/elsewhere", folders->root);
        put_link(folders->paths[0], "10.yaml", path);
        assert_load(folders, "linked", "");
}

/* A file that cannot be used is left out with its reason; it still replaces the one that it was to replace.
 */
static void test_unusable(void **state) {
        const Folders *folders = *state;
        char path[256];

        put_rule(folders->paths[0], "10.yaml", "replaced");
        put(folders->paths[1], "10.yaml", "version: 1\nrules: nothing\n");
        put_rule(folders->paths[0], "20.yaml", "good");
        snprintf(path, sizeof(path), "%s/30.yaml", folders->paths[1]);
        assert_int_equal(mkdir(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/40.yaml", folders->paths[1]);
        assert_int_equal(mkfifo(path, 0644), 0);
        put_link(folders->paths[1], "50.yaml", "/nowhere/at/all");
        put_link(folders->paths[1], "60.yaml", "60.yaml");
        put_link(folders->paths[1], "70.yaml", "/dev/zero");
        assert_load(folders, "good",
                    "/b/10.yaml:2:8: error: rules takes a list of rules, not \"nothing\"\n"
                    "/b/30.yaml: error: not a regular file\n"
                    "/b/40.yaml: error: not a regular file\n"
                    "/b/50.yaml: error: cannot be read: No such file or directory\n"
                    "/b/60.yaml: error: cannot be read: Too many levels of symbolic links\n"
                    "/b/70.yaml: error: not a regular file\n");
}

/* One byte more than allowed, and sparse. */
static void test_huge(void **state) {
        const Folders *folders = *state;
        char path[256];

        put_rule(folders->paths[0], "20.yaml", "good");
        put(folders->paths[1], "10.yaml", "version: 1\n");
        snprintf(path, sizeof(path), "%s/10.yaml", folders->paths[1]);
        assert_int_equal(truncate(path, (off_t)RULE_FILE_SIZE_MAX + 1), 0);
        assert_load(folders, "good", "/b/10.yaml: error: larger than 64 MiB\n");
}

static void test_names(void **state) {
        const Folders *folders = *state;

        put_rule(folders->paths[0], "my rules.yaml", "spaces");
        put_rule(folders->paths[1], "10-old.yml", "suffix");
        put_rule(folders->paths[2], "a\n\x1b[31m.yaml", "escape");
        assert_load(folders, "",
                    "/a/my rules.yaml: error: not read: a policy file is called by at most 63 letters, "
                    "digits and any "
                    "of ._-\n"
                    "/b/10-old.yml: warning: not read: a policy file ends in .yaml\n"
                    "/c/a\\x0a\\x1b[31m.yaml: error: not read: a policy file is called by at most 63 "
                    "letters, digits "
                    "and any of ._-\n");
}

/* A rule that an earlier file makes useless is told with both places. */
static void test_warning(void **state) {
        const Folders *folders = *state;
        _cleanup_free_ char *expected = NULL;

        put_rule(folders->paths[2], "10.yaml", "x");
        put_rule(folders->paths[0], "20.yaml", "x");
        assert_true(asprintf(&expected,
                             "/a/20.yaml:2:9: warning: rule \"x\" can never apply: rule \"x\" "
                             "(%s/c/10.yaml:2) takes "
                             "all that it could\n",
                             folders->root) > 0);
        assert_load(folders, "x x", expected);
}

static void test_no_folder(void **state) {
        const Folders *folders = *state;
        const char *const list[] = {folders->paths[0], "/dev/null", NULL};
        RuleSet *set = (RuleSet *)folders;
        ParseErrors errors = {};

        assert_int_equal(rule_set_load(list, &set, &errors), -ENOTDIR);
        assert_ptr_equal(set, folders);
        assert_int_equal(errors.n_items, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
                cmocka_unit_test_setup_teardown(test_mask, setup, teardown),
                cmocka_unit_test_setup_teardown(test_passed_over, setup, teardown),
                cmocka_unit_test_setup_teardown(test_link, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unusable, setup, teardown),
                cmocka_unit_test_setup_teardown(test_huge, setup, teardown),
                cmocka_unit_test_setup_teardown(test_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_warning, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
