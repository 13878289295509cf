/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `network:` of a container file: a list of interfaces that are made for the container and go with it.
 * Interfaces of the host that move into one are the policy's.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "launch/container-file-internal.h"
#include "util/string.h"
#include "yaml/address.h"

static const char *const types[] = {
        [CONTAINER_VETH] = "veth",
        [CONTAINER_MACVLAN] = "macvlan",
        [CONTAINER_IPVLAN] = "ipvlan",
        NULL,
};

const char *container_network_type_to_string(ContainerNetworkType type) {
        return type < 0 || type >= CONTAINER_NETWORK_TYPE_MAX ? NULL : types[type];
}

static int parse_type(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "veth, macvlan or ipvlan";
        int r, type;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        type = string_table_find(types, CONTAINER_NETWORK_TYPE_MAX, node->text);
        if (type < 0)
                return policy_expected(context, node, takes, types);
        *(ContainerNetworkType *)target = type;
        return 0;
}

static int parse_name(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_interface_name(context, node, target);
}

static int parse_mtu(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_mtu(context, node, target);
}

static int parse_up(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_bool(context, node, target);
}

static int parse_mac(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_mac(context, node, target);
}

static int parse_address(const PolicyContext *context, const PolicyNode *node, ContainerNetwork *network,
                         size_t *n) {
        char text[PREFIX_TEXT_SIZE];
        int r;

        r = policy_prefix(context, node, text);
        if (r != 0)
                return r;
        for (size_t i = 0; i < *n; i++)
                if (streq(network->addresses[i], node->text))
                        return policy_error(context, node, "address %s is given twice", quote(node->text));
        if (*n >= CONTAINER_ADDRESSES_MAX)
                return policy_error(context, node, "more than %d addresses", CONTAINER_ADDRESSES_MAX);
        return container_file_push(&network->addresses, n, node->text);
}

static int parse_gateway(const PolicyContext *context, const PolicyNode *node, ContainerNetwork *network,
                         _unused_ size_t *n) {
        static const char *const takes = "an address like 192.0.2.1";
        char **gateway;
        int family, r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        family = address_family(node->text);
        if (family == 0)
                return policy_expected(context, node, takes, NULL);
        gateway = family == AF_INET ? &network->gateway4 : &network->gateway6;
        if (*gateway)
                return policy_error(context, node, "a second gateway of the same kind of address");
        *gateway = strdup(node->text);
        return *gateway ? 0 : -ENOMEM;
}

