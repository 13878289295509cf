/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What people ask of the manager: attach, detach, reload, explain. Each checks, notes the decision, and has
 * the devices assigned anew like any event; the answer comes when what it asked for has settled.
 */

#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "core/manager-internal.h"
#include "source/sysfs.h"
#include "util/log.h"
#include "util/string.h"

void call_fail(CallDone done, void *userdata, CallCode code, const char *format, ...) {
        char message[512];
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        done(userdata, code, message, 0);
}

static CallCode find_device(const Manager *manager, const char *name, Device **ret) {
        switch (registry_find_device(&manager->registry, name, ret)) {
        case 0:
                return CALL_OK;
        case -ENOTUNIQ:
                return CALL_AMBIGUOUS_DEVICE;
        default:
                return CALL_NO_SUCH_DEVICE;
        }
}

static CallCode find_pair(const Manager *manager, const char *device_name, const char *container_name,
                          Device **ret_device, Container **ret_container) {
        CallCode code = find_device(manager, device_name, ret_device);

        if (code != CALL_OK)
                return code;
        *ret_container = registry_container(&manager->registry, container_name);
        return *ret_container && (*ret_container)->state == CONTAINER_RUNNING ? CALL_OK
                                                                              : CALL_NO_SUCH_CONTAINER;
}

static void fail_pair(CallDone done, void *userdata, CallCode code, const char *device,
                      const char *container) {
        if (code == CALL_NO_SUCH_CONTAINER)
                call_fail(done, userdata, code, "No container %s runs", container);
        else if (code == CALL_AMBIGUOUS_DEVICE)
                call_fail(done, userdata, code, "Several devices are called %s: name one by its id or place",
                          device);
        else
                call_fail(done, userdata, code, "No device is called %s", device);
}

bool manager_has_place(const Device *device, const Rule *rule, const Container **ret_holder) {
        unsigned int places = rule ? rule->give.share : GIVE_DEFAULT.share, n = 0;

        for (const Grant *grant = device->grants; grant; grant = grant->device_next) {
                places = MIN(places, grant->share);
                *ret_holder = grant->container;
                n++;
        }
        return n < places;
}

/* Who attaches a NIC means its interface; who attaches a phone need not mean its tether. It is settled at the
 * attach: a device that loses its node later does not become a NIC by that. */
static bool device_has_node(const Device *device) {
        device_parts_foreach(part, device)
                if (part_is_node(part))
                        return true;
        return false;
}

void manager_attach(Manager *manager, const char *device_name, const char *container_name, CallDone done,
                    void *userdata) {
        const Container *holder = NULL;
        Container *container;
        Device *device;
        const Grant *grant;
        const Rule *rule;
        CallCode code;
        int r;

        code = find_pair(manager, device_name, container_name, &device, &container);
        if (code != CALL_OK) {
                fail_pair(done, userdata, code, device_name, container_name);
                return;
        }
        if (device->n_parts == 0) {
                call_fail(done, userdata, CALL_NO_SUCH_DEVICE, "%s is away just now", device->id);
                return;
        }
        rule = wanted_deciding_rule(manager->rules, device, container, &sysfs_reader);
        if (rule && rule->deny) {
                call_fail(done, userdata, CALL_DENIED, "Rule \"%s\" (%s:%u) denies %s to %s", rule->name,
                          rule->file, rule->line, device->id, container->name);
                return;
        }
        grant = registry_grant(device, container);
        if (!grant && !manager_has_place(device, rule, &holder)) {
                call_fail(done, userdata, CALL_BUSY, "%s is given to %s, and not to be shared", device->id,
                          holder->name);
                return;
        }

        /* Who gives it again by hand has the rules decide again for the others. */
        manager_drop_overrides(manager, device->id, OVERRIDE_EVERYBODY);
        r = manager_set_override(manager, device->id, container->name, /* attach= */ true,
                                 !device_has_node(device));
        if (r >= 0)
                r = manager_wait_for(manager, WAIT_GIVEN, device->id, container->name, done, userdata);
        if (r < 0) {
                manager_drop_overrides(manager, device->id, container->name);
                call_fail(done, userdata, CALL_FAILED, "Failed to note that %s is attached: %s", device->id,
                          strerror(-r));
                return;
        }
        /* Others who have it too settle again on the way, before there is anything to see of this one. */
        manager->attaching = true;
        manager_assign(manager, device);
        manager->attaching = false;
        manager_check_waiters(manager);
}

