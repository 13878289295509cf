/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One device of each class is plugged in, used, unplugged, and plugged in with another number: through the
 * real manager into a real container. What devices say of themselves is what udev says of real ones; their
 * numbers are lent (farm_lend()), so that they can be used too.
 *
 * In the text of an object '#' and '@' stand for a digit and a letter that are others with each plug, as a
 * kernel deals names. A node's number is dealt by the test.
 */

#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/farm.h"
#include "util/string.h"

#define OBJECTS_MAX 8
#define PLUGS       3 /* at first, another time, and unseen */

typedef struct Row {
        const char *class; /* the name of the case, too */
        const char *id;
        const char *match;
        const char *nodes; /* of the rule; "" all */
        const char *root;  /* what is unplugged: the devpath of it and of all below it */
        const char *inside;
        const char *objects[OBJECTS_MAX];
} Row;

#define USB(port, number, vendor, product, more)                                          \
        "DEVPATH=/devices/pci0000:00/0000:00:07.0/usb1/" port "\nSUBSYSTEM=usb\n"         \
        "DEVTYPE=usb_device\nDEVNAME=/dev/bus/usb/001/" number "\nBUSNUM=001\n"           \
        "DEVNUM=" number "\nPRODUCT=" vendor "/" product "/100\nTYPE=0/0/0\nID_BUS=usb\n" \
        "ID_VENDOR_ID=" vendor "\nID_MODEL_ID=" product "\n" more
#define USB_INTERFACE(port, triple, driver)                                                    \
        "DEVPATH=/devices/pci0000:00/0000:00:07.0/usb1/" port "/" port ":1.0\nSUBSYSTEM=usb\n" \
        "DEVTYPE=usb_interface\nINTERFACE=" triple "\nDRIVER=" driver
#define USB_BELOW(port) "DEVPATH=/devices/pci0000:00/0000:00:07.0/usb1/" port "/" port ":1.0/"

