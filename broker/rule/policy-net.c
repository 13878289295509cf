/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `net:` of `give:`: how a network interface of the device goes into a container.
 *
 * What is of no effect is an error, as is what could only hold for the first of several containers: whoever
 * wrote it expects something else of it.
 */

#include "config.h"

#include <string.h>

#include "rule/policy.h"
#include "util/string.h"
#include "yaml/address.h"

#define MTU_IPV6_MIN 1280U /* RFC 8200; below it the kernel takes IPv6 off the interface */

static int parse_name(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_interface_name(context, node, target);
}

static int parse_mode(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "move, macvlan, ipvlan, vlan or sriov";
        const char *words[NET_MODE_MAX + 1] = {};
        NetMode mode;
        int r;

        *(NetMode *)target = NET_MODE_INVALID;
        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        mode = net_mode_from_string(node->text);
        *(NetMode *)target = mode;
        if (mode >= 0)
                return 0;
        for (mode = 0; mode < NET_MODE_MAX; mode++)
                words[mode] = net_mode_to_string(mode);
        return policy_expected(context, node, takes, words);
}

static int parse_variant(const PolicyContext *context, const PolicyNode *node, NetMode mode,
                         const char *takes, NetVariant *ret) {
        int r, variant;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        variant = net_variant_from_string(mode, node->text);
        if (variant < 0)
                return policy_expected(context, node, takes, net_variants(mode));
        *ret = (NetVariant)variant;
        return 0;
}

static int parse_macvlan(const PolicyContext *context, const PolicyNode *node, void *target) {
        return parse_variant(context, node, NET_MACVLAN, "bridge, private, vepa or passthru", target);
}

static int parse_ipvlan(const PolicyContext *context, const PolicyNode *node, void *target) {
        return parse_variant(context, node, NET_IPVLAN, "l2, l3 or l3s", target);
}

static int parse_vlan(const PolicyContext *context, const PolicyNode *node, void *target) {
        uint64_t id;
        int r;

        r = policy_number(context, node, "a number from 1 to 4094", 1, NET_VLAN_MAX, &id);
        if (r == 0)
                *(uint16_t *)target = (uint16_t)id;
        return r;
}

static int parse_mac(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_mac(context, node, target);
}

static int parse_mtu(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_mtu(context, node, target);
}

static int parse_up(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_bool(context, node, target);
}

/* Whether @text is among the words of @list. */
static bool has_word(const char *list, const char *text) {
        size_t n = strlen(text);

        for (const char *p = list; p && *p; p += strspn(p, " ")) {
                size_t n_word = strcspn(p, " ");

                if (n_word == n && strncmp(p, text, n) == 0)
                        return true;
                p += n_word;
        }
        return false;
}

static int parse_one_address(const PolicyContext *context, const PolicyNode *node, char **list, size_t *n) {
        char text[PREFIX_TEXT_SIZE], *grown;
        int r;

        r = policy_prefix(context, node, text);
        if (r != 0)
                return r;
        if (has_word(*list, text))
                return policy_error(context, node, "address %s is given twice", quote(text));
        if (*n >= NET_ADDRESSES_MAX)
                return policy_error(context, node, "more than %d addresses", NET_ADDRESSES_MAX);
        if (asprintf(&grown, "%s%s%s", *list ?: "", *list ? " " : "", text) < 0)
                return -ENOMEM;
        free(*list);
        *list = grown;
        (*n)++;
        return 0;
}

