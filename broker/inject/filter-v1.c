/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The device filter on the v1 devices controller.
 *
 * Its rules (Linux, security/device_cgroup.c): a new folder copies its parent's list; what is denied is
 * denied for all folders below too; what is allowed is allowed for the one folder alone, and only where the
 * parent allows it. So an allow is written to our folder, then to the container's own and to all below it,
 * parents first; a deny to ours alone. The container cannot change any of the lists: the kernel asks for
 * CAP_SYS_ADMIN of the host.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject/filter-internal.h"
#include "util/fd.h"
#include "util/string.h"

/* "c MAJOR:MINOR rwm" */
#define LINE_SIZE 64

#define ACCESS_ALL 0U /* refused: nothing */

/* devices.list is one page (or a few): far above what 4096 lines take. */
#define LIST_MAX (1024U * 1024U)

static const char *line_of(const FilterRight *right, unsigned int refused, char buffer[static LINE_SIZE]) {
        const char *read = refused & EDIT_READ ? "" : "r", *write = refused & EDIT_WRITE ? "" : "w";

        if (right->minor == FILTER_ANY)
                snprintf(buffer, LINE_SIZE, "%c %u:* %s%sm", right->type, right->major, read, write);
        else
                snprintf(buffer, LINE_SIZE, "%c %u:%u %s%sm", right->type, right->major, right->minor, read,
                         write);
        return buffer;
}

static int v1_create(int folder_fd) {
        char line[LINE_SIZE];
        int r;

        r = fd_write_string(folder_fd, "devices.deny", "a");
        if (r < 0)
                return r;
        /* Making nodes is refused by the user namespace; programs probe for it. */
        if ((r = fd_write_string(folder_fd, "devices.allow", "c *:* m")) < 0 ||
            (r = fd_write_string(folder_fd, "devices.allow", "b *:* m")) < 0)
                return r;
        for (size_t i = 0; i < filter_n_standard; i++) {
                r = fd_write_string(folder_fd, "devices.allow",
                                    line_of(&filter_standard[i], ACCESS_ALL, line));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int v1_open(int folder_fd) {
        _cleanup_free_ char *list = NULL;
        int r, fd;

        r = fd_read_file(folder_fd, "devices.list", LIST_MAX, &list, NULL);
        if (r < 0)
                return r;
        /* Made by liblxc beside a folder of ours in another hierarchy: everything is allowed. */
        if (startswith(list, "a "))
                return -ENOENT;
        fd = fcntl(folder_fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? -errno : fd;
}

static int write_allow(int folder_fd, void *userdata) {
        int r = fd_write_string(folder_fd, "devices.allow", userdata);

        /* The container removed that folder meanwhile. */
        return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int v1_deny(int folder_fd, const FilterRight *right) {
        char line[LINE_SIZE];

        return fd_write_string(folder_fd, "devices.deny", line_of(right, ACCESS_ALL, line));
}

static int v1_allow(int folder_fd, const FilterRight *right) {
        char line[LINE_SIZE];
        int r;

        line_of(right, right->refused, line);
        r = cgroup_walk(folder_fd, write_allow, line);
        if (r < 0)
                (void)v1_deny(folder_fd, right);
        return r;
}

/* Return: 1 a right to open one number; 0 something else. */
static int parse_line(const char *line, FilterRight *ret) {
        char minor[16], access[8];
        uint64_t value;
        FilterRight right;

        if (sscanf(line, "%c %u:%15[0-9*] %7s", &right.type, &right.major, minor, access) != 4 ||
            (right.type != 'c' && right.type != 'b') || streq(access, "m") ||
            string_to_u64(minor, 10, UINT32_MAX - 1, &value) < 0)
                return 0;
        right.minor = (uint32_t)value;
        right.refused = (strchr(access, 'r') ? 0 : EDIT_READ) | (strchr(access, 'w') ? 0 : EDIT_WRITE);
        *ret = right;
        return 1;
}

static int v1_read(int folder_fd, int (*found)(const FilterRight *right, void *userdata), void *userdata) {
        _cleanup_free_ char *list = NULL;
        char *save = NULL;
        int r;

        r = fd_read_file(folder_fd, "devices.list", LIST_MAX, &list, NULL);
        if (r < 0)
                return r;
        for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                FilterRight right;

                if (!parse_line(line, &right) || filter_right_is_standard(&right))
                        continue;
                r = found(&right, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

const FilterDriver filter_driver_v1 = {
        .hierarchy = CGROUP_DEVICES,
        .create = v1_create,
        .open = v1_open,
        .allow = v1_allow,
        .deny = v1_deny,
        .read = v1_read,
};
