/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/container.h"
#include "model/device.h"
#include "rule/net.h"

/*
 * One rule of the policy, as data: which devices (Match), to which containers and how (Give), or not at all
 * (deny).
 */

/* One glob; "!x" in the file is negated. A list matches where one of its plain patterns does, or it has none,
 * and none of its negated ones does. A value that is unknown (NULL) matches no plain pattern. */
typedef struct Pattern {
        char *glob;
        bool negated;
        bool literal; /* no special byte: compared, and used as a key of the index */
} Pattern;

typedef struct PatternList {
        Pattern *items;
        size_t n_items;
} PatternList;

/* property: { ID_MODEL: "Pixel*" } and attribute: {...} and to: { label: value } */
typedef struct KeyPattern {
        char *key;
        PatternList patterns;
} KeyPattern;

typedef struct KeyPatternList {
        KeyPattern *items;
        size_t n_items;
} KeyPatternList;

typedef struct Match {
        PatternList class; /* words of DeviceClass or "any" */
        PatternList
                vendor; /* four lower-case hexadecimal digits; amd, intel, nvidia, google… become their ids */
        PatternList product;
        PatternList serial;
        PatternList interface; /* "ff:42:*" */
        PatternList port;      /* place or ID_PATH */
        PatternList model;
        PatternList driver; /* DRIVER of any part */
        PatternList path;   /* of any node, or of a link that udev made to it */
        PatternList
                cdi; /* the name of a CDI device; such a device is matched by rules that ask for it alone */
        KeyPatternList property;
        KeyPatternList attribute;
} Match;

/* Which containers: by name, or by labels (all of them must match). */
typedef struct Selector {
        PatternList names;
        KeyPatternList labels;
} Selector;

#define SHARE_UNLIMITED UINT_MAX

typedef enum GiveWhen {
        GIVE_PRESENT, /* as soon as device and container are there */
        GIVE_CLAIMED, /* only on a claim */
        GIVE_WHEN_MAX,
        GIVE_WHEN_INVALID = -EINVAL,
} GiveWhen;

typedef struct Give {
        Selector to;
        unsigned int share; /* containers at a time: 1 exclusive, SHARE_UNLIMITED shared */
        GiveWhen when;
        uint64_t linger_usec;
        uint32_t kinds;    /* bits of PartKind */
        uint32_t uid, gid; /* as seen inside */
        mode_t mode;       /* permission bits of the nodes */
        char *symlink;     /* template below /dev, without "/dev/"; {serial} {place} {vendor} {product} {id}
                              {name} {kind} */
        PatternList cdi;   /* names of CDI devices that go along; all literal */
        GiveNet net;
} Give;

typedef struct Rule {
        char *name;
        const char *file; /* borrowed from the rule set */
        unsigned int line, column;
        size_t index; /* place in the rule set: the order of decision */
        bool deny;
        Match match;
        Give give; /* of a deny rule only `to` has meaning: empty is every container */
} Rule;

/* What applies where no rule says anything else, and to a manual attach. */
#define GIVE_DEFAULT                       \
        ((Give){                           \
                .share = 1,                \
                .when = GIVE_PRESENT,      \
                .kinds = PART_KINDS_NODES, \
                .mode = 0660,              \
                .net = {.up = true},       \
        })

/* Reads a sysfs attribute of a device for `attribute:`; the rule room itself does no I/O. @devpath is the
 * root's. Return: 0, the text without its last newline in @buffer; -ENOENT no such attribute; -ENOBUFS too
 * long. */
typedef struct AttributeReader {
        int (*read)(void *userdata, const char *devpath, const char *name, char *buffer, size_t size);
        void *userdata;
} AttributeReader;

void rule_deinit(Rule *rule);

bool pattern_list_match(const PatternList *list, const char *value);
bool selector_match(const Selector *selector, const Container *container);

/**
 * rule_match_device() - whether the `match:` of one rule holds
 * @reader:     may be NULL: then every attribute is unknown
 * @key_buffer: where it does not hold, gets the first key that failed ("vendor", "property ID_MODEL"), cut to
 *              @key_buffer_size; untouched where it does; may be NULL. "hub": all keys hold, but the device
 * is a USB hub, and the rule would give it and asks neither for its very port nor for interfaces "09…"
 */
bool rule_match_device(const Rule *rule, const Device *device, const AttributeReader *reader,
                       char *key_buffer, size_t key_buffer_size);
