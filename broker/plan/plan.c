/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The planner: a diff of two ordered sets.
 *
 * Both sets are ordered by kind, then path, and the kinds are numbered in the order in which things go in. So
 * one walk over both finds what is missing (adds, in the order of the walk) and what is too much or different
 * (removals, in the reverse order of the walk), and "right before node before event, and back" needs no
 * sorting. One thing is apart: as udevd takes the entry of a device out of its database before it tells of
 * the device's end, who hears of that and looks finds no entry; so entries go before events on the way out
 * too.
 *
 * What is different is replaced: its removal is a step of its own, before all adds. A node whose owner or
 * number is wrong is never mended in place, as the container may hold the old inode by another name. With a
 * node or an interface that is replaced its event goes too, so that the programs inside hear of the new one.
 *
 * An entry of the udev database that says something else of the same device is an add alone, which replaces
 * it at once: a program that looks meanwhile finds the one or the other, as with udevd.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "plan/plan.h"
#include "util/string.h"

void plan_deinit(Plan *plan) {
        for (size_t i = 0; i < plan->n_steps; i++)
                item_unref(plan->steps[i].item);
        free(plan->steps);
        *plan = (Plan){};
}

/* The name under which programs inside know the thing that an event tells of, "" where there is none. */
static const char *event_subject(const Item *event) {
        const char *name = property_list_get(&event->properties, "DEVNAME");

        return name ? (startswith(name, "/dev/") ?: name) : "";
}

/* Whether @event tells of a node of @wanted that is not in place as it should be. */
static bool event_is_stale(const Item *event, const ItemSet *wanted, const ItemSet *present) {
        Item key = {.kind = ITEM_NODE, .path = event_subject(event)};
        const Item *want, *have;

        if (!*key.path)
                return false;
        want = item_set_find(wanted, &key);
        have = item_set_find(present, &key);
        return want && (!have || !item_equal(want, have));
}

static bool item_stays(const Item *want, const Item *have, const ItemSet *wanted, const ItemSet *present) {
        if (!item_equal(want, have))
                return false;
        return want->kind != ITEM_EVENT || !event_is_stale(want, wanted, present);
}

static void reverse(Step *steps, size_t n) {
        for (size_t i = 0; i < n / 2; i++) {
                Step step = steps[i];

                steps[i] = steps[n - 1 - i];
                steps[n - 1 - i] = step;
        }
}

/* Of removals, of which those of events are the first and those of entries the next. */
static void put_entries_first(Step *steps, size_t n) {
        size_t n_events = 0, end;

        while (n_events < n && steps[n_events].item->kind == ITEM_EVENT)
                n_events++;
        for (end = n_events; end < n && steps[end].item->kind == ITEM_DATA; end++)
                ;
        reverse(steps, n_events);
        reverse(steps + n_events, end - n_events);
        reverse(steps, end);
}

int plan(const ItemSet *wanted, const ItemSet *present, Plan *ret) {
        size_t max = wanted->n_items + present->n_items, n_adds = 0, n_removals = 0;
        _cleanup_free_ Item **adds = NULL;
        _cleanup_free_ Step *steps = NULL;

        assert(ret);

        *ret = (Plan){};
        if (max == 0)
                return 0;

        adds = reallocarray(NULL, max, sizeof(*adds));
        steps = reallocarray(NULL, max, sizeof(*steps));
        if (!adds || !steps)
                return -ENOMEM;

        /* Removals are collected from the end of the array towards its front, adds in the order of the walk.
         */
        for (size_t w = 0, p = 0; w < wanted->n_items || p < present->n_items;) {
                Item *want = w < wanted->n_items ? wanted->items[w] : NULL;
                Item *have = p < present->n_items ? present->items[p] : NULL;
                int order = !want ? 1 : !have ? -1 : item_compare_key(want, have);

                if (order <= 0)
                        w++;
                if (order >= 0)
                        p++;
                if (order == 0 && item_stays(want, have, wanted, present))
                        continue;
                if (order <= 0)
                        adds[n_adds++] = want;
                if (order > 0 || (order == 0 && !item_replaces(want, have)))
                        steps[max - ++n_removals] = (Step){STEP_REMOVE, have};
        }

        memmove(steps, steps + max - n_removals, n_removals * sizeof(*steps));
        put_entries_first(steps, n_removals);
        for (size_t i = 0; i < n_adds; i++)
                steps[n_removals + i] = (Step){STEP_ADD, adds[i]};
        for (size_t i = 0; i < n_removals + n_adds; i++)
                item_ref(steps[i].item);

        ret->n_steps = n_removals + n_adds;
        ret->steps = TAKE_PTR(steps);
        return 0;
}
