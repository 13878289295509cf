/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * The live /dev of one container: a small tmpfs of the host's own at RUNTIME/dev/NAME (nosuid, noexec, not
 * nodev, size and inode limits, private propagation), with
 *
 * - dev/: what the container has as its /dev: host root's, group the container's root group, 0775 (not
 * sticky, where the kernel refuses O_CREAT on a node whose owner is not the folder's, so that `> /dev/null`
 * fails); the folders below it host root's, 0755;
 * - held/: one hard link of each node and symlink that was given, never seen inside. A name is
 *   string_to_component() of the path below /dev. This is the present state.
 *   A file in it, under a name that no such path has, notes an event of a thing without a node.
 *
 * - udev/: what the container has as its /run/udev, where it has no udevd of its own; see udev-folder.h.
 *
 * The top folder is host root's, group the container's root group, 0710: other users of the host do not get
 * at nodes whose mode is meant for everybody inside.
 *
 * On each held inode: xattr "trusted.davit.device" the device's id and, behind a newline, the mode and owners
 * that we gave it (an udevd inside may change them after, which is the container's right);
 * "trusted.davit.event" the properties of the event that was sent for it, set once it was sent. Container
 * root can neither read nor set trusted.* attributes.
 */

typedef struct LiveDev LiveDev;

/**
 * live_dev_create() - mount and fill the tmpfs for a container that is about to start
 * @root_uid, @root_gid: the host's ids of the container's root
 * @udev:     with a udev/
 *
 * Fills dev/ with null, zero, full, random, urandom, tty (0666), the links fd, stdin, stdout, stderr, ptmx ->
 * pts/ptmx and the folders pts, shm, mqueue, net (with tun) and bus/usb, which every host has. An old one of
 * the same name is taken off first.
 *
 * Return: 0; the errno of the call that failed, after taking off what was done.
 */
int live_dev_create(const char *runtime_dir, const char *name, uid_t root_uid, gid_t root_gid, bool udev);

/* Takes it off: revokes all that is held (see live_dev_remove()), unmounts, removes the folder. Not there: 0.
 */
int live_dev_destroy(const char *runtime_dir, const char *name);

/* Opens the directory descriptors, and clears the umask of the process: a node is made with its final mode.
 * Return: 0; -ENOENT not mounted; errno. */
int live_dev_open(const char *runtime_dir, const char *name, LiveDev **ret);
LiveDev *live_dev_close(LiveDev *live);
DEFINE_CLEANUP(LiveDev *, live_dev_close);

/**
 * live_dev_add() - put a node, link or entry of the udev database in place. A node or link is made in held/,
 * owned, then linked into dev/, so never seen with a wrong owner or mode. Missing folders are made. A
 * leftover of an interrupted add is replaced.
 *
 * An entry of the database of a container without udev/ is passed over.
 *
 * Return: 0; -EEXIST something that is not ours is at that path; errno. On failure nothing is left.
 */
int live_dev_add(LiveDev *live, const Item *item);

/**
 * live_dev_remove() - revoke: the inode in held/ gets host root as owner and mode 0, so that a hard link or
 * bind mount which the container hoarded opens no more; then both names go, then folders that are empty now.
 *
 * Return: 0, also when it is gone already; errno.
 */
int live_dev_remove(LiveDev *live, const Item *item);

/* Notes on the held inode of @node_path that its event was sent; NULL takes the note off. Return: 0; errno.
 */
int live_dev_set_announced(LiveDev *live, const char *node_path, const PropertyList *properties);

/* The same for the event of a thing without a node. Return: 0; -EBADMSG the event names nothing; errno, with
 * nothing left of the note. */
int live_dev_set_told(LiveDev *live, const Item *event, bool told);

/* A note that a udevd inside was told of what had been given before it came. Return: 1 it is there, 0 not;
 * errno. */
int live_dev_udevd_told(const LiveDev *live);
int live_dev_set_udevd_told(LiveDev *live);

/* Reads held/ and udev/ back: nodes, links, entries, and the events that were sent. A node whose name in dev/
 * the container took away is not present. Return: 0; errno; -ENOMEM. */
int live_dev_read(LiveDev *live, ItemSet *ret);
