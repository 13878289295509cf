/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * usbevents: what a program hears that has libusb tell it of devices, one line each:
 *
 *     come 18d1:4ee7 SIM0001
 *     gone 18d1:4ee7 SIM0001
 *
 * The node is opened for writing in the callback itself, nothing is waited for; the serial is asked of the
 * device as soon as libusb lets us, which is behind the callback. What fails stands in its place. The line
 * "ready" stands behind the devices that were there before.
 *
 * Linked to the system's libusb, which decides by what it was built with how it hears.
 */

#include <libusb-1.0/libusb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define DEVICES_MAX 64
#define SERIAL_MAX  128

/* A device has no serial any more when it has gone. */
typedef struct Seen {
        libusb_device *device;
        libusb_device_handle *handle; /* until the serial is asked for */
        struct libusb_device_descriptor descriptor;
        char serial[SERIAL_MAX];
} Seen;

static Seen seen[DEVICES_MAX];

/* Return: the one of @device, else a free one; NULL: there are too many. */
static Seen *seen_find(const libusb_device *device) {
        Seen *free_one = NULL;

        for (size_t i = 0; i < DEVICES_MAX; i++) {
                if (seen[i].device == device)
                        return &seen[i];
                if (!seen[i].device && !free_one)
                        free_one = &seen[i];
        }
        return free_one;
}

static void say(const char *what, const Seen *entry) {
        printf("%s %04x:%04x %s\n", what, entry->descriptor.idVendor, entry->descriptor.idProduct,
               entry->serial);
        fflush(stdout);
}

static void ask_serial(Seen *entry) {
        uint8_t index = entry->descriptor.iSerialNumber;
        int r = 0;

        if (index == 0)
                snprintf(entry->serial, SERIAL_MAX, "-");
        else
                r = libusb_get_string_descriptor_ascii(entry->handle, index, (unsigned char *)entry->serial,
                                                       SERIAL_MAX);
        if (r < 0)
                snprintf(entry->serial, SERIAL_MAX, "%s", libusb_error_name(r));
        libusb_close(entry->handle);
        entry->handle = NULL;
}

/* Of those that have come since the last call. */
static void ask_serials(void) {
        for (size_t i = 0; i < DEVICES_MAX; i++)
                if (seen[i].handle) {
                        ask_serial(&seen[i]);
                        say("come", &seen[i]);
                }
}

static int on_event(libusb_context *context, libusb_device *device, libusb_hotplug_event event,
                    void *userdata) {
        Seen *entry = seen_find(device);
        int r;

        (void)context;
        (void)userdata;
        if (!entry)
                return 0;
        if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED) {
                entry->device = device;
                (void)libusb_get_device_descriptor(device, &entry->descriptor);
                r = libusb_open(device, &entry->handle);
                if (r < 0) {
                        snprintf(entry->serial, SERIAL_MAX, "%s", libusb_error_name(r));
                        say("come", entry);
                }
        } else {
                say("gone", entry);
                *entry = (Seen){};
        }
        return 0;
}

static int fail(const char *what, int r) {
        fprintf(stderr, "usbevents: %s: %s\n", what, libusb_error_name(r));
        return EXIT_FAILURE;
}

int main(void) {
        int r;

        r = libusb_init(NULL);
        if (r < 0)
                return fail("libusb_init", r);
        r = libusb_hotplug_register_callback(
                NULL, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
                LIBUSB_HOTPLUG_ENUMERATE, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
                LIBUSB_HOTPLUG_MATCH_ANY, on_event, NULL, NULL);
        if (r < 0)
                return fail("libusb_hotplug_register_callback", r);
        ask_serials();
        puts("ready");
        fflush(stdout);
        do {
                r = libusb_handle_events(NULL);
                ask_serials();
        } while (r >= 0 || r == LIBUSB_ERROR_INTERRUPTED);
        return fail("libusb_handle_events", r);
}
