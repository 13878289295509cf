/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Grants to yields.
 *
 * A grant that failed gives nothing, so nothing is yielded for it; all others count, also those that are on
 * their way in or out: a service that takes the device then would be in the way.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "plan/yield.h"
#include "rule/rule.h"
#include "util/string.h"

/* Whether the host's own interfaces leave it. What others are made on top of, or whose functions are given,
 * stays the host's, which is perhaps reached by it. */
static bool interfaces_leave(const Grant *grant, const GiveNet *net) {
        return (grant->interfaces || net->set) && net_mode_takes(net->mode);
}

static YieldSet yield_of(const Grant *grant) {
        static const Give manual = GIVE_DEFAULT;
        const Give *give = grant->decision && !grant->decision->deny ? &grant->decision->give : &manual;
        YieldSet set = give->kinds & PART_KINDS_NODES;

        if (startswith(grant->device->id, "usb-"))
                set = PART_KINDS_NODES | (give->net.set ? 0 : 1U << PART_NET);
        if (interfaces_leave(grant, &give->net))
                set |= 1U << PART_NET;
        return set && grant->share == 1 ? set | YIELD_EXCLUSIVE : set;
}

YieldSet yield_wanted(const Device *device) {
        YieldSet set = 0;

        assert(device);

        for (const Grant *grant = device->grants; grant; grant = grant->device_next)
                if (grant->state != GRANT_FAILED)
                        set |= yield_of(grant);
        return set;
}
