/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/grant.h"
#include "util/string.h"

static void test_names(void **state) {
        for (ContainerState s = 0; s < CONTAINER_STATE_MAX; s++)
                assert_int_equal(container_state_from_string(container_state_to_string(s)), s);
        for (GrantState s = 0; s < GRANT_STATE_MAX; s++)
                assert_int_equal(grant_state_from_string(grant_state_to_string(s)), s);
        for (GrantOrigin s = 0; s < GRANT_ORIGIN_MAX; s++)
                assert_int_equal(grant_origin_from_string(grant_origin_to_string(s)), s);
        assert_int_equal(container_state_from_string(""), CONTAINER_STATE_INVALID);
        assert_int_equal(grant_state_from_string(""), GRANT_STATE_INVALID);
        assert_int_equal(grant_origin_from_string(""), GRANT_ORIGIN_INVALID);
        assert_null(container_state_to_string(CONTAINER_STATE_MAX));
        assert_null(grant_state_to_string(GRANT_STATE_INVALID));
        assert_null(grant_origin_to_string(GRANT_ORIGIN_MAX));
}

static void test_new(void **state) {
        _cleanup_(container_freep) Container *container = NULL;
        static const char *const bad[] = {"", ".", "..", "-a", "_a", "a/b", "a b", "\xc3\xa4"};

        assert_int_equal(container_new("ci-1", "davit", &container), 0);
        assert_string_equal(container->name, "ci-1");
        assert_string_equal(container->runtime, "davit");
        assert_int_equal(container->init_pidfd, -EBADF);
        assert_int_equal(container->state, CONTAINER_STARTING);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Container *none = NULL;

                assert_int_equal(container_new(bad[i], "davit", &none), -EINVAL);
                assert_null(none);
        }
}

/* It owns its descriptor. */
static void test_free_closes(void **state) {
        Container *container;
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(container_new("a", "davit", &container), 0);
        container->init_pidfd = fd;
        container_free(container);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        container_free(NULL);
}

static void test_map(void **state) {
        _cleanup_(id_map_deinit) IdMap map = {};
        static const struct {
                uint32_t inside;
                int result;
                uint32_t outside;
        } cases[] = {
                {0, 0, 100000},     {999, 0, 100999},    {1000, 0, 1000},          {1001, 0, 101001},
                {65535, 0, 165535}, {65536, -ENOENT, 0}, {UINT32_MAX, -ENOENT, 0},
        };

        assert_int_equal(id_map_parse("         0     100000       1000\n"
                                      "      1000       1000          1\n"
                                      "      1001     101001      64535\n",
                                      &map),
                         0);
        assert_int_equal(map.n_ranges, 3);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t outside = 7;

                assert_int_equal(id_map_to_host(&map, cases[i].inside, &outside), cases[i].result);
                assert_int_equal(outside, cases[i].result == 0 ? cases[i].outside : 7);
        }
}

static void test_map_table(void **state) {
        static const struct {
                const char *text;
                int result;
                size_t n_ranges;
        } cases[] = {
                {"", 0, 0},
                {"0 0 4294967295\n", 0, 1}, /* the host's own */
                {"0 100000 65536", 0, 1},
                {"0\t100000 65536 \n", 0, 1},
                {"\n", -EBADMSG, 0},
                {"0 100000\n", -EBADMSG, 0},
                {"0 100000\n1 1 1\n", -EBADMSG, 0},
                {"0 100000 65536 1\n", -EBADMSG, 0},
                {"0 100000 0\n", -EBADMSG, 0},
                {"0 100000 -1\n", -EBADMSG, 0},
                {"a 100000 1\n", -EBADMSG, 0},
                {"0 4294967296 1\n", -EBADMSG, 0},
                {"0 4294967295 1\n", -EBADMSG, 0},
                {"1 0 4294967295\n", -EBADMSG, 0},
                {"0 00000000000000000000000000000001 1\n", -EBADMSG, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(id_map_deinit) IdMap map = {};

                print_message("case %zu\n", i);
                assert_int_equal(id_map_parse(cases[i].text, &map), cases[i].result);
                assert_int_equal(map.n_ranges, cases[i].n_ranges);
        }
}

static void test_map_bound(void **state) {
        for (size_t n = ID_MAP_RANGES_MAX; n <= ID_MAP_RANGES_MAX + 1; n++) {
                _cleanup_(id_map_deinit) IdMap map = {};
                char text[ID_MAP_RANGES_MAX * 16 + 64];
                size_t at = 0;

                for (size_t i = 0; i < n; i++)
                        at += (size_t)snprintf(text + at, sizeof(text) - at, "%zu %zu 1\n", i, 1000 + i);
                assert_int_equal(id_map_parse(text, &map), n > ID_MAP_RANGES_MAX ? -E2BIG : 0);
                assert_int_equal(map.n_ranges, n > ID_MAP_RANGES_MAX ? 0 : n);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),       cmocka_unit_test(test_new),
                cmocka_unit_test(test_free_closes), cmocka_unit_test(test_map),
                cmocka_unit_test(test_map_table),   cmocka_unit_test(test_map_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
