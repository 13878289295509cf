/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Phones and graphics cards of umockdev.
 *
 * The property sets are those that a Debian 12 with kernel 6.1 shows for a Pixel 6 on a virtual host
 * controller and for a virtio card: what the kernel says in the device's uevent file, what udevd's rules add.
 * umockdev sends whatever the uevent file holds, so both are in it; libudev tells from the database in
 * /run/udev/data whether udevd has finished with a device, so an entry is made there too.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <umockdev.h>
#include <unistd.h>

/* glib has its own. */
#undef MIN
#undef MAX

#include "support/mock-phone.h"
#include "util/cleanup.h"
#include "util/fd.h"

#define USB_ROOT "/devices/platform/vhci_hcd.0/usb3"
#define PCI_ROOT "/devices/pci0000:00"

struct MockHost {
        UMockdevTestbed *testbed;
        bool udevd;
};

const MockPhone mock_phone_adb = {
        .port = "3-1",
        .number = 2,
        .vendor = "18d1",
        .product = "4ee7",
        .model = "Pixel 6",
        .serial = "PIXEL1",
        .interfaces = "ff4201",
};

const MockPhone mock_phone_fastboot = {
        .port = "3-1",
        .number = 4,
        .vendor = "18d1",
        .product = "4ee0",
        .model = "Pixel 6",
        .serial = "PIXEL1",
        .interfaces = "ff4203",
};

/* Text that is put together line by line. */
typedef struct Text {
        char *data;
        size_t size;
        FILE *file;
} Text;

static FILE *text_init(Text *text) {
        text->file = open_memstream(&text->data, &text->size);
        assert_non_null(text->file);
        return text->file;
}

static void text_deinit(Text *text) {
        if (text->file)
                fclose(text->file);
        free(text->data);
}

static const char *text_end(Text *text) {
        assert_int_equal(fclose(text->file), 0);
        text->file = NULL;
        return text->data;
}

void mock_host_preload(char **argv) {
        const char *library = "libumockdev-preload.so.0", *preload = getenv("LD_PRELOAD");
        char value[1024];

        if (preload && strstr(preload, library))
                return;
        snprintf(value, sizeof(value), "%s%s%s", library, preload ? ":" : "", preload ?: "");
        setenv("LD_PRELOAD", value, /* overwrite= */ 1);
        execv("/proc/self/exe", argv);
}

static bool write_map(const char *path, unsigned int id) {
        char line[64];

        snprintf(line, sizeof(line), "0 %u 1\n", id);
        return fd_write_string(AT_FDCWD, path, line) >= 0;
}

