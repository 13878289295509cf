/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * NVIDIA's nodes, found in a tree that is written as the driver's /proc is: the "information" of a GPU by
 * nv-procfs.c and the capabilities' "access" by nv-caps.c of the open kernel modules, /proc/devices by
 * fs/char_dev.c of Linux. What is found goes through the registry, and, for what a container is given,
 * through the planner. Where a look is due later, the test waits for the descriptor.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plan/wanted.h"
#include "source/nvidia-proc.h"
#include "source/nvidia.h"
#include "util/fd.h"
#include "util/string.h"

#define WAIT_MSEC 10000

#define DEVICES(nvidia, more)                                          \
        "Character devices:\n  1 mem\n 10 misc\n195 " nvidia "\n" more \
        "226 drm\n\nBlock devices:\n  7 loop\n195 nvidia-uvm\n259 blkext\n"
#define UVM  "508 nvidia-uvm\n"
#define CAPS "511 nvidia-caps\n"

typedef struct Fixture {
        char top[64], proc[80], sys[80], dev[80];
        NvidiaRoots roots;
        Registry registry;
        Container *container;
        Nvidia *nvidia;
        unsigned int n_events;
} Fixture;

static void put(const Fixture *f, const char *path, const char *text) {
        _cleanup_free_ char *whole = NULL, *folder = NULL;

        assert_true(asprintf(&whole, "%s/%s", f->top, path) > 0);
        folder = strdup(whole);
        assert_non_null(folder);
        *strrchr(folder, '/') = '\0';
        assert_int_equal(fd_mkdir_parents(folder, 0755), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, whole, text, strlen(text), 0644), 0);
}

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static void take(const Fixture *f, const char *path) {
        char whole[PATH_MAX];

        snprintf(whole, sizeof(whole), "%s/%s", f->top, path);
        assert_int_equal(nftw(whole, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void on_event(void *userdata, const Uevent *event, bool complete) {
        Fixture *f = userdata;
        RegistryChange change;
        Device *device;
        int r;

        do {
                r = registry_apply(&f->registry, event, complete, &change, &device);
                assert_true(r >= 0);
                f->n_events += change != REGISTRY_UNCHANGED;
                if (device && device->n_parts == 0)
                        registry_drop_device(&f->registry, device);
        } while (r > 0);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = f;
        strcpy(f->top, "/tmp/davit-test-nvidia.XXXXXX");
        assert_non_null(mkdtemp(f->top));
        snprintf(f->proc, sizeof(f->proc), "%s/proc", f->top);
        snprintf(f->sys, sizeof(f->sys), "%s/sys", f->top);
        snprintf(f->dev, sizeof(f->dev), "%s/dev", f->top);
        f->roots = (NvidiaRoots){f->proc, f->sys, f->dev};
        registry_init(&f->registry);
        assert_int_equal(container_new("c1", "davit", &f->container), 0);
        assert_int_equal(id_map_parse("0 100000 65536\n", &f->container->uid_map), 0);
        assert_int_equal(id_map_parse("0 100000 65536\n", &f->container->gid_map), 0);
        assert_int_equal(registry_add_container(&f->registry, f->container), 0);
        assert_int_equal(nvidia_new(&f->roots, on_event, f, &f->nvidia), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        nvidia_free(f->nvidia);
        registry_deinit(&f->registry);
        assert_int_equal(nftw(f->top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(f);
        return 0;
}

/* The PCI function as udev tells of it, and its link below /sys. */
static void plug_function(Fixture *f, const char *place, const char *driver) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD};
        char devpath[128], link[PATH_MAX], target[160];

        snprintf(devpath, sizeof(devpath), "/devices/pci0000:00/0000:00:01.0/%s", place);
        snprintf(link, sizeof(link), "%s/bus/pci/devices", f->sys);
        assert_int_equal(fd_mkdir_parents(link, 0755), 0);
        snprintf(link, sizeof(link), "%s/bus/pci/devices/%s", f->sys, place);
        snprintf(target, sizeof(target), "../../..%s", devpath);
        assert_int_equal(symlink(target, link), 0);
        assert_int_equal(property_list_set(&event.properties, "DEVPATH", devpath), 0);
        assert_int_equal(property_list_set(&event.properties, "SUBSYSTEM", "pci"), 0);
        assert_int_equal(property_list_set(&event.properties, "PCI_ID", "10DE:2335"), 0);
        assert_int_equal(property_list_set(&event.properties, "DRIVER", driver), 0);
        on_event(f, &event, /* complete= */ true);
        nvidia_hear(f->nvidia, &event);
}

static void plug_gpu(Fixture *f, const char *place, unsigned int minor_number) {
        char path[128], text[512];

        plug_function(f, place, "nvidia");
        snprintf(path, sizeof(path), "proc/driver/nvidia/gpus/%s/information", place);
        snprintf(text, sizeof(text),
                 "Model: \t\t NVIDIA H200\nIRQ:   \t\t 255\nGPU UUID: \t GPU-5f3c-%u\n"
                 "Video BIOS: \t 96.00.99.00.01\nBus Type: \t PCIe\nBus Location: \t %s\n"
                 "Device Minor: \t %u\nGPU Firmware: \t 570.86.15\nGPU Excluded:\t No\n",
                 minor_number, place, minor_number);
        put(f, path, text);
}

/* "ID node cMAJOR:MINOR …" a line, in order of arrival; shared nodes with a star. */
static void assert_devices(const Fixture *f, const char *expected) {
        char text[2048] = "";

        registry_devices_foreach(device, &f->registry) {
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", device->id);
                device_parts_foreach(part, device)
                        if (part_is_node(part)) {
                                assert_true(part->silent);
                                snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s%s %c%u:%u",
                                         part->name, part->shared ? "*" : "", part->type, major(part->rdev),
                                         minor(part->rdev));
                        }
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "\n");
        }
        assert_string_equal(text, expected);
}

/* The nodes that come with a grant of the device, with their owners. */
static void assert_given(const Fixture *f, const char *id, uint32_t kinds, const char *expected) {
        const Device *device = registry_device(&f->registry, id);
        _cleanup_(item_set_deinit) ItemSet items = {};
        Give give = GIVE_DEFAULT;
        char text[1024] = "";

        assert_non_null(device);
        give.kinds = kinds;
        assert_int_equal(wanted_items(device, f->container, &give, /* interfaces= */ false, &items), 0);
        assert_int_equal(wanted_companions(&f->registry, device, f->container, &give, &items), 0);
        for (size_t i = 0; i < items.n_items; i++) {
                assert_int_not_equal(items.items[i]->kind, ITEM_EVENT);
                if (items.items[i]->kind == ITEM_NODE)
                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s\n",
                                 items.items[i]->path, items.items[i]->device);
        }
        assert_string_equal(text, expected);
}

static void dispatch_next(const Fixture *f) {
        struct pollfd p = {.fd = nvidia_fd(f->nvidia), .events = POLLIN};

        assert_int_equal(poll(&p, 1, WAIT_MSEC), 1);
        assert_int_equal(nvidia_dispatch(f->nvidia), 0);
}

static bool is_due(const Fixture *f) {
        struct pollfd p = {.fd = nvidia_fd(f->nvidia), .events = POLLIN};

        return poll(&p, 1, /* timeout= */ 0) > 0;
}

static void test_no_driver(void **state) {
        Fixture *f = *state;

        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "");
        assert_false(is_due(f));
        plug_function(f, "0000:01:00.0", "nouveau");
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "");
        assert_false(is_due(f));
}

