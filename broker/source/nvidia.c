/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The watch for what NVIDIA's driver has.
 *
 * Everything is read from /proc/driver/nvidia and /proc/devices, and nothing there can be waited for. So a
 * look is taken when something else happens: a module of the driver comes or goes, or a PCI function is bound
 * or unbound; and, for GPUs that can be split, when a node below /dev/nvidia-caps is made, and every other
 * second, as no one says that an instance was destroyed. So it is for a GPU whose UUID is not known: nobody
 * says that it was used first, and is by then. A host without the driver has no timer, no watch and nothing
 * to read.
 *
 * Each look tells of all that there is; a look that fails in the middle tells of nothing.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "model/device.h"
#include "source/identity.h"
#include "source/nvidia-proc.h"
#include "source/nvidia.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define INSTANCES_MAX 128 /* of one GPU, and of one of its instances; NVIDIA has seven */
#define GPUS_MAX      64

#define CAPS_FOLDER "nvidia-caps"

/* The uevent of a module comes before its code runs, and a GPU takes seconds to be set up. */
static const uint64_t looks_msec[] = {1, 100, 1000, 5000, 20000};

#define LOOK_AGAIN_MSEC 2000

struct Nvidia {
        NvidiaRoots roots;
        ReportEvent event;
        void *userdata;
        Report report;
        int epoll_fd, timer_fd, inotify_fd;
        int watch;                  /* of CAPS_FOLDER; -1 none */
        size_t n_look;              /* index of the next of looks_msec */
        bool can_be_split, unnamed; /* some GPU */
};

typedef struct Gpu {
        const char *place; /* PCI address */
        const char *devpath;
        NvidiaInformation information;
        bool split;
} Gpu;

