/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/world.h"

static void test_class_names(void **state) {
        for (DeviceClass class = 0; class < DEVICE_CLASS_MAX; class ++) {
                assert_non_null(device_class_to_string(class));
                assert_int_equal(device_class_from_string(device_class_to_string(class)), class);
        }
        assert_null(device_class_to_string(DEVICE_CLASS_MAX));
        assert_int_equal(device_class_from_string("any"), DEVICE_CLASS_INVALID);
}

#define VHCI   "/devices/platform/vhci_hcd.0/usb3/"
#define XHCI   "/devices/pci0000:00/0000:00:07.0/"
#define GPU    "/devices/pci0000:00/0000:00:16.7/0000:08:00.0"
#define SATA   "/devices/pci0000:00/0000:00:1f.2/"
#define RAID   "/devices/pci0000:00/0000:00:02.0/0000:03:00.0/"
#define ACPI   "/devices/LNXSYSTM:00/LNXSYBUS:00/"
#define CDI    "/devices/virtual/cdi/"
#define GUID_A "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
#define GUID_B "f8b3781b-1e82-4818-a1c3-63d806ec15bb"

static const struct {
        const char *devpath, *id; /* NULL: no device */
        const char *root;         /* NULL: the devpath itself */
} places[] = {
        /* USB: the deepest device, never a neighbour, never the bus */
        {VHCI "3-1", "usb-3-1", NULL},
        {VHCI "3-1/3-1:1.0", "usb-3-1", VHCI "3-1"},
        {"/devices/platform/dummy_hcd.0/usb19/19-1", "usb-19-1", NULL},
        {VHCI "3-1/3-1.2/3-1.2.4/3-1.2.4:1.0/ttyUSB0/tty/ttyUSB0", "usb-3-1.2.4", VHCI "3-1/3-1.2/3-1.2.4"},
        {XHCI "usb1/1-10", "usb-1-10", NULL},
        {XHCI "usb10/10-1", "usb-10-1", NULL},
        {XHCI "usb1/1-1/1-1:1.1/net/usb0", "usb-1-1", XHCI "usb1/1-1"},
        {XHCI "usb1/1-1/1-1:1.1/net/usb0/queues/rx-0", "usb-1-1", XHCI "usb1/1-1"},
        {XHCI "usb1/1-3/1-3:1.0/0003:0627:0001.0001/input/input5/event4", "usb-1-3", XHCI "usb1/1-3"},
        {XHCI "usb1/1-3/1-3:1.0/0003:0627:0001.0001/hidraw/hidraw0", "usb-1-3", XHCI "usb1/1-3"},
        {XHCI "usb2/2-2/2-2:1.0/host6/target6:0:0/6:0:0:0/block/sda/sda1", "usb-2-2", XHCI "usb2/2-2"},
        {XHCI "usb1/1-1/1-1:1.0/i2c-5/5-0050", "usb-1-1", XHCI "usb1/1-1"},
        {XHCI "usb1", NULL, NULL},
        {XHCI "usb1/1-0:1.0", NULL, NULL},
        {XHCI "usb1/1-0:1.0/usb1-port1", NULL, NULL},
        {XHCI "usb1/2-1", NULL, NULL},
        {XHCI "usb1/1-1x", NULL, NULL},
        {XHCI "usb1/1-", NULL, NULL},
        {XHCI "usb1/1-1.", NULL, NULL},
        {XHCI "usb1/power/1-1", NULL, NULL},
        {XHCI "i2c-0/0-0050", "pci-0000:00:07.0", "/devices/pci0000:00/0000:00:07.0"},
        {XHCI "net/usb1", "pci-0000:00:07.0", "/devices/pci0000:00/0000:00:07.0"},
        {XHCI "net/3-1", "pci-0000:00:07.0", "/devices/pci0000:00/0000:00:07.0"},

        /* PCI: the deepest function */
        {GPU, "pci-0000:08:00.0", NULL},
        {GPU "/drm/card0", "pci-0000:08:00.0", GPU},
        {GPU "/drm/card0/card0-Virtual-1", "pci-0000:08:00.0", GPU},
        {GPU "/virtio4", "pci-0000:08:00.0", GPU},
        {"/devices/pci0000:00/0000:00:16.1/0000:02:00.0/virtio5/net/enp2s0", "pci-0000:02:00.0",
         "/devices/pci0000:00/0000:00:16.1/0000:02:00.0"},
        {"/devices/pci0000:00/0000:00:16.1", "pci-0000:00:16.1", NULL},
        {"/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0/nvme/nvme0",
         "pci-10000:e1:00.0", "/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0"},
        {"/devices/pci0000:00", NULL, NULL},
        {"/devices/pci0000:00/pci_bus/0000:00", NULL, NULL},
        {"/devices/pci0000:00/0000:00:16.8", NULL, NULL},
        {"/devices/pci0000:00/0000:00:16", NULL, NULL},
        {"/devices/pci0000:00/0000:00:1G.0", NULL, NULL},

        /* the disks of a controller, each for itself */
        {SATA "ata1", "pci-0000:00:1f.2-ata1", NULL},
        {SATA "ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1", "pci-0000:00:1f.2-ata1", SATA "ata1"},
        {SATA "ata2/ata_port/ata2", "pci-0000:00:1f.2-ata2", SATA "ata2"},
        {SATA "ata", "pci-0000:00:1f.2", "/devices/pci0000:00/0000:00:1f.2"},
        {SATA "ata1x", "pci-0000:00:1f.2", "/devices/pci0000:00/0000:00:1f.2"},
        {RAID "host12", "pci-0000:03:00.0", "/devices/pci0000:00/0000:00:02.0/0000:03:00.0"},
        {RAID "host12/target12:2:0", "pci-0000:03:00.0", "/devices/pci0000:00/0000:00:02.0/0000:03:00.0"},
        {RAID "host12/target12:2:0/12:2:0:1", "pci-0000:03:00.0-12:2:0:1", NULL},
        {RAID "host12/target12:2:0/12:2:0:1/scsi_generic/sg3", "pci-0000:03:00.0-12:2:0:1",
         RAID "host12/target12:2:0/12:2:0:1"},
        {RAID "host12/port-12:0/end_device-12:0/target12:0:0/12:0:0:0/block/sdb", "pci-0000:03:00.0-12:0:0:0",
         RAID "host12/port-12:0/end_device-12:0/target12:0:0/12:0:0:0"},
        {RAID "net/target1/1:2:3:4", "pci-0000:03:00.0", "/devices/pci0000:00/0000:00:02.0/0000:03:00.0"},
        {RAID "host12/target12:2:0/12:2:0", "pci-0000:03:00.0",
         "/devices/pci0000:00/0000:00:02.0/0000:03:00.0"},
        {RAID "host12/target12:2:0/12:2:0:1x", "pci-0000:03:00.0",
         "/devices/pci0000:00/0000:00:02.0/0000:03:00.0"},
        {RAID "host12/12:2:0:1", "pci-0000:03:00.0", "/devices/pci0000:00/0000:00:02.0/0000:03:00.0"},
        {"/devices/platform/host3/session1/target3:0:0/3:0:0:7/block/sdc", "platform-host3-3:0:0:7",
         "/devices/platform/host3/session1/target3:0:0/3:0:0:7"},
        {"/devices/pseudo_0/adapter0/host6/target6:0:0/6:0:0:0/block/sda", "other-pseudo_0-6:0:0:0",
         "/devices/pseudo_0/adapter0/host6/target6:0:0/6:0:0:0"},
        {ACPI "ACPI0004:00/" GUID_A "/host0/target0:0:1/0:0:1:0/block/sdb", "acpi-" GUID_A "-0:0:1:0",
         ACPI "ACPI0004:00/" GUID_A "/host0/target0:0:1/0:0:1:0"},

        /* platform, and its kin */
        {"/devices/platform/vgem", "platform-vgem", NULL},
        {"/devices/platform/vgem/drm/renderD128", "platform-vgem", "/devices/platform/vgem"},
        {"/devices/platform/vivid.0/video4linux/video0", "platform-vivid.0", "/devices/platform/vivid.0"},
        {"/devices/platform/vivid.0/rc/rc0/input5/event4", "platform-vivid.0", "/devices/platform/vivid.0"},
        {"/devices/platform/snd_aloop.0/sound/card0/controlC0", "platform-snd_aloop.0",
         "/devices/platform/snd_aloop.0"},
        {"/devices/platform/soc/fe300000.mmc/mmc_host/mmc0", "platform-fe300000.mmc",
         "/devices/platform/soc/fe300000.mmc"},
        {"/devices/platform/soc/3f980000.usb/usb1/1-1", "usb-1-1", NULL},
        {"/devices/platform/serial8250/serial8250:0/serial8250:0.1/tty/ttyS1", "platform-serial8250:0.1",
         "/devices/platform/serial8250/serial8250:0/serial8250:0.1"},
        {"/devices/platform/serial8250/serial8250:0/serial8250:0.10/tty/ttyS10", "platform-serial8250:0.10",
         "/devices/platform/serial8250/serial8250:0/serial8250:0.10"},
        {"/devices/platform", NULL, NULL},
        {"/devices/faux/vgem/drm/card0", "faux-vgem", "/devices/faux/vgem"},
        {"/devices/pnp0/00:04/tty/ttyS0", "pnp-00:04", "/devices/pnp0/00:04"},
        {ACPI "MSFT0101:00/tpm/tpm0", "acpi-MSFT0101:00", ACPI "MSFT0101:00"},
        {ACPI "ACPI0004:00/MSFT1000:00/" GUID_A "/net/eth0", "acpi-" GUID_A,
         ACPI "ACPI0004:00/MSFT1000:00/" GUID_A},
        {ACPI "ACPI0004:00/MSFT1000:00/" GUID_B "/net/eth1", "acpi-" GUID_B,
         ACPI "ACPI0004:00/MSFT1000:00/" GUID_B},

        /* virtual: the topmost object of a class; a user's names are only names */
        {"/devices/virtual/net/veth0", "net-veth0", NULL},
        {"/devices/virtual/net/usb1", "net-usb1", NULL},
        {"/devices/virtual/net/3-1", "net-3-1", NULL},
        {"/devices/virtual/net/macvtap0/macvtap/tap5", "net-macvtap0", "/devices/virtual/net/macvtap0"},
        {"/devices/virtual/net/macvtap0", "net-macvtap0", NULL},
        {"/devices/virtual/block/loop0/loop0p1", "virtual-block-loop0", "/devices/virtual/block/loop0"},
        {"/devices/virtual/misc/tun", "virtual-misc-tun", NULL},
        {"/devices/virtual/misc/uhid", "virtual-misc-uhid", NULL},
        {"/devices/virtual/misc/uhid/0005:045E:0B13.0007/hidraw/hidraw2", "virtual-uhid-0005:045E:0B13.0007",
         "/devices/virtual/misc/uhid/0005:045E:0B13.0007"},
        {"/devices/virtual/input/input7/event4", "virtual-input-input7", "/devices/virtual/input/input7"},
        {"/devices/virtual/mac80211_hwsim/hwsim0/net/wlan0", "virtual-mac80211_hwsim-hwsim0",
         "/devices/virtual/mac80211_hwsim/hwsim0"},
        {"/devices/virtual/net/a b\xff", "net-a\\x20b\\xff", NULL},
        {"/devices/virtual/net/.", "net-.", NULL},
        {"/devices/virtual/misc", NULL, NULL},
        {"/devices/virtual", NULL, NULL},

        /* others */
        {"/devices/pseudo_0/adapter0/host6", "other-pseudo_0", "/devices/pseudo_0"},
        {"/devices/vbd-51712/block/xvda", "other-vbd-51712", "/devices/vbd-51712"},
        {"/devices/system/cpu/cpu0", NULL, NULL},

        /* named so by source/nvidia.c: parts of a GPU, which are devices of their own */
        {"/devices/virtual/mig/0000:01:00.0-gi1-ci0/nvidia-cap12", "mig-0000:01:00.0-gi1-ci0",
         "/devices/virtual/mig/0000:01:00.0-gi1-ci0"},
        {GPU "/nvidia/nvidia0", "pci-0000:08:00.0", GPU},
        /* named so by source/nodes.c */
        {"/devices/virtual/node/ttyX0", "node-ttyX0", "/devices/virtual/node/ttyX0"},
        {"/devices/virtual/node/x!y", "node-x\\x21y", "/devices/virtual/node/x!y"},

        /* and by source/cdi.c, what files describe; a bus or class of that name elsewhere is none of it */
        {CDI "nvidia.com:gpu:0", "cdi-nvidia.com:gpu:0", NULL},
        {CDI "vendor.example:board:1:0", "cdi-vendor.example:board:1:0", NULL},
        {CDI "nvidia.com:gpu:0/below", "cdi-nvidia.com:gpu:0", CDI "nvidia.com:gpu:0"},
        {CDI "none", "cdi-none", NULL},
        {"/devices/virtual/cdi", NULL, NULL},
        {"/devices/virtual/cdi/", NULL, NULL},
        {"/devices/virtual/net/cdi", "net-cdi", NULL},
        {"/devices/virtual/cdix/a:b:c", "virtual-cdix-a:b:c", NULL},
        {GPU "/cdi/a:b:c", "pci-0000:08:00.0", GPU},

        /* no devices */
        {"/card0", NULL, NULL},
        {"/devices", NULL, NULL},
        {"/devices/", NULL, NULL},
        {"/devicesx/virtual/net/a", NULL, NULL},
        {"/devices//virtual/net/a", NULL, NULL},
        {"/devices/virtual/net/", NULL, NULL},
        {"/module/e1000e", NULL, NULL},
        {"/bus/pci/drivers/e1000e", NULL, NULL},
        {"", NULL, NULL},
        {"/", NULL, NULL},
};

