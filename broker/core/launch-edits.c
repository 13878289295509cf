/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What has to be known of CDI devices before a container starts.
 *
 * Devices are given to containers that run. But a variable or a group is a process' from its start on, so it
 * is worked out for the container that there is going to be: by its name and labels, as the policy would
 * decide now. What is decided otherwise later is found by comparing: the container says what its init was
 * given, and each grant what of its device that lacks.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "core/manager-internal.h"
#include "source/sysfs.h"
#include "util/string.h"

#define ENV_MAX      128U
#define ENV_SIZE_MAX 512U
#define GIDS_MAX     64U

static int add_labels(PropertyList *list, char *const *labels) {
        for (; labels && *labels; labels++) {
                const char *equals = strchr(*labels, '=');
                _cleanup_free_ char *key = equals ? strndup(*labels, (size_t)(equals - *labels)) : NULL;
                int r;

                if (!key)
                        return -ENOMEM;
                r = property_list_set(list, key, equals + 1);
                if (r < 0 && r != -EINVAL)
                        return r;
        }
        return 0;
}

/* What is not taken is reported as not set: more than a keeper's arguments have room for, and a variable that
 * nobody could write down as a line. */
static int add_started(Edits *started, const Edits *edits) {
        int r = 0;

        for (size_t i = 0; i < edits->n_env && r >= 0; i++)
                if (started->n_env < ENV_MAX && strlen(edits->env[i]) < ENV_SIZE_MAX &&
                    !strchr(edits->env[i], '\n'))
                        r = edits_add_env(started, edits->env[i]);
        for (size_t i = 0; i < edits->n_gids && r >= 0; i++)
                if (edits->gids[i] > 0 && started->n_gids < GIDS_MAX)
                        r = edits_add_gid(started, edits->gids[i]);
        return r;
}

static int add_device(const Manager *manager, const Device *device, const Container *container,
                      Edits *started) {
        const Rule *rule = wanted_deciding_rule(manager->rules, device, container, &sysfs_reader);
        const Container *holder;
        unsigned int at = 0;
        const Edits *edits;
        int r = 0;

        if (!rule || rule->deny || rule->give.when != GIVE_PRESENT ||
            !(device_is_cdi(device) || rule->give.cdi.n_items > 0) ||
            !manager_has_place(device, rule, &holder))
                return 0;
        while (r >= 0 && (edits = wanted_next_edits(&manager->registry, device, &rule->give, &at)))
                r = add_started(started, edits);
        return r;
}

int manager_start_edits(const Manager *manager, const char *name, char *const *labels, Edits *ret) {
        _cleanup_(container_freep) Container *container = NULL;
        int r;

        assert(manager && name && ret);

        if (!manager->cdi || cdi_source_is_empty(manager->cdi))
                return 0;
        r = container_new(name, "davit", &container);
        if (r >= 0)
                r = manager_read_labels(manager, name, &container->labels);
        if (r >= 0)
                r = add_labels(&container->labels, labels);
        if (r < 0)
                return r;
        registry_devices_foreach(device, &manager->registry) {
                r = add_device(manager, device, container, ret);
                if (r < 0)
                        return r;
        }
        return 0;
}
