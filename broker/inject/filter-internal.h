/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "inject/cgroup.h"
#include "inject/filter.h"
#include "model/edits.h"

/* What is between the front in filter.c and its two drivers. */

#define FILTER_ANY UINT32_MAX /* every minor of a major */

/* Most rights of one container, the standard ones included. */
#define FILTER_RIGHTS_MAX 4096

typedef struct FilterRight {
        char type;
        uint32_t major;
        uint32_t minor;       /* or FILTER_ANY */
        unsigned int refused; /* EDIT_READ, EDIT_WRITE: what it does not allow */
} FilterRight;

/* What a container may always open. */
extern const FilterRight filter_standard[];
extern const size_t filter_n_standard;

bool filter_right_is_standard(const FilterRight *right);

typedef struct FilterDriver {
        CgroupHierarchy hierarchy;

        /* Denies everything but filter_standard[] to the folder. One that is there already is replaced.
         * Return: 0; errno; the front removes the folder then. */
        int (*create)(int folder_fd);

        /* Finds the filter of the folder. Return: an fd for the calls below, owned by the caller; -ENOENT the
         * folder has no filter of ours; errno. */
        int (*open)(int folder_fd);

        int (*allow)(int fd, const FilterRight *right);
        int (*deny)(int fd, const FilterRight *right);

        /* Calls @found for each right beyond the standard ones. Return: 0; the first negative answer; errno.
         */
        int (*read)(int fd, int (*found)(const FilterRight *right, void *userdata), void *userdata);
} FilterDriver;

extern const FilterDriver filter_driver_bpf;
extern const FilterDriver filter_driver_v1;
