/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who a USB device is, where no udevd says so.
 *
 * The kernel's own event has the ids (as PRODUCT=) but neither serial nor names: those are attributes of the
 * device. They are strings that the kernel fetched when the device came, so that reading them does no I/O
 * with the device. They are spelled as udev spells them, so that a policy matches the same with and without
 * udevd.
 */

#include "config.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "source/identity.h"
#include "source/sysfs.h"
#include "util/string.h"

/* A USB string descriptor has 126 UTF-16 units at most, each up to three bytes of UTF-8. */
#define USB_STRING_SIZE 384

/* Length of the well-formed multi-byte UTF-8 sequence at @s, 0 where there is none. */
static size_t utf8_multibyte(const unsigned char *s) {
        size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                   : (s[0] & 0xf0) == 0xe0        ? 3
                   : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                  : 0;

        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

char *identity_spell(const char *s, char *buffer, size_t size) {
        const unsigned char *p = (const unsigned char *)s;
        size_t at = 0;

        assert(size > 0);

        while (isspace(*p))
                p++;
        while (*p) {
                size_t n = utf8_multibyte(p);

                if (at + MAX(n, 1U) >= size)
                        break;
                if (isspace(*p)) {
                        while (isspace(*p))
                                p++;
                        if (*p)
                                buffer[at++] = '_';
                } else if (n > 0) {
                        memcpy(buffer + at, p, n);
                        at += n;
                        p += n;
                } else {
                        bool plain = isascii(*p) && (isalnum(*p) || strchr("#+-.:=@_", *p));

                        buffer[at++] = plain ? (char)*p : '_';
                        p++;
                }
        }
        buffer[at] = '\0';
        return buffer;
}

/* udev passes over a serial which has other than printable ASCII or a comma: such a one is no identity
 * (systemd, src/udev/udev-builtin-usb_id.c). */
static bool serial_sane(const char *serial) {
        for (; *serial; serial++)
                if (*serial < 0x20 || *serial > 0x7e || *serial == ',')
                        return false;
        return true;
}

static int complete_one(Uevent *event, const char *key, const char *attribute) {
        char raw[USB_STRING_SIZE], value[USB_STRING_SIZE];

        if (property_list_get(&event->properties, key))
                return 0;
        if (sysfs_reader.read(sysfs_reader.userdata, uevent_devpath(event), attribute, raw, sizeof(raw)) < 0)
                return 0;
        if (streq(attribute, "serial") && !serial_sane(raw))
                return 0;
        identity_spell(raw, value, sizeof(value));
        return string_empty(value) ? 0 : property_list_set(&event->properties, key, value);
}

int identity_complete(Uevent *event) {
        static const struct {
                const char *key, *attribute;
        } table[] = {
                {"ID_VENDOR_ID", "idVendor"}, {"ID_MODEL_ID", "idProduct"},  {"ID_VENDOR", "manufacturer"},
                {"ID_MODEL", "product"},      {"ID_SERIAL_SHORT", "serial"},
        };
        const char *type = property_list_get(&event->properties, "DEVTYPE");

        if (event->action == UEVENT_REMOVE || event->action == UEVENT_UNBIND || !type ||
            !streq(type, "usb_device"))
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                int r = complete_one(event, table[i].key, table[i].attribute);

                if (r < 0)
                        return r;
        }
        return 0;
}
