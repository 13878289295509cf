/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The parser against two corpora: good/NAME.yaml is understood as good/NAME.txt says, bad/NAME.yaml gives
 * exactly the complaints of bad/NAME.txt. And every example that is shipped parses.
 *
 * CORPUS_UPDATE=1 in the environment writes the expected texts anew; read the difference before committing
 * it.
 */

#include "config.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/dump.h"
#include "rule/fixture.h"
#include "util/fd.h"

#include <fcntl.h>
#include <libgen.h>

static const char *line_end(const char *s) {
        const char *end = strchr(s, '\n');

        return end ? end + 1 : s + strlen(s);
}

/* Prints the lines between the common start and the common end of both. */
static void print_difference(const char *path, const char *expected, const char *got) {
        const char *a = expected, *b = got, *a_end = expected + strlen(expected), *b_end = got + strlen(got);

        while (*a && *b && line_end(a) - a == line_end(b) - b &&
               strncmp(a, b, (size_t)(line_end(a) - a)) == 0) {
                a = line_end(a);
                b = line_end(b);
        }
        while (a_end > a && b_end > b && a_end[-1] == b_end[-1]) {
                a_end--;
                b_end--;
        }
        print_error("--- %s\n+++ as parsed\n", path);
        for (; a < a_end; a = line_end(a))
                print_error("-%.*s%s", (int)(line_end(a) - a), a, strchr(a, '\n') ? "" : "\n");
        for (; b < b_end; b = line_end(b))
                print_error("+%.*s%s", (int)(line_end(b) - b), b, strchr(b, '\n') ? "" : "\n");
}

/* What there is to say of one file: its complaints, then its rules. */
static char *describe(const char *path) {
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        _cleanup_free_ char *text = NULL, *copy = strdup(path);
        ParseErrors errors = {};
        char *described = NULL;
        size_t size, n, n_described;
        FILE *f = open_memstream(&described, &n_described);
        int r;

        assert_non_null(f);
        assert_non_null(copy);
        assert_int_equal(fd_read_file(AT_FDCWD, path, 1U << 24, &text, &size), 0);
        assert_int_equal(rule_set_new(&set), 0);
        r = rule_set_parse(set, basename(copy), text, size, &errors);
        assert_int_equal(r, errors.n_errors > 0);
        assert_int_equal(rule_set_seal(set, &errors), 0);
        assert_int_equal(rule_set_parse(set, "late.yaml", text, size, &errors), -EBUSY);
        for (size_t i = 0; i < errors.n_items; i++) {
                _cleanup_free_ char *line = NULL;

                assert_int_equal(parse_error_format(&errors.items[i], &line), 0);
                fprintf(f, "%s\n", line);
        }
        if (errors.n_dropped > 0)
                fprintf(f, "%zu of %zu errors not shown\n", errors.n_dropped, errors.n_errors);
        /* A bad file adds nothing. */
        n = rule_set_size(set);
        assert_true(r == 0 || n == 0);
        for (size_t i = 0; i < n; i++)
                dump_rule(f, rule_set_get(set, i));
        fclose(f);
        parse_errors_deinit(&errors);
        return described;
}

static bool check_file(const char *path, bool good) {
        _cleanup_free_ char *got = describe(path), *expected = NULL, *expected_path = strdup(path);
        char *suffix;

        assert_non_null(expected_path);
        if ((strstr(got, ": error: ") == NULL) != good) {
                print_error("%s is in the wrong corpus:\n%s", path, got);
                return false;
        }
        suffix = strstr(expected_path, ".yaml");
        assert_non_null(suffix);
        strcpy(suffix, ".txt");
        if (getenv("CORPUS_UPDATE"))
                assert_int_equal(fd_write_file(AT_FDCWD, expected_path, got, strlen(got), 0644), 0);
        if (fd_read_file(AT_FDCWD, expected_path, 1U << 24, &expected, NULL) < 0) {
                print_error("%s is missing; as parsed:\n%s", expected_path, got);
                return false;
        }
        if (streq(expected, got))
                return true;
        print_difference(expected_path, expected, got);
        return false;
}

/* Every file of a corpus; in the bad one each has an error to show, in the good one none. */
static void check_corpus(const char *pattern, size_t at_least, bool good) {
        size_t n_bad = 0;
        glob_t found;

        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        assert_true(found.gl_pathc >= at_least);
        for (size_t i = 0; i < found.gl_pathc; i++)
                n_bad += !check_file(found.gl_pathv[i], good);
        globfree(&found);
        assert_int_equal(n_bad, 0);
}

static void test_good(void **state) {
        check_corpus(TEST_DATA_DIR "/rule/good/*.yaml", 13, true);
}

static void test_bad(void **state) {
        check_corpus(TEST_DATA_DIR "/rule/bad/*.yaml", 45, false);
}

