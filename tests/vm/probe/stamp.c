/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * stamp: when a USB device was heard of, and when its node could be used, one line each:
 *
 *     kernel bus/usb/003/017 81234567890
 *
 * The last column is CLOCK_MONOTONIC in nanoseconds, the same for all on this machine. What it was is
 * "kernel" or "udev", the group of the message; or "node", /dev/bus/usb/NNN had it and it opened for writing.
 * The folders must be there when this starts; the first line is "ready".
 *
 *     stamp kernel udev          on the host
 *     stamp kernel node          in a container
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FOLDER      "/dev/bus/usb"
#define BUSES       128
#define UDEV_HEADER "libudev"
#define UDEV_OFFSET \
        16 /* of the offset of the properties: src/libsystemd/sd-device/device-monitor.c of systemd */
#define BUFFER_BYTES (8 * 1024 * 1024)

static uint64_t now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void say(const char *what, const char *name, uint64_t at) {
        printf("%s %s %llu\n", what, name, (unsigned long long)at);
        fflush(stdout);
}

static void fail(const char *what) {
        perror(what);
        exit(1);
}

static int listen_to(unsigned int groups) {
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
        const int size = BUFFER_BYTES;
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                fail("netlink");
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        return fd;
}

/* The value of a property among "KEY=VALUE" strings. */
static const char *find(const char *data, size_t size, const char *key) {
        size_t n = strlen(key);

        for (size_t i = 0; i < size; i += strlen(data + i) + 1)
                if (strncmp(data + i, key, n) == 0 && data[i + n] == '=')
                        return data + i + n + 1;
        return "";
}

static void take_message(int fd, const char *what) {
        char data[16384];
        ssize_t n = recv(fd, data, sizeof(data) - 1, 0);
        uint64_t at = now();
        const char *text = data, *name;
        uint32_t offset;

        if (n <= 0)
                return;
        data[n] = '\0';
        if (n > UDEV_OFFSET + 4 && strcmp(data, UDEV_HEADER) == 0) {
                memcpy(&offset, data + UDEV_OFFSET, sizeof(offset));
                text = data + (offset < n ? offset : 0);
        }
        n -= text - data;
        if (strcmp(find(text, (size_t)n, "ACTION"), "add") != 0 ||
            strcmp(find(text, (size_t)n, "DEVTYPE"), "usb_device") != 0)
                return;
        name = find(text, (size_t)n, "DEVNAME");
        say(what, strncmp(name, "/dev/", 5) == 0 ? name + 5 : name, at);
}

static int buses[BUSES + 1]; /* watch descriptors, which count from 1 */

static int watch_nodes(void) {
        int fd = inotify_init1(IN_CLOEXEC);

        if (fd < 0)
                fail("inotify");
        for (int bus = 1; bus <= BUSES; bus++) {
                char path[64];
                int watch;

                snprintf(path, sizeof(path), FOLDER "/%03d", bus);
                watch = inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO);
                if (watch > 0 && watch <= BUSES)
                        buses[watch] = bus;
        }
        return fd;
}

static void take_nodes(int fd) {
        char data[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
        ssize_t n = read(fd, data, sizeof(data));

        for (ssize_t i = 0; i < n;) {
                const struct inotify_event *event = (const struct inotify_event *)(data + i);
                char path[sizeof(FOLDER) + 32];
                int node;

                snprintf(path, sizeof(path), FOLDER "/%03d/%.8s",
                         event->wd > 0 && event->wd <= BUSES ? buses[event->wd] : 0,
                         event->len > 0 ? event->name : "");
                node = open(path, O_RDWR | O_CLOEXEC);
                say(node < 0 ? strerrorname_np(errno) : "node", path + strlen("/dev/"), now());
                if (node >= 0)
                        close(node);
                i += (ssize_t)(sizeof(*event) + event->len);
        }
}

int main(int argc, char **argv) {
        struct pollfd fds[8];
        int n = 0;

        for (int i = 1; i < argc && n < 8; i++)
                fds[n++] = (struct pollfd){.fd = strcmp(argv[i], "node") == 0   ? watch_nodes()
                                                 : strcmp(argv[i], "udev") == 0 ? listen_to(2)
                                                                                : listen_to(1),
                                           .events = POLLIN};
        puts("ready");
        fflush(stdout);
        while (poll(fds, (nfds_t)n, -1) > 0 || errno == EINTR)
                for (int i = 0; i < n; i++) {
                        if (!fds[i].revents)
                                continue;
                        if (strcmp(argv[i + 1], "node") == 0)
                                take_nodes(fds[i].fd);
                        else
                                take_message(fds[i].fd, argv[i + 1]);
                }
        return 1;
}
