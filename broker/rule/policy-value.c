/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What all parts of a policy are made of: maps with known keys, scalars, lists of patterns.
 *
 * Every function goes on after a fault, so that one run shows all faults of a file; one fault gives one
 * message, as a value that was complained of becomes POLICY_BAD or is left alone by its caller.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "rule/pattern.h"
#include "rule/policy.h"
#include "rule/word.h"
#include "util/string.h"

#define KEYS_MAX 16

static const char *type_words(PolicyNodeType type) {
        return type == POLICY_LIST ? "a list" : type == POLICY_MAP ? "a mapping" : "a plain value";
}

static int unknown_key(const PolicyContext *context, const PolicyNode *key, const char *what,
                       const PolicyKey *keys) {
        const char *words[KEYS_MAX + 1] = {};
        const char *meant;

        for (size_t i = 0; keys[i].name; i++) {
                assert(i < KEYS_MAX);
                words[i] = keys[i].name;
        }
        meant = word_nearest(key->text, words);
        if (meant)
                return policy_error(context, key, "unknown key \"%s\" in %s, did you mean \"%s\"?",
                                    quote(key->text), what, meant);
        return policy_error(context, key, "unknown key \"%s\" in %s", quote(key->text), what);
}

int policy_key_find(const PolicyContext *context, const PolicyNode *key, const char *what,
                    const PolicyKey *keys, unsigned int *seen, const PolicyKey **ret) {
        if (key->type == POLICY_BAD)
                return 1;
        for (size_t i = 0; keys[i].name; i++) {
                if (!streq(keys[i].name, key->text))
                        continue;
                if (seen[i] > 0)
                        return policy_error(context, key, "\"%s\" is given twice in %s, first in line %u",
                                            keys[i].name, what, seen[i]);
                seen[i] = key->line;
                *ret = &keys[i];
                return 0;
        }
        return unknown_key(context, key, what, keys);
}

int policy_map(const PolicyContext *context, const PolicyNode *node, const char *what, const char *takes,
               const PolicyKey *keys, void *target, unsigned int *seen) {
        unsigned int own[KEYS_MAX] = {};
        int bad = 0;

        if (node->type == POLICY_BAD)
                return 1;
        if (node->type != POLICY_MAP)
                return policy_expected(context, node, takes, NULL);
        for (const PolicyNode *member = node->children; member; member = member->next) {
                const PolicyKey *key = NULL;
                int r;

                r = policy_key_find(context, member->key, what, keys, seen ?: own, &key);
                if (r == 0)
                        r = key->parse(context, member, (char *)target + key->offset);
                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

int policy_expected(const PolicyContext *context, const PolicyNode *node, const char *takes,
                    const char *const *words) {
        const char *meant;

        if (node->type == POLICY_BAD)
                return 1;
        if (node->type != POLICY_SCALAR)
                return policy_error(context, node, "%s takes %s, not %s", node->name, takes,
                                    type_words(node->type));
        if (!*node->text)
                return policy_error(context, node, "%s has no value: it takes %s", node->name, takes);
        meant = words ? word_nearest(node->text, words) : NULL;
        if (meant)
                return policy_error(context, node, "%s takes %s, not \"%s\", did you mean \"%s\"?",
                                    node->name, takes, quote(node->text), meant);
        return policy_error(context, node, "%s takes %s, not \"%s\"", node->name, takes, quote(node->text));
}

int policy_scalar(const PolicyContext *context, const PolicyNode *node, const char *takes) {
        if (node->type == POLICY_SCALAR && *node->text)
                return 0;
        return policy_expected(context, node, takes, NULL);
}

int policy_bool(const PolicyContext *context, const PolicyNode *node, bool *ret) {
        static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};
        const char *takes = "true or false";
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        for (int value = 0; value < 2; value++)
                for (size_t i = 0; i < 3; i++)
                        if (strcasecmp(words[value][i], node->text) == 0) {
                                *ret = value;
                                return 0;
                        }
        return policy_expected(context, node, takes, NULL);
}

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
