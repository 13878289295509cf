/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The name that a device has in our rules for udev is the one that it has in the model: what a file of
 * RUNTIME/yield says is read for the device that it is named by. Objects as the kernel has them are made in a
 * /sys of our own, and `udevadm test` runs the rules on them.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/device.h"
#include "util/fd.h"
#include "util/string.h"

/* Behind a folder's name "=SUBSYSTEM": the folder is an object; "=" one without a subsystem. */
#define XHCI "pci0000:00=/0000:00:07.0=pci"
#define SATA "pci0000:00=/0000:00:1f.2=pci"
#define RAID "pci0000:00=/0000:00:02.0=pci/0000:03:00.0=pci"
#define ACPI "LNXSYSTM:00=acpi/LNXSYBUS:00=acpi"
#define GUID "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
#define UART "platform=/serial8250=platform"

static const struct {
        const char *objects;
        const char *id; /* NULL: no device */
} table[] = {
        /* USB */
        {XHCI "/usb3=usb/3-1=usb", "usb-3-1"},
        {XHCI "/usb3=usb/3-1=usb/3-1:1.0=usb", "usb-3-1"},
        {XHCI "/usb3=usb/3-1=usb/3-1.2=usb/3-1.2:1.0=usb/ttyUSB0=usb-serial/tty/ttyUSB0=tty", "usb-3-1.2"},
        {XHCI "/usb3=usb/3-1=usb/3-1:1.0=usb/host6=scsi/target6:0:0=scsi/6:0:0:0=scsi/block/sda=block",
         "usb-3-1"},
        {XHCI "/usb3=usb/3-1=usb/3-1:1.1=usb/net/usb0=net", "usb-3-1"},
        {"platform=/vhci_hcd.0=platform/usb3=usb/3-1=usb/3-1:1.0=usb/tty/ttyACM0=tty", "usb-3-1"},
        {XHCI "/usb3=usb", NULL},
        {XHCI "/usb3=usb/3-0:1.0=usb", NULL},

        /* PCI */
        {"pci0000:00=/0000:00:16.7=pci/0000:08:00.0=pci", "pci-0000:08:00.0"},
        {"pci0000:00=/0000:00:16.7=pci/0000:08:00.0=pci/drm/card0=drm", "pci-0000:08:00.0"},
        {"pci0000:00=/0000:00:16.1=pci/0000:02:00.0=pci/virtio5=virtio/net/eth0=net", "pci-0000:02:00.0"},
        {"pci0000:00=/0000:00:16.1=pci/0000:02:00.0=pci/net/ata1=net", "pci-0000:02:00.0"},

        /* the disks of a controller */
        {SATA "/ata2=/ata_port/ata2=ata_port", "pci-0000:00:1f.2-ata2"},
        {SATA "/ata1=/host0=scsi/target0:0:0=scsi/0:0:0:0=scsi/block/sda=block/sda1=block",
         "pci-0000:00:1f.2-ata1"},
        {SATA "/ata1=/host0=scsi/target0:0:0=scsi/0:0:0:0=scsi/scsi_generic/sg0=scsi_generic",
         "pci-0000:00:1f.2-ata1"},
        {SATA "/ata1x=/host0=scsi", "pci-0000:00:1f.2"},
        {RAID "/host12=scsi", "pci-0000:03:00.0"},
        {RAID "/host12=scsi/target12:2:0=scsi", "pci-0000:03:00.0"},
        {RAID "/host12=scsi/target12:2:0=scsi/12:2:0:1=scsi", "pci-0000:03:00.0-12:2:0:1"},
        {RAID "/host12=scsi/target12:2:0=scsi/12:2:0:1=scsi/bsg/12:2:0:1=bsg", "pci-0000:03:00.0-12:2:0:1"},
        {RAID "/host12=scsi/port-12:0=/end_device-12:0=/target12:0:0=scsi/12:0:0:0=scsi/block/sdb=block",
         "pci-0000:03:00.0-12:0:0:0"},
        {RAID "/virtio1=virtio/host2=scsi/target2:0:0=scsi/2:0:0:1=scsi/block/sdb=block/sdb2=block",
         "pci-0000:03:00.0-2:0:0:1"},
        {"platform=/host3=scsi/session1=/target3:0:0=scsi/3:0:0:7=scsi/block/sdc=block",
         "platform-host3-3:0:0:7"},
        {"platform=/soc=platform/1d84000.ufshc=platform/host0=scsi/target0:0:0=scsi/0:0:0:3=scsi/block/sdd="
         "block",
         "platform-1d84000.ufshc-0:0:0:3"},
        {"pseudo_0=/adapter0=pseudo/host6=scsi/target6:0:0=scsi/6:0:0:0=scsi/block/sda=block",
         "other-pseudo_0-6:0:0:0"},
        {"tcm_loop_0=/tcm_loop_adapter_0=tcm_loop_bus/host2=scsi/target2:0:1=scsi/2:0:1:0=scsi/block/sde="
         "block",
         "other-tcm_loop_0-2:0:1:0"},
        {ACPI "/ACPI0004:00=acpi/" GUID "=vmbus/host0=scsi/target0:0:1=scsi/0:0:1:0=scsi/block/sdb=block",
         "acpi-" GUID "-0:0:1:0"},

        /* platform, and its kin */
        {"platform=/vgem=platform/drm/renderD128=drm", "platform-vgem"},
        {"platform=/vivid.0=platform/video4linux/video0=video4linux", "platform-vivid.0"},
        {"platform=/vivid.0=platform/rc/rc0=rc/input5=input/event4=input", "platform-vivid.0"},
        {"platform=/soc=platform/fe300000.mmc=platform/mmc_host/mmc0=mmc_host", "platform-fe300000.mmc"},
        {"platform=/soc=platform/fe300000.codec=platform/some-codec.1.auto=platform/sound/card0=sound",
         "platform-fe300000.codec"},
        {UART "/serial8250:0=serial-base", "platform-serial8250:0"},
        {UART "/serial8250:0=serial-base/serial8250:0.1=serial-base/tty/ttyS1=tty",
         "platform-serial8250:0.1"},
        {UART "/serial8250:0=serial-base/serial8250:0.10=serial-base/tty/ttyS10=tty",
         "platform-serial8250:0.10"},
        {UART "/tty/ttyS1=tty", "platform-serial8250"},
        {"platform=/soc=platform/fe201000.serial=platform/fe201000.serial:0=serial-base/fe201000.serial:0.0="
         "serial-base/tty/ttyAMA0=tty",
         "platform-fe201000.serial:0.0"},
        {"faux=/vgem=faux/drm/card0=drm", "faux-vgem"},
        {"pnp0=/00:04=pnp/00:04:0=serial-base/00:04:0.0=serial-base/tty/ttyS0=tty", "pnp-00:04"},
        {ACPI "/MSFT0101:00=acpi/tpm/tpm0=tpm", "acpi-MSFT0101:00"},
        {ACPI "/ACPI0004:00=acpi/MSFT1000:00=acpi/" GUID "=vmbus/net/eth0=net", "acpi-" GUID},
        {"vbd-51712=xen/block/xvda=block/xvda1=block", "other-vbd-51712"},

        /* virtual */
        {"virtual=/net/veth0=net", "net-veth0"},
        {"virtual=/net/usb1=net", "net-usb1"},
        {"virtual=/net/ata1=net", "net-ata1"},
        {"virtual=/net/macvtap0=net/macvtap/tap5=macvtap", "net-macvtap0"},
        {"virtual=/block/loop0=block", "virtual-block-loop0"},
        {"virtual=/block/loop0=block/loop0p1=block", "virtual-block-loop0"},
        {"virtual=/misc/tun=misc", "virtual-misc-tun"},
        {"virtual=/misc/uhid=misc", "virtual-misc-uhid"},
        {"virtual=/misc/uhid=misc/0005:045E:0B13.0007=hid/hidraw/hidraw2=hidraw",
         "virtual-uhid-0005:045E:0B13.0007"},
        {"virtual=/misc/uhid=misc/0005:045E:0B13.0007=hid/input/input7=input/event4=input",
         "virtual-uhid-0005:045E:0B13.0007"},
        {"virtual=/input/input7=input", "virtual-input-input7"},
        {"virtual=/input/input7=input/event4=input", "virtual-input-input7"},
        {"virtual=/rc/rc0=rc/input5=input/event4=input", "virtual-rc-rc0"},
        {"virtual=/mac80211_hwsim/hwsim0=mac80211_hwsim/net/wlan0=net", "virtual-mac80211_hwsim-hwsim0"},
        {"virtual=/nvme-subsystem/nvme-subsys0=nvme-subsystem/nvme0n1=block/nvme0n1p1=block",
         "virtual-nvme-subsystem-nvme-subsys0"},
        {"virtual=/nvme-fabrics/ctl=nvme-fabrics/nvme0=nvme/nvme0n1=block", "virtual-nvme-fabrics-ctl"},
        {"virtual=/kfd/kfd=kfd", "virtual-kfd-kfd"},
};

