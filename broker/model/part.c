/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Parts: one kernel object each, made of what an event says of it.
 *
 * An event's values are read into PartFields first, borrowed and checked; only then is anything changed, so a
 * bad event leaves the part as it was. A part owns copies of all it has.
 */

#include "config.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <net/if.h>
#include <sys/sysmacros.h>

#include "model/part.h"
#include "model/yield.h"
#include "util/string.h"

#define NODE_NAME_MAX 128

/* MINORBITS of the kernel's include/linux/kdev_t.h leaves 12 bits to the major number. */
#define MAJOR_MAX 0xfffU
#define MINOR_MAX 0xfffffU

static const char *const kind_names[PART_KIND_MAX] = {
        [PART_BARE] = "bare",     [PART_NET] = "net",       [PART_USB] = "usb",     [PART_TTY] = "tty",
        [PART_HIDRAW] = "hidraw", [PART_SOUND] = "sound",   [PART_VIDEO] = "video", [PART_INPUT] = "input",
        [PART_CARD] = "card",     [PART_RENDER] = "render", [PART_BLOCK] = "block", [PART_TAP] = "tap",
        [PART_OTHER] = "other",   [PART_CDI] = "cdi",
};

const char *part_kind_to_string(PartKind kind) {
        return kind >= 0 && kind < PART_KIND_MAX ? kind_names[kind] : NULL;
}

PartKind part_kind_from_string(const char *s) {
        return (PartKind)string_table_find(kind_names, PART_KIND_MAX, s);
}

/* What properties say, borrowed from them. */
typedef struct PartFields {
        PartKind kind;
        const char *devpath;
        const char *subsystem;
        const char *name;
        char type;
        dev_t rdev;
        unsigned int ifindex;
        bool shared, silent;
} PartFields;

static PartKind node_kind(const char *subsystem, const char *name) {
        static const struct {
                const char *subsystem, *prefix;
                PartKind kind;
        } kinds[] = {
                {"usb", "bus/usb/", PART_USB},
                {"tty", "", PART_TTY},
                {"hidraw", "", PART_HIDRAW},
                {"sound", "", PART_SOUND},
                {"video4linux", "", PART_VIDEO},
                {"media", "", PART_VIDEO},
                {"dvb", "", PART_VIDEO},
                {"input", "", PART_INPUT},
                {"drm", "dri/card", PART_CARD},
                {"drm", "dri/renderD", PART_RENDER},
                {"macvtap", "", PART_TAP},
                {"ipvtap", "", PART_TAP},
                {"kfd", "kfd", PART_RENDER},
                {"nvidia", "", PART_RENDER},
                {"nvidia-control", "nvidia-modeset", PART_CARD},
                {"nvidia-control", "", PART_RENDER},

        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(subsystem, kinds[i].subsystem) && startswith(name, kinds[i].prefix))
                        return kinds[i].kind;
        return PART_OTHER;
}

/* A node that all devices of a driver use, or, of a GPU that is split, all of its instances. */
static bool node_shared(const PropertyList *properties, const char *subsystem, const char *name) {
        return streq(subsystem, "kfd") || streq(subsystem, "nvidia-control") ||
               (streq(subsystem, "nvidia") && !startswith(name, "nvidia-caps/") &&
                streq_ptr(property_list_get(properties, "MIG"), "1"));
}

/* Subsystems that are no kernel's: their nodes were found otherwise (see source/). */
static bool node_silent(const char *subsystem) {
        return streq(subsystem, "nvidia") || streq(subsystem, "nvidia-control") ||
               streq(subsystem, PART_SUBSYSTEM_NODE);
}

/* udev writes the path as a whole, the kernel what is below /dev. */
static const char *node_name(const char *devname) {
        return startswith(devname, "/dev/") ?: devname;
}

