/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"

/*
 * What a CDI device changes in a container, as its specification says. Strings are as they stand in the file;
 * counts are bounded by its reader.
 */

#define EDIT_READ  1U
#define EDIT_WRITE 2U
#define EDIT_MKNOD 4U
#define EDIT_ALL   (EDIT_READ | EDIT_WRITE | EDIT_MKNOD)

/* A device node. What the file does not say is the host's own node's: it is looked up before it is given. */
typedef struct EditNode {
        char *path;      /* inside */
        char *host_path; /* NULL: the same */
        char type;       /* 'b', 'c', 'p' (a pipe); '\0': not said. "u" is 'c' */
        bool numbered;   /* type and number are those of the file */
        unsigned int major, minor;
        bool has_mode, has_uid, has_gid;
        mode_t mode; /* permission bits */
        uint32_t uid, gid;
        unsigned int access; /* bits of EDIT_*; 0: the node is there, but does not open */

        /* As found on the host last, of one that is not numbered. */
        int error;       /* negative errno: it can not be given; 0 */
        char found_type; /* 'b' or 'c' */
        dev_t found_rdev;
} EditNode;

/* A network interface of the host that moves. */
typedef struct EditNet {
        char *host_name, *name;
} EditNet;

typedef struct EditMount {
        char *host_path, *path;
        char *type;     /* NULL: not said */
        char **options; /* NULL-terminated; NULL: none */
} EditMount;

typedef struct EditHook {
        char *name; /* "createRuntime", … */
        char *path;
} EditHook;

typedef struct Edits {
        char **env; /* "NAME=VALUE" */
        size_t n_env;
        EditNode *nodes;
        size_t n_nodes;
        EditNet *nets;
        size_t n_nets;
        EditMount *mounts;
        size_t n_mounts;
        EditHook *hooks;
        size_t n_hooks;
        uint32_t *gids; /* a 0 counts for nothing */
        size_t n_gids;
        bool rdt; /* it asks for resctrl settings */
} Edits;

void edits_deinit(Edits *edits);
Edits *edits_free(Edits *edits);
DEFINE_CLEANUP(Edits *, edits_free);

/* Whether there is nothing in it. */
bool edits_is_empty(const Edits *edits);

/**
 * edits_append() - add a copy of @from
 *
 * What has the same key takes the place of what was there: a variable's name, the path of a node or mount, an
 * interface's name on the host. Neither of both has such doubles itself.
 *
 * Return: 0; -ENOMEM: some of it was added.
 */
int edits_append(Edits *edits, const Edits *from);

/* One variable, "NAME=VALUE", or group more; of one name the later counts. Return: 0; -ENOMEM. */
int edits_add_env(Edits *edits, const char *variable);
int edits_add_gid(Edits *edits, uint32_t gid);

/* Folds doubles: the later goes before the earlier one. Return: 0; -ENOMEM: nothing was done. */
int edits_fold(Edits *edits);

/* Whether both say the same, and the same was found of it on the host. */
bool edits_equal(const Edits *a, const Edits *b);

/* The path on the host of a node. */
static inline const char *edit_node_host_path(const EditNode *node) {
        return node->host_path ? node->host_path : node->path;
}

/* An array in Edits with one more element, zeroed, at its end; NULL: no memory. */
void *edits_grow(void *items, size_t *n_items, size_t size);
