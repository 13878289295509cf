/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/hold.h"
#include "model/world.h"

#define VHCI "/devices/platform/vhci_hcd.0/usb3/"
#define XHCI "/devices/pci0000:00/0000:00:14.0/usb3/"

/* What was held, what is there now, and whether that is the same. */
static const struct {
        const char *serial, *devpath;
        const char *serial_now, *devpath_now;
        bool concerns;
} cases[] = {
        {"A", VHCI "3-1", "A", VHCI "3-1", true},
        {"A", VHCI "3-1", "B", VHCI "3-1", false},
        {"A", VHCI "3-1", "a", VHCI "3-1", false},
        {"A", VHCI "3-1", "AA", VHCI "3-1", false},
        /* one does not say: the place decides */
        {NULL, VHCI "3-1", NULL, VHCI "3-1", true},
        {NULL, VHCI "3-1", "B", VHCI "3-1", true},
        {"A", VHCI "3-1", NULL, VHCI "3-1", true},
        /* bus numbers were dealt anew: the same name of another place */
        {NULL, VHCI "3-1", NULL, XHCI "3-1", false},
        {"A", VHCI "3-1", NULL, XHCI "3-1", false},
        {"A", VHCI "3-1", "A", XHCI "3-1", true},
};

static void test_concerns(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Device before = {.id = (char *)"usb-3-1",
                                       .serial = (char *)cases[i].serial,
                                       .devpath = (char *)cases[i].devpath},
                             now = {.id = (char *)"usb-3-1",
                                    .serial = (char *)cases[i].serial_now,
                                    .devpath = (char *)cases[i].devpath_now};
                Grant *grant = (Grant *)&before;
                Hold *hold;

                assert_int_equal(hold_new(grant, (const struct Rule *)&before, &before, &hold), 0);
                assert_ptr_equal(hold->grant, grant);
                assert_int_equal(hold_concerns(hold, &now), cases[i].concerns);
                hold_free(hold);
        }
        hold_free(NULL);
}

static void test_learns(_unused_ void **state) {
        char serial[] = "A", devpath[] = VHCI "3-1", other[] = XHCI "3-1", empty[] = "";
        Device device = {.devpath = devpath};
        Hold *hold;

        assert_int_equal(hold_new((Grant *)&device, (const struct Rule *)&device, &device, &hold), 0);
        assert_null(hold->serial);
        assert_int_equal(hold_learn(hold, &device), 0);
        device.serial = serial;
        assert_int_equal(hold_learn(hold, &device), 1);
        assert_string_equal(hold->serial, "A");
        assert_int_equal(hold_learn(hold, &device), 0);
        /* what it says no more stays */
        device.serial = empty;
        assert_int_equal(hold_learn(hold, &device), 0);
        device.serial = NULL;
        assert_int_equal(hold_learn(hold, &device), 0);
        assert_string_equal(hold->serial, "A");
        device.devpath = other;
        assert_int_equal(hold_learn(hold, &device), 1);
        assert_string_equal(hold->devpath, XHCI "3-1");
        hold_free(hold);
}

static Device *plug(Registry *registry, const char *type, const char *interfaces) {
        Uevent event = EVENT(UEVENT_ADD, "DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", "DEVTYPE=usb_device",
                             "DEVNAME=bus/usb/003/002", "MAJOR=189", "MINOR=257");
        RegistryChange change;
        Device *device;

        property_list_set(&event.properties, "TYPE", type);
        property_list_set(&event.properties, "ID_USB_INTERFACES", interfaces);
        assert_int_equal(registry_apply(registry, &event, true, &change, &device), 0);
        uevent_deinit(&event);
        return device;
}

static void test_hub_is_another(_unused_ void **state) {
        static const struct {
                const char *type, *interfaces;
                bool concerns;
        } types[] = {
                {"0/0/0", ":ff4201:", true}, {"239/2/1", ":ff4201:", true}, {"9/0/1", ":ff4201:", false},
                {"9/0/0", "", false},        {"0/0/0", ":090000:", false},  {"90/0/0", "", true},
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                Registry registry;
                Device *device;
                Hold *hold;

                registry_init(&registry);
                device = plug(&registry, types[i].type, types[i].interfaces);
                assert_int_equal(hold_new((Grant *)device, (const struct Rule *)device, device, &hold), 0);
                assert_int_equal(hold_concerns(hold, device), types[i].concerns);
                hold_free(hold);
                registry_deinit(&registry);
        }
}

/* A device that is only waited for, and then comes. */
static void test_absent_device(_unused_ void **state) {
        Registry registry;
        Device *device, *other;

        registry_init(&registry);
        assert_int_equal(registry_add_absent(&registry, VHCI "3-1", "A", &device), 0);
        assert_null(registry_fault(&registry));
        assert_string_equal(device->id, "usb-3-1");
        assert_string_equal(device->serial, "A");
        assert_int_equal(device->n_parts, 0);
        assert_int_equal(registry_add_absent(&registry, VHCI "3-1", "A", &other), -EEXIST);
        assert_int_equal(registry_find_device(&registry, "A", &other), 0);
        assert_ptr_equal(other, device);
        assert_int_equal(registry_add_absent(&registry, VHCI "3-1/3-1:1.0", NULL, &other), -EINVAL);
        assert_int_equal(
                registry_add_absent(&registry, "/devices/pci0000:00/0000:00:14.0/usb3", NULL, &other),
                -EINVAL);
        assert_int_equal(registry_add_absent(&registry, "", NULL, &other), -EINVAL);
        assert_int_equal(registry_add_absent(&registry, VHCI "3-2", NULL, &other), 0);
        assert_null(other->serial);
        /* It comes, and says nothing of a serial. */
        assert_ptr_equal(plug(&registry, "0/0/0", ":ff4203:"), device);
        assert_null(device->serial);
        assert_null(registry_fault(&registry));
        registry_deinit(&registry);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_concerns),
                cmocka_unit_test(test_learns),
                cmocka_unit_test(test_hub_is_another),
                cmocka_unit_test(test_absent_device),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
