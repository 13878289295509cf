/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * The folders below a live dev/, walked without trusting what the container may have put there.
 */

/* Folders that were used lately, so that a plug need not walk to its own. Each is host root's, and so can not
 * be moved or replaced but for its first level: then ours is under another name, which harms nobody but the
 * container. Zeroed is empty but for the descriptor. */
#define DEV_FOLDERS_CACHED 8

typedef struct DevFolders {
        int dev_fd; /* O_PATH, of dev/; borrowed */
        struct {
                char *path;
                int fd;
        } cache[DEV_FOLDERS_CACHED];
        unsigned int next; /* to be overwritten */
} DevFolders;

/* Forgets them all; they stay where they are. */
void dev_folders_forget(DevFolders *folders);

/**
 * dev_folders_find() - a folder from which @path can be reached safely
 * @make:     make what is missing, as dev_folder_make(), but for the innermost folder:
 * dev_folders_make_last()
 * @ret_rest: the rest of @path below that folder, borrowed from it: one component, or two where both are in
 * folders that nobody but us can change
 *
 * Return: fd, borrowed until the next call; as dev_folder_open() and dev_folder_make().
 */
int dev_folders_find(DevFolders *folders, const char *path, bool make, const char **ret_rest);

/* Makes the folder in a @rest of two components. Return: 0, also when it is there; -ENOENT @rest has one;
 * errno. */
int dev_folders_make_last(int fd, const char *rest);

/* Removes the folders of @path that are empty, from the innermost on. */
void dev_folders_prune(DevFolders *folders, const char *path);

/**
 * dev_folder_open() - open the folder that @path is in
 * @dev_fd:   the dev/ of a live /dev, borrowed
 * @path:     path below it of a node or link
 * @ret_base: the last component of @path, borrowed from it; may be NULL
 *
 * Return: fd, of an O_PATH kind, owned by the caller; -ENOENT; -ELOOP or -ENOTDIR the container has put
 * something else in the way; errno.
 */
int dev_folder_open(int dev_fd, const char *path, const char **ret_base);

/**
 * dev_folder_make() - the same, making what is missing
 *
 * The folder is host root's with mode 0755 afterwards, and so are all above it. One that the container made
 * there before is taken over with what is in it.
 *
 * Return: fd; -EEXIST something that is no folder is in the way, or a mount point of the container's; errno.
 */
int dev_folder_make(int dev_fd, const char *path, const char **ret_base);

/* The folders that every live /dev has, as mount points, for standard nodes, or as on any host. They are
 * never removed. @path is below dev/. */
bool dev_folder_is_standard(const char *path);
