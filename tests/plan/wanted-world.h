/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A registry, a policy and what is plugged in, for the tests of who should have it and of what that means. */

#include "plan/wanted.h"
#include "util/string.h"

typedef struct World {
        Registry registry;
        RuleSet *rules;
        TargetCache *cache;
} World;

static inline void set_up(World *world, const char *policy) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};

        *world = (World){};
        registry_init(&world->registry);
        assert_int_equal(rule_set_new(&world->rules), 0);
        assert_int_equal(rule_set_parse(world->rules, "test.yaml", policy, strlen(policy), &errors), 0);
        assert_int_equal(rule_set_seal(world->rules, &errors), 0);
        assert_int_equal(errors.n_errors, 0);
        assert_int_equal(target_cache_new(world->rules, &world->cache), 0);
}

static inline void tear_down(World *world) {
        registry_devices_foreach(device, &world->registry)
                while (device->grants)
                        registry_drop_grant(&world->registry, device->grants);
        target_cache_free(world->cache);
        rule_set_free(world->rules);
        registry_deinit(&world->registry);
}

static inline Container *run(World *world, const char *name) {
        Container *container;

        assert_int_equal(container_new(name, "davit", &container), 0);
        container->state = CONTAINER_RUNNING;
        assert_int_equal(id_map_parse("0 100000 65536\n", &container->uid_map), 0);
        assert_int_equal(id_map_parse("0 200000 65536\n", &container->gid_map), 0);
        assert_int_equal(registry_add_container(&world->registry, container), 0);
        target_cache_invalidate(world->cache);
        return container;
}

static inline Device *plug(World *world, const char *const *properties) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD};
        RegistryChange change;
        Device *device;

        for (; properties[0]; properties += 2)
                assert_int_equal(property_list_set(&event.properties, properties[0], properties[1]), 0);
        assert_int_equal(registry_apply(&world->registry, &event, /* complete= */ true, &change, &device), 0);
        assert_non_null(device);
        return device;
}

static inline Device *plug_phone(World *world, const char *port, const char *number, const char *serial) {
        char devpath[128], name[64], minor[16];

        snprintf(devpath, sizeof(devpath), "/devices/platform/vhci_hcd.0/usb3/%s", port);
        snprintf(name, sizeof(name), "/dev/bus/usb/003/%s", number);
        snprintf(minor, sizeof(minor), "%d", 255 + atoi(number));
        return plug(world, (const char *const[]){"DEVPATH",
                                                 devpath,
                                                 "SUBSYSTEM",
                                                 "usb",
                                                 "DEVTYPE",
                                                 "usb_device",
                                                 "DEVNAME",
                                                 name,
                                                 "MAJOR",
                                                 "189",
                                                 "MINOR",
                                                 minor,
                                                 "BUSNUM",
                                                 "003",
                                                 "DEVNUM",
                                                 number,
                                                 "ID_VENDOR_ID",
                                                 "18d1",
                                                 "ID_MODEL_ID",
                                                 "4ee7",
                                                 "ID_SERIAL_SHORT",
                                                 serial,
                                                 "ID_USB_INTERFACES",
                                                 ":ff4201:",
                                                 NULL});
}

#define RULE(name, match, give) "  - name: " name "\n    match: " match "\n    " give "\n"
#define POLICY(rules)           "version: 1\nrules:\n" rules
