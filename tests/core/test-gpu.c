/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GPUs whose drivers have nodes for all of them, through the real manager into real containers: what goes
 * along comes with the first GPU, is shared by the next, and goes with the last. NVIDIA's driver is a tree of
 * files as it makes it in /proc (see tests/source/test-nvidia.c), AMD's is udev's events as they come.
 *
 * The numbers are nobody's, as nobody opens the nodes.
 */

#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/farm.h"
#include "util/fd.h"
#include "util/string.h"

#define PATIENCE_USEC (UINT64_C(20) * 1000 * 1000)

#define BRIDGE "/devices/pci0000:00/0000:00:01.0"

static void work(const Farm *farm) {
        assert_int_equal(loop_run_once(farm->loop, PATIENCE_USEC), 0);
}

/* Looks at the driver's files follow what was told, at times of their own. */
static void await_nodes(const Farm *farm, const char *expected) {
        while (!streq(farm_nodes(), expected))
                work(farm);
}

/* ---- NVIDIA's driver */

static void nvidia_path(const char *path, char *ret, size_t size) {
        snprintf(ret, size, "%s/" FARM_NVIDIA "/%s", launch_dir(), path);
}

static void put(const char *path, const char *text) {
        char whole[PATH_MAX], folder[PATH_MAX];

        nvidia_path(path, whole, sizeof(whole));
        nvidia_path(path, folder, sizeof(folder));
        *strrchr(folder, '/') = '\0';
        assert_int_equal(fd_mkdir_parents(folder, 0755), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, whole, text, strlen(text), 0644), 0);
}

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

static void take(const char *path) {
        char whole[PATH_MAX];

        nvidia_path(path, whole, sizeof(whole));
        assert_int_equal(nftw(whole, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put_driver(void) {
        put("proc/devices", "Character devices:\n  1 mem\n4000 nvidia\n4001 nvidia-uvm\n4002 nvidia-caps\n");
}

static void put_information(const char *place, unsigned int minor_number, const char *uuid) {
        char path[128], text[256];

        snprintf(path, sizeof(path), "proc/driver/nvidia/gpus/%s/information", place);
        snprintf(text, sizeof(text), "Model: \t\t NVIDIA H200\nGPU UUID: \t %s\nDevice Minor: \t %u\n", uuid,
                 minor_number);
        put(path, text);
}

static void tell_function(Farm *farm, UeventAction action, const char *place) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text,
                             "DEVPATH=" BRIDGE "/%s\nSUBSYSTEM=pci\nPCI_ID=10DE:2335\nPCI_CLASS=30200\n%s",
                             place, action == UEVENT_BIND ? "DRIVER=nvidia" : "PCI_SLOT_NAME=x") > 0);
        farm_tell(farm, action, text);
}

/* The function is there, and a moment later its driver has it. */
static void plug_gpu(Farm *farm, const char *place, unsigned int minor_number, const char *uuid) {
        char path[PATH_MAX], target[128];

        tell_function(farm, UEVENT_ADD, place);
        nvidia_path("sys/bus/pci/devices", path, sizeof(path));
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", place);
        snprintf(target, sizeof(target), "../../.." BRIDGE "/%s", place);
        assert_int_equal(symlink(target, path), 0);
        put_information(place, minor_number, uuid);
        tell_function(farm, UEVENT_BIND, place);
}

static ino_t inode_of(const char *container, const char *node) {
        char path[PATH_MAX];
        struct stat st;

        snprintf(path, sizeof(path), "%s/dev/%s/dev/%s", launch_dir(), container, node);
        assert_int_equal(lstat(path, &st), 0);
        return st.st_ino;
}

/* What a container has of a GPU, in the order of farm_nodes(). */
#define WITH(container, gpu)                                                                       \
        container " nvidia-uvm, " container " nvidia-uvm-tools, " container " " gpu ", " container \
                  " nvidiactl"

