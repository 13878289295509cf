/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Long random sequences of events over a small world, in which paths, numbers and names collide all the time:
 * after each event the indexes agree, an answer says what happened, and in the end removals and a sweep leave
 * nothing.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/world.h"

#define ROUNDS 200
#define EVENTS 400

typedef struct Random {
        uint64_t state;
} Random;

/* splitmix64, for the same sequence everywhere. */
static unsigned int pick(Random *random, unsigned int n) {
        uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (unsigned int)((z ^ z >> 31) % n);
}

typedef struct Thing {
        const char *devpath;
        const char *subsystem;
        const char *node; /* or the interface's name */
} Thing;

#define PCI "/devices/pci0000:00/0000:00:16.0"

static const Thing things[] = {
        {"/devices/platform/vhci_hcd.0/usb3", "usb", "bus/usb/003/001"},
        {"/devices/platform/vhci_hcd.0/usb3/3-1", "usb", "bus/usb/003/002"},
        {"/devices/platform/vhci_hcd.0/usb3/3-1/3-1:1.0", "usb", NULL},
        {"/devices/platform/vhci_hcd.0/usb3/3-1/3-1:1.0/net/usb0", "net", "usb0"},
        {"/devices/platform/vhci_hcd.0/usb3/3-1/3-1:1.0/net/usb1", "net", "usb1"},
        {"/devices/platform/vhci_hcd.0/usb3/3-1/3-1:1.0/ttyUSB0/tty/ttyUSB0", "tty", "ttyUSB0"},
        {"/devices/platform/vhci_hcd.0/usb3/3-1/3-1.1", "usb", "bus/usb/003/003"},
        {"/devices/platform/vhci_hcd.0/usb3/3-10", "usb", "bus/usb/003/004"},
        {"/devices/platform/vhci_hcd.1/usb3/3-1", "usb", "bus/usb/003/002"},
        {"/devices/platform/vivid.0", "platform", NULL},
        {"/devices/platform/vivid.0/video4linux/video0", "video4linux", "video0"},
        {PCI, "pci", NULL},
        {PCI "/0000:01:00.0", "pci", NULL},
        {PCI "/0000:01:00.0/virtio4", "virtio", NULL},
        {PCI "/0000:01:00.0/drm/card0", "drm", "dri/card0"},
        {PCI "/0000:01:00.0/drm/renderD128", "drm", "dri/renderD128"},
        {PCI "/0000:01:00.0/net/eth0", "net", "eth0"},
        {PCI "/0000:01:00.0/net/eth1", "net", "eth1"},
        {PCI "/0000:01:00.0/net/eth0/queues/rx-0", "queues", NULL},
        {"/devices/pci0001:00/0000:01:00.0", "pci", NULL},
        {"/devices/pci0001:00/0000:01:00.0/block/sda", "block", "sda"},
        {"/devices/virtual/net/veth0", "net", "veth0"},
        {"/devices/virtual/net/veth1", "net", "veth1"},
        {"/devices/virtual/net/veth0/macvtap/tap5", "macvtap", "tap5"},
        {"/devices/virtual/net/veth1/macvtap/tap5", "macvtap", "tap5"},
        {"/devices/virtual/misc/uhid", "misc", "uhid"},
        {"/devices/virtual/misc/uhid/0005:045E:0B13.0007", "hid", NULL},
        {"/devices/virtual/misc/uhid/0005:045E:0B13.0007/hidraw/hidraw2", "hidraw", "hidraw2"},
        {"/card0", "drm", "dri/card0"},
};

static Uevent random_event(Random *random) {
        const Thing *thing = &things[pick(random, ELEMENTSOF(things))];
        const Thing *old = &things[pick(random, ELEMENTSOF(things))];
        bool net = streq(thing->subsystem, "net");
        Uevent event = {.action = (UeventAction)pick(random, UEVENT_ACTION_MAX)};
        char number[16];

        /* Arrivals are half of all. */
        if (pick(random, 4) == 0)
                event.action = UEVENT_ADD;
        property_list_set(&event.properties, "DEVPATH", thing->devpath);
        property_list_set(&event.properties, "SUBSYSTEM", thing->subsystem);
        snprintf(number, sizeof(number), "%u", 1 + pick(random, 6));
        if (net && pick(random, 30)) {
                property_list_set(&event.properties, "INTERFACE", thing->node);
                property_list_set(&event.properties, "IFINDEX", number);
        } else if (thing->node && !net && pick(random, 30)) {
                property_list_set(&event.properties, "DEVNAME", thing->node);
                property_list_set(&event.properties, "MAJOR", "189");
                property_list_set(&event.properties, "MINOR", number);
        }
        if (event.action == UEVENT_MOVE)
                property_list_set(&event.properties, "DEVPATH_OLD", old->devpath);
        if (pick(random, 2))
                property_list_set(&event.properties, "ID_SERIAL_SHORT", number);
        return event;
}

