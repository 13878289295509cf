/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The policy as one set of rules in the order of decision.
 *
 * A set is first filled, file by file, then sealed: from then on nothing in it moves, and the index and all
 * callers may borrow its rules for as long as it lives. Files are all or nothing.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/cover.h"
#include "rule/index.h"
#include "rule/pattern.h"
#include "rule/policy.h"
#include "rule/rule-set.h"
#include "util/string.h"

/* How many rules of one list of the index a rule is held against when looking for one that takes all that it
 * could. */
#define COVER_TRIES_MAX 64

struct RuleSet {
        char **files;
        size_t n_files;
        Rule *rules;
        size_t n_rules;
        RuleIndex index;
        bool sealed;
};

int rule_set_new(RuleSet **ret) {
        RuleSet *set = calloc(1, sizeof(RuleSet));

        if (!set)
                return -ENOMEM;
        *ret = set;
        return 0;
}

RuleSet *rule_set_free(RuleSet *set) {
        if (!set)
                return NULL;
        rule_index_deinit(&set->index);
        for (size_t i = 0; i < set->n_rules; i++)
                rule_deinit(&set->rules[i]);
        free(set->rules);
        for (size_t i = 0; i < set->n_files; i++)
                free(set->files[i]);
        free(set->files);
        free(set);
        return NULL;
}

/* Takes over the rules in @list, which is left empty. Return: 0 or -ENOMEM; untouched then. */
static int rule_set_append(RuleSet *set, const char *file, RuleList *list) {
        _cleanup_free_ char *name = strdup(file);
        char **files;
        Rule *rules;

        if (!name)
                return -ENOMEM;
        files = reallocarray(set->files, set->n_files + 1, sizeof(char *));
        if (!files)
                return -ENOMEM;
        set->files = files;
        if (list->n_items > 0) {
                rules = reallocarray(set->rules, set->n_rules + list->n_items, sizeof(Rule));
                if (!rules)
                        return -ENOMEM;
                set->rules = rules;
        }
        for (size_t i = 0; i < list->n_items; i++) {
                Rule *rule = &set->rules[set->n_rules + i];

                *rule = list->items[i];
                rule->file = name;
                rule->index = set->n_rules + i;
        }
        set->n_rules += list->n_items;
        list->n_items = 0;
        set->files[set->n_files++] = TAKE_PTR(name);
        return 0;
}

int rule_set_parse(RuleSet *set, const char *file, const char *text, size_t size, ParseErrors *errors) {
        _cleanup_(rule_list_deinit) RuleList list = {};
        PolicyContext context = {
                .file = file,
                .errors = errors,
                .subject = "a policy",
                .unit = "one rule",
        };
        size_t n_errors, first;
        int r;

        assert(set && file && errors);

        if (set->sealed)
                return -EBUSY;
        n_errors = errors->n_errors;
        first = errors->n_items;
        if (size > RULE_FILE_SIZE_MAX)
                r = policy_error(&context, NULL, "larger than %u MiB", RULE_FILE_SIZE_MAX / (1024U * 1024U));
        else
                r = policy_parse(&context, text, size, &list);
        if (r >= 0 && errors->n_errors == n_errors && list.n_items > RULE_SET_RULES_MAX - set->n_rules)
                r = policy_error(&context, NULL, "the policy would have more than %d rules",
                                 RULE_SET_RULES_MAX);
        if (r < 0)
                return r;
        if (errors->n_errors > n_errors) {
                parse_errors_sort(errors, first);
                return 1;
        }
        return rule_set_append(set, file, &list);
}

/* The first rule of @list before @rule that takes all that @rule could. */
static const Rule *covered_in(const RuleSet *set, const IndexList *list, const Rule *rule) {
        if (!list)
                return NULL;
        for (size_t i = 0; i < MIN(list->n_rules, (size_t)COVER_TRIES_MAX); i++) {
                const Rule *earlier = &set->rules[list->rules[i]];

                if (earlier->index >= rule->index)
                        return NULL;
                if (rule_covers(earlier, rule))
                        return earlier;
        }
        return NULL;
}

/*
 * A rule that covers this one is filed under a key which it asks for literally, so this one asks for the same
 * key with some of the same literals: the list of any one of them will do, and of the rules without such a
 * key the list "any".
 */
