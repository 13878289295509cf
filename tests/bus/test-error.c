/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Error names: every answer has one of its own and finds back from it; texts are safe to show.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/error.h"
#include "util/string.h"

static void test_round_trip(_unused_ void **state) {
        assert_null(call_code_to_error(CALL_OK));
        for (CallCode code = CALL_OK + 1; code < CALL_CODE_MAX; code++) {
                const char *name = call_code_to_error(code);

                assert_non_null(name);
                assert_non_null(startswith(name, "org.davit1.Error."));
                assert_int_equal(call_code_from_error(name), code);
                for (CallCode other = CALL_OK + 1; other < code; other++)
                        assert_string_not_equal(call_code_to_error(other), name);
        }
}

static void test_unknown(_unused_ void **state) {
        static const char *const names[] = {"", "org.davit1.Error.", "org.davit1.Error.busy", "Busy",
                                            "org.freedesktop.DBus.Error.Failed"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(call_code_from_error(names[i]), CALL_CODE_INVALID);
        assert_int_equal(call_code_from_error(NULL), CALL_CODE_INVALID);
        assert_string_equal(call_code_to_error(CALL_CODE_MAX), "org.davit1.Error.Failed");
        assert_string_equal(call_code_to_error(CALL_CODE_INVALID), "org.davit1.Error.Failed");
}

static void test_text(_unused_ void **state) {
        static const struct {
                const char *raw, *text;
        } cases[] = {
                {"", ""},
                {"plain", "plain"},
                {"one\ntwo\n\nfour", "one\ntwo\n\nfour"},
                {"end\n", "end\n"},
                {"\x1b[31m\xff\nnext\t", "\\x1b[31m\\xff\nnext\\x09"},
                {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(error_text_new(cases[i].raw, &text), 0);
                assert_string_equal(text, cases[i].text);
        }
}

static void test_set(_unused_ void **state) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        assert_true(error_set(&error, CALL_BUSY, "Held by '%s'", "\x07 evil") < 0);
        assert_string_equal(error.name, "org.davit1.Error.Busy");
        assert_string_equal(error.message, "Held by '\\x07 evil'");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
