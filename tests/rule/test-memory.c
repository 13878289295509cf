/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Out of memory at every single allocation of parsing, sealing, explaining and formatting, one after the
 * other: each time -ENOMEM comes back, nothing leaks, and the outputs are untouched.
 *
 * The allocator is that of support/failing-memory.h; a sanitizer brings its own, so there it is skipped.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/explain.h"
#include "rule/fixture.h"
#include "support/failing-memory.h"

#if OWN_ALLOCATOR

static const char good[] =
        "version: 1\n"
        "rules:\n"
        "  - name: a\n"
        "    match: { class: [usb, net], vendor: google, serial: ['a*', '!b'], property: { P: x } }\n"
        "    give: { to: { role: ci }, symlink: '/dev/p/{serial}', net: { name: n } }\n"
        "  - { name: b, match: { port: 3-1.2, product: 4ee7, model: x }, deny: true, to: c }\n"
        "  - { name: c, match: { port: 3-1.2, product: 4ee7, model: x }, deny: true, to: c }\n";

static const char bad[] =
        "version: 1\n"
        "rules:\n"
        "  - { name: a, macth: { class: us, vendor: [x, &a b], serial: !x } }\n"
        "  - { name: a, match: { serial: '[', property: { '#': x } }, give: { net: { up: 3 } } }\n"
        "  - { name: c, match: { class: ";

/* Everything there is to do with a text; what goes wrong is the answer, else how many messages there are. */
static int work(const char *text, const Device *device) {
        _cleanup_(explanation_deinit) Explanation explanation = {};
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        Container container = {.name = (char *)"c"};
        int r;

        r = rule_set_new(&set);
        if (r < 0)
                return r;
        r = rule_set_parse(set, "f.yaml", text, strlen(text), &errors);
        if (r < 0)
                return rule_set_size(set) == 0 ? r : -ENOTRECOVERABLE;
        r = rule_set_seal(set, &errors);
        if (r < 0)
                return r;
        r = explain(set, device, &container, NULL, &explanation);
        if (r < 0)
                return explanation.steps ? -ENOTRECOVERABLE : r;
        for (size_t i = 0; i < errors.n_items; i++) {
                _cleanup_free_ char *line = NULL;

                r = parse_error_format(&errors.items[i], &line);
                if (r < 0)
                        return line ? -ENOTRECOVERABLE : r;
        }
        return (int)errors.n_items;
}

static void sweep(const char *text) {
        Fixture phone;
        int undisturbed;
        size_t k, n_refused = 0;

        fixture_phone(&phone);
        undisturbed = work(text, &phone.device);
        assert_true(undisturbed > 0);
        for (k = 1;; k++) {
                int r;

                n_live = 0;
                failed = false;
                until_failure = k;
                armed = true;
                r = work(text, &phone.device);
                armed = false;
                assert_int_equal(n_live, 0);
                /* vasprintf() gets over a failure to grow its buffer, and then nothing may be missing. */
                if (r != -ENOMEM)
                        assert_int_equal(r, undisturbed);
                if (!failed)
                        break;
                n_refused += r == -ENOMEM;
        }
        fixture_deinit(&phone);
        print_message("%zu allocations failed, one by one, %zu of them for good\n", k - 1, n_refused);
        assert_true(n_refused > 100);
}

static void test_good(void **state) {
        sweep(good);
}

static void test_bad(void **state) {
        sweep(bad);
}

#else

static void test_good(void **state) {
        print_message("SKIP: the allocator belongs to a sanitizer or to another C library\n");
        skip();
}

#define test_bad test_good

#endif

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
