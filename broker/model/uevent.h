/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "model/property.h"

/*
 * What the kernel and udev say on a NETLINK_KOBJECT_UEVENT socket.
 *
 * Group 1, the kernel: "ACTION@DEVPATH\0KEY=VALUE\0…" (Linux, lib/kobject_uevent.c).
 * Group 2, udev: a header (magic "libudev", version 0xfeedcafe, offsets, filter hashes) and the same
 * properties with udev's added (systemd, src/libsystemd/sd-device/device-monitor.c; stable since udev 173).
 */

typedef enum UeventAction {
        UEVENT_ADD,
        UEVENT_REMOVE,
        UEVENT_CHANGE,
        UEVENT_MOVE,
        UEVENT_ONLINE,
        UEVENT_OFFLINE,
        UEVENT_BIND,
        UEVENT_UNBIND,
        UEVENT_ACTION_MAX,
        UEVENT_ACTION_INVALID = -EINVAL,
} UeventAction;

const char *uevent_action_to_string(UeventAction action);
UeventAction uevent_action_from_string(const char *s);

typedef enum UeventGroup {
        UEVENT_GROUP_KERNEL = 1,
        UEVENT_GROUP_UDEV = 2,
} UeventGroup;

#define UEVENT_MESSAGE_MAX (16U * 1024U)

struct Edits;

typedef struct Uevent {
        UeventAction action;
        PropertyList properties;   /* all of them, ACTION, DEVPATH and SEQNUM included */
        const struct Edits *edits; /* of an event of our own making about a CDI device; borrowed; else NULL */
} Uevent;

#define UEVENT_NULL ((Uevent){.action = UEVENT_ACTION_INVALID})

void uevent_deinit(Uevent *event);

/* The values every event has, borrowed; "" never occurs, NULL is a missing optional one. */
const char *uevent_devpath(const Uevent *event);
const char *uevent_subsystem(const Uevent *event);

/**
 * uevent_decode() - take over a message as received
 * @data:       message, @size bytes; hostile until proven otherwise
 * @group:      the multicast group it came from
 * @event:      an empty event to fill; empty still on failure
 *
 * Return: 0; -EBADMSG not of the group's form, or ACTION, DEVPATH or SUBSYSTEM missing, or a DEVPATH that
 * does not start with a slash or has a `..` component; -EOPNOTSUPP an action or header version that we do not
 * know; -E2BIG; -ENOMEM.
 */
int uevent_decode(const void *data, size_t size, UeventGroup group, Uevent *event);

/**
 * uevent_encode() - write the message for one group
 * @properties: what the device says of itself; ACTION and SEQNUM in it are passed over, and for the kernel's
 *              group all that only udev adds (ID_*, DEVLINKS, TAGS, …) and the "/dev/" before DEVNAME
 * @buffer:     result, @size bytes
 *
 * The kernel's form has no SEQNUM: the kernel adds its own when it passes the message on.
 *
 * Return: bytes written; -EINVAL no DEVPATH or SUBSYSTEM; -ENOBUFS @buffer is too small.
 */
int uevent_encode(UeventAction action, const PropertyList *properties, UeventGroup group, void *buffer,
                  size_t size);
