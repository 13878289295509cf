/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether one rule takes all that another could: the reasoning behind the warning of an unreachable rule.
 *
 * It has to be sound, not complete: a wrong warning sends a person after a fault that is none. For each key,
 * whatever values a device may have: if B's list holds, A's must hold. A's list holds when
 *   - it has no plain pattern, or each plain pattern of B (of which there must be one, else B also takes the
 * unknown) lies within a plain one of A; and
 *   - each negated pattern of A hits nothing that B takes: it lies within a negated one of B, or, where the
 * key has a single value, B asks for literals alone and none of them is hit.
 * Hubs are a matter of their own, see below.
 */

#include "config.h"

#include <string.h>

#include "rule/cover.h"
#include "rule/pattern.h"
#include "util/string.h"

typedef enum KeyNature {
        KEY_SINGLE,    /* one value, perhaps unknown */
        KEY_MULTIPLE,  /* several values, perhaps none */
        KEY_CLASS,     /* several words, where "any" holds for every device */
        KEY_CONTAINER, /* one value, always known */
} KeyNature;

/* Every string that matches @b matches @a. */
static bool glob_covers(const Pattern *a, const Pattern *b) {
        size_t n = strlen(a->glob);

        if (streq(a->glob, b->glob))
                return true;
        if (b->literal)
                return pattern_match(a, b->glob);
        if (a->literal || a->glob[n - 1] != '*')
                return false;
        /* "abc*" takes all that starts with "abc", and what follows in @b does not matter. */
        return strcspn(a->glob, "*?[\\") == n - 1 && strcspn(b->glob, "*?[\\") >= n - 1 &&
               strncmp(a->glob, b->glob, n - 1) == 0;
}

/* Whether the plain pattern @a takes every value there can be, the unknown included. */
static bool takes_all(const Pattern *a, KeyNature nature) {
        switch (nature) {
        case KEY_CLASS:
                return streq(a->glob, "any");
        case KEY_CONTAINER:
                return streq(a->glob, "*");
        case KEY_SINGLE:
        case KEY_MULTIPLE:
                return false;
        }
        return false;
}

static bool within_any(const PatternList *list, bool negated, const Pattern *b) {
        for (size_t i = 0; i < list->n_items; i++)
                if (list->items[i].negated == negated && glob_covers(&list->items[i], b))
                        return true;
        return false;
}

static bool plain_covers(const PatternList *a, const PatternList *b, KeyNature nature) {
        bool any = false;

        for (size_t i = 0; i < a->n_items; i++)
                if (!a->items[i].negated && takes_all(&a->items[i], nature))
                        return true;
        if (!pattern_list_first_plain(a))
                return true;
        for (size_t i = 0; i < b->n_items; i++) {
                if (b->items[i].negated)
                        continue;
                if (!within_any(a, false, &b->items[i]))
                        return false;
                any = true;
        }
        return any;
}

/* Whether a negated pattern of A takes nothing away of what B takes. */
static bool negated_harmless(const Pattern *pattern, const PatternList *b, KeyNature nature) {
        if (within_any(b, true, pattern))
                return true;
        if ((nature != KEY_SINGLE && nature != KEY_CONTAINER) || !pattern_list_is_literal(b))
                return false;
        for (size_t i = 0; i < b->n_items; i++)
                if (!b->items[i].negated && pattern_match(pattern, b->items[i].glob))
                        return false;
        return true;
}

static bool list_covers(const PatternList *a, const PatternList *b, KeyNature nature) {
        if (!plain_covers(a, b, nature))
                return false;
        for (size_t i = 0; i < a->n_items; i++)
                if (a->items[i].negated && !negated_harmless(&a->items[i], b, nature))
                        return false;
        return true;
}

/* All keys must hold: B has to ask for each of A's, and as narrowly. */
static bool keys_cover(const KeyPatternList *a, const KeyPatternList *b, KeyNature nature) {
        for (size_t i = 0; i < a->n_items; i++) {
                const PatternList *other = key_pattern_list_get(b, a->items[i].key);

                if (!other || !list_covers(&a->items[i].patterns, other, nature))
                        return false;
        }
        return true;
}

/* Whether the plain pattern @pattern may hit an interface of a hub, "09:00:00". */
static bool may_hit_hub(const Pattern *pattern) {
        const char *p = pattern->glob;

        return strchr("*?[\\", p[0]) || (p[0] == '0' && strchr("9*?[\\", p[1]));
}

static bool any_plain(const PatternList *list, bool (*hit)(const Pattern *pattern)) {
        for (size_t i = 0; i < list->n_items; i++)
                if (!list->items[i].negated && hit(&list->items[i]))
                        return true;
        return false;
}

static bool names_hub_interface(const Pattern *pattern) {
        return startswith(pattern->glob, "09");
}

static bool is_literal(const Pattern *pattern) {
        return pattern->literal;
}

/* A rule that gives takes hubs only where it names them (rule/rule.c), so it need not take those of a
 * narrower one. */
static bool hubs_cover(const Rule *a, const Rule *b) {
        const Match *m = &a->match, *n = &b->match;

        if (a->deny || any_plain(&m->interface, names_hub_interface) || pattern_list_is_literal(&m->port))
                return true;
        if (!b->deny && !any_plain(&n->interface, names_hub_interface) && !any_plain(&n->port, is_literal))
                return true;
        return pattern_list_first_plain(&n->interface) && !any_plain(&n->interface, may_hit_hub);
}

bool rule_covers(const Rule *a, const Rule *b) {
        const Match *m = &a->match, *n = &b->match;

        /* Rules with this key and rules without it are for different devices. */
        if ((m->cdi.n_items > 0) != (n->cdi.n_items > 0))
                return false;
        return hubs_cover(a, b) && list_covers(&m->cdi, &n->cdi, KEY_SINGLE) &&
               list_covers(&m->serial, &n->serial, KEY_SINGLE) &&
               list_covers(&m->port, &n->port, KEY_MULTIPLE) &&
               list_covers(&m->vendor, &n->vendor, KEY_SINGLE) &&
               list_covers(&m->product, &n->product, KEY_SINGLE) &&
               list_covers(&m->class, &n->class, KEY_CLASS) &&
               list_covers(&m->interface, &n->interface, KEY_MULTIPLE) &&
               list_covers(&m->model, &n->model, KEY_SINGLE) &&
               list_covers(&m->driver, &n->driver, KEY_MULTIPLE) &&
               list_covers(&m->path, &n->path, KEY_MULTIPLE) &&
               keys_cover(&m->property, &n->property, KEY_MULTIPLE) &&
               keys_cover(&m->attribute, &n->attribute, KEY_SINGLE) &&
               list_covers(&a->give.to.names, &b->give.to.names, KEY_CONTAINER) &&
               keys_cover(&a->give.to.labels, &b->give.to.labels, KEY_SINGLE);
}
