/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "plan/item.h"

/*
 * What is mounted in a container on davit's account, as a file STATE/mount-CONTAINER@HASH of KEY=VALUE lines,
 * HASH being one of the place. It is there from before the mount until after its end.
 *
 *   DEVICE=, PLACE=, TARGET=, OPTIONS=   the item
 *   ID=                                  of the mount, in its namespace; missing until it is there
 *   WHAT=                                "MAJOR:MINOR ROOT" of it, as mountinfo has them: ids are used again
 *   MADE=                                bytes of PLACE up to where it was made, see below
 */
typedef struct MountState {
        char *device, *place, *target, *options;
        uint64_t id; /* 0: not there yet */
        char *what;  /* NULL: not there yet */
        size_t made; /* bytes of `place` up to the first component that was made, with it; 0: none was */
} MountState;

void mount_state_deinit(MountState *state);

/* Return: 0; -ENOMEM. */
int mount_state_of_item(const Item *item, MountState *ret);
/* One that is not known to be there is another than any that is wanted. Return: 0; -EINVAL; -ENOMEM. */
int mount_state_item(const MountState *state, Item **ret);

/* Return: 0; -EINVAL a line break in a path; errno. */
int mount_state_save(int state_fd, const char *container, const MountState *state);
/* Return: 0; -ENOENT; -EBADMSG; errno. */
int mount_state_load(int state_fd, const char *container, const char *place, MountState *ret);
/* Return: 0, also when there is none; errno. */
int mount_state_remove(int state_fd, const char *container, const char *place);

/* Calls @each for each mount of @container; files that cannot be read are passed over. Return: 0; the first
 * error of @each, having gone on with the rest; errno. */
int mount_state_foreach(int state_fd, const char *container,
                        int (*each)(const MountState *state, void *userdata), void *userdata);
