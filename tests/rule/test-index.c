/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The index: it finds what looking at every rule finds, in the same order, and looks at few; and the warnings
 * of rules that can never apply, which must never be wrong.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/cover.h"
#include "rule/fixture.h"
#include "rule/random-policy.h"

static void assert_walk_is_linear(const RuleSet *set, const Device *device, size_t *n_matches) {
        RuleWalk walk;

        rule_walk_begin(&walk, set, device, NULL);
        for (size_t i = 0; i < rule_set_size(set); i++) {
                const Rule *rule = rule_set_get(set, i);

                if (!rule_match_device(rule, device, NULL, NULL, 0))
                        continue;
                assert_ptr_equal(rule_walk_next(&walk), rule);
                (*n_matches)++;
        }
        assert_null(rule_walk_next(&walk));
        assert_null(rule_walk_next(&walk));
        assert_true(walk.n_evaluated <= rule_set_size(set));
}

static void test_same_as_linear(void **state) {
        Random random = {.state = 20250101};
        size_t n_matches = 0;

        for (unsigned int round = 0; round < 60; round++) {
                _cleanup_(rule_set_freep) RuleSet *set = random_rules(&random, 1 + random_below(&random, 60));

                for (unsigned int i = 0; i < 60; i++) {
                        Fixture fixture;

                        random_device(&random, &fixture);
                        assert_walk_is_linear(set, &fixture.device, &n_matches);
                        fixture_deinit(&fixture);
                }
        }
        /* The vocabulary is small enough for this to be a test. */
        assert_true(n_matches > 10000);
}

/* How many of @n rules, each made by @format, and of the @last one the walk looks at for the phone. */
static size_t evaluated(unsigned int n, const char *format, const char *last, size_t *ret_matches) {
        _cleanup_(rule_set_freep) RuleSet *set = NULL;
        char *text = NULL;
        size_t size, n_matches = 0;
        FILE *f = open_memstream(&text, &size);
        RuleWalk walk;
        Fixture phone;

        assert_non_null(f);
        fprintf(f, "version: 1\nrules:\n");
        for (unsigned int i = 0; i < n; i++) {
                fprintf(f, "  - { name: r%u, deny: true, match: { ", i);
                for (const char *p = format; *p; p++)
                        if (*p == '%')
                                fprintf(f, "%u", i);
                        else
                                fputc(*p, f);
                fprintf(f, " } }\n");
        }
        fprintf(f, "  - { name: last, deny: true, match: { %s } }\n", last);
        fclose(f);
        set = rules_of(text);
        free(text);

        fixture_phone(&phone);
        rule_walk_begin(&walk, set, &phone.device, NULL);
        while (rule_walk_next(&walk))
                n_matches++;
        fixture_deinit(&phone);
        *ret_matches = n_matches;
        return walk.n_evaluated;
}

/* Ten thousand rules for others cost nothing, whatever it is that tells them apart. */
static void test_others_cost_nothing(void **state) {
        static const struct {
                const char *format; /* % is the number of the rule */
                const char *last;
        } cases[] = {
                {"class: usb, serial: S%", "class: usb"},
                {"class: usb, vendor: google, serial: [S%, T%]", "vendor: google"},
                {"class: usb, port: 9-1.%", "port: 3-1.2"},
                /* one vendor, many ports: the port is what tells */
                {"vendor: 18d1, port: 9-1.%", "interface: 'ff:42:*'"},
                /* one serial that all bad devices share, the phone's even, and many ports */
                {"serial: 9A211FFAZ00ABC, port: [9-1.%, 9-2.%]", "serial: '9A*'"},
                {"class: gpu, port: '0000:01:00.%'", "class: any"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t n_matches, n = evaluated(10000, cases[i].format, cases[i].last, &n_matches);

                assert_int_equal(n_matches, 1);
                if (n != 1)
                        fail_msg("case %zu: %zu rules evaluated", i, n);
        }
}

/* Rules for CDI devices cost hardware nothing, nor rules for hardware them; names are found as such. */
static void test_cdi(_unused_ void **state) {
        static const char *const formats[] = {
                "cdi: v/c=n%",   "cdi: 'v/c=%*'",           "cdi: ['*', '!v/c=%']",
                "cdi: '!v/c=%'", "cdi: v/c=n%, class: any", "cdi: 'v/*', class: cdi, model: M%",
        };
        size_t n_matches;

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                assert_int_equal(evaluated(1000, formats[i], "class: any", &n_matches), 1);
                assert_int_equal(n_matches, 1);
        }
}

