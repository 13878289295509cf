/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What an event means to the registry.
 *
 * A part's devpath says which device it belongs to, so an event touches one device, found by hash; its parts
 * are few and bounded. Some tell of a loss besides: a number changes hands, another phone is in the place of
 * one whose removal was lost, an interface whose name is its place has another name. These are answered in
 * two steps, the loss first, so that no caller can miss it: whoever had the old node would else reach the new
 * device by it.
 *
 * Devices appear with the first part that makes them worth having (device_is_alive()); bare objects that come
 * before it wait, are taken in with it, and wait again when the last such part goes.
 *
 * On failure the indexes are consistent, and at worst the part of this event is not known.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "model/registry-index.h"
#include "util/string.h"

typedef struct Arrival {
        const PropertyList *properties;
        const Edits *edits;
        UeventAction action;
        bool complete;
        const char *devpath;
        DevicePlace place;
        char id[DEVICE_ID_MAX];
} Arrival;

typedef struct Outcome {
        RegistryChange change;
        Device *device;
} Outcome;

static void outcome_set(Outcome *outcome, RegistryChange change, Device *device) {
        *outcome = (Outcome){.change = change, .device = device};
}

static bool is_root_of(const Arrival *at, const Device *device) {
        return strlen(device->devpath) == at->place.root_size &&
               memcmp(device->devpath, at->devpath, at->place.root_size) == 0;
}

static void forget_part(Registry *registry, Part *part) {
        part_free(registry_index_remove(registry, part));
}

static void forget_parts(Registry *registry, Device *device) {
        while (device->parts)
                forget_part(registry, device->parts);
}

/* After a part went: where none is left that makes a device, the bare ones wait for the next. */
static void settle(Registry *registry, Device *device) {
        if (!device_is_alive(device))
                while (device->parts) {
                        Part *part = registry_index_remove(registry, device->parts);

                        if (registry_waiting_add(registry, part) < 0)
                                part_free(part);
                }
        /* Nothing is learned from a loss; classes need no memory. */
        (void)device_refresh(device);
}

