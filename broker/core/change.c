/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Changes: what happened to a thing that stays where it is.
 *
 * That a thing is there is a state, which is planned for. That a monitor was plugged into a GPU, a disk into
 * its drive, or that udev has finished with a sound card is an event: nothing that is wanted or present
 * differs by it, and no plan can make up for it. So it is passed on by itself, behind the plan that the same
 * event led to, and so behind the entry of the udev database as it is from now on. What is told is what the
 * container should be told of the thing now, with what was said of the event alone.
 *
 * Only the kernel's and udev's own `change` is one. What we had udev look at again for our own sake is not,
 * nor is anything that a rescan finds. Where the thing has not been announced, nobody hears of its changes.
 *
 * Whoever writes to a disk makes it change, so that a container may decide how often that happens. After each
 * telling there is a pause; what comes meanwhile is told behind it, once where it says the same, and up to a
 * bound. It waits as well while a child of the queue is at work.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <utlist.h>

#include "core/manager-internal.h"
#include "model/yield.h"
#include "util/log.h"
#include "util/string.h"

#define CHANGES_MAX 64U
#define PAUSE_USEC  (UINT64_C(10) * 1000)

struct Change {
        char *devpath;
        PropertyList own; /* what the event alone says */
        struct Change *prev, *next;
};

static Change *change_free(Change *change) {
        if (!change)
                return NULL;
        property_list_deinit(&change->own);
        free(change->devpath);
        free(change);
        return NULL;
}
DEFINE_CLEANUP(Change *, change_free);

static void drop(Context *context, Change *change) {
        DL_DELETE(context->changes, change);
        context->n_changes--;
        change_free(change);
}

void context_drop_changes(Context *context) {
        while (context->changes)
                drop(context, context->changes);
        context->change_pause = loop_source_free(context->change_pause);
}

static Change *find(const Context *context, const char *devpath, const PropertyList *own) {
        Change *change;

        DL_FOREACH(context->changes, change)
                if (streq(change->devpath, devpath) && property_list_equal(&change->own, own))
                        return change;
        return NULL;
}

/* What the container is told of the thing at @devpath now, NULL where it was not told that it is there.
 * Return: 0; errno. */
static int find_announced(const Context *context, const char *devpath, Item **ret) {
        _cleanup_(item_set_deinit) ItemSet items = {};
        const Item key = {.kind = ITEM_EVENT, .path = devpath};
        const Manager *manager = context->manager;
        const Part *part = registry_part(&manager->registry, devpath);
        const Grant *grant = part ? registry_grant(part->device, context->container) : NULL;
        const Item *have;
        Item *want;
        int r;

        *ret = NULL;
        have = grant ? item_set_find(runner_present(context->runner), &key) : NULL;
        if (!have || grant->state == GRANT_LEAVING || grant_is_away(grant))
                return 0;
        r = wanted_items(part->device, context->container, grant_give(grant), grant->interfaces, &items);
        if (r < 0)
                return r;
        want = item_set_find(&items, &key);
        if (want && streq(want->device, have->device))
                *ret = item_ref(want);
        return 0;
}

static int tell(Context *context, const Change *change) {
        _cleanup_(property_list_deinit) PropertyList properties = {};
        _cleanup_(item_unrefp) Item *event = NULL;
        int r;

        r = find_announced(context, change->devpath, &event);
        if (r < 0 || !event)
                return r;
        /* A key that is in both is the event's: the first of two is found. */
        r = property_list_copy(&properties, &change->own);
        if (r >= 0)
                r = property_list_append(&properties, event->properties.data, event->properties.size);
        return r < 0 ? r : target_tell_change(context->target, &properties);
}

static void on_pause_over(void *userdata) {
        Context *context = userdata;

        context->change_pausing = false;
        context_tell_changes(context);
}

void context_tell_changes(Context *context) {
        bool any = false;

        if (!context->changes || context->change_pausing || !runner_is_idle(context->runner))
                return;
        while (context->changes) {
                int r = tell(context, context->changes);

                if (r < 0)
                        log_full(LOG_WARNING, r, &(LogSubject){.container = context->container->name},
                                 "Failed to tell that %s has changed: %m", context->changes->devpath);
                drop(context, context->changes);
                any = true;
        }
        context->change_pausing = any && loop_source_set_timer(context->change_pause, PAUSE_USEC) >= 0;
        context->changes_lost = false;
}

/* Return: 0; -ENOMEM. */
static int note(Context *context, const char *devpath, const PropertyList *own) {
        _cleanup_(change_freep) Change *change = NULL;
        int r;

        if (find(context, devpath, own))
                return 0;
        if (context->n_changes >= CHANGES_MAX) {
                if (!context->changes_lost)
                        log_full(LOG_WARNING, 0, &(LogSubject){.container = context->container->name},
                                 "Devices of container %s change too often: it is not told of all of it",
                                 context->container->name);
                context->changes_lost = true;
                return 0;
        }
        if (!context->change_pause) {
                r = loop_add_timer(context->manager->loop, on_pause_over, context, &context->change_pause);
                if (r < 0)
                        return r;
        }
        change = calloc(1, sizeof(*change));
        if (!change)
                return -ENOMEM;
        change->devpath = strdup(devpath);
        if (!change->devpath)
                return -ENOMEM;
        r = property_list_copy(&change->own, own);
        if (r < 0)
                return r;
        DL_APPEND(context->changes, change);
        context->n_changes++;
        TAKE_PTR(change);
        return 0;
}

void manager_pass_on(Manager *manager, const Uevent *event) {
        _cleanup_(property_list_deinit) PropertyList own = {};
        const Part *part;
        int r;

        if (event->action != UEVENT_CHANGE)
                return;
        part = registry_part(&manager->registry, uevent_devpath(event));
        if (!part || !part->device->grants || yield_is_echo(&event->properties))
                return;

        r = part_event_properties(&event->properties, &own);
        for (Grant *grant = part->device->grants; r >= 0 && grant; grant = grant->device_next) {
                Context *context = context_of(grant->container);

                if (grant->container->state != CONTAINER_RUNNING)
                        continue;
                r = note(context, part->devpath, &own);
                context_tell_changes(context);
        }
        if (r < 0)
                log_full(LOG_WARNING, r, &(LogSubject){.device = part->device->id},
                         "Failed to pass on that %s has changed: %m", part->devpath);
}
