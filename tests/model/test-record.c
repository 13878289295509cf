/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/record.h"
#include "util/string.h"

#define GOOD "KEEPER_PID=11\nINIT_PID=12\nINIT_START=345\nCGROUP=davit/ci-1\n"

static void test_parse(void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};

        assert_int_equal(container_record_parse(
                                 GOOD "LABEL_job=a=b\nLABEL_empty=\nFROM_THE_FUTURE=x\nLABEL_job=c", &record),
                         0);
        assert_int_equal(record.keeper_pid, 11);
        assert_int_equal(record.init_pid, 12);
        assert_int_equal(record.init_start, 345);
        assert_string_equal(record.cgroup, "davit/ci-1");
        assert_string_equal(property_list_get(&record.labels, "job"), "c");
        assert_string_equal(property_list_get(&record.labels, "empty"), "");
}

static void test_parse_bad(void **state) {
        static const char *const cases[] = {
                "",
                "\n",
                GOOD "\n",
                GOOD "no equals\n",
                GOOD "=x\n",
                GOOD "LABEL_=x\n",
                GOOD "KEEPER_PID=0\n",
                GOOD "KEEPER_PID=-1\n",
                GOOD "INIT_PID=2147483648\n",
                GOOD "INIT_PID=\n",
                GOOD "INIT_PID=1x\n",
                GOOD "INIT_START=x\n",
                GOOD "INIT_START=18446744073709551616\n",
                GOOD "CGROUP=\n",
                GOOD "CGROUP=/davit\n",
                GOOD "CGROUP=davit/\n",
                GOOD "CGROUP=davit//a\n",
                GOOD "CGROUP=..\n",
                GOOD "CGROUP=davit/../a\n",
                GOOD "CGROUP=davit/./a\n",
                GOOD "STARTED_GID=\n",
                GOOD "STARTED_GID=-1\n",
                GOOD "STARTED_GID=x\n",
                GOOD "STARTED_GID=4294967296\n",
                "INIT_PID=12\nINIT_START=345\nCGROUP=davit/ci-1\n",
                "KEEPER_PID=11\nINIT_START=345\nCGROUP=davit/ci-1\n",
                "KEEPER_PID=11\nINIT_PID=12\nINIT_START=345\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(container_record_deinit) ContainerRecord record = {};

                print_message("case %zu\n", i);
                assert_int_equal(container_record_parse(cases[i], &record), -EBADMSG);
                assert_null(record.cgroup);
        }
}

static void test_format(void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {
                .keeper_pid = 11,
                .init_pid = 12,
                .init_start = UINT64_MAX,
                .cgroup = strdup("davit/ci-1"),
        };
        _cleanup_(container_record_deinit) ContainerRecord back = {};
        _cleanup_free_ char *text = NULL;

        assert_int_equal(property_list_set(&record.labels, "job", "a b=c"), 0);
        assert_int_equal(property_list_set(&record.labels, "empty", ""), 0);
        assert_int_equal(container_record_format(&record, &text), 0);
        assert_string_equal(text, "KEEPER_PID=11\nINIT_PID=12\nINIT_START=18446744073709551615\n"
                                  "CGROUP=davit/ci-1\nLABEL_job=a b=c\nLABEL_empty=\n");
        assert_int_equal(container_record_parse(text, &back), 0);
        assert_int_equal(back.keeper_pid, 11);
        assert_int_equal(back.init_pid, 12);
        assert_true(back.init_start == UINT64_MAX);
        assert_string_equal(back.cgroup, "davit/ci-1");
        assert_true(property_list_equal(&back.labels, &record.labels));
}

/* What was done when it was started. */
static void test_started(_unused_ void **state) {
        static const char text[] = GOOD "STARTED_ENV=A=b=c d\nSTARTED_ENV=B=\nSTARTED_GID=44\n"
                                        "STARTED_GID=4294967295\nSTARTED_GID=0\n";
        _cleanup_(container_record_deinit) ContainerRecord record = {}, copy = {};
        _cleanup_free_ char *back = NULL;

        assert_int_equal(container_record_parse(text, &record), 0);
        assert_int_equal(record.started.n_env, 2);
        assert_string_equal(record.started.env[0], "A=b=c d");
        assert_string_equal(record.started.env[1], "B=");
        assert_int_equal(record.started.n_gids, 3);
        assert_int_equal(record.started.gids[1], UINT32_MAX);
        assert_int_equal(container_record_format(&record, &back), 0);
        assert_string_equal(back, text);

        assert_int_equal(container_record_copy(&record, &copy), 0);
        assert_true(edits_equal(&copy.started, &record.started));
        assert_ptr_not_equal(copy.started.env[0], record.started.env[0]);
}

/* Of one name the later counts, as it does where it is set. */
static void test_started_doubles(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};

        assert_int_equal(container_record_parse(GOOD "STARTED_ENV=A=1\nSTARTED_ENV=AB=1\nSTARTED_ENV=A=2\n"
                                                     "STARTED_GID=1\nSTARTED_GID=1\n",
                                                &record),
                         0);
        assert_int_equal(record.started.n_env, 2);
        assert_string_equal(record.started.env[0], "A=2");
        assert_int_equal(record.started.n_gids, 1);
}

/* A newline would write a line of its own choice, INIT_PID for one. */
static void test_format_bad(void **state) {
        _cleanup_(container_record_deinit) ContainerRecord record = {.keeper_pid = 1, .init_pid = 1};
        char *text = NULL;

        assert_int_equal(container_record_format(&record, &text), -EINVAL);
        record.cgroup = strdup("davit/a\nINIT_PID=1");
        assert_int_equal(container_record_format(&record, &text), -EINVAL);
        free(record.cgroup);
        record.cgroup = strdup("davit/a");
        assert_int_equal(property_list_set(&record.labels, "job", "x\nINIT_PID=1"), 0);
        assert_int_equal(container_record_format(&record, &text), -EINVAL);
        assert_null(text);
        property_list_deinit(&record.labels);
        assert_int_equal(edits_add_env(&record.started, "A=x\nINIT_PID=1"), 0);
        assert_int_equal(container_record_format(&record, &text), -EINVAL);
        assert_null(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),   cmocka_unit_test(test_parse_bad),
                cmocka_unit_test(test_format),  cmocka_unit_test(test_format_bad),
                cmocka_unit_test(test_started), cmocka_unit_test(test_started_doubles),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