/* What is shipped as an example works as it stands: no error, no warning. */
static void test_examples(void **state) {
        glob_t found;

        assert_int_equal(glob(TEST_DATA_DIR "/../policy/*.yaml.example", 0, NULL, &found), 0);
        assert_int_equal(found.gl_pathc, 4);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                _cleanup_(rule_set_freep) RuleSet *set = NULL;
                _cleanup_free_ char *text = NULL;
                ParseErrors errors = {};
                size_t size;

                assert_int_equal(fd_read_file(AT_FDCWD, found.gl_pathv[i], 1U << 20, &text, &size), 0);
                assert_int_equal(rule_set_new(&set), 0);
                assert_int_equal(rule_set_parse(set, found.gl_pathv[i], text, size, &errors), 0);
                assert_int_equal(rule_set_seal(set, &errors), 0);
                print_errors(&errors);
                assert_int_equal(errors.n_items, 0);
                assert_true(rule_set_size(set) >= 2);
                parse_errors_deinit(&errors);
        }
        globfree(&found);
}

/* Files keep their order, a bad one among them adds nothing, and what it says of itself stands between the
 * others. */
static void test_several_files(void **state) {
        static const char *const texts[] = {
                "version: 1\nrules:\n  - { name: a, match: { class: usb }, deny: true }\n",
                "version: 1\nrules:\n  - { name: b, match: { class: usb }, deny: true }\n  - 7\n",
                "version: 1\nrules:\n  - { name: a, match: { class: net }, deny: true }\n",
        };
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        ParseErrors errors = {};

        assert_int_equal(rule_set_new(&set), 0);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                char name[] = {(char)('0' + i), '\0'};

                assert_int_equal(rule_set_parse(set, name, texts[i], strlen(texts[i]), &errors), i == 1);
        }
        assert_int_equal(rule_set_size(set), 2);
        assert_string_equal(rule_set_get(set, 0)->file, "0");
        assert_string_equal(rule_set_get(set, 1)->file, "2");
        assert_int_equal(rule_set_get(set, 1)->index, 1);
        assert_int_equal(errors.n_items, 1);
        assert_string_equal(errors.items[0].file, "1");
        parse_errors_deinit(&errors);
}

static void test_sizes(void **state) {
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        ParseErrors errors = {};

        assert_int_equal(rule_set_new(&set), 0);
        /* The size alone is looked at. */
        assert_int_equal(rule_set_parse(set, "huge.yaml", "", (size_t)RULE_FILE_SIZE_MAX + 1, &errors), 1);
        assert_string_equal(errors.items[0].message, "larger than 64 MiB");
        assert_int_equal(rule_set_parse(set, "none.yaml", NULL, 0, &errors), 1);
        assert_string_equal(errors.items[1].message, "no policy in the file");
        parse_errors_deinit(&errors);
}

static void test_error_format(void **state) {
        static const struct {
                ParseError error;
                const char *text;
        } cases[] = {
                {{PARSE_ERROR, (char *)"a.yaml", 3, 7, (char *)"wrong"}, "a.yaml:3:7: error: wrong"},
                {{PARSE_WARNING, (char *)"a.yaml", 3, 0, (char *)"odd"}, "a.yaml:3: warning: odd"},
                {{PARSE_ERROR, (char *)"a.yaml", 3, 7, (char *)"wrong", (char *)"b[0].c"},
                 "a.yaml:3:7: error: b[0].c: wrong"},
                {{PARSE_ERROR, (char *)"a.yaml", 0, 0, (char *)"wrong", (char *)"b"},
                 "a.yaml: error: b: wrong"},
                {{PARSE_ERROR, (char *)"a\x1b[2J", 0, 7, (char *)"wrong"}, "a\\x1b[2J: error: wrong"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(parse_error_format(&cases[i].error, &text), 0);
                assert_string_equal(text, cases[i].text);
        }
}

static void test_error_order(void **state) {
        static const unsigned int lines[] = {9, 3, 5, 3, 1};
        ParseErrors errors = {};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                assert_int_equal(parse_errors_add(&errors, i == 0 ? PARSE_ERROR : PARSE_WARNING, "f",
                                                  lines[i], 1, "%zu", i),
                                 0);
        assert_int_equal(errors.n_errors, 1);
        parse_errors_sort(&errors, 1);
        assert_string_equal(errors.items[0].message, "0");
        assert_string_equal(errors.items[1].message, "4");
        assert_string_equal(errors.items[2].message, "1");
        assert_string_equal(errors.items[3].message, "3");
        assert_string_equal(errors.items[4].message, "2");
        parse_errors_deinit(&errors);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),        cmocka_unit_test(test_bad),
                cmocka_unit_test(test_examples),    cmocka_unit_test(test_several_files),
                cmocka_unit_test(test_sizes),       cmocka_unit_test(test_error_format),
                cmocka_unit_test(test_error_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
