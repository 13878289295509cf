/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/container.h"
#include "plan/plan.h"

/*
 * A container as inject sees it: its live /dev, its filter, its event socket, its network namespace; all
 * opened once and held, so that the hot path walks no path and enters no namespace.
 */
typedef struct Target Target;

/**
 * target_open() - open a running container
 * @runtime_dir: RUNTIME
 * @container:   with init_pid, a verified init_pidfd and its id maps; borrowed for the call
 * @cgroup:      its folder for the filter, from its record
 *
 * Return: 0; -ESRCH it ended meanwhile; errno.
 */
int target_open(const char *runtime_dir, const Container *container, const char *cgroup, Target **ret);
Target *target_close(Target *target);
DEFINE_CLEANUP(Target *, target_close);

/* Whether the step may block and has to be run in a child: those of interfaces and mounts. */
bool target_step_blocks(const Step *step);

/**
 * target_apply() - do one step
 *
 * Adding what is there and removing what is gone are fine. An event goes to the kernel's group, and to udev's
 * where no udevd runs inside.
 *
 * Return: 0; errno. On failure the step left nothing.
 */
int target_apply(Target *target, const Step *step);

/* Tells that the thing of which @properties are has changed, as of an event. Return: 0; errno. */
int target_tell_change(Target *target, const PropertyList *properties);

/* Reads back from the kernel what is present. Return: 0; errno; -ENOMEM. */
int target_read(Target *target, ItemSet *ret);

/* Whether a udevd inside hears events by now; and whether it was told of those that went before. */
bool target_has_listener(Target *target);
bool target_listener_told(const Target *target);
/* Tells it of @events, the events among a set of items, and notes that it was told, for as long as the
 * container's /dev is there. Return: 0; errno: some were not told. */
int target_tell_again(Target *target, const ItemSet *events);

/* Readable when an interface came, went or changed inside, once target_watch() was called; -EBADF before. */
int target_watch_fd(const Target *target);
/* Subscribes to the links of the container's network namespace; called with the first interface given to it.
 */
int target_watch(Target *target);
/* Drains it and says whether something happened. Return: 1 yes; 0 no; errno. */
int target_watch_dispatch(Target *target);
