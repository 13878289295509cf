/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"
#include "util/cleanup.h"

/*
 * Where nodes are looked for that no uevent tells of: the folders that the `path:` of rules name, and what is
 * wanted in each.
 *
 * A path is given as what follows "/dev/" of it, a folder as well, with "" for /dev itself.
 */

#define NODE_FOLDERS_MAX 256

typedef struct NodeFolder {
        char *name;
        const PatternList **lists; /* those with a pattern for this folder that is not literal */
        size_t n_lists;
        int watch;      /* of the folder, or of the deepest above it that is there; -1 none */
        size_t watched; /* how much of the name that is */
} NodeFolder;

typedef struct NodeLiteral NodeLiteral;

typedef struct NodeFolders {
        NodeFolder *items;
        size_t n_items;
        NodeLiteral *literals; /* hash by path */
} NodeFolders;

void node_folders_deinit(NodeFolders *folders);

/* Wants what @paths, the `path:` of a rule, names: borrowed. Return: 0; -ENOSPC there are NODE_FOLDERS_MAX;
 * -ENOMEM. */
int node_folders_add(NodeFolders *folders, const PatternList *paths);

/* The folder that the node at @path is in, where something is wanted of it; else NULL. */
const NodeFolder *node_folders_find(const NodeFolders *folders, const char *path);

/* Whether a node at @path, which is in @folder, is wanted. */
bool node_folders_want(const NodeFolders *folders, const NodeFolder *folder, const char *path);

/* Watches all folders, each until it is there the one above. @dev: "/dev". Return: 0; the errno of the last
 * that could not be. */
int node_folders_watch(NodeFolders *folders, const char *dev, int inotify_fd);

/* Whether the folder itself is watched. */
static inline bool node_folder_is_there(const NodeFolder *folder) {
        return folder->name[folder->watched] == '\0';
}

/* Whether @name, in what is watched, is of the folder or above it. */
bool node_folder_goes_by(const NodeFolder *folder, const char *name);

/* Return: a descriptor to read the folder; -ENOENT there is none; errno. */
int node_folder_open(const NodeFolder *folder, const char *dev);
