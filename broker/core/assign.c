/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Assigning: who should have a device (plan/wanted.c) becomes grants, and grants become touches of the
 * containers' runners.
 *
 * A grant that is not wanted any more is leaving until its runner has settled it; until then its place is
 * taken, so an exclusive device is never in two containers, not for a moment either. When it is gone, the
 * device is assigned anew, and the next in line gets it.
 *
 * Runners answer from within a touch where nothing has to wait. An answer never frees what the loops here
 * walk over: a grant is dropped, and its device assigned anew, from the one place that says so below.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "core/manager-internal.h"
#include "model/cdi-name.h"
#include "source/sysfs.h"
#include "util/log.h"
#include "util/string.h"

static const Wish *find_wish(const WishList *wishes, const Container *container) {
        for (size_t i = 0; i < wishes->n_items; i++)
                if (wishes->items[i].container == container)
                        return &wishes->items[i];
        return NULL;
}

static void grant_set_state(Manager *manager, Grant *grant, GrantState state, int error) {
        if (grant->state == state && grant->error == error)
                return;
        grant->state = state;
        grant->error = error;
        manager_notify(manager, OBJECT_GRANT, grant->device->id, grant->container->name);
}

/* The grant follows the rule by which it is wanted now. Return: 1 it was by another before; 0; -ENOMEM. */
static int grant_set_decision(Grant *grant, const Wish *wish) {
        const char *name = wish->rule ? wish->rule->name : NULL;

        grant->share = wish->rule ? wish->rule->give.share : GIVE_DEFAULT.share;
        grant->interfaces = wish->interfaces;
        if (grant->decision == wish->rule && grant->origin == wish->origin)
                return 0;
        if (!streq_ptr(grant->rule, name)) {
                char *copy = name ? strdup(name) : NULL;

                if (name && !copy)
                        return -ENOMEM;
                free(grant->rule);
                grant->rule = copy;
        }
        grant->decision = wish->rule;
        grant->origin = wish->origin;
        return 1;
}

/* Drops a device of which nothing is left. */
static void drop_if_gone(Manager *manager, Device *device) {
        _cleanup_free_ char *id = NULL;

        if (device->n_parts > 0 || device->grants)
                return;
        id = strdup(device->id);
        /* That of a CDI device stays for as long as the container: its file may be made anew. */
        if (!device_is_cdi(device))
                manager_drop_overrides(manager, device->id, NULL);
        registry_drop_device(&manager->registry, device);
        if (id)
                manager_notify(manager, OBJECT_DEVICE, id, NULL);
}

/* An interface is away for as long as the container has it. */
static void sync_away(Device *device, Container *container) {
        const ItemSet *present = runner_present(context_of(container)->runner);

        device_parts_foreach(part, device) {
                bool away = false;

                if (part->kind != PART_NET || !part->away)
                        continue;
                for (size_t i = 0; i < present->n_items; i++)
                        if (item_takes_interface(present->items[i]) &&
                            streq(present->items[i]->target, part->name))
                                away = true;
                part->away = away;
        }
}

void manager_settled(Manager *manager, Container *container, const char *device_id, int error) {
        Device *device = registry_device(&manager->registry, device_id);
        Grant *grant = device ? registry_grant(device, container) : NULL;

        /* What was found in a container of a device that is not there. */
        if (!grant)
                return;

        sync_away(device, container);
        /* It is not what we take it for: its removal was out of our sight, as in another namespace. Where it
         * is so again, no look has helped. */
        if (error == -ENODEV && grant->error != -ENODEV)
                manager_rescan(manager);
        if (grant->state != GRANT_LEAVING) {
                if (error >= 0) {
                        manager_hold(manager, grant);
                        manager_note_given(manager, grant);
                }
                manager_note_lacking(manager, grant);
                grant_set_state(manager, grant,
                                error < 0              ? GRANT_FAILED
                                : grant_is_away(grant) ? GRANT_LINGERING
                                                       : GRANT_ACTIVE,
                                error);
                manager_check_waiters(manager);
                return;
        }

        /* As long as something of it is in there, its place is not free. */
        if (error < 0) {
                grant_set_state(manager, grant, GRANT_LEAVING, error);
                manager_check_waiters(manager);
                return;
        }
        manager_end_hold(manager, grant);
        manager_note_taken(manager, grant);
        registry_drop_grant(&manager->registry, grant);
        manager_notify(manager, OBJECT_GRANT, device_id, container->name);
        manager_assign(manager, device);
        manager_check_waiters(manager);
}

/* Marks the first grant that is not wanted as leaving. Return: it; NULL where there is none. */
static Grant *next_unwanted(Manager *manager, Device *device, const WishList *wishes) {
        for (Grant *grant = device->grants; grant; grant = grant->device_next)
                if (grant->state != GRANT_LEAVING && !find_wish(wishes, grant->container)) {
                        grant_set_state(manager, grant, GRANT_LEAVING, 0);
                        manager_end_stay(manager, grant);
                        return grant;
                }
        return NULL;
}

static int give(Manager *manager, Device *device, const Wish *wish) {
        Grant *grant = registry_grant(device, wish->container);
        int r;

        if (!grant) {
                r = registry_add_grant(&manager->registry, device, wish->container, wish->origin,
                                       wish->rule ? wish->rule->name : NULL, &grant);
                if (r < 0)
                        return r;
                manager_notify(manager, OBJECT_GRANT, device->id, wish->container->name);
        }
        r = grant_set_decision(grant, wish);
        if (r < 0)
                return r;
        if (r > 0)
                manager_notify(manager, OBJECT_GRANT, device->id, wish->container->name);
        manager_set_away(manager, grant, wish->away);
        /* It is tried again, so that it failed or was away before is no answer any more. */
        if (grant->state == GRANT_FAILED || (grant->state == GRANT_LINGERING && !wish->away))
                grant_set_state(manager, grant, GRANT_PENDING, 0);
        if (!manager->deferring)
                runner_touch(context_of(wish->container)->runner, device->id);
        return 0;
}

