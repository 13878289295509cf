/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The folder of a container, RUNTIME/containers/NAME, and the lock in it. */

/* Return: 0; -ENOMEM. */
int container_folder_path(const char *runtime_dir, const char *name, char **ret);

/**
 * container_folder_lock() - make the folder where it is missing, and be the only one who has it
 *
 * Return: the descriptor that holds the lock; -EBUSY another has it; errno.
 */
int container_folder_lock(const char *folder);

/* Whether somebody has the lock. Return: 1; 0 nobody, or there is no folder; errno. */
int container_folder_is_locked(const char *folder);

/* Writes down the container's cgroup and the mount namespace that we are in, for whoever removes what is left
 * of it. Return: 0; errno. */
int container_place_write(const char *folder, const char *cgroup);

/* Takes all off but the folder; the caller has the lock. Return: 0; the first errno, having gone on with the
 * rest. */
int leftovers_remove(const char *runtime_dir, const char *name);

/* Removes the folder with the files in it; the lock goes when its descriptor is closed. */
int container_folder_remove(const char *folder);