static void test_places(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char id[DEVICE_ID_MAX], back[DEVICE_ID_MAX];
                DevicePlace place;
                int r;

                r = device_place_parse(places[i].devpath, &place);
                print_message("%s\n", places[i].devpath);
                if (!places[i].id) {
                        assert_int_equal(r, -ENODEV);
                        continue;
                }
                assert_int_equal(r, 0);
                assert_int_equal(device_place_id(&place, id), 0);
                assert_string_equal(id, places[i].id);
                assert_int_equal(string_from_component(id, back, sizeof(back)), 0);
                /* No id is a bare word: plan/item.h has a use for such a one. */
                assert_non_null(strchr(id, '-'));
                if (places[i].root) {
                        assert_int_equal(place.root_size, strlen(places[i].root));
                        assert_memory_equal(places[i].devpath, places[i].root, place.root_size);
                }
        }
}

/* A root object and everything below it are of the same device. */
static void test_places_agree(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *root = NULL;
                DevicePlace place, again;

                if (!places[i].id)
                        continue;
                assert_int_equal(device_place_parse(places[i].devpath, &place), 0);
                root = strndup(places[i].devpath, place.root_size);
                assert_non_null(root);
                assert_int_equal(device_place_parse(root, &again), 0);
                assert_int_equal(again.root_size, place.root_size);
                assert_int_equal(again.place_size, place.place_size);
                assert_int_equal(again.unit_size, place.unit_size);
                assert_string_equal(again.prefix, place.prefix);
        }
}

