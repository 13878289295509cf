/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What every YAML file of ours is made of: maps with known keys, scalars, truth values.
 *
 * Every function goes on after a fault, so that one run shows all faults of a file; one fault gives one
 * message, as a value that was complained of becomes POLICY_BAD or is left alone by its caller.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "util/string.h"
#include "yaml/value.h"
#include "yaml/word.h"

#define KEYS_MAX 16
#define MTU_MIN  68U /* RFC 791: every internet module must forward it */
#define MTU_MAX  65535U

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

const PolicyNode *policy_member(const PolicyNode *node, const char *key) {
        for (const PolicyNode *member = node->children; member; member = member->next)
                if (member->key->text && streq(member->key->text, key))
                        return member;
        return NULL;
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

int policy_number(const PolicyContext *context, const PolicyNode *node, const char *takes, uint64_t min,
                  uint64_t max, uint64_t *ret) {
        uint64_t n;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if ((node->text[0] == '0' && node->text[1]) || string_to_u64(node->text, 10, max, &n) < 0 || n < min)
                return policy_expected(context, node, takes, NULL);
        *ret = n;
        return 0;
}

int policy_interface_name(const PolicyContext *context, const PolicyNode *node, char ret[static IFNAMSIZ]) {
        static const char *const takes = "an interface name of at most 15 letters, digits and any of ._-+@";
        const char *text;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        text = node->text;
        /* Narrower than the kernel's dev_valid_name(), where a % would even be a format. */
        if (strlen(text) >= IFNAMSIZ || streq(text, ".") || streq(text, "..") ||
            text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@")] != '\0')
                return policy_expected(context, node, takes, NULL);
        strcpy(ret, text);
        return 0;
}

int policy_mtu(const PolicyContext *context, const PolicyNode *node, uint32_t *ret) {
        static const char *const takes = "a number of bytes from 68 to 65535";
        uint64_t mtu;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (string_to_u64(node->text, 10, MTU_MAX, &mtu) < 0 || mtu < MTU_MIN)
                return policy_expected(context, node, takes, NULL);
        *ret = (uint32_t)mtu;
        return 0;
}
