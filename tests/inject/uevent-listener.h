/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Listeners for uevents, called inside a stand-in container. The child keeps them in its own memory between
 * the calls. */

#include <libudev.h>
#include <linux/netlink.h>
#include <poll.h>

#include "inject/inside.h"
#include "util/cleanup.h"
#include "util/string.h"

#define LISTEN_TIMEOUT_MS 5000

static int listener_fd = -EBADF;
static struct udev_monitor *listener_monitor;

/* @groups: a bit mask, as text. */
static inline int do_listen(const char *groups) {
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = (unsigned int)atoi(groups)};
        const int on = 1;

        listener_fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        if (listener_fd < 0 || bind(listener_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            setsockopt(listener_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return errno;
        return 0;
}

/* Writes what came as "group=G port=kernel|user uid=U TEXT", NULs as bars, udev's header and the SEQNUM left
 * out. */
static inline int listener_receive(char *ret, size_t size, int timeout_ms) {
        struct pollfd poll_fd = {.fd = listener_fd, .events = POLLIN};
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        char data[16384], text[16384];
        struct sockaddr_nl from;
        struct iovec part = {data, sizeof(data) - 1};
        struct msghdr message = {&from, sizeof(from), &part, 1, &control, sizeof(control), 0};
        struct ucred sender;
        size_t skip = 0;
        char *seqnum;
        ssize_t n;

        if (poll(&poll_fd, 1, timeout_ms) <= 0)
                return ETIMEDOUT;
        n = recvmsg(listener_fd, &message, 0);
        if (n < 0)
                return errno;
        if (!CMSG_FIRSTHDR(&message))
                return ENOMSG;
        memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
        data[n] = '\0';
        if (from.nl_groups == 2)
                skip = 40;
        for (ssize_t i = 0; i < n - (ssize_t)skip; i++)
                text[i] = data[skip + (size_t)i] ?: '|';
        text[n - (ssize_t)skip] = '\0';
        seqnum = strstr(text, "|SEQNUM=");
        if (seqnum)
                seqnum[1] = '\0';
        snprintf(ret, size, "group=%u port=%s uid=%u %s", from.nl_groups,
                 from.nl_pid == 0 ? "kernel" : "user", sender.uid, text);
        return 0;
}

/* Waits for a message and compares it. Return: 0 it is @expected; EBADMSG another. */
static inline int do_expect(const char *expected) {
        char text[17000];
        int r = listener_receive(text, sizeof(text), LISTEN_TIMEOUT_MS);

        if (r == 0 && !streq(text, expected)) {
                fprintf(stderr, "got  %s\nwant %s\n", text, expected);
                r = EBADMSG;
        }
        return r;
}

/* Nothing has come. What is sent from the same machine arrives within the sending call. */
static inline int do_expect_nothing(_unused_ const char *argument) {
        char text[17000];

        return listener_receive(text, sizeof(text), 0) == ETIMEDOUT ? 0 : EBADMSG;
}

/* libudev as programs use it. @subsystem goes into its socket filter. */
static inline int do_monitor(const char *subsystem) {
        struct udev *udev = udev_new();

        listener_monitor = udev ? udev_monitor_new_from_netlink(udev, "udev") : NULL;
        if (!listener_monitor ||
            udev_monitor_filter_add_match_subsystem_devtype(listener_monitor, subsystem, NULL) < 0 ||
            udev_monitor_enable_receiving(listener_monitor) < 0)
                return EIO;
        return 0;
}

/* Waits for a device of libudev, written "ACTION DEVPATH SUBSYSTEM DEVNODE SERIAL". */
static inline int do_expect_device(const char *expected) {
        struct pollfd poll_fd = {.fd = udev_monitor_get_fd(listener_monitor), .events = POLLIN};
        struct udev_device *device;
        char text[PATH_MAX];
        int r;

        if (poll(&poll_fd, 1, LISTEN_TIMEOUT_MS) <= 0)
                return ETIMEDOUT;
        device = udev_monitor_receive_device(listener_monitor);
        if (!device)
                return ENOMSG;
        snprintf(text, sizeof(text), "%s %s %s %s %s", udev_device_get_action(device),
                 udev_device_get_devpath(device), udev_device_get_subsystem(device),
                 udev_device_get_devnode(device), udev_device_get_property_value(device, "ID_SERIAL_SHORT"));
        r = streq(text, expected) ? 0 : EBADMSG;
        if (r != 0)
                fprintf(stderr, "got  %s\nwant %s\n", text, expected);
        udev_device_unref(device);
        return r;
}

/* libudev listens to nobody where neither udevd's control socket is nor a devtmpfs on /dev. */
static inline bool libudev_would_listen(void) {
        FILE *f = fopen("/proc/self/mountinfo", "re");
        char *line = NULL;
        size_t allocated = 0;
        bool found = access("/run/udev/control", F_OK) == 0;

        while (f && !found && getline(&line, &allocated, f) > 0)
                found = strstr(line, " /dev ") && strstr(line, " - devtmpfs ");
        free(line);
        if (f)
                fclose(f);
        return found;
}
