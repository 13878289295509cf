/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Edits: lists of plain data, which own all their strings.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "model/edits.h"
#include "util/string.h"

static void node_deinit(EditNode *node) {
        free(node->path);
        free(node->host_path);
}

static void net_deinit(EditNet *net) {
        free(net->host_name);
        free(net->name);
}

static void mount_deinit(EditMount *mount) {
        free(mount->host_path);
        free(mount->path);
        free(mount->type);
        for (char **option = mount->options; option && *option; option++)
                free(*option);
        free(mount->options);
}

static void hook_deinit(EditHook *hook) {
        free(hook->name);
        free(hook->path);
}

void edits_deinit(Edits *edits) {
        for (size_t i = 0; i < edits->n_env; i++)
                free(edits->env[i]);
        for (size_t i = 0; i < edits->n_nodes; i++)
                node_deinit(&edits->nodes[i]);
        for (size_t i = 0; i < edits->n_nets; i++)
                net_deinit(&edits->nets[i]);
        for (size_t i = 0; i < edits->n_mounts; i++)
                mount_deinit(&edits->mounts[i]);
        for (size_t i = 0; i < edits->n_hooks; i++)
                hook_deinit(&edits->hooks[i]);
        free(edits->env);
        free(edits->nodes);
        free(edits->nets);
        free(edits->mounts);
        free(edits->hooks);
        free(edits->gids);
        *edits = (Edits){};
}

Edits *edits_free(Edits *edits) {
        if (edits) {
                edits_deinit(edits);
                free(edits);
        }
        return NULL;
}

bool edits_is_empty(const Edits *edits) {
        return edits->n_env + edits->n_nodes + edits->n_nets + edits->n_mounts + edits->n_hooks +
                               edits->n_gids ==
                       0 &&
               !edits->rdt;
}

void *edits_grow(void *items, size_t *n_items, size_t size) {
        size_t n = *n_items;
        char *grown = items;

        /* At each power of two there is no room left. */
        if ((n & (n - 1)) == 0) {
                grown = reallocarray(items, n > 0 ? n * 2 : 1, size);
                if (!grown)
                        return NULL;
        }
        memset(grown + n * size, 0, size);
        (*n_items)++;
        return grown;
}

#define GROW(items, n_items)                                                        \
        ({                                                                          \
                void *_grown = edits_grow((items), &(n_items), sizeof((items)[0])); \
                if (_grown)                                                         \
                        (items) = _grown;                                           \
                _grown ? &(items)[(n_items)-1] : NULL;                              \
        })

/* Return: whether *@to is as @from now. */
static bool copy(char **to, const char *from) {
        *to = from ? strdup(from) : NULL;
        return !from || *to;
}

static size_t name_size(const char *variable) {
        return strcspn(variable, "=");
}

static int append_env(Edits *edits, bool check, const char *variable) {
        char *s = strdup(variable), **last;
        size_t n = name_size(variable);

        if (!s)
                return -ENOMEM;
        for (size_t i = 0; check && i < edits->n_env; i++)
                if (name_size(edits->env[i]) == n && strncmp(edits->env[i], variable, n) == 0) {
                        free(edits->env[i]);
                        edits->env[i] = s;
                        return 0;
                }
        last = GROW(edits->env, edits->n_env);
        if (!last) {
                free(s);
                return -ENOMEM;
        }
        *last = s;
        return 0;
}

static int append_node(Edits *edits, bool check, const EditNode *from) {
        EditNode *to = NULL;

        for (size_t i = 0; check && i < edits->n_nodes; i++)
                if (streq(edits->nodes[i].path, from->path)) {
                        to = &edits->nodes[i];
                        node_deinit(to);
                }
        if (!to)
                to = GROW(edits->nodes, edits->n_nodes);
        if (!to)
                return -ENOMEM;
        *to = *from;
        to->host_path = NULL;
        return copy(&to->path, from->path) && copy(&to->host_path, from->host_path) ? 0 : -ENOMEM;
}

static int append_net(Edits *edits, bool check, const EditNet *from) {
        EditNet *to = NULL;

        for (size_t i = 0; check && i < edits->n_nets; i++)
                if (streq(edits->nets[i].host_name, from->host_name)) {
                        to = &edits->nets[i];
                        net_deinit(to);
                }
        if (!to)
                to = GROW(edits->nets, edits->n_nets);
        if (!to)
                return -ENOMEM;
        *to = (EditNet){};
        return copy(&to->host_name, from->host_name) && copy(&to->name, from->name) ? 0 : -ENOMEM;
}

static int copy_options(char ***to, char *const *from) {
        size_t n = 0;

        while (from && from[n])
                n++;
        if (n == 0)
                return 0;
        *to = calloc(n + 1, sizeof(char *));
        if (!*to)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!copy(&(*to)[i], from[i]))
                        return -ENOMEM;
        return 0;
}

