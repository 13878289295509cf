/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * The device filter of a container's cgroup. Where a cgroup2 hierarchy is mounted (pure or hybrid): one BPF
 * program of type CGROUP_DEVICE per container, attached with BPF_F_ALLOW_MULTI to a folder of davit's own
 * above the container's, over a hash map of (type, major, minor); a change is one map update. Else the v1
 * devices controller by devices.allow and devices.deny.
 *
 * The folder is RELATIVE below the hierarchy's root ("davit/NAME"), the container's own cgroup is
 * RELATIVE/payload. After a restart the map is found again through the program that is attached: nothing is
 * pinned.
 */

typedef enum FilterKind {
        FILTER_AUTO,
        FILTER_BPF, /* cgroup2 */
        FILTER_V1,  /* the devices controller */
        FILTER_KIND_MAX,
        FILTER_KIND_INVALID = -EINVAL,
} FilterKind;

typedef struct Filter Filter;

/**
 * filter_create() - make the folder and deny everything but the standard nodes (null, zero, full, random,
 * urandom, tty, console, ptmx, net/tun, the pts major; mknod itself, which the user namespace refuses anyhow,
 * of any number)
 *
 * A filter that is there already is replaced; one of the v1 kind only while no cgroup is in the folder.
 *
 * Return: 0; -EOPNOTSUPP no such hierarchy here; errno.
 */
int filter_create(FilterKind kind, const char *relative);

/* Takes the folder off; its cgroups must be empty. Not there: 0. */
int filter_destroy(const char *relative);

int filter_open(const char *relative, Filter **ret);
Filter *filter_close(Filter *filter);
DEFINE_CLEANUP(Filter *, filter_close);

/* @item is an ITEM_RIGHT; one that is there with other bits refused is to be denied first. Allowing twice and
 * denying what is not allowed are fine. Return: 0; -E2BIG the container has thousands of rights, or (v1) of
 * cgroups; -ELOOP (v1) its cgroups are nested too deep; errno.
 */
int filter_allow(Filter *filter, const Item *item);
int filter_deny(Filter *filter, const Item *item);

/* The rights beyond the standard nodes; their `device`, which the kernel cannot tell, is "". Return: 0;
 * errno; -ENOMEM. */
int filter_read(Filter *filter, ItemSet *ret);
