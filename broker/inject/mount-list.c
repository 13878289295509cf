/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The mounts of a container: lines "ID PARENT MAJOR:MINOR ROOT PLACE …" with blanks and the like as octal
 * numbers. The container decides how many there are, so a bounded part of the list is read.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject/mount-list.h"
#include "util/fd.h"

/* Of a few thousand mounts; the kernel's own limit (fs.mount-max) is some hundred thousand. */
#define LIST_MAX (1024U * 1024U)

void mount_list_deinit(MountList *list) {
        free(list->text);
        *list = (MountList){};
}

int mount_list_read(int proc_fd, MountList *ret) {
        _cleanup_free_ char *text = malloc(LIST_MAX + 1);
        _cleanup_close_ int fd = -EBADF;
        size_t size = 0;
        ssize_t n = 1;

        assert(ret);

        if (!text)
                return -ENOMEM;
        fd = openat(proc_fd, "mountinfo", O_RDONLY | O_CLOEXEC);
        /* EINVAL: it has ended, and nobody has waited for it yet. */
        if (fd < 0)
                return errno == ENOENT || errno == EINVAL ? -ESRCH : -errno;
        while (size < LIST_MAX && (n = read(fd, text + size, LIST_MAX - size)) > 0)
                size += (size_t)n;
        if (n < 0)
                return -errno;
        text[size] = '\0';
        *ret = (MountList){.text = TAKE_PTR(text), .whole = n == 0};
        return 0;
}

/* Takes the octal numbers of a path out, in place. */
static void unescape(char *path) {
        char *to = path;

        for (const char *p = path; *p; to++) {
                unsigned int byte;

                if (p[0] == '\\' && sscanf(p + 1, "%3o", &byte) == 1 && byte <= 0xff) {
                        *to = (char)byte;
                        p += 4;
                } else
                        *to = *p++;
        }
        *to = '\0';
}

static int take(const char *from, const char *end, char **ret) {
        if (!ret)
                return 0;
        *ret = strndup(from, (size_t)(end - from));
        return *ret ? 0 : -ENOMEM;
}

int mount_list_find(const MountList *list, uint64_t id, char **ret_what, char **ret_place) {
        assert(list && list->text);

        for (const char *line = list->text; *line; line += strcspn(line, "\n") + 1) {
                int what = 0, what_end = 0, place = 0, end = 0, r;
                uint64_t found;

                /* Of a line that is cut off nobody knows how the path goes on. */
                if (!strchr(line, '\n'))
                        break;
                if (sscanf(line, "%" SCNu64 " %*u %n%*s %*s%n %n%*s%n", &found, &what, &what_end, &place,
                           &end) == 1 &&
                    found == id && end > 0) {
                        r = take(line + what, line + what_end, ret_what);
                        if (r >= 0)
                                r = take(line + place, line + end, ret_place);
                        if (r >= 0 && ret_place)
                                unescape(*ret_place);
                        return r;
                }
        }
        return list->whole ? -ENOENT : -EAGAIN;
}
