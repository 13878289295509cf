/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's virtual USB controllers, vhci_hcd: made for devices that are reached by a network, they take
 * any stream socket. As Debian configures them there are eight, each with a hub of 15 high speed ports and
 * one of 15 super speed ports; all are driven by the files of the first.
 *
 * The kernel numbers the ports of a controller 0 to 14 (high) and 15 to 29 (super), and goes on with the next
 * one's; the attach file wants a super speed port without the 15 on top, the detach file with it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "phonesim/vhci.h"

#define FOLDER      "/sys/devices/platform/vhci_hcd.0/"
#define CONTROLLERS 8
#define HUB_PORTS   (VHCI_PORTS / CONTROLLERS)

#define STATUS_FREE 4 /* VDEV_ST_NULL */

static unsigned int kernel_port(unsigned int port) {
        return port % CONTROLLERS * 2 * HUB_PORTS + port / CONTROLLERS;
}

static unsigned int on_hub(Speed speed) {
        return speed == SPEED_SUPER ? HUB_PORTS : 0;
}

static int write_file(const char *path, const char *text) {
        int fd, r = 0;

        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, text, strlen(text)) < 0)
                r = -errno;
        close(fd);
        return r;
}

bool vhci_is_there(void) {
        return access(FOLDER "attach", W_OK) == 0;
}

bool vhci_port_is_free(unsigned int port, Speed speed) {
        unsigned int wanted = kernel_port(port) + on_hub(speed), controller = port % CONTROLLERS;
        char path[128], line[256], hub[8];
        int number, status, found = STATUS_FREE;
        FILE *file;

        if (controller == 0)
                snprintf(path, sizeof(path), FOLDER "status");
        else
                snprintf(path, sizeof(path), FOLDER "status.%u", controller);
        file = fopen(path, "re");
        if (!file)
                return false;
        while (fgets(line, sizeof(line), file))
                if (sscanf(line, "%7s %d %d", hub, &number, &status) == 3 && number == (int)wanted)
                        found = status;
        fclose(file);
        return found == STATUS_FREE;
}

int vhci_attach(unsigned int port, Speed speed, int fd) {
        char text[64];

        /* The kernel is some time at it after a detach. */
        for (unsigned int i = 0; i < 100 && !vhci_port_is_free(port, speed); i++)
                usleep(20000);
        snprintf(text, sizeof(text), "%u %d %u %u", kernel_port(port), fd, 0x10000 + port + 1,
                 (unsigned int)speed);
        return write_file(FOLDER "attach", text);
}

void vhci_detach(unsigned int port, Speed speed) {
        char text[16];

        snprintf(text, sizeof(text), "%u", kernel_port(port) + on_hub(speed));
        (void)write_file(FOLDER "detach", text);
}