static void test_cdi_device(_unused_ void **state) {
        static const char *const matches[] = {
                "{ class: any }",
                "{ class: usb }",
                "{ port: v/c=a }",
                "{ port: '*' }",
                "{ cdi: v/c=a }",
                "{ cdi: v/c=b }",
                "{ cdi: 'v/c=*' }",
                "{ cdi: [v/c=b, v/c=a] }",
                "{ cdi: ['!v/c=b'] }",
                "{ cdi: w/c=a }",
                "{ cdi: v/c=a, class: cdi }",
                "{ cdi: 'v/c=?', port: x }",
                NULL,
        };
        static const size_t found[] = {4, 6, 7, 8, 10};
        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
        Fixture cdi;
        RuleWalk walk;

        fixture_cdi(&cdi, "v/c=a");
        rule_walk_begin(&walk, set, &cdi.device, NULL);
        for (size_t i = 0; i < ELEMENTSOF(found); i++)
                assert_ptr_equal(rule_walk_next(&walk), rule_set_get(set, found[i]));
        assert_null(rule_walk_next(&walk));
        /* Those that match, and the one whose other key tells; of those for hardware, those that ask for its
         * very name or for any. */
        assert_true(walk.n_evaluated <= ELEMENTSOF(found) + 1 + 3);
        fixture_deinit(&cdi);
}

/* A class with many rules is no matter for a device of another class. */
static void test_class(void **state) {
        size_t n_matches, n;

        n = evaluated(1000, "class: [gpu, block], model: M%", "class: [usb, net]", &n_matches);
        assert_int_equal(n_matches, 1);
        assert_int_equal(n, 1);
}

/* A rule filed in several lists, all of which the device reads, comes once. */
static void test_once(void **state) {
        static const char *const matches[] = {"{ class: [usb, net, usb] }",
                                              "{ port: [3-1.2, 'pci-0000:00:14.0-usb-0:1.2', 3-1.2] }",
                                              "{ vendor: [google, 18d1] }", NULL};
        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
        Fixture phone;
        RuleWalk walk;

        fixture_phone(&phone);
        rule_walk_begin(&walk, set, &phone.device, NULL);
        for (size_t i = 0; i < 3; i++)
                assert_ptr_equal(rule_walk_next(&walk), rule_set_get(set, i));
        assert_null(rule_walk_next(&walk));
        assert_int_equal(walk.n_evaluated, 3);
        fixture_deinit(&phone);
}

static void test_empty(void **state) {
        _cleanup_(rule_set_freep) RuleSet *set = rules_of("version: 1\nrules: []\n");
        Fixture phone;
        RuleWalk walk;

        fixture_phone(&phone);
        rule_walk_begin(&walk, set, &phone.device, NULL);
        assert_null(rule_walk_next(&walk));
        assert_int_equal(walk.n_evaluated, 0);
        fixture_deinit(&phone);
}

/* Two rules as "match" or "match | to". */
static void rule_text(FILE *f, const char *name, const char *text) {
        const char *bar = strchr(text, '|');

        fprintf(f, "  - { name: %s, match: %.*s, deny: true", name,
                (int)(bar ? bar - text : (ptrdiff_t)strlen(text)), text);
        if (bar)
                fprintf(f, ", to: %s", bar + 1);
        fprintf(f, " }\n");
}

