/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Grants: who has what, now. A grant is in two lists, its device's and its container's, and owned by the
 * registry; both ends outlive it.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <utlist.h>

#include "model/registry.h"
#include "util/string.h"

static const char *const origin_names[GRANT_ORIGIN_MAX] = {
        [GRANT_POLICY] = "policy",
        [GRANT_MANUAL] = "manual",
};

const char *grant_origin_to_string(GrantOrigin origin) {
        return origin >= 0 && origin < GRANT_ORIGIN_MAX ? origin_names[origin] : NULL;
}

GrantOrigin grant_origin_from_string(const char *s) {
        return (GrantOrigin)string_table_find(origin_names, GRANT_ORIGIN_MAX, s);
}

static const char *const state_names[GRANT_STATE_MAX] = {
        [GRANT_PENDING] = "pending", [GRANT_ACTIVE] = "active",       [GRANT_FAILED] = "failed",
        [GRANT_LEAVING] = "leaving", [GRANT_LINGERING] = "lingering",
};

const char *grant_state_to_string(GrantState state) {
        return state >= 0 && state < GRANT_STATE_MAX ? state_names[state] : NULL;
}

GrantState grant_state_from_string(const char *s) {
        return (GrantState)string_table_find(state_names, GRANT_STATE_MAX, s);
}

const char *grant_error_to_string(int error) {
        return error == GRANT_NO_FUNCTION ? "No free virtual function" : strerror(-error);
}

static void grant_free(Grant *grant) {
        hold_free(grant->hold);
        free(grant->rule);
        free(grant->lacking);
        free(grant);
}
DEFINE_CLEANUP(Grant *, grant_free);

Grant *registry_grant(const Device *device, const Container *container) {
        Grant *grant;

        DL_FOREACH2(device->grants, grant, device_next)
        if (grant->container == container)
                return grant;
        return NULL;
}

int registry_add_grant(Registry *registry, Device *device, Container *container, GrantOrigin origin,
                       const char *rule, Grant **ret) {
        _cleanup_(grant_freep) Grant *grant = NULL;

        assert(registry && device && container);

        if (registry_grant(device, container))
                return -EEXIST;

        grant = calloc(1, sizeof(*grant));
        if (!grant)
                return -ENOMEM;
        if (rule) {
                grant->rule = strdup(rule);
                if (!grant->rule)
                        return -ENOMEM;
        }
        grant->device = device;
        grant->container = container;
        grant->origin = origin;
        grant->seq = ++registry->seq;
        DL_APPEND2(device->grants, grant, device_prev, device_next);
        DL_APPEND2(container->grants, grant, container_prev, container_next);

        if (ret)
                *ret = grant;
        TAKE_PTR(grant);
        return 0;
}

void registry_drop_grant(_unused_ Registry *registry, Grant *grant) {
        if (!grant)
                return;
        DL_DELETE2(grant->device->grants, grant, device_prev, device_next);
        DL_DELETE2(grant->container->grants, grant, container_prev, container_next);
        grant_free(grant);
}
