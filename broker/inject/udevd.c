/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Is there a udevd inside? It listens on the socket /run/udev/control, and the kernel lists the sockets of a
 * network namespace with the paths that they were bound to: so that no path of the container is walked. The
 * list is held open, and stays that of the namespace whatever becomes of the process. It hears the kernel on
 * a socket that systemd opens for it beside that one, and that the kernel lists as well.
 *
 * A container can fake or hide the line; it then misleads its own programs alone. It can also make the list
 * long: a look ends after a bounded number of lines, and is taken once a second at most.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "inject/udevd.h"
#include "model/uevent.h"
#include "util/string.h"

#define CONTROL_SOCKET "/run/udev/control"
#define LINES_MAX      4096
#define VALID_NS       UINT64_C(1000000000)

struct UdevdProbe {
        FILE *sockets;      /* net/unix */
        FILE *listeners;    /* net/netlink */
        uint64_t looked_at; /* CLOCK_MONOTONIC_COARSE, ns; 0 never */
        bool running;
};

static int open_list(pid_t pid, const char *name, FILE **ret) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
        *ret = fopen(path, "re");
        return *ret ? 0 : negative_errno(EIO);
}

int udevd_probe_open(pid_t init_pid, UdevdProbe **ret) {
        _cleanup_(udevd_probe_closep) UdevdProbe *probe = NULL;
        int r;

        assert(ret);

        probe = calloc(1, sizeof(*probe));
        if (!probe)
                return -ENOMEM;
        r = open_list(init_pid, "unix", &probe->sockets);
        if (r >= 0)
                r = open_list(init_pid, "netlink", &probe->listeners);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(probe);
        return 0;
}

UdevdProbe *udevd_probe_close(UdevdProbe *probe) {
        if (probe) {
                if (probe->sockets)
                        fclose(probe->sockets);
                if (probe->listeners)
                        fclose(probe->listeners);
                free(probe);
        }
        return NULL;
}

/* "NUM: REFS PROTOCOL FLAGS TYPE STATE INODE PATH" */
static bool is_control_socket(const char *line, size_t n) {
        const size_t n_path = strlen(" " CONTROL_SOCKET);

        return n > n_path && memcmp(line + n - n_path, " " CONTROL_SOCKET, n_path) == 0;
}

/* "SK PROTOCOL PORT GROUPS …", the groups in hexadecimal; net/netlink/af_netlink.c of the kernel */
static bool is_kernel_listener(const char *line, _unused_ size_t n) {
        unsigned int protocol, groups;

        return sscanf(line, "%*s %u %*s %x", &protocol, &groups) == 2 && protocol == NETLINK_KOBJECT_UEVENT &&
               groups & UEVENT_GROUP_KERNEL;
}

/* Whether @is_it says so of any line. */
static bool look(FILE *list, bool (*is_it)(const char *line, size_t n)) {
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0;

        rewind(list);
        for (unsigned int i = 0; i < LINES_MAX; i++) {
                ssize_t n = getline(&line, &allocated, list);

                if (n <= 0)
                        break;
                if (is_it(line, (size_t)n - (line[n - 1] == '\n')))
                        return true;
        }
        return false;
}

bool udevd_probe_is_running(UdevdProbe *probe) {
        struct timespec now = {};
        uint64_t at;

        assert(probe);

        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        at = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
        if (probe->looked_at == 0 || at - probe->looked_at >= VALID_NS) {
                probe->running = look(probe->sockets, is_control_socket);
                probe->looked_at = at;
        }
        return probe->running;
}

bool udevd_probe_listens(UdevdProbe *probe) {
        assert(probe);

        return look(probe->sockets, is_control_socket) && look(probe->listeners, is_kernel_listener);
}
