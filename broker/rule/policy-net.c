/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `net:` of `give:`: how a network interface of the device goes into a container.
 */

#include "config.h"

#include <string.h>

#include "rule/policy.h"
#include "util/string.h"

static int parse_name(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_interface_name(context, node, target);
}

static int parse_mode(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const other[] = {"macvlan", "ipvlan", "macvtap", "ipvtap",
                                            "sriov",   "bridge", "vlan"};
        static const char *const words[] = {"move", NULL};
        int r;

        r = policy_scalar(context, node, "move");
        if (r != 0)
                return r;
        if (streq(node->text, "move"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(other); i++)
                if (streq(node->text, other[i]))
                        return policy_error(context, node,
                                            "mode %s is not supported: an interface can only move", other[i]);
        return policy_expected(context, node, "move", words);
}

static int parse_mtu(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_mtu(context, node, target);
}

static int parse_up(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_bool(context, node, target);
}

int policy_net(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const PolicyKey keys[] = {
                {"name", parse_name, offsetof(GiveNet, name)},
                {"mode", parse_mode, 0},
                {"mtu", parse_mtu, offsetof(GiveNet, mtu)},
                {"up", parse_up, offsetof(GiveNet, up)},
                {},
        };
        GiveNet *net = target;

        net->set = true;
        return policy_map(context, node, "net", "a mapping like { name: eth1 }", keys, net, NULL);
}
