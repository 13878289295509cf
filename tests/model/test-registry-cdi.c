/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CDI devices in the registry: they come by events of our own making, as all others do, with edits beside
 * the properties. A change of either is a change of the device; what comes from a bus is never taken for one.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/world.h"
#include "support/failing-memory.h"

#define ID      "cdi-vendor.example:board:1:0"
#define NAME    "vendor.example/board=1:0"
#define DEVPATH "/devices/virtual/cdi/vendor.example:board:1:0"

static int setup(void **state) {
        Registry *registry = malloc(sizeof(*registry));

        if (!registry)
                return -1;
        registry_init(registry);
        *state = registry;
        return 0;
}

static int teardown(void **state) {
        registry_deinit(*state);
        free(*state);
        return 0;
}

/* What source/cdi.c tells of. */
static Uevent cdi_event(UeventAction action, const char *file, const Edits *edits) {
        char text[64];
        Uevent event;

        snprintf(text, sizeof(text), "CDI_FILE=%s", file);
        event = EVENT(action, "DEVPATH=" DEVPATH, "SUBSYSTEM=cdi", "CDI_DEVICE=" NAME, text);
        event.edits = edits;
        return event;
}

static int apply(Registry *registry, Uevent event, RegistryChange *ret_change, Device **ret_device) {
        int r = registry_apply(registry, &event, /* complete= */ true, ret_change, ret_device);

        uevent_deinit(&event);
        assert_null(registry_fault(registry));
        return r;
}

static void expect(Registry *registry, Uevent event, RegistryChange expected) {
        RegistryChange change;
        Device *device;

        assert_int_equal(apply(registry, event, &change, &device), 0);
        assert_int_equal(change, expected);
        if (change == REGISTRY_UNCHANGED)
                assert_null(device);
        else
                assert_string_equal(device->id, ID);
}

static void test_life(void **state) {
        EditNode node = {.path = (char *)"/dev/a", .access = EDIT_ALL};
        Edits edits = {.nodes = &node, .n_nodes = 1};
        Registry *registry = *state;
        Device *device;

        expect(registry, cdi_event(UEVENT_ADD, "/etc/cdi/a.yaml", &edits), REGISTRY_ADDED);
        device = registry_device(registry, ID);
        assert_non_null(device);
        assert_true(device_is_cdi(device));
        assert_int_equal(device->classes, 1U << DEVICE_CDI);
        assert_string_equal(device->place, NAME);
        assert_int_equal(device->n_parts, 1);
        assert_int_equal(device->parts->kind, PART_CDI);
        assert_true(edits_equal(device->parts->edits, &edits));
        assert_ptr_not_equal(device->parts->edits, &edits);

        /* The same again is no news. */
        expect(registry, cdi_event(UEVENT_ADD, "/etc/cdi/a.yaml", &edits), REGISTRY_UNCHANGED);

        /* Each of what may change: what it says, what was found of it, which file it is. */
        node.access = EDIT_READ;
        expect(registry, cdi_event(UEVENT_ADD, "/etc/cdi/a.yaml", &edits), REGISTRY_CHANGED);
        assert_int_equal(device->parts->edits->nodes[0].access, EDIT_READ);
        node.error = -ENOENT;
        expect(registry, cdi_event(UEVENT_ADD, "/etc/cdi/a.yaml", &edits), REGISTRY_CHANGED);
        assert_int_equal(device->parts->edits->nodes[0].error, -ENOENT);
        expect(registry, cdi_event(UEVENT_ADD, "/run/cdi/a.yaml", &edits), REGISTRY_CHANGED);
        assert_string_equal(device_property(device, "CDI_FILE"), "/run/cdi/a.yaml");
        expect(registry, cdi_event(UEVENT_ADD, "/run/cdi/a.yaml", &edits), REGISTRY_UNCHANGED);
        /* Both at once are one. */
        node.error = 0;
        expect(registry, cdi_event(UEVENT_ADD, "/etc/cdi/a.yaml", &edits), REGISTRY_CHANGED);
        assert_int_equal(device->n_parts, 1);

        expect(registry, cdi_event(UEVENT_REMOVE, "/etc/cdi/a.yaml", &edits), REGISTRY_REMOVED);
        assert_int_equal(device->n_parts, 0);
        registry_drop_device(registry, device);
        assert_null(registry_device(registry, ID));
        expect(registry, cdi_event(UEVENT_REMOVE, "/etc/cdi/a.yaml", &edits), REGISTRY_UNCHANGED);
}

static void test_find(void **state) {
        static const struct {
                const char *name;
                bool found;
        } cases[] = {
                {NAME, true},
                {ID, true},
                {DEVPATH, true},
                {"/sys" DEVPATH, true},
                {"vendor.example/board=1", false},
                {"vendor.example/board=1:1", false},
                {"vendor.example/board", false},
                {"vendor.example:board:1:0", false},
                {"Vendor.example/board=1:0", false},
                {"vendor.example/board=1:0 ", false},
                {"vendor.example/board=*", false},
        };
        Registry *registry = *state;

        expect(registry, cdi_event(UEVENT_ADD, "a", &(Edits){}), REGISTRY_ADDED);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Device *device = NULL;

                print_message("%s\n", cases[i].name);
                assert_int_equal(registry_find_device(registry, cases[i].name, &device),
                                 cases[i].found ? 0 : -ENODEV);
                if (cases[i].found)
                        assert_string_equal(device->id, ID);
        }
}

