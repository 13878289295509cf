/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "inject/mount-state.h"
#include "model/mount.h"

/* What is to be done at one place of a container, with descriptors that the caller owns. */
typedef struct MountWork {
        const char *place;
        int user_fd, mount_fd; /* the container's namespaces */
        int tree_fd;           /* what is to be mounted; -EBADF: something is to be taken off */
        int lock_fd;           /* held for as long as somebody is in there */
        struct stat source;    /* what is mounted, or was to be */
        MountOptions options;
        const MountState *state; /* of what is to be taken off */
} MountWork;

/* What the process inside says of how it went. */
typedef struct MountAnswer {
        int error;
        uint64_t id;
        size_t made;
} MountAnswer;

#define MOUNT_WORK_NULL \
        ((MountWork){.user_fd = -EBADF, .mount_fd = -EBADF, .tree_fd = -EBADF, .lock_fd = -EBADF})

/**
 * mount_go_inside() - have a process of its own do @work
 * @state_fd: the state folder, borrowed
 *
 * Steps done twice, or half before a crash, end well: what is at the place already is recognised by device
 * and inode.
 *
 * Return: 0; what the process says; -EIO it ended without a word; -EBUSY there is one that is stuck; errno.
 */
int mount_go_inside(MountWork *work, int state_fd, const char *container, MountAnswer *ret);

/* Forgets that there was one: @container has ended. */
void mount_unlock(int state_fd, const char *container);
