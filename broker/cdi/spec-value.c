/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a specification is made of: maps with known members, lists, strings, numbers; and the field that is
 * being read, for messages.
 *
 * The reference library turns YAML into JSON and that into structures of Go. Its ways that a file may lean on
 * are kept: the names of members match in any letter case, null stands for "not given", a number or truth
 * value without quotes is good where a string is asked for, but not the other way round.
 */

#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "cdi/spec-internal.h"
#include "util/string.h"
#include "yaml/value.h"
#include "yaml/word.h"

#define KEYS_MAX 16

static const char *const version_names[CDI_VERSION_MAX] = {
        [CDI_V010] = "0.1.0", [CDI_V020] = "0.2.0", [CDI_V030] = "0.3.0", [CDI_V040] = "0.4.0",
        [CDI_V050] = "0.5.0", [CDI_V060] = "0.6.0", [CDI_V070] = "0.7.0", [CDI_V080] = "0.8.0",
        [CDI_V100] = "1.0.0", [CDI_V110] = "1.1.0",
};

const char *cdi_version_to_string(CdiVersion version) {
        return version >= 0 && version < CDI_VERSION_MAX ? version_names[version] : NULL;
}

size_t cdi_enter(CdiParser *parser, const char *name) {
        size_t mark = strlen(parser->field);

        snprintf(parser->field + mark, sizeof(parser->field) - mark, "%s%s", mark > 0 ? "." : "", name);
        return mark;
}

size_t cdi_enter_item(CdiParser *parser, size_t index) {
        size_t mark = strlen(parser->field);

        snprintf(parser->field + mark, sizeof(parser->field) - mark, "[%zu]", index);
        return mark;
}

void cdi_leave(CdiParser *parser, size_t mark) {
        parser->field[mark] = '\0';
}

bool cdi_is_null(const PolicyNode *node) {
        return node->type == POLICY_SCALAR && node->plain &&
               (!*node->text || streq(node->text, "~") || streq(node->text, "null") ||
                streq(node->text, "Null") || streq(node->text, "NULL"));
}

static const CdiKey *find_key(const CdiKey *keys, const char *name) {
        for (const CdiKey *key = keys; key->name; key++)
                if (strcasecmp(key->name, name) == 0)
                        return key;
        return NULL;
}

static int unknown_member(const CdiParser *parser, const PolicyNode *key, const char *what,
                          const CdiKey *keys) {
        const char *words[KEYS_MAX + 1] = {};
        const char *meant;

        for (size_t i = 0; keys[i].name; i++) {
                assert(i < KEYS_MAX);
                words[i] = keys[i].name;
        }
        meant = word_nearest(key->text, words);
        if (meant)
                return policy_error(&parser->context, key, "unknown field \"%s\" in %s, did you mean \"%s\"?",
                                    quote(key->text), what, meant);
        return policy_error(&parser->context, key, "unknown field \"%s\" in %s", quote(key->text), what);
}

static int read_member(CdiParser *parser, const PolicyNode *member, const char *what, const CdiKey *keys,
                       unsigned int *seen, void *target) {
        const CdiKey *key;
        size_t mark;
        int r;

        if (member->key->type != POLICY_SCALAR)
                return 1;
        key = find_key(keys, member->key->text);
        if (!key)
                return unknown_member(parser, member->key, what, keys);

        mark = cdi_enter(parser, key->name);
        if (seen[key - keys] > 0)
                r = policy_error(&parser->context, member->key, "given twice, first in line %u",
                                 seen[key - keys]);
        else if (member->type == POLICY_BAD)
                r = 1;
        else if (cdi_is_null(member))
                r = 0;
        else {
                r = streq(key->name, member->key->text)
                            ? 0
                            : policy_warning(&parser->context, member->key,
                                             "spelt \"%s\" here: other programs may not take it",
                                             quote(member->key->text));
                if (r >= 0)
                        r = key->parse(parser, member, (char *)target + key->offset);
        }
        seen[key - keys] = member->key->line;
        cdi_leave(parser, mark);
        return r;
}

static int wrong_type(const CdiParser *parser, const PolicyNode *node, const char *takes) {
        static const char *const words[] = {
                [POLICY_SCALAR] = "a plain value",
                [POLICY_LIST] = "a list",
                [POLICY_MAP] = "a mapping",
        };

        if (node->type == POLICY_BAD)
                return 1;
        return policy_error(&parser->context, node, "takes %s, not %s", takes, words[node->type]);
}