static void test_gpus(void **state) {
        Fixture *f = *state;
        const Device *device;

        put(f, "proc/devices", DEVICES("nvidia\n195 nvidiactl", UVM));
        put(f, "sys/module/nvidia_modeset/version", "570.86.15\n");
        plug_gpu(f, "0000:01:00.0", 1);
        plug_gpu(f, "0000:02:00.0", 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        device = registry_device(&f->registry, "pci-0000:01:00.0");
        assert_non_null(device);
        assert_int_equal(device->classes, 1U << DEVICE_GPU);
        assert_string_equal(device->vendor, "10de");
        assert_string_equal(device->product, "2335");
        assert_string_equal(device->serial, "GPU-5f3c-1");
        assert_string_equal(device->model, "NVIDIA_H200");
        assert_non_null(registry_part_by_rdev(&f->registry, 'c', makedev(195, 0)));
        assert_int_equal(registry_device(&f->registry, "virtual-nvidia-control")->classes,
                         1U << DEVICE_OTHER);
        assert_given(f, "pci-0000:01:00.0", PART_KINDS_NODES,
                     "nvidia-modeset shared\nnvidia-uvm shared\nnvidia-uvm-tools shared\n"
                     "nvidia1 pci-0000:01:00.0\nnvidiactl shared\n");
        /* Who renders and computes drives no screen. */
        assert_given(f, "pci-0000:02:00.0", 1U << PART_RENDER,
                     "nvidia-uvm shared\nnvidia-uvm-tools shared\nnvidia0 pci-0000:02:00.0\n"
                     "nvidiactl shared\n");

        /* Nothing new is no news. */
        f->n_events = 0;
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_int_equal(f->n_events, 0);
}

static void test_older_driver(void **state) {
        Fixture *f = *state;

        put(f, "proc/devices", DEVICES("nvidia-frontend", ""));
        plug_gpu(f, "0000:01:00.0", 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "pci-0000:01:00.0 nvidia0 c195:0\nvirtual-nvidia-control nvidiactl* c195:255\n");
}

/* The module says that it is there before it has its numbers. */
static void test_driver_loads_later(void **state) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD};
        Fixture *f = *state;

        put(f, "proc/devices", "Character devices:\n  1 mem\n");
        plug_function(f, "0000:01:00.0", "");
        assert_false(is_due(f));
        assert_int_equal(property_list_set(&event.properties, "DEVPATH", "/module/nvidia"), 0);
        assert_int_equal(property_list_set(&event.properties, "SUBSYSTEM", "module"), 0);
        nvidia_hear(f->nvidia, &event);
        dispatch_next(f);
        assert_devices(f, "");

        take(f, "sys/bus/pci/devices/0000:01:00.0");
        plug_gpu(f, "0000:01:00.0", 0);
        put(f, "proc/devices", DEVICES("nvidia", ""));
        dispatch_next(f);
        assert_devices(f, "pci-0000:01:00.0 nvidia0 c195:0\nvirtual-nvidia-control nvidiactl* c195:255\n");
        put(f, "proc/devices", DEVICES("nvidia", UVM));
        dispatch_next(f);
        assert_devices(f, "pci-0000:01:00.0 nvidia0 c195:0\nvirtual-nvidia-control nvidiactl* c195:255 "
                          "nvidia-uvm* c508:0 nvidia-uvm-tools* c508:1\n");
}