static bool node_name_is_valid(const char *name) {
        if (strlen(name) > NODE_NAME_MAX)
                return false;
        for (const char *p = name;; p++) {
                size_t n = strcspn(p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
                if (!*p)
                        return true;
        }
}

/* As the kernel's dev_valid_name() (net/core/dev.c). */
static bool interface_name_is_valid(const char *name) {
        if (!*name || strlen(name) >= IFNAMSIZ || streq(name, ".") || streq(name, ".."))
                return false;
        for (const char *p = name; *p; p++)
                if (*p == '/' || *p == ':' || isspace((unsigned char)*p))
                        return false;
        return true;
}

static bool is_block(const PropertyList *properties) {
        const char *subsystem = property_list_get(properties, "SUBSYSTEM");

        if (streq_ptr(subsystem, PART_SUBSYSTEM_NODE))
                return streq_ptr(property_list_get(properties, "DEVTYPE"), "block");
        return streq_ptr(subsystem, "block");
}

int part_node(const PropertyList *properties, char *ret_type, dev_t *ret_rdev) {
        const char *major_text = property_list_get(properties, "MAJOR");
        const char *minor_text = property_list_get(properties, "MINOR");
        const char *name = property_list_get(properties, "DEVNAME");
        uint64_t major_number, minor_number;

        if (!major_text || !minor_text || !name)
                return -ENODATA;
        if (!node_name_is_valid(node_name(name)))
                return -EBADMSG;
        /* Major 0 is of no device: file systems without one use it. */
        if (string_to_u64(major_text, 10, MAJOR_MAX, &major_number) < 0 || major_number == 0 ||
            string_to_u64(minor_text, 10, MINOR_MAX, &minor_number) < 0)
                return -EBADMSG;

        *ret_type = is_block(properties) ? 'b' : 'c';
        *ret_rdev = makedev((unsigned int)major_number, (unsigned int)minor_number);
        return 0;
}

static int parse_interface(const PropertyList *properties, PartFields *fields) {
        const char *name = property_list_get(properties, "INTERFACE");
        const char *ifindex = property_list_get(properties, "IFINDEX");
        uint64_t index;

        if (!name || !ifindex || !interface_name_is_valid(name) ||
            string_to_u64(ifindex, 10, INT_MAX, &index) < 0 || index == 0)
                return -EBADMSG;
        fields->kind = PART_NET;
        fields->name = name;
        fields->ifindex = (unsigned int)index;
        return 0;
}

static int parse_fields(const PropertyList *properties, PartFields *ret) {
        PartFields fields = {
                .kind = PART_BARE,
                .devpath = property_list_get(properties, "DEVPATH"),
                .subsystem = property_list_get(properties, "SUBSYSTEM"),
        };
        int r;

        if (!fields.devpath || fields.devpath[0] != '/' || string_empty(fields.subsystem))
                return -EBADMSG;

        if (streq(fields.subsystem, "net"))
                r = parse_interface(properties, &fields);
        else if (streq(fields.subsystem, PART_SUBSYSTEM_CDI)) {
                fields.kind = PART_CDI;
                r = 0;
        } else
                r = part_node(properties, &fields.type, &fields.rdev);
        if (r < 0 && r != -ENODATA)
                return r;

        if (fields.type) {
                fields.name = node_name(property_list_get(properties, "DEVNAME"));
                fields.kind = fields.type == 'b' ? PART_BLOCK : node_kind(fields.subsystem, fields.name);
                fields.shared = node_shared(properties, fields.subsystem, fields.name);
                fields.silent = node_silent(fields.subsystem);
        }

        *ret = fields;
        return 0;
}

/* "…/sound/card0", as opposed to the LEDs and the like that the class has besides. */
static bool is_sound_card(const char *subsystem, const char *devpath) {
        const char *slash = devpath && streq(subsystem, "sound") ? strrchr(devpath, '/') : NULL;
        const char *digits = slash ? startswith(slash, "/card") : NULL;

        return digits && *digits && strspn(digits, "0123456789") == strlen(digits);
}

bool part_is_sound_card(const Part *part) {
        return part->kind == PART_BARE && is_sound_card(part->subsystem, part->devpath);
}

bool part_is_of_interest(const PropertyList *properties) {
        /* Buses whose objects say who made a device, or which driver has it. */
        static const char *const buses[] = {"faux", "hid", "pci",    "platform",
                                            "pnp",  "usb", "virtio", "vmbus"};
        /* The host's own memory, processors and screens: nodes, but no device that somebody could be given.
         */
        static const char *const own[] = {"cpuid", "mem", "msr", "vc"};
        const char *subsystem = property_list_get(properties, "SUBSYSTEM");
        const char *devpath = property_list_get(properties, "DEVPATH");

        if (!subsystem || string_table_find(own, ELEMENTSOF(own), subsystem) >= 0 ||
            (devpath && startswith(devpath, "/devices/virtual/tty/")))
                return false;
        return streq(subsystem, "net") || streq(subsystem, PART_SUBSYSTEM_CDI) ||
               string_table_find(buses, ELEMENTSOF(buses), subsystem) >= 0 ||
               is_sound_card(subsystem, devpath) || property_list_get(properties, "MAJOR");
}

bool devpath_is_below(const char *devpath, const char *ancestor) {
        const char *rest = startswith(devpath, ancestor);

        return rest && (*rest == '\0' || *rest == '/');
}

/* What belongs to one event, not to the object: of any event; and of a change, as what happened to a disk
 * (block/disk-events.c, block/genhd.c of Linux) or a GPU (drivers/gpu/drm/drm_sysfs.c). */
static const char *const of_events[] = {"ACTION", "SEQNUM", "DEVPATH_OLD", "SYNTH_UUID"};
static const char *const of_changes[] = {"HOTPLUG",           "CONNECTOR",          "PROPERTY", "LEASE",
                                         "DISK_MEDIA_CHANGE", "DISK_EJECT_REQUEST", "RESIZE",   "DISK_RO"};

static void drop_event_properties(PropertyList *list) {
        const char *action = property_list_get(list, "ACTION");
        bool change = action && streq(action, "change");

        for (size_t i = 0; i < ELEMENTSOF(of_events); i++)
                property_list_unset(list, of_events[i]);
        for (size_t i = 0; change && i < ELEMENTSOF(of_changes); i++)
                property_list_unset(list, of_changes[i]);
}

int part_event_properties(const PropertyList *event, PropertyList *ret) {
        _cleanup_(property_list_deinit) PropertyList own = {};

        for (size_t i = 0; i < ELEMENTSOF(of_changes); i++) {
                const char *value = property_list_get(event, of_changes[i]);
                int r = value ? property_list_set(&own, of_changes[i], value) : 0;

                if (r < 0)
                        return r;
        }
        *ret = own;
        own = (PropertyList){};
        return 0;
}

static int replace_string(char **field, const char *value) {
        char *copy = NULL;

        if (streq_ptr(*field, value))
                return 0;
        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*field);
        *field = copy;
        return 0;
}

