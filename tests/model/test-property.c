/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/property.h"
#include "util/string.h"

static void check_list(const PropertyList *list, const char *expected) {
        char text[512] = "";

        property_list_foreach(entry, list) {
                strcat(text, entry);
                strcat(text, "|");
        }
        assert_string_equal(text, expected);
}

static void test_set_and_get(void **state) {
        _cleanup_(property_list_deinit) PropertyList list = {};

        assert_null(property_list_get(&list, "A"));
        assert_int_equal(property_list_set(&list, "A", "1"), 0);
        assert_int_equal(property_list_set(&list, "AB", "2=3"), 0);
        assert_int_equal(property_list_set(&list, "C", ""), 0);
        assert_string_equal(property_list_get(&list, "A"), "1");
        assert_string_equal(property_list_get(&list, "AB"), "2=3");
        assert_string_equal(property_list_get(&list, "C"), "");
        assert_null(property_list_get(&list, "B"));
        check_list(&list, "A=1|AB=2=3|C=|");

        /* Replaced, by a longer and a shorter one. */
        assert_int_equal(property_list_set(&list, "A", "a longer value"), 0);
        assert_string_equal(property_list_get(&list, "A"), "a longer value");
        assert_int_equal(property_list_set(&list, "A", ""), 0);
        check_list(&list, "AB=2=3|C=|A=|");

        assert_int_equal(property_list_set(&list, "", "x"), -EINVAL);
        assert_int_equal(property_list_set(&list, "K=", "x"), -EINVAL);
        check_list(&list, "AB=2=3|C=|A=|");
}

static void test_unset(void **state) {
        _cleanup_(property_list_deinit) PropertyList list = {};

        property_list_unset(&list, "A");
        assert_int_equal(property_list_append(&list, "A=1\0B=2\0C=3", 12), 0);
        property_list_unset(&list, "X");
        property_list_unset(&list, "B");
        check_list(&list, "A=1|C=3|");
        assert_int_equal(property_list_append(&list, "A=4\0B=5", 8), 0);
        assert_string_equal(property_list_get(&list, "A"), "1");
        property_list_unset(&list, "A");
        check_list(&list, "C=3|B=5|");
        property_list_unset(&list, "B");
        property_list_unset(&list, "C");
        property_list_unset(&list, "A");
        check_list(&list, "");
        assert_int_equal(list.size, 0);
}

static void test_append(void **state) {
        static const struct {
                const char *data;
                size_t size;
                int result;
        } cases[] = {
                {"A=1", 4, 0},
                {"A=1\0B=", 7, 0},
                {"", 0, 0},
                {"A=1", 3, -EBADMSG},        /* no NUL */
                {"A=1\0B", 6, -EBADMSG},     /* no = */
                {"A=1\0=2", 7, -EBADMSG},    /* no key */
                {"A=1\0\0B=2", 9, -EBADMSG}, /* empty */
                {"", 1, -EBADMSG},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(property_list_deinit) PropertyList list = {};

                assert_int_equal(property_list_set(&list, "OLD", "1"), 0);
                assert_int_equal(property_list_append(&list, cases[i].data, cases[i].size), cases[i].result);
                assert_int_equal(list.size, 6 + (cases[i].result == 0 ? cases[i].size : 0));
        }
}

static void test_bound(void **state) {
        _cleanup_(property_list_deinit) PropertyList list = {}, copy = {};
        _cleanup_free_ char *big = malloc(PROPERTY_LIST_SIZE_MAX);

        assert_non_null(big);
        memset(big, 'x', PROPERTY_LIST_SIZE_MAX);
        big[PROPERTY_LIST_SIZE_MAX - 1] = '\0';
        assert_int_equal(property_list_set(&list, "K", big), -E2BIG);
        big[PROPERTY_LIST_SIZE_MAX - 3] = '\0';
        assert_int_equal(property_list_set(&list, "K", big), 0);
        assert_int_equal(list.size, PROPERTY_LIST_SIZE_MAX);
        assert_int_equal(property_list_append(&list, "A=1", 4), -E2BIG);
        assert_int_equal(property_list_copy(&copy, &list), 0);
        assert_true(property_list_equal(&copy, &list));
}

static void test_copy_and_equal(void **state) {
        _cleanup_(property_list_deinit) PropertyList a = {}, b = {}, empty = {};

        assert_true(property_list_equal(&a, &b));
        assert_int_equal(property_list_append(&a, "A=1\0B=2", 8), 0);
        assert_false(property_list_equal(&a, &b));
        assert_int_equal(property_list_copy(&b, &a), 0);
        assert_true(property_list_equal(&a, &b));
        assert_true(a.data != b.data);
        assert_int_equal(property_list_set(&b, "A", "1"), 0);
        assert_false(property_list_equal(&a, &b));
        assert_int_equal(property_list_copy(&b, &empty), 0);
        assert_null(property_list_next(&b, NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_and_get),    cmocka_unit_test(test_unset),
                cmocka_unit_test(test_append),         cmocka_unit_test(test_bound),
                cmocka_unit_test(test_copy_and_equal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