static int open_timer(Nvidia *nvidia) {
        struct epoll_event event = {.events = EPOLLIN};
        const int fds[] = {nvidia->timer_fd, nvidia->inotify_fd};

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                if (fds[i] < 0 || epoll_ctl(nvidia->epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0)
                        return -errno;
        return 0;
}

int nvidia_new(const NvidiaRoots *roots, ReportEvent event, void *userdata, Nvidia **ret) {
        _cleanup_(nvidia_freep) Nvidia *nvidia = NULL;
        int r;

        assert(roots && event && ret);

        nvidia = calloc(1, sizeof(*nvidia));
        if (!nvidia)
                return -ENOMEM;
        *nvidia = (Nvidia){
                .roots = *roots,
                .event = event,
                .userdata = userdata,
                .timer_fd = -EBADF,
                .inotify_fd = -EBADF,
                .watch = -1,
                .n_look = ELEMENTSOF(looks_msec),
        };
        nvidia->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (nvidia->epoll_fd < 0)
                return -errno;
        nvidia->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        nvidia->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        r = open_timer(nvidia);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(nvidia);
        return 0;
}

Nvidia *nvidia_free(Nvidia *nvidia) {
        if (!nvidia)
                return NULL;
        report_deinit(&nvidia->report);
        safe_close(nvidia->inotify_fd);
        safe_close(nvidia->timer_fd);
        safe_close(nvidia->epoll_fd);
        free(nvidia);
        return NULL;
}

int nvidia_fd(const Nvidia *nvidia) {
        return nvidia->epoll_fd;
}

static void arm(Nvidia *nvidia, uint64_t msec) {
        struct itimerspec when = {
                .it_value = {.tv_sec = (time_t)(msec / 1000), .tv_nsec = (long)(msec % 1000) * 1000000}};

        (void)timerfd_settime(nvidia->timer_fd, /* flags= */ 0, &when, NULL);
}

static bool looks_go_on(const Nvidia *nvidia) {
        return nvidia->can_be_split || nvidia->unnamed;
}

/* Sets the timer for the look after this one, if there is one to be. */
static void arm_next(Nvidia *nvidia) {
        uint64_t msec = 0;

        if (nvidia->n_look < ELEMENTSOF(looks_msec))
                msec = looks_msec[nvidia->n_look++];
        else if (looks_go_on(nvidia))
                msec = LOOK_AGAIN_MSEC;
        arm(nvidia, msec);
}

void nvidia_hear(Nvidia *nvidia, const Uevent *event) {
        const char *subsystem = uevent_subsystem(event), *devpath = uevent_devpath(event), *driver;

        if (!subsystem || !devpath)
                return;
        if (streq(subsystem, "module")) {
                if (!startswith(devpath, "/module/nvidia"))
                        return;
        } else if (streq(subsystem, "pci")) {
                driver = property_list_get(&event->properties, "DRIVER");
                /* An unbind does not always say of what; where nothing is known there is nothing to lose. */
                if (!(driver && streq(driver, "nvidia")) && !nvidia->report.known)
                        return;
        } else
                return;
        nvidia->n_look = 0;
        arm_next(nvidia);
}

/* A folder below /proc, "" for the empty one. Return: fd; errno. */
static int open_proc(const Nvidia *nvidia, const char *below) {
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/%s", nvidia->roots.proc, below) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        return fd_open_dir(AT_FDCWD, path);
}

static int open_folder(int dirfd, const char *name, DIR **ret) {
        _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (!dir)
                return -errno;
        TAKE_FD(fd);
        *ret = dir;
        return 0;
}

static int read_text(int dirfd, const char *path, char **ret) {
        return fd_read_file(dirfd, path, NVIDIA_FILE_MAX, ret, NULL);
}

/* The devpath of the PCI function at @place. Return: 0; -ENODEV no such function; errno. */
static int pci_devpath(const Nvidia *nvidia, const char *place, char ret[static PATH_MAX]) {
        char path[PATH_MAX], target[PATH_MAX];
        const char *devices;
        DevicePlace parsed;
        ssize_t n;

        if (snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", nvidia->roots.sys, place) >=
            (int)sizeof(path))
                return -ENODEV;
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
                return -ENODEV;
        target[n] = '\0';
        devices = strstr(target, "/devices/");
        if (!devices || device_place_parse(devices, &parsed) < 0 || !streq(parsed.prefix, "pci") ||
            strlen(place) != parsed.place_size || memcmp(parsed.place, place, parsed.place_size) != 0 ||
            devices[parsed.root_size])
                return -ENODEV;
        strcpy(ret, devices);
        return 0;
}

/* One node to tell of. */
typedef struct Node {
        const char *devpath;
        const char *subsystem;
        const char *name; /* below /dev */
        unsigned int major, minor;
        const Gpu *gpu; /* whose driver, model and so on it says; NULL: of no single one */
} Node;

static int set_number(PropertyList *list, const char *key, unsigned int value) {
        char text[16];

        snprintf(text, sizeof(text), "%u", value);
        return property_list_set(list, key, text);
}

static int set_gpu(PropertyList *list, const Gpu *gpu) {
        char model[NVIDIA_TEXT_MAX], uuid[NVIDIA_TEXT_MAX];
        int r;

        if ((r = property_list_set(list, "DRIVER", "nvidia")) < 0 ||
            (r = property_list_set(list, "ID_VENDOR_ID", "10de")) < 0 ||
            (gpu->split && (r = property_list_set(list, "MIG", "1")) < 0))
                return r;
        identity_spell(gpu->information.model, model, sizeof(model));
        identity_spell(gpu->information.uuid, uuid, sizeof(uuid));
        if (model[0] && (r = property_list_set(list, "ID_MODEL", model)) < 0)
                return r;
        return uuid[0] ? property_list_set(list, "ID_SERIAL_SHORT", uuid) : 0;
}

/* Return: 0; -ENOMEM. */
static int tell(Nvidia *nvidia, const Node *node) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        char name[NVIDIA_TEXT_MAX];
        int r;

        snprintf(name, sizeof(name), "/dev/%s", node->name);
        if ((r = property_list_set(&list, "DEVPATH", node->devpath)) < 0 ||
            (r = property_list_set(&list, "SUBSYSTEM", node->subsystem)) < 0 ||
            (r = property_list_set(&list, "DEVNAME", name)) < 0 ||
            (r = set_number(&list, "MAJOR", node->major)) < 0 ||
            (r = set_number(&list, "MINOR", node->minor)) < 0 ||
            (node->gpu && (r = set_gpu(&list, node->gpu)) < 0))
                return r;
        r = report_add(&nvidia->report, &list);
        return r == -ENOMEM ? r : 0;
}