/* The driver has no UUID of a GPU that nobody has used yet, and tells nobody when it has. */
static void test_named_when_used(void **state) {
        Fixture *f = *state;
        const Device *device;

        put(f, "proc/devices", DEVICES("nvidia", ""));
        plug_gpu(f, "0000:01:00.0", 0);
        put(f, "proc/driver/nvidia/gpus/0000:01:00.0/information",
            "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-\?\?\?\?\?\?\?\?-5f3c\n"
            "Device Minor: \t 0\n");
        /* Long after it came: no look is due for that any more. */
        nvidia_free(f->nvidia);
        assert_int_equal(nvidia_new(&f->roots, on_event, f, &f->nvidia), 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        device = registry_device(&f->registry, "pci-0000:01:00.0");
        assert_non_null(device);
        assert_null(device->serial);

        put(f, "proc/driver/nvidia/gpus/0000:01:00.0/information",
            "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-5f3c-0\nDevice Minor: \t 0\n");
        dispatch_next(f);
        assert_string_equal(device->serial, "GPU-5f3c-0");
}

/* Gone with its driver, and back under another number. */
static void test_comes_back_with_another_number(void **state) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_UNBIND};
        Fixture *f = *state;

        put(f, "proc/devices", DEVICES("nvidia", ""));
        plug_gpu(f, "0000:01:00.0", 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);

        take(f, "proc/driver/nvidia/gpus/0000:01:00.0");
        assert_int_equal(property_list_set(&event.properties, "DEVPATH",
                                           "/devices/pci0000:00/0000:00:01.0/0000:01:00.0"),
                         0);
        assert_int_equal(property_list_set(&event.properties, "SUBSYSTEM", "pci"), 0);
        nvidia_hear(f->nvidia, &event);
        dispatch_next(f);
        assert_devices(f, "");

        take(f, "sys/bus/pci/devices/0000:01:00.0");
        plug_gpu(f, "0000:01:00.0", 3);
        plug_gpu(f, "0000:02:00.0", 0);
        dispatch_next(f);
        assert_given(f, "pci-0000:01:00.0", PART_KINDS_NODES, "nvidia3 pci-0000:01:00.0\nnvidiactl shared\n");
        /* While both are there they change numbers. */
        take(f, "sys/bus");
        plug_gpu(f, "0000:01:00.0", 0);
        plug_gpu(f, "0000:02:00.0", 3);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_given(f, "pci-0000:01:00.0", PART_KINDS_NODES, "nvidia0 pci-0000:01:00.0\nnvidiactl shared\n");
        assert_given(f, "pci-0000:02:00.0", PART_KINDS_NODES, "nvidia3 pci-0000:02:00.0\nnvidiactl shared\n");
}

