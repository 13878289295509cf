/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Explanations: every rule that was passed over with the key that failed, then the one that decides.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/explain.h"
#include "rule/fixture.h"
#include "rule/random-policy.h"

static const char policy[] =
        "version: 1\n"
        "rules:\n"
        "  - { name: gpus, match: { class: gpu }, give: { to: '*' } }\n"
        "  - { name: samsung, match: { class: usb, vendor: samsung }, give: { to: '*' } }\n"
        "  - { name: nexus, match: { property: { ID_MODEL: 'Nexus*' } }, give: { to: '*' } }\n"
        "  - { name: bcd, match: { attribute: { bcdDevice: 1 } }, give: { to: '*' } }\n"
        "  - { name: not web, match: { class: usb }, deny: true, to: 'web-*' }\n"
        "  - { name: pixels, match: { vendor: google }, give: { to: 'ci-*' } }\n"
        "  - { name: never met, match: { class: any }, deny: true }\n";

/* One line a step: "RULE: FAILED". */
static char *explained(const RuleSet *set, const Device *device, const char *container_name,
                       const char **ret_decision) {
        Container container = {.name = (char *)container_name};
        Explanation explanation;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        assert_int_equal(explain(set, device, &container, NULL, &explanation), 0);
        for (size_t i = 0; i < explanation.n_steps; i++)
                fprintf(f, "%s: %s\n", explanation.steps[i].rule->name, explanation.steps[i].failed);
        *ret_decision = explanation.decision ? explanation.decision->name : NULL;
        explanation_deinit(&explanation);
        fclose(f);
        return text;
}

static void test_reasons(void **state) {
        static const struct {
                const char *container, *decision, *steps;
        } cases[] = {
                {"ci-1", "pixels",
                 "gpus: class\nsamsung: vendor\nnexus: property ID_MODEL\nbcd: attribute bcdDevice\nnot web: "
                 "to\n"
                 "pixels: \n"},
                {"web-1", "not web",
                 "gpus: class\nsamsung: vendor\nnexus: property ID_MODEL\nbcd: attribute bcdDevice\nnot web: "
                 "\n"},
                {"lab", "never met",
                 "gpus: class\nsamsung: vendor\nnexus: property ID_MODEL\nbcd: attribute bcdDevice\nnot web: "
                 "to\n"
                 "pixels: to\nnever met: \n"},
        };
        _cleanup_(rule_set_freep) RuleSet *set = rules_of(policy);
        Fixture phone;

        fixture_phone(&phone);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *decision;
                _cleanup_free_ char *steps = explained(set, &phone.device, cases[i].container, &decision);

                assert_string_equal(steps, cases[i].steps);
                assert_string_equal(decision, cases[i].decision);
        }
        fixture_deinit(&phone);
}

static void test_nothing(void **state) {
        _cleanup_(rule_set_freep) RuleSet *none = rules_of("version: 1\nrules: []\n");
        _cleanup_(rule_set_freep) RuleSet *set =
                rules_of("version: 1\nrules: [{ name: a, match: { serial: x }, deny: true }]\n");
        const char *decision = "unset";
        Fixture phone;

        fixture_phone(&phone);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *steps = explained(i ? set : none, &phone.device, "ci-1", &decision);

                assert_string_equal(steps, i ? "a: serial\n" : "");
                assert_null(decision);
        }
        fixture_deinit(&phone);
}

/* The explanation names the rule that the walk would have come to. */
static void test_agrees_with_walk(void **state) {
        Random random = {.state = 99};
        size_t n_decided = 0;

        for (unsigned int round = 0; round < 30; round++) {
                _cleanup_(rule_set_freep) RuleSet *set = random_rules(&random, 30);

                for (unsigned int i = 0; i < 30; i++) {
                        Explanation explanation;
                        Container container;
                        Fixture fixture;
                        const Rule *rule;
                        RuleWalk walk;

                        random_device(&random, &fixture);
                        random_container(&random, &container);
                        rule_walk_begin(&walk, set, &fixture.device, NULL);
                        while ((rule = rule_walk_next(&walk)) && !selector_match(&rule->give.to, &container))
                                ;
                        assert_int_equal(explain(set, &fixture.device, &container, NULL, &explanation), 0);
                        assert_ptr_equal(explanation.decision, rule);
                        assert_int_equal(explanation.n_steps, rule ? rule->index + 1 : rule_set_size(set));
                        n_decided += rule != NULL;
                        explanation_deinit(&explanation);
                        property_list_deinit(&container.labels);
                        fixture_deinit(&fixture);
                }
        }
        assert_true(n_decided > 300);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reasons),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_agrees_with_walk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
