/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/property.h"

/*
 * The entry of a device in udev's database, /run/udev/data/ID: what udev's rules found out about it, for
 * programs that enumerate devices. Form and names are those of systemd's sd-device
 * (src/libsystemd/sd-device/device-private.c, device_update_db(); sd-device.c, handle_db_line()):
 *
 *     S:LINK          a symlink of the node, below /dev
 *     I:USEC          when udev was done with it first
 *     E:KEY=VALUE     a property that the kernel does not tell
 *     G:TAG  Q:TAG    a tag that it ever had, has
 *     V:1             the form's version
 */

/* Of an id, with its NUL; of an entry, without. */
#define UDEV_DATA_ID_MAX 240U
#define UDEV_DATA_MAX    (16U * 1024U)
#define UDEV_TAG_MAX     64U
#define UDEV_TAGS_MAX    32U

/**
 * udev_data_id() - the name of the entry
 *
 * "c189:257" or "b8:0" for a node, "n3" for a network interface, "+subsystem:name" for anything else.
 *
 * Return: 0; -EBADMSG the properties name nothing, or with bytes that are no part of a name.
 */
int udev_data_id(const PropertyList *properties, char id[static UDEV_DATA_ID_MAX]);

/* Whether @id could be one: a single plain path component. */
bool udev_data_id_is_valid(const char *id);

/**
 * udev_data_format() - the text of the entry
 * @links:      paths below /dev, each ended by a newline; what the device says of its links does not count
 * @ret:        owned by the caller
 *
 * What could forge a line is left out, and what goes beyond UDEV_DATA_MAX.
 *
 * Return: 0; -ENOMEM.
 */
int udev_data_format(const PropertyList *properties, const char *links, char **ret);

/* Steps through the tags of an entry, from *@p on, which starts as the text. Return: whether there was one
 * more, now in @tag. */
bool udev_data_next_tag(const char **p, char tag[static UDEV_TAG_MAX]);
