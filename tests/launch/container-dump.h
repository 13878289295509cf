/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container file as text: every field, so that a fixture shows all that the parser understood. */

#include <inttypes.h>
#include <stdio.h>

#include "launch/container-file.h"

static inline void dump_network(FILE *f, const ContainerNetwork *network) {
        fprintf(f, "network: %s on %s as %s %s mtu %" PRIu32 "\n",
                container_network_type_to_string(network->type), network->parent, network->name,
                network->up ? "up" : "down", network->mtu);
        for (char **address = network->addresses; address && *address; address++)
                fprintf(f, "  address: %s\n", *address);
        if (network->gateway4)
                fprintf(f, "  gateway: %s\n", network->gateway4);
        if (network->gateway6)
                fprintf(f, "  gateway: %s\n", network->gateway6);
        if (network->mac[0])
                fprintf(f, "  mac: %s\n", network->mac);
}

static inline void dump_container(FILE *f, const ContainerFile *file) {
        fprintf(f, "root: %s", container_root_kind_to_string(file->root.kind));
        if (file->root.path)
                fprintf(f, " %s%s%s %" PRIu64, file->root.path, file->root.overlay ? " overlay" : "",
                        file->root.keep ? " keep" : "", file->root.size);
        fprintf(f, "\nids: %" PRIu32 "\n", file->ids);
        for (size_t i = 0; i < file->n_networks; i++)
                dump_network(f, &file->networks[i]);
        for (char **arg = file->init; arg && *arg; arg++)
                fprintf(f, "init: %s\n", *arg);
        property_list_foreach(entry, &file->environment)
                fprintf(f, "environment: %s\n", entry);
        property_list_foreach(entry, &file->labels)
                fprintf(f, "label: %s\n", entry);
        fprintf(f,
                "limits: memory %" PRIu64 " pids %" PRIu64 " cpu %" PRIu64 " files %" PRIu64
                "\nautostart: %s\n",
                file->limits.memory, file->limits.pids, file->limits.cpu, file->limits.files,
                file->autostart ? "yes" : "no");
}
