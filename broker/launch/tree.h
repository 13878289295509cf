/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/**
 * tree_remove() - remove a folder with all below it
 * @path:       its last component is never followed
 * @wait_ms:    for how long to go on; what is removed by then is removed
 *
 * For trees that a container made: no symlink in it is followed, no file system mounted in it is entered, and
 * it may be as deep as it likes.
 *
 * Return: 0, also where there is none; -EBUSY it takes longer; errno.
 */
int tree_remove(const char *path, int wait_ms);
