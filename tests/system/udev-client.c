/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A program on libudev, the real one, to be run inside a container: what it is told by events, and what it
 * finds when it asks.
 *
 *     udev-client monitor [TAG]      prints "ready", then each event, and what is known of its device by then
 *     udev-client info c|b MAJOR:MINOR
 *     udev-client list [subsystem=S|tag=T|property=KEY=VALUE]...      nodes, one a line
 *
 * A device is printed as "NODE initialized=0|1 links=… tags=… KEY=VALUE…", its properties in order.
 */

#define _GNU_SOURCE 1

#include <libudev.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static void print_names(const char *title, struct udev_list_entry *entries) {
        const char *comma = "";
        struct udev_list_entry *entry;

        printf(" %s=", title);
        udev_list_entry_foreach(entry, entries) {
                printf("%s%s", comma, udev_list_entry_get_name(entry));
                comma = ",";
        }
}

static void print_device(struct udev_device *device) {
        const char *node = udev_device_get_devnode(device);
        struct udev_list_entry *entry;

        printf("%s initialized=%d", node ? node : udev_device_get_syspath(device),
               udev_device_get_is_initialized(device) > 0);
        print_names("links", udev_device_get_devlinks_list_entry(device));
        print_names("tags", udev_device_get_tags_list_entry(device));
        udev_list_entry_foreach(entry, udev_device_get_properties_list_entry(device))
                printf(" %s=%s", udev_list_entry_get_name(entry), udev_list_entry_get_value(entry));
}

/* What is known of the device by who asks now. */
static void print_asked(struct udev *udev, struct udev_device *told) {
        dev_t number = udev_device_get_devnum(told);
        const char *subsystem = udev_device_get_subsystem(told);
        struct udev_device *device =
                number ? udev_device_new_from_devnum(
                                 udev, subsystem && strcmp(subsystem, "block") == 0 ? 'b' : 'c', number)
                       : udev_device_new_from_syspath(udev, udev_device_get_syspath(told));

        printf(" asked: ");
        if (!device) {
                printf("nothing");
                return;
        }
        print_device(device);
        udev_device_unref(device);
}

static int do_monitor(struct udev *udev, char **argv) {
        struct udev_monitor *monitor = udev_monitor_new_from_netlink(udev, "udev");
        struct pollfd poll_fd = {.events = POLLIN};

        if (!monitor || (argv[0] && udev_monitor_filter_add_match_tag(monitor, argv[0]) < 0) ||
            udev_monitor_enable_receiving(monitor) < 0) {
                perror("udev_monitor");
                return 1;
        }
        poll_fd.fd = udev_monitor_get_fd(monitor);
        setvbuf(stdout, NULL, _IOLBF, 0);
        puts("ready");
        while (poll(&poll_fd, 1, -1) >= 0) {
                struct udev_device *device = udev_monitor_receive_device(monitor);

                if (!device)
                        continue;
                printf("event %s ", udev_device_get_action(device));
                print_device(device);
                print_asked(udev, device);
                putchar('\n');
                udev_device_unref(device);
        }
        return 1;
}

static int do_info(struct udev *udev, char **argv) {
        unsigned int major_number, minor_number;
        struct udev_device *device;

        if (!argv[0] || !argv[1] || sscanf(argv[1], "%u:%u", &major_number, &minor_number) != 2)
                return 2;
        device = udev_device_new_from_devnum(udev, argv[0][0], makedev(major_number, minor_number));
        if (!device) {
                perror("udev_device_new_from_devnum");
                return 1;
        }
        print_device(device);
        putchar('\n');
        udev_device_unref(device);
        return 0;
}

static int add_match(struct udev_enumerate *enumerate, char *match) {
        char *value = strchr(match, '='), *equals;

        if (!value)
                return -1;
        *value++ = '\0';
        if (strcmp(match, "subsystem") == 0)
                return udev_enumerate_add_match_subsystem(enumerate, value);
        if (strcmp(match, "tag") == 0)
                return udev_enumerate_add_match_tag(enumerate, value);
        equals = strchr(value, '=');
        if (strcmp(match, "property") != 0 || !equals)
                return -1;
        *equals = '\0';
        return udev_enumerate_add_match_property(enumerate, value, equals + 1);
}

static int do_list(struct udev *udev, char **argv) {
        struct udev_enumerate *enumerate = udev_enumerate_new(udev);
        struct udev_list_entry *entry;

        for (; *argv; argv++)
                if (add_match(enumerate, *argv) < 0)
                        return 2;
        if (udev_enumerate_add_match_is_initialized(enumerate) < 0 ||
            udev_enumerate_scan_devices(enumerate) < 0) {
                perror("udev_enumerate");
                return 1;
        }
        udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(enumerate)) {
                struct udev_device *device =
                        udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
                const char *node = device ? udev_device_get_devnode(device) : NULL;

                puts(node ? node : udev_list_entry_get_name(entry));
                if (device)
                        udev_device_unref(device);
        }
        udev_enumerate_unref(enumerate);
        return 0;
}

int main(int argc, char **argv) {
        struct udev *udev = udev_new();

        if (udev && argc > 1 && strcmp(argv[1], "monitor") == 0)
                return do_monitor(udev, argv + 2);
        if (udev && argc > 1 && strcmp(argv[1], "info") == 0)
                return do_info(udev, argv + 2);
        if (udev && argc > 1 && strcmp(argv[1], "list") == 0)
                return do_list(udev, argv + 2);
        fputs("usage: udev-client monitor [TAG] | info c|b MAJOR:MINOR | list [MATCH]...\n", stderr);
        return 2;
}
