/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule-set.h"

/* Why a device goes to a container or not: each rule passed over with the key that failed, then the deciding
 * one. */
typedef struct ExplainStep {
        const Rule *rule; /* borrowed from the set */
        char failed[64]; /* the key that failed, e.g. "vendor", "property ID_MODEL", "to"; "" for the deciding
                            rule */
} ExplainStep;

typedef struct Explanation {
        ExplainStep *steps;
        size_t n_steps;
        const Rule *decision; /* NULL: no rule matches, so the answer is no */
} Explanation;

void explanation_deinit(Explanation *explanation);

/* Walks all rules, not only the indexed candidates, as a person asks about the others. Return: 0 or -ENOMEM.
 */
int explain(const RuleSet *set, const Device *device, const Container *container,
            const AttributeReader *reader, Explanation *ret);
