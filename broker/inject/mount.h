/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * Files and folders of the host that are mounted in a container that runs, and taken off again.
 *
 * mount_add() and mount_remove() enter namespaces and walk paths of the container's, where a file system of
 * its own may keep them waiting for ever: they run in a child that is ended when it takes too long, and do
 * nothing that would be wrong in a process which then ends. Calls for one container must not overlap.
 */

/**
 * mount_add() - mount @item->target at @item->path below the container's root
 * @item:     an ITEM_MOUNT
 * @proc_fd:  /proc/PID of its init, borrowed
 * @state_fd: the state folder, borrowed
 *
 * Folders on the way and the place itself are made where they are missing, as the container's root would. The
 * container's root can take the mount off and copy it, but can make it no more than it is: what is read-only
 * stays so.
 *
 * Return: 0, also when it is there already; -ENOENT no such path on the host; -ENOTDIR, -EISDIR the place
 * is of another kind; -ELOOP a link without an end on the way; -ESRCH the container has ended; -EBADMSG the
 * options; -EAGAIN the container has so many mounts that nobody can tell whether it is there; errno. On
 * failure nothing is left.
 */
int mount_add(const Item *item, int proc_fd, int state_fd, const char *container);

/**
 * mount_remove() - take it off, with what was made for it and is empty
 *
 * What the container's root mounted on top of it goes too. A copy that he made of it elsewhere stays his
 * until the container ends.
 *
 * Return: 0, also when it is gone or the container has ended; -EBUSY he keeps covering it, or keeps one of
 * us; errno.
 */
int mount_remove(const Item *item, int proc_fd, int state_fd, const char *container);

/* The mounts that are there, by our account and the kernel's. What the kernel's list is too long to tell is
 * as it was. Return: 0; errno; -ENOMEM. */
int mount_read(int proc_fd, int state_fd, const char *container, ItemSet *ret);

/* The container has ended, and its mounts with it: forgets them. Return: 0; errno. */
int mount_forget(int state_fd, const char *container);
