/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The folder of what is kept of a container.
 *
 * Whoever cleans up after a keeper that was killed knows the container's folder in /run alone. So there is a
 * link in it to what must not stay, made before that is. After a reboot, which takes /run along, the next
 * launch of that name removes it.
 *
 * Two runtime folders may share the state folder; so it has a lock of its own, on the folder itself.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/kept.h"
#include "launch/tree.h"
#include "util/fd.h"
#include "util/string.h"

#define LOCK_TRIES 16
#define REMOVE_MS  600000 /* what a reboot left half, which may be a whole system */

/* Both the folder of all and that of one are the host root's alone: set-uid programs in them are real. */
static int make_folder(const char *path) {
        if (mkdir(path, 0700) >= 0)
                return chmod(path, 0700) < 0 ? -errno : 0; /* whatever the umask is */
        return errno == EEXIST ? 0 : -errno;
}

/* Return: a descriptor of the folder, locked; -EBUSY; errno. */
static int lock_folder(const char *path) {
        for (unsigned int i = 0; i < LOCK_TRIES; i++) {
                int r;

                r = make_folder(path);
                if (r < 0)
                        return r;
                r = fd_open_locked(path, O_RDONLY | O_DIRECTORY, 0);
                if (r != -EAGAIN)
                        return r;
        }
        return -EBUSY;
}

int kept_open(const char *state_dir, const char *name, const char *folder, char **ret_path) {
        _cleanup_free_ char *path = NULL, *scratch = NULL, *link = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (asprintf(&path, "%s/%s", state_dir, name) < 0 || asprintf(&scratch, "%s/scratch", path) < 0 ||
            asprintf(&link, "%s/scratch", folder) < 0)
                return -ENOMEM;
        r = fd_mkdir_parents(state_dir, 0755);
        if (r < 0)
                return r;
        fd = lock_folder(path);
        if (fd < 0)
                return fd;
        if (symlink(scratch, link) < 0 && errno != EEXIST)
                return -errno;
        r = tree_remove(scratch, REMOVE_MS);
        if (r >= 0)
                r = make_folder(scratch);
        if (r < 0)
                return r;
        *ret_path = TAKE_PTR(path);
        return TAKE_FD(fd);
}

int kept_clean(const char *folder, int wait_ms) {
        _cleanup_free_ char *link = NULL;
        char scratch[PATH_MAX], *slash;
        ssize_t n;
        int r;

        if (asprintf(&link, "%s/scratch", folder) < 0)
                return -ENOMEM;
        n = readlink(link, scratch, sizeof(scratch));
        if (n < 0)
                return errno == ENOENT ? 0 : -errno;
        if ((size_t)n == sizeof(scratch))
                return -ENAMETOOLONG;
        scratch[n] = '\0';
        r = tree_remove(scratch, wait_ms);
        if (r < 0)
                return r;
        slash = strrchr(scratch, '/');
        if (slash && slash > scratch) {
                *slash = '\0';
                /* With something in it, it stays. */
                (void)rmdir(scratch);
        }
        return unlink(link) < 0 && errno != ENOENT ? -errno : 0;
}