#define FILES DAVIT_RUNSTATEDIR "/yield"

static bool possible;

static void mount_empty(const char *path) {
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        assert_int_equal(mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"), 0);
}

static void hide(const char *path) {
        if (access(path, F_OK) == 0)
                mount_empty(path);
}

/* A /sys with nothing in it, and an udev that has no rules but ours. */
static int setup(_unused_ void **state) {
        const char *build = getenv("top_builddir");
        _cleanup_free_ char *rules = NULL;
        char path[512];
        size_t size;

        if (geteuid() != 0) {
                print_message("SKIP: needs root\n");
                return 0;
        }
        if (system("command -v udevadm >/dev/null") != 0) {
                print_message("SKIP: there is no udevadm\n");
                return 0;
        }
        snprintf(path, sizeof(path), "%s/rules/72-davit.rules", build ?: ".");
        assert_int_equal(fd_read_file(AT_FDCWD, path, 1U << 20, &rules, &size), 0);
        /* libudev takes no other file system for sysfs. */
        setenv("SYSTEMD_DEVICE_VERIFY_SYSFS", "0", /* overwrite= */ 1);
        assert_int_equal(unshare(CLONE_NEWNS), 0);
        assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        hide("/etc/udev/rules.d");
        hide("/usr/local/lib/udev/rules.d");
        hide("/usr/lib/udev/rules.d");
        hide("/lib/udev/rules.d");
        mount_empty("/run/udev");
        mount_empty(DAVIT_RUNSTATEDIR);
        mount_empty("/sys");
        assert_int_equal(mkdir(FILES, 0755), 0);
        assert_int_equal(mkdir("/run/udev/rules.d", 0755), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, "/run/udev/rules.d/72-davit.rules", rules, size, 0644), 0);
        possible = true;
        return 0;
}

