/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The words for how an interface goes in: there and back.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/net.h"
#include "util/cleanup.h"

static void test_modes(_unused_ void **state) {
        for (NetMode mode = 0; mode < NET_MODE_MAX; mode++) {
                assert_non_null(net_mode_to_string(mode));
                assert_int_equal(net_mode_from_string(net_mode_to_string(mode)), mode);
        }
        assert_null(net_mode_to_string(NET_MODE_MAX));
        assert_null(net_mode_to_string(NET_MODE_INVALID));
        assert_int_equal(net_mode_from_string("bridge"), NET_MODE_INVALID);
        assert_int_equal(net_mode_from_string(NULL), NET_MODE_INVALID);
}

static void test_variants(_unused_ void **state) {
        unsigned int n = 0;

        for (NetMode mode = 0; mode < NET_MODE_MAX; mode++) {
                const char *const *words = net_variants(mode);

                for (NetVariant i = 0; words && words[i]; i++, n++) {
                        assert_string_equal(net_variant_to_string(mode, i), words[i]);
                        assert_int_equal(net_variant_from_string(mode, words[i]), i);
                }
                assert_null(net_variant_to_string(mode, 200));
                assert_int_equal(net_variant_from_string(mode, "l4"), -EINVAL);
        }
        assert_int_equal(n, 7);
        assert_string_equal(net_variant_to_string(NET_MACVLAN, NET_VARIANT_PASSTHRU), "passthru");
        assert_int_equal(net_variant_from_string(NET_IPVLAN, "bridge"), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_modes),
                cmocka_unit_test(test_variants),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
