/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pattern lists by table, words that were nearly right, and makers' names.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/fixture.h"
#include "rule/pattern.h"
#include "rule/vendor.h"
#include "yaml/word.h"

#define PATTERNS_MAX 4

/* "!x" is negated, as in a file. */
static PatternList list_of(const char *const *texts) {
        PatternList list = {};

        for (size_t i = 0; i < PATTERNS_MAX && texts[i]; i++)
                assert_int_equal(pattern_list_add(&list, texts[i] + (texts[i][0] == '!'), texts[i][0] == '!'),
                                 0);
        return list;
}

static void test_list_match(void **state) {
        static const struct {
                const char *patterns[PATTERNS_MAX];
                const char *value;
                bool match;
        } cases[] = {
                {{}, "x", true},
                {{}, NULL, true},
                {{"x"}, "x", true},
                {{"x"}, "X", false},
                {{"x"}, "xy", false},
                {{"x"}, NULL, false},
                {{"*"}, "", true},
                {{"*"}, NULL, false},
                {{"x", "y"}, "y", true},
                {{"x", "y"}, "z", false},
                {{"!x"}, "x", false},
                {{"!x"}, "y", true},
                {{"!x"}, NULL, true},
                {{"!*"}, NULL, true},
                {{"!*"}, "y", false},
                {{"a*", "!ab*"}, "ac", true},
                {{"a*", "!ab*"}, "abc", false},
                {{"a*", "!ab*"}, "b", false},
                {{"a*", "!ab*"}, NULL, false},
                {{"!ab*", "a*"}, "abc", false},
                {{"[a-c]?", "!b?"}, "c1", true},
                {{"a\\*"}, "a*", true},
                {{"a\\*"}, "ab", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(pattern_list_deinit) PatternList list = list_of(cases[i].patterns);

                if (pattern_list_match(&list, cases[i].value) != cases[i].match)
                        fail_msg("case %zu", i);
        }
}

static void test_list_literal(void **state) {
        static const struct {
                const char *patterns[PATTERNS_MAX];
                bool literal;
                const char *first;
        } cases[] = {
                {{}, false, NULL},
                {{"x"}, true, "x"},
                {{"!x"}, false, NULL},
                {{"!x", "y"}, true, "y"},
                {{"!x*", "y", "z"}, true, "y"},
                {{"y", "z*"}, false, "y"},
                {{"y\\*"}, false, "y\\*"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(pattern_list_deinit) PatternList list = list_of(cases[i].patterns);
                const Pattern *first = pattern_list_first_plain(&list);

                assert_int_equal(pattern_list_is_literal(&list), cases[i].literal);
                assert_true(streq_ptr(first ? first->glob : NULL, cases[i].first));
        }
}

static void test_list_grows(void **state) {
        _cleanup_(pattern_list_deinit) PatternList list = {};
        char text[16];

        for (unsigned int i = 0; i < 1000; i++) {
                snprintf(text, sizeof(text), "v%u", i);
                assert_int_equal(pattern_list_add(&list, text, false), 0);
        }
        assert_int_equal(list.n_items, 1000);
        assert_true(pattern_list_match(&list, "v999"));
        assert_false(pattern_list_match(&list, "v1000"));
}

static void test_word_nearest(void **state) {
        static const char *const words[] = {"to", "share", "symlink", "net", "interface", NULL};
        static const struct {
                const char *word, *meant;
        } cases[] = {
                {"shaer", "share"},
                {"SHARE", "share"},
                {"sharing", NULL},
                {"simlink", "symlink"},
                {"ot", "to"},
                {"x", NULL},
                {"", NULL},
                {"nett", "net"},
                {"interfac", "interface"},
                {"iface", NULL},
                {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (!streq_ptr(word_nearest(cases[i].word, words), cases[i].meant))
                        fail_msg("%s gives %s", cases[i].word,
                                 word_nearest(cases[i].word, words) ?: "nothing");
}

/* Every id has the form that devices have, and every name stands once. */
static void test_vendors(void **state) {
        const char *const *names = vendor_names();
        size_t n = 0;

        for (; names[n]; n++) {
                const char *const *ids = vendor_ids(names[n]);

                assert_non_null(ids);
                assert_non_null(ids[0]);
                for (; *ids; ids++) {
                        assert_int_equal(strlen(*ids), 4);
                        assert_int_equal(strspn(*ids, "0123456789abcdef"), 4);
                }
                assert_true(n == 0 || strcmp(names[n - 1], names[n]) < 0);
        }
        assert_true(n > 20);
        assert_ptr_equal(vendor_ids("NVIDIA"), vendor_ids("nvidia"));
        assert_null(vendor_ids("nvidi"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list_match), cmocka_unit_test(test_list_literal),
                cmocka_unit_test(test_list_grows), cmocka_unit_test(test_word_nearest),
                cmocka_unit_test(test_vendors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
