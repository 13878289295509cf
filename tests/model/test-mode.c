/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/mode.h"
#include "model/world.h"

static void test_names(_unused_ void **state) {
        for (DeviceMode mode = 0; mode < DEVICE_MODE_MAX; mode++) {
                assert_non_null(device_mode_to_string(mode));
                assert_int_equal(device_mode_from_string(device_mode_to_string(mode)), mode);
        }
        assert_null(device_mode_to_string(DEVICE_MODE_MAX));
        assert_int_equal(device_mode_from_string("charging"), DEVICE_MODE_INVALID);
}

static const struct {
        const char *vendor, *product, *interfaces; /* as udev has them */
        const char *more;                          /* one more property */
        const char *mode;
} modes[] = {
        {"18d1", "4ee7", ":ff4201:", NULL, "adb"},
        {"18d1", "4ee0", ":ff4203:", NULL, "fastboot"},
        {"18d1", "d00d", ":ff4203:", NULL, "fastboot"},
        {"18d1", "d001", ":ff4201:", NULL, "recovery"},
        {"18d1", "d001", ":ffffff:", NULL, "recovery"},
        {"22b8", "2e76", ":ff4201:", NULL, "adb"},
        {"22b8", "2e80", ":ff4203:", NULL, "fastboot"},
        {"22b8", "2e81", ":ff4201:", NULL, "recovery"},
        {"1004", "633e", ":ff4201:", NULL, "adb"},
        {"05c6", "9008", ":ffffff:", NULL, "edl"},
        {"05c6", "9008", NULL, NULL, "edl"},
        {"04e8", "685d", ":0a0000:", NULL, "download"},
        {"18d1", "2d00", ":ffff00:", NULL, "accessory"},
        {"18d1", "2d01", ":ffff00:ff4201:", NULL, "adb"},
        {"18d1", "4ee2", ":060101:ff4201:", NULL, "adb"},
        {"18d1", "4ee1", ":060101:", NULL, "mtp"},
        {"18d1", "4ee5", ":060101:", NULL, "ptp"},
        {"04a9", "32bb", ":060101:", "ID_GPHOTO2=1", "ptp"},
        {"04e8", "6860", ":060101:", "ID_MTP_DEVICE=1", "mtp"},
        {"04e8", "6860", ":ffff00:", "ID_MTP_DEVICE=1", "mtp"},
        {"18d1", "4ee3", ":e00103:0a0000:", NULL, "tether"},
        {"18d1", "4ee4", ":ef0401:0a0000:ff4201:", NULL, "adb"},
        /* what is no phone */
        {"0bda", "8153", ":020600:0a0000:", NULL, ""},
        {"046d", "c31c", ":030101:", NULL, ""},
        {"18d1", "4ee7", NULL, NULL, ""},
        {"ffff", "9008", ":ff42:", NULL, ""},
};

static void test_modes(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                Uevent event =
                        EVENT(UEVENT_ADD, "DEVPATH=/devices/platform/vhci_hcd.0/usb3/3-1", "SUBSYSTEM=usb",
                              "DEVTYPE=usb_device", "DEVNAME=bus/usb/003/002", "MAJOR=189", "MINOR=257");
                Registry registry;
                RegistryChange change;
                Device *device;

                registry_init(&registry);
                property_list_set(&event.properties, "ID_VENDOR_ID", modes[i].vendor);
                property_list_set(&event.properties, "ID_MODEL_ID", modes[i].product);
                if (modes[i].interfaces)
                        property_list_set(&event.properties, "ID_USB_INTERFACES", modes[i].interfaces);
                if (modes[i].more)
                        property_list_append(&event.properties, modes[i].more, strlen(modes[i].more) + 1);
                assert_int_equal(registry_apply(&registry, &event, true, &change, &device), 0);
                assert_string_equal(device_mode_to_string(device_mode(device)), modes[i].mode);
                event.action = UEVENT_REMOVE;
                assert_int_equal(registry_apply(&registry, &event, true, &change, &device), 0);
                assert_string_equal(device_mode_to_string(device_mode(device)), "away");
                uevent_deinit(&event);
                registry_deinit(&registry);
        }
}

/* Without udevd the interfaces are known by their own events, which come behind the device's. */
static void test_interfaces_come_later(_unused_ void **state) {
        Uevent root = EVENT(UEVENT_ADD, "DEVPATH=/devices/platform/vhci_hcd.0/usb3/3-1", "SUBSYSTEM=usb",
                            "DEVTYPE=usb_device", "DEVNAME=bus/usb/003/002", "MAJOR=189", "MINOR=257",
                            "PRODUCT=18d1/4ee7/540"),
               interface = EVENT(UEVENT_ADD, "DEVPATH=/devices/platform/vhci_hcd.0/usb3/3-1/3-1:1.0",
                                 "SUBSYSTEM=usb", "DEVTYPE=usb_interface", "INTERFACE=255/66/1");
        Registry registry;
        RegistryChange change;
        Device *device;

        registry_init(&registry);
        assert_int_equal(registry_apply(&registry, &root, false, &change, &device), 0);
        assert_int_equal(device_mode(device), DEVICE_MODE_NONE);
        assert_int_equal(registry_apply(&registry, &interface, false, &change, &device), 0);
        assert_int_equal(device_mode(device), DEVICE_MODE_ADB);
        uevent_deinit(&root);
        uevent_deinit(&interface);
        registry_deinit(&registry);
}

static void test_other_buses_have_none(_unused_ void **state) {
        Uevent event =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/pci0000:00/0000:00:05.0/drm/card0", "SUBSYSTEM=drm",
                      "DEVNAME=dri/card0", "MAJOR=226", "MINOR=0", "ID_USB_INTERFACES=:ff4201:");
        Registry registry;
        RegistryChange change;
        Device *device;

        registry_init(&registry);
        assert_int_equal(registry_apply(&registry, &event, true, &change, &device), 0);
        assert_int_equal(device_mode(device), DEVICE_MODE_NONE);
        uevent_deinit(&event);
        registry_deinit(&registry);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_modes),
                cmocka_unit_test(test_interfaces_come_later),
                cmocka_unit_test(test_other_buses_have_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