static const Row rows[] = {
        {
                .class = "usb",
                .id = "usb-1-1",
                .match = "{ class: usb, vendor: \"18d1\", interface: \"ff:42:01\" }",
                .root = "/devices/pci0000:00/0000:00:07.0/usb1/1-1",
                .inside = "bus/usb/001/00#",
                .objects = {USB("1-1", "00#", "18d1", "4ee7", "ID_USB_INTERFACES=:ff4201:"),
                            USB_INTERFACE("1-1", "255/66/1", "usbfs")},
        },
        {
                .class = "serial adapter",
                .id = "usb-1-1",
                .match = "{ class: tty, vendor: \"0403\", serial: A50285BI }",
                .nodes = "nodes: [tty], ",
                .root = "/devices/pci0000:00/0000:00:07.0/usb1/1-1",
                .inside = "ttyUSB#",
                .objects = {USB("1-1", "00#", "403", "6001",
                                "ID_VENDOR_ID=0403\nID_SERIAL_SHORT=A50285BI\nID_USB_INTERFACES=:ffffff:"),
                            USB_INTERFACE("1-1", "255/255/255", "ftdi_sio"),
                            USB_BELOW("1-1") "ttyUSB#/tty/ttyUSB#\nSUBSYSTEM=tty\nDEVNAME=/dev/ttyUSB#\n"
                                             "ID_BUS=usb\nID_VENDOR_ID=0403\nID_MODEL_ID=6001\n"
                                             "ID_SERIAL_SHORT=A50285BI\n"
                                             "DEVLINKS=/dev/serial/by-id/usb-FTDI_A50285BI-if00-port0"},
        },
        {
                .class = "serial port",
                .id = "pnp-00:04",
                .match = "{ class: tty, port: \"00:04\" }",
                .root = "/devices/pnp0/00:04",
                .inside = "ttyS#",
                .objects = {"DEVPATH=/devices/pnp0/00:04\nSUBSYSTEM=pnp\nDRIVER=serial",
                            "DEVPATH=/devices/pnp0/00:04/00:04:0/00:04:0.0/tty/ttyS#\nSUBSYSTEM=tty\n"
                            "DEVNAME=/dev/ttyS#"},
        },
        {
                .class = "hidraw",
                .id = "usb-1-3",
                .match = "{ class: hidraw, vendor: \"1050\" }",
                .nodes = "nodes: [hidraw], ",
                .root = "/devices/pci0000:00/0000:00:07.0/usb1/1-3",
                .inside = "hidraw#",
                .objects = {USB("1-3", "00#", "1050", "407", "ID_MODEL_ID=0407"),
                            USB_INTERFACE("1-3", "3/0/0", "usbhid"),
                            USB_BELOW("1-3") "0003:1050:0407.000#\nSUBSYSTEM=hid\nDRIVER=hid-generic\n"
                                             "HID_ID=0003:00001050:00000407\nHID_NAME=Yubico YubiKey",
                            USB_BELOW("1-3") "0003:1050:0407.000#/hidraw/hidraw#\nSUBSYSTEM=hidraw\n"
                                             "DEVNAME=/dev/hidraw#"},
        },
        {
                .class = "input",
                .id = "usb-1-4",
                .match = "{ class: input, property: { ID_INPUT_MOUSE: \"1\" } }",
                .nodes = "nodes: [input, hidraw], ",
                .root = "/devices/pci0000:00/0000:00:07.0/usb1/1-4",
                .inside = "hidraw#, input/event#, input/mouse#",
                .objects = {USB("1-4", "00#", "627", "1", "ID_VENDOR_ID=0627\nID_MODEL_ID=0001"),
                            USB_BELOW("1-4") "0003:0627:0001.000#/input/input#\nSUBSYSTEM=input\n"
                                             "PRODUCT=3/627/1/1\nID_INPUT=1\nID_INPUT_MOUSE=1",
                            USB_BELOW("1-4") "0003:0627:0001.000#/input/input#/event#\nSUBSYSTEM=input\n"
                                             "DEVNAME=/dev/input/event#\nID_INPUT=1\nID_INPUT_MOUSE=1",
                            USB_BELOW("1-4") "0003:0627:0001.000#/input/input#/mouse#\nSUBSYSTEM=input\n"
                                             "DEVNAME=/dev/input/mouse#\nID_INPUT=1\nID_INPUT_MOUSE=1",
                            USB_BELOW("1-4") "0003:0627:0001.000#/hidraw/hidraw#\nSUBSYSTEM=hidraw\n"
                                             "DEVNAME=/dev/hidraw#"},
        },
        {
                /* One that a program made by /dev/uinput has no place but its number. */
                .class = "input of a program",
                .id = "virtual-input-input#",
                .match = "{ class: input, port: \"input-*\" }",
                .root = "/devices/virtual/input/input#",
                .inside = "input/event#",
                .objects = {"DEVPATH=/devices/virtual/input/input#\nSUBSYSTEM=input\nPRODUCT=3/1/1/1\n"
                            "ID_INPUT=1",
                            "DEVPATH=/devices/virtual/input/input#/event#\nSUBSYSTEM=input\n"
                            "DEVNAME=/dev/input/event#\nID_INPUT=1\nID_INPUT_KEY=1"},
        },
        {
                .class = "uinput",
                .id = "virtual-misc-uinput",
                .match = "{ path: /dev/uinput }",
                .root = "/devices/virtual/misc/uinput",
                .inside = "uinput",
                .objects = {"DEVPATH=/devices/virtual/misc/uinput\nSUBSYSTEM=misc\nDEVNAME=/dev/uinput"},
        },
        {
                .class = "video",
                .id = "usb-1-2",
                .match = "{ class: video, property: { ID_V4L_CAPABILITIES: \"*:capture:*\" } }",
                .nodes = "nodes: [video], ",
                .root = "/devices/pci0000:00/0000:00:07.0/usb1/1-2",
                .inside = "media#, video1#, video#",
                .objects = {USB("1-2", "00#", "46d", "825", "ID_VENDOR_ID=046d\nID_MODEL_ID=0825"),
                            USB_INTERFACE("1-2", "14/1/0", "uvcvideo"),
                            USB_BELOW("1-2") "media#\nSUBSYSTEM=media\nDEVNAME=/dev/media#",
                            USB_BELOW("1-2") "video4linux/video#\nSUBSYSTEM=video4linux\n"
                                             "DEVNAME=/dev/video#\nID_V4L_VERSION=2\n"
                                             "ID_V4L_CAPABILITIES=:capture:",
                            USB_BELOW("1-2") "video4linux/video1#\nSUBSYSTEM=video4linux\n"
                                             "DEVNAME=/dev/video1#\nID_V4L_CAPABILITIES=:"},
        },
        {
                .class = "video of the platform",
                .id = "platform-vivid.0",
                .match = "{ class: video, driver: vivid }",
                .root = "/devices/platform/vivid.0",
                .inside = "media#, radio#, vbi#, video#",
                .objects = {"DEVPATH=/devices/platform/vivid.0\nSUBSYSTEM=platform\nDRIVER=vivid",
                            "DEVPATH=/devices/platform/vivid.0/media#\nSUBSYSTEM=media\n"
                            "DEVNAME=/dev/media#\nID_PATH=platform-vivid.0",
                            "DEVPATH=/devices/platform/vivid.0/video4linux/video#\n"
                            "SUBSYSTEM=video4linux\nDEVNAME=/dev/video#\nID_PATH=platform-vivid.0",
                            "DEVPATH=/devices/platform/vivid.0/video4linux/vbi#\n"
                            "SUBSYSTEM=video4linux\nDEVNAME=/dev/vbi#\nID_PATH=platform-vivid.0",
                            "DEVPATH=/devices/platform/vivid.0/video4linux/radio#\n"
                            "SUBSYSTEM=video4linux\nDEVNAME=/dev/radio#\nID_PATH=platform-vivid.0"},
        },
        {
                .class = "sound",
                .id = "platform-snd_aloop.0",
                .match = "{ class: sound, port: platform-snd_aloop.0 }",
                .root = "/devices/platform/snd_aloop.0",
                .inside = "snd/controlC#, snd/pcmC#D0c, snd/pcmC#D0p",
                .objects = {"DEVPATH=/devices/platform/snd_aloop.0\nSUBSYSTEM=platform\nDRIVER=snd_aloop",
                            "DEVPATH=/devices/platform/snd_aloop.0/sound/card#\nSUBSYSTEM=sound\n"
                            "ID_PATH=platform-snd_aloop.0",
                            "DEVPATH=/devices/platform/snd_aloop.0/sound/card#/pcmC#D0c\n"
                            "SUBSYSTEM=sound\nDEVNAME=/dev/snd/pcmC#D0c\nID_PATH=platform-snd_aloop.0",
                            "DEVPATH=/devices/platform/snd_aloop.0/sound/card#/pcmC#D0p\n"
                            "SUBSYSTEM=sound\nDEVNAME=/dev/snd/pcmC#D0p\nID_PATH=platform-snd_aloop.0",
                            "DEVPATH=/devices/platform/snd_aloop.0/sound/card#/controlC#\n"
                            "SUBSYSTEM=sound\nDEVNAME=/dev/snd/controlC#\nID_PATH=platform-snd_aloop.0\n"
                            "DEVLINKS=/dev/snd/by-path/platform-snd_aloop.0"},
        },
        {
                .class = "tpm",
                .id = "acpi-MSFT0101:00",
                .match = "{ class: tpm }",
                .root = "/devices/LNXSYSTM:00/LNXSYBUS:00/MSFT0101:00",
                .inside = "tpm#, tpmrm#",
                .objects = {"DEVPATH=/devices/LNXSYSTM:00/LNXSYBUS:00/MSFT0101:00/tpm/tpm#\n"
                            "SUBSYSTEM=tpm\nDEVNAME=/dev/tpm#",
                            "DEVPATH=/devices/LNXSYSTM:00/LNXSYBUS:00/MSFT0101:00/tpmrm/tpmrm#\n"
                            "SUBSYSTEM=tpmrm\nDEVNAME=/dev/tpmrm#"},
        },
        {
                .class = "watchdog",
                .id = "pci-0000:00:1f.0",
                .match = "{ path: \"/dev/watchdog[0-9]*\" }",
                .root = "/devices/pci0000:00/0000:00:1f.0/iTCO_wdt.1.auto",
                .inside = "watchdog#",
                .objects = {"DEVPATH=/devices/pci0000:00/0000:00:1f.0/iTCO_wdt.1.auto/watchdog/watchdog#\n"
                            "SUBSYSTEM=watchdog\nDEVNAME=/dev/watchdog#"},
        },
        {
                .class = "kvm",
                .id = "virtual-misc-kvm",
                .match = "{ path: /dev/kvm }",
                .root = "/devices/virtual/misc/kvm",
                .inside = "kvm",
                .objects = {"DEVPATH=/devices/virtual/misc/kvm\nSUBSYSTEM=misc\nDEVNAME=/dev/kvm"},
        },
        {
                .class = "fuse",
                .id = "virtual-misc-fuse",
                .match = "{ class: other, port: misc-fuse }",
                .root = "/devices/virtual/misc/fuse",
                .inside = "fuse",
                .objects = {"DEVPATH=/devices/virtual/misc/fuse\nSUBSYSTEM=misc\nDEVNAME=/dev/fuse"},
        },
        {
                .class = "vhost",
                .id = "virtual-misc-vhost-net",
                .match = "{ path: \"/dev/vhost-*\" }",
                .root = "/devices/virtual/misc/vhost-net",
                .inside = "vhost-net",
                .objects = {"DEVPATH=/devices/virtual/misc/vhost-net\nSUBSYSTEM=misc\n"
                            "DEVNAME=/dev/vhost-net"},
        },
        {
                .class = "gpu",
                .id = "pci-0000:08:00.0",
                .match = "{ class: gpu, vendor: \"1af4\" }",
                .root = "/devices/pci0000:00/0000:00:16.7/0000:08:00.0",
                .inside = "dri/card#, dri/renderD12#",
                .objects = {"DEVPATH=/devices/pci0000:00/0000:00:16.7/0000:08:00.0\nSUBSYSTEM=pci\n"
                            "DRIVER=virtio-pci\nPCI_CLASS=38000\nPCI_ID=1AF4:1050\n"
                            "PCI_SLOT_NAME=0000:08:00.0\nID_PATH=pci-0000:08:00.0",
                            "DEVPATH=/devices/pci0000:00/0000:00:16.7/0000:08:00.0/drm/card#\n"
                            "SUBSYSTEM=drm\nDEVTYPE=drm_minor\nDEVNAME=/dev/dri/card#\n"
                            "DEVLINKS=/dev/dri/by-path/pci-0000:08:00.0-card",
                            "DEVPATH=/devices/pci0000:00/0000:00:16.7/0000:08:00.0/drm/renderD12#\n"
                            "SUBSYSTEM=drm\nDEVTYPE=drm_minor\nDEVNAME=/dev/dri/renderD12#\n"
                            "DEVLINKS=/dev/dri/by-path/pci-0000:08:00.0-render"},
        },
        {
                .class = "gpu of the platform, its render node alone",
                .id = "platform-vgem",
                .match = "{ class: gpu, path: /dev/dri/by-path/platform-vgem-render }",
                .nodes = "nodes: [render], ",
                .root = "/devices/platform/vgem",
                .inside = "dri/renderD12#",
                .objects = {"DEVPATH=/devices/platform/vgem/drm/card#\nSUBSYSTEM=drm\n"
                            "DEVTYPE=drm_minor\nDEVNAME=/dev/dri/card#\n"
                            "DEVLINKS=/dev/dri/by-path/platform-vgem-card",
                            "DEVPATH=/devices/platform/vgem/drm/renderD12#\nSUBSYSTEM=drm\n"
                            "DEVTYPE=drm_minor\nDEVNAME=/dev/dri/renderD12#\n"
                            "DEVLINKS=/dev/dri/by-path/platform-vgem-render"},
        },
        {
                .class = "usb storage",
                .id = "usb-1-2",
                .match = "{ class: block, serial: STICK1 }",
                .nodes = "nodes: [block], ",
                .root = "/devices/pci0000:00/0000:00:07.0/usb1/1-2",
                .inside = "sd@, sd@1",
                .objects = {USB("1-2", "00#", "46f4", "1",
                                "ID_MODEL_ID=0001\nID_SERIAL_SHORT=STICK1\nID_USB_INTERFACES=:080650:"),
                            USB_INTERFACE("1-2", "8/6/80", "usb-storage"),
                            USB_BELOW("1-2") "host6/target6:0:0/6:0:0:0/block/sd@\nSUBSYSTEM=block\n"
                                             "DEVTYPE=disk\nDEVNAME=/dev/sd@\nID_SERIAL_SHORT=STICK1",
                            USB_BELOW("1-2") "host6/target6:0:0/6:0:0:0/block/sd@/sd@1\n"
                                             "SUBSYSTEM=block\nDEVTYPE=partition\nDEVNAME=/dev/sd@1\n"
                                             "ID_FS_TYPE=vfat",
                            USB_BELOW("1-2") "host6/target6:0:0/6:0:0:0/scsi_generic/sg#\n"
                                             "SUBSYSTEM=scsi_generic\nDEVNAME=/dev/sg#"},
        },
        {
                .class = "nvme disk",
                .id = "pci-0000:03:00.0",
                .match = "{ class: block, driver: nvme }",
                .root = "/devices/pci0000:00/0000:00:1d.0/0000:03:00.0",
                .inside = "ng#n1, nvme#, nvme#n1",
                .objects = {"DEVPATH=/devices/pci0000:00/0000:00:1d.0/0000:03:00.0\nSUBSYSTEM=pci\n"
                            "DRIVER=nvme\nPCI_CLASS=10802\nPCI_ID=144D:A80A\n"
                            "PCI_SLOT_NAME=0000:03:00.0",
                            "DEVPATH=/devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme#\n"
                            "SUBSYSTEM=nvme\nDEVNAME=/dev/nvme#",
                            "DEVPATH=/devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme#/nvme#n1\n"
                            "SUBSYSTEM=block\nDEVTYPE=disk\nDEVNAME=/dev/nvme#n1\nID_SERIAL_SHORT=S649NX0",
                            "DEVPATH=/devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme#/ng#n1\n"
                            "SUBSYSTEM=nvme-generic\nDEVNAME=/dev/ng#n1"},
        },
        {
                .class = "gpio of the platform",
                .id = "platform-fe200000.gpio",
                .match = "{ path: \"/dev/gpiochip*\" }",
                .root = "/devices/platform/soc/fe200000.gpio/gpiochip#",
                .inside = "gpiochip#",
                .objects = {"DEVPATH=/devices/platform/soc/fe200000.gpio/gpiochip#\nSUBSYSTEM=gpio\n"
                            "DEVNAME=/dev/gpiochip#"},
        },
};

