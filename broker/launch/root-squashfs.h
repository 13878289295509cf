/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/**
 * squashfs_mount() - mount an image, read-only
 * @to:         a folder
 *
 * Its loop device goes when it is unmounted, whoever does that.
 *
 * Return: 0; errno with @message.
 */
int squashfs_mount(const char *image, const char *to, char **message);
