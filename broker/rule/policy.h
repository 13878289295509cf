/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"
#include "yaml/value.h"

/*
 * The parser of the policy language, between its files. All functions that return int say: 0 done; 1
 * complained of, the target may be half filled and is still to be freed; -ENOMEM.
 */

#define POLICY_VERSION      1
#define POLICY_NAME_MAX     128
#define POLICY_PATTERNS_MAX 4096 /* of one list: they are tried one by one */
#define POLICY_PATTERN_MAX  255
#define POLICY_KEYS_MAX     64 /* of property, attribute, to */
#define POLICY_LINGER_MAX   (7 * 24 * 60 * 60 * UINT64_C(1000000))
#define POLICY_SHARE_MAX    4096 /* more containers than a host runs */

/* Takes one pattern, without its "!", into a list. */
typedef int (*PatternAdd)(const PolicyContext *context, const PolicyNode *node, const char *text,
                          bool negated, PatternList *list);

/* One pattern or a list of them. */
int policy_patterns(const PolicyContext *context, const PolicyNode *node, PatternAdd add, PatternList *list);
int policy_add_glob(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                    PatternList *list);

/* A map from keys that are made of letters, digits and @punctuation, as @what calls them, to patterns. */
int policy_key_patterns(const PolicyContext *context, const PolicyNode *node, const char *what,
                        const char *punctuation, KeyPatternList *list);

int policy_match(const PolicyContext *context, const PolicyNode *node, void *target /* Match */);
int policy_give(const PolicyContext *context, const PolicyNode *node, void *target /* Give */);
int policy_net(const PolicyContext *context, const PolicyNode *node, void *target /* GiveNet */);
/* What the keys of `net:` and the others of `give:`, @node, have to do with each other. */
int policy_net_check(const PolicyContext *context, const PolicyNode *node, const Give *give);
int policy_selector(const PolicyContext *context, const PolicyNode *node, void *target /* Selector */);
/* Names of CDI devices. */
int policy_cdi(const PolicyContext *context, const PolicyNode *node, void *target /* PatternList */);
/* What they are of a rule with a `match:`: devices that go along, each by its name. */
int policy_cdi_check(const PolicyContext *context, const PolicyNode *node, const PatternList *list);
int policy_symlink(const PolicyContext *context, const PolicyNode *node, void *target /* char * */);

/* One rule, as far as it can be understood: also after 1 its name and place are there, where it has them. */
int policy_rule(const PolicyContext *context, const PolicyNode *node, Rule *rule);

typedef struct RuleList {
        Rule *items;
        size_t n_items, allocated;
} RuleList;

void rule_list_deinit(RuleList *list);

/* Reads a whole file. Return: 0, also with errors: the caller counts them; -ENOMEM. */
int policy_parse(const PolicyContext *context, const char *text, size_t size, RuleList *ret);
