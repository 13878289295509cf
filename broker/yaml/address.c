/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Addresses of network interfaces, as every YAML file of ours writes them.
 */

#include "config.h"

#include <string.h>

#include "util/string.h"
#include "yaml/address.h"
#include "yaml/value.h"

int policy_mac(const PolicyContext *context, const PolicyNode *node, char ret[static MAC_TEXT_SIZE]) {
        static const char *const takes = "an address of one interface like 02:00:5e:10:00:01";
        unsigned int b[6];
        int end = 0, r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (strlen(node->text) != MAC_TEXT_SIZE - 1 || sscanf(node->text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0],
                                                              &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6)
                return policy_expected(context, node, takes, NULL);
        /* The lowest bit of the first byte is that of a group; all zero is nobody. */
        if (end != MAC_TEXT_SIZE - 1 || b[0] & 1 || !(b[0] | b[1] | b[2] | b[3] | b[4] | b[5]) ||
            node->text[strspn(node->text, "0123456789abcdefABCDEF:")])
                return policy_expected(context, node, takes, NULL);
        strcpy(ret, node->text);
        return 0;
}

int address_family(const char *text) {
        unsigned char buffer[sizeof(struct in6_addr)];

        if (inet_pton(AF_INET, text, buffer) == 1)
                return AF_INET;
        return inet_pton(AF_INET6, text, buffer) == 1 ? AF_INET6 : 0;
}

/* Whether an interface can have it. */
static bool is_for_one(const char *text, int family) {
        struct in6_addr v6;
        struct in_addr v4;

        if (family == AF_INET)
                return inet_pton(AF_INET, text, &v4) == 1 && v4.s_addr != htonl(INADDR_ANY) &&
                       (ntohl(v4.s_addr) & 0xf0000000) != 0xe0000000 && v4.s_addr != htonl(INADDR_BROADCAST);
        return inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_UNSPECIFIED(&v6) &&
               !IN6_IS_ADDR_MULTICAST(&v6);
}

int policy_prefix(const PolicyContext *context, const PolicyNode *node, char ret[static PREFIX_TEXT_SIZE]) {
        static const char *const takes = "addresses with a prefix like 192.0.2.10/24 or 2001:db8::10/64";
        char text[PREFIX_TEXT_SIZE];
        uint64_t length;
        char *slash;
        int family, r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (strlen(node->text) >= sizeof(text))
                return policy_expected(context, node, takes, NULL);
        strcpy(text, node->text);
        slash = strchr(text, '/');
        if (!slash)
                return policy_expected(context, node, takes, NULL);
        *slash = '\0';
        family = address_family(text);
        if (family == 0 || string_to_u64(slash + 1, 10, family == AF_INET ? 32 : 128, &length) < 0)
                return policy_expected(context, node, takes, NULL);
        if (!is_for_one(text, family))
                return policy_error(context, node, "%s is an address that no interface can have",
                                    quote(node->text));
        strcpy(ret, node->text);
        return 0;
}
