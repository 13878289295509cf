/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Entries of udev's database.
 *
 * The form is lines, and devices have a say in what the values are: a value with a line break in it would be
 * a line of the device's own. So nothing with a control character goes in, tags and ids are held to the bytes
 * of a file name, and all of it has bounds.
 *
 * Events come with the kernel's properties and udev's in one list. A client reads the kernel's from sysfs,
 * where they are up to date; they are known here by their keys.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "model/part.h"
#include "model/udev-data.h"
#include "util/string.h"

#define KEY_MAX 128U

/* A file name that no shell and no parser stumbles over. */
static bool name_is_plain(const char *s, size_t n) {
        if (n == 0 || s[0] == '.')
                return false;
        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '/')
                        return false;
        return true;
}

bool udev_data_id_is_valid(const char *id) {
        return strlen(id) < UDEV_DATA_ID_MAX && name_is_plain(id, strlen(id));
}

int udev_data_id(const PropertyList *properties, char id[static UDEV_DATA_ID_MAX]) {
        const char *subsystem = property_list_get(properties, "SUBSYSTEM");
        const char *ifindex = property_list_get(properties, "IFINDEX");
        const char *devpath = property_list_get(properties, "DEVPATH");
        const char *slash = devpath ? strrchr(devpath, '/') : NULL;
        char type, made[UDEV_DATA_ID_MAX];
        uint64_t number;
        dev_t rdev;
        int n;

        if (!subsystem || !slash)
                return -EBADMSG;
        if (part_node(properties, &type, &rdev) >= 0)
                n = snprintf(made, sizeof(made), "%c%u:%u", type, major(rdev), minor(rdev));
        else if (ifindex && string_to_u64(ifindex, 10, INT32_MAX, &number) >= 0)
                n = snprintf(made, sizeof(made), "n%u", (unsigned int)number);
        else
                n = snprintf(made, sizeof(made), "+%s:%s", subsystem, slash + 1);
        if (n < 0 || (size_t)n >= sizeof(made) || !udev_data_id_is_valid(made))
                return -EBADMSG;
        memcpy(id, made, (size_t)n + 1);
        return 0;
}

#define KEY(key) \
        { key, sizeof(key) - 1 }

/* Keys that the kernel sets (lib/kobject_uevent.c, drivers/base/core.c and what its buses add), those that
 * belong to one event, and those that have a line of another kind in an entry. */
static bool key_has_its_place(const char *key, size_t n) {
        static const struct {
                const char *key;
                size_t n;
        } keys[] = {
                KEY("ACTION"),
                KEY("BUSNUM"),
                KEY("CURRENT_TAGS"),
                KEY("DEVGID"),
                KEY("DEVLINKS"),
                KEY("DEVMODE"),
                KEY("DEVNAME"),
                KEY("DEVNUM"),
                KEY("DEVPATH"),
                KEY("DEVTYPE"),
                KEY("DEVUID"),
                KEY("DEVPATH_OLD"),
                KEY("DISKSEQ"),
                KEY("DRIVER"),
                KEY("HOTPLUG"),
                KEY("DISK_MEDIA_CHANGE"),
                KEY("IFINDEX"),
                KEY("INTERFACE"),
                KEY("MAJOR"),
                KEY("MINOR"),
                KEY("MODALIAS"),
                KEY("PARTN"),
                KEY("PARTNAME"),
                KEY("PRODUCT"),
                KEY("SEQNUM"),
                KEY("SUBSYSTEM"),
                KEY("SYNTH_UUID"),
                KEY("TAGS"),
                KEY("TYPE"),
                KEY("UDEV_DATABASE_VERSION"),
                KEY("USEC_INITIALIZED"),
        };
        static const char *const prefixes[] = {"HID_", "OF_", "PCI_"};

        /* Of a plug's properties, most are these. */
        if (startswith(key, "ID_"))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].n == n && keys[i].key[0] == key[0] && memcmp(keys[i].key, key, n) == 0)
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (startswith(key, prefixes[i]))
                        return true;
        return false;
}

static bool is_letter(char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* What is to be an "E:" line. A key that starts with a dot is udev's own, for the time of an event. */
static bool is_entry(const char *property, size_t size) {
        const char *equals = memchr(property, '=', MIN(size, KEY_MAX));

        if (!equals || !is_letter(*property) || key_has_its_place(property, (size_t)(equals - property)))
                return false;
        for (const char *p = property; p < equals; p++)
                if (!is_letter(*p) && !(*p >= '-' && *p <= '9'))
                        return false;
        for (const char *p = equals; p < property + size; p++)
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        return false;
        return true;
}

/* A text being filled: a line that does not fit is left out. */
typedef struct Text {
        char *data;
        size_t size, allocated;
} Text;

static void put_line(Text *text, char kind, const char *value, size_t n) {
        /* The last line has its place in any case. */
        static const size_t reserved = sizeof("V:1\n");

        if (text->size + n + 3 + reserved > text->allocated)
                return;
        text->data[text->size++] = kind;
        text->data[text->size++] = ':';
        memcpy(text->data + text->size, value, n);
        text->size += n;
        text->data[text->size++] = '\n';
}

/* ":one:two:" */
static void put_tags(Text *text, char kind, const char *tags) {
        for (unsigned int i = 0; tags && *tags && i < UDEV_TAGS_MAX;) {
                size_t n = strcspn(tags, ":");

                if (n < UDEV_TAG_MAX && name_is_plain(tags, n)) {
                        put_line(text, kind, tags, n);
                        i++;
                }
                tags += n;
                tags += *tags == ':';
        }
}

int udev_data_format(const PropertyList *properties, const char *links, char **ret) {
        const char *initialized = property_list_get(properties, "USEC_INITIALIZED");
        const char *tags = property_list_get(properties, "TAGS");
        _cleanup_free_ char *data = NULL;
        Text text = {};
        uint64_t usec;

        assert(links && ret);

        /* A tag of one byte takes two in the list, and four here, twice. */
        text.allocated = MIN(4 * properties->size + 3 * strlen(links) + 64, UDEV_DATA_MAX);
        text.data = data = malloc(text.allocated + 1);
        if (!data)
                return -ENOMEM;

        for (const char *link = links; *link; link += strcspn(link, "\n") + 1)
                put_line(&text, 'S', link, strcspn(link, "\n"));
        if (initialized && string_to_u64(initialized, 10, UINT64_MAX, &usec) >= 0)
                put_line(&text, 'I', initialized, strlen(initialized));
        property_list_foreach(entry, properties) {
                size_t n = strlen(entry);

                if (is_entry(entry, n))
                        put_line(&text, 'E', entry, n);
        }
        put_tags(&text, 'G', tags);
        /* Before systemd 247 there was one kind of tags. */
        put_tags(&text, 'Q', property_list_get(properties, "CURRENT_TAGS") ?: tags);
        memcpy(text.data + text.size, "V:1\n", sizeof("V:1\n"));
        *ret = TAKE_PTR(data);
        return 0;
}

bool udev_data_next_tag(const char **p, char tag[static UDEV_TAG_MAX]) {
        for (const char *line = *p; *line;) {
                size_t n = strcspn(line, "\n");
                const char *next = line + n + (line[n] == '\n');

                if (startswith(line, "G:") && n - 2 < UDEV_TAG_MAX && name_is_plain(line + 2, n - 2)) {
                        memcpy(tag, line + 2, n - 2);
                        tag[n - 2] = '\0';
                        *p = next;
                        return true;
                }
                line = next;
        }
        return false;
}