/* Gives the process a /run of its own. */
static bool enter_own_run(void) {
        static bool entered;
        unsigned int uid = getuid(), gid = getgid();

        if (!entered) {
                if (unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0)
                        return false;
                if (uid != 0 && (!write_map("/proc/self/uid_map", uid) ||
                                 fd_write_string(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 ||
                                 !write_map("/proc/self/gid_map", gid)))
                        return false;
                if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
                    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
                        return false;
                entered = true;
        }
        return true;
}

int mock_host_new(MockHost **ret) {
        MockHost *host;

        if (!enter_own_run())
                return -EOPNOTSUPP;
        host = calloc(1, sizeof(*host));
        assert_non_null(host);
        host->testbed = umockdev_testbed_new();
        assert_non_null(host->testbed);
        /* Tells so only once there is a test bed. */
        if (!umockdev_in_mock_environment()) {
                mock_host_free(host);
                return -EOPNOTSUPP;
        }
        *ret = host;
        return 0;
}

void mock_host_free(MockHost *host) {
        if (!host)
                return;
        mock_host_set_udevd(host, false);
        assert_int_equal(system("rm -rf /run/udev"), 0);
        g_object_unref(host->testbed);
        free(host);
}

void mock_host_set_udevd(MockHost *host, bool runs) {
        host->udevd = runs;
        if (runs) {
                assert_int_equal(fd_mkdir_parents("/run/udev/data", 0755), 0);
                assert_int_equal(fd_write_file(AT_FDCWD, "/run/udev/control", "", 0, 0600), 0);
        } else
                unlink("/run/udev/control");
}

/* Makes the database entry by which libudev knows that udevd has finished with a device. */
static void database_set(MockHost *host, const char *id, bool there) {
        static const char entry[] = "I:20666899\nV:1\n";
        char path[128];

        snprintf(path, sizeof(path), "/run/udev/data/%s", id);
        if (!there)
                unlink(path);
        else if (host->udevd)
                assert_int_equal(fd_write_file(AT_FDCWD, path, entry, sizeof(entry) - 1, 0644), 0);
}

/* Makes one device; umockdev sends its "add". */
static void add(MockHost *host, Text *text) {
        GError *error = NULL;

        if (!umockdev_testbed_add_from_string(host->testbed, text_end(text), &error))
                fail_msg("%s", error->message);
}

static void send_event(MockHost *host, const char *devpath, const char *action) {
        char path[520];

        snprintf(path, sizeof(path), "/sys%s", devpath);
        umockdev_testbed_uevent(host->testbed, path, action);
}

/* From now on its events say no more than @properties. */
static void strip(MockHost *host, const char *devpath, const char *properties) {
        char path[520];

        snprintf(path, sizeof(path), "/sys%s", devpath);
        umockdev_testbed_set_attribute(host->testbed, path, "uevent", properties);
}

static void take_off(MockHost *host, const char *devpath) {
        char path[520];

        snprintf(path, sizeof(path), "/sys%s", devpath);
        umockdev_testbed_remove_device(host->testbed, path);
}

/* "3-1.2" is below "3-1". */
static void phone_devpath(const MockPhone *phone, char *devpath, size_t size) {
        int n = snprintf(devpath, size, "%s", USB_ROOT);

        for (const char *p = phone->port; (p = strpbrk(p, ".")); p++)
                n += snprintf(devpath + n, size - (size_t)n, "/%.*s", (int)(p - phone->port), phone->port);
        snprintf(devpath + n, size - (size_t)n, "/%s", phone->port);
}

static unsigned int phone_minor(const MockPhone *phone) {
        return 2 * 128 + phone->number - 1;
}

static void phone_database_id(const MockPhone *phone, char *id, size_t size) {
        snprintf(id, size, "c189:%u", phone_minor(phone));
}

/* The id as PRODUCT= has it, without leading zeros. */
static unsigned int hex(const char *s) {
        return (unsigned int)strtoul(s, NULL, 16);
}

static const char *underscored(const char *s, char *buffer, size_t size) {
        snprintf(buffer, size, "%s", s);
        for (char *p = buffer; *p; p++)
                if (isspace((unsigned char)*p))
                        *p = '_';
        return buffer;
}

/* The properties that udevd's rules add to a phone. */
static void write_phone_udev(FILE *f, const MockPhone *phone) {
        char model[128];

        underscored(phone->model, model, sizeof(model));
        fprintf(f, "E: USEC_INITIALIZED=20666899\nE: ID_BUS=usb\nE: ID_MODEL=%s\nE: ID_MODEL_ID=%s\n", model,
                phone->product);
        fprintf(f, "E: ID_SERIAL=Google_%s%s%s\n", model, phone->serial ? "_" : "", phone->serial ?: "");
        if (phone->serial)
                fprintf(f, "E: ID_SERIAL_SHORT=%s\n", phone->serial);
        fprintf(f, "E: ID_VENDOR=Google\nE: ID_VENDOR_ID=%s\nE: ID_REVISION=0540\n", phone->vendor);
        fputs("E: ID_USB_INTERFACES=:", f);
        for (const char *p = phone->interfaces; *p; p += 6)
                fprintf(f, "%.6s:", p);
        fprintf(f, "\nE: ID_PATH=platform-vhci_hcd.0-usb-0:%s\nE: TAGS=:seat:\nE: CURRENT_TAGS=:seat:\n",
                strchr(phone->port, '-') + 1);
}

static void add_phone_device(MockHost *host, const MockPhone *phone, const char *devpath) {
        _cleanup_(text_deinit) Text text = {};
        FILE *f = text_init(&text);

        fprintf(f, "P: %s\nN: bus/usb/003/%03u\n", devpath, phone->number);
        fprintf(f,
                "E: DEVNAME=/dev/bus/usb/003/%03u\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nE: DRIVER=usb\n",
                phone->number);
        fprintf(f, "E: PRODUCT=%x/%x/540\nE: TYPE=0/0/0\nE: BUSNUM=003\nE: DEVNUM=%03u\n", hex(phone->vendor),
                hex(phone->product), phone->number);
        fprintf(f, "E: MAJOR=189\nE: MINOR=%u\n", phone_minor(phone));
        if (host->udevd)
                write_phone_udev(f, phone);
        fprintf(f, "A: idVendor=%s\\n\nA: idProduct=%s\\n\n", phone->vendor, phone->product);
        fprintf(f, "A: manufacturer=Google\\n\nA: product=%s\\n\n", phone->model);
        if (phone->serial)
                fprintf(f, "A: serial=%s\\n\n", phone->serial);
        add(host, &text);
}

static void add_phone_interface(MockHost *host, const MockPhone *phone, const char *devpath, unsigned int i) {
        _cleanup_(text_deinit) Text text = {};
        FILE *f = text_init(&text);
        const char *triple = phone->interfaces + (size_t)i * 6;
        char bytes[3][3] = {};

        for (int k = 0; k < 3; k++)
                memcpy(bytes[k], triple + (size_t)k * 2, 2);
        fprintf(f, "P: %s/%s:1.%u\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n", devpath, phone->port, i);
        fprintf(f, "E: PRODUCT=%x/%x/540\nE: TYPE=0/0/0\nE: INTERFACE=%u/%u/%u\n", hex(phone->vendor),
                hex(phone->product), hex(bytes[0]), hex(bytes[1]), hex(bytes[2]));
        add(host, &text);
}

static unsigned int phone_interfaces(const MockPhone *phone) {
        return (unsigned int)strlen(phone->interfaces) / 6;
}

void mock_phone_plug(MockHost *host, const MockPhone *phone) {
        char devpath[256], id[32];

        phone_devpath(phone, devpath, sizeof(devpath));
        phone_database_id(phone, id, sizeof(id));
        database_set(host, id, true);
        add_phone_device(host, phone, devpath);
        for (unsigned int i = 0; i < phone_interfaces(phone); i++)
                add_phone_interface(host, phone, devpath, i);
        send_event(host, devpath, "bind");
}

void mock_phone_unplug(MockHost *host, const MockPhone *phone) {
        _cleanup_(text_deinit) Text text = {};
        FILE *f = text_init(&text);
        char devpath[256], id[32];

        phone_devpath(phone, devpath, sizeof(devpath));
        phone_database_id(phone, id, sizeof(id));
        fprintf(f, "DEVNAME=/dev/bus/usb/003/%03u\nSUBSYSTEM=usb\nDEVTYPE=usb_device\n", phone->number);
        fprintf(f, "PRODUCT=%x/%x/540\nTYPE=0/0/0\nBUSNUM=003\nDEVNUM=%03u\nMAJOR=189\nMINOR=%u\n",
                hex(phone->vendor), hex(phone->product), phone->number, phone_minor(phone));

        for (unsigned int i = 0; i < phone_interfaces(phone); i++) {
                char path[512];

                snprintf(path, sizeof(path), "%s/%s:1.%u", devpath, phone->port, i);
                send_event(host, path, "remove");
                take_off(host, path);
        }
        strip(host, devpath, text_end(&text));
        send_event(host, devpath, "unbind");
        send_event(host, devpath, "remove");
        database_set(host, id, false);
        take_off(host, devpath);
}

void mock_phone_switch(MockHost *host, const MockPhone *from, const MockPhone *to) {
        mock_phone_unplug(host, from);
        mock_phone_plug(host, to);
}

void mock_phone_forget(MockHost *host, const MockPhone *phone) {
        char id[32];

        phone_database_id(phone, id, sizeof(id));
        database_set(host, id, false);
}

static void gpu_devpath(const char *place, const char *node, char *devpath, size_t size) {
        snprintf(devpath, size, "%s/%s%s%s", PCI_ROOT, place, *node ? "/drm/" : "", node);
}

static void add_gpu_function(MockHost *host, const char *place) {
        _cleanup_(text_deinit) Text text = {};
        FILE *f = text_init(&text);

        fprintf(f, "P: %s/%s\nE: SUBSYSTEM=pci\nE: DRIVER=virtio-pci\nE: PCI_CLASS=38000\n", PCI_ROOT, place);
        fprintf(f, "E: PCI_ID=1AF4:1050\nE: PCI_SUBSYS_ID=1AF4:1100\nE: PCI_SLOT_NAME=%s\n", place);
        if (host->udevd)
                fprintf(f, "E: USEC_INITIALIZED=176374914\nE: ID_PATH=pci-%s\n", place);
        fputs("A: vendor=0x1af4\\n\nA: device=0x1050\\n\nA: class=0x038000\\n\n", f);
        add(host, &text);
}

static void add_gpu_node(MockHost *host, const char *place, const char *node, unsigned int minor) {
        _cleanup_(text_deinit) Text text = {};
        FILE *f = text_init(&text);
        char devpath[256], id[32];

        gpu_devpath(place, node, devpath, sizeof(devpath));
        snprintf(id, sizeof(id), "c226:%u", minor);
        fprintf(f, "P: %s\nN: dri/%s\nE: SUBSYSTEM=drm\nE: DEVNAME=/dev/dri/%s\nE: DEVTYPE=drm_minor\n",
                devpath, node, node);
        fprintf(f, "E: MAJOR=226\nE: MINOR=%u\n", minor);
        if (host->udevd)
                fprintf(f, "E: USEC_INITIALIZED=176268762\nE: ID_PATH=pci-%s\nE: TAGS=:seat:uaccess:\n",
                        place);
        database_set(host, id, true);
        add(host, &text);
}

typedef struct GpuNodes {
        char card[32], render[32];
} GpuNodes;

static GpuNodes gpu_nodes(unsigned int card) {
        GpuNodes nodes;

        snprintf(nodes.card, sizeof(nodes.card), "card%u", card);
        snprintf(nodes.render, sizeof(nodes.render), "renderD%u", 128 + card);
        return nodes;
}

static void send_gpu_event(MockHost *host, const char *place, const char *node, const char *action) {
        char devpath[256];

        gpu_devpath(place, node, devpath, sizeof(devpath));
        send_event(host, devpath, action);
}

void mock_gpu_plug(MockHost *host, const char *place, unsigned int card) {
        GpuNodes nodes = gpu_nodes(card);

        add_gpu_function(host, place);
        add_gpu_node(host, place, nodes.card, card);
        add_gpu_node(host, place, nodes.render, 128 + card);
        send_gpu_event(host, place, "", "bind");
}

static void remove_gpu_node(MockHost *host, const char *place, const char *node, unsigned int minor) {
        char devpath[256], id[32];

        snprintf(id, sizeof(id), "c226:%u", minor);
        send_gpu_event(host, place, node, "remove");
        database_set(host, id, false);
        gpu_devpath(place, node, devpath, sizeof(devpath));
        take_off(host, devpath);
}

void mock_gpu_unplug(MockHost *host, const char *place, unsigned int card) {
        GpuNodes nodes = gpu_nodes(card);
        char devpath[256];

        remove_gpu_node(host, place, nodes.card, card);
        remove_gpu_node(host, place, nodes.render, 128 + card);
        send_gpu_event(host, place, "", "unbind");
        send_gpu_event(host, place, "", "remove");
        gpu_devpath(place, "", devpath, sizeof(devpath));
        take_off(host, devpath);
}
