/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "util/cleanup.h"

/*
 * Paths that may come, go and change, watched by inotify through the folders that they are in; a folder that
 * is not there yet through the nearest one above it that is.
 */
typedef struct PathWatch PathWatch;

/* Return: 0; errno. */
int path_watch_new(PathWatch **ret);
PathWatch *path_watch_free(PathWatch *watch);
DEFINE_CLEANUP(PathWatch *, path_watch_free);

int path_watch_fd(const PathWatch *watch);

/* Starts anew: what is not added again until path_watch_end() is watched no more. */
void path_watch_begin(PathWatch *watch);
/* Everything in the folder @path, and what is in it. Return: 0; -ENOMEM. Where the kernel refuses, it is not
 * watched. */
int path_watch_add_folder(PathWatch *watch, const char *path);
/* That there is one at @path, and which; not what is in it. Return: as above. */
int path_watch_add(PathWatch *watch, const char *path);
/* Return: whether more is watched of a folder than before: what happened there until now went unseen. */
bool path_watch_end(PathWatch *watch);

/* Takes what inotify has told. Return: whether something was said of what is watched, or was lost. */
bool path_watch_dispatch(PathWatch *watch);