void manager_detach(Manager *manager, const char *device_name, const char *container_name, CallDone done,
                    void *userdata) {
        Container *container = NULL;
        Device *device;
        CallCode code;
        int r;

        code = container_name ? find_pair(manager, device_name, container_name, &device, &container)
                              : find_device(manager, device_name, &device);
        if (code != CALL_OK) {
                fail_pair(done, userdata, code, device_name, container_name);
                return;
        }
        if (container ? !registry_grant(device, container) : !device->grants) {
                call_fail(done, userdata, CALL_NOT_GRANTED, "%s is not given to %s", device->id,
                          container ? container->name : "anybody");
                return;
        }

        if (!container)
                manager_drop_overrides(manager, device->id, NULL);
        r = manager_set_override(manager, device->id, container ? container->name : OVERRIDE_EVERYBODY,
                                 /* attach= */ false, /* interfaces= */ false);
        if (r >= 0)
                r = manager_wait_for(manager, WAIT_TAKEN, device->id, container ? container->name : NULL,
                                     done, userdata);
        if (r < 0) {
                manager_drop_overrides(manager, device->id, container ? container->name : OVERRIDE_EVERYBODY);
                call_fail(done, userdata, CALL_FAILED, "Failed to note that %s is detached: %s", device->id,
                          strerror(-r));
                return;
        }
        manager_assign(manager, device);
        manager_check_waiters(manager);
}

void manager_reload(Manager *manager, CallDone done, void *userdata) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_(rule_set_freep) RuleSet *rules = NULL;
        _cleanup_(target_cache_freep) TargetCache *targets = NULL; /* leans on the rules, and so goes first */
        _cleanup_free_ char *text = NULL;
        int r;

        r = rule_set_load((const char *const *)manager->policy_dirs, &rules, &errors);
        if (r >= 0)
                r = target_cache_new(rules, &targets);
        if (r < 0) {
                call_fail(done, userdata, CALL_FAILED, "Failed to read the policy: %s", strerror(-r));
                return;
        }
        text = parse_errors_join(&errors);
        if (errors.n_errors > 0) {
                done(userdata, CALL_POLICY_INVALID, text ?: "The policy has errors", 0);
                return;
        }

        /* The old rules live until every grant that leans on one has been decided by the new ones. */
        {
                RuleSet *old_rules = manager->rules;
                TargetCache *old_targets = manager->targets;

                manager->rules = TAKE_PTR(rules);
                manager->targets = TAKE_PTR(targets);
                rules = old_rules;
                targets = old_targets;
        }
        manager_choose_nodes(manager);
        manager_renew_decisions(manager);
        (void)nodes_scan(manager->nodes);
        manager_notify(manager, OBJECT_POLICY, "", NULL);
        log_info("Policy loaded: %zu rules", rule_set_size(manager->rules));
        done(userdata, CALL_OK, text ?: "", 0);
}

CallCode manager_explain(Manager *manager, const char *device_name, const char *container_name,
                         Explanation *ret, int *ret_override) {
        const Override *override;
        Container *container;
        Device *device;
        CallCode code;

        code = find_pair(manager, device_name, container_name, &device, &container);
        if (code != CALL_OK)
                return code;
        if (explain(manager->rules, device, container, &sysfs_reader, ret) < 0)
                return CALL_FAILED;
        override = manager_override(manager, device->id, container->name)
                           ?: manager_override(manager, device->id, OVERRIDE_EVERYBODY);
        *ret_override = !override ? 0 : override->attach ? 1 : -1;
        return CALL_OK;
}
