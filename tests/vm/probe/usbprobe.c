/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * usbprobe: what the USB devices in this container's /dev say of themselves, one line each:
 *
 *     /dev/bus/usb/003/002 18d1:4ee7 SIM0001
 *
 * The serial is asked of the device itself, through the node and for writing: a node that is there, that
 * opens and that is the right one is all that a program needs. What fails stands in place of the serial.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FOLDER          "/dev/bus/usb"
#define GET_DESCRIPTOR  6
#define TYPE_STRING     3
#define ENGLISH         0x0409
#define TIMEOUT_MS      5000
#define OFFSET_VENDOR   8
#define OFFSET_PRODUCT  10
#define OFFSET_SERIAL   16
#define DESCRIPTOR_SIZE 18

static int read_string(int fd, uint8_t index, char text[static 128]) {
        uint8_t data[255] = {};
        struct usbdevfs_ctrltransfer request = {
                .bRequestType = 0x80,
                .bRequest = GET_DESCRIPTOR,
                .wValue = TYPE_STRING << 8 | index,
                .wIndex = ENGLISH,
                .wLength = sizeof(data),
                .timeout = TIMEOUT_MS,
                .data = data,
        };
        int size = ioctl(fd, USBDEVFS_CONTROL, &request);

        if (size < 0)
                return -errno;
        for (int i = 2, n = 0; i + 1 < size; i += 2) {
                text[n++] = data[i] > ' ' && data[i] < 0x7f ? (char)data[i] : '?';
                text[n] = '\0';
        }
        return 0;
}

static void probe(const char *path) {
        uint8_t descriptor[DESCRIPTOR_SIZE];
        char text[128] = "-";
        int fd, r;

        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
                printf("%s %s\n", path, strerrorname_np(errno));
                return;
        }
        if (read(fd, descriptor, sizeof(descriptor)) != sizeof(descriptor)) {
                printf("%s %s\n", path, strerrorname_np(errno));
        } else {
                r = descriptor[OFFSET_SERIAL] ? read_string(fd, descriptor[OFFSET_SERIAL], text) : 0;
                printf("%s %02x%02x:%02x%02x %s\n", path, descriptor[OFFSET_VENDOR + 1],
                       descriptor[OFFSET_VENDOR], descriptor[OFFSET_PRODUCT + 1], descriptor[OFFSET_PRODUCT],
                       r < 0 ? strerrorname_np(-r) : text);
        }
        close(fd);
}

static void each(const char *folder, void (*work)(const char *path)) {
        struct dirent **entries;
        char path[1024];
        int n;

        n = scandir(folder, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                if (entries[i]->d_name[0] != '.') {
                        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
                        work(path);
                }
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
}

static void probe_bus(const char *folder) {
        each(folder, probe);
}

int main(void) {
        each(FOLDER, probe_bus);
        return 0;
}