static void test_cover(void **state) {
        static const struct {
                const char *earlier, *later;
                bool covers;
        } cases[] = {
                {"{ class: usb }", "{ class: usb }", true},
                {"{ class: any }", "{ class: usb, serial: x }", true},
                {"{ class: any }", "{ serial: x }", true},
                {"{ class: usb }", "{ class: any }", false},
                {"{ class: usb }", "{ serial: x }", false},
                {"{ class: [usb, net] }", "{ class: net, vendor: google }", true},
                {"{ class: usb }", "{ class: [usb, net] }", false},
                {"{ class: [usb, '!net'] }", "{ class: usb }", false},
                {"{ class: [usb, '!net'] }", "{ class: [usb, '!net'], serial: a }", true},
                {"{ class: '!net' }", "{ class: usb }", false},
                {"{ vendor: google }", "{ vendor: 18d1, class: usb }", true},
                {"{ vendor: '18*' }", "{ vendor: google }", false},
                {"{ vendor: '18*' }", "{ vendor: 18d1 }", true},
                {"{ vendor: '!04e8' }", "{ vendor: 18d1 }", true},
                {"{ vendor: '!18*' }", "{ vendor: 18d1 }", false},
                {"{ vendor: '!04e8' }", "{ vendor: '18*' }", false},
                {"{ vendor: '!04e8' }", "{ vendor: '!04*' }", true},
                {"{ serial: '*' }", "{ serial: 'R*' }", true},
                {"{ serial: '*' }", "{ class: usb }", false},
                {"{ serial: 'R*' }", "{ serial: 'R5*' }", true},
                {"{ serial: 'R5*' }", "{ serial: 'R*' }", false},
                {"{ serial: 'R[5]*' }", "{ serial: 'R5*' }", false},
                {"{ serial: ['a', 'b'] }", "{ serial: ['b', 'a'] }", true},
                {"{ port: '3-*' }", "{ port: 3-1 }", true},
                {"{ port: ['3-*', '!pci-*'] }", "{ port: 3-1 }", false},
                {"{ property: { A: x } }", "{ property: { A: x, B: y } }", true},
                {"{ property: { A: x, B: y } }", "{ property: { A: x } }", false},
                {"{ property: { A: '!x' } }", "{ class: usb }", false},
                {"{ attribute: { A: x } }", "{ property: { A: x } }", false},
                {"{ cdi: v/c=a }", "{ cdi: v/c=a }", true},
                {"{ cdi: 'v/c=*' }", "{ cdi: v/c=a }", true},
                {"{ cdi: '*' }", "{ cdi: 'v/c=*' }", true},
                {"{ cdi: v/c=a }", "{ cdi: 'v/c=*' }", false},
                {"{ cdi: v/c=a }", "{ cdi: [v/c=a, v/c=b] }", false},
                {"{ cdi: [v/c=a, v/c=b] }", "{ cdi: v/c=b }", true},
                {"{ cdi: '!v/c=a' }", "{ cdi: v/c=b }", true},
                {"{ cdi: '!v/c=a' }", "{ cdi: v/c=a }", false},
                {"{ cdi: '!v/c=a' }", "{ cdi: 'v/*' }", false},
                {"{ cdi: ['*', '!v/c=a'] }", "{ cdi: ['*', '!v/c=a'] }", true},
                {"{ cdi: v/c=a, class: any }", "{ cdi: v/c=a }", true},
                {"{ cdi: v/c=a, property: { A: x } }", "{ cdi: v/c=a }", false},
                {"{ class: any }", "{ cdi: v/c=a }", false},
                {"{ class: '!gpu' }", "{ cdi: v/c=a, class: cdi }", false},
                {"{ port: v/c=a }", "{ cdi: v/c=a, port: v/c=a }", false},
                {"{ cdi: '*' }", "{ class: any }", false},
                {"{ cdi: '*' }", "{ class: cdi }", false},
                {"{ cdi: '!v/c=a' }", "{ port: x }", false},
                {"{ class: usb } | a", "{ class: usb } | a", true},
                {"{ class: usb } | a", "{ class: usb } | b", false},
                {"{ class: usb } | a", "{ class: usb }", false},
                {"{ class: usb }", "{ class: usb } | a", true},
                {"{ class: usb } | '*'", "{ class: usb }", true},
                {"{ class: usb } | '*'", "{ class: usb } | { role: ci }", true},
                {"{ class: usb } | 'ci-*'", "{ class: usb } | { role: ci }", false},
                {"{ class: usb } | 'ci-*'", "{ class: usb } | [ci-1, 'ci-2*']", true},
                {"{ class: usb } | { role: '*' }", "{ class: usb } | { role: ci }", true},
                {"{ class: usb } | { role: ci }", "{ class: usb } | { role: '*' }", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(rule_set_freep) RuleSet *set = NULL;
                ParseErrors errors = {};
                char *text = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);

                assert_non_null(f);
                fprintf(f, "version: 1\nrules:\n");
                rule_text(f, "one", cases[i].earlier);
                rule_text(f, "two", cases[i].later);
                fclose(f);
                assert_int_equal(rule_set_new(&set), 0);
                assert_int_equal(rule_set_parse(set, "f.yaml", text, size, &errors), 0);
                assert_int_equal(rule_set_seal(set, &errors), 0);
                free(text);
                if (errors.n_items != cases[i].covers)
                        fail_msg("%s before %s: %zu warnings", cases[i].earlier, cases[i].later,
                                 errors.n_items);
                if (cases[i].covers) {
                        assert_int_equal(errors.n_errors, 0);
                        assert_int_equal(errors.items[0].severity, PARSE_WARNING);
                        assert_int_equal(errors.items[0].line, 4);
                        assert_int_equal(errors.items[0].column, 5);
                        assert_string_equal(
                                errors.items[0].message,
                                "rule \"two\" can never apply: rule \"one\" (f.yaml:3) takes all that it "
                                "could");
                }
                parse_errors_deinit(&errors);
        }
}

