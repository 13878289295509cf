/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/grant.h"
#include "model/uevent.h"

/*
 * All that is known now: devices by id, parts by devpath and by number, containers by name, grants by both
 * ends. Owns all of them. Pure: no system call but memory.
 */

/* Bounds; above them an arrival is refused with -ENOSPC and nothing that is known is lost. */
#define REGISTRY_DEVICES_MAX    65536
#define REGISTRY_CONTAINERS_MAX 4096
#define REGISTRY_WAITING_MAX    16384

typedef struct Registry {
        Device *devices;  /* hash by id */
        Part *by_devpath; /* hash by devpath */
        Part *by_rdev;    /* hash by Part.node_key */
        Device *waiting;  /* hash by id: bare parts in no index, that came before any node of their device (a
                           * PCI function  comes before its DRM card). They go over to it with the first, and
                           * wait again after the last. */
        Container *containers;
        uint64_t seq;
} Registry;

#define registry_devices_foreach(device, registry)                                                          \
        for (Device *device = (registry)->devices, *_next_device = device ? device->hh.next : NULL; device; \
             device = _next_device, _next_device = device ? device->hh.next : NULL)
#define registry_containers_foreach(container, registry)                         \
        for (Container *container = (registry)->containers,                      \
                       *_next_container = container ? container->hh.next : NULL; \
             container;                                                          \
             container = _next_container, _next_container = container ? container->hh.next : NULL)

void registry_init(Registry *registry);
void registry_deinit(Registry *registry);

/* What registry_apply() answers. */
typedef enum RegistryChange {
        REGISTRY_UNCHANGED, /* nothing that concerns us */
        REGISTRY_ADDED,     /* a device came, or one has a new part */
        REGISTRY_CHANGED,   /* a device says something else of itself */
        REGISTRY_REMOVED,   /* a part went; the device is there still, perhaps with no part: see below */
} RegistryChange;

/**
 * registry_apply() - take an event into the model
 * @event:      a decoded event of any action
 * @complete:   whether it tells all there is to tell: true for udev's, false for the kernel's
 * @ret_change: what it meant; may not be NULL
 * @ret_device: the device concerned, borrowed; NULL for REGISTRY_UNCHANGED
 *
 * Only what has a node or an interface, or is a USB device, is a device here: bare PCI functions and the like
 * wait unseen.
 *
 * A device whose last part went is kept with `n_parts == 0`, so that its grants can be planned away with all
 * that was known of it; then call registry_drop_device(). A removal of a root object takes all parts below it
 * along, also the interfaces that are away: their own events went to another network namespace. A node number
 * that another part holds still belongs to the newcomer: the old one's removal was lost.
 *
 * An interface that is away hears no removal of itself; an add of it says that it is back.
 *
 * One event may mean a loss and an arrival: the number was another device's until now; another phone is in
 * the place of one whose removal was lost; a virtual interface, whose name is its place, was renamed. Then
 * the answer is REGISTRY_REMOVED for the device that loses, and 1: the caller deals with that, and then
 * applies the same event again for as long as it gets 1. That ends, as something goes each time.
 *
 * Return: 0; 1 apply it again; -ENOSPC a bound is reached; -EBADMSG from part_new(); -ENOMEM.
 */
int registry_apply(Registry *registry, const Uevent *event, bool complete, RegistryChange *ret_change,
                   Device **ret_device);

Device *registry_device(const Registry *registry, const char *id);
Part *registry_part(const Registry *registry, const char *devpath);
Part *registry_part_by_rdev(const Registry *registry, char type, dev_t rdev);

/**
 * registry_find_device() - find a device by what people call it
 * @name:       its id, place, serial, a node ("/dev/…"), an interface's name, a devpath with or without
 * "/sys", or a CDI device's qualified name
 *
 * Return: 0; -ENODEV none; -ENOTUNIQ several, as duplicate serials are common.
 */
int registry_find_device(const Registry *registry, const char *name, Device **ret);

/* A device that somebody waits for and that is not there: @devpath is its root object's, @serial may be NULL.
 * Return: 0; -EEXIST one of its id is there; -EINVAL no path of a device; -ENOSPC; -ENOMEM. */
int registry_add_absent(Registry *registry, const char *devpath, const char *serial, Device **ret);

/* Frees a device; it must have no grants. */
void registry_drop_device(Registry *registry, Device *device);

/* Hands @container over. Return: 0; -EEXIST the name is taken; -ENOSPC; -ENOMEM. On failure the caller keeps
 * it. */
int registry_add_container(Registry *registry, Container *container);
Container *registry_container(const Registry *registry, const char *name);
/* Frees a container; it must have no grants. */
void registry_drop_container(Registry *registry, Container *container);

/* The grant of @device to @container, NULL where there is none. */
Grant *registry_grant(const Device *device, const Container *container);
/* Records that @device is given. @rule may be NULL. Return: 0; -EEXIST; -ENOMEM. */
int registry_add_grant(Registry *registry, Device *device, Container *container, GrantOrigin origin,
                       const char *rule, Grant **ret);
void registry_drop_grant(Registry *registry, Grant *grant);

/**
 * Marks and sweep for a rescan: registry_mark() marks every part; each event applied after it clears the mark
 * of the part it names; registry_sweep() calls @gone with the devpath of each part that is marked still and
 * not away. The callback may apply removals and drop devices.
 *
 * Return: 0; -ENOMEM; a negative answer of @gone, which ends the sweep.
 */
void registry_mark(Registry *registry);
int registry_sweep(Registry *registry, int (*gone)(const char *devpath, void *userdata), void *userdata);
