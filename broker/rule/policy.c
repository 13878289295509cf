/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A policy file: its version and its rules.
 *
 * The rules are read and turned into data one after the other, so that a large file needs little more room
 * than its rules do. Everything that is wrong is recorded with its place and the reading goes on; only where
 * the text is no YAML any more does it end, and what a broken end may have held is then not called missing.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/pattern.h"
#include "rule/policy.h"
#include "rule/rule-set.h"
#include "util/hash.h"
#include "util/string.h"

void rule_list_deinit(RuleList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                rule_deinit(&list->items[i]);
        free(list->items);
        *list = (RuleList){};
}

/* The names of the rules of one file. */
typedef struct NameEntry {
        const char *name; /* borrowed from the rule */
        unsigned int line;
        UT_hash_handle hh;
} NameEntry;

typedef struct PolicyFile {
        const PolicyContext *context;
        PolicyReader reader;
        RuleList rules;
        NameEntry *names;
} PolicyFile;

static void policy_file_deinit(PolicyFile *file) {
        while (file->names) {
                NameEntry *entry = file->names;

                HASH_DEL(file->names, entry);
                free(entry);
        }
        rule_list_deinit(&file->rules);
        policy_reader_deinit(&file->reader);
}

static int parse_name(const PolicyContext *context, const PolicyNode *node, void *target) {
        char **name = target;
        int r;

        r = policy_scalar(context, node, "a name for people");
        if (r != 0)
                return r;
        if (strlen(node->text) > POLICY_NAME_MAX)
                return policy_error(context, node, "name is longer than %d bytes", POLICY_NAME_MAX);
        *name = strdup(node->text);
        return *name ? 0 : -ENOMEM;
}

static int parse_deny(const PolicyContext *context, const PolicyNode *node, void *target) {
        bool *deny = target;
        int r;

        r = policy_bool(context, node, deny);
        if (r == 0 && !*deny)
                return policy_error(context, node, "deny takes true: a rule that does not deny says give");
        return r;
}

enum {
        SEEN_NAME,
        SEEN_MATCH,
        SEEN_GIVE,
        SEEN_DENY,
        SEEN_TO,
        SEEN_MAX,
};

/* A rule that gives CDI devices need not match anything else: then it is for these. */
static bool gives_cdi(const PolicyNode *node) {
        const PolicyNode *give = policy_member(node, "give");

        return give && policy_member(give, "cdi");
}

static int check_rule(const PolicyContext *context, const PolicyNode *node, const unsigned int *seen) {
        int bad = 0;

        if (!seen[SEEN_NAME])
                bad |= policy_error(context, node, "rule without \"name\"");
        if (!seen[SEEN_MATCH] && !gives_cdi(node))
                bad |= policy_error(context, node, "rule without \"match\"");
        if (seen[SEEN_GIVE] && seen[SEEN_DENY])
                bad |= policy_error(context, node, "rule with both \"give\" and \"deny\"");
        if (!seen[SEEN_GIVE] && !seen[SEEN_DENY])
                bad |= policy_error(context, node, "rule with neither \"give\" nor \"deny\"");
        if (seen[SEEN_GIVE] && seen[SEEN_TO])
                bad |= policy_error(context, node, "\"to\" of a rule that gives belongs into \"give\"");
        return bad < 0 ? -ENOMEM : bad;
}

/* CDI devices go along with what is matched, or are it. */
static int check_match(const PolicyContext *context, const PolicyNode *node, bool seen, Rule *rule) {
        const PolicyNode *give = policy_member(node, "give");
        PatternList *cdi = &rule->give.cdi;

        if (cdi->n_items == 0)
                return 0;
        if (seen)
                return policy_cdi_check(context, policy_member(give, "cdi"), cdi);
        rule->match.cdi = *cdi;
        *cdi = (PatternList){};
        if (rule->give.net.set)
                return policy_error(
                        context, policy_member(give, "net"),
                        "net is for the interface of a device that match names: a CDI device says "
                        "itself which are given");
        return 0;
}

