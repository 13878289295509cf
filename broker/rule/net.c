/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The words for how an interface goes in. They are those of a policy and those of a saved state, and, for the
 * variants, those of the kernel's tools.
 */

#include "config.h"

#include <stddef.h>

#include "rule/net.h"
#include "util/string.h"

static const char *const mode_table[NET_MODE_MAX + 1] = {
        [NET_MOVE] = "move", [NET_MACVLAN] = "macvlan", [NET_IPVLAN] = "ipvlan",
        [NET_VLAN] = "vlan", [NET_SRIOV] = "sriov",
};

const char *net_mode_to_string(NetMode mode) {
        return mode >= 0 && mode < NET_MODE_MAX ? mode_table[mode] : NULL;
}

NetMode net_mode_from_string(const char *s) {
        return string_table_find(mode_table, NET_MODE_MAX, s);
}

const char *const *net_variants(NetMode mode) {
        static const char *const macvlan[] = {"bridge", "private",
                                              "vepa", [NET_VARIANT_PASSTHRU] = "passthru", NULL};
        static const char *const ipvlan[] = {"l2", "l3", "l3s", NULL};

        return mode == NET_MACVLAN ? macvlan : mode == NET_IPVLAN ? ipvlan : NULL;
}

const char *net_variant_to_string(NetMode mode, NetVariant variant) {
        const char *const *words = net_variants(mode);

        for (NetVariant i = 0; words && words[i]; i++)
                if (i == variant)
                        return words[i];
        return NULL;
}

int net_variant_from_string(NetMode mode, const char *s) {
        const char *const *words = net_variants(mode);

        for (int i = 0; words && words[i]; i++)
                if (streq(words[i], s))
                        return i;
        return -EINVAL;
}