/* Takes over fields and the list that they borrow from. */
static int part_assign(Part *part, const PartFields *fields, PropertyList *properties) {
        _cleanup_free_ char *name = NULL, *subsystem = NULL;
        int r;

        if (fields->name) {
                name = strdup(fields->name);
                if (!name)
                        return -ENOMEM;
        }
        subsystem = strdup(fields->subsystem);
        if (!subsystem)
                return -ENOMEM;
        /* The last that can fail. Only replaced where it differs: an index may hold the pointer. */
        r = replace_string(&part->devpath, fields->devpath);
        if (r < 0)
                return r;

        free(part->name);
        part->name = TAKE_PTR(name);
        free(part->subsystem);
        part->subsystem = TAKE_PTR(subsystem);
        part->kind = fields->kind;
        part->type = fields->type;
        part->rdev = fields->rdev;
        part->node_key = fields->type ? part_node_key(fields->type, fields->rdev) : 0;
        part->ifindex = fields->ifindex;
        part->shared = fields->shared;
        part->silent = fields->silent;
        property_list_deinit(&part->properties);
        part->properties = *properties;
        *properties = (PropertyList){};
        return 0;
}

int part_new(const PropertyList *properties, Part **ret) {
        _cleanup_(property_list_deinit) PropertyList own = {};
        _cleanup_(part_freep) Part *part = NULL;
        PartFields fields;
        int r;

        assert(properties && ret);

        r = parse_fields(properties, &fields);
        if (r < 0)
                return r;

        r = property_list_copy(&own, properties);
        if (r < 0)
                return r;
        drop_event_properties(&own);
        r = yield_take_off(&own, /* old= */ NULL);
        if (r < 0)
                return r;

        part = calloc(1, sizeof(*part));
        if (!part)
                return -ENOMEM;
        /* The fields still borrow from the caller's list, which outlives this call. */
        r = part_assign(part, &fields, &own);
        if (r < 0)
                return r;
        part->yield_told = part->yield_asked = yield_told(properties);

        *ret = TAKE_PTR(part);
        return 0;
}