int cdi_map(CdiParser *parser, const PolicyNode *node, const char *what, const CdiKey *keys, void *target) {
        unsigned int seen[KEYS_MAX] = {};
        int bad = 0;

        if (node->type != POLICY_MAP)
                return wrong_type(parser, node, "a mapping");
        for (const PolicyNode *member = node->children; member; member = member->next) {
                int r = read_member(parser, member, what, keys, seen, target);

                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

const PolicyNode *cdi_member(const PolicyNode *node, const char *name) {
        if (node->type != POLICY_MAP)
                return NULL;
        for (const PolicyNode *member = node->children; member; member = member->next)
                if (member->key->type == POLICY_SCALAR && strcasecmp(member->key->text, name) == 0 &&
                    !cdi_is_null(member))
                        return member;
        return NULL;
}

int cdi_list(CdiParser *parser, const PolicyNode *node, size_t max,
             int (*parse)(CdiParser *parser, const PolicyNode *node, void *target), void *target) {
        size_t n = 0;
        int bad = 0;

        if (node->type != POLICY_LIST)
                return wrong_type(parser, node, "a list");
        for (const PolicyNode *item = node->children; item; item = item->next, n++) {
                size_t mark;
                int r;

                if (n >= max)
                        return policy_error(&parser->context, item, "more than %zu entries", max);
                mark = cdi_enter_item(parser, n);
                r = item->type == POLICY_BAD ? 1 : parse(parser, item, target);
                cdi_leave(parser, mark);
                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

int cdi_string(CdiParser *parser, const PolicyNode *node, void *target) {
        char **ret = target;

        if (node->type != POLICY_SCALAR)
                return wrong_type(parser, node, "a string");
        free(*ret);
        *ret = strdup(cdi_is_null(node) ? "" : node->text);
        return *ret ? 0 : -ENOMEM;
}

/* Return: 0; -EINVAL; -ERANGE. */
static int parse_number(const char *text, int64_t *ret) {
        bool negative = *text == '-';
        uint64_t magnitude;
        int base = 10, r;

        if (*text == '-' || *text == '+')
                text++;
        if (text[0] == '0' && text[1]) {
                base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
                text += strchr("xob", text[1]) ? 2 : 1;
        }
        if (base == 2) {
                size_t n = strspn(text, "01");

                if (n == 0 || text[n] || n > 63)
                        return n > 63 ? -ERANGE : -EINVAL;
                for (magnitude = 0; *text; text++)
                        magnitude = magnitude << 1 | (*text == '1');
        } else {
                r = string_to_u64(text, base, INT64_MAX, &magnitude);
                if (r < 0)
                        return r;
        }
        *ret = negative ? -(int64_t)magnitude : (int64_t)magnitude;
        return 0;
}

int cdi_number(CdiParser *parser, const PolicyNode *node, int64_t min, int64_t max, int64_t *ret) {
        int64_t value;
        int r;

        if (node->type != POLICY_SCALAR)
                return wrong_type(parser, node, "a whole number");
        r = node->plain ? parse_number(node->text, &value) : -EINVAL;
        if (r == -EINVAL)
                return policy_error(&parser->context, node, "takes a whole number, not %s\"%s\"",
                                    node->plain ? "" : "the string ", quote(node->text));
        if (r < 0 || value < min || value > max)
                return policy_error(&parser->context, node,
                                    "takes a number from %" PRId64 " to %" PRId64 ", not %s", min, max,
                                    quote(node->text));
        *ret = value;
        return 0;
}

int cdi_bool(CdiParser *parser, const PolicyNode *node, bool *ret) {
        if (node->type != POLICY_SCALAR || !node->plain)
                return policy_error(&parser->context, node, "takes true or false, without quotes");
        return policy_bool(&parser->context, node, ret);
}

int cdi_need(CdiParser *parser, const PolicyNode *node, CdiVersion floor, const char *what) {
        if (parser->version == CDI_VERSION_INVALID || parser->version >= floor)
                return 0;
        return policy_error(&parser->context, node, "%s came with version %s, the file says %s", what,
                            version_names[floor], version_names[parser->version]);
}