static void test_nvidia(_unused_ void **state) {
        Farm farm;
        ino_t control;

        farm_open(&farm, "version: 1\n"
                         "rules:\n"
                         "  - name: first\n"
                         "    match: { class: gpu, serial: GPU-a }\n"
                         "    give: { to: ci-1 }\n"
                         "  - name: second\n"
                         "    match: { class: gpu, vendor: nvidia }\n"
                         "    give: { to: \"ci-[12]\", share: shared }\n");
        put_driver();

        plug_gpu(&farm, "0000:01:00.0", 0, "GPU-a");
        await_nodes(&farm, WITH("ci-1", "nvidia0"));
        farm_assert_grants(&farm, "pci-0000:01:00.0 ci-1 active");
        control = inode_of("ci-1", "nvidiactl");

        plug_gpu(&farm, "0000:02:00.0", 1, "GPU-b");
        await_nodes(&farm, "ci-1 nvidia-uvm, ci-1 nvidia-uvm-tools, ci-1 nvidia0, ci-1 nvidia1, "
                           "ci-1 nvidiactl, " WITH("ci-2", "nvidia1"));
        assert_true(inode_of("ci-1", "nvidiactl") == control);

        farm_stop(&farm, /* crash= */ true);
        farm_start(&farm);
        farm_assert_grants(&farm, "pci-0000:01:00.0 ci-1 active, pci-0000:02:00.0 ci-1 active, "
                                  "pci-0000:02:00.0 ci-2 active");
        assert_true(inode_of("ci-1", "nvidiactl") == control);

        /* One leaves with its driver, which stays for the other; that one is pulled out. */
        take("proc/driver/nvidia/gpus/0000:01:00.0");
        tell_function(&farm, UEVENT_UNBIND, "0000:01:00.0");
        await_nodes(&farm, WITH("ci-1", "nvidia1") ", " WITH("ci-2", "nvidia1"));
        assert_true(inode_of("ci-1", "nvidiactl") == control);
        farm_assert_grants(&farm, "pci-0000:02:00.0 ci-1 active, pci-0000:02:00.0 ci-2 active");

        farm_remove(&farm, BRIDGE "/0000:02:00.0");
        farm_assert_grants(&farm, "");
        assert_string_equal(farm_nodes(), "");
        farm_remove(&farm, BRIDGE "/0000:01:00.0");
        take("");
        farm_close(&farm);
}

static void put_instance(const char *path, unsigned int minor_number) {
        char whole[128], text[64];

        snprintf(whole, sizeof(whole), "proc/driver/nvidia/capabilities/gpu0/mig/%s/access", path);
        snprintf(text, sizeof(text), "DeviceFileMinor: %u\nDeviceFileMode: 292\n", minor_number);
        put(whole, text);
        snprintf(whole, sizeof(whole), "dev/nvidia-caps/nvidia-cap%u", minor_number);
        put(whole, "");
}

#define CAP(container, number) container " nvidia-caps/nvidia-cap" number ", "

/* Two instances of one GPU, in two containers: each with its own capability, and what leads to it. */
static void test_instances(_unused_ void **state) {
        Farm farm;

        farm_open(&farm, "version: 1\n"
                         "rules:\n"
                         "  - name: one\n"
                         "    match: { class: gpu, port: \"0000:01:00.0-gi1-ci0\" }\n"
                         "    give: { to: ci-1 }\n"
                         "  - name: another\n"
                         "    match: { class: gpu, port: \"0000:01:00.0-gi2-ci0\" }\n"
                         "    give: { to: ci-2 }\n");
        put_driver();
        put_instance("gi1", 12);
        put_instance("gi1/ci0", 13);
        plug_gpu(&farm, "0000:01:00.0", 0, "GPU-a");
        await_nodes(&farm, CAP("ci-1", "12") CAP("ci-1", "13") WITH("ci-1", "nvidia0"));

        /* The GPU is split further. */
        put_instance("gi2", 21);
        put_instance("gi2/ci0", 22);
        await_nodes(&farm, CAP("ci-1", "12") CAP("ci-1", "13") WITH("ci-1", "nvidia0") ", " CAP("ci-2", "21")
                                   CAP("ci-2", "22") WITH("ci-2", "nvidia0"));
        farm_assert_grants(&farm,
                           "mig-0000:01:00.0-gi1-ci0 ci-1 active, mig-0000:01:00.0-gi2-ci0 ci-2 active");

        /* An instance is destroyed while it is given. */
        take("proc/driver/nvidia/capabilities/gpu0/mig/gi1");
        take("dev/nvidia-caps/nvidia-cap13");
        await_nodes(&farm, CAP("ci-2", "21") CAP("ci-2", "22") WITH("ci-2", "nvidia0"));

        /* And so with the GPU: nothing leads to the other any more. */
        take("proc/driver/nvidia");
        farm_remove(&farm, BRIDGE "/0000:01:00.0");
        await_nodes(&farm, "");
        farm_assert_grants(&farm, "");
        take("");
        farm_close(&farm);
}