/* The place of a CDI device is its qualified name, whatever stands in its id. */
static void test_cdi_place(_unused_ void **state) {
        static const struct {
                const char *devpath, *id, *place;
        } cases[] = {
                {CDI "nvidia.com:gpu:0", "cdi-nvidia.com:gpu:0", "nvidia.com/gpu=0"},
                {CDI "v.example:a_b:1:0:x", "cdi-v.example:a_b:1:0:x", "v.example/a_b=1:0:x"},
                /* none of that form: it stays as it is */
                {CDI "a:b", "cdi-a:b", "a:b"},
                {CDI "none", "cdi-none", "none"},
                {"/devices/virtual/net/a:b:c", "net-a:b:c", "a:b:c"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char id[DEVICE_ID_MAX], text[DEVICE_ID_MAX];
                _cleanup_(device_freep) Device *device = NULL;
                DevicePlace place;

                assert_int_equal(device_place_parse(cases[i].devpath, &place), 0);
                assert_int_equal(device_place_id(&place, id), 0);
                assert_string_equal(id, cases[i].id);
                assert_int_equal(device_place_text(&place, text), 0);
                assert_string_equal(text, cases[i].place);
                assert_int_equal(device_new(&place, cases[i].devpath, &device), 0);
                assert_string_equal(device->id, cases[i].id);
                assert_string_equal(device->place, cases[i].place);
                assert_string_equal(device->devpath, cases[i].devpath);
        }
}

static void test_long_id(void **state) {
        char devpath[512] = "/devices/virtual/cuse/";
        char id[DEVICE_ID_MAX];
        _cleanup_(device_freep) Device *device = NULL;
        DevicePlace place;

        memset(devpath + strlen(devpath), 'x', 300);
        assert_int_equal(device_place_parse(devpath, &place), 0);
        assert_int_equal(device_place_id(&place, id), -ENAMETOOLONG);
        assert_int_equal(device_new(&place, devpath, &device), -ENAMETOOLONG);
        assert_null(device);
}

static Device *make_device(const char *devpath) {
        DevicePlace place;
        Device *device;

        assert_int_equal(device_place_parse(devpath, &place), 0);
        assert_int_equal(device_new(&place, devpath, &device), 0);
        return device;
}

#define ADD_PART(device, ...)                                              \
        ({                                                                 \
                Uevent _event = EVENT(UEVENT_ADD, __VA_ARGS__);            \
                Part *_part;                                               \
                assert_int_equal(part_new(&_event.properties, &_part), 0); \
                uevent_deinit(&_event);                                    \
                device_add_part((device), _part);                          \
                assert_int_equal(device_refresh(device), 0);               \
                _part;                                                     \
        })

static void test_usb_identity(void **state) {
        _cleanup_(device_freep) Device *device = make_device(VHCI "3-1/3-1:1.0");
        Part *root, *interface;

        assert_string_equal(device->id, "usb-3-1");
        assert_string_equal(device->place, "3-1");
        assert_string_equal(device->devpath, VHCI "3-1");
        assert_false(device_is_alive(device));

        /* The kernel's word, with digits that udev would have padded. */
        root = ADD_PART(device, "DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", "DEVNAME=bus/usb/003/002",
                        "MAJOR=189", "MINOR=257", "PRODUCT=403/4ee7/540");
        assert_ptr_equal(device_root(device), root);
        assert_true(device_is_alive(device));
        assert_string_equal(device->vendor, "0403");
        assert_string_equal(device->product, "4ee7");
        assert_null(device->serial);
        assert_int_equal(device->classes, 1U << DEVICE_USB);

        /* A child's serial is the child's. */
        ADD_PART(device, "DEVPATH=" VHCI "3-1/3-1:1.1/block/sda", "SUBSYSTEM=block", "DEVNAME=sda", "MAJOR=8",
                 "MINOR=0", "ID_SERIAL_SHORT=disk", "ID_PATH=disk", "ID_MODEL=disk", "ID_VENDOR_ID=ffff");
        assert_null(device->serial);
        assert_null(device->id_path);
        assert_null(device->model);
        assert_string_equal(device->vendor, "0403");
        assert_int_equal(device->classes, 1U << DEVICE_USB | 1U << DEVICE_BLOCK);
        assert_string_equal(device_property(device, "ID_MODEL"), "disk");

        assert_int_equal(property_list_set(&root->properties, "ID_SERIAL_SHORT", "PIXEL1"), 0);
        assert_int_equal(property_list_set(&root->properties, "ID_VENDOR_ID", "18D1"), 0);
        assert_int_equal(property_list_set(&root->properties, "ID_MODEL_FROM_DATABASE", "Nexus"), 0);
        assert_int_equal(property_list_set(&root->properties, "ID_MODEL", "Pixel_6"), 0);
        assert_int_equal(property_list_set(&root->properties, "ID_PATH", "platform-vhci_hcd.0-usb-0:1"), 0);
        assert_int_equal(device_refresh(device), 0);
        assert_string_equal(device->serial, "PIXEL1");
        assert_string_equal(device->vendor, "18d1");
        assert_string_equal(device->model, "Pixel_6");
        assert_string_equal(device->id_path, "platform-vhci_hcd.0-usb-0:1");
        assert_string_equal(device_property(device, "ID_MODEL"), "Pixel_6");
        assert_null(device_property(device, "ID_NONE"));

        /* What was learned stays. */
        property_list_unset(&root->properties, "ID_SERIAL_SHORT");
        property_list_unset(&root->properties, "ID_VENDOR_ID");
        property_list_unset(&root->properties, "PRODUCT");
        assert_int_equal(device_refresh(device), 0);
        assert_string_equal(device->serial, "PIXEL1");
        assert_string_equal(device->vendor, "18d1");
        assert_string_equal(device->product, "4ee7");

        device_forget(device);
        assert_null(device->serial);
        assert_null(device->vendor);

        interface = ADD_PART(device, "DEVPATH=" VHCI "3-1/3-1:1.0", "SUBSYSTEM=usb", "INTERFACE=255/66/1");
        device_remove_part(device, root);
        part_free(root);
        assert_null(device_root(device));
        assert_int_equal(device->n_parts, 2);
        assert_ptr_equal(interface->device, device);
}

static void test_interfaces(void **state) {
        _cleanup_(device_freep) Device *device = make_device(VHCI "3-1");

        assert_false(device_has_interface(device, "*"));
        ADD_PART(device, "DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", "ID_USB_INTERFACES=:060101:ff4203:");
        assert_true(device_has_interface(device, "06:01:01"));
        assert_true(device_has_interface(device, "ff:42:03"));
        assert_true(device_has_interface(device, "ff:42:*"));
        assert_false(device_has_interface(device, "ff:42:01"));
        ADD_PART(device, "DEVPATH=" VHCI "3-1/3-1:1.0", "SUBSYSTEM=usb", "INTERFACE=255/66/1");
        assert_true(device_has_interface(device, "ff:42:01"));
        assert_false(device_has_interface(device, "ff:42:0"));
        assert_false(device_has_interface(device, "03:*"));
        /* Broken ones say nothing. */
        ADD_PART(device, "DEVPATH=" VHCI "3-1/3-1:1.1", "SUBSYSTEM=usb", "INTERFACE=3/256/0");
        ADD_PART(device, "DEVPATH=" VHCI "3-1/3-1:1.2", "SUBSYSTEM=usb", "INTERFACE=3/");
        ADD_PART(device, "DEVPATH=" VHCI "3-1/3-1:1.3/net/x", "SUBSYSTEM=net", "INTERFACE=3", "IFINDEX=1");
        assert_false(device_has_interface(device, "03:*"));
}

static void test_broken_interfaces(void **state) {
        static const char *const texts[] = {":", "::", "ff4201", ":ff420", ":ff42011:", ":ff42:01:", ""};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(device_freep) Device *device = make_device(VHCI "3-1");
                char entry[64];

                snprintf(entry, sizeof(entry), "ID_USB_INTERFACES=%s", texts[i]);
                ADD_PART(device, "DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", entry);
                assert_false(device_has_interface(device, "*"));
        }
}

