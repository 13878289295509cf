/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lists of patterns, and maps from names to them, as values of a policy.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/pattern.h"
#include "rule/policy.h"
#include "util/string.h"

int policy_add_glob(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                    PatternList *list) {
        size_t offset;

        if (string_match_check(text, &offset) < 0)
                return policy_error(context, node, "bad pattern \"%s\" of %s: %s", quote(text), node->name,
                                    text[offset] == '[' ? "the [ is not closed"
                                                        : "nothing behind the last backslash");
        return pattern_list_add(list, text, negated);
}

static int policy_pattern(const PolicyContext *context, const PolicyNode *node, PatternAdd add,
                          PatternList *list) {
        const char *text;
        bool negated;
        int r;

        r = policy_scalar(context, node, "patterns");
        if (r != 0)
                return r;
        negated = node->text[0] == '!';
        text = node->text + negated;
        if (!*text)
                return policy_error(context, node, "%s has a \"!\" with nothing behind it", node->name);
        if (strlen(text) > POLICY_PATTERN_MAX)
                return policy_error(context, node, "pattern of %s is longer than %d bytes", node->name,
                                    POLICY_PATTERN_MAX);
        return add(context, node, text, negated, list);
}

int policy_patterns(const PolicyContext *context, const PolicyNode *node, PatternAdd add, PatternList *list) {
        size_t n = 0;
        int bad = 0;

        if (node->type == POLICY_MAP)
                return policy_expected(context, node, "a pattern or a list of them", NULL);
        if (node->type != POLICY_LIST)
                return policy_pattern(context, node, add, list);
        if (!node->children)
                return policy_error(context, node, "%s is empty: it takes at least one pattern", node->name);
        for (const PolicyNode *item = node->children; item; item = item->next) {
                int r;

                if (++n > POLICY_PATTERNS_MAX)
                        return policy_error(context, item, "%s has more than %d patterns", node->name,
                                            POLICY_PATTERNS_MAX);
                r = policy_pattern(context, item, add, list);
                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

/* A path-like key stays below where it starts. */
static bool key_is_clean(const char *key, const char *punctuation) {
        for (const char *p = key; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                      strchr(punctuation, *p)))
                        return false;
        return *key && strlen(key) <= POLICY_PATTERN_MAX && *key != '/' && key[strlen(key) - 1] != '/' &&
               !strstr(key, "//") && !strstr(key, "..") && !startswith(key, "./") && !strstr(key, "/./");
}

static int add_key_pattern(const PolicyContext *context, const PolicyNode *member, const char *what,
                           const char *punctuation, KeyPatternList *list) {
        PatternList patterns = {};
        char *key;
        int r;

        if (member->key->type == POLICY_BAD)
                return 1;
        if (!key_is_clean(member->key->text, punctuation))
                return policy_error(context, member->key, "\"%s\" is no name of %s", quote(member->key->text),
                                    what);
        if (key_pattern_list_get(list, member->key->text))
                return policy_error(context, member->key, "\"%s\" is given twice", quote(member->key->text));

        key = strdup(member->key->text);
        if (!key)
                return -ENOMEM;
        r = policy_patterns(context, member, policy_add_glob, &patterns);
        if (r == 0)
                r = key_pattern_list_add(list, key, patterns);
        if (r != 0) {
                pattern_list_deinit(&patterns);
                free(key);
        }
        return r;
}

int policy_key_patterns(const PolicyContext *context, const PolicyNode *node, const char *what,
                        const char *punctuation, KeyPatternList *list) {
        size_t n = 0;
        int bad = 0;

        if (node->type != POLICY_MAP)
                return policy_expected(context, node, "a mapping of names to patterns", NULL);
        if (!node->children)
                return policy_error(context, node, "%s is empty: it takes at least one name with patterns",
                                    node->name);
        for (const PolicyNode *member = node->children; member; member = member->next) {
                int r;

                if (++n > POLICY_KEYS_MAX)
                        return policy_error(context, member->key, "%s has more than %d names", node->name,
                                            POLICY_KEYS_MAX);
                r = add_key_pattern(context, member, what, punctuation, list);
                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}
