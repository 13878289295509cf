/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/plan.h"

/*
 * A small random world of items for property tests: few devices, paths and owners, so that keys meet often.
 */
typedef struct World {
        unsigned int seed;
} World;

/* Return: a number below @n; the same seed gives the same row of them. */
unsigned int world_draw(World *world, unsigned int n);

/* One item of any kind, owned by the caller. */
Item *world_item(World *world);

/* Up to @max items, at most one of each key. */
void world_set(World *world, unsigned int max, ItemSet *ret);
