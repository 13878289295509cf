/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plan/item.h"

/*
 * The steps that turn what is present in a container into what is wanted there.
 *
 * Pure, and the same for one device as for everything: the caller chooses the scope by what it puts into the
 * sets. Properties that the tests hold it to: plan(x, x) is empty; applied to present it gives wanted; every
 * removal comes before every add; right before node before event on the way in, the reverse on the way out,
 * but for entries of the udev database, which go before events both ways, and for one that replaces another
 * (item_replaces()), which is an add and no removal; undoing any prefix restores present, the entry that was
 * replaced included; the order of the input does not matter; only keys of either set are touched.
 */

typedef enum StepAction {
        STEP_ADD,
        STEP_REMOVE,
} StepAction;

typedef struct Step {
        StepAction action;
        Item *item; /* a reference */
} Step;

typedef struct Plan {
        Step *steps;
        size_t n_steps;
} Plan;

void plan_deinit(Plan *plan);

/* Return: 0 or -ENOMEM; *ret is empty on failure. */
int plan(const ItemSet *wanted, const ItemSet *present, Plan *ret);
