/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Places: which part of a devpath is the device, and how that device is named.
 *
 * Decided by the path alone, whole component by whole component, so that the same object gets the same answer
 * at every event, also at its removal, when nothing else is known of it. Names that users and devices choose
 * (interfaces, HID ids) must not read as a bus address: a component is a USB device only behind its root hub
 * or another USB device, and nothing behind a `net` folder counts.
 */

#include "config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "model/cdi-name.h"
#include "model/device.h"
#include "util/string.h"

typedef struct Component {
        const char *start;
        size_t size;
} Component;

/* Moves @component to the one behind it. Return: false at the end of the path, or where it is malformed. */
static bool component_next(Component *component) {
        const char *p = component->start + component->size;

        if (*p != '/')
                return false;
        component->start = p + 1;
        component->size = strcspn(p + 1, "/");
        return component->size > 0;
}

static bool component_is(const Component *component, const char *s) {
        return component->size == strlen(s) && memcmp(component->start, s, component->size) == 0;
}

static bool component_starts(const Component *component, const char *prefix) {
        return component->size >= strlen(prefix) && startswith(component->start, prefix);
}

/* Lengths of leading runs; a component ends in a slash or NUL, which is in neither set. */
static size_t decimals(const char *s) {
        return strspn(s, "0123456789");
}

static size_t hexadecimals(const char *s) {
        return strspn(s, "0123456789abcdef");
}

static bool is_root_hub(const Component *c) {
        size_t n;

        if (!component_starts(c, "usb"))
                return false;
        n = decimals(c->start + 3);
        return n > 0 && 3 + n == c->size;
}

/* "BUS-PORT.PORT…" on the bus of @hub. Another bus' numbering, such as i2c's "0-0050", looks alike. */
static bool is_usb_device(const Component *c, const Component *hub) {
        size_t n = hub->size - 3, at = n;

        if (c->size <= n || memcmp(c->start, hub->start + 3, n) != 0 || c->start[at] != '-')
                return false;
        do {
                n = decimals(c->start + at + 1);
                if (n == 0)
                        return false;
                at += 1 + n;
        } while (c->start[at] == '.');
        return at == c->size;
}

/* "DDDD:BB:DD.F"; the domain has more digits behind some host bridges. */
static bool is_pci_function(const Component *c) {
        size_t n = hexadecimals(c->start);
        const char *p = c->start + n;

        return n >= 4 && n <= 8 && c->size == n + 8 && p[0] == ':' && hexadecimals(p + 1) == 2 &&
               p[3] == ':' && hexadecimals(p + 4) == 2 && p[6] == '.' && p[7] >= '0' && p[7] <= '7';
}

/* "fe300000.mmc": how drivers/of/platform.c names what a device tree gives an address. */
static bool is_unit_address(const Component *c) {
        size_t n = hexadecimals(c->start);

        return n > 0 && n + 1 < c->size && c->start[n] == '.' && isalpha((unsigned char)c->start[n + 1]);
}

/* A device of Hyper-V's bus. */
static bool is_guid(const Component *c) {
        return c->size == 36 && c->start[8] == '-' && c->start[13] == '-' && c->start[18] == '-' &&
               c->start[23] == '-';
}

static void place_set(DevicePlace *place, const char *devpath, const char *prefix, const Component *from,
                      const Component *to) {
        *place = (DevicePlace){
                .prefix = prefix,
                .root_size = (size_t)(to->start + to->size - devpath),
                .place = from->start,
                .place_size = (size_t)(to->start + to->size - from->start),
        };
}

/* The deepest USB device, else the deepest PCI function. Return: 0; -ENODEV the path ends on a root hub;
 * -ENOENT neither is there. */
static int parse_bus(const char *devpath, Component c, DevicePlace *ret) {
        Component hub = {}, usb = {}, pci = {};
        bool behind_usb = false;

        do {
                if (component_is(&c, "net"))
                        break;
                if (behind_usb && is_usb_device(&c, &hub))
                        usb = c;
                else if (!usb.start && is_root_hub(&c)) {
                        hub = c;
                        behind_usb = true;
                } else {
                        behind_usb = false;
                        if (!hub.start && is_pci_function(&c))
                                pci = c;
                }
        } while (component_next(&c));

        if (usb.start)
                place_set(ret, devpath, "usb", &usb, &usb);
        else if (hub.start)
                return -ENODEV;
        else if (pci.start)
                place_set(ret, devpath, "pci", &pci, &pci);
        else
                return -ENOENT;
        return 0;
}

/* "HOST:CHANNEL:TARGET:LUN". */
static bool is_scsi_address(const Component *c) {
        const char *p = c->start;

        for (unsigned int i = 0; i < 4; i++) {
                size_t n = decimals(p);

                if (n == 0 || (i < 3 && p[n] != ':'))
                        return false;
                p += n + (i < 3);
        }
        return p == c->start + c->size;
}

/* A controller's disks are devices of their own: what is at a SATA port, or has a SCSI address below a folder
 * "targetHOST:CHANNEL:TARGET". Of a USB device they are parts. */
static void find_unit(const char *devpath, DevicePlace *place) {
        Component c = {.start = devpath + place->root_size}, before = {};

        while (component_next(&c) && !component_is(&c, "net")) {
                bool port = component_starts(&c, "ata") && c.size > 3 && decimals(c.start + 3) == c.size - 3;

                if (port || (before.start && component_starts(&before, "target") && is_scsi_address(&c))) {
                        place->unit = c.start;
                        place->unit_size = c.size;
                        place->root_size = (size_t)(c.start + c.size - devpath);
                        return;
                }
                before = c;
        }
}

