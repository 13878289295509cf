/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct ArchiveRequest {
        int from_fd;        /* the archive, a regular file open for reading; or a folder */
        const char *path;   /* what it is unpacked from, for messages */
        const char *folder; /* owners in it will be as in the archive */
        uid_t uid;          /* who unpacks: ids of the host that nobody else has */
        gid_t gid;
        bool sync;                  /* return when it is on the disk */
        int cancel_fd, progress_fd; /* as in RootRequest */
} ArchiveRequest;

/**
 * archive_unpack() - unpack a tar archive into an empty folder, or copy another folder
 *
 * On failure the folder has a part of it.
 *
 * Return: 0; -ECANCELED; -EBADMSG with @message; -ENOSPC, also where there is only room for the host's root;
 * errno.
 */
int archive_unpack(const ArchiveRequest *request, char **message);
