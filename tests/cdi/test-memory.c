/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Out of memory at every single allocation of reading, merging and complaining, one after the other: each
 * time -ENOMEM comes back and nothing leaks.
 *
 * The allocator is that of support/failing-memory.h; a sanitizer brings its own, so there it is skipped.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cdi/spec.h"
#include "support/failing-memory.h"
#include "util/string.h"

#if OWN_ALLOCATOR

static const char good[] =
        "cdiVersion: 1.1.0\nkind: a/b\nannotations: { k: v, -bad: w }\n"
        "containerEdits: { env: [ALL=1], deviceNodes: [{ path: /dev/a }] }\n"
        "devices:\n"
        "  - name: one\n"
        "    containerEdits:\n"
        "      env: [A=1, B=2, A=3]\n"
        "      deviceNodes: [{ path: /dev/a, hostPath: /dev/b }, { path: /dev/a, type: c, permissions: r }]\n"
        "      netDevices: [{ hostInterfaceName: x, name: y }]\n"
        "      mounts: [{ hostPath: /x, containerPath: /y, type: bind, options: [ro, rbind] }]\n"
        "      hooks: [{ hookName: poststop, path: /x, args: [a], env: [X=1], timeout: 1 }]\n"
        "      intelRdt: { closID: x, schemata: [y] }\n"
        "      additionalGIDs: [1, 0, 1]\n"
        "  - { name: two, containerEdits: { env: [A=1] } }\n";

static const char bad[] = "cdiVersion: 0.2.0\nkind: a.b\nannotations: { k: [v] }\nextra: 1\n"
                          "devices:\n"
                          "  - name: -one\n"
                          "    containerEdits:\n"
                          "      env: [=1]\n"
                          "      deviceNodes: [{ path: '', type: x, major: y }, text]\n"
                          "      netDevices: [{ name: y }, { hostInterfaceName: a, name: y }, { "
                          "hostInterfaceName: a, name: y }]\n"
                          "      mounts: [{ options: x }]\n"
                          "      hooks: [{ hookName: x }]\n"
                          "      intelRdt: { closID: .., enableMonitoring: 3 }\n"
                          "      additionalGids: [x]\n"
                          "  - name: two\n";

/* What a file comes to, or how much there is to complain of. */
static int work(const char *text) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_(cdi_spec_deinit) CdiSpec spec = {};
        int r;

        r = cdi_spec_parse("f.yaml", text, strlen(text), &spec, &errors);
        if (r < 0)
                return r;
        for (size_t i = 0; i < errors.n_items; i++) {
                _cleanup_free_ char *line = NULL;

                r = parse_error_format(&errors.items[i], &line);
                if (r < 0)
                        return line ? -ENOTRECOVERABLE : r;
        }
        if (errors.n_errors > 0)
                return (int)errors.n_items;
        for (size_t i = 0; i < spec.n_devices; i++) {
                Edits merged = {};

                r = edits_append(&merged, &spec.edits);
                if (r >= 0)
                        r = edits_append(&merged, &spec.devices[i].edits);
                edits_deinit(&merged);
                if (r < 0)
                        return r;
        }
        return 1000 + (int)spec.n_devices;
}

static void sweep(const char *text) {
        size_t k, n_refused = 0;
        int undisturbed = work(text);

        assert_true(undisturbed > 0);
        for (k = 1;; k++) {
                int r;

                n_live = 0;
                failed = false;
                until_failure = k;
                armed = true;
                r = work(text);
                armed = false;
                assert_int_equal(n_live, 0);
                /* vasprintf() gets over a failure to grow its buffer, and then nothing may be missing. */
                if (r != -ENOMEM)
                        assert_int_equal(r, undisturbed);
                if (!failed)
                        break;
                n_refused += r == -ENOMEM;
        }
        print_message("%zu allocations failed, one by one, %zu of them for good\n", k - 1, n_refused);
        assert_true(n_refused > 100);
}

static void test_good(_unused_ void **state) {
        assert_int_equal(work(good), 1002);
        sweep(good);
}

static void test_bad(_unused_ void **state) {
        assert_true(work(bad) < 1000);
        sweep(bad);
}

#else

static void test_good(_unused_ void **state) {
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