static void put_instance(const Fixture *f, const char *path, unsigned int minor_number) {
        char whole[128], text[128];

        snprintf(whole, sizeof(whole), "proc/driver/nvidia/capabilities/gpu0/mig/%s/access", path);
        snprintf(text, sizeof(text), "DeviceFileMinor: %u\nDeviceFileMode: 292\nDeviceFileModify: 1\n",
                 minor_number);
        put(f, whole, text);
}

static void test_split(void **state) {
        Fixture *f = *state;
        const Device *device;

        put(f, "proc/devices", DEVICES("nvidia", UVM CAPS));
        put(f, "dev/nvidia-caps/nvidia-cap1", "");
        plug_gpu(f, "0000:01:00.0", 0);
        put_instance(f, "gi1", 12);
        put_instance(f, "gi1/ci0", 13);
        put_instance(f, "gi1/ci1", 14);
        assert_int_equal(nvidia_scan(f->nvidia), 0);

        device = registry_device(&f->registry, "mig-0000:01:00.0-gi1-ci1");
        assert_non_null(device);
        assert_int_equal(device->classes, 1U << DEVICE_GPU);
        assert_string_equal(device->vendor, "10de");
        assert_string_equal(device->place, "0000:01:00.0-gi1-ci1");
        assert_int_equal(registry_device(&f->registry, "mig-0000:01:00.0-gi1")->classes, 1U << DEVICE_OTHER);
        assert_given(f, "mig-0000:01:00.0-gi1-ci1", PART_KINDS_NODES,
                     "nvidia-caps/nvidia-cap12 shared\n"
                     "nvidia-caps/nvidia-cap14 mig-0000:01:00.0-gi1-ci1\n"
                     "nvidia-uvm shared\nnvidia-uvm-tools shared\nnvidia0 shared\nnvidiactl shared\n");
        /* The whole of it brings no instance along: each is given by itself. */
        assert_given(f, "pci-0000:01:00.0", PART_KINDS_NODES,
                     "nvidia-uvm shared\nnvidia-uvm-tools shared\nnvidia0 shared\nnvidiactl shared\n");

        /* Another instance is seen by its node below /dev/nvidia-caps. */
        put_instance(f, "gi2", 21);
        put_instance(f, "gi2/ci0", 22);
        put(f, "dev/nvidia-caps/nvidia-cap21", "");
        while (!registry_device(&f->registry, "mig-0000:01:00.0-gi2-ci0"))
                dispatch_next(f);

        /* That one was destroyed says nobody: it is found at the next look. */
        take(f, "proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci1");
        while (registry_device(&f->registry, "mig-0000:01:00.0-gi1-ci1"))
                dispatch_next(f);
        assert_non_null(registry_device(&f->registry, "mig-0000:01:00.0-gi1-ci0"));

        /* Whole again: its node is its own. */
        take(f, "proc/driver/nvidia/capabilities/gpu0");
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_null(registry_device(&f->registry, "mig-0000:01:00.0-gi1"));
        assert_given(f, "pci-0000:01:00.0", PART_KINDS_NODES,
                     "nvidia-uvm shared\nnvidia-uvm-tools shared\nnvidia0 pci-0000:01:00.0\n"
                     "nvidiactl shared\n");
}