/* Gives @device what waited for it. */
static int take_in_waiting(Registry *registry, Device *device) {
        Device *waiting;

        while ((waiting = registry_waiting(registry, device->id))) {
                bool same = streq(waiting->devpath, device->devpath);
                Part *part = registry_waiting_remove(registry, waiting->parts);
                int r;

                r = same ? registry_index_add(registry, device, part) : 0;
                if (!part->device)
                        part_free(part);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int create_device(Registry *registry, const Arrival *at, Device **ret) {
        _cleanup_(device_freep) Device *device = NULL;
        int r;

        if (HASH_COUNT(registry->devices) >= REGISTRY_DEVICES_MAX)
                return -ENOSPC;
        r = device_new(&at->place, at->devpath, &device);
        if (r < 0)
                return r;
        HASH_ADD_KEYPTR(hh, registry->devices, device->id, strlen(device->id), device);
        if (!device->hh.tbl)
                return -ENOMEM;
        device->seq = ++registry->seq;
        *ret = TAKE_PTR(device);
        return 0;
}

int registry_add_absent(Registry *registry, const char *devpath, const char *serial, Device **ret) {
        Arrival at = {.devpath = devpath};
        Device *device;
        int r;

        assert(registry && devpath && ret);

        if (device_place_parse(devpath, &at.place) < 0 || device_place_id(&at.place, at.id) < 0 ||
            strlen(devpath) != at.place.root_size)
                return -EINVAL;
        if (registry_device(registry, at.id))
                return -EEXIST;
        r = create_device(registry, &at, &device);
        if (r < 0)
                return r;
        device->serial = string_empty(serial) ? NULL : strdup(serial);
        if (!device->serial && !string_empty(serial)) {
                registry_drop_device(registry, device);
                return -ENOMEM;
        }
        *ret = device;
        return 0;
}

/* Makes @device, which has no part, ready for another thing in its place. */
static int reuse_device(Device *device, const Arrival *at) {
        if (!is_root_of(at, device)) {
                char *devpath = strndup(at->devpath, at->place.root_size);

                if (!devpath)
                        return -ENOMEM;
                free(device->devpath);
                device->devpath = devpath;
        }
        device_forget(device);
        return 0;
}

/* Adds a part that makes or is of a device, which is created where it is not there. Takes @part over on
 * success. */
static int add_to_device(Registry *registry, const Arrival *at, Part *part, Outcome *outcome) {
        Device *device = registry_device(registry, at->id);
        bool created = !device;
        int r;

        if (!device) {
                r = create_device(registry, at, &device);
                if (r < 0)
                        return r;
        } else if (!is_root_of(at, device))
                forget_parts(registry, device);

        if (device->n_parts == 0) {
                r = reuse_device(device, at);
                if (r >= 0)
                        r = take_in_waiting(registry, device);
                if (r < 0)
                        goto fail;
        }
        r = registry_index_add(registry, device, part);
        if (r < 0)
                goto fail;

        outcome_set(outcome, REGISTRY_ADDED, device);
        r = device_refresh(device);
        return r;

fail:
        settle(registry, device);
        if (created)
                registry_drop_device(registry, device);
        return r;
}

/* Takes the node number that the event names from whoever had it. Return: 0 it is free; 1 another device lost
 * it, which has to be dealt with first; -EBADMSG. */
static int claim_number(Registry *registry, const Arrival *at, Outcome *outcome) {
        Device *loser;
        Part *holder;
        dev_t rdev;
        char type;
        int r;

        r = part_node(at->properties, &type, &rdev);
        if (r == -ENODATA)
                return 0;
        if (r < 0)
                return r;
        holder = registry_part_by_rdev(registry, type, rdev);
        if (!holder || streq(holder->devpath, at->devpath))
                return 0;

        loser = holder->device;
        forget_part(registry, holder);
        settle(registry, loser);
        if (streq(loser->id, at->id))
                return 0;
        outcome_set(outcome, REGISTRY_REMOVED, loser);
        return 1;
}

static int apply_to_known(Registry *registry, const Arrival *at, Part *part, Outcome *outcome) {
        Device *device = part->device;
        bool back = part->away && at->action == UEVENT_ADD;
        uint64_t key = part->node_key;
        int changed, r;

        changed = part_update(part, at->properties, at->complete);
        if (changed < 0)
                return changed;
        part->marked = false;
        if (part->kind == PART_CDI) {
                r = part_set_edits(part, at->edits);
                if (r < 0)
                        return r;
                changed |= r;
        }
        if (back)
                part->away = false;
        if (!changed && !back)
                return 0;

        if (part->node_key != key) {
                r = registry_index_renumber(registry, part);
                if (r < 0) {
                        forget_part(registry, part);
                        settle(registry, device);
                        outcome_set(outcome, REGISTRY_REMOVED, device);
                        return r;
                }
        }
        if (!device_is_alive(device)) {
                settle(registry, device);
                outcome_set(outcome, REGISTRY_REMOVED, device);
                return 0;
        }
        outcome_set(outcome, back ? REGISTRY_ADDED : REGISTRY_CHANGED, device);
        return device_refresh(device);
}

/* Whether a root object that is known is another one now: a phone gets a new number each time it enumerates,
 * so an add with another one means that its removal was lost. What was learned is of the one before. */
static bool is_another(const Part *part, const Arrival *at) {
        dev_t rdev;
        char type;

        return at->action == UEVENT_ADD && part->kind == PART_USB &&
               streq(part->devpath, part->device->devpath) && part_node(at->properties, &type, &rdev) >= 0 &&
               part_node_key(type, rdev) != part->node_key;
}

static int apply_to_waiting(Registry *registry, const Arrival *at, Part *waiting, Part **ret) {
        int r;

        r = part_update(waiting, at->properties, at->complete);
        if (r < 0)
                return r;
        waiting->marked = false;
        *ret = registry_waiting_remove(registry, waiting);
        return 0;
}

/* Something that is there: new or known. */
static int apply_presence(Registry *registry, const Arrival *at, Outcome *outcome) {
        _cleanup_(part_freep) Part *part = NULL;
        Part *known, *waiting;
        Device *device;
        int r;

        r = claim_number(registry, at, outcome);
        if (r != 0)
                return r;

        known = registry_part(registry, at->devpath);
        if (known && !is_another(known, at))
                return apply_to_known(registry, at, known, outcome);
        if (!known && !part_is_of_interest(at->properties))
                return 0;
        device = registry_device(registry, at->id);
        /* One place holds one thing: what was there before went unseen. */
        if (device && device->n_parts > 0 && (known || !is_root_of(at, device))) {
                forget_parts(registry, device);
                settle(registry, device);
                outcome_set(outcome, REGISTRY_REMOVED, device);
                return 1;
        }

        waiting = registry_waiting_find(registry, at->id, at->devpath);
        if (waiting)
                r = apply_to_waiting(registry, at, waiting, &part);
        else {
                r = part_new(at->properties, &part);
                if (r >= 0 && part->kind == PART_CDI)
                        r = part_set_edits(part, at->edits);
        }
        if (r < 0)
                return r;

        /* A bare object makes no device, but a USB device is one even without its node. */
        if (part->kind == PART_BARE && !(device && device_is_alive(device)) &&
            !(streq(at->place.prefix, "usb") && strlen(at->devpath) == at->place.root_size))
                r = registry_waiting_add(registry, part);
        else
                r = add_to_device(registry, at, part, outcome);
        if (r >= 0 || part->device)
                TAKE_PTR(part);
        return r;
}

/* Files @part, which is in no index, under the path that it has now. Takes it over in any case. */
static int refile_part(Registry *registry, Device *from, Part *part, const char *old, const Arrival *at) {
        _cleanup_(part_freep) Part *moving = part;
        Arrival moved = *at;
        Outcome unused;
        char *devpath;
        Part *other;
        int r;

        if (asprintf(&devpath, "%s%s", at->devpath, moving->devpath + strlen(old)) < 0)
                return -ENOMEM;
        free(moving->devpath);
        moved.devpath = moving->devpath = devpath;
        if (device_place_parse(devpath, &moved.place) < 0 || device_place_id(&moved.place, moved.id) < 0 ||
            !streq(moved.id, at->id))
                return 0;
        r = property_list_set(&moving->properties, "DEVPATH", devpath);
        if (r < 0)
                return r;

        /* Whatever was known by the new name is gone, or is this one, back from a container. */
        other = registry_part(registry, devpath);
        if (other)
                forget_part(registry, other);
        other = registry_waiting_find(registry, at->id, devpath);
        if (other)
                part_free(registry_waiting_remove(registry, other));

        /* Not as an arrival: with its last part away for a moment the device would forget itself. */
        if (streq(from->id, at->id) && is_root_of(&moved, from))
                r = registry_index_add(registry, from, moving);
        else
                r = add_to_device(registry, &moved, moving, &unused);
        if (moving->device)
                TAKE_PTR(moving);
        return r;
}

/* Gives each part of @from at or below @old the path at or below @at->devpath that it has now: the kernel
 * renames a whole tree with one event. */
static int rename_parts(Registry *registry, Device *from, const char *old, const Arrival *at) {
        Part *parts[DEVICE_PARTS_MAX], *next;
        size_t n = 0;
        int r = 0;

        for (Part *part = from->parts; part; part = next) {
                next = part->next;
                if (devpath_is_below(part->devpath, old))
                        parts[n++] = registry_index_remove(registry, part);
        }
        for (size_t i = 0; i < n; i++) {
                int k = refile_part(registry, from, parts[i], old, at);

                r = k < 0 ? k : r;
        }
        return r;
}

/* The object at @old is known and has another path now. Return: 0; 1 its device lost it, which has to be
 * dealt with first. */
static int apply_rename(Registry *registry, const Arrival *at, Device *from, const char *old,
                        Outcome *outcome) {
        bool another = !streq(from->id, at->id);
        Device *to;
        int r;

        r = rename_parts(registry, from, old, at);
        settle(registry, from);
        to = registry_device(registry, at->id);
        if (to && another)
                settle(registry, to);
        if (!another && r >= 0 && from->n_parts > 0)
                return 0;
        outcome_set(outcome, REGISTRY_REMOVED, from);
        return r < 0 ? r : 1;
}

static int apply_move(Registry *registry, const Arrival *at, Outcome *outcome) {
        const char *old = property_list_get(at->properties, "DEVPATH_OLD");
        Part *part = old && !streq(old, at->devpath) ? registry_part(registry, old) : NULL;
        int r;

        if (part) {
                r = apply_rename(registry, at, part->device, old, outcome);
                if (r != 0)
                        return r;
        }
        r = apply_presence(registry, at, outcome);
        /* The caller hears of a name for the first time, even where the parts came in the first of two steps.
         */
        if (r == 0 && outcome->change != REGISTRY_REMOVED) {
                part = registry_part(registry, at->devpath);
                if (part)
                        outcome_set(outcome, REGISTRY_ADDED, part->device);
        }
        return r;
}

/* A node whose path is not known as it was renamed with a parent unseen: its number and name are its own
 * still. */
static Part *find_renamed_node(Registry *registry, const Arrival *at) {
        const char *name = property_list_get(at->properties, "DEVNAME");
        Part *part;
        dev_t rdev;
        char type;

        if (part_node(at->properties, &type, &rdev) < 0)
                return NULL;
        part = registry_part_by_rdev(registry, type, rdev);
        return part && streq(part->name, startswith(name, "/dev/") ?: name) ? part : NULL;
}

/* Takes away the parts of @device at @devpath and below. */
static bool remove_below(Registry *registry, Device *device, const char *devpath) {
        bool removed = false;
        Part *next;

        for (Part *part = device->parts; part; part = next) {
                next = part->next;
                if (devpath_is_below(part->devpath, devpath)) {
                        forget_part(registry, part);
                        removed = true;
                }
        }
        return removed;
}

static void remove_waiting_below(Registry *registry, const Arrival *at) {
        Device *waiting = registry_waiting(registry, at->id);
        Part *next;

        for (Part *part = waiting ? waiting->parts : NULL; part; part = next) {
                next = part->next;
                if (devpath_is_below(part->devpath, at->devpath))
                        part_free(registry_waiting_remove(registry, part));
        }
}

static void apply_removal(Registry *registry, const Arrival *at, Outcome *outcome) {
        Part *part = registry_part(registry, at->devpath);
        Device *device;

        remove_waiting_below(registry, at);

        /* The kernel says so of an interface that leaves for another namespace. */
        if (part && part->away)
                return;

        device = part ? part->device : registry_device(registry, at->id);
        if (!device || !is_root_of(at, device) || !remove_below(registry, device, at->devpath)) {
                part = find_renamed_node(registry, at);
                if (!part)
                        return;
                device = part->device;
                forget_part(registry, part);
        }
        settle(registry, device);
        outcome_set(outcome, REGISTRY_REMOVED, device);
}

static void clear_mark(Registry *registry, const Arrival *at) {
        Part *part =
                registry_part(registry, at->devpath) ?: registry_waiting_find(registry, at->id, at->devpath);

        if (part)
                part->marked = false;
}

/* Return: 0; -ENODEV it is of no device of ours; -EBADMSG. */
static int locate(const Uevent *event, bool complete, Arrival *ret) {
        *ret = (Arrival){
                .properties = &event->properties,
                .edits = event->edits,
                .action = event->action,
                .complete = complete,
                .devpath = uevent_devpath(event),
        };
        if (!ret->devpath)
                return -EBADMSG;
        if (device_place_parse(ret->devpath, &ret->place) < 0 || device_place_id(&ret->place, ret->id) < 0)
                return -ENODEV;
        return 0;
}

static int apply(Registry *registry, const Arrival *at, Outcome *outcome) {
        switch (at->action) {
        case UEVENT_ADD:
        case UEVENT_CHANGE:
        case UEVENT_ONLINE:
        case UEVENT_BIND:
                return apply_presence(registry, at, outcome);
        case UEVENT_MOVE:
                return apply_move(registry, at, outcome);
        case UEVENT_REMOVE:
                apply_removal(registry, at, outcome);
                return 0;
        case UEVENT_UNBIND:
        case UEVENT_OFFLINE:
                /* They say nothing that is not known, and forget much. The driver stays learned too: programs
                 * take the kernel's driver off a device that they were given because of it. */
                clear_mark(registry, at);
                return 0;
        case UEVENT_ACTION_MAX:
        case UEVENT_ACTION_INVALID:
                break;
        }
        return -EBADMSG;
}

int registry_apply(Registry *registry, const Uevent *event, bool complete, RegistryChange *ret_change,
                   Device **ret_device) {
        Outcome outcome = {.change = REGISTRY_UNCHANGED};
        Arrival at;
        int r;

        assert(registry && event && ret_change && ret_device);

        r = locate(event, complete, &at);
        if (r == -ENODEV)
                r = 0;
        else if (r >= 0)
                r = apply(registry, &at, &outcome);
        if (r < 0)
                return r;

        *ret_change = outcome.change;
        *ret_device = outcome.device;
        return r;
}
