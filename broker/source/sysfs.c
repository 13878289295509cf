/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attributes of devices, read below /sys.
 *
 * The path of a device comes from an event, the name of an attribute from a policy file: neither is trusted
 * to stay where it should. Both are checked lexically, and no component of a name may be a symlink, as those
 * ("subsystem", "driver", "device") lead out of the device's folder. sysfs itself is the kernel's alone, so
 * nothing can change between the check and the open.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "source/sysfs.h"
#include "util/fd.h"
#include "util/string.h"

/* Whether each component of @path, which starts behind a slash, is a plain name. */
static bool components_plain(const char *path) {
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
                if (!*p)
                        return true;
        }
}

/* Whether @path is a regular file that is reached from its first @base bytes on through real folders alone.
 */
static bool reached_without_links(const char *path, size_t base) {
        char prefix[PATH_MAX];
        struct stat st;

        for (size_t at = base + 1;; at++) {
                at += strcspn(path + at, "/");
                memcpy(prefix, path, at);
                prefix[at] = '\0';
                if (lstat(prefix, &st) < 0)
                        return false;
                if (!path[at])
                        return S_ISREG(st.st_mode) && (st.st_mode & 0444);
                if (!S_ISDIR(st.st_mode))
                        return false;
        }
}

static int sysfs_read(_unused_ void *userdata, const char *devpath, const char *name, char *buffer,
                      size_t size) {
        _cleanup_free_ char *text = NULL;
        char path[PATH_MAX];
        size_t n_text;
        int n, r;

        assert(devpath && name && buffer && size > 0);

        if (devpath[0] != '/' || !components_plain(devpath + 1) || !components_plain(name))
                return -ENOENT;
        n = snprintf(path, sizeof(path), "/sys%s/%s", devpath, name);
        if (n < 0 || (size_t)n >= sizeof(path))
                return -ENOENT;
        if (!reached_without_links(path, strlen("/sys") + strlen(devpath)))
                return -ENOENT;

        /* One byte more than the text may have: its newline. */
        r = fd_read_file(AT_FDCWD, path, size, &text, &n_text);
        if (r == -EFBIG)
                return -ENOBUFS;
        if (r < 0)
                return r == -ENOMEM ? r : -ENOENT;
        if (n_text > 0 && text[n_text - 1] == '\n')
                text[--n_text] = '\0';
        if (n_text >= size)
                return -ENOBUFS;
        /* A binary attribute is none that a pattern could mean. */
        if (memchr(text, '\0', n_text))
                return -ENOENT;
        memcpy(buffer, text, n_text + 1);
        return 0;
}

const AttributeReader sysfs_reader = {.read = sysfs_read};
