/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/device.h"

/*
 * What keeps a device the container's beyond what its rule matches now: a grant by a rule with `linger` is
 * held by (place, serial). It stays through other modes of the device, which are other products with other
 * interfaces, and for a time while the device is away altogether.
 */
typedef struct Hold {
        Grant *grant; /* that it belongs to; the grant owns it */
        const struct Rule
                *rule;       /* by which it is held, borrowed from the policy in force; the core renews it */
        char *serial;        /* of the device when it last said one; NULL: it never did */
        char *devpath;       /* of the device's root object */
        uint64_t until_usec; /* CLOCK_BOOTTIME: when it ends unless the device is back; 0: it is there */
        bool ambiguous;      /* another device that was there has said this serial too */
        bool dirty;          /* the core's: not written down as it is now */
        struct Hold *prev, *next; /* the core's list */
} Hold;

/* A hold of what @device is now. Return: 0 or -ENOMEM. */
int hold_new(Grant *grant, const struct Rule *rule, const Device *device, Hold **ret);
void hold_free(Hold *hold); /* it is in no list */
DEFINE_CLEANUP(Hold *, hold_free);

/**
 * hold_learn() - take over what the device says of itself now
 *
 * What it says no more stays: a phone's boot loader may know no serial.
 *
 * Return: 1 something is new; 0; -ENOMEM.
 */
int hold_learn(Hold *hold, const Device *device);

/* Whether @device, of which device_is_known() holds, is the one that is held. The serial decides where both
 * have one, else the place; a hub is no mode of anything. */
bool hold_concerns(const Hold *hold, const Device *device);
