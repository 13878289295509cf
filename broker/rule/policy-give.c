/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `give:`: to whom and how. Everything has a default but `to`: a rule that gives to everybody says so, to:
 * "*".
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/policy.h"
#include "util/string.h"

#define ID_VALID_MAX (UINT32_MAX - 1) /* (uid_t) -1 means "leave it" to the kernel */

static int parse_share(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "exclusive, shared or a number of containers from 1 to 4096";
        static const char *const words[] = {"exclusive", "shared", NULL};
        unsigned int *share = target;
        uint64_t n;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (streq(node->text, "exclusive"))
                *share = 1;
        else if (streq(node->text, "shared"))
                *share = SHARE_UNLIMITED;
        else if (string_to_u64(node->text, 10, POLICY_SHARE_MAX, &n) >= 0 && n >= 1)
                *share = (unsigned int)n;
        else
                return policy_expected(context, node, takes, words);
        return 0;
}

static int parse_when(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "present or claimed";
        static const char *const words[] = {"present", "claimed", NULL};
        GiveWhen *when = target;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (streq(node->text, "present"))
                *when = GIVE_PRESENT;
        else if (streq(node->text, "claimed"))
                *when = GIVE_CLAIMED;
        else
                return policy_expected(context, node, takes, words);
        return 0;
}

/* Numbers with units, "1h 30min"; a number alone is seconds. Return: 0; -EINVAL; -ERANGE beyond
 * POLICY_LINGER_MAX. */
static int duration_parse(const char *text, uint64_t *ret_usec) {
        static const struct {
                const char *unit;
                uint64_t usec;
        } units[] = {
                {"us", 1},       {"ms", 1000},      {"s", 1000000},    {"sec", 1000000},   {"", 1000000},
                {"m", 60000000}, {"min", 60000000}, {"h", 3600000000}, {"hr", 3600000000}, {"d", 86400000000},
        };
        uint64_t sum = 0;

        while (*text) {
                size_t n_digits = strspn(text, "0123456789"), n_unit, at;
                uint64_t value;
                char digits[24];

                if (n_digits == 0 || n_digits >= sizeof(digits))
                        return n_digits == 0 ? -EINVAL : -ERANGE;
                memcpy(digits, text, n_digits);
                digits[n_digits] = '\0';
                if (string_to_u64(digits, 10, POLICY_LINGER_MAX, &value) < 0)
                        return -ERANGE;
                text += n_digits;
                text += strspn(text, " ");
                n_unit = strspn(text, "abcdefghijklmnopqrstuvwxyz");
                for (at = 0; at < ELEMENTSOF(units); at++)
                        if (strlen(units[at].unit) == n_unit && strncmp(units[at].unit, text, n_unit) == 0)
                                break;
                /* A number alone is only that when nothing follows it. */
                if (at == ELEMENTSOF(units) || (n_unit == 0 && text[0]))
                        return -EINVAL;
                if (value > POLICY_LINGER_MAX / units[at].usec)
                        return -ERANGE;
                sum += value * units[at].usec;
                if (sum > POLICY_LINGER_MAX)
                        return -ERANGE;
                text += n_unit;
                text += strspn(text, " ");
        }
        *ret_usec = sum;
        return 0;
}

static int parse_linger(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "a time like 90s, 5min, 500ms or 1h";
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        r = duration_parse(node->text, target);
        if (r == -ERANGE)
                return policy_error(context, node, "%s is longer than 7 days", node->name);
        return r < 0 ? policy_expected(context, node, takes, NULL) : 0;
}

static int parse_kind(const PolicyContext *context, const PolicyNode *node, uint32_t *kinds) {
        static const char *const takes = "kinds of nodes";
        const char *words[PART_KIND_MAX + 2] = {"all"};
        size_t n = 1;
        PartKind kind;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (streq(node->text, "all")) {
                *kinds |= PART_KINDS_NODES;
                return 0;
        }
        kind = part_kind_from_string(node->text);
        if (kind == PART_NET)
                return policy_error(context, node, "an interface is no node: it is given with the key net");
        if (kind >= 0 && (PART_KINDS_NODES & 1U << kind)) {
                *kinds |= 1U << kind;
                return 0;
        }
        for (kind = 0; kind < PART_KIND_MAX; kind++)
                if (PART_KINDS_NODES & 1U << kind)
                        words[n++] = part_kind_to_string(kind);
        return policy_expected(context, node, takes, words);
}

