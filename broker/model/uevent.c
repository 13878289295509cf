/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The two forms of a uevent message. Whoever may send on the host's socket is root there, but the text in
 * between is a device's, and a sender inside a container is nobody: lengths are checked before anything is
 * read.
 */

#include "config.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>

#include "model/uevent.h"
#include "util/string.h"

static const char *const action_names[UEVENT_ACTION_MAX] = {
        [UEVENT_ADD] = "add",   [UEVENT_REMOVE] = "remove", [UEVENT_CHANGE] = "change",
        [UEVENT_MOVE] = "move", [UEVENT_ONLINE] = "online", [UEVENT_OFFLINE] = "offline",
        [UEVENT_BIND] = "bind", [UEVENT_UNBIND] = "unbind",
};

const char *uevent_action_to_string(UeventAction action) {
        return action >= 0 && action < UEVENT_ACTION_MAX ? action_names[action] : NULL;
}

UeventAction uevent_action_from_string(const char *s) {
        return (UeventAction)string_table_find(action_names, UEVENT_ACTION_MAX, s);
}

/* The header of udev's form: systemd, struct monitor_netlink_header. Offsets and lengths are in the byte
 * order of the machine, the rest in network order. */
typedef struct UdevHeader {
        char prefix[8];
        uint32_t magic;
        uint32_t header_size;
        uint32_t properties_offset;
        uint32_t properties_size;
        uint32_t subsystem_hash;
        uint32_t devtype_hash;
        uint32_t tag_bloom_high;
        uint32_t tag_bloom_low;
} UdevHeader;

#define UDEV_PREFIX "libudev"
#define UDEV_MAGIC  0xfeedcafeU

void uevent_deinit(Uevent *event) {
        property_list_deinit(&event->properties);
        *event = UEVENT_NULL;
}

static const char *event_value(const Uevent *event, const char *key) {
        const char *value = property_list_get(&event->properties, key);

        return string_empty(value) ? NULL : value;
}

const char *uevent_devpath(const Uevent *event) {
        return event_value(event, "DEVPATH");
}

const char *uevent_subsystem(const Uevent *event) {
        return event_value(event, "SUBSYSTEM");
}

static bool devpath_is_valid(const char *devpath) {
        if (devpath[0] != '/')
                return false;
        for (const char *p = devpath; *p; p += strcspn(p, "/")) {
                p++;
                if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
                        return false;
        }
        return true;
}

