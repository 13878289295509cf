/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/container.h"
#include "model/record.h"

/*
 * The containers that davit launched, found by their records in RUNTIME/containers/ (see model/record.h): by
 * inotify, and by a scan at start. Their end is seen through a pidfd of their init.
 */
typedef struct Launched Launched;

typedef struct LaunchedOps {
        /* A container runs. The callee owns @container (it has init_pidfd, id maps, labels) and borrows
         * @record. */
        void (*up)(void *userdata, Container *container, const ContainerRecord *record);
        /* Its init ended; called once for each `up`. */
        void (*down)(void *userdata, const char *name);
        /* A folder whose keeper is dead was found: what remained of it has to be taken off. @cgroup may be
         * NULL. */
        void (*stale)(void *userdata, const char *name, const char *cgroup);
} LaunchedOps;

int launched_new(const char *runtime_dir, const LaunchedOps *ops, void *userdata, Launched **ret);
Launched *launched_free(Launched *launched);
DEFINE_CLEANUP(Launched *, launched_free);

int launched_fd(const Launched *launched);
int launched_dispatch(Launched *launched);
/* Looks at all folders; reports what is new or stale. Return: 0; errno. */
int launched_scan(Launched *launched);
