/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A list of pairs. A container has a handful of shared items and a few devices that want them, and the list
 * is looked into only where one of them fails.
 */

#include "config.h"

#include <string.h>

#include "core/sharers.h"

void sharers_deinit(Sharers *sharers) {
        for (size_t i = 0; i < sharers->n_items; i++) {
                free(sharers->items[i].device);
                item_unref(sharers->items[i].item);
        }
        free(sharers->items);
        *sharers = (Sharers){};
}

int sharers_add(Sharers *sharers, const char *device, Item *item) {
        char *copy;

        if (sharers_has(sharers, device, item))
                return 0;
        if (sharers->n_items == sharers->allocated) {
                size_t want = MAX(sharers->allocated * 2, 8U);
                Sharer *grown = reallocarray(sharers->items, want, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                sharers->items = grown;
                sharers->allocated = want;
        }
        copy = strdup(device);
        if (!copy)
                return -ENOMEM;
        sharers->items[sharers->n_items++] = (Sharer){copy, item_ref(item)};
        return 0;
}

void sharers_drop(Sharers *sharers, const char *device) {
        size_t n = 0;

        for (size_t i = 0; i < sharers->n_items; i++) {
                Sharer *sharer = &sharers->items[i];

                if (!streq(sharer->device, device)) {
                        sharers->items[n++] = *sharer;
                        continue;
                }
                free(sharer->device);
                item_unref(sharer->item);
        }
        sharers->n_items = n;
}

bool sharers_has(const Sharers *sharers, const char *device, const Item *item) {
        sharers_foreach(sharer, sharers, item) if (streq(sharer->device, device)) return true;
        return false;
}