static void test_pci_identity(void **state) {
        _cleanup_(device_freep) Device *device = make_device(GPU "/drm/card0");
        static const char *const bad[] = {"", "x", "0x", "8086", "8086:", ":", "8086:10D30"};

        ADD_PART(device, "DEVPATH=" GPU "/drm/card0", "SUBSYSTEM=drm", "DEVNAME=/dev/dri/card0", "MAJOR=226",
                 "MINOR=0", "ID_PATH=pci-0000:08:00.0");
        assert_null(device->vendor);
        assert_string_equal(device->id_path, "pci-0000:08:00.0");
        ADD_PART(device, "DEVPATH=" GPU, "SUBSYSTEM=pci", "PCI_ID=8086:10D3",
                 "ID_MODEL_FROM_DATABASE=82574L");
        assert_string_equal(device->vendor, "8086");
        assert_string_equal(device->product, "10d3");
        assert_string_equal(device->model, "82574L");
        assert_int_equal(device->classes, 1U << DEVICE_GPU);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(device_freep) Device *other = make_device(GPU);
                char entry[64];

                snprintf(entry, sizeof(entry), "PCI_ID=%s", bad[i]);
                ADD_PART(other, "DEVPATH=" GPU, "SUBSYSTEM=pci", entry);
                assert_null(other->product);
        }
}