/* An object at @path, which is in /sys. */
static void make_object(const char *path, const char *subsystem, size_t n) {
        bool disk = n == strlen("block") && startswith(subsystem, "block");
        char folder[128], name[640];

        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        snprintf(name, sizeof(name), "%s/uevent", path);
        assert_int_equal(fd_write_file(AT_FDCWD, name, "", 0, 0644), 0);
        if (n > 0) {
                snprintf(folder, sizeof(folder), "/sys/class/%.*s", (int)n, subsystem);
                assert_int_equal(fd_mkdir_parents(folder, 0755), 0);
                snprintf(name, sizeof(name), "%s/subsystem", path);
                assert_true(symlink(folder, name) == 0 || errno == EEXIST);
        }
        /* Of a partition is said its number. */
        snprintf(name, sizeof(name), "%s/../ext_range", path);
        if (disk && access(name, F_OK) < 0) {
                snprintf(name, sizeof(name), "%s/ext_range", path);
                assert_int_equal(fd_write_file(AT_FDCWD, name, "256\n", 4, 0644), 0);
        }
}

/* The objects of a row, from the top down. Writes the path of the last. */
static void make_objects(const char *objects, char *path, size_t size) {
        size_t at = (size_t)snprintf(path, size, "/sys/devices");

        for (const char *p = objects; *p;) {
                size_t n = strcspn(p, "=/"), n_subsystem = p[n] == '=' ? strcspn(p + n + 1, "/") : 0;

                at += (size_t)snprintf(path + at, size - at, "/%.*s", (int)n, p);
                assert_true(at < size);
                if (p[n] == '=')
                        make_object(path, p + n + 1, n_subsystem);
                p += n + (p[n] == '=') + n_subsystem;
                p += *p == '/';
        }
}

/* What the rules make of the object: the property @key, "" none. */
static void run_rules(const char *path, const char *key, char *value, size_t size) {
        char line[1024];
        FILE *f;

        snprintf(line, sizeof(line), "udevadm test --action=add '%s' 2>/dev/null", path);
        f = popen(line, "re");
        assert_non_null(f);
        value[0] = '\0';
        while (fgets(line, sizeof(line), f)) {
                const char *word = line + strspn(line, " "), *found = startswith(word, key);

                if (found && *found == '=')
                        snprintf(value, size, "%.*s", (int)strcspn(found + 1, "\n"), found + 1);
        }
        assert_int_equal(pclose(f), 0);
}

static void write_mark(const char *id) {
        char path[512], text[512];
        int n = snprintf(text, sizeof(text), "DAVIT_YIELD=:%s:\n", id);

        snprintf(path, sizeof(path), FILES "/%s", id);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, (size_t)n, 0644), 0);
}

static void test_names(_unused_ void **state) {
        if (!possible)
                skip();
        /* All files are there from the start: another device's must not be read either. */
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].id)
                        write_mark(table[i].id);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char path[512], id[DEVICE_ID_MAX], told[256], expected[256] = "";
                DevicePlace place;
                int r;

                make_objects(table[i].objects, path, sizeof(path));
                print_message("%s\n", path);
                r = device_place_parse(path + strlen("/sys"), &place);
                assert_int_equal(r, table[i].id ? 0 : -ENODEV);
                if (table[i].id) {
                        assert_int_equal(device_place_id(&place, id), 0);
                        assert_string_equal(id, table[i].id);
                        snprintf(expected, sizeof(expected), ":%s:", id);
                }
                run_rules(path, "DAVIT_YIELD", told, sizeof(told));
                assert_string_equal(told, expected);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