static void check(const Registry *registry) {
        const char *fault = registry_fault(registry);

        if (fault)
                fail_msg("%s", fault);
}

/* Applies an event as the core does, dropping what is gone now or later. */
static void apply(Registry *registry, Random *random, const Uevent *event, bool complete) {
        unsigned int n_steps = 0;
        RegistryChange change;
        Device *device;
        int r;

        do {
                size_t n_before = HASH_CNT(hh_devpath, registry->by_devpath);

                change = REGISTRY_UNCHANGED;
                device = NULL;
                r = registry_apply(registry, event, complete, &change, &device);
                check(registry);
                if (r < 0) {
                        assert_int_equal(r, -EBADMSG);
                        return;
                }
                assert_int_equal(change == REGISTRY_UNCHANGED, device == NULL);
                if (device)
                        assert_ptr_equal(registry_device(registry, device->id), device);
                if (change == REGISTRY_UNCHANGED)
                        assert_int_equal(HASH_CNT(hh_devpath, registry->by_devpath), n_before);
                if (change == REGISTRY_ADDED || change == REGISTRY_CHANGED)
                        assert_true(device->n_parts > 0);
                if (r > 0)
                        assert_int_equal(change, REGISTRY_REMOVED);
                if (device && device->n_parts == 0 && pick(random, 3)) {
                        registry_drop_device(registry, device);
                        check(registry);
                }
                assert_true(++n_steps < 16);
        } while (r > 0);
}

static int on_gone(const char *devpath, void *userdata) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_REMOVE};
        RegistryChange change;
        Device *device;

        assert_int_equal(property_list_set(&event.properties, "DEVPATH", devpath), 0);
        assert_int_equal(registry_apply(userdata, &event, true, &change, &device), 0);
        assert_int_equal(change, REGISTRY_REMOVED);
        return 0;
}

static void set_away_at_random(Registry *registry, Random *random) {
        Part *part, *next;

        HASH_ITER(hh_devpath, registry->by_devpath, part, next)
                if (part->kind == PART_NET)
                        part->away = pick(random, 2);
}

static void test_random(void **state) {
        for (unsigned int round = 0; round < ROUNDS; round++) {
                Random random = {.state = round};
                Registry registry;
                Part *part, *next;

                registry_init(&registry);
                for (unsigned int i = 0; i < EVENTS; i++) {
                        _cleanup_(uevent_deinit) Uevent event = random_event(&random);

                        if (pick(&random, 20) == 0)
                                set_away_at_random(&registry, &random);
                        apply(&registry, &random, &event, /* complete= */ pick(&random, 2));
                }

                HASH_ITER(hh_devpath, registry.by_devpath, part, next)
                        part->away = false;
                registry_mark(&registry);
                assert_int_equal(registry_sweep(&registry, on_gone, &registry), 0);
                check(&registry);
                assert_null(registry.by_devpath);
                assert_null(registry.by_rdev);
                registry_devices_foreach(device, &registry)
                        assert_int_equal(device->n_parts, 0);
                registry_deinit(&registry);
        }
}

/* The world's order of arrival does not matter to what is known in the end. */
static void test_order(void **state) {
        for (unsigned int round = 0; round < ROUNDS; round++) {
                Random random = {.state = round};
                Thing order[] = {things[1],  things[2],  things[3],  things[11], things[12],
                                 things[13], things[14], things[21], things[23]};
                Registry registry;

                for (size_t i = ELEMENTSOF(order) - 1; i > 0; i--) {
                        size_t j = pick(&random, (unsigned int)i + 1);
                        Thing swap = order[i];

                        order[i] = order[j];
                        order[j] = swap;
                }
                registry_init(&registry);
                for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD};
                        bool net = streq(order[i].subsystem, "net");
                        char number[16];

                        snprintf(number, sizeof(number), "%zu", i + 1);
                        property_list_set(&event.properties, "DEVPATH", order[i].devpath);
                        property_list_set(&event.properties, "SUBSYSTEM", order[i].subsystem);
                        if (order[i].node) {
                                property_list_set(&event.properties, net ? "INTERFACE" : "DEVNAME",
                                                  order[i].node);
                                property_list_set(&event.properties, net ? "IFINDEX" : "MINOR", number);
                                property_list_set(&event.properties, "MAJOR", "189");
                        }
                        apply(&registry, &random, &event, true);
                }
                assert_int_equal(HASH_COUNT(registry.devices), 3);
                assert_int_equal(registry_device(&registry, "usb-3-1")->n_parts, 3);
                assert_int_equal(registry_device(&registry, "pci-0000:01:00.0")->n_parts, 3);
                assert_int_equal(registry_device(&registry, "net-veth0")->n_parts, 2);
                assert_int_equal(HASH_COUNT(registry.waiting), 1);
                registry_deinit(&registry);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
