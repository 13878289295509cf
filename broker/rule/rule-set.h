/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"
#include "yaml/parse-error.h"

/*
 * The policy: rules in the order of decision, indexed so that a device meets only those rules which can apply
 * to it.
 *
 * Each rule is filed under the most telling key of those that it asks for literally: serial, port, vendor,
 * product or class, whichever shares its values with the fewest other rules; a rule with none of them is
 * filed under "any". To match a device is to walk the few lists that its own values name, merged in rule
 * order. Immutable once sealed: a reload makes a new one.
 */

/* Bounds of a policy. */
#define RULE_SET_RULES_MAX 1000000
#define RULE_FILE_SIZE_MAX (64U * 1024U * 1024U)

typedef struct RuleSet RuleSet;

int rule_set_new(RuleSet **ret);
RuleSet *rule_set_free(RuleSet *set);
DEFINE_CLEANUP(RuleSet *, rule_set_free);

/**
 * rule_set_parse() - add the rules of one file
 * @file:       its name, for messages and Rule.file; copied
 * @text:       YAML, @size bytes
 * @errors:     gets all errors and warnings of the file, not the first alone
 *
 * A file with an error adds nothing.
 *
 * Return: 0; 1 the file has errors; -EBUSY the set is sealed; -ENOMEM.
 */
int rule_set_parse(RuleSet *set, const char *file, const char *text, size_t size, ParseErrors *errors);

/* Ends the adding: builds the index and warns of rules that can never be reached, because an earlier rule
 * takes all that they could. A warning is always right; not every such rule is found. Return: 0 or -ENOMEM.
 */
int rule_set_seal(RuleSet *set, ParseErrors *errors);

/**
 * rule_set_load() - the policy of a list of folders, sealed
 * @folders:    in rising priority, NULL-terminated: a file in a later one replaces the file of the same name
 * in an earlier one; an empty file or a link to /dev/null masks it. All `*.yaml` in order of their names.
 *
 * Files with errors are left out, the others are used: the caller decides what errors mean to it. A folder
 * that does not exist is empty.
 *
 * Return: 0, also with errors; -ENOMEM; the errno of reading a folder.
 */
int rule_set_load(const char *const *folders, RuleSet **ret, ParseErrors *errors);

size_t rule_set_size(const RuleSet *set);
const Rule *rule_set_get(const RuleSet *set, size_t index);

/* Walks the rules that match a device, in order. Initialised by rule_walk_begin(); holds no resource. Room
 * for the lists of serial, place, id_path, vendor, product, every class and "any". */
typedef struct RuleWalk {
        const RuleSet *set;
        const Device *device;
        const AttributeReader *reader;
        struct {
                const uint32_t *next, *end;
        } lists[6 + DEVICE_CLASS_MAX];
        unsigned int n_lists;
        size_t n_evaluated; /* rules whose `match:` was looked at so far */
} RuleWalk;

void rule_walk_begin(RuleWalk *walk, const RuleSet *set, const Device *device, const AttributeReader *reader);
/* Return: the next matching rule, borrowed; NULL at the end. */
const Rule *rule_walk_next(RuleWalk *walk);
