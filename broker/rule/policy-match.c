/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `match:` and `to:`: which devices, which containers.
 *
 * Ids are brought into the form that devices have here, lower-case hexadecimal digits, so that matching is a
 * plain comparison. A pattern that could never match, as it has not the form of what it is held against, is
 * an error.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/pattern.h"
#include "rule/policy.h"
#include "rule/vendor.h"
#include "util/string.h"
#include "yaml/word.h"

#define HEX_DIGITS "0123456789abcdef"

static void lower_ascii(char *s) {
        for (; *s; s++)
                if (*s >= 'A' && *s <= 'Z')
                        *s += 'a' - 'A';
}

/* One hexadecimal pattern: literals of the form that @form shows ('x' for a digit), globs of its letters. */
static int add_hex(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                   const char *form, const char *takes, PatternList *list) {
        char lower[POLICY_PATTERN_MAX + 1];
        bool good;

        /* policy_pattern() bounds the text. */
        assert(strlen(text) < sizeof(lower));
        strcpy(lower, text);
        lower_ascii(lower);
        if (string_is_literal(lower)) {
                good = strlen(lower) == strlen(form);
                for (size_t i = 0; good && lower[i]; i++)
                        good = form[i] == 'x' ? strchr(HEX_DIGITS, lower[i]) != NULL : form[i] == lower[i];
        } else
                good = lower[strspn(lower, HEX_DIGITS ":*?[]!^-")] == '\0';
        if (!good)
                return policy_expected(context, node, takes, NULL);
        return policy_add_glob(context, node, lower, negated, list);
}

static int add_product(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                       PatternList *list) {
        return add_hex(context, node, text, negated, "xxxx", "four hexadecimal digits or a pattern of them",
                       list);
}

static int add_vendor(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                      PatternList *list) {
        static const char *const takes = "four hexadecimal digits, a pattern of them or a maker's name";
        const char *const *ids = vendor_ids(text);
        const char *meant;

        if (ids) {
                for (; *ids; ids++) {
                        int r = pattern_list_add(list, *ids, negated);

                        if (r < 0)
                                return r;
                }
                return 0;
        }
        /* The hint is for the name without its "!". */
        meant = strlen(text) > 2 && strspn(text, HEX_DIGITS "ABCDEF") < strlen(text) &&
                                string_is_literal(text)
                        ? word_nearest(text, vendor_names())
                        : NULL;
        if (meant)
                return policy_error(context, node, "%s takes %s, not \"%s\", did you mean \"%s\"?",
                                    node->name, takes, quote(text), meant);
        return add_hex(context, node, text, negated, "xxxx", takes, list);
}

static int add_interface(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                         PatternList *list) {
        return add_hex(context, node, text, negated, "xx:xx:xx",
                       "class:subclass:protocol in hexadecimal like \"ff:42:01\", or a pattern of it", list);
}

static int add_class(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                     PatternList *list) {
        const char *words[DEVICE_CLASS_MAX + 2] = {"any"};
        const char *meant;

        if (streq(text, "any") && negated)
                return policy_error(context, node, "\"!any\" leaves no device");
        if (streq(text, "any") || device_class_from_string(text) >= 0)
                return pattern_list_add(list, text, negated);
        for (DeviceClass class = 0; class < DEVICE_CLASS_MAX; class ++)
                words[class + 1] = device_class_to_string(class);
        meant = word_nearest(text, words);
        if (meant)
                return policy_error(context, node, "unknown class \"%s\", did you mean \"%s\"?", quote(text),
                                    meant);
        return policy_error(context, node, "unknown class \"%s\"", quote(text));
}

/* Nodes that no uevent tells of are looked for in the folder of the path, which so has to be one. */
static int add_path(const PolicyContext *context, const PolicyNode *node, const char *text, bool negated,
                    PatternList *list) {
        const char *rest = startswith(text, "/dev/"), *slash = strrchr(text, '/');
        size_t literal = strcspn(text, "*?[\\");

        if (!rest || !*rest || !slash[1] || strstr(text, "//") || strstr(text, "/./") ||
            strstr(text, "/../") || streq(slash, "/.") || streq(slash, "/.."))
                return policy_expected(context, node, "the path of a node below /dev, or a pattern of it",
                                       NULL);
        if (text + literal < slash)
                return policy_error(context, node,
                                    "%s: in \"%s\" only what follows the last slash can be a pattern",
                                    node->name, quote(text));
        return policy_add_glob(context, node, text, negated, list);
}

static int parse_classes(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, add_class, target);
}

static int parse_vendors(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, add_vendor, target);
}

static int parse_products(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, add_product, target);
}

static int parse_interfaces(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, add_interface, target);
}

static int parse_paths(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, add_path, target);
}

static int parse_globs(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_patterns(context, node, policy_add_glob, target);
}

static int parse_properties(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_key_patterns(context, node, "a udev property", "_.:-", target);
}

static int parse_attributes(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_key_patterns(context, node, "a sysfs attribute", "_.:-+@/", target);
}

int policy_match(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const PolicyKey keys[] = {
                {"class", parse_classes, offsetof(Match, class)},
                {"vendor", parse_vendors, offsetof(Match, vendor)},
                {"product", parse_products, offsetof(Match, product)},
                {"serial", parse_globs, offsetof(Match, serial)},
                {"interface", parse_interfaces, offsetof(Match, interface)},
                {"port", parse_globs, offsetof(Match, port)},
                {"model", parse_globs, offsetof(Match, model)},
                {"driver", parse_globs, offsetof(Match, driver)},
                {"path", parse_paths, offsetof(Match, path)},
                {"cdi", policy_cdi, offsetof(Match, cdi)},
                {"property", parse_properties, offsetof(Match, property)},
                {"attribute", parse_attributes, offsetof(Match, attribute)},
                {},
        };

        if (node->type == POLICY_MAP && !node->children)
                return policy_error(context, node, "match is empty: write { class: any } for every device");
        return policy_map(context, node, "match", "a mapping of what to ask of the device", keys, target,
                          NULL);
}

int policy_selector(const PolicyContext *context, const PolicyNode *node, void *target) {
        Selector *selector = target;

        if (node->type == POLICY_MAP)
                return policy_key_patterns(context, node, "a label", "_.:-/", &selector->labels);
        return policy_patterns(context, node, policy_add_glob, &selector->names);
}