/* '#' and '@' of @text as of that plug. */
static char *spell(const char *text, unsigned int plug) {
        char *copy = strdup(text);

        assert_non_null(copy);
        for (char *p = copy; *p; p++)
                if (*p == '#')
                        *p = (char)('6' + plug);
                else if (*p == '@')
                        *p = (char)('a' + plug);
        return copy;
}

/* The number of the @i-th node of a device: others with each plug. */
static dev_t deal(char type, unsigned int plug, unsigned int i) {
        unsigned int n = 0;
        dev_t number;

        while (farm_lend(type, n, &number))
                n++;
        if (n < OBJECTS_MAX) {
                print_message("SKIP: there are only %u nodes of the type %c that can be lent\n", n, type);
                skip();
        }
        assert_true(farm_lend(type, (plug + i) % n, &number));
        return number;
}

static void plug_in(Farm *farm, const Row *row, unsigned int plug) {
        unsigned int n_nodes = 0;

        for (size_t i = 0; i < OBJECTS_MAX && row->objects[i]; i++) {
                _cleanup_free_ char *text = spell(row->objects[i], plug), *whole = NULL;
                dev_t number;

                if (!strstr(text, "\nDEVNAME=")) {
                        farm_tell(farm, UEVENT_ADD, text);
                        continue;
                }
                number = deal(strstr(text, "\nSUBSYSTEM=block\n") ? 'b' : 'c', plug, n_nodes++);
                assert_true(asprintf(&whole, "%s\nMAJOR=%u\nMINOR=%u", text, major(number), minor(number)) >
                            0);
                farm_tell(farm, UEVENT_ADD, whole);
        }
}

