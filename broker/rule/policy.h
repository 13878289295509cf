/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/node.h"
#include "rule/rule.h"

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

/* Foreign text for a message, cut to a readable length. */
#define quote(s) string_escape((char[80]){}, 80, (s))

/* One key of a map: @parse fills what lies @offset bytes into the map's target. */
typedef struct PolicyKey {
        const char *name;
        int (*parse)(const PolicyContext *context, const PolicyNode *value, void *target);
        size_t offset;
} PolicyKey;

/* Finds a member's key in @keys (ended by a zeroed entry), complains of an unknown one and of one given
 * twice.
 * @seen has the line of each key that was met so far, one entry a key. Return: 0 and *ret; 1; -ENOMEM. */
int policy_key_find(const PolicyContext *context, const PolicyNode *key, const char *what,
                    const PolicyKey *keys, unsigned int *seen, const PolicyKey **ret);

/* Parses a map: every known member by its function. @seen may be NULL, else as above and zeroed. @what names
 * the map,
 * @takes says what was expected instead of anything else. */
int policy_map(const PolicyContext *context, const PolicyNode *node, const char *what, const char *takes,
               const PolicyKey *keys, void *target, unsigned int *seen);

/* Complains unless @node is a scalar with text in it. */
int policy_scalar(const PolicyContext *context, const PolicyNode *node, const char *takes);

/* Complains of a value that is not what @takes says, with a hint where it is near to one of @words (may be
 * NULL). */
int policy_expected(const PolicyContext *context, const PolicyNode *node, const char *takes,
                    const char *const *words);

int policy_bool(const PolicyContext *context, const PolicyNode *node, bool *ret);

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
int policy_selector(const PolicyContext *context, const PolicyNode *node, void *target /* Selector */);
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