static int append_mount(Edits *edits, bool check, const EditMount *from) {
        EditMount *to = NULL;

        for (size_t i = 0; check && i < edits->n_mounts; i++)
                if (streq(edits->mounts[i].path, from->path)) {
                        to = &edits->mounts[i];
                        mount_deinit(to);
                }
        if (!to)
                to = GROW(edits->mounts, edits->n_mounts);
        if (!to)
                return -ENOMEM;
        *to = (EditMount){};
        if (!copy(&to->path, from->path) || !copy(&to->host_path, from->host_path) ||
            !copy(&to->type, from->type))
                return -ENOMEM;
        return copy_options(&to->options, from->options);
}

static int append_hook(Edits *edits, const EditHook *from) {
        EditHook *to = GROW(edits->hooks, edits->n_hooks);

        return to && copy(&to->name, from->name) && copy(&to->path, from->path) ? 0 : -ENOMEM;
}

static int append_gid(Edits *edits, bool check, uint32_t gid) {
        uint32_t *to;

        for (size_t i = 0; check && i < edits->n_gids; i++)
                if (edits->gids[i] == gid)
                        return 0;
        to = GROW(edits->gids, edits->n_gids);
        if (!to)
                return -ENOMEM;
        *to = gid;
        return 0;
}

/* @check: whether something of @from may be in @edits already. */
static int append(Edits *edits, bool check, const Edits *from) {
        int r = 0;

        for (size_t i = 0; i < from->n_env && r >= 0; i++)
                r = append_env(edits, check, from->env[i]);
        for (size_t i = 0; i < from->n_nodes && r >= 0; i++)
                r = append_node(edits, check, &from->nodes[i]);
        for (size_t i = 0; i < from->n_nets && r >= 0; i++)
                r = append_net(edits, check, &from->nets[i]);
        for (size_t i = 0; i < from->n_mounts && r >= 0; i++)
                r = append_mount(edits, check, &from->mounts[i]);
        for (size_t i = 0; i < from->n_hooks && r >= 0; i++)
                r = append_hook(edits, &from->hooks[i]);
        for (size_t i = 0; i < from->n_gids && r >= 0; i++)
                r = append_gid(edits, check, from->gids[i]);
        edits->rdt = edits->rdt || from->rdt;
        return r;
}

int edits_append(Edits *edits, const Edits *from) {
        assert(edits && from);

        /* What a file says for all of its devices is copied for each of them: not in the square of its size.
         */
        return append(edits, !edits_is_empty(edits), from);
}

int edits_add_env(Edits *edits, const char *variable) {
        assert(edits && variable);

        return append_env(edits, /* check= */ true, variable);
}

int edits_add_gid(Edits *edits, uint32_t gid) {
        assert(edits);

        return append_gid(edits, /* check= */ true, gid);
}

int edits_fold(Edits *edits) {
        Edits folded = {};
        int r;

        assert(edits);

        r = append(&folded, /* check= */ true, edits);
        edits_deinit(r < 0 ? &folded : edits);
        if (r >= 0)
                *edits = folded;
        return r;
}

static bool node_equal(const EditNode *a, const EditNode *b) {
        return streq(a->path, b->path) && streq_ptr(a->host_path, b->host_path) && a->type == b->type &&
               a->numbered == b->numbered && a->major == b->major && a->minor == b->minor &&
               a->has_mode == b->has_mode && a->mode == b->mode && a->has_uid == b->has_uid &&
               a->uid == b->uid && a->has_gid == b->has_gid && a->gid == b->gid && a->access == b->access &&
               a->error == b->error && a->found_type == b->found_type && a->found_rdev == b->found_rdev;
}

static bool mount_equal(const EditMount *a, const EditMount *b) {
        char *const *x = a->options, *const *y = b->options;

        if (!streq(a->path, b->path) || !streq(a->host_path, b->host_path) || !streq_ptr(a->type, b->type))
                return false;
        while (x && y && *x && *y && streq(*x, *y)) {
                x++;
                y++;
        }
        return (!x || !*x) && (!y || !*y);
}

bool edits_equal(const Edits *a, const Edits *b) {
        if (a->n_env != b->n_env || a->n_nodes != b->n_nodes || a->n_nets != b->n_nets ||
            a->n_mounts != b->n_mounts || a->n_hooks != b->n_hooks || a->n_gids != b->n_gids ||
            a->rdt != b->rdt)
                return false;
        for (size_t i = 0; i < a->n_env; i++)
                if (!streq(a->env[i], b->env[i]))
                        return false;
        for (size_t i = 0; i < a->n_nodes; i++)
                if (!node_equal(&a->nodes[i], &b->nodes[i]))
                        return false;
        for (size_t i = 0; i < a->n_nets; i++)
                if (!streq(a->nets[i].host_name, b->nets[i].host_name) ||
                    !streq(a->nets[i].name, b->nets[i].name))
                        return false;
        for (size_t i = 0; i < a->n_mounts; i++)
                if (!mount_equal(&a->mounts[i], &b->mounts[i]))
                        return false;
        for (size_t i = 0; i < a->n_hooks; i++)
                if (!streq(a->hooks[i].name, b->hooks[i].name) || !streq(a->hooks[i].path, b->hooks[i].path))
                        return false;
        return a->n_gids == 0 || memcmp(a->gids, b->gids, a->n_gids * sizeof(uint32_t)) == 0;
}