/* Each node of the device has the number of this plug, and can be read inside. */
static void assert_used(const char *nodes) {
        _cleanup_free_ char *copy = strdup(nodes);

        assert_non_null(copy);
        for (char *save = NULL, *node = strtok_r(copy, ", ", &save); node;
             node = strtok_r(NULL, ", ", &save)) {
                char script[256], said[OUTPUT_SIZE], path[256];
                struct stat st;

                snprintf(path, sizeof(path), "%s/dev/ci-1/dev/%s", launch_dir(), node);
                assert_int_equal(lstat(path, &st), 0);
                assert_true(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
                snprintf(script, sizeof(script), "dd if=/dev/%s of=/dev/null bs=16 count=1", node);
                if (farm_inside("ci-1", script, said, sizeof(said)) != 0)
                        fail_msg("%s can not be read: %s", node, said);
        }
}

/* The number that the first of @nodes has inside. */
static dev_t number_of(const char *nodes) {
        char path[256];
        struct stat st;

        snprintf(path, sizeof(path), "%s/dev/ci-1/dev/%.*s", launch_dir(), (int)strcspn(nodes, ","), nodes);
        assert_int_equal(lstat(path, &st), 0);
        return st.st_rdev;
}

static void assert_there(Farm *farm, const Row *row, unsigned int plug) {
        _cleanup_free_ char *id = spell(row->id, plug), *nodes = spell(row->inside, plug);
        char expected[1024] = "";

        snprintf(expected, sizeof(expected), "%s ci-1 active", id);
        farm_assert_grants(farm, expected);
        expected[0] = '\0';
        for (const char *p = nodes; *p; p += strcspn(p, ","), p += strspn(p, ", "))
                snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%sci-1 %.*s",
                         p == nodes ? "" : ", ", (int)strcspn(p, ","), p);
        assert_string_equal(farm_nodes(), expected);
        assert_used(nodes);
}

