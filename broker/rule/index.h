/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"
#include "util/hash.h"

/* The keys that rules are filed under by literal value, the most telling first. */
typedef enum IndexKey {
        INDEX_SERIAL,
        INDEX_PORT,
        INDEX_VENDOR,
        INDEX_PRODUCT,
        INDEX_KEY_MAX,
} IndexKey;

/* The rules of one value, by their place in the rule set, rising. */
typedef struct IndexList {
        const char *value; /* borrowed from the first rule that asked for it */
        uint32_t *rules;
        size_t n_rules;
        size_t allocated;
        size_t n_askers; /* rules that ask for this value, filed here or not */
        UT_hash_handle hh;
} IndexList;

typedef struct RuleIndex {
        IndexList *by_key[INDEX_KEY_MAX];
        IndexList by_class[DEVICE_CLASS_MAX];
        IndexList any;
} RuleIndex;

/* Files all of @rules, whose strings it borrows. Return: 0 or -ENOMEM; rule_index_deinit() is due either way.
 */
int rule_index_build(RuleIndex *index, const Rule *rules, size_t n_rules);
void rule_index_deinit(RuleIndex *index);

/* Return: NULL where no rule is filed under @value, or @value is NULL. */
const IndexList *rule_index_find(const RuleIndex *index, IndexKey key, const char *value);

/* What a rule asks of a key. */
const PatternList *rule_index_patterns(const Rule *rule, IndexKey key);