/* udev writes the ids of a PCI interface as 0x8086. */
static void test_nic_identity(void **state) {
        _cleanup_(device_freep) Device *device = make_device(GPU "/net/enp8s0");

        ADD_PART(device, "DEVPATH=" GPU "/net/enp8s0", "SUBSYSTEM=net", "INTERFACE=enp8s0", "IFINDEX=2",
                 "ID_VENDOR_ID=0x8086", "ID_MODEL_ID=0x10d3");
        assert_string_equal(device->vendor, "8086");
        assert_string_equal(device->product, "10d3");
        assert_int_equal(device->classes, 1U << DEVICE_NET);
}

static void test_classes(void **state) {
        static const struct {
                const char *subsystem, *devname;
                DeviceClass class;
        } cases[] = {
                {"drm", "dri/card0", DEVICE_GPU},     {"drm", "dri/renderD128", DEVICE_GPU},
                {"block", "sda", DEVICE_BLOCK},       {"input", "input/event0", DEVICE_INPUT},
                {"tty", "ttyS0", DEVICE_TTY},         {"video4linux", "video0", DEVICE_VIDEO},
                {"sound", "snd/timer", DEVICE_SOUND}, {"hidraw", "hidraw0", DEVICE_HIDRAW},
                {"tpm", "tpm0", DEVICE_TPM},          {"tpmrm", "tpmrm0", DEVICE_TPM},
                {"macvtap", "tap5", DEVICE_TAP},      {"misc", "kvm", DEVICE_OTHER},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(device_freep) Device *device = make_device("/devices/virtual/misc/x");
                char subsystem[64], devname[64];

                snprintf(subsystem, sizeof(subsystem), "SUBSYSTEM=%s", cases[i].subsystem);
                snprintf(devname, sizeof(devname), "DEVNAME=%s", cases[i].devname);
                ADD_PART(device, "DEVPATH=/devices/virtual/misc/x", subsystem, devname, "MAJOR=10",
                         "MINOR=1");
                assert_int_equal(device->classes, 1U << cases[i].class);
        }
}

