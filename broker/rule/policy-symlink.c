/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `symlink:` a template of a path below /dev. What a device says of itself fills the placeholders later, as
 * one harmless component each; here the rest of the path is held to the same bytes, so that the whole can
 * leave /dev nowhere.
 */

#include "config.h"

#include <string.h>

#include "rule/policy.h"
#include "util/string.h"
#include "yaml/word.h"

#define TEMPLATE_MAX 128

#define PLAIN_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:+@"

static const char *const placeholders[] = {"serial", "place", "vendor", "product",
                                           "id",     "name",  "kind",   NULL};

/* Moves *@p behind the placeholder that starts there. */
static int check_placeholder(const PolicyContext *context, const PolicyNode *node, const char **p) {
        size_t n = strcspn(*p + 1, "{}/");
        char word[32];
        const char *meant;

        if ((*p)[1 + n] != '}')
                return policy_error(context, node, "symlink has a { without its }");
        for (size_t i = 0; placeholders[i]; i++)
                if (strlen(placeholders[i]) == n && strncmp(placeholders[i], *p + 1, n) == 0) {
                        *p += n + 2;
                        return 0;
                }
        snprintf(word, sizeof(word), "%.*s", (int)MIN(n, sizeof(word) - 1), *p + 1);
        meant = word_nearest(word, placeholders);
        if (meant)
                return policy_error(context, node, "unknown placeholder {%s}, did you mean {%s}?",
                                    quote(word), meant);
        return policy_error(context, node, "unknown placeholder {%s}", quote(word));
}

/* One component from *@p on; moves it to the slash or the end behind. */
static int check_component(const PolicyContext *context, const PolicyNode *node, const char **p) {
        size_t n = strcspn(*p, "/");

        if (n == 0 || (n == 1 && **p == '.') || (n == 2 && strncmp(*p, "..", 2) == 0))
                return policy_error(context, node, "symlink has an empty, \".\" or \"..\" component");
        while (**p && **p != '/') {
                int r;

                if (**p == '{') {
                        r = check_placeholder(context, node, p);
                        if (r != 0)
                                return r;
                } else if (strchr(PLAIN_BYTES, **p))
                        (*p)++;
                else
                        return policy_error(
                                context, node,
                                "symlink takes letters, digits, any of ._-:+@/ and placeholders, not "
                                "\"%s\"",
                                quote(*p));
        }
        return 0;
}

int policy_symlink(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "a path like \"/dev/phones/{serial}\"";
        char **symlink = target;
        const char *below, *p;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        below = startswith(node->text, "/dev/");
        if (!below)
                return policy_expected(context, node, takes, NULL);
        if (strlen(below) > TEMPLATE_MAX)
                return policy_error(context, node, "symlink is longer than %d bytes", TEMPLATE_MAX);
        for (p = below;; p++) {
                r = check_component(context, node, &p);
                if (r != 0)
                        return r;
                if (!*p)
                        break;
        }
        *symlink = strdup(below);
        return *symlink ? 0 : -ENOMEM;
}
