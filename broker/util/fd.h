/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/cleanup.h"

/* Closes @fd where it is one, keeps errno. Returns -EBADF, so that `fd = safe_close(fd)` reads well. */
int safe_close(int fd);

static inline void closep(int *fd) {
        safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

static inline void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

/**
 * fd_read_file() - read a small file whole
 * @dirfd:      directory, or AT_FDCWD
 * @path:       file below @dirfd; a final symlink is followed
 * @max:        most bytes to take, without the terminating NUL
 * @ret:        the content, NUL-terminated, owned by the caller
 * @ret_size:   its size without the NUL; may be NULL
 *
 * Return: 0; -EFBIG when the file has more than @max bytes; the errno of openat() or read().
 */
int fd_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size);

/**
 * fd_write_file() - replace a file as a whole
 * @dirfd:      directory, or AT_FDCWD
 * @path:       file below @dirfd
 * @data:       content, @size bytes
 * @mode:       permissions of the new file
 *
 * Written beside and renamed: a reader sees the old content or the new, never a part. Not synced to disk, as
 * everything that davit writes so lives in /run.
 *
 * Return: 0, or the errno of the call that failed; the old file is then untouched.
 */
int fd_write_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode);

/**
 * fd_write_string() - write to an existing special file (sysfs, cgroup, procfs) in one write()
 *
 * Return: 0, or the errno of openat() or write().
 */
int fd_write_string(int dirfd, const char *path, const char *text);

/* Creates every missing folder of @path with @mode. Return: 0; -ENOTDIR something else is there; errno. */
int fd_mkdir_parents(const char *path, mode_t mode);

/**
 * fd_open_locked() - open a file or folder that goes with its last holder, and be the only one who has it
 * @flags, @mode: of open(2); O_CLOEXEC and O_NOFOLLOW come along
 *
 * Return: a descriptor that holds the exclusive lock; -EAGAIN it went meanwhile, or is not there: to be made
 * and tried again; -EBUSY another has the lock; errno.
 */
int fd_open_locked(const char *path, int flags, mode_t mode);

/* Opens @path below @dirfd as O_PATH|O_DIRECTORY, never over a final symlink. Return: fd or negative errno.
 */
int fd_open_dir(int dirfd, const char *path);
