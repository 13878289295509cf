/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The index of a rule set: from a literal value of a device to the rules that ask for it.
 *
 * A rule asks for a key literally when all its plain patterns there are literal. It then can only hold for a
 * device that has one of these values, so it is enough to file it under each of them. Of several such keys
 * the rule takes the one whose longest list would be the shortest: two passes, first counting who asks for
 * what, then filing. So neither ten thousand rules for one vendor that differ by port, nor as many for one
 * well-known bad serial, make a long list.
 *
 * The lists are owned here, their values are borrowed from the rules, which do not move any more.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/index.h"
#include "rule/pattern.h"
#include "util/string.h"

/* Where a rule is to be filed: an IndexKey, or one of these. */
enum {
        FILE_CLASS = INDEX_KEY_MAX,
        FILE_ANY,
};

const PatternList *rule_index_patterns(const Rule *rule, IndexKey key) {
        switch (key) {
        case INDEX_SERIAL:
                return &rule->match.serial;
        case INDEX_PORT:
                /* The place of a CDI device is its name. */
                return rule->match.cdi.n_items > 0 ? &rule->match.cdi : &rule->match.port;
        case INDEX_VENDOR:
                return &rule->match.vendor;
        case INDEX_PRODUCT:
                return &rule->match.product;
        case INDEX_KEY_MAX:
                break;
        }
        assert(false);
        return NULL;
}

static IndexList *index_list(const RuleIndex *index, IndexKey key, const char *value) {
        IndexList *list;

        HASH_FIND(hh, index->by_key[key], value, strlen(value), list);
        return list;
}

const IndexList *rule_index_find(const RuleIndex *index, IndexKey key, const char *value) {
        return value ? index_list(index, key, value) : NULL;
}

static int index_ask(RuleIndex *index, IndexKey key, const char *value) {
        IndexList *list = index_list(index, key, value);

        if (!list) {
                list = calloc(1, sizeof(IndexList));
                if (!list)
                        return -ENOMEM;
                list->value = value;
                HASH_ADD_KEYPTR(hh, index->by_key[key], list->value, strlen(value), list);
                if (!list->hh.tbl) {
                        free(list);
                        return -ENOMEM;
                }
        }
        list->n_askers++;
        return 0;
}

/* Whether the rule names its classes one by one; "any" is no class to file under. */
static bool asks_classes(const Rule *rule) {
        const PatternList *classes = &rule->match.class;

        for (size_t i = 0; i < classes->n_items; i++)
                if (!classes->items[i].negated && device_class_from_string(classes->items[i].glob) < 0)
                        return false;
        return pattern_list_first_plain(classes) != NULL;
}

static int index_count(RuleIndex *index, const Rule *rule) {
        for (IndexKey key = 0; key < INDEX_KEY_MAX; key++) {
                const PatternList *patterns = rule_index_patterns(rule, key);

                if (!pattern_list_is_literal(patterns))
                        continue;
                for (size_t i = 0; i < patterns->n_items; i++) {
                        int r = patterns->items[i].negated ? 0
                                                           : index_ask(index, key, patterns->items[i].glob);

                        if (r < 0)
                                return r;
                }
        }
        if (asks_classes(rule))
                for (size_t i = 0; i < rule->match.class.n_items; i++)
                        if (!rule->match.class.items[i].negated)
                                index->by_class[device_class_from_string(rule->match.class.items[i].glob)]
                                        .n_askers++;
        return 0;
}

static int index_list_append(IndexList *list, uint32_t rule) {
        /* A value that a rule names twice. */
        if (list->n_rules > 0 && list->rules[list->n_rules - 1] == rule)
                return 0;
        if (list->n_rules == list->allocated) {
                size_t want = list->allocated ? list->allocated * 2 : 1;
                uint32_t *grown = reallocarray(list->rules, want, sizeof(uint32_t));

                if (!grown)
                        return -ENOMEM;
                list->rules = grown;
                list->allocated = want;
        }
        list->rules[list->n_rules++] = rule;
        return 0;
}

/* The list that a plain pattern of the rule leads to. */
static IndexList *target_list(RuleIndex *index, unsigned int where, const Pattern *pattern) {
        return where == FILE_CLASS ? &index->by_class[device_class_from_string(pattern->glob)]
                                   : index_list(index, where, pattern->glob);
}

static size_t longest_list(RuleIndex *index, unsigned int where, const PatternList *patterns) {
        size_t longest = 0;

        for (size_t i = 0; i < patterns->n_items; i++)
                if (!patterns->items[i].negated)
                        longest = MAX(longest, target_list(index, where, &patterns->items[i])->n_askers);
        return longest;
}

static unsigned int best_key(RuleIndex *index, const Rule *rule) {
        unsigned int best = FILE_ANY;
        size_t shortest = SIZE_MAX;

        for (unsigned int where = 0; where < FILE_ANY; where++) {
                bool asks = where == FILE_CLASS ? asks_classes(rule)
                                                : pattern_list_is_literal(rule_index_patterns(rule, where));
                const PatternList *patterns =
                        where == FILE_CLASS ? &rule->match.class : rule_index_patterns(rule, where);
                size_t longest;

                if (!asks)
                        continue;
                longest = longest_list(index, where, patterns);
                if (longest < shortest) {
                        shortest = longest;
                        best = where;
                }
        }
        return best;
}

static int index_file(RuleIndex *index, const Rule *rule, uint32_t at) {
        unsigned int where = best_key(index, rule);
        const PatternList *patterns;

        if (where == FILE_ANY)
                return index_list_append(
                        rule->match.cdi.n_items > 0 ? &index->by_class[DEVICE_CDI] : &index->any, at);
        patterns = where == FILE_CLASS ? &rule->match.class : rule_index_patterns(rule, where);
        for (size_t i = 0; i < patterns->n_items; i++) {
                int r;

                if (patterns->items[i].negated)
                        continue;
                r = index_list_append(target_list(index, where, &patterns->items[i]), at);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void index_list_drop(RuleIndex *index, IndexKey key, IndexList *list) {
        HASH_DEL(index->by_key[key], list);
        free(list->rules);
        free(list);
}

/* Lists that were counted, but whose rules all found a better place. */
static void index_prune(RuleIndex *index) {
        for (IndexKey key = 0; key < INDEX_KEY_MAX; key++)
                for (IndexList *list = index->by_key[key], *next; list; list = next) {
                        next = list->hh.next;
                        if (list->n_rules == 0)
                                index_list_drop(index, key, list);
                }
}

int rule_index_build(RuleIndex *index, const Rule *rules, size_t n_rules) {
        int r;

        assert(n_rules <= UINT32_MAX);

        for (size_t i = 0; i < n_rules; i++) {
                r = index_count(index, &rules[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n_rules; i++) {
                r = index_file(index, &rules[i], (uint32_t)i);
                if (r < 0)
                        return r;
        }
        index_prune(index);
        return 0;
}

void rule_index_deinit(RuleIndex *index) {
        for (IndexKey key = 0; key < INDEX_KEY_MAX; key++)
                while (index->by_key[key])
                        index_list_drop(index, key, index->by_key[key]);
        for (size_t i = 0; i < DEVICE_CLASS_MAX; i++)
                free(index->by_class[i].rules);
        free(index->any.rules);
        *index = (RuleIndex){};
}
