/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/uevent.h"

/*
 * A NETLINK_KOBJECT_UEVENT socket opened once inside a container's network namespace: later sends need no
 * setns(). Events go out as sent by the container's root (SCM_CREDENTIALS), whom listeners inside see as uid
 * 0.
 */
typedef struct UeventSocket UeventSocket;

/* @netns_fd: the container's network namespace, borrowed. Enters it for the time of one socket() call.
 * Return: 0; errno. Being unable to come back ends the process: it could only do harm from there. */
int uevent_socket_open(int netns_fd, uid_t root_uid, gid_t root_gid, UeventSocket **ret);
UeventSocket *uevent_socket_close(UeventSocket *socket);
DEFINE_CLEANUP(UeventSocket *, uevent_socket_close);

/* Sends to one group. Return: 0, also when nobody listens; -EINVAL properties without DEVPATH; errno. */
int uevent_socket_send(UeventSocket *socket, UeventGroup group, UeventAction action,
                       const PropertyList *properties);