/* ---- AMD's */

#define AMD(place) "DEVPATH=" BRIDGE "/0000:" place

static void plug_amd(Farm *farm, const char *function, const char *card, const char *render) {
        farm_tell(farm, UEVENT_ADD, function);
        farm_tell(farm, UEVENT_ADD, card);
        farm_tell(farm, UEVENT_ADD, render);
}

#define PLUG_AMD(farm, place, n)                                                                        \
        plug_amd(farm, AMD(place) "\nSUBSYSTEM=pci\nPCI_ID=1002:73BF\nPCI_CLASS=30000",                 \
                 AMD(place) "/drm/card" n "\nSUBSYSTEM=drm\nDEVTYPE=drm_minor\nDEVNAME=/dev/dri/card" n \
                            "\nMAJOR=4000\nMINOR=" n,                                                   \
                 AMD(place) "/drm/renderD12" n "\nSUBSYSTEM=drm\nDEVTYPE=drm_minor\nDEVNAME=/dev/dri/"  \
                            "renderD12" n "\nMAJOR=4000\nMINOR=12" n)
#define BIND_AMD(farm, place)        \
        farm_tell(farm, UEVENT_BIND, \
                  AMD(place) "\nSUBSYSTEM=pci\nPCI_ID=1002:73BF\nPCI_CLASS=30000\nDRIVER=amdgpu")

/* The driver makes the nodes, the one for all of them too, before the function is said to be its. */
static void test_amd(_unused_ void **state) {
        Farm farm;
        ino_t all;

        farm_open(&farm, "version: 1\n"
                         "rules:\n"
                         "  - name: the one\n"
                         "    match: { class: gpu, vendor: amd }\n"
                         "    give: { to: ci-1, nodes: [render] }\n");
        PLUG_AMD(&farm, "03:00.0", "1");
        farm_assert_nodes(&farm, "ci-1 dri/renderD121");
        farm_tell(&farm, UEVENT_ADD,
                  "DEVPATH=/devices/virtual/kfd/kfd\nSUBSYSTEM=kfd\nDEVNAME=/dev/kfd\nMAJOR=4001\nMINOR=0");
        farm_assert_nodes(&farm, "ci-1 dri/renderD121");
        BIND_AMD(&farm, "03:00.0");
        farm_assert_nodes(&farm, "ci-1 dri/renderD121, ci-1 kfd");
        all = inode_of("ci-1", "kfd");

        PLUG_AMD(&farm, "04:00.0", "2");
        BIND_AMD(&farm, "04:00.0");
        farm_assert_nodes(&farm, "ci-1 dri/renderD121, ci-1 dri/renderD122, ci-1 kfd");
        farm_remove(&farm, BRIDGE "/0000:03:00.0");
        farm_assert_nodes(&farm, "ci-1 dri/renderD122, ci-1 kfd");
        assert_true(inode_of("ci-1", "kfd") == all);

        /* Pulled out unseen. */
        farm_stop(&farm, /* crash= */ true);
        farm_remove_unheard(&farm, BRIDGE "/0000:04:00.0");
        farm_start(&farm);
        farm_assert_nodes(&farm, "");
        farm_assert_grants(&farm, "");
        farm_remove(&farm, "/devices/virtual/kfd/kfd");
        farm_close(&farm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nvidia),
                cmocka_unit_test(test_instances),
                cmocka_unit_test(test_amd),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
