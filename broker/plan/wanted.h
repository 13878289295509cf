/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/registry.h"
#include "plan/item.h"
#include "rule/rule-set.h"

/*
 * Who should have a device, and what that means in the container.
 */

/* A manual decision, which goes before the rules: attach gives, detach takes away until the device or the
 * container goes or the other call is made. Kept by (device id, container name); a detach from
 * OVERRIDE_EVERYBODY leaves the device to those alone to whom it is attached. */
#define OVERRIDE_EVERYBODY "*"

typedef struct Override {
        char *device;
        char *container;
        bool attach;
        bool interfaces; /* of an attach: with the device's network interfaces */
        struct Override *next;
} Override;

/* One grant that should exist. */
typedef struct Wish {
        Container *container; /* borrowed */
        GrantOrigin origin;
        const Rule *rule; /* borrowed; NULL for a manual grant that no rule describes */
        bool interfaces;  /* a manual grant with the device's network interfaces, whatever the rule says */
        bool away;        /* the grant is to stay, and nothing of the device to be in the container now */
} Wish;

typedef struct WishList {
        Wish *items;
        size_t n_items, allocated;
} WishList;

void wish_list_deinit(WishList *list);

/* Which containers a rule is for, remembered between events: matching a device must not walk all containers.
 * Valid for one rule set; target_cache_invalidate() after a container came or went. */
typedef struct TargetCache TargetCache;
int target_cache_new(const RuleSet *rules, TargetCache **ret);
TargetCache *target_cache_free(TargetCache *cache);
DEFINE_CLEANUP(TargetCache *, target_cache_free);
void target_cache_invalidate(TargetCache *cache);

/**
 * wanted_for_device() - who should have @device now
 *
 * For each container the first rule that matches both decides; overrides go before. Who has a grant keeps it
 * as long as its rule and share allow; free places are dealt in rule order, then in the order in which
 * containers came. A grant that is held (Grant.hold) stays with who
 * has it whatever the rules give to others, unless a rule denies it; a device without parts is wanted by
 * those alone who hold it so.
 *
 * Only grants that the registry holds now, the device's own, are looked at as holders.
 *
 * Return: 0 or -ENOMEM.
 */
int wanted_for_device(Registry *registry, TargetCache *cache, const Override *overrides, const Device *device,
                      const AttributeReader *reader, WishList *ret);

/* The rule that decides for this pair, NULL where none matches; a deny rule is returned as any other. */
const Rule *wanted_deciding_rule(const RuleSet *rules, const Device *device, const Container *container,
                                 const AttributeReader *reader);

/**
 * wanted_items() - what a grant consists of
 * @give:       of the deciding rule, or &GIVE_DEFAULT
 * @interfaces: the device's network interfaces too, also where the rule does not say `net:`
 *
 * Return: 0; -ERANGE the rule's owner has no id in the container's map; -EINVAL the symlink's template gives
 * no path below /dev; -ENOMEM.
 */
int wanted_items(const Device *device, const Container *container, const Give *give, bool manual,
                 ItemSet *ret);

/* Adds to @set, what wanted_items() gave, the shared items that go along with @device: device_companion().
 * Return: as wanted_items(); @set is to be thrown away on failure. */
int wanted_companions(const Registry *registry, const Device *device, const Container *container,
                      const Give *give, ItemSet *set);

/* Adds to @set what CDI devices mean: @device, if it is one, and those that go along by @give. One of these
 * that is not there adds nothing. Return: as wanted_items(); -ENOENT or -ENODEV a node is not on the host;
 * -EOPNOTSUPP what the file asks for cannot be given, see edits_report(); -EEXIST two of them, or the device
 * itself, bring different things of one name. */
int wanted_edits(const Registry *registry, const Device *device, const Container *container, const Give *give,
                 ItemSet *set);

/* One after the other of the edits that wanted_edits() is about, borrowed; NULL behind the last. *at starts
 * with 0. */
const Edits *wanted_next_edits(const Registry *registry, const Device *device, const Give *give,
                               unsigned int *at);
