/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * Which devices of one container want which of its items that are not their own alone: those that are shared,
 * and so are missed by several where they can not be put in place, or links that are another device's.
 */
typedef struct Sharer {
        char *device;
        Item *item; /* a reference; any item of the same key is meant */
} Sharer;

typedef struct Sharers {
        Sharer *items;
        size_t n_items, allocated;
} Sharers;

void sharers_deinit(Sharers *sharers);

/* Return: 0 or -ENOMEM. */
int sharers_add(Sharers *sharers, const char *device, Item *item);

/* Drops all pairs of @device. */
void sharers_drop(Sharers *sharers, const char *device);

bool sharers_has(const Sharers *sharers, const char *device, const Item *item);

/* Those who want @item. */
#define sharers_foreach(sharer, sharers, of)                                                           \
        for (const Sharer *sharer = (sharers)->items; sharer != (sharers)->items + (sharers)->n_items; \
             sharer++)                                                                                 \
                if (item_compare_key(sharer->item, (of)) == 0)
