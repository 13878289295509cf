/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "launch/launch.h"

/**
 * idmap_mount() - make a folder visible elsewhere, with its owners shifted into a container's ids
 * @from:       a folder; owner 0 of it becomes the first id of @slice, and so on
 * @to:         a folder to mount on
 * @slice:      NULL: owners stay as they are
 * @attributes: MOUNT_ATTR_*; devices in it never work
 *
 * What is mounted below @from does not come along.
 *
 * Return: 0; -EOPNOTSUPP the kernel cannot shift owners of that file system; errno.
 */
int idmap_mount(const char *from, const char *to, const IdSlice *slice, unsigned int attributes);

/**
 * idmap_run() - do something as the container's root, with all capabilities on the host
 * @run:        in a child; its result is the child's
 *
 * What is created in a shifted mount needs an owner that the mount knows: the host's root is none.
 *
 * Return: what @run returned, 0 or a negative errno; errno.
 */
int idmap_run(const IdSlice *slice, int (*run)(void *userdata), void *userdata);
