/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The mounts of a container: lines "ID PARENT MAJOR:MINOR ROOT PLACE …" with blanks and the like as octal
 * numbers. The container decides how many there are, so a bounded part of the list is read.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "inject/mount-list.h"
#include "util/fd.h"

/* Of a few thousand mounts; the kernel's own limit (fs.mount-max) is some hundred thousand. */
#define LIST_MAX (1024U * 1024U)

/* And no longer than the loop can spare: where many mounts are on top of each other each line takes the
 * kernel as long as all of these. It writes about as much as it is asked for. */
#define READ_NSEC (UINT64_C(10) * 1000000)
#define READ_SIZE ((size_t)1024)

void mount_list_deinit(MountList *list) {
        free(list->text);
        *list = (MountList){};
}

static uint64_t now_nsec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int mount_list_read(int proc_fd, MountList *ret) {
        _cleanup_free_ char *text = malloc(LIST_MAX + 1);
        _cleanup_close_ int fd = -EBADF;
        uint64_t deadline;
        size_t size = 0;
        ssize_t n = 1;

        assert(ret);

        if (!text)
                return -ENOMEM;
        fd = openat(proc_fd, "mountinfo", O_RDONLY | O_CLOEXEC);
        /* EINVAL: it has ended, and nobody has waited for it yet. */
        if (fd < 0)
                return errno == ENOENT || errno == EINVAL ? -ESRCH : -errno;
        deadline = now_nsec() + READ_NSEC;
        while (size < LIST_MAX && now_nsec() < deadline &&
               (n = read(fd, text + size, MIN(LIST_MAX - size, READ_SIZE))) > 0)
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

/* Return: 0; -EBADMSG; -ENOMEM. */
static int take_line(const char *line, size_t size, char **ret_what, char **ret_place) {
        _cleanup_free_ char *copy = strndup(line, size);
        int what = 0, what_end = 0, place = 0, end = 0, r;

        if (!copy)
                return -ENOMEM;
        (void)sscanf(copy, "%*u %*u %n%*s %*s%n %n%*s%n", &what, &what_end, &place, &end);
        if (end == 0)
                return -EBADMSG;
        r = take(copy + what, copy + what_end, ret_what);
        if (r >= 0)
                r = take(copy + place, copy + end, ret_place);
        if (r >= 0 && ret_place)
                unescape(*ret_place);
        return r;
}

int mount_list_find(const MountList *list, uint64_t id, char **ret_what, char **ret_place) {
        const char *next;
        char *end;

        assert(list && list->text);

        /* Of a line that is cut off nobody knows how the path goes on. */
        for (const char *line = list->text; (next = strchr(line, '\n')); line = next + 1)
                if (strtoull(line, &end, 10) == id && *end == ' ')
                        return take_line(line, (size_t)(next - line), ret_what, ret_place);
        return list->whole ? -ENOENT : -EAGAIN;
}
