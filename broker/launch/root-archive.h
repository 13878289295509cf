/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/**
 * archive_unpack() - unpack a tar archive into an empty folder, or copy another folder
 * @from_fd:     the archive, a regular file open for reading; or a folder
 * @folder:      owners in it will be as in the archive
 * @path:        what it is unpacked from, for messages
 * @sync:        return when it is on the disk
 * @cancel_fd, @progress_fd: as in RootRequest
 *
 * On failure @folder has a part of it.
 *
 * Return: 0; -ECANCELED; -EBADMSG with @message; errno.
 */
int archive_unpack(int from_fd, const char *path, const char *folder, bool sync, int cancel_fd,
                   int progress_fd, char **message);
