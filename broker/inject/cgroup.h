/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <stdbool.h>

/* The cgroup file systems of this host and folders in them. */

typedef enum CgroupHierarchy {
        CGROUP_UNIFIED, /* cgroup2, pure or beside v1 */
        CGROUP_DEVICES, /* the v1 devices controller */
        CGROUP_HIERARCHY_MAX,
        CGROUP_HIERARCHY_INVALID = -EINVAL,
} CgroupHierarchy;

/* Opens the root of a hierarchy. Return: fd, O_PATH; -EOPNOTSUPP it is mounted nowhere; errno. */
int cgroup_open_root(CgroupHierarchy hierarchy);

/* Whether @relative is one: "a/b" without an empty, "." or ".." component. */
bool cgroup_path_is_valid(const char *relative);

/* Opens @relative below @root_fd, over no symlink. Return: fd, O_PATH; -ENOENT; -EINVAL not a path; errno. */
int cgroup_open(int root_fd, const char *relative);

/* The same, made with its parents where missing. *ret_made says whether the last one was. */
int cgroup_make(int root_fd, const char *relative, bool *ret_made);

/* Removes @relative with all folders in it, then its parent where that is a top folder and empty. Not there:
 * 0. Return: 0; -EBUSY a process is in one of them; -ELOOP nested too deep; errno. */
int cgroup_remove(int root_fd, const char *relative);

/**
 * cgroup_walk() - call @visit for @folder_fd and each folder below it, parents first
 *
 * What is below a container's own folder is its to name and nest: a walk ends after a bounded number of
 * folders, and so deep at most.
 *
 * Return: 0; the first negative answer of @visit; -E2BIG; -ELOOP nested too deep; errno.
 */
int cgroup_walk(int folder_fd, int (*visit)(int folder_fd, void *userdata), void *userdata);
