/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "util/string.h"

static void test_small(void **state) {
        assert_true(streq_ptr(NULL, NULL));
        assert_false(streq_ptr(NULL, ""));
        assert_false(streq_ptr("", NULL));
        assert_true(streq_ptr("a", "a"));
        assert_string_equal(startswith("usb10", "usb"), "10");
        assert_string_equal(startswith("usb", "usb"), "");
        assert_null(startswith("us", "usb"));
        assert_true(string_empty(NULL) && string_empty("") && !string_empty(" "));
}

static void test_escape(void **state) {
        static const struct {
                const char *s, *escaped;
        } cases[] = {
                {NULL, ""},
                {"", ""},
                {"Pixel 6", "Pixel 6"},
                {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
                {"\xe2\x82\xac \xf0\x9f\x93\xb1", "\xe2\x82\xac \xf0\x9f\x93\xb1"},
                {"a\nb\x1b[31m\x7f", "a\\x0ab\\x1b[31m\\x7f"},
                {"\xc2\x9b"
                 "31m",
                 "\\xc2\\x9b31m"}, /* a C1 control: CSI */
                {"\xff\xfe", "\\xff\\xfe"},
                {"\xc0\xaf", "\\xc0\\xaf"}, /* overlong slash */
                {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
                {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
                {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
                {"\xe2\x82", "\\xe2\\x82"},                   /* cut */
                {"\xc3", "\\xc3"},
                {"\xe2\x80\xae"
                 "1",
                 "\\xe2\\x80\\xae1"},                         /* right to left from here on */
                {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},          /* line separator */
                {"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"}, /* tag */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *whole = NULL;
                char buffer[128];

                assert_string_equal(string_escape(buffer, sizeof(buffer), cases[i].s), cases[i].escaped);
                if (!cases[i].s)
                        continue;
                assert_int_equal(string_escape_new(cases[i].s, &whole), 0);
                assert_string_equal(whole, cases[i].escaped);
        }
}

/* A cut never leaves half a sequence, of either kind. */
static void test_escape_cut(void **state) {
        static const struct {
                size_t size;
                const char *escaped;
        } cases[] = {
                {1, ""},
                {2, "a"},
                {3, "a"},
                {4, "a\xc3\xbc"},
                {7, "a\xc3\xbc"},
                {8, "a\xc3\xbc\\x0a"},
                {9, "a\xc3\xbc\\x0ab"},
                {100, "a\xc3\xbc\\x0ab"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *buffer = malloc(cases[i].size);

                assert_non_null(buffer);
                assert_string_equal(string_escape(buffer, cases[i].size, "a\xc3\xbc\nb"), cases[i].escaped);
        }
}

static void test_component(void **state) {
        static const struct {
                const char *s, *component;
        } cases[] = {
                {"usb-3-1.2", "usb-3-1.2"},
                {"pci-0000:01:00.0", "pci-0000:01:00.0"},
                {"a_b+c@d", "a_b+c@d"},
                {"", "\\x"},
                {".", "\\x2e"},
                {"..", "\\x2e."},
                {".hidden", "\\x2ehidden"},
                {"a.b", "a.b"},
                {"../../etc", "\\x2e.\\x2f..\\x2fetc"},
                {"bus/usb/003/017", "bus\\x2fusb\\x2f003\\x2f017"},
                {"\\x2e", "\\x5cx2e"},
                {"\\x", "\\x5cx"},
                {"a b\n\xff", "a\\x20b\\x0a\\xff"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char component[64], back[64];
                size_t n = strlen(cases[i].component);

                assert_int_equal(string_to_component(cases[i].s, component, sizeof(component)), 0);
                assert_string_equal(component, cases[i].component);
                assert_null(strchr(component, '/'));
                assert_int_equal(string_from_component(component, back, sizeof(back)), 0);
                assert_string_equal(back, cases[i].s);

                /* It fits, or is refused. */
                for (size_t size = 0; size <= n; size++) {
                        _cleanup_free_ char *small = malloc(size ?: 1);

                        assert_non_null(small);
                        assert_int_equal(string_to_component(cases[i].s, small, size), -ENAMETOOLONG);
                }
                assert_int_equal(string_to_component(cases[i].s, component, n + 1), 0);
        }
}

/* Every byte comes back, and no other string gives the same component. */
static void test_component_bytes(void **state) {
        for (unsigned int c = 1; c < 256; c++) {
                const char s[] = {'a', (char)c, '\0'}, first[] = {(char)c, '\0'};
                char component[16], back[16];

                assert_int_equal(string_to_component(s, component, sizeof(component)), 0);
                assert_int_equal(string_from_component(component, back, sizeof(back)), 0);
                assert_string_equal(back, s);
                assert_int_equal(string_to_component(first, component, sizeof(component)), 0);
                assert_int_equal(string_from_component(component, back, sizeof(back)), 0);
                assert_string_equal(back, first);
        }
}

static void test_from_component_bad(void **state) {
        static const char *const cases[] = {
                "",  "a/b", "a b",     "a\\",    "a\\x",   "a\\x2", "a\\x2g", "a\\y20", "a\\x00",
                ".", "..",  ".hidden", "a\\x41", "a\\x2E", "\\x41", "a\\x2e", "a\\x2F", "\\x\\x",
        };
        char buffer[16];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *exact = strdup(cases[i]);

                assert_non_null(exact);
                assert_int_equal(string_from_component(exact, buffer, sizeof(buffer)), -EINVAL);
        }
        assert_int_equal(string_from_component("abc", buffer, 3), -ENAMETOOLONG);
        assert_int_equal(string_from_component("abc", buffer, 4), 0);
}

static void test_hex(void **state) {
        static const char *const bad[] = {"", "0", "0g", "0A", "00 ", " 00", "0x00", "-1", "000"};
        unsigned char all[256];
        _cleanup_free_ char *hex = NULL, *nothing = NULL;
        _cleanup_free_ void *back = NULL;
        size_t size;

        for (size_t i = 0; i < sizeof(all); i++)
                all[i] = (unsigned char)i;
        assert_int_equal(string_to_hex(all, sizeof(all), &hex), 0);
        assert_int_equal(strlen(hex), 512);
        assert_int_equal(strncmp(hex, "000102", 6), 0);
        assert_string_equal(hex + 508, "feff");
        assert_int_equal(string_from_hex(hex, &back, &size), 0);
        assert_int_equal(size, sizeof(all));
        assert_memory_equal(back, all, sizeof(all));
        assert_int_equal(string_to_hex("", 0, &nothing), 0);
        assert_string_equal(nothing, "");

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                void *none = NULL;

                assert_int_equal(string_from_hex(bad[i], &none, &size), -EINVAL);
        }
}

static void test_number(void **state) {
        static const struct {
                const char *s;
                int base;
                uint64_t max;
                int result;
                uint64_t value;
        } cases[] = {
                {"0", 10, 10, 0, 0},
                {"10", 10, 10, 0, 10},
                {"11", 10, 10, -ERANGE, 0},
                {"0010", 10, 10, 0, 10},
                {"18446744073709551615", 10, UINT64_MAX, 0, UINT64_MAX},
                {"18446744073709551616", 10, UINT64_MAX, -ERANGE, 0},
                {"99999999999999999999999", 10, UINT64_MAX, -ERANGE, 0},
                {"ffff", 16, 0xffff, 0, 0xffff},
                {"FfFf", 16, 0xffff, 0, 0xffff},
                {"8001", 16, 0xffff, 0, 0x8001},
                {"10000", 16, 0xffff, -ERANGE, 0},
                {"755", 8, 07777, 0, 0755},
                {"8", 8, 07777, -EINVAL, 0},
                {"a", 10, 10, -EINVAL, 0},
                {"g", 16, 10, -EINVAL, 0},
                {"", 10, 10, -EINVAL, 0},
                {"-1", 10, 10, -EINVAL, 0},
                {"+1", 10, 10, -EINVAL, 0},
                {" 1", 10, 10, -EINVAL, 0},
                {"1 ", 10, 10, -EINVAL, 0},
                {"0x1", 16, 10, -EINVAL, 0},
                {"1\n", 10, 10, -EINVAL, 0},
                {"\xc1", 16, 10, -EINVAL, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t value = 4711;

                assert_int_equal(string_to_u64(cases[i].s, cases[i].base, cases[i].max, &value),
                                 cases[i].result);
                assert_true(value == (cases[i].result == 0 ? cases[i].value : 4711));
        }
}

static void test_match(void **state) {
        static const struct {
                const char *pattern, *s;
                bool match;
        } cases[] = {
                {"", "", true},
                {"", "a", false},
                {"a", "", false},
                {"a", "a", true},
                {"a", "ab", false},
                {"*", "", true},
                {"*", "a/b", true},
                {"**", "", true},
                {"a*", "a", true},
                {"*a", "bca", true},
                {"*a", "ab", false},
                {"a*b*c", "a-b-b-c", true},
                {"a*b*c", "a-c-b", false},
                {"*ab", "aab", true},
                {"ci-*", "ci-12", true},
                {"ci-*", "xci-12", false},
                {"?", "", false},
                {"?", "a", true},
                {"??", "a", false},
                {"a?c", "abc", true},
                {"*?", "", false},
                {"*?", "a", true},
                {"[abc]", "b", true},
                {"[abc]", "d", false},
                {"[abc]", "", false},
                {"[a-c]", "b", true},
                {"[a-c]", "d", false},
                {"[!a-c]", "d", true},
                {"[!a-c]", "b", false},
                {"[^a]", "b", true},
                {"[^a]", "", false},
                {"[]]", "]", true},
                {"[]a]", "a", true},
                {"[!]]", "a", true},
                {"[!]]", "]", false},
                {"[a-]", "-", true},
                {"[a-]", "b", false},
                {"[-a]", "-", true},
                {"[c-a]", "b", false},
                {"[\\]]", "]", true},
                {"[a\\-c]", "b", false},
                {"[a\\-c]", "-", true},
                {"[a-\\c]", "b", true},
                {"[[]", "[", true},
                {"\\*", "*", true},
                {"\\*", "a", false},
                {"\\\\", "\\", true},
                {"a\\?b", "a?b", true},
                {"[*]", "*", true},
                {"[*]", "a", false},
                {"*[0-9]", "tty10", true},
                {"ff:42:*", "ff:42:01", true},
                {"[\xe0-\xff]", "\xe4", true},
                {"3-1.*", "3-1.2.4", true},
                {"3-1.*", "3-10", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                print_message("%s %s\n", cases[i].pattern, cases[i].s);
                assert_int_equal(string_match(cases[i].pattern, cases[i].s), cases[i].match);
                assert_int_equal(string_match_check(cases[i].pattern, NULL), 0);
        }
}

static void test_match_check(void **state) {
        static const struct {
                const char *pattern;
                size_t offset;
        } cases[] = {
                {"[", 0},    {"a[", 1},    {"a[b", 1}, {"[]", 0},    {"[!]", 0},  {"ab\\", 2},
                {"[a\\", 0}, {"[a-\\", 0}, {"[a-", 0}, {"[a]b[", 4}, {"[\\]", 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *pattern = strdup(cases[i].pattern);
                size_t offset = 99;

                assert_non_null(pattern);
                assert_int_equal(string_match_check(pattern, &offset), -EINVAL);
                assert_int_equal(offset, cases[i].offset);
                assert_int_equal(string_match_check(pattern, NULL), -EINVAL);
                /* Unchecked it may match nothing or something, but reads no byte behind its end. */
                (void)string_match(pattern, "a-b]c\\[");
                (void)string_match(pattern, "b");
        }
}

/* What the exponential ones choke on. */
static void test_match_time(void **state) {
        char s[2048], pattern[64] = "";

        memset(s, 'a', sizeof(s) - 1);
        s[sizeof(s) - 1] = '\0';
        for (int i = 0; i < 20; i++)
                strcat(pattern, "*a");
        strcat(pattern, "*b");
        assert_false(string_match(pattern, s));
}

static void test_literal_and_name(void **state) {
        static const char *const good[] = {"a",
                                           "A1",
                                           "ci-1",
                                           "0a",
                                           "a.b_c-d",
                                           "a..b",
                                           "123456789012345678901234567890123456789012345678901234567890123"};
        static const char *const bad[] = {
                "",    ".",        "..",  ".a",
                "-a",  "_a",       "a/b", "a b",
                "a\n", "\xc3\xa4", "a:b", "1234567890123456789012345678901234567890123456789012345678901234"};

        assert_true(string_is_literal("18d1"));
        assert_true(string_is_literal(""));
        assert_false(string_is_literal("a*"));
        assert_false(string_is_literal("a?"));
        assert_false(string_is_literal("[a]"));
        assert_false(string_is_literal("a\\"));
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(string_is_name(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(string_is_name(bad[i]));
}

static void test_table(void **state) {
        static const char *const table[] = {"a", NULL, "b"};

        assert_int_equal(string_table_find(table, ELEMENTSOF(table), "a"), 0);
        assert_int_equal(string_table_find(table, ELEMENTSOF(table), "b"), 2);
        assert_int_equal(string_table_find(table, ELEMENTSOF(table), "c"), -EINVAL);
        assert_int_equal(string_table_find(table, ELEMENTSOF(table), NULL), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small),
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_escape_cut),
                cmocka_unit_test(test_component),
                cmocka_unit_test(test_component_bytes),
                cmocka_unit_test(test_from_component_bad),
                cmocka_unit_test(test_hex),
                cmocka_unit_test(test_number),
                cmocka_unit_test(test_match),
                cmocka_unit_test(test_match_check),
                cmocka_unit_test(test_match_time),
                cmocka_unit_test(test_literal_and_name),
                cmocka_unit_test(test_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