/* Return: 0; 1 the device is gone; errno. */
static int take_back_unwanted(Manager *manager, Device *device, WishList *wishes) {
        _cleanup_free_ char *id = NULL;
        Grant *grant;
        int r;

        if (device->grants) {
                id = strdup(device->id);
                if (!id)
                        return -ENOMEM;
        }
        for (;;) {
                wish_list_deinit(wishes);
                r = wanted_for_device(&manager->registry, manager->targets, manager->overrides, device,
                                      &sysfs_reader, wishes);
                if (r < 0)
                        return r;
                grant = next_unwanted(manager, device, wishes);
                if (!grant)
                        return 0;
                if (manager->deferring)
                        continue;
                /* It may settle at once; then the device was assigned anew from within, and where it was
                 * unplugged the last grant took it along. Either way what was worked out above is out of
                 * date. */
                runner_touch(context_of(grant->container)->runner, id);
                if (registry_device(&manager->registry, id) != device)
                        return 1;
        }
}

void manager_assign(Manager *manager, Device *device) {
        _cleanup_(wish_list_deinit) WishList wishes = {};
        int r;

        manager_check_holds(manager, device);
        r = take_back_unwanted(manager, device, &wishes);
        if (r > 0)
                return;
        if (r < 0) {
                log_full(LOG_ERR, r, &(LogSubject){.device = device->id},
                         "Failed to work out who should have it: %m");
                return;
        }

        for (size_t i = 0; i < wishes.n_items; i++) {
                r = give(manager, device, &wishes.items[i]);
                if (r < 0)
                        log_full(LOG_ERR, r,
                                 &(LogSubject){.device = device->id,
                                               .container = wishes.items[i].container->name},
                                 "Failed to grant it: %m");
        }
        drop_if_gone(manager, device);
}

void manager_assign_all(Manager *manager) {
        manager->deferring = true;
        registry_devices_foreach(device, &manager->registry)
                manager_assign(manager, device);
        manager->deferring = false;
        registry_containers_foreach(container, &manager->registry)
                runner_touch_all(context_of(container)->runner);
}

static bool brings_along(const Grant *grant, const char *id) {
        char other[DEVICE_ID_MAX];

        for (unsigned int i = 0; device_companion(grant->device, i, other) >= 0; i++)
                if (streq(other, id))
                        return true;
        for (size_t i = 0; grant->decision && i < grant->decision->give.cdi.n_items; i++)
                if (cdi_name_to_id(grant->decision->give.cdi.items[i].glob, other, sizeof(other)) >= 0 &&
                    streq(other, id))
                        return true;
        return false;
}

static bool has_companion(const Container *container, const char *id) {
        for (const Grant *grant = container->grants; grant; grant = grant->container_next)
                if (brings_along(grant, id))
                        return true;
        return false;
}

void manager_touch_companions_of(Manager *manager, const char *id) {
        registry_containers_foreach(container, &manager->registry)
                if (has_companion(container, id))
                        runner_touch_all(context_of(container)->runner);
}

void manager_retry_cdi(Manager *manager) {
        if (!manager->cdi || cdi_source_is_empty(manager->cdi))
                return;
        registry_containers_foreach(container, &manager->registry)
                for (Grant *grant = container->grants; grant; grant = grant->container_next)
                        if (grant->state == GRANT_FAILED &&
                            (device_is_cdi(grant->device) || grant_give(grant)->cdi.n_items > 0)) {
                                runner_touch_all(context_of(container)->runner);
                                break;
                        }
}

void manager_renew_decisions(Manager *manager) {
        registry_containers_foreach(container, &manager->registry)
                for (Grant *grant = container->grants; grant; grant = grant->container_next)
                        grant->decision = NULL;
        manager_renew_holds(manager);
        manager_assign_all(manager);
}

/* An interface that was moved into the container before we started is out of the host's sight: it is known by
 * what was written down when it went. */
static int adopt_interface(Manager *manager, const Item *item) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD};
        RegistryChange change;
        const char *devpath;
        Device *device;
        Part *part;
        int r;

        devpath = property_list_get(&item->properties, "DEVPATH");
        if (!devpath)
                return 0;
        if (!registry_part(&manager->registry, devpath)) {
                r = property_list_copy(&event.properties, &item->properties);
                if (r < 0)
                        return r;
                while ((r = registry_apply(&manager->registry, &event, /* complete= */ true, &change,
                                           &device)) > 0)
                        ;
                if (r < 0)
                        return r;
        }
        part = registry_part(&manager->registry, devpath);
        if (part)
                part->away = true;
        return 0;
}

int manager_adopt(Manager *manager, Container *container) {
        const ItemSet *present = runner_present(context_of(container)->runner);
        int r;

        for (size_t i = 0; i < present->n_items; i++) {
                const Item *item = present->items[i];
                Device *device;
                Grant *grant;

                if (item_takes_interface(item)) {
                        r = adopt_interface(manager, item);
                        if (r < 0)
                                return r;
                }
                device = registry_device(&manager->registry, item->device);
                if (!device || registry_grant(device, container))
                        continue;
                r = registry_add_grant(&manager->registry, device, container, GRANT_POLICY, NULL, &grant);
                if (r < 0)
                        return r;
        }
        return manager_adopt_given(manager, container);
}