/* Who claims the name as a serial does not take it from whose it is. */
static void test_name_is_not_claimed(void **state) {
        Registry *registry = *state;
        RegistryChange change;
        Device *device;

        assert_int_equal(apply(registry,
                               EVENT(UEVENT_ADD, "DEVPATH=/devices/platform/vhci_hcd.0/usb3/3-1",
                                     "SUBSYSTEM=usb", "DEVTYPE=usb_device", "DEVNAME=/dev/bus/usb/003/002",
                                     "MAJOR=189", "MINOR=257", "ID_SERIAL_SHORT=" NAME, "CDI_DEVICE=" NAME),
                               &change, &device),
                         0);
        assert_int_equal(change, REGISTRY_ADDED);
        assert_false(device_is_cdi(device));
        expect(registry, cdi_event(UEVENT_ADD, "a", &(Edits){}), REGISTRY_ADDED);
        assert_int_equal(registry_find_device(registry, NAME, &device), 0);
        assert_string_equal(device->id, ID);
}

/* What a bus tells of, though it were in the place of one, changes nothing in a container: no file says so.
 */
static void test_of_a_bus(void **state) {
        Edits edits = {.rdt = true};
        Registry *registry = *state;
        RegistryChange change;
        Device *device;
        Uevent event;

        /* Edits are for parts of that kind alone. */
        event = EVENT(UEVENT_ADD, "DEVPATH=/devices/virtual/misc/a", "SUBSYSTEM=misc", "DEVNAME=/dev/a",
                      "MAJOR=10", "MINOR=7");
        event.edits = &edits;
        assert_int_equal(apply(registry, event, &change, &device), 0);
        assert_null(device->parts->edits);
        assert_false(device_is_cdi(device));

        /* One that says it is one has no edits. */
        event = EVENT(UEVENT_ADD, "DEVPATH=" DEVPATH, "SUBSYSTEM=cdi", "CDI_DEVICE=" NAME);
        assert_int_equal(apply(registry, event, &change, &device), 0);
        assert_int_equal(change, REGISTRY_ADDED);
        assert_null(device->parts->edits);
        /* And whoever comes with them is another news. */
        event = EVENT(UEVENT_ADD, "DEVPATH=" DEVPATH, "SUBSYSTEM=cdi", "CDI_DEVICE=" NAME);
        event.edits = &edits;
        assert_int_equal(apply(registry, event, &change, &device), 0);
        assert_int_equal(change, REGISTRY_CHANGED);
        assert_true(edits_equal(device->parts->edits, &edits));
}

static int on_gone(const char *devpath, void *userdata) {
        Registry *registry = userdata;
        char text[128];
        RegistryChange change;
        Device *device;
        Uevent event;

        snprintf(text, sizeof(text), "DEVPATH=%s", devpath);
        event = EVENT(UEVENT_REMOVE, text, "SUBSYSTEM=cdi");
        assert_int_equal(apply(registry, event, &change, &device), 0);
        assert_int_equal(change, REGISTRY_REMOVED);
        registry_drop_device(registry, device);
        return 0;
}

static void test_sweep(void **state) {
        Registry *registry = *state;

        expect(registry, cdi_event(UEVENT_ADD, "a", &(Edits){}), REGISTRY_ADDED);
        registry_mark(registry);
        expect(registry, cdi_event(UEVENT_ADD, "a", &(Edits){}), REGISTRY_UNCHANGED);
        assert_int_equal(registry_sweep(registry, on_gone, registry), 0);
        assert_non_null(registry_device(registry, ID));
        registry_mark(registry);
        assert_int_equal(registry_sweep(registry, on_gone, registry), 0);
        assert_null(registry_device(registry, ID));
}

#if OWN_ALLOCATOR

/* The k-th allocation of @event fails: what is known stays, and the event does when it comes again. */
static void sweep_event(Registry *registry, const Edits *before, const Edits *after) {
        size_t k;

        for (k = 1;; k++) {
                Uevent event = cdi_event(UEVENT_ADD, "a", after);
                RegistryChange change;
                Device *device;
                int r;

                if (before)
                        (void)apply(registry, cdi_event(UEVENT_ADD, "a", before), &change, &device);
                failed = false;
                until_failure = k;
                armed = true;
                r = registry_apply(registry, &event, /* complete= */ true, &change, &device);
                armed = false;
                uevent_deinit(&event);
                assert_null(registry_fault(registry));
                if (!failed) {
                        assert_int_equal(r, 0);
                        break;
                }
                assert_int_equal(r, -ENOMEM);
                device = registry_device(registry, ID);
                if (before)
                        assert_true(edits_equal(device->parts->edits, before));
                else
                        assert_true(!device || device->n_parts == 0);
        }
        assert_true(k > 3);
        assert_true(edits_equal(registry_device(registry, ID)->parts->edits, after));
}

static void test_memory(void **state) {
        char *env[] = {(char *)"A=1"};
        EditNode node = {.path = (char *)"/dev/a", .host_path = (char *)"/dev/b"};
        const Edits one = {.env = env, .n_env = 1}, other = {.nodes = &node, .n_nodes = 1};

        sweep_event(*state, NULL, &one);
        sweep_event(*state, &one, &other);
}

#else

static void test_memory(_unused_ void **state) {
        print_message("SKIP: the allocator belongs to a sanitizer or to another C library\n");
        skip();
}

#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_life),     TEST(test_find),  TEST(test_name_is_not_claimed),
                TEST(test_of_a_bus), TEST(test_sweep), TEST(test_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
