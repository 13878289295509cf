/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/property.h"
#include "rule/net.h"
#include "util/cleanup.h"
#include "util/string.h"

/*
 * An item is one thing that can be in a container on davit's account: the unit in which "wanted" and
 * "present" are compared. Items are immutable once made and shared by reference, as a queued step may outlive
 * the device.
 *
 * Two items with the same key are the same thing; if they differ otherwise, the thing has to be replaced.
 *
 * An item has one owner, the device that brought it. What several devices bring into one container (/dev/kfd
 * comes with each AMD GPU, nvidiactl with each of NVIDIA's) is nobody's own: its owner is the word "shared",
 * which no device's id can be, as these have a dash. So it is there with the first device that wants it and
 * goes with the last, and never has to be handed from one to the other. What is in the container does not say
 * who wants it: that is asked of all grants each time.
 *
 * An item that one device brings as its own and another as shared is shared for as long as both are there.
 *
 * What CDI files describe overlaps, with each other and with the hardware that they are about. So it is
 * shared, and common besides: where the hardware brings the same thing, that is what counts.
 */
#define ITEM_OWNER_SHARED "shared"

/* In the order in which things go in; they leave in the reverse order. */
typedef enum ItemKind {
        ITEM_RIGHT,     /* the device filter lets the container open (type, rdev) */
        ITEM_NODE,      /* a special file below /dev */
        ITEM_LINK,      /* a symlink below /dev */
        ITEM_MOUNT,     /* a file or folder of the host at a place inside */
        ITEM_INTERFACE, /* a network interface: the host's, one made on top of it, or a function's */
        ITEM_DATA,      /* an entry of the udev database */
        ITEM_EVENT,     /* the programs inside have been told; remove is the telling of the removal */
        ITEM_KIND_MAX,
        ITEM_KIND_INVALID = -EINVAL,
} ItemKind;

const char *item_kind_to_string(ItemKind kind);
ItemKind item_kind_from_string(const char *s);

typedef struct Item {
        unsigned int n_refs;
        ItemKind kind;
        const char *device; /* id of the device it belongs to, or ITEM_OWNER_SHARED */
        const char
                *path; /* right: "c189:257"; node, link: path below /dev; mount: path below the root;
                          interface: its name inside (see own_name); data: the entry's id; event: devpath */
        bool common;   /* of a CDI device, and so shared; not known of what is read back */
        char type;     /* right, node: 'c' or 'b' */
        dev_t rdev;
        unsigned int refused; /* right: bits of EDIT_* of model/edits.h that it does not allow */
        uid_t uid;            /* node: the host's ids */
        gid_t gid;
        mode_t mode;        /* node: permission bits */
        const char *target; /* link: what it points to, relative; mount: the host's path, absolute;
                               interface: its name on the host */
        const char *text;   /* data: the entry, see model/udev-data.h; mount: options, see model/mount.h */
        NetMode net_mode;   /* interface, as all of the next ones */
        NetVariant net_variant;  /* of the mode */
        bool own_name;           /* of a function: inside it has the name that it has on the host, of which
                                    nobody knows yet which one; path is the card's then */
        uint16_t vlan;           /* 0: none */
        bool up;                 /* whether it is set up */
        uint32_t mtu;            /* 0 keeps it */
        const char *mac;         /* NULL keeps it, or lets one be made */
        const char *addresses;   /* as in GiveNet; NULL: none */
        PropertyList properties; /* event: what is sent; interface: what the host said of it */
} Item;

/**
 * item_new() - copy @from, strings and properties included
 *
 * Return: 0; -EINVAL a kind without its fields, a path that is absolute or has an empty, "." or ".."
 * component; -ENOMEM.
 */
int item_new(const Item *from, Item **ret);
Item *item_ref(Item *item);
Item *item_unref(Item *item); /* NULL is fine; returns NULL */
DEFINE_CLEANUP(Item *, item_unref);

static inline bool item_is_shared(const Item *item) {
        return streq(item->device, ITEM_OWNER_SHARED);
}

/* Orders by kind, then path: the key. */
int item_compare_key(const Item *a, const Item *b);
/* Whether nothing has to be done to make @a into @b, which has the same key. Of an event only the key and the
 * device count. */
bool item_equal(const Item *a, const Item *b);
/* Whether @a and @b, of the same key, are one thing that two devices can share: the same number, the same
 * target. Owner and mode may differ. */
bool item_is_same_thing(const Item *a, const Item *b);

/* Whether adding @a puts it in the place of @b, of the same key, without a moment in between. */
static inline bool item_replaces(const Item *a, const Item *b) {
        return a->kind == ITEM_DATA && streq(a->device, b->device);
}

/* Whether it is an interface that the host is without for as long as it is in the container. Of a function
 * the target is the card, which the host keeps; that the function's own interface is away the kernel tells
 * like that of a device that was unplugged. */
static inline bool item_takes_interface(const Item *item) {
        return item->kind == ITEM_INTERFACE && net_mode_takes(item->net_mode);
}

/* References to items, no key twice. Zeroed is empty. */
typedef struct ItemSet {
        Item **items;
        size_t n_items;
        size_t n_shared; /* how many of them are shared */
        size_t allocated;
} ItemSet;

void item_set_deinit(ItemSet *set);
/* Takes a reference of its own. Return: 0; -EEXIST an item of that key is in; -ENOMEM. */
int item_set_add(ItemSet *set, Item *item);
/* Drops the item of that key. Return: 0; -ENOENT. */
int item_set_remove(ItemSet *set, const Item *key);
Item *item_set_find(const ItemSet *set, const Item *key);
/* All items that belong to @device into @ret. Return: 0 or -ENOMEM. */
int item_set_of_device(const ItemSet *set, const char *device, ItemSet *ret);