void part_free(Part *part) {
        if (!part)
                return;
        free(part->devpath);
        free(part->subsystem);
        free(part->name);
        property_list_deinit(&part->properties);
        edits_free(part->edits);
        free(part);
}

int part_set_edits(Part *part, const Edits *edits) {
        _cleanup_(edits_freep) Edits *own = NULL;
        int r;

        assert(part);

        if (edits ? part->edits && edits_equal(part->edits, edits) : !part->edits)
                return 0;
        if (edits) {
                own = calloc(1, sizeof(*own));
                if (!own)
                        return -ENOMEM;
                r = edits_append(own, edits);
                if (r < 0)
                        return r;
        }
        edits_free(part->edits);
        part->edits = TAKE_PTR(own);
        return 1;
}

/* Sets what is new, keeps the place of what is not. */
static int merge(PropertyList *list, const PropertyList *news) {
        property_list_foreach(entry, news) {
                const char *equals = strchr(entry, '='), *old;
                char key[128];
                int r;

                if (!equals || (size_t)(equals - entry) >= sizeof(key))
                        continue;
                memcpy(key, entry, (size_t)(equals - entry));
                key[equals - entry] = '\0';
                /* Of doubles the first is what was said. */
                if (property_list_get(news, key) != equals + 1)
                        continue;
                old = property_list_get(list, key);
                if (old && streq(old, equals + 1))
                        continue;
                r = property_list_set(list, key, equals + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What was asked for before udev says something else is no longer on its way, or comes to nothing. */
static void take_note(Part *part, const PropertyList *properties) {
        uint32_t told = yield_told(properties);

        if (told != part->yield_told)
                part->yield_told = part->yield_asked = told;
}

int part_update(Part *part, const PropertyList *properties, bool replace) {
        _cleanup_(property_list_deinit) PropertyList news = {}, own = {};
        PartFields fields;
        int r;

        assert(part && properties);

        if (replace)
                take_note(part, properties);
        if (yield_is_echo(properties))
                return 0;

        r = property_list_copy(&news, properties);
        if (r < 0)
                return r;
        drop_event_properties(&news);

        if (replace) {
                r = yield_take_off(&news, &part->properties);
                if (r < 0)
                        return r;
        } else {
                r = property_list_copy(&own, &part->properties);
                if (r < 0)
                        return r;
                r = merge(&own, &news);
                if (r < 0)
                        return r;
                property_list_deinit(&news);
                news = own;
                own = (PropertyList){};
        }
        if (property_list_equal(&news, &part->properties))
                return 0;

        r = parse_fields(&news, &fields);
        if (r < 0)
                return r;
        r = part_assign(part, &fields, &news);
        return r < 0 ? r : 1;
}