static void unplug(Farm *farm, const Row *row, unsigned int plug, bool heard) {
        _cleanup_free_ char *root = spell(row->root, plug);

        if (heard)
                farm_remove(farm, root);
        else
                farm_remove_unheard(farm, root);
}

/* What the container's root has put aside of a device is worth nothing without the device. */
static void put_aside(const char *nodes) {
        char script[256], said[OUTPUT_SIZE];

        snprintf(script, sizeof(script), "ln /dev/%.*s /dev/aside && dd if=/dev/aside bs=16 count=1",
                 (int)strcspn(nodes, ","), nodes);
        if (farm_inside("ci-1", script, said, sizeof(said)) != 0)
                fail_msg("%s", said);
}

static void assert_aside_is_dead(void) {
        char said[OUTPUT_SIZE];

        assert_int_equal(farm_inside("ci-1", "test -e /dev/aside && ! dd if=/dev/aside bs=16 count=1", said,
                                     sizeof(said)),
                         0);
        assert_int_equal(farm_inside("ci-1", "rm /dev/aside", said, sizeof(said)), 0);
}

static void test_class(void **state) {
        const Row *row = *state;
        _cleanup_free_ char *policy = NULL;
        char *nodes[PLUGS];
        dev_t number;
        Farm farm;

        assert_true(asprintf(&policy,
                             "version: 1\n"
                             "rules:\n"
                             "  - name: the one\n"
                             "    match: %s\n"
                             "    give: { %sto: ci-1 }\n",
                             row->match, row->nodes ?: "") > 0);
        farm_open(&farm, policy);
        for (unsigned int plug = 0; plug < PLUGS; plug++)
                nodes[plug] = spell(row->inside, plug);

        plug_in(&farm, row, 0);
        assert_there(&farm, row, 0);
        number = number_of(nodes[0]);
        put_aside(nodes[0]);
        unplug(&farm, row, 0, /* heard= */ true);
        farm_assert_grants(&farm, "");
        assert_aside_is_dead();
        assert_string_equal(farm_nodes(), "");

        plug_in(&farm, row, 1);
        assert_there(&farm, row, 1);
        assert_int_not_equal(number_of(nodes[1]), number);

        /* And so while nobody looks. */
        farm_stop(&farm, /* crash= */ true);
        unplug(&farm, row, 1, /* heard= */ false);
        plug_in(&farm, row, 2);
        farm_start(&farm);
        assert_there(&farm, row, 2);
        number = number_of(nodes[2]);
        farm_stop(&farm, /* crash= */ false);
        farm_start(&farm);
        assert_there(&farm, row, 2);
        assert_int_equal(number_of(nodes[2]), number);

        unplug(&farm, row, 2, /* heard= */ true);
        farm_assert_nodes(&farm, "");
        farm_close(&farm);
        for (unsigned int plug = 0; plug < PLUGS; plug++)
                free(nodes[plug]);
}

int main(void) {
        struct CMUnitTest tests[ELEMENTSOF(rows)];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tests[i] = (struct CMUnitTest){
                        .name = rows[i].class,
                        .test_func = test_class,
                        .initial_state = (void *)&rows[i],
                };
        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
