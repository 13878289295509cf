/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * /run/udev of one container: the folder udev/ of its live /dev, with
 *
 * - data/ID: the entries of what was given, see model/udev-data.h; xattr "trusted.davit.device" is the id of
 *   the device;
 * - tags/TAG/ID: a file for each tag of an entry;
 * - control: an empty file, which says to libudev that there is somebody to listen to.
 *
 * Host root's, 0755 and 0644: the container can read it.
 */

/* @root_fd: the top of the live /dev. Return: 0; errno. */
int udev_folder_make(int root_fd);
/* Return: fd, O_PATH; -ENOENT the container has none; errno. */
int udev_folder_open(int root_fd);

/* Puts an ITEM_DATA in place, instead of what was there of its id. A reader sees the one or the other, whole.
 * Return: 0; errno, with nothing left of it. */
int udev_folder_add(int udev_fd, const Item *item);
/* Return: 0, also when it is gone already; errno. */
int udev_folder_remove(int udev_fd, const Item *item);
/* Adds to @set what there is, and takes off what an interruption left. Return: 0; -ENOMEM; errno. */
int udev_folder_read(int udev_fd, ItemSet *set);
