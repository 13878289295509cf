/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A rule in one line, for lists. It is a summary for people: a list of a thousand serials is cut, the file
 * has it all.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "bus/rule-text.h"
#include "util/string.h"

/* Ends a memory stream, and makes of its text one that may be shown. Return: 0; -ENOMEM. */
static int finish(FILE **f, char **raw, char **ret) {
        _cleanup_free_ char *text = NULL;

        if (fflush(*f) != 0 || ferror(*f))
                return -ENOMEM;
        fclose(TAKE_PTR(*f));
        text = malloc(RULE_TEXT_MAX + 1);
        if (!text)
                return -ENOMEM;
        string_escape(text, RULE_TEXT_MAX + 1, **raw == ' ' ? *raw + 1 : *raw);
        *ret = TAKE_PTR(text);
        return 0;
}

/* Far more than a summary shows, and far less than a rule may have. */
#define ITEMS_MAX 64U

static void put_patterns(FILE *f, const char *prefix, const char *key, const PatternList *list) {
        if (list->n_items == 0)
                return;
        fprintf(f, " %s%s=", prefix, key);
        for (size_t i = 0; i < list->n_items && i < ITEMS_MAX; i++)
                fprintf(f, "%s%s%s", i > 0 ? "," : "", list->items[i].negated ? "!" : "",
                        list->items[i].glob);
}

static void put_keys(FILE *f, const char *prefix, const KeyPatternList *list) {
        for (size_t i = 0; i < list->n_items && i < ITEMS_MAX; i++)
                put_patterns(f, prefix, list->items[i].key, &list->items[i].patterns);
}

int rule_match_text(const Rule *rule, char **ret) {
        _cleanup_free_ char *raw = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        const Match *match = &rule->match;
        size_t size;

        f = open_memstream(&raw, &size);
        if (!f)
                return -ENOMEM;
        put_patterns(f, "", "class", &match->class);
        put_patterns(f, "", "vendor", &match->vendor);
        put_patterns(f, "", "product", &match->product);
        put_patterns(f, "", "serial", &match->serial);
        put_patterns(f, "", "interface", &match->interface);
        put_patterns(f, "", "port", &match->port);
        put_patterns(f, "", "model", &match->model);
        put_patterns(f, "", "driver", &match->driver);
        put_patterns(f, "", "path", &match->path);
        put_keys(f, "property.", &match->property);
        put_keys(f, "attribute.", &match->attribute);
        return finish(&f, &raw, ret);
}

static void put_kinds(FILE *f, uint32_t kinds) {
        const char *separator = " nodes=";

        if (kinds == PART_KINDS_NODES)
                return;
        for (PartKind kind = 0; kind < PART_KIND_MAX; kind++)
                if (kinds & PART_KINDS_NODES & (1U << kind)) {
                        fprintf(f, "%s%s", separator, part_kind_to_string(kind));
                        separator = ",";
                }
}

static void put_give(FILE *f, const Give *give) {
        if (give->share == 1)
                fputs(" share=exclusive", f);
        else if (give->share == SHARE_UNLIMITED)
                fputs(" share=shared", f);
        else
                fprintf(f, " share=%u", give->share);
        if (give->when == GIVE_CLAIMED)
                fputs(" when=claimed", f);
        if (give->linger_usec > 0)
                fprintf(f, " linger=%" PRIu64 "ms", give->linger_usec / 1000);
        put_kinds(f, give->kinds);
        fprintf(f, " owner=%" PRIu32 ":%" PRIu32 " mode=%04o", give->uid, give->gid,
                (unsigned int)give->mode);
        if (give->symlink)
                fprintf(f, " symlink=/dev/%s", give->symlink);
        if (give->net.set)
                fprintf(f, " net=%s", give->net.name[0] ? give->net.name : "yes");
}

int rule_give_text(const Rule *rule, char **ret) {
        _cleanup_free_ char *raw = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size;

        f = open_memstream(&raw, &size);
        if (!f)
                return -ENOMEM;
        put_patterns(f, "", "to", &rule->give.to.names);
        put_keys(f, "label.", &rule->give.to.labels);
        if (!rule->deny)
                put_give(f, &rule->give);
        return finish(&f, &raw, ret);
}

int rule_location_text(const Rule *rule, char **ret) {
        _cleanup_free_ char *file = NULL;
        int r;

        r = string_escape_new(rule->file ?: "", &file);
        if (r < 0)
                return r;
        return asprintf(ret, "%s:%u", file, rule->line) < 0 ? -ENOMEM : 0;
}
