/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "launch/container-file.h"
#include "launch/launch.h"

/*
 * Roots that are put together at a launch: a squashfs, an archive, or a folder under an overlay. The result
 * is a mount on FOLDER/rootfs, with the owners of the container.
 */

typedef struct RootRequest {
        const ContainerRoot *root; /* any but a small one, and a folder that is written in place */
        const char *folder;        /* RUNTIME/containers/NAME, whose lock is the caller's */
        const char *state_dir;     /* where there is a folder for each container that keeps something */
        const char *name;
        const IdSlice *slice;
        int cancel_fd;   /* unpacking is given up when it is readable */
        int progress_fd; /* gets "progress DONE TOTAL\n"; -EBADF: nobody wants to know */
} RootRequest;

/* The first id that a base which belongs to one container asks for. Return: 0, *ret is 0 where any will do;
 * errno with @message. */
int root_layers_wanted_ids(const ContainerRoot *root, uint32_t *ret, char **message);

/**
 * root_layers_create() - make the root
 * @ret_lock:   holds what is kept of this container, for as long as it is open; -EBADF there is nothing
 * @message:    on failure what is wrong and what can be done; owned by the caller
 *
 * On failure something may be left for root_layers_destroy().
 *
 * Return: 0; -ECANCELED; -EBUSY another container has what is kept; errno.
 */
int root_layers_create(const RootRequest *request, int *ret_lock, char **message);

/* Takes the layers off, the root that is made of them being off already, and removes what was not to be kept,
 * or came to be half. Return: 0, also where there is nothing; -EBUSY it takes long, to be called again;
 * errno. */
int root_layers_destroy(const char *folder);