/* A word that says nothing is left out where another says something. */
static void test_class_other(void **state) {
        _cleanup_(device_freep) Device *device = make_device(GPU);

        ADD_PART(device, "DEVPATH=" GPU "/graphics/fb0", "SUBSYSTEM=graphics", "DEVNAME=fb0", "MAJOR=29",
                 "MINOR=0");
        assert_int_equal(device->classes, 1U << DEVICE_OTHER);
        ADD_PART(device, "DEVPATH=" GPU "/drm/card0", "SUBSYSTEM=drm", "DEVNAME=dri/card0", "MAJOR=226",
                 "MINOR=0");
        assert_int_equal(device->classes, 1U << DEVICE_GPU);
}

/* A USB device is one, node or not; a PCI function alone is none. */
static void test_alive(void **state) {
        _cleanup_(device_freep) Device *usb = make_device(VHCI "3-1"), *pci = make_device(GPU);

        ADD_PART(usb, "DEVPATH=" VHCI "3-1/3-1:1.0", "SUBSYSTEM=usb", "INTERFACE=255/66/1");
        assert_false(device_is_alive(usb));
        assert_int_equal(usb->classes, 0);
        ADD_PART(usb, "DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", "PRODUCT=18d1/4ee7/540");
        assert_true(device_is_alive(usb));
        assert_int_equal(usb->classes, 1U << DEVICE_USB);

        ADD_PART(pci, "DEVPATH=" GPU, "SUBSYSTEM=pci", "PCI_ID=8086:10D3");
        assert_false(device_is_alive(pci));
        assert_int_equal(pci->classes, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_class_names),  cmocka_unit_test(test_places),
                cmocka_unit_test(test_places_agree), cmocka_unit_test(test_cdi_place),
                cmocka_unit_test(test_long_id),      cmocka_unit_test(test_usb_identity),
                cmocka_unit_test(test_interfaces),   cmocka_unit_test(test_broken_interfaces),
                cmocka_unit_test(test_pci_identity), cmocka_unit_test(test_nic_identity),
                cmocka_unit_test(test_classes),      cmocka_unit_test(test_class_other),
                cmocka_unit_test(test_alive),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
