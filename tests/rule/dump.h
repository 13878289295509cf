/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rules as text: every field of every rule, so that a fixture shows all that the parser understood. */

#include <stdio.h>

#include "rule/rule-set.h"

static inline void dump_patterns(FILE *f, const char *name, const PatternList *list) {
        if (list->n_items == 0)
                return;
        fprintf(f, "  %s:", name);
        for (size_t i = 0; i < list->n_items; i++)
                fprintf(f, " %s%s%s%s", list->items[i].negated ? "not " : "",
                        list->items[i].literal ? "=" : "~", list->items[i].glob,
                        i + 1 < list->n_items ? "," : "");
        fprintf(f, "\n");
}

static inline void dump_key_patterns(FILE *f, const char *name, const KeyPatternList *list) {
        for (size_t i = 0; i < list->n_items; i++) {
                char key[300];

                snprintf(key, sizeof(key), "%s %s", name, list->items[i].key);
                dump_patterns(f, key, &list->items[i].patterns);
        }
}

static inline void dump_net(FILE *f, const GiveNet *net) {
        const char *variant = net_variant_to_string(net->mode, net->variant);

        fprintf(f, "  net: %s%s%s name \"%s\" mtu %u %s", net_mode_to_string(net->mode), variant ? " " : "",
                variant ?: "", net->name, net->mtu, net->up ? "up" : "down");
        if (net->vlan > 0)
                fprintf(f, " vlan %u", net->vlan);
        if (net->mac[0])
                fprintf(f, " mac %s", net->mac);
        fprintf(f, "%s%s\n", net->addresses ? " addresses " : "", net->addresses ?: "");
}

static inline void dump_give(FILE *f, const Give *give) {
        if (give->share == SHARE_UNLIMITED)
                fprintf(f, "  share: unlimited\n");
        else
                fprintf(f, "  share: %u\n", give->share);
        fprintf(f, "  when: %s\n", give->when == GIVE_PRESENT ? "present" : "claimed");
        fprintf(f, "  linger: %llu us\n", (unsigned long long)give->linger_usec);
        fprintf(f, "  kinds:");
        if (give->kinds == PART_KINDS_NODES)
                fprintf(f, " all");
        else
                for (PartKind kind = 0; kind < PART_KIND_MAX; kind++)
                        if (give->kinds & 1U << kind)
                                fprintf(f, " %s", part_kind_to_string(kind));
        fprintf(f, "\n  owner: %u:%u\n  mode: %04o\n", give->uid, give->gid, (unsigned int)give->mode);
        if (give->symlink)
                fprintf(f, "  symlink: %s\n", give->symlink);
        dump_patterns(f, "with cdi", &give->cdi);
        if (give->net.set)
                dump_net(f, &give->net);
}

static inline void dump_rule(FILE *f, const Rule *rule) {
        fprintf(f, "rule %zu \"%s\" %s:%u:%u%s\n", rule->index, rule->name, rule->file, rule->line,
                rule->column, rule->deny ? " deny" : "");
        dump_patterns(f, "class", &rule->match.class);
        dump_patterns(f, "vendor", &rule->match.vendor);
        dump_patterns(f, "product", &rule->match.product);
        dump_patterns(f, "serial", &rule->match.serial);
        dump_patterns(f, "interface", &rule->match.interface);
        dump_patterns(f, "port", &rule->match.port);
        dump_patterns(f, "model", &rule->match.model);
        dump_patterns(f, "driver", &rule->match.driver);
        dump_patterns(f, "path", &rule->match.path);
        dump_patterns(f, "cdi", &rule->match.cdi);
        dump_key_patterns(f, "property", &rule->match.property);
        dump_key_patterns(f, "attribute", &rule->match.attribute);
        dump_patterns(f, "to", &rule->give.to.names);
        dump_key_patterns(f, "to label", &rule->give.to.labels);
        if (!rule->deny)
                dump_give(f, &rule->give);
}