/* One value or a list of them. */
static int parse_each(const PolicyContext *context, const PolicyNode *node, ContainerNetwork *network,
                      int (*parse)(const PolicyContext *context, const PolicyNode *node,
                                   ContainerNetwork *network, size_t *n)) {
        size_t n = 0;
        int bad = 0;

        if (node->type != POLICY_LIST)
                return parse(context, node, network, &n);
        for (const PolicyNode *item = node->children; item; item = item->next) {
                int r = parse(context, item, network, &n);

                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}

static int parse_addresses(const PolicyContext *context, const PolicyNode *node, void *target) {
        return parse_each(context, node, target, parse_address);
}

static int parse_gateways(const PolicyContext *context, const PolicyNode *node, void *target) {
        return parse_each(context, node, target, parse_gateway);
}

enum {
        SEEN_TYPE,
        SEEN_PARENT,
        SEEN_NAME,
        SEEN_ADDRESS,
        SEEN_GATEWAY,
        SEEN_MAC,
        SEEN_MTU,
        SEEN_UP,
        SEEN_MAX,
};

static bool has_family(const ContainerNetwork *network, bool v6) {
        for (char **address = network->addresses; address && *address; address++)
                if (!strchr(*address, ':') != v6)
                        return true;
        return false;
}

/* What each key alone cannot tell. */
static int check_interface(const PolicyContext *context, const PolicyNode *node,
                           const ContainerNetwork *network, const unsigned int *seen) {
        const PolicyNode *gateway = policy_member(node, "gateway");
        int bad = 0;

        if (!seen[SEEN_TYPE])
                bad |= policy_error(context, node, "interface without \"type\": veth, macvlan or ipvlan");
        if (!seen[SEEN_PARENT])
                bad |= policy_error(context, node,
                                    "interface without \"parent\": the host's bridge for a veth, else the "
                                    "host's interface");
        if (seen[SEEN_MAC] && seen[SEEN_TYPE] && network->type == CONTAINER_IPVLAN)
                bad |= policy_error(context, policy_member(node, "mac"),
                                    "an ipvlan has the address of its parent: mac is of no effect");
        if ((network->gateway4 && !has_family(network, false)) ||
            (network->gateway6 && !has_family(network, true)))
                bad |= policy_error(context, gateway,
                                    "a gateway needs an address of the same kind on the interface");
        if (gateway && !network->up)
                bad |= policy_error(context, gateway, "a gateway needs the interface to be up");
        return bad < 0 ? -ENOMEM : bad;
}

static int parse_interface(const PolicyContext *context, const PolicyNode *node, ContainerNetwork *network) {
        static const PolicyKey keys[] = {
                [SEEN_TYPE] = {"type", parse_type, offsetof(ContainerNetwork, type)},
                [SEEN_PARENT] = {"parent", parse_name, offsetof(ContainerNetwork, parent)},
                [SEEN_NAME] = {"name", parse_name, offsetof(ContainerNetwork, name)},
                [SEEN_ADDRESS] = {"address", parse_addresses, 0},
                [SEEN_GATEWAY] = {"gateway", parse_gateways, 0},
                [SEEN_MAC] = {"mac", parse_mac, offsetof(ContainerNetwork, mac)},
                [SEEN_MTU] = {"mtu", parse_mtu, offsetof(ContainerNetwork, mtu)},
                [SEEN_UP] = {"up", parse_up, offsetof(ContainerNetwork, up)},
                [SEEN_MAX] = {},
        };
        unsigned int seen[SEEN_MAX] = {};
        int bad, r;

        network->up = true;
        bad = policy_map(context, node, "an interface", "mappings like { type: veth, parent: br0 }", keys,
                         network, seen);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        r = check_interface(context, node, network, seen);
        return r != 0 ? r : bad;
}

/* Names of two are the same, or that of the loopback. Where none is given it is eth and the place in the
 * list.
 */
static int name_interface(const PolicyContext *context, const PolicyNode *item, ContainerFile *file,
                          size_t at) {
        const PolicyNode *place = item->type == POLICY_MAP ? policy_member(item, "name") : NULL;
        ContainerNetwork *network = &file->networks[at];

        if (!network->name[0] && !place)
                snprintf(network->name, sizeof(network->name), "eth%zu", at);
        if (streq(network->name, "lo"))
                return policy_error(context, place, "lo is there by itself: it has no entry");
        for (size_t i = 0; i < at; i++)
                if (network->name[0] && streq(file->networks[i].name, network->name))
                        return policy_error(context, place ?: item, "two interfaces with the name %s",
                                            network->name);
        return 0;
}

int container_file_network(const PolicyContext *context, const PolicyNode *node, void *target) {
        ContainerFile *file = target;
        int bad = 0;

        if (node->type != POLICY_LIST)
                return policy_expected(context, node, "a list of interfaces", NULL);
        for (const PolicyNode *item = node->children; item; item = item->next) {
                ContainerNetwork *grown;
                int r;

                if (file->n_networks >= CONTAINER_NETWORKS_MAX)
                        return policy_error(context, item, "more than %d interfaces", CONTAINER_NETWORKS_MAX);
                grown = reallocarray(file->networks, file->n_networks + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                file->networks = grown;
                grown[file->n_networks] = (ContainerNetwork){};
                file->n_networks++;
                r = parse_interface(context, item, &grown[file->n_networks - 1]);
                if (r >= 0)
                        bad |= r;
                if (r >= 0)
                        r = name_interface(context, item, file, file->n_networks - 1);
                if (r < 0)
                        return r;
                bad |= r;
        }
        return bad;
}
