/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"

/* The mounts of another process, as the kernel lists them. */
typedef struct MountList {
        char *text; /* of /proc/PID/mountinfo */
        bool whole; /* it goes on, but too long for us */
} MountList;

void mount_list_deinit(MountList *list);

/* @proc_fd: /proc/PID. Return: 0; -ESRCH there is no such process any more; -ENOMEM; errno. */
int mount_list_read(int proc_fd, MountList *ret);

/**
 * mount_list_find() - what it says of one mount
 * @ret_what:  "MAJOR:MINOR ROOT", as it stands there, owned by the caller; may be NULL
 * @ret_place: where it is now, an absolute path, owned by the caller; may be NULL
 *
 * Return: 0; -ENOENT it is not there; -EAGAIN it may be behind the end of what was read;
 * -EBADMSG; -ENOMEM.
 */
int mount_list_find(const MountList *list, uint64_t id, char **ret_what, char **ret_place);