static int parse_address(const PolicyContext *context, const PolicyNode *node, void *target) {
        size_t n = 0;
        int bad = 0;

        if (node->type != POLICY_LIST)
                return parse_one_address(context, node, target, &n);
        for (const PolicyNode *item = node->children; item; item = item->next) {
                int r = parse_one_address(context, item, target, &n);

                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

enum {
        SEEN_NAME,
        SEEN_MODE,
        SEEN_MACVLAN,
        SEEN_IPVLAN,
        SEEN_VLAN,
        SEEN_MAC,
        SEEN_ADDRESS,
        SEEN_MTU,
        SEEN_UP,
        SEEN_MAX,
};

/* What each key of `net:` alone cannot tell. */
static int check_net(const PolicyContext *context, const PolicyNode *node, const GiveNet *net,
                     const unsigned int *seen) {
        int bad = 0;

        /* It was complained of; what goes with it nobody can say. */
        if (net->mode < 0)
                return 0;
        if (seen[SEEN_MACVLAN] && net->mode != NET_MACVLAN)
                bad |= policy_error(context, policy_member(node, "macvlan"),
                                    "macvlan says which kind of one: it needs mode: macvlan");
        if (seen[SEEN_IPVLAN] && net->mode != NET_IPVLAN)
                bad |= policy_error(context, policy_member(node, "ipvlan"),
                                    "ipvlan says which kind of one: it needs mode: ipvlan");
        if (seen[SEEN_VLAN] && net->mode != NET_VLAN && net->mode != NET_SRIOV)
                bad |= policy_error(context, policy_member(node, "vlan"),
                                    "vlan needs mode: vlan, an interface of its own for that tag, or mode: "
                                    "sriov");
        if (!seen[SEEN_VLAN] && net->mode == NET_VLAN)
                bad |= policy_error(context, policy_member(node, "mode"),
                                    "mode vlan needs the tag: vlan, a number from 1 to 4094");
        if (seen[SEEN_MAC] && net->mode == NET_IPVLAN)
                bad |= policy_error(context, policy_member(node, "mac"),
                                    "an ipvlan has the address of its parent: mac is of no effect");
        if (net->mtu > 0 && net->mtu < MTU_IPV6_MIN && net->addresses && strchr(net->addresses, ':'))
                bad |= policy_error(context, policy_member(node, "mtu"),
                                    "an IPv6 address needs an mtu of at least %u", MTU_IPV6_MIN);
        return bad < 0 ? -ENOMEM : bad;
}

int policy_net(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const PolicyKey keys[] = {
                [SEEN_NAME] = {"name", parse_name, offsetof(GiveNet, name)},
                [SEEN_MODE] = {"mode", parse_mode, offsetof(GiveNet, mode)},
                [SEEN_MACVLAN] = {"macvlan", parse_macvlan, offsetof(GiveNet, variant)},
                [SEEN_IPVLAN] = {"ipvlan", parse_ipvlan, offsetof(GiveNet, variant)},
                [SEEN_VLAN] = {"vlan", parse_vlan, offsetof(GiveNet, vlan)},
                [SEEN_MAC] = {"mac", parse_mac, offsetof(GiveNet, mac)},
                [SEEN_ADDRESS] = {"address", parse_address, offsetof(GiveNet, addresses)},
                [SEEN_MTU] = {"mtu", parse_mtu, offsetof(GiveNet, mtu)},
                [SEEN_UP] = {"up", parse_up, offsetof(GiveNet, up)},
                [SEEN_MAX] = {},
        };
        unsigned int seen[SEEN_MAX] = {};
        GiveNet *net = target;
        int bad, r;

        net->set = true;
        bad = policy_map(context, node, "net", "a mapping like { name: eth1 }", keys, net, seen);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        r = check_net(context, node, net, seen);
        return r != 0 ? r : bad;
}

/* Whether the rule is for one container, by its name. */
static bool is_for_one(const Selector *to) {
        return to->names.n_items == 1 && to->names.items[0].literal && !to->names.items[0].negated;
}

/* The key of `net:` that two interfaces on one network cannot both have; NULL where there is none. */
static const char *key_of_one(const GiveNet *net) {
        return net->mac[0] ? "mac" : net->addresses ? "address" : net->mode == NET_VLAN ? "vlan" : NULL;
}

int policy_net_check(const PolicyContext *context, const PolicyNode *node, const Give *give) {
        const PolicyNode *net = policy_member(node, "net");
        const char *key = key_of_one(&give->net);

        if (give->share == 1 || give->net.mode < 0)
                return 0;
        if (give->net.mode == NET_MOVE)
                return policy_error(context, node,
                                    "an interface can be in one container at a time: net needs share: "
                                    "exclusive, or another mode");
        if (give->net.mode == NET_MACVLAN && give->net.variant == NET_VARIANT_PASSTHRU)
                return policy_error(context, policy_member(net, "macvlan"),
                                    "passthru is for one at a time: it needs share: exclusive");
        if (key && !is_for_one(&give->to))
                return policy_error(context, policy_member(net, key),
                                    "%s can be that of one container only: to has to name it, or share has "
                                    "to be exclusive",
                                    key);
        return 0;
}
