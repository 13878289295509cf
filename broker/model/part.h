/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/edits.h"
#include "model/property.h"
#include "util/hash.h"

/*
 * A part is one kernel object of a device: a node (a character or block special file), a network interface,
 * or neither (a USB interface, a PCI function, a sound card), which then tells of the device only. It is
 * known by its devpath, the path below /sys, which is unique at any time; nodes also by their number.
 *
 * A CDI device is no kernel object; its one part is what its file says is to be changed in a container.
 */

typedef enum PartKind {
        PART_BARE, /* no node: carries identity only */
        PART_NET,  /* a network interface */
        PART_USB,  /* /dev/bus/usb/BBB/DDD */
        PART_TTY,
        PART_HIDRAW,
        PART_SOUND,
        PART_VIDEO,
        PART_INPUT,
        PART_CARD,   /* /dev/dri/cardN */
        PART_RENDER, /* /dev/dri/renderDN */
        PART_BLOCK,
        PART_TAP, /* /dev/tapN of a macvtap or ipvtap */
        PART_OTHER,
        PART_CDI, /* Part.edits */
        PART_KIND_MAX,
        PART_KIND_INVALID = -EINVAL,
} PartKind;

/* The words of the policy's `nodes:` list. */
const char *part_kind_to_string(PartKind kind);
PartKind part_kind_from_string(const char *s);

/* A set of kinds as bits, e.g. 1U << PART_USB. */
#define PART_KINDS_NODES \
        (((1U << PART_KIND_MAX) - 1) & ~(1U << PART_BARE) & ~(1U << PART_NET) & ~(1U << PART_CDI))

/* The subsystem that events of ours about CDI devices have; the kernel has none of that name. */
#define PART_SUBSYSTEM_CDI "cdi"

/* The subsystem of a node that was found in /dev alone (source/nodes.h); a block device has the DEVTYPE
 * "block". */
#define PART_SUBSYSTEM_NODE "node"

typedef struct Device Device;

typedef struct Part {
        PartKind kind;
        char *devpath;
        char *subsystem;
        char *name;           /* node: path below /dev; interface: its name on the host; bare: NULL */
        char type;            /* node: 'c' or 'b'; else '\0' */
        dev_t rdev;           /* node: its number. Minor 0 is a number like any other */
        uint64_t node_key;    /* node: number and type in one, the key of the registry's index; 0 otherwise */
        unsigned int ifindex; /* interface: on the host; 0 otherwise */
        bool shared;          /* node: goes along with several devices, see device_companion() */
        bool silent;          /* node: no kernel object has it, and so no uevent tells of it */
        PropertyList properties;
        Edits *edits; /* of a CDI device; else NULL */

        /* An interface that was moved into a container is out of sight of the host: the kernel reports it as
         * removed. It stays here, away, until it comes back or its device goes. */
        bool away;
        bool marked; /* by registry_mark(): not seen again yet in a rescan */

        /* What udev has noted that the host leaves alone of it, and what it was asked last to note (YieldSet
         * of model/yield.h); no property of the device. */
        uint32_t yield_told, yield_asked;

        Device *device; /* borrowed: the device owns its parts */
        struct Part *prev, *next;
        UT_hash_handle hh_devpath;
        UT_hash_handle hh_rdev;
} Part;

/* The key of a node in an index over both types. A number of the kernel has 32 bits, so nothing is lost. */
static inline uint64_t part_node_key(char type, dev_t rdev) {
        return (uint64_t)rdev << 1 | (type == 'b');
}

static inline bool part_is_node(const Part *part) {
        return part->type != '\0';
}

/* Whether it is a sound card: the one object without a node that programs look for by itself. */
bool part_is_sound_card(const Part *part);

/**
 * part_new() - make a part of what an event says
 * @properties: an event's or sysfs' properties: DEVPATH, SUBSYSTEM; DEVNAME, MAJOR, MINOR of a node;
 * INTERFACE, IFINDEX of a network interface. Copied.
 *
 * Return: 0; -EBADMSG DEVPATH or SUBSYSTEM missing, a number out of range, a DEVNAME that is absolute
 * elsewhere than in /dev, has an empty, "." or ".." component or is longer than 128 bytes, an interface name
 * longer than IFNAMSIZ; -ENOMEM.
 */
int part_new(const PropertyList *properties, Part **ret);

/* The node that properties tell of, without making a part. Return: 0; -ENODATA none; -EBADMSG. */
int part_node(const PropertyList *properties, char *ret_type, dev_t *ret_rdev);

/* Whether properties tell of something worth a part: a node, an interface, or a bare object that carries
 * identity (a PCI function, a USB interface, …) or is a sound card, as opposed to a queue, a wakeup source or
 * a connector. */
bool part_is_of_interest(const PropertyList *properties);

/* What an event says of itself, and not of the object: that a disk was put into a drive, a monitor into a
 * GPU. A part does not keep it. Return: 0; -E2BIG; -ENOMEM. */
int part_event_properties(const PropertyList *event, PropertyList *ret);

/* Whether @devpath is @ancestor or below it, by whole components: usb10 is not below usb1. */
bool devpath_is_below(const char *devpath, const char *ancestor);

/* Takes a copy of @edits over, NULL for none. Return: 1; 0 the part has them already; -ENOMEM: it keeps what
 * it has. */
int part_set_edits(Part *part, const Edits *edits);

void part_free(Part *part);
DEFINE_CLEANUP(Part *, part_free);

/**
 * part_update() - take new properties over (a change, a bind, a move)
 * @replace:    a udev event replaces all; a kernel event, which lacks what udev knows, is merged
 *
 * What belongs to the event alone (ACTION, SEQNUM, HOTPLUG, …) is not kept. With another DEVPATH the part is
 * renamed: the caller has taken it out of the index before.
 *
 * Return: 1; 0 they say nothing new; errors as of part_new(), the part is then untouched.
 */
int part_update(Part *part, const PropertyList *properties, bool replace);
