/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/cleanup.h"

/*
 * A keeper as the main process of a unit of the service manager: davit-container@NAME.service.
 */

/* What davitd has ready for a keeper that the service manager started in its name. */
typedef struct KeeperOrder {
        char **arguments; /* of `davit-container run`, NULL-terminated */
        char *text;       /* what they point into */
        int ready_fd;     /* as --ready-fd; -EBADF none */
        int stdio[3];     /* -EBADF: as we have it */
} KeeperOrder;

#define KEEPER_ORDER_NULL ((KeeperOrder){.ready_fd = -EBADF, .stdio = {-EBADF, -EBADF, -EBADF}})

void keeper_order_deinit(KeeperOrder *order);

/**
 * keeper_order_fetch() - ask davitd what is to be launched
 *
 * A datagram to RUNTIME/keepers: the container's name, our credentials, and the end of a socket pair on which
 * the answer is awaited. The answer is one message: the arguments, each ending in a NUL byte, and
 * descriptors, of which the first byte tells which there are: bit 0 the ready descriptor, bits 1 to 3 the
 * standard ones.
 *
 * Return: 1; 0 nobody ordered this one (a `systemctl start` does it too), or no davitd runs; -ETIMEDOUT
 * davitd does not answer; -EPROTO; errno.
 */
int keeper_order_fetch(const char *runtime_dir, const char *name, KeeperOrder *ret);

/**
 * unit_take_cgroup() - make the cgroup that the service manager delegated to us the container's
 * @ret:        the folder below the root of the hierarchy for the container's folders, owned by the caller
 *
 * The unit's own folder may have no process besides folders with controllers: we go to the folder "keeper".
 *
 * Return: 0; -EOPNOTSUPP the hierarchy is not the unified one alone; errno.
 */
int unit_take_cgroup(char **ret);

/* The container runs; how it failed. The service manager shows the text. */
void unit_tell_ready(void);
void unit_tell_failed(const char *message);
