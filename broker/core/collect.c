/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Collecting: what a container should have, put together from what each of its grants means there.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "core/manager-internal.h"
#include "util/log.h"
#include "util/string.h"

static const Give *grant_give(const Grant *grant) {
        static const Give manual = GIVE_DEFAULT;

        return grant->decision && !grant->decision->deny ? &grant->decision->give : &manual;
}

int manager_wanted(Manager *manager, Container *container, const char *device, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet all = {};

        for (Grant *grant = container->grants; grant; grant = grant->container_next) {
                _cleanup_(item_set_deinit) ItemSet items = {};
                int r;

                if (device && !streq(grant->device->id, device))
                        continue;
                if (!device) {
                        r = runner_concern(context_of(container)->runner, grant->device->id, 0);
                        if (r < 0)
                                return r;
                }
                if (grant->state == GRANT_LEAVING)
                        continue;
                r = wanted_items(grant->device, container, grant_give(grant), grant->interfaces, &items);
                if (r < 0) {
                        log_full(LOG_ERR, r,
                                 &(LogSubject){.device = grant->device->id,
                                               .container = container->name,
                                               .rule = grant->rule},
                                 "What the rule says can not be given: %m");
                        if (device || r == -ENOMEM)
                                return r;
                        r = runner_concern(context_of(container)->runner, grant->device->id, r);
                        if (r < 0)
                                return r;
                        continue;
                }
                for (size_t i = 0; i < items.n_items; i++) {
                        r = item_set_add(&all, items.items[i]);
                        /* Two devices that claim one name: who came first has it. */
                        if (r == -EEXIST)
                                r = runner_concern(context_of(container)->runner, grant->device->id, r);
                        if (r < 0)
                                return r;
                }
        }

        *ret = all;
        all = (ItemSet){};
        return 0;
}
