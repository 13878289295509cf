/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Collecting: what a container should have, put together from what each of its grants means there.
 *
 * What one device has to itself follows from its grant alone, and most devices have nothing else: then no
 * other grant is looked at. What is shared (plan/item.h) follows from all grants of the container. So where a
 * grant brings something shared, or did at the last plan, all of them are put together, and what is asked for
 * is picked out of the whole; the answer for one device and the answer for all of them agree by that.
 *
 * Of two that share a thing and differ in its owner or mode, that counts which is in place already, else that
 * of the earlier grant; but before what a CDI file says of hardware that of the hardware's own grant. What
 * either lets the container open it may open. Of two that name a link alike the earlier has it.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "core/manager-internal.h"
#include "util/log.h"
#include "util/string.h"

const Give *grant_give(const Grant *grant) {
        static const Give manual = GIVE_DEFAULT;

        return grant->decision && !grant->decision->deny ? &grant->decision->give : &manual;
}

/* Return: 0; 1 nothing is to be given; errno, logged where @log says so. */
static int grant_items(const Manager *manager, const Grant *grant, bool log, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet items = {};
        int r;

        if (grant->state == GRANT_LEAVING || grant_is_away(grant))
                return 1;
        r = wanted_items(grant->device, grant->container, grant_give(grant), grant->interfaces, &items);
        if (r >= 0)
                r = wanted_companions(&manager->registry, grant->device, grant->container, grant_give(grant),
                                      &items);
        if (r >= 0)
                r = wanted_edits(&manager->registry, grant->device, grant->container, grant_give(grant),
                                 &items);
        if (r < 0) {
                if (log)
                        log_full(LOG_ERR, r,
                                 &(LogSubject){.device = grant->device->id,
                                               .container = grant->container->name,
                                               .rule = grant->rule},
                                 "What the rule says can not be given: %m");
                return r;
        }
        *ret = items;
        items = (ItemSet){};
        return 0;
}

/* Whether something of @items is in the container as a shared thing. */
static bool any_is_shared(const ItemSet *items, const ItemSet *present) {
        if (present->n_shared == 0)
                return false;
        for (size_t i = 0; i < items->n_items; i++) {
                const Item *have = item_set_find(present, items->items[i]);

                if (have && item_is_shared(have))
                        return true;
        }
        return false;
}

/* Return: 0; 1 the other grants have a say; errno. */
static int collect_one(const Manager *manager, Container *container, const char *device, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet items = {};
        Grant *grant = container->grants;
        bool shares, shared;
        int r;

        while (grant && !streq(grant->device->id, device))
                grant = grant->container_next;
        if (!grant) {
                *ret = (ItemSet){};
                return 0;
        }
        r = grant_items(manager, grant, /* log= */ true, &items);
        /* What it shared is for others to keep, or goes with it. */
        if (r < 0)
                return r != -ENOMEM && grant->shares ? 1 : r;
        shares = items.n_shared > 0;
        shared = shares || grant->shares ||
                 any_is_shared(&items, runner_present(context_of(container)->runner));
        grant->shares = shares;
        if (shared)
                return 1;

        *ret = items;
        items = (ItemSet){};
        return 0;
}

typedef struct Collection {
        const Container *container;
        Runner *runner;
        const char *device; /* who is asked for; NULL: everybody */
        ItemSet all;
} Collection;

static int replace(ItemSet *set, Item *item) {
        item_set_remove(set, item);
        return item_set_add(set, item);
}

/* Something that @device brings as its own is shared: when its grant goes the others have a say. */
static void mark_sharing(const Collection *collection, const char *device) {
        for (Grant *grant = collection->container->grants; grant; grant = grant->container_next)
                if (streq(grant->device->id, device))
                        grant->shares = true;
}

/* Which of two that are the same thing counts. */
static const Item *choose(const Collection *collection, const Item *item, const Item *there) {
        const Item *have = item_set_find(runner_present(collection->runner), item);

        if (item->common != there->common)
                return item->common ? there : item;
        if (!item_is_shared(there))
                return item;
        return have && item_is_shared(item) && !item_equal(have, there) && item_equal(have, item) ? item
                                                                                                  : there;
}

