/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Small files and directory descriptors.
 *
 * All of these take a directory descriptor and a path below it, so that a caller which holds the descriptor
 * of a trusted folder never resolves that folder's path again.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"

int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                close(fd);
                errno = saved;
        }
        return -EBADF;
}

int fd_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *data = NULL;
        size_t size = 0, allocated = 0;

        assert(path && ret);

        fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        /* sysfs and procfs report no true size: read until the end, one byte more than allowed at most. */
        for (;;) {
                ssize_t n;

                if (allocated - size < 2) {
                        size_t want = allocated ? allocated * 2 : 512;
                        char *grown = realloc(data, MIN(want, max + 2));

                        if (!grown)
                                return -ENOMEM;
                        data = grown;
                        allocated = MIN(want, max + 2);
                }
                n = read(fd, data + size, allocated - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
                if (size > max)
                        return -EFBIG;
        }

        data[size] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t)n;
        }
        return 0;
}

int fd_write_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_free_ char *beside = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *slash;
        int r;

        assert(path);

        /* The temporary name starts with a dot, which every reader of our folders passes over. */
        slash = strrchr(path, '/');
        if (slash)
                r = asprintf(&beside, "%.*s/.%s.%d", (int)(slash - path), path, slash + 1, (int)getpid());
        else
                r = asprintf(&beside, ".%s.%d", path, (int)getpid());
        if (r < 0)
                return -ENOMEM;

        fd = openat(dirfd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;

        r = write_all(fd, data, size);
        /* The umask has cut the mode, and a leftover of the same name keeps its own. */
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && renameat(dirfd, beside, dirfd, path) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(dirfd, beside, /* flags= */ 0);
        return r;
}

int fd_write_string(int dirfd, const char *path, const char *text) {
        _cleanup_close_ int fd = -EBADF;

        assert(path && text);

        fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

int fd_mkdir_parents(const char *path, mode_t mode) {
        _cleanup_free_ char *copy = NULL;
        struct stat st;

        if (!*path)
                return -EINVAL;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;

        for (char *p = copy + 1;; p++) {
                char c = *p;

                if (c != '/' && c != '\0')
                        continue;
                *p = '\0';
                if (mkdir(copy, mode) < 0 && errno != EEXIST)
                        return -errno;
                if (c == '\0')
                        break;
                *p = c;
        }

        /* EEXIST is also said of what is no folder. */
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int fd_open_dir(int dirfd, const char *path) {
        int fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int fd_open_locked(const char *path, int flags, mode_t mode) {
        _cleanup_close_ int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
        struct stat ours, theirs;

        if (fd < 0)
                return errno == ENOENT ? -EAGAIN : -errno;
        if (fstat(fd, &ours) < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        /* Who had the lock before may have removed the file with it. */
        if (stat(path, &theirs) < 0 || ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino)
                return -EAGAIN;
        return TAKE_FD(fd);
}
