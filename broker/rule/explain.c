/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Why a device goes to a container or not.
 *
 * The same functions as the decision itself, but over all rules and with the reason kept. An explanation
 * borrows the rules and so must not outlive their set.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/explain.h"

void explanation_deinit(Explanation *explanation) {
        free(explanation->steps);
        *explanation = (Explanation){};
}

int explain(const RuleSet *set, const Device *device, const Container *container,
            const AttributeReader *reader, Explanation *ret) {
        _cleanup_(explanation_deinit) Explanation explanation = {};
        size_t allocated = 0;

        assert(set && device && container && ret);

        for (size_t i = 0; i < rule_set_size(set) && !explanation.decision; i++) {
                const Rule *rule = rule_set_get(set, i);
                ExplainStep step = {.rule = rule};

                if (rule_match_device(rule, device, reader, step.failed, sizeof(step.failed))) {
                        if (selector_match(&rule->give.to, container))
                                explanation.decision = rule;
                        else
                                snprintf(step.failed, sizeof(step.failed), "to");
                }
                if (explanation.n_steps == allocated) {
                        size_t want = allocated ? allocated * 2 : 16;
                        ExplainStep *grown = reallocarray(explanation.steps, want, sizeof(ExplainStep));

                        if (!grown)
                                return -ENOMEM;
                        explanation.steps = grown;
                        allocated = want;
                }
                explanation.steps[explanation.n_steps++] = step;
        }
        *ret = explanation;
        explanation = (Explanation){};
        return 0;
}
