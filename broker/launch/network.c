/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The interfaces that are made for a container, as settings of liblxc. They are virtual, so the kernel
 * removes them with the container's network namespace, whoever ends that.
 */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "launch/container-config.h"
#include "launch/message.h"
#include "launch/network.h"
#include "util/string.h"

#define KEY_MAX 64

/* "lxc.net.NUMBER.WHAT" */
static int set(struct lxc_container *c, char **message, unsigned int number, const char *what,
               const char *value) {
        char key[KEY_MAX];

        snprintf(key, sizeof(key), "lxc.net.%u.%s", number, what);
        return container_config_set(c, message, key, "%s", value);
}

static int set_mode(const ContainerNetwork *network, unsigned int number, struct lxc_container *c,
                    char **message) {
        switch (network->type) {
        case CONTAINER_MACVLAN:
                /* Containers on the same parent reach each other, as they would on a switch. */
                return set(c, message, number, "macvlan.mode", "bridge");
        case CONTAINER_IPVLAN:
                /* With a gateway and neighbours, as any interface. */
                return set(c, message, number, "ipvlan.mode", "l2");
        case CONTAINER_VETH:
        case CONTAINER_NETWORK_TYPE_MAX:
        case CONTAINER_NETWORK_TYPE_INVALID:
                break;
        }
        return 0;
}

/* liblxc 5.0.2 works a broadcast address out wrongly, so it gets one; the last two lengths have none. */
static int set_address4(const char *address, unsigned int number, struct lxc_container *c, char **message) {
        char text[INET_ADDRSTRLEN], broadcast[INET_ADDRSTRLEN], both[2 * INET_ADDRSTRLEN + 4];
        const char *slash = strchr(address, '/');
        struct in_addr in;
        int prefix;

        if (!slash || (size_t)(slash - address) >= sizeof(text))
                return -EINVAL;
        memcpy(text, address, (size_t)(slash - address));
        text[slash - address] = '\0';
        prefix = atoi(slash + 1);
        if (inet_pton(AF_INET, text, &in) != 1)
                return -EINVAL;
        if (prefix > 30)
                return set(c, message, number, "ipv4.address", address);
        in.s_addr |= htonl(UINT32_MAX >> prefix);
        inet_ntop(AF_INET, &in, broadcast, sizeof(broadcast));
        snprintf(both, sizeof(both), "%s %s", address, broadcast);
        return set(c, message, number, "ipv4.address", both);
}

static int set_addresses(const ContainerNetwork *network, unsigned int number, struct lxc_container *c,
                         char **message) {
        int r = 0;

        for (char **address = network->addresses; address && *address && r >= 0; address++)
                r = strchr(*address, ':') ? set(c, message, number, "ipv6.address", *address)
                                          : set_address4(*address, number, c, message);
        if (r >= 0 && network->gateway4)
                r = set(c, message, number, "ipv4.gateway", network->gateway4);
        if (r >= 0 && network->gateway6)
                r = set(c, message, number, "ipv6.gateway", network->gateway6);
        return r;
}

static int apply_one(const ContainerNetwork *network, unsigned int number, struct lxc_container *c,
                     char **message) {
        char mtu[16];
        int r;

        if (if_nametoindex(network->parent) == 0)
                return message_set(message, -ENODEV,
                                   "the interface %s of the container cannot be made: the host has no "
                                   "interface %s",
                                   network->name, network->parent);
        r = set(c, message, number, "type", container_network_type_to_string(network->type));
        if (r >= 0)
                r = set_mode(network, number, c, message);
        if (r >= 0)
                r = set(c, message, number, "link", network->parent);
        if (r >= 0)
                r = set(c, message, number, "name", network->name);
        if (r >= 0 && network->mac[0])
                r = set(c, message, number, "hwaddr", network->mac);
        if (r >= 0 && network->mtu > 0) {
                snprintf(mtu, sizeof(mtu), "%" PRIu32, network->mtu);
                r = set(c, message, number, "mtu", mtu);
        }
        if (r >= 0 && network->up)
                r = set(c, message, number, "flags", "up");
        return r < 0 ? r : set_addresses(network, number, c, message);
}

int network_apply(const ContainerNetwork *networks, size_t n, unsigned int first, struct lxc_container *c,
                  char **message) {
        for (size_t i = 0; i < n; i++) {
                int r = apply_one(&networks[i], first + (unsigned int)i, c, message);

                if (r < 0)
                        return r;
        }
        return 0;
}
