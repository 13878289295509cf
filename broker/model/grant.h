/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/container.h"
#include "model/device.h"
#include "model/hold.h"

/* Why a device is given: a rule of the policy, or a call of attach. */
typedef enum GrantOrigin {
        GRANT_POLICY,
        GRANT_MANUAL,
        GRANT_ORIGIN_MAX,
        GRANT_ORIGIN_INVALID = -EINVAL,
} GrantOrigin;

typedef enum GrantState {
        GRANT_PENDING,   /* wanted, not in place yet */
        GRANT_ACTIVE,    /* all of it is in place */
        GRANT_FAILED,    /* could not be put in place; `error` says why */
        GRANT_LEAVING,   /* not wanted any more, being taken away: its place is not free yet */
        GRANT_LINGERING, /* the device is away, and its place kept for when it comes back */
        GRANT_STATE_MAX,
        GRANT_STATE_INVALID = -EINVAL,
} GrantState;

const char *grant_origin_to_string(GrantOrigin origin);
GrantOrigin grant_origin_from_string(const char *s);
const char *grant_state_to_string(GrantState state);
GrantState grant_state_from_string(const char *s);

/* Why a grant failed, for people: a negative errno, of which one has a meaning of its own here. */
const char *grant_error_to_string(int error);
#define GRANT_NO_FUNCTION (-EUSERS) /* all virtual functions of the card are in use */

/* The fact that a device is given to a container now. Owned by the registry, listed by both ends. */
struct Grant {
        Device *device;
        Container *container;
        GrantOrigin origin;
        GrantState state;
        int error;  /* negative errno of a failed grant, else 0 */
        char *rule; /* name of the deciding rule; NULL for a manual grant that no rule describes */
        const struct Rule
                *decision;  /* the rule itself, borrowed from the policy in force; the core renews it */
        bool interfaces;    /* a manual grant with the device's network interfaces */
        bool shares;        /* some of what it gives is shared with other grants, as of the last plan */
        unsigned int share; /* how many containers may have the device at a time, by that rule */
        uint64_t seq;       /* order of giving: first come keeps */
        char *lacking; /* what of its CDI devices the container does without, a line each; NULL: nothing */
        Hold *hold;    /* where its rule lets it linger; else NULL */
        struct Grant *device_prev, *device_next;
        struct Grant *container_prev, *container_next;
};

/* Whether the device is away and the grant waits for it: then nothing of it is to be in the container. */
static inline bool grant_is_away(const Grant *grant) {
        return grant->hold && grant->hold->until_usec > 0;
}
