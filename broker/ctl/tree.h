/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/ctl.h"
#include "ctl/value.h"

/* All objects of the daemon, each an object with its path and properties, sorted by name. */
typedef struct Tree {
        json_t *devices;
        json_t *containers;
        json_t *grants;
} Tree;

void tree_deinit(Tree *tree);

/* Says on standard error what went wrong. Return: 0; negative errno. */
int tree_read(Ctl *ctl, Tree *ret);

/* "device", "container", "grant", "manager" of one of our interfaces; NULL for all others. */
const char *tree_interface_kind(const char *interface);

/* Brings properties into the form that --json shows: nodes, interfaces. Return: 0; negative errno. */
int tree_refine(json_t *object);

/* "a,b,c": @key of those @objects which have @value as @where; owned by the caller. Return: 0; -ENOMEM. */
int tree_join(const json_t *objects, const char *where, const char *value, const char *key, char **ret);

/* How long a lingering grant goes on, for people: "74 s", "12 min", "3 h"; "" of any other. */
#define TREE_TIME_LEFT_MAX 32
void tree_time_left(const json_t *grant, char ret[static TREE_TIME_LEFT_MAX]);