static const Rule *rule_set_covering(const RuleSet *set, const Rule *rule) {
        const Pattern *class = pattern_list_first_plain(&rule->match.class);
        const IndexList *others =
                rule->match.cdi.n_items > 0 ? &set->index.by_class[DEVICE_CDI] : &set->index.any;
        const Rule *found = covered_in(set, others, rule);

        for (IndexKey key = 0; !found && key < INDEX_KEY_MAX; key++) {
                const Pattern *plain = pattern_list_first_plain(rule_index_patterns(rule, key));

                if (plain && plain->literal)
                        found = covered_in(set, rule_index_find(&set->index, key, plain->glob), rule);
        }
        if (!found && class && device_class_from_string(class->glob) >= 0)
                found = covered_in(set, &set->index.by_class[device_class_from_string(class->glob)], rule);
        return found;
}

int rule_set_seal(RuleSet *set, ParseErrors *errors) {
        int r;

        assert(set && errors);

        if (set->sealed)
                return 0;
        r = rule_index_build(&set->index, set->rules, set->n_rules);
        if (r < 0) {
                rule_index_deinit(&set->index);
                return r;
        }
        set->sealed = true;
        for (size_t i = 0; i < set->n_rules; i++) {
                const Rule *rule = &set->rules[i], *earlier = rule_set_covering(set, rule);
                _cleanup_free_ char *file = NULL;

                if (!earlier)
                        continue;
                r = string_escape_new(earlier->file, &file);
                if (r < 0)
                        return r;
                r = parse_errors_add(
                        errors, PARSE_WARNING, rule->file, rule->line, rule->column,
                        "rule \"%s\" can never apply: rule \"%s\" (%s:%u) takes all that it could",
                        quote(rule->name), quote(earlier->name), file, earlier->line);
                if (r < 0)
                        return r;
        }
        return 0;
}

size_t rule_set_size(const RuleSet *set) {
        return set->n_rules;
}

const Rule *rule_set_get(const RuleSet *set, size_t index) {
        assert(index < set->n_rules);

        return &set->rules[index];
}

static void rule_walk_add(RuleWalk *walk, const IndexList *list) {
        if (!list || list->n_rules == 0)
                return;
        assert(walk->n_lists < ELEMENTSOF(walk->lists));
        walk->lists[walk->n_lists].next = list->rules;
        walk->lists[walk->n_lists].end = list->rules + list->n_rules;
        walk->n_lists++;
}

void rule_walk_begin(RuleWalk *walk, const RuleSet *set, const Device *device,
                     const AttributeReader *reader) {
        const RuleIndex *index = &set->index;

        assert(set->sealed);

        *walk = (RuleWalk){.set = set, .device = device, .reader = reader};
        rule_walk_add(walk, rule_index_find(index, INDEX_SERIAL, device->serial));
        rule_walk_add(walk, rule_index_find(index, INDEX_PORT, device->place));
        rule_walk_add(walk, rule_index_find(index, INDEX_PORT, device->id_path));
        rule_walk_add(walk, rule_index_find(index, INDEX_VENDOR, device->vendor));
        rule_walk_add(walk, rule_index_find(index, INDEX_PRODUCT, device->product));
        for (DeviceClass class = 0; class < DEVICE_CLASS_MAX; class ++)
                if (device->classes & 1U << class)
                        rule_walk_add(walk, &index->by_class[class]);
        rule_walk_add(walk, &index->any);
}

/* The lowest rule at the head of a list, taken off every list that has it there: a rule filed under several
 * values may be met more than once. NULL at the end. */
static const Rule *rule_walk_step(RuleWalk *walk) {
        uint32_t lowest = UINT32_MAX;

        for (unsigned int i = 0; i < walk->n_lists; i++)
                if (walk->lists[i].next < walk->lists[i].end)
                        lowest = MIN(lowest, *walk->lists[i].next);
        if (lowest == UINT32_MAX)
                return NULL;
        for (unsigned int i = 0; i < walk->n_lists; i++)
                if (walk->lists[i].next < walk->lists[i].end && *walk->lists[i].next == lowest)
                        walk->lists[i].next++;
        return &walk->set->rules[lowest];
}

const Rule *rule_walk_next(RuleWalk *walk) {
        for (;;) {
                const Rule *rule = rule_walk_step(walk);

                if (!rule)
                        return NULL;
                walk->n_evaluated++;
                if (rule_match_device(rule, walk->device, walk->reader, NULL, 0))
                        return rule;
        }
}
