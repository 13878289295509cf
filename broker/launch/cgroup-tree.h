/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/*
 * One folder, of the same name in each cgroup hierarchy of the host: pure v2, hybrid or v1, whatever is
 * mounted.
 */

/**
 * cgroup_tree_remove() - kill what is in the folder @relative of every hierarchy, and remove it with all
 * below
 * @wait_ms:    how long to wait for killed processes to be gone
 *
 * Return: 0, also when there is none; -EBUSY processes are left; the first errno, having gone on with the
 * rest.
 */
int cgroup_tree_remove(const char *relative, int wait_ms);

/* Whether process @pid is below @relative in every hierarchy that has a device filter and that folder; at
 * least in one. Return: 1 it is; 0 not; errno. */
int cgroup_tree_confines(const char *relative, pid_t pid);