/* Finds the properties of udev's form. */
static int decode_udev(const char *data, size_t size, const char **ret_text, size_t *ret_size) {
        UdevHeader header;

        if (size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        if (memcmp(header.prefix, UDEV_PREFIX, sizeof(header.prefix)) != 0)
                return -EBADMSG;
        if (be32toh(header.magic) != UDEV_MAGIC)
                return -EOPNOTSUPP;
        if (header.properties_offset < sizeof(header) || header.properties_offset > size ||
            header.properties_size > size - header.properties_offset)
                return -EBADMSG;
        *ret_text = data + header.properties_offset;
        *ret_size = header.properties_size;
        return 0;
}

/* Finds the properties of the kernel's form, behind "ACTION@DEVPATH". */
static int decode_kernel(const char *data, size_t size, const char **ret_text, size_t *ret_size) {
        size_t title = strnlen(data, size);

        if (title == size || !memchr(data, '@', title))
                return -EBADMSG;
        *ret_text = data + title + 1;
        *ret_size = size - title - 1;
        return 0;
}

/* The kernel says action and path twice; where they differ it was not the kernel. */
static bool title_agrees(const char *title, const Uevent *event) {
        const char *path = startswith(title, property_list_get(&event->properties, "ACTION"));

        return path && *path == '@' && streq(path + 1, uevent_devpath(event));
}

int uevent_decode(const void *data, size_t size, UeventGroup group, Uevent *event) {
        _cleanup_(uevent_deinit) Uevent decoded = UEVENT_NULL;
        const char *text, *action;
        size_t n;
        int r;

        assert((data || size == 0) && event && event->properties.size == 0);

        if (size > UEVENT_MESSAGE_MAX)
                return -E2BIG;
        if (size == 0)
                return -EBADMSG;
        r = group == UEVENT_GROUP_UDEV ? decode_udev(data, size, &text, &n)
                                       : decode_kernel(data, size, &text, &n);
        if (r < 0)
                return r;
        r = property_list_append(&decoded.properties, text, n);
        if (r < 0)
                return r;

        action = event_value(&decoded, "ACTION");
        if (!action || !uevent_devpath(&decoded) || !uevent_subsystem(&decoded) ||
            !devpath_is_valid(uevent_devpath(&decoded)))
                return -EBADMSG;
        if (group == UEVENT_GROUP_KERNEL && !title_agrees(data, &decoded))
                return -EBADMSG;
        decoded.action = uevent_action_from_string(action);
        if (decoded.action < 0)
                return -EOPNOTSUPP;

        *event = decoded;
        decoded = UEVENT_NULL;
        return 0;
}

/*
 * MurmurHash2 with seed 0, as the filters of libudev's listeners compare it (systemd,
 * src/basic/MurmurHash2.c): words of four bytes in the machine's order.
 */
static uint32_t murmur(const char *s) {
        const uint32_t m = 0x5bd1e995;
        size_t n = strlen(s);
        uint32_t h = (uint32_t)n;

        for (; n >= 4; s += 4, n -= 4) {
                uint32_t k;

                memcpy(&k, s, sizeof(k));
                k *= m;
                k ^= k >> 24;
                h = (h * m) ^ (k * m);
        }
        if (n > 0) {
                uint32_t rest = 0;

                for (size_t i = 0; i < n; i++)
                        rest |= (uint32_t)(unsigned char)s[i] << (8 * i);
                h = (h ^ rest) * m;
        }
        h ^= h >> 13;
        h *= m;
        return h ^ h >> 15;
}

/* The Bloom filter over ":one:two:", four bits a tag. */
static uint64_t tag_bloom(const char *tags) {
        uint64_t bits = 0;

        while (tags && *tags) {
                size_t n = strcspn(tags, ":");
                char tag[256];

                if (n > 0 && n < sizeof(tag)) {
                        uint32_t hash;

                        memcpy(tag, tags, n);
                        tag[n] = '\0';
                        hash = murmur(tag);
                        for (unsigned int shift = 0; shift <= 18; shift += 6)
                                bits |= UINT64_C(1) << (hash >> shift & 63);
                }
                tags += n;
                tags += *tags == ':';
        }
        return bits;
}

/* Whether an entry of @size bytes starts so; with a literal the compiler makes it a compare of a word or two.
 */
#define STARTS_WITH(entry, size, literal) \
        ((size) >= sizeof(literal) - 1 && memcmp((entry), (literal), sizeof(literal) - 1) == 0)

/* What udev's rules and builtins put into a device's properties. A listener of the kernel's group would not
 * mind, but a udevd inside would take it for its own earlier work. */
static bool only_udev_says(const char *entry, size_t size) {
        return STARTS_WITH(entry, size, "ID_") || STARTS_WITH(entry, size, "SYSTEMD_") ||
               STARTS_WITH(entry, size, "UDEV_") || STARTS_WITH(entry, size, "DM_UDEV_") ||
               STARTS_WITH(entry, size, "SOUND_") || STARTS_WITH(entry, size, ".") ||
               STARTS_WITH(entry, size, "DEVLINKS=") || STARTS_WITH(entry, size, "TAGS=") ||
               STARTS_WITH(entry, size, "CURRENT_TAGS=") || STARTS_WITH(entry, size, "USEC_INITIALIZED=") ||
               STARTS_WITH(entry, size, "INTERFACE_OLD=");
}

/* What is written for every event anew, or has its place at the head. */
static bool written_apart(const char *entry, size_t size) {
        return STARTS_WITH(entry, size, "ACTION=") || STARTS_WITH(entry, size, "SEQNUM=") ||
               STARTS_WITH(entry, size, "DEVPATH=") || STARTS_WITH(entry, size, "SUBSYSTEM=");
}

/* A buffer being filled; past its end it only counts. */
typedef struct Writer {
        char *buffer;
        size_t size, at;
} Writer;

static void write_bytes(Writer *writer, const char *bytes, size_t size) {
        if (writer->at + size <= writer->size)
                memcpy(writer->buffer + writer->at, bytes, size);
        writer->at += size;
}

static void write_entry(Writer *writer, const char *key, const char *separator, const char *value) {
        write_bytes(writer, key, strlen(key));
        write_bytes(writer, separator, strlen(separator));
        write_bytes(writer, value, strlen(value) + 1);
}

static void write_properties(Writer *writer, UeventAction action, const PropertyList *properties,
                             UeventGroup group) {
        const char *end = properties->data + properties->size;
        bool udev = group == UEVENT_GROUP_UDEV;
        size_t size;

        write_entry(writer, "ACTION", "=", uevent_action_to_string(action));
        write_entry(writer, "DEVPATH", "=", property_list_get(properties, "DEVPATH"));
        write_entry(writer, "SUBSYSTEM", "=", property_list_get(properties, "SUBSYSTEM"));
        for (const char *entry = properties->data; entry < end; entry += size) {
                size = strlen(entry) + 1;
                if (written_apart(entry, size) || (!udev && only_udev_says(entry, size)))
                        continue;
                if (STARTS_WITH(entry, size, "DEVNAME=")) {
                        const char *name = entry + strlen("DEVNAME=");

                        write_entry(writer, "DEVNAME=", udev ? "/dev/" : "",
                                    startswith(name, "/dev/") ?: name);
                } else
                        write_bytes(writer, entry, size);
        }
        /* libudev takes a message without a number for broken, and compares it with nothing. */
        if (udev)
                write_entry(writer, "SEQNUM", "=", "1");
}

int uevent_encode(UeventAction action, const PropertyList *properties, UeventGroup group, void *buffer,
                  size_t size) {
        Writer writer = {.buffer = buffer, .size = size};
        const char *devpath, *subsystem;

        assert(properties && buffer && action >= 0 && action < UEVENT_ACTION_MAX);

        devpath = property_list_get(properties, "DEVPATH");
        subsystem = property_list_get(properties, "SUBSYSTEM");
        if (string_empty(devpath) || string_empty(subsystem))
                return -EINVAL;

        if (group == UEVENT_GROUP_UDEV)
                writer.at = sizeof(UdevHeader);
        else
                write_entry(&writer, uevent_action_to_string(action), "@", devpath);
        write_properties(&writer, action, properties, group);
        if (writer.at > size)
                return -ENOBUFS;

        if (group == UEVENT_GROUP_UDEV) {
                const char *devtype = property_list_get(properties, "DEVTYPE");
                uint64_t bloom = tag_bloom(property_list_get(properties, "TAGS"));
                UdevHeader header = {
                        .prefix = UDEV_PREFIX,
                        .magic = htobe32(UDEV_MAGIC),
                        .header_size = sizeof(header),
                        .properties_offset = sizeof(header),
                        .properties_size = (uint32_t)(writer.at - sizeof(header)),
                        .subsystem_hash = htobe32(murmur(subsystem)),
                        .devtype_hash = devtype ? htobe32(murmur(devtype)) : 0,
                        .tag_bloom_high = htobe32((uint32_t)(bloom >> 32)),
                        .tag_bloom_low = htobe32((uint32_t)bloom),
                };

                memcpy(buffer, &header, sizeof(header));
        }
        return (int)writer.at;
}
