/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `cdi:` of `match:` and of `give:`: devices that CDI files describe, by their qualified names.
 */

#include "config.h"

#include <string.h>

#include "model/cdi-name.h"
#include "rule/policy.h"
#include "util/string.h"

static int add_cdi(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                   PatternList *list) {
        if (string_is_literal(text) && !cdi_name_is_valid(text, /* ret_kind= */ NULL))
                return policy_error(context, node,
                                    "%s takes names of CDI devices like \"nvidia.com/gpu=0\", or patterns of "
                                    "them, not \"%s\"",
                                    node->name, quote(text));
        return policy_add_glob(context, node, text, negated, list);
}

int policy_cdi(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, add_cdi, target);
}

int policy_cdi_check(const PolicyContext *context, const PolicyNode *node, const PatternList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                if (list->items[i].negated || !list->items[i].literal)
                        return policy_error(context, node,
                                            "beside match, cdi says which devices go along: names, no "
                                            "patterns like \"%s%s\"",
                                            list->items[i].negated ? "!" : "", quote(list->items[i].glob));
        return 0;
}
