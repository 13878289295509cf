/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "core/loop.h"

/*
 * Work that may block (a foreign namespace, an RCU grace period) in a process of its own, so that the loop
 * never does. A child that is late is reported once, then killed: whatever it waits for makes nobody else
 * wait.
 */
typedef struct Child Child;

#define CHILD_WARN_USEC (UINT64_C(2) * 1000000)
#define CHILD_KILL_USEC (UINT64_C(10) * 1000000)

/* @result: what the work returned; -ETIMEDOUT it was killed; -EIO it died otherwise. The child is freed by
 * its owner, also in here. */
typedef void (*ChildDone)(void *userdata, int result);

/**
 * child_start() - run @work in a forked process
 * @name:       for the log line of a late one; borrowed, must outlive the child
 * @work:       runs in the child with a copy of our memory; returns 0 or a negative errno; must not touch the
 * loop
 *
 * Return: 0; errno of fork() or pidfd_open().
 */
int child_start(Loop *loop, const char *name, int (*work)(void *userdata), ChildDone done, void *userdata,
                Child **ret);

/* Waits no longer: kills it if it runs, and reaps it. `done` is not called. */
Child *child_free(Child *child);
DEFINE_CLEANUP(Child *, child_free);

/* The pidfd of a process, O_CLOEXEC. Return: fd; errno. */
int pidfd_of(pid_t pid);