/* One capability's node, of the GPU instance or the compute instance @id. Return: 0; -ENOMEM. */
static int look_at_access(Nvidia *nvidia, const Gpu *gpu, int dirfd, const char *id, unsigned int major,
                          const char *subsystem) {
        _cleanup_free_ char *text = NULL;
        char devpath[PATH_MAX], name[NVIDIA_TEXT_MAX];
        unsigned int minor_number;
        int r;

        r = read_text(dirfd, "access", &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || nvidia_parse_access(text, &minor_number) < 0)
                return 0;
        snprintf(name, sizeof(name), CAPS_FOLDER "/nvidia-cap%u", minor_number);
        if (snprintf(devpath, sizeof(devpath), "/devices/virtual/mig/%s/%s", id,
                     name + sizeof(CAPS_FOLDER)) >= (int)sizeof(devpath))
                return 0;
        return tell(nvidia, &(Node){devpath, subsystem, name, major, minor_number, gpu});
}

/* The compute instances of the GPU instance @id, whose folder is @dirfd. */
static int look_at_compute(Nvidia *nvidia, const Gpu *gpu, int dirfd, const char *id, unsigned int major) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = open_folder(dirfd, ".", &dir);
        if (r < 0)
                return 0;
        while ((entry = readdir(dir))) {
                _cleanup_close_ int fd = -EBADF;
                char below[2 * NVIDIA_TEXT_MAX];
                unsigned int number;

                if (!nvidia_parse_name(entry->d_name, "ci", INSTANCES_MAX, &number))
                        continue;
                fd = fd_open_dir(dirfd, entry->d_name);
                if (fd < 0)
                        continue;
                snprintf(below, sizeof(below), "%s-ci%u", id, number);
                r = look_at_access(nvidia, gpu, fd, below, major, "nvidia");
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The instances into which the GPU is split; says in gpu->split whether there are any. */
static int look_at_instances(Nvidia *nvidia, Gpu *gpu, unsigned int major) {
        char path[sizeof("driver/nvidia/capabilities/gpu4294967295/mig")];
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct dirent *entry;

        snprintf(path, sizeof(path), "driver/nvidia/capabilities/gpu%u/mig", gpu->information.minor);
        fd = open_proc(nvidia, path);
        if (fd < 0 || open_folder(fd, ".", &dir) < 0)
                return 0;
        nvidia->can_be_split = true;
        while (major > 0 && (entry = readdir(dir))) {
                _cleanup_close_ int instance_fd = -EBADF;
                char id[NVIDIA_TEXT_MAX];
                unsigned int number;
                int r;

                if (!nvidia_parse_name(entry->d_name, "gi", INSTANCES_MAX, &number))
                        continue;
                instance_fd = fd_open_dir(fd, entry->d_name);
                if (instance_fd < 0)
                        continue;
                gpu->split = true;
                snprintf(id, sizeof(id), "%s-gi%u", gpu->place, number);
                if ((r = look_at_access(nvidia, gpu, instance_fd, id, major, "nvidia-control")) < 0 ||
                    (r = look_at_compute(nvidia, gpu, instance_fd, id, major)) < 0)
                        return r;
        }
        return 0;
}

/* Return: 1 a GPU; 0 none; -ENOMEM. */
static int look_at_gpu(Nvidia *nvidia, int gpus_fd, const char *place, const NvidiaMajors *majors) {
        char path[NAME_MAX + sizeof("/information")], devpath[PATH_MAX], below[PATH_MAX + 64], name[32];
        Gpu gpu = {.place = place, .devpath = devpath};
        _cleanup_free_ char *text = NULL;
        int r;

        snprintf(path, sizeof(path), "%s/information", place);
        if (strlen(place) > 64 || pci_devpath(nvidia, place, devpath) < 0)
                return 0;
        r = read_text(gpus_fd, path, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || nvidia_parse_information(text, &gpu.information) < 0 || gpu.information.excluded)
                return 0;
        nvidia->unnamed = nvidia->unnamed || gpu.information.unnamed;
        r = look_at_instances(nvidia, &gpu, majors->caps);
        if (r < 0)
                return r;
        snprintf(name, sizeof(name), "nvidia%u", gpu.information.minor);
        snprintf(below, sizeof(below), "%s/nvidia/%s", devpath, name);
        r = tell(nvidia, &(Node){below, "nvidia", name, majors->nvidia, gpu.information.minor, &gpu});
        return r < 0 ? r : 1;
}

/* What all GPUs have in common. */
static int look_at_control(Nvidia *nvidia, const NvidiaMajors *majors) {
        const struct {
                const char *name, *module;
                unsigned int major, minor;
        } nodes[] = {
                {"nvidiactl", NULL, majors->nvidia, NVIDIA_MINOR_CONTROL},
                {"nvidia-modeset", "nvidia_modeset", majors->nvidia, NVIDIA_MINOR_MODESET},
                {"nvidia-uvm", NULL, majors->uvm, 0},
                {"nvidia-uvm-tools", NULL, majors->uvm, 1},
        };

        for (size_t i = 0; i < ELEMENTSOF(nodes); i++) {
                char path[PATH_MAX];
                int r;

                if (nodes[i].major == 0)
                        continue;
                if (nodes[i].module && (snprintf(path, sizeof(path), "%s/module/%s", nvidia->roots.sys,
                                                 nodes[i].module) >= (int)sizeof(path) ||
                                        access(path, F_OK) < 0))
                        continue;
                snprintf(path, sizeof(path), "/devices/virtual/nvidia/control/%s", nodes[i].name);
                r = tell(nvidia, &(Node){path, "nvidia-control", nodes[i].name, nodes[i].major,
                                         nodes[i].minor, NULL});
                if (r < 0)
                        return r;
        }
        return 0;
}

static int look_at_all(Nvidia *nvidia) {
        _cleanup_close_ int gpus_fd = -EBADF, proc_fd = -EBADF;
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_free_ char *text = NULL;
        NvidiaMajors majors;
        struct dirent *entry;
        unsigned int n = 0;
        int r;

        gpus_fd = open_proc(nvidia, "driver/nvidia/gpus");
        proc_fd = open_proc(nvidia, "");
        if (gpus_fd < 0 || proc_fd < 0 || open_folder(gpus_fd, ".", &dir) < 0)
                return 0;
        r = read_text(proc_fd, "devices", &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        nvidia_parse_devices(text, &majors);
        if (majors.nvidia == 0)
                return 0;

        while (n < GPUS_MAX && (entry = readdir(dir))) {
                r = look_at_gpu(nvidia, gpus_fd, entry->d_name, &majors);
                if (r < 0)
                        return r;
                n += (unsigned int)r;
        }
        return n > 0 ? look_at_control(nvidia, &majors) : 0;
}

/* Watching twice is watching once. */
static void watch_capabilities(Nvidia *nvidia) {
        char path[PATH_MAX];

        if (nvidia->can_be_split &&
            snprintf(path, sizeof(path), "%s/" CAPS_FOLDER, nvidia->roots.dev) < (int)sizeof(path))
                nvidia->watch = inotify_add_watch(nvidia->inotify_fd, path,
                                                  IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW);
        else if (!nvidia->can_be_split && nvidia->watch >= 0) {
                inotify_rm_watch(nvidia->inotify_fd, nvidia->watch);
                nvidia->watch = -1;
        }
}

int nvidia_scan(Nvidia *nvidia) {
        int r;

        nvidia->can_be_split = nvidia->unnamed = false;
        report_begin(&nvidia->report);
        r = look_at_all(nvidia);
        if (r < 0)
                return r;
        watch_capabilities(nvidia);
        if (looks_go_on(nvidia) && nvidia->n_look == ELEMENTSOF(looks_msec))
                arm(nvidia, LOOK_AGAIN_MSEC);
        report_end(&nvidia->report, nvidia->event, nvidia->userdata);
        return 0;
}

int nvidia_dispatch(Nvidia *nvidia) {
        char events[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
        bool due = false;
        uint64_t n_expired;
        int r;

        while (read(nvidia->inotify_fd, events, sizeof(events)) > 0)
                due = true;
        if (read(nvidia->timer_fd, &n_expired, sizeof(n_expired)) == (ssize_t)sizeof(n_expired)) {
                due = true;
                arm_next(nvidia);
        }
        if (!due)
                return 0;
        r = nvidia_scan(nvidia);
        if (r < 0)
                log_error_errno(r, "Failed to look for NVIDIA's GPUs: %m");
        return r;
}