int policy_rule(const PolicyContext *context, const PolicyNode *node, Rule *rule) {
        static const PolicyKey keys[] = {
                [SEEN_NAME] = {"name", parse_name, offsetof(Rule, name)},
                [SEEN_MATCH] = {"match", policy_match, offsetof(Rule, match)},
                [SEEN_GIVE] = {"give", policy_give, offsetof(Rule, give)},
                [SEEN_DENY] = {"deny", parse_deny, offsetof(Rule, deny)},
                [SEEN_TO] = {"to", policy_selector, offsetof(Rule, give.to)},
                [SEEN_MAX] = {},
        };
        unsigned int seen[SEEN_MAX] = {};
        int bad, r;

        rule->line = node->line;
        rule->column = node->column;
        rule->give = GIVE_DEFAULT;
        bad = policy_map(context, node, "a rule", "mappings with name, match and give or deny", keys, rule,
                         seen);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        r = check_rule(context, node, seen);
        if (r >= 0)
                bad |= r;
        if (r >= 0)
                r = check_match(context, node, seen[SEEN_MATCH] > 0, rule);
        return r != 0 ? r : bad;
}

static int rule_list_grow(RuleList *list) {
        size_t want = list->allocated ? list->allocated * 2 : 4;
        Rule *grown;

        if (list->n_items < list->allocated)
                return 0;
        grown = reallocarray(list->items, want, sizeof(Rule));
        if (!grown)
                return -ENOMEM;
        list->items = grown;
        list->allocated = want;
        return 0;
}

/* Notes the name of a rule; complains of one that is taken. */
static int file_add_name(PolicyFile *file, const PolicyNode *node, const Rule *rule) {
        NameEntry *entry;

        if (!rule->name)
                return 0;
        HASH_FIND(hh, file->names, rule->name, strlen(rule->name), entry);
        if (entry) {
                const PolicyNode *place = node;

                for (const PolicyNode *member = node->children; member; member = member->next)
                        if (member->key->text && streq(member->key->text, "name"))
                                place = member;
                return policy_error(file->context, place, "rule name \"%s\" is taken by the rule in line %u",
                                    quote(rule->name), entry->line);
        }
        entry = calloc(1, sizeof(NameEntry));
        if (!entry)
                return -ENOMEM;
        entry->name = rule->name;
        entry->line = rule->line;
        HASH_ADD_KEYPTR(hh, file->names, entry->name, strlen(entry->name), entry);
        if (!entry->hh.tbl) {
                free(entry);
                return -ENOMEM;
        }
        return 0;
}

/* Return: as policy_reader_read(). A rule with errors is kept until the end: its name still counts. */
static int file_read_rule(PolicyFile *file) {
        _cleanup_(policy_node_freep) PolicyNode *node = NULL;
        Rule *rule;
        int r;

        r = policy_reader_read(&file->reader, "rules", &node);
        if (r != 0)
                return r;
        if (file->rules.n_items >= RULE_SET_RULES_MAX) {
                r = policy_error(file->context, node, "more than %d rules", RULE_SET_RULES_MAX);
                return r;
        }
        r = rule_list_grow(&file->rules);
        if (r < 0)
                return r;
        rule = &file->rules.items[file->rules.n_items++];
        *rule = (Rule){};
        r = policy_rule(file->context, node, rule);
        if (r >= 0)
                r = file_add_name(file, node, rule);
        return r < 0 ? r : 0;
}

/* The value of `rules`, whose first event is the current one. */
static int file_read_rules(PolicyFile *file) {
        _cleanup_(policy_node_freep) PolicyNode *node = NULL;
        const yaml_event_t *event = &file->reader.event;
        int r;

        /* Decorated lists go the way of all other values, which complains. */
        if (event->type != YAML_SEQUENCE_START_EVENT || event->data.sequence_start.anchor ||
            event->data.sequence_start.tag) {
                r = policy_reader_read(&file->reader, "rules", &node);
                if (r != 0)
                        return r;
                r = policy_expected(file->context, node, "a list of rules", NULL);
                return r < 0 ? r : 0;
        }
        for (;;) {
                r = policy_reader_next(&file->reader);
                if (r != 0)
                        return r;
                if (event->type == YAML_SEQUENCE_END_EVENT)
                        return 0;
                r = file_read_rule(file);
                if (r != 0)
                        return r;
        }
}

