/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/dev-folder.h"
#include "inject/live-dev.h"

/* Shared by live-dev.c, which fills and reads, and live-dev-mount.c, which makes and takes off. */

struct LiveDev {
        int dev_fd; /* O_PATH, of dev/ */
        DevFolders folders;
        int held_fd; /* O_PATH, of held/ */
        int udev_fd; /* O_PATH, of udev/; -EBADF the container has none of ours */
};

/* Writes RUNTIME/dev/NAME. Return: 0; -EINVAL @name is not a name; -ENAMETOOLONG. */
int live_dev_path(const char *runtime_dir, const char *name, char *buffer, size_t size);

/* Revokes all that is held, on the way out. Return: 0; the first errno, having gone on with the rest. */
int live_dev_revoke_all(LiveDev *live);
