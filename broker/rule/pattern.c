/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lists of patterns: any-of the plain ones, none of the negated ones.
 *
 * The lists own their strings. They grow only while a policy is parsed; their room doubles, and is worked out
 * from the number of items alone.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/pattern.h"
#include "util/string.h"

/* Room is 1, 2, 4, 8, …: full exactly when the number of items is zero or a power of two.
 * Return: where the items are now; NULL out of memory, and they stay where they were. */
static void *list_grow(void *items, size_t n_items, size_t item_size) {
        if ((n_items & (n_items - 1)) != 0)
                return items;
        return reallocarray(items, n_items ? n_items * 2 : 1, item_size);
}

int pattern_list_add(PatternList *list, const char *glob, bool negated) {
        Pattern *grown = list_grow(list->items, list->n_items, sizeof(Pattern));
        char *copy;

        if (!grown)
                return -ENOMEM;
        list->items = grown;
        copy = strdup(glob);
        if (!copy)
                return -ENOMEM;
        list->items[list->n_items++] = (Pattern){
                .glob = copy,
                .negated = negated,
                .literal = string_is_literal(copy),
        };
        return 0;
}

void pattern_list_deinit(PatternList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                free(list->items[i].glob);
        free(list->items);
        *list = (PatternList){};
}

int key_pattern_list_add(KeyPatternList *list, char *key, PatternList patterns) {
        KeyPattern *grown = list_grow(list->items, list->n_items, sizeof(KeyPattern));

        if (!grown)
                return -ENOMEM;
        list->items = grown;
        list->items[list->n_items++] = (KeyPattern){.key = key, .patterns = patterns};
        return 0;
}

void key_pattern_list_deinit(KeyPatternList *list) {
        for (size_t i = 0; i < list->n_items; i++) {
                free(list->items[i].key);
                pattern_list_deinit(&list->items[i].patterns);
        }
        free(list->items);
        *list = (KeyPatternList){};
}

const PatternList *key_pattern_list_get(const KeyPatternList *list, const char *key) {
        for (size_t i = 0; i < list->n_items; i++)
                if (streq(list->items[i].key, key))
                        return &list->items[i].patterns;
        return NULL;
}

bool pattern_match(const Pattern *pattern, const char *value) {
        return pattern->literal ? streq(pattern->glob, value) : string_match(pattern->glob, value);
}

bool pattern_list_match_with(const PatternList *list, PatternHit hit, const void *subject) {
        bool plain = false, found = false;

        for (size_t i = 0; i < list->n_items; i++) {
                const Pattern *pattern = &list->items[i];

                if (pattern->negated) {
                        if (hit(pattern, subject))
                                return false;
                } else {
                        plain = true;
                        found = found || hit(pattern, subject);
                }
        }
        return !plain || found;
}

static bool value_hit(const Pattern *pattern, const void *subject) {
        return subject && pattern_match(pattern, subject);
}

bool pattern_list_match(const PatternList *list, const char *value) {
        return pattern_list_match_with(list, value_hit, value);
}

const Pattern *pattern_list_first_plain(const PatternList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                if (!list->items[i].negated)
                        return &list->items[i];
        return NULL;
}

bool pattern_list_is_literal(const PatternList *list) {
        bool plain = false;

        for (size_t i = 0; i < list->n_items; i++) {
                if (list->items[i].negated)
                        continue;
                if (!list->items[i].literal)
                        return false;
                plain = true;
        }
        return plain;
}