/* @c is "virtual". */
static int parse_virtual(const char *devpath, Component c, DevicePlace *ret) {
        Component class, name, below;

        if (!component_next(&c))
                return -ENODEV;
        class = c;
        if (!component_next(&c))
                return -ENODEV;
        name = c;

        if (component_is(&class, "net")) {
                place_set(ret, devpath, "net", &name, &name);
                return 0;
        }
        /* No kernel objects: source/nvidia.c and source/nodes.c name them so. */
        if (component_is(&class, "mig") || component_is(&class, "node")) {
                place_set(ret, devpath, component_is(&class, "mig") ? "mig" : "node", &name, &name);
                return 0;
        }
        /* Likewise: source/cdi.c, with the name as model/cdi-name.c makes an id of it. */
        if (component_is(&class, "cdi")) {
                place_set(ret, devpath, "cdi", &name, &name);
                return 0;
        }

        /* Whoever holds /dev/uhid makes HID devices, a keyboard by radio for one: they are not /dev/uhid. */
        below = name;
        if (component_is(&class, "misc") && component_is(&name, "uhid") && component_next(&below) &&
            memchr(below.start, ':', below.size))
                place_set(ret, devpath, "virtual", &name, &below);
        else
                place_set(ret, devpath, "virtual", &class, &name);
        return 0;
}

/* The last of a chain of components behind @c, the first in any case, that are objects of the same bus: their
 * names are unique on it, so the last one's is enough. */
static int parse_chain(const char *devpath, Component c, const char *prefix, DevicePlace *ret) {
        bool acpi = streq(prefix, "acpi"), platform = streq(prefix, "platform");
        Component last;

        if (!acpi && !component_next(&c))
                return -ENODEV;
        last = c;
        while (component_next(&c)) {
                /* A serial port is "PARENT:0.1" below its controller "PARENT:0" below its parent. */
                bool child = c.size > last.size && c.start[last.size] == ':' &&
                             memcmp(c.start, last.start, last.size) == 0;
                bool port = c.size > last.size && c.start[last.size] == '.' &&
                            memcmp(c.start, last.start, last.size) == 0;

                if (!(platform && (is_unit_address(&c) || child || port)) &&
                    !(acpi && (memchr(c.start, ':', c.size) || is_guid(&c))))
                        break;
                last = c;
        }
        place_set(ret, devpath, prefix, &last, &last);
        return 0;
}

static int parse_root(const char *devpath, DevicePlace *ret) {
        Component c = {.start = devpath};
        int r;

        if (!component_next(&c) || !component_is(&c, "devices") || !component_next(&c))
                return -ENODEV;

        if (component_is(&c, "virtual"))
                return parse_virtual(devpath, c, ret);

        r = parse_bus(devpath, c, ret);
        if (r != -ENOENT)
                return r;

        if (component_is(&c, "platform"))
                return parse_chain(devpath, c, "platform", ret);
        if (component_is(&c, "faux"))
                return parse_chain(devpath, c, "faux", ret);
        if (component_starts(&c, "pnp") && decimals(c.start + 3) == c.size - 3)
                return parse_chain(devpath, c, "pnp", ret);
        if (component_starts(&c, "LNXSYSTM:"))
                return parse_chain(devpath, c, "acpi", ret);
        /* A host bridge with no function in the path; processors and memory. */
        if (component_starts(&c, "pci") || component_is(&c, "system"))
                return -ENODEV;
        place_set(ret, devpath, "other", &c, &c);
        return 0;
}

int device_place_parse(const char *devpath, DevicePlace *ret) {
        DevicePlace place;
        int r;

        assert(devpath && ret);

        r = parse_root(devpath, &place);
        if (r < 0)
                return r;
        if (!streq(place.prefix, "usb"))
                find_unit(devpath, &place);
        *ret = place;
        return 0;
}

/* The place as one component of a path. */
static int place_component(const DevicePlace *place, char ret[static DEVICE_ID_MAX]) {
        int n;

        n = snprintf(ret, DEVICE_ID_MAX, "%.*s%s%.*s", (int)MIN(place->place_size, DEVICE_ID_MAX),
                     place->place, place->unit_size > 0 ? "-" : "", (int)MIN(place->unit_size, DEVICE_ID_MAX),
                     place->unit ?: "");
        if (n < 0 || n >= DEVICE_ID_MAX)
                return -ENAMETOOLONG;
        for (char *p = ret; *p; p++)
                if (*p == '/')
                        *p = '-';
        return 0;
}

int device_place_text(const DevicePlace *place, char ret[static DEVICE_ID_MAX]) {
        int r;

        assert(place && ret);

        r = place_component(place, ret);
        if (r >= 0 && streq(place->prefix, "cdi"))
                cdi_name_from_component(ret);
        return r;
}

int device_place_id(const DevicePlace *place, char ret[static DEVICE_ID_MAX]) {
        char text[DEVICE_ID_MAX], id[DEVICE_ID_MAX];
        int n, r;

        r = place_component(place, text);
        if (r < 0)
                return r;
        n = snprintf(id, sizeof(id), "%s-%s", place->prefix, text);
        if (n < 0 || (size_t)n >= sizeof(id))
                return -ENAMETOOLONG;
        return string_to_component(id, ret, DEVICE_ID_MAX);
}
