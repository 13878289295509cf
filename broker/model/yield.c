/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What udev's rules of ours say, and what a device is without them.
 *
 * The rules hide and add properties while a device is given. For us it has to stay what it is: a policy that
 * matches one of these would take the device away for what was done because it gave it, and give it again,
 * without end. So the marks are taken off as an event comes in. Of what was hidden the rules keep a copy;
 * what they added says nothing of what other rules, later ones too, would have: there what was known counts.
 */

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "model/yield.h"
#include "util/string.h"

#define KEPT           "DAVIT_KEPT_"
#define KEPT_TAGS      KEPT "TAGS"
#define TOLD           "DAVIT_YIELD"
#define EXCLUSIVE_WORD "exclusive"

/* As in the rules. */
static const char *const hidden[] = {"ID_MTP_DEVICE", "ID_MEDIA_PLAYER", "ID_GPHOTO2"};
static const char *const added[] = {"ID_MM_DEVICE_IGNORE", "ID_MM_PORT_IGNORE", "UDISKS_IGNORE",
                                    "NM_UNMANAGED", "ID_NET_MANAGED_BY"};

void yield_to_text(YieldSet set, char ret[static YIELD_TEXT_MAX]) {
        size_t at = 0;

        if (set == 0) {
                ret[0] = '\0';
                return;
        }
        at += (size_t)snprintf(ret, YIELD_TEXT_MAX, ":%s", set & YIELD_EXCLUSIVE ? EXCLUSIVE_WORD ":" : "");
        for (PartKind kind = 0; kind < PART_KIND_MAX; kind++)
                if (set & 1U << kind && at < YIELD_TEXT_MAX)
                        at += (size_t)snprintf(ret + at, YIELD_TEXT_MAX - at,
                                               "%s:", part_kind_to_string(kind));
        assert(at < YIELD_TEXT_MAX);
}

YieldSet yield_from_text(const char *text) {
        YieldSet set = 0;

        for (const char *p = text; p && *p;) {
                char word[32];
                size_t n = strcspn(p, ":");
                PartKind kind;

                if (n > 0 && n < sizeof(word)) {
                        memcpy(word, p, n);
                        word[n] = '\0';
                        kind = part_kind_from_string(word);
                        if (kind >= 0)
                                set |= 1U << kind;
                        else if (streq(word, EXCLUSIVE_WORD))
                                set |= YIELD_EXCLUSIVE;
                }
                p += n + (p[n] == ':');
        }
        return set;
}

YieldSet yield_told(const PropertyList *properties) {
        return yield_from_text(property_list_get(properties, TOLD));
}

bool yield_is_echo(const PropertyList *properties) {
        const char *uuid = property_list_get(properties, "SYNTH_UUID");

        return uuid && streq(uuid, YIELD_UUID);
}

static const char *kept_value(const PropertyList *news, const char *key) {
        char name[64];

        snprintf(name, sizeof(name), KEPT "%s", key);
        return property_list_get(news, name);
}

/* Sets @key to @value, which may be of @news itself; NULL: it is not there. */
static int put_back(PropertyList *news, const char *key, const char *value) {
        _cleanup_free_ char *copy = NULL;

        if (!value) {
                property_list_unset(news, key);
                return 0;
        }
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        return property_list_set(news, key, copy);
}

/* Puts each tag of ":a:b", as the rules keep them, to those of @key, ":c:". */
static int put_back_tags(PropertyList *news, const char *key) {
        _cleanup_free_ char *kept = strdup(property_list_get(news, KEPT_TAGS) ?: "");

        if (!kept)
                return -ENOMEM;
        for (char *save = NULL, *tag = strtok_r(kept, ":", &save); tag; tag = strtok_r(NULL, ":", &save)) {
                const char *tags = property_list_get(news, key) ?: ":";
                _cleanup_free_ char *text = NULL, *word = NULL;
                int r;

                if (asprintf(&word, ":%s:", tag) < 0)
                        return -ENOMEM;
                if (strstr(tags, word))
                        continue;
                if (asprintf(&text, "%s%s:", tags, tag) < 0)
                        return -ENOMEM;
                r = property_list_set(news, key, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void drop_marks(PropertyList *news) {
        char name[64];

        for (size_t i = 0; i < ELEMENTSOF(hidden); i++) {
                snprintf(name, sizeof(name), KEPT "%s", hidden[i]);
                property_list_unset(news, name);
        }
        for (size_t i = 0; i < ELEMENTSOF(added); i++) {
                snprintf(name, sizeof(name), KEPT "%s", added[i]);
                property_list_unset(news, name);
        }
        property_list_unset(news, KEPT_TAGS);
        property_list_unset(news, TOLD);
}

int yield_take_off(PropertyList *news, const PropertyList *old) {
        int r;

        if (!property_list_get(news, TOLD))
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(hidden); i++) {
                const char *kept = kept_value(news, hidden[i]);

                r = kept ? put_back(news, hidden[i], kept) : 0;
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(added); i++) {
                const char *kept = kept_value(news, added[i]);

                if (!kept && old)
                        kept = property_list_get(old, added[i]);
                r = put_back(news, added[i], kept);
                if (r < 0)
                        return r;
        }
        r = put_back_tags(news, "CURRENT_TAGS");
        if (r >= 0 && property_list_get(news, "TAGS"))
                r = put_back_tags(news, "TAGS");
        if (r < 0)
                return r;
        drop_marks(news);
        return 0;
}

static bool has_tag(const PropertyList *properties, const char *tag) {
        const char *tags =
                property_list_get(properties, "CURRENT_TAGS") ?: property_list_get(properties, "TAGS");

        return tags && strstr(tags, tag);
}

bool yield_concerns(const Part *part, YieldSet set) {
        static const char *const modem[] = {"usbmisc", "wwan"};

        if (set & YIELD_EXCLUSIVE && set & 1U << part->kind && has_tag(&part->properties, ":uaccess:"))
                return true;
        if (part->kind == PART_NET || part->kind == PART_TTY || part->kind == PART_BLOCK)
                return set & 1U << part->kind;
        if (part->kind == PART_USB && set & 1U << PART_USB)
                for (size_t i = 0; i < ELEMENTSOF(hidden); i++)
                        if (property_list_get(&part->properties, hidden[i]))
                                return true;
        return set & 1U << PART_TTY && string_table_find(modem, ELEMENTSOF(modem), part->subsystem) >= 0;
}