static int parse_version(const PolicyContext *context, const PolicyNode *node, void *target) {
        int r;

        r = policy_scalar(context, node, "a number");
        if (r != 0)
                return r;
        if (!streq(node->text, "1"))
                return policy_error(context, node, "unsupported version \"%s\": this is version %d",
                                    quote(node->text), POLICY_VERSION);
        return 0;
}

/* Of the root map `rules` is read apart, rule by rule. */
enum {
        SEEN_VERSION,
        SEEN_RULES,
        SEEN_ROOT_MAX,
};

static const PolicyKey root_keys[] = {
        [SEEN_VERSION] = {"version", parse_version, 0},
        [SEEN_RULES] = {"rules", NULL, 0},
        [SEEN_ROOT_MAX] = {},
};

/* The member whose key is the current event. */
static int file_read_member(PolicyFile *file, unsigned int *seen) {
        _cleanup_(policy_node_freep) PolicyNode *key = NULL, *value = NULL;
        const PolicyKey *known = NULL;
        int r;

        r = policy_reader_read(&file->reader, "key", &key);
        if (r != 0)
                return r;
        if (key->type == POLICY_LIST || key->type == POLICY_MAP) {
                r = policy_error(file->context, key, "a key must be a string");
                if (r < 0)
                        return r;
        } else if (policy_key_find(file->context, key, "a policy", root_keys, seen, &known) < 0)
                return -ENOMEM;
        r = policy_reader_next(&file->reader);
        if (r != 0)
                return r;
        if (known == &root_keys[SEEN_RULES])
                return file_read_rules(file);
        r = policy_reader_read(&file->reader, known ? known->name : "key", &value);
        if (r != 0)
                return r;
        if (known)
                r = known->parse(file->context, value, NULL);
        return r < 0 ? r : 0;
}

static int file_read_root(PolicyFile *file) {
        const yaml_event_t *event = &file->reader.event;
        PolicyNode place = policy_reader_place(&file->reader);
        unsigned int seen[SEEN_ROOT_MAX] = {};
        int r;

        if (event->type != YAML_MAPPING_START_EVENT) {
                r = policy_error(file->context, &place,
                                 "a policy is a mapping with the keys version and rules");
                return r < 0 ? r : 1;
        }
        for (;;) {
                r = policy_reader_next(&file->reader);
                if (r != 0)
                        return r;
                if (event->type == YAML_MAPPING_END_EVENT)
                        break;
                r = file_read_member(file, seen);
                if (r != 0)
                        return r;
        }
        for (size_t i = 0; i < SEEN_ROOT_MAX; i++) {
                if (seen[i])
                        continue;
                r = i == SEEN_VERSION ? policy_error(file->context, &place,
                                                     "policy without \"version\": it is %d", POLICY_VERSION)
                                      : policy_error(file->context, &place, "policy without \"rules\"");
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Return: 0 all of it was read; 1 it could not be read to its end, complained of; -ENOMEM. */
static int file_read(PolicyFile *file) {
        const yaml_event_t *event = &file->reader.event;
        PolicyNode place;
        int r;

        for (;;) {
                r = policy_reader_next(&file->reader);
                if (r != 0)
                        return r;
                if (event->type == YAML_STREAM_END_EVENT)
                        return policy_error(file->context, NULL, "no policy in the file");
                if (event->type == YAML_DOCUMENT_START_EVENT)
                        break;
        }
        r = policy_reader_next(&file->reader);
        if (r != 0)
                return r;
        r = file_read_root(file);
        if (r != 0)
                return r;
        /* The document's end, then the stream's. */
        for (int i = 0; i < 2; i++) {
                r = policy_reader_next(&file->reader);
                if (r != 0)
                        return r;
        }
        if (event->type == YAML_STREAM_END_EVENT)
                return 0;
        place = policy_reader_place(&file->reader);
        return policy_error(file->context, &place, "second document: a file has one policy");
}

int policy_parse(const PolicyContext *context, const char *text, size_t size, RuleList *ret) {
        _cleanup_(policy_file_deinit) PolicyFile file = {.context = context};
        int r;

        assert(context && (text || size == 0) && ret);

        r = policy_reader_init(&file.reader, context, text ?: "", size);
        if (r < 0)
                return r;
        r = file_read(&file);
        if (r < 0)
                return r;
        *ret = file.rules;
        file.rules = (RuleList){};
        return 0;
}
