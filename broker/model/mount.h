/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * How a file or folder of the host is mounted in a container: the words of fstab that a CDI file may have.
 *
 * Of all mounts hold nosuid, nodev and private: what a container is given this way are files, and nodes are
 * given as nodes.
 */

typedef struct MountOptions {
        bool read_only, no_exec, no_atime, no_diratime;
        bool recursive; /* with what is mounted below */
} MountOptions;

#define MOUNT_OPTIONS_MAX 64

/* The words of a NULL-terminated list, or none (NULL), in one form for all ways to say the same. Return: 0;
 * -EOPNOTSUPP a word that means something else, or nothing that we know. */
int mount_options_format(char *const *words, char ret[static MOUNT_OPTIONS_MAX]);

/* The inverse. Return: 0; -EBADMSG no text of that form. */
int mount_options_parse(const char *text, MountOptions *ret);