static int parse_nodes(const PolicyContext *context, const PolicyNode *node, void *target) {
        uint32_t kinds = 0;
        int bad = 0;

        if (node->type == POLICY_MAP)
                return policy_expected(context, node, "kinds of nodes", NULL);
        if (node->type != POLICY_LIST)
                bad = parse_kind(context, node, &kinds);
        else
                for (const PolicyNode *item = node->children; item; item = item->next) {
                        int r = parse_kind(context, item, &kinds);

                        if (r < 0)
                                return r;
                        bad |= r;
                }
        if (bad == 0)
                *(uint32_t *)target = kinds;
        return bad < 0 ? -ENOMEM : bad;
}

/* "root" or a number. */
static int id_parse(const char *text, uint32_t *ret) {
        uint64_t id;
        int r;

        if (streq(text, "root")) {
                *ret = 0;
                return 0;
        }
        /* A leading zero would be octal to YAML and to C. */
        if (text[0] == '0' && text[1])
                return -EINVAL;
        r = string_to_u64(text, 10, ID_VALID_MAX, &id);
        if (r < 0)
                return r;
        *ret = (uint32_t)id;
        return 0;
}

static int parse_owner(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "root, UID or UID:GID";
        Give *give = target;
        uint32_t uid, gid = 0;
        char text[64];
        char *colon;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        snprintf(text, sizeof(text), "%s", node->text);
        colon = strchr(text, ':');
        if (colon)
                *colon = '\0';
        if (strlen(node->text) < sizeof(text) && id_parse(text, &uid) >= 0 &&
            (!colon || id_parse(colon + 1, &gid) >= 0)) {
                give->uid = uid;
                give->gid = gid;
                return 0;
        }
        if (node->text[strspn(node->text, "0123456789:")] == '\0')
                return policy_expected(context, node, takes, NULL);
        return policy_error(context, node,
                            "%s takes %s, not \"%s\": other names are the container's own, write the number",
                            node->name, takes, quote(node->text));
}

static int parse_mode(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "permission bits in octal from 0 to 0777";
        uint64_t mode;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (strlen(node->text) > 4 || string_to_u64(node->text, 8, 0777, &mode) < 0)
                return policy_expected(context, node, takes, NULL);
        *(mode_t *)target = (mode_t)mode;
        return 0;
}

enum {
        SEEN_TO,
        SEEN_SHARE,
        SEEN_WHEN,
        SEEN_LINGER,
        SEEN_NODES,
        SEEN_OWNER,
        SEEN_MODE,
        SEEN_SYMLINK,
        SEEN_CDI,
        SEEN_NET,
        SEEN_MAX,
};

/* What each key alone cannot tell. */
static int check_give(const PolicyContext *context, const PolicyNode *node, const Give *give,
                      const unsigned int *seen) {
        int bad = 0;

        if (!seen[SEEN_TO])
                bad |= policy_error(context, node, "give has no \"to\": write to: \"*\" for every container");
        if (give->net.set)
                bad |= policy_net_check(context, node, give);
        if (seen[SEEN_NODES] && give->kinds == 0 && !give->net.set && !seen[SEEN_CDI])
                bad |= policy_error(context, node, "give has no nodes, no net and no cdi: nothing is given");
        return bad < 0 ? -ENOMEM : bad;
}

int policy_give(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const PolicyKey keys[] = {
                [SEEN_TO] = {"to", policy_selector, offsetof(Give, to)},
                [SEEN_SHARE] = {"share", parse_share, offsetof(Give, share)},
                [SEEN_WHEN] = {"when", parse_when, offsetof(Give, when)},
                [SEEN_LINGER] = {"linger", parse_linger, offsetof(Give, linger_usec)},
                [SEEN_NODES] = {"nodes", parse_nodes, offsetof(Give, kinds)},
                [SEEN_OWNER] = {"owner", parse_owner, 0},
                [SEEN_MODE] = {"mode", parse_mode, offsetof(Give, mode)},
                [SEEN_SYMLINK] = {"symlink", policy_symlink, offsetof(Give, symlink)},
                [SEEN_CDI] = {"cdi", policy_cdi, offsetof(Give, cdi)},
                [SEEN_NET] = {"net", policy_net, offsetof(Give, net)},
                [SEEN_MAX] = {},
        };
        unsigned int seen[SEEN_MAX] = {};
        int bad, r;

        bad = policy_map(context, node, "give", "a mapping with to and how it is given", keys, target, seen);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        r = check_give(context, node, target, seen);
        return r != 0 ? r : bad;
}
