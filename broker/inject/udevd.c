/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Is there a udevd inside? It listens on the socket /run/udev/control, and the kernel lists the sockets of a
 * network namespace with the paths that they were bound to: so that no path of the container is walked. The
 * list is held open, and stays that of the namespace whatever becomes of the process.
 *
 * A container can fake or hide the line; it then misleads its own programs alone. It can also make the list
 * long: a look ends after a bounded number of lines, and is taken once a second at most.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "inject/udevd.h"
#include "util/string.h"

#define CONTROL_SOCKET "/run/udev/control"
#define LINES_MAX      16384
#define VALID_NS       UINT64_C(1000000000)

struct UdevdProbe {
        FILE *sockets;
        uint64_t looked_at; /* CLOCK_MONOTONIC_COARSE, ns; 0 never */
        bool running;
};

int udevd_probe_open(pid_t init_pid, UdevdProbe **ret) {
        _cleanup_(udevd_probe_closep) UdevdProbe *probe = NULL;
        char path[sizeof("/proc//net/unix") + 11];

        assert(ret);

        probe = calloc(1, sizeof(*probe));
        if (!probe)
                return -ENOMEM;
        snprintf(path, sizeof(path), "/proc/%d/net/unix", (int)init_pid);
        probe->sockets = fopen(path, "re");
        if (!probe->sockets)
                return negative_errno(EIO);
        *ret = TAKE_PTR(probe);
        return 0;
}

UdevdProbe *udevd_probe_close(UdevdProbe *probe) {
        if (probe) {
                if (probe->sockets)
                        fclose(probe->sockets);
                free(probe);
        }
        return NULL;
}

/* "NUM: REFS PROTOCOL FLAGS TYPE STATE INODE PATH" */
static bool is_control_socket(const char *line, size_t n) {
        const size_t n_path = strlen(" " CONTROL_SOCKET);

        return n > n_path && memcmp(line + n - n_path, " " CONTROL_SOCKET, n_path) == 0;
}

static bool look(FILE *sockets) {
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0;

        rewind(sockets);
        for (unsigned int i = 0; i < LINES_MAX; i++) {
                ssize_t n = getline(&line, &allocated, sockets);

                if (n <= 0)
                        break;
                if (is_control_socket(line, (size_t)n - (line[n - 1] == '\n')))
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
                probe->running = look(probe->sockets);
                probe->looked_at = at;
        }
        return probe->running;
}
