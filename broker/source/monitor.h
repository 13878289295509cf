/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "model/uevent.h"

/*
 * Device events of the host. Through udev where udevd runs (complete: after its rules, with the final modes
 * and all properties), from the kernel where it does not (then sysfs fills in what is missing).
 */
typedef struct Monitor Monitor;

typedef struct MonitorOps {
        /* One event. @complete as for registry_apply(). */
        void (*event)(void *userdata, const Uevent *event, bool complete);
        /* A module of the kernel came or went: no device, and not among those enumerated. May be NULL. */
        void (*module)(void *userdata, const Uevent *event);
        /* Events were lost (ENOBUFS), or udevd came or went: everything has to be enumerated again. */
        void (*lost)(void *userdata);
        /* The socket that events come by was opened; another one than before, if there was one. Kept by
         * somebody else, it goes on queueing events while we are away. May be NULL. */
        void (*opened)(void *userdata, int socket);
} MonitorOps;

/**
 * monitor_new() - open the sockets, so that nothing that happens from now on is missed
 * @kept:       the socket of a former monitor, with what it has queued since; used where it listens to the
 *              group that is to be used now. Stays the caller's; -EBADF none
 *
 * Call it before monitor_enumerate(). Return: 0; errno.
 */
int monitor_new(const MonitorOps *ops, void *userdata, int kept, Monitor **ret);
Monitor *monitor_free(Monitor *monitor);
DEFINE_CLEANUP(Monitor *, monitor_free);

/* Readable when monitor_dispatch() has something to do. One descriptor (an epoll one) for all that it
 * watches. */
int monitor_fd(const Monitor *monitor);
/* Takes up to a bounded batch of events. Return: 0, 1 there may be more at once; errno. */
int monitor_dispatch(Monitor *monitor);

/* Whether events come from udevd, and not from the kernel. */
bool monitor_hears_udev(const Monitor *monitor);

/* Reports every device there is as an "add" through ops->event, parents before children. Return: 0; errno. */
int monitor_enumerate(Monitor *monitor);
