/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/edits.h"

/*
 * What of a CDI device's edits can be done to a container that runs, and what is to be said of the rest.
 */

/* The name of a node below /dev; NULL: its path is elsewhere. Borrowed from @node. */
const char *edit_node_name(const EditNode *node);
/* Return: 0 it can be given; -EOPNOTSUPP a pipe, or elsewhere than below /dev; the error that it was not
 * found with on the host. */
int edit_node_check(const EditNode *node);

/* The place of a mount below the container's root. Borrowed from @mount. */
const char *edit_mount_place(const EditMount *mount);
/* Return: 0 it can be given; -EOPNOTSUPP no bind mount, or with options that are not known; -EINVAL a path
 * that is not absolute or has a component that is empty, "." or "..". */
int edit_mount_check(const EditMount *mount);

/**
 * edits_report() - name all that a container does not get
 * @started:    what was done of any CDI device when the container was started, its `env` and `gids` alone
 * @each:       gets a line for people about each thing: which it is, by the name of its field in the file,
 *              and why. Its negative answer ends the report
 *
 * Nodes and mounts named so fail the grant as a whole; the others it is given without.
 *
 * Return: 0; the answer of @each.
 */
int edits_report(const Edits *edits, const Edits *started, int (*each)(void *userdata, const char *line),
                 void *userdata);