/* Has one item of @device join one that is there and is the same thing. */
static int collect_shared(Collection *collection, const char *device, Item *item, Item *there) {
        _cleanup_(item_unrefp) Item *first = item_ref(there), *both = NULL;
        Item fields = *choose(collection, item, there);
        int r;

        fields.device = ITEM_OWNER_SHARED;
        fields.refused = item->refused & there->refused;
        r = item_new(&fields, &both);
        if (r >= 0)
                r = replace(&collection->all, both);
        if (r >= 0 && !item_is_shared(first)) {
                mark_sharing(collection, first->device);
                r = runner_share(collection->runner, first->device, both);
        }
        mark_sharing(collection, device);
        return r < 0 ? r : runner_share(collection->runner, device, both);
}

/* Two devices that name their link alike, as two phones of one serial do: it is an alias only, so the one is
 * without it. Who has it keeps it, as at hotplug, where the other comes later. */
static int collect_link(Collection *collection, const char *device, Item *item, Item *there) {
        const Item *have = item_set_find(runner_present(collection->runner), item);
        int r;

        if (!have || !streq(have->device, device) || streq(have->device, there->device))
                return runner_await(collection->runner, device, item);
        r = runner_await(collection->runner, there->device, there);
        return r < 0 ? r : replace(&collection->all, item);
}

static int collect_item(Collection *collection, const char *device, Item *item) {
        Item *there = item_set_find(&collection->all, item);
        int r;

        if (!there) {
                r = item_set_add(&collection->all, item);
                return r < 0 || !item_is_shared(item) ? r : runner_share(collection->runner, device, item);
        }
        if ((item_is_shared(item) || item_is_shared(there)) && item_is_same_thing(item, there))
                return collect_shared(collection, device, item, there);
        if (item->kind == ITEM_LINK)
                return collect_link(collection, device, item, there);
        /* Two devices that claim one name: who came first has it. */
        if (!collection->device || streq(collection->device, device))
                return runner_concern(collection->runner, device, -EEXIST);
        return 0;
}

static int collect_grant(Collection *collection, const Manager *manager, Grant *grant) {
        const char *device = grant->device->id;
        _cleanup_(item_set_deinit) ItemSet items = {};
        int r;

        if (!collection->device) {
                r = runner_concern(collection->runner, device, 0);
                if (r < 0)
                        return r;
        }
        r = grant_items(manager, grant, /* log= */ !collection->device, &items);
        grant->shares = items.n_shared > 0;
        if (r > 0 || r == -ENOMEM)
                return r;
        if (r < 0)
                return collection->device && !streq(collection->device, device)
                               ? 0
                               : runner_concern(collection->runner, device, r);
        for (size_t i = 0; i < items.n_items; i++) {
                r = collect_item(collection, device, items.items[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Of all that the container should have, what a plan for one device is about: its own, what is shared, and
 * what is shared no more and goes back to whose it is. */
static int pick(const Collection *collection, ItemSet *ret) {
        const ItemSet *present = runner_present(collection->runner);
        _cleanup_(item_set_deinit) ItemSet picked = {};

        for (size_t i = 0; i < collection->all.n_items; i++) {
                Item *item = collection->all.items[i];
                const Item *have;
                int r;

                if (!item_is_shared(item) && !streq(item->device, collection->device)) {
                        have = item_set_find(present, item);
                        if (!have || !item_is_shared(have))
                                continue;
                }
                r = item_set_add(&picked, item);
                if (r < 0)
                        return r;
        }
        *ret = picked;
        picked = (ItemSet){};
        return 0;
}

int manager_wanted(Manager *manager, Container *container, const char *device, ItemSet *ret) {
        Collection collection = {
                .container = container,
                .runner = context_of(container)->runner,
                .device = device,
        };
        int r;

        if (device) {
                r = collect_one(manager, container, device, ret);
                if (r <= 0)
                        return r;
        }

        for (Grant *grant = container->grants; grant; grant = grant->container_next) {
                r = collect_grant(&collection, manager, grant);
                if (r < 0)
                        goto finish;
        }
        if (device) {
                r = pick(&collection, ret);
                r = r < 0 ? r : 1;
                goto finish;
        }
        *ret = collection.all;
        return 0;
finish:
        item_set_deinit(&collection.all);
        return r;
}
