/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A specification as text. */

#include <stdio.h>

#include "cdi/spec.h"
#include "util/string.h"

static inline const char *shown(const char *s) {
        static char buffers[4][1024];
        static unsigned int next;

        return s ? string_escape(buffers[next = (next + 1) % 4], sizeof(buffers[0]), s) : "-";
}

static inline void dump_node(FILE *f, const EditNode *node) {
        fprintf(f, "  node %s from %s", shown(node->path), shown(edit_node_host_path(node)));
        if (node->type)
                fprintf(f, " type %c", node->type);
        if (node->numbered)
                fprintf(f, " number %u:%u", node->major, node->minor);
        if (node->has_mode)
                fprintf(f, " mode %03o", (unsigned int)node->mode);
        if (node->has_uid)
                fprintf(f, " uid %u", node->uid);
        if (node->has_gid)
                fprintf(f, " gid %u", node->gid);
        fprintf(f, " access %s%s%s\n", node->access & EDIT_READ ? "r" : "-",
                node->access & EDIT_WRITE ? "w" : "-", node->access & EDIT_MKNOD ? "m" : "-");
}

static inline void dump_edits(FILE *f, const Edits *edits) {
        for (size_t i = 0; i < edits->n_env; i++)
                fprintf(f, "  env %s\n", shown(edits->env[i]));
        for (size_t i = 0; i < edits->n_nodes; i++)
                dump_node(f, &edits->nodes[i]);
        for (size_t i = 0; i < edits->n_nets; i++)
                fprintf(f, "  net %s as %s\n", shown(edits->nets[i].host_name), shown(edits->nets[i].name));
        for (size_t i = 0; i < edits->n_mounts; i++) {
                const EditMount *mount = &edits->mounts[i];

                fprintf(f, "  mount %s on %s type %s", shown(mount->host_path), shown(mount->path),
                        shown(mount->type));
                for (char **option = mount->options; option && *option; option++)
                        fprintf(f, " %s", shown(*option));
                fputc('\n', f);
        }
        for (size_t i = 0; i < edits->n_hooks; i++)
                fprintf(f, "  hook %s %s\n", shown(edits->hooks[i].name), shown(edits->hooks[i].path));
        for (size_t i = 0; i < edits->n_gids; i++)
                fprintf(f, "  gid %u\n", edits->gids[i]);
        if (edits->rdt)
                fprintf(f, "  rdt\n");
}

static inline void dump_spec(FILE *f, const CdiSpec *spec) {
        fprintf(f, "%s version %s\n", shown(spec->kind), shown(spec->version));
        dump_edits(f, &spec->edits);
        for (size_t i = 0; i < spec->n_devices; i++) {
                fprintf(f, "%s\n", shown(spec->devices[i].name));
                dump_edits(f, &spec->devices[i].edits);
        }
}