/* A rule that gives leaves hubs to one that names them. */
static void test_cover_of_hubs(_unused_ void **state) {
        static const struct {
                const char *earlier, *later;
                bool covers;
        } cases[] = {
                {"match: { class: usb }, give: { to: a }",
                 "match: { class: usb, port: 3-1 }, give: { to: a }", false},
                {"match: { class: usb }, give: { to: a }",
                 "match: { class: usb, interface: '09:*' }, give: { to: a }", false},
                {"match: { class: usb }, give: { to: a }",
                 "match: { class: usb, vendor: google }, give: { to: a }", true},
                {"match: { class: usb }, give: { to: a }",
                 "match: { class: usb, port: 3-1, interface: ff:42:01 }, give: { to: a }", true},
                {"match: { class: usb }, give: { to: a }",
                 "match: { class: usb, interface: ff:42:01 }, to: a, deny: true", true},
                {"match: { class: usb }, give: { to: a }",
                 "match: { class: usb, vendor: google }, to: a, deny: true", false},
                {"match: { class: usb }, deny: true", "match: { class: usb, port: 3-1 }, give: { to: a }",
                 true},
                {"match: { port: [3-1, 3-2] }, give: { to: a }", "match: { port: 3-1 }, give: { to: a }",
                 true},
                {"match: { interface: '09:*' }, give: { to: a }",
                 "match: { interface: 09:00:00 }, give: { to: a }", true},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(rule_set_freep) RuleSet *set = NULL;
                _cleanup_free_ char *text = NULL;

                assert_true(asprintf(&text, "version: 1\nrules: [{ name: one, %s }, { name: two, %s }]\n",
                                     cases[i].earlier, cases[i].later) > 0);
                set = rules_of(text);
                if (rule_covers(rule_set_get(set, 0), rule_set_get(set, 1)) != cases[i].covers)
                        fail_msg("%s before %s", cases[i].earlier, cases[i].later);
        }
}

static bool takes(const Rule *rule, const Device *device, const Container *container) {
        return rule_match_device(rule, device, NULL, NULL, 0) && selector_match(&rule->give.to, container);
}

/* Whatever is said to cover, covers: against devices and containers at random. */
static void test_cover_is_sound(void **state) {
        Random random = {.state = 42};
        size_t n_covers = 0, n_taken = 0;

        for (unsigned int round = 0; round < 40; round++) {
                _cleanup_(rule_set_freep) RuleSet *set = random_rules(&random, 60);

                for (unsigned int i = 0; i < 40; i++) {
                        Container container;
                        Fixture fixture;

                        random_device(&random, &fixture);
                        random_container(&random, &container);
                        for (size_t b = 0; b < rule_set_size(set); b++) {
                                if (!takes(rule_set_get(set, b), &fixture.device, &container))
                                        continue;
                                for (size_t a = 0; a < rule_set_size(set); a++) {
                                        if (a == b ||
                                            !rule_covers(rule_set_get(set, a), rule_set_get(set, b)))
                                                continue;
                                        n_covers++;
                                        assert_true(takes(rule_set_get(set, a), &fixture.device, &container));
                                }
                                n_taken++;
                        }
                        property_list_deinit(&container.labels);
                        fixture_deinit(&fixture);
                }
        }
        assert_true(n_taken > 5000);
        assert_true(n_covers > 500);
}

/* What covers is found through the index, whichever list it is filed in. */
static void test_cover_is_found(void **state) {
        Random random = {.state = 7};
        size_t n_found = 0;

        for (unsigned int round = 0; round < 60; round++) {
                char *text = NULL;
                size_t size, n_expected = 0;
                FILE *f = open_memstream(&text, &size);
                _cleanup_(rule_set_freep) RuleSet *set = NULL;
                ParseErrors errors = {};

                assert_non_null(f);
                fprintf(f, "version: 1\nrules:\n");
                for (unsigned int i = 0; i < 40; i++)
                        random_rule(&random, f, i);
                fclose(f);
                assert_int_equal(rule_set_new(&set), 0);
                assert_int_equal(rule_set_parse(set, "f.yaml", text, size, &errors), 0);
                free(text);
                assert_int_equal(rule_set_seal(set, &errors), 0);
                for (size_t b = 0; b < rule_set_size(set); b++)
                        for (size_t a = 0; a < b; a++)
                                if (rule_covers(rule_set_get(set, a), rule_set_get(set, b))) {
                                        n_expected++;
                                        break;
                                }
                assert_int_equal(errors.n_items, n_expected);
                n_found += n_expected;
                parse_errors_deinit(&errors);
        }
        assert_true(n_found > 50);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same_as_linear), cmocka_unit_test(test_cdi),
                cmocka_unit_test(test_cdi_device),     cmocka_unit_test(test_others_cost_nothing),
                cmocka_unit_test(test_class),          cmocka_unit_test(test_once),
                cmocka_unit_test(test_empty),          cmocka_unit_test(test_cover),
                cmocka_unit_test(test_cover_of_hubs),  cmocka_unit_test(test_cover_is_sound),
                cmocka_unit_test(test_cover_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