/* The last GPU takes the control nodes along. */
static void test_last_gpu(void **state) {
        Fixture *f = *state;

        put(f, "proc/devices", DEVICES("nvidia", UVM));
        plug_gpu(f, "0000:01:00.0", 0);
        plug_gpu(f, "0000:02:00.0", 1);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        take(f, "proc/driver/nvidia/gpus/0000:01:00.0");
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_non_null(registry_device(&f->registry, "virtual-nvidia-control"));
        take(f, "proc/driver/nvidia");
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "");
}

/* Files that say nonsense make no device, and none of another's number. */
static void test_nonsense(void **state) {
        static const char *const texts[] = {
                "",
                "Device Minor:",
                "Device Minor: 255\n",
                "Device Minor: 254\n",
                "Device Minor: -1\n",
                "Device Minor: 4294967296\n",
                "Device Minor: 0x1\n",
                "Device Minor: 1 2\n",
                "device minor: 1\n",
                "Model: Device Minor: 1\n",
                "GPU Excluded:\t Yes\nDevice Minor: 1\n",
        };
        static const char *const places[] = {"x", "0000:09:00.0", "0000:01:00.0.0", "...", "%s"};
        Fixture *f = *state;
        char huge[NVIDIA_FILE_MAX + 64];

        put(f, "proc/devices", DEVICES("nvidia", UVM CAPS));
        plug_function(f, "0000:01:00.0", "nvidia");
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                put(f, "proc/driver/nvidia/gpus/0000:01:00.0/information", texts[i]);
                assert_int_equal(nvidia_scan(f->nvidia), 0);
                assert_devices(f, "");
        }
        memset(huge, 'x', sizeof(huge) - 1);
        huge[sizeof(huge) - 1] = '\0';
        put(f, "proc/driver/nvidia/gpus/0000:01:00.0/information", huge);
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char path[128];

                snprintf(path, sizeof(path), "proc/driver/nvidia/gpus/%s/information", places[i]);
                put(f, path, "Device Minor: 1\n");
        }
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "");

        put(f, "proc/driver/nvidia/gpus/0000:01:00.0/information",
            "Model: \x1b[31m/../\nGPU UUID: GPU-????????\nDevice Minor: 0\n");
        put(f, "proc/driver/nvidia/capabilities/gpu0/mig/gi01/access", "DeviceFileMinor: 1\n");
        put(f, "proc/driver/nvidia/capabilities/gpu0/mig/gi-1/access", "DeviceFileMinor: 1\n");
        put(f, "proc/driver/nvidia/capabilities/gpu0/mig/gi99999999999/access", "DeviceFileMinor: 1\n");
        put(f, "proc/driver/nvidia/capabilities/gpu0/mig/config/access", "DeviceFileMinor: 1\n");
        put_instance(f, "gi3", 0xfffffffU);
        put_instance(f, "gi3/ci0x", 3);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "pci-0000:01:00.0 nvidia0* c195:0\nvirtual-nvidia-control nvidiactl* c195:255 "
                          "nvidia-uvm* c508:0 nvidia-uvm-tools* c508:1\n");
        assert_null(registry_device(&f->registry, "pci-0000:01:00.0")->serial);

        /* Two GPUs of one minor: the kernel has one of that number. */
        plug_gpu(f, "0000:02:00.0", 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_non_null(registry_part_by_rdev(&f->registry, 'c', makedev(195, 0)));

        put(f, "proc/devices",
            "Character devices:\nnvidia 195\n99999 nvidia\n0 nvidia\n-1 nvidia\n195nvidia\n"
            "195 nvidia2\nBlock devices:\n195 nvidia\n");
        assert_int_equal(nvidia_scan(f->nvidia), 0);
        assert_devices(f, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_no_driver, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gpus, setup, teardown),
                cmocka_unit_test_setup_teardown(test_older_driver, setup, teardown),
                cmocka_unit_test_setup_teardown(test_driver_loads_later, setup, teardown),
                cmocka_unit_test_setup_teardown(test_named_when_used, setup, teardown),
                cmocka_unit_test_setup_teardown(test_comes_back_with_another_number, setup, teardown),
                cmocka_unit_test_setup_teardown(test_split, setup, teardown),
                cmocka_unit_test_setup_teardown(test_last_gpu, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
