/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/farm.h"
#include "model/uevent.h"
#include "source/nvidia.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define PATIENCE_USEC (UINT64_C(20) * 1000 * 1000)
#define USB_ROOT      "/devices/platform/vhci_hcd.0/usb3"
#define USB_BUS       "/sys/bus/usb/devices"
#define TEXT_SIZE     8192
#define UEVENT_KEPT   "uevent.kept"

const char *const farm_names[FARM_CONTAINERS] = {"ci-1", "ci-2", "ci-3"};

const FarmMode farm_modes[FARM_MODES] = {
        [FARM_ADB] = {"adb", "18d1", "4ee7", "ff4201", false},
        [FARM_FASTBOOT] = {"fastboot", "18d1", "4ee0", "ff4203", false},
        [FARM_RECOVERY] = {"recovery", "22b8", "2e81", "ff4201", false},
        [FARM_EDL] = {"edl", "05c6", "9008", "ffffff", true},
};

static Keeping keepings[FARM_CONTAINERS];
static char policy_dir[96];
static char nvidia_proc[96], nvidia_sys[96], nvidia_dev[96];
static const NvidiaRoots nvidia_roots = {.proc = nvidia_proc, .sys = nvidia_sys, .dev = nvidia_dev};
static int feed_fd = -EBADF;

/* ---- the machine around */

static void quiet(_unused_ int level, _unused_ int error, _unused_ const LogSubject *subject,
                  _unused_ const char *text) {
}

static void mount_empty(const char *path) {
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        assert_int_equal(mount("tmpfs", path, "tmpfs", MS_NOSUID, "mode=0755"), 0);
}

/* What the manager, and nobody else, sees of the host: no device of its own on USB, an udevd that has
 * finished with everything, and a /dev with nothing in it that rules could find. */
static void enter_machine(void) {
        /* libudev takes no other file system for sysfs. */
        setenv("SYSTEMD_DEVICE_VERIFY_SYSFS", "0", /* overwrite= */ 1);
        assert_int_equal(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
        assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        mount_empty("/run/udev");
        mount_empty("/sys/bus");
        mount_empty("/sys/class");
        mount_empty("/sys/devices");
        mount_empty("/dev");
        assert_int_equal(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
        assert_int_equal(fd_mkdir_parents("/run/udev/data", 0755), 0);
        assert_int_equal(fd_mkdir_parents(USB_BUS, 0755), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, "/run/udev/control", "", 0, 0600), 0);
}

int farm_group_setup(void **state) {
        int r;

        r = launch_group_setup(state);
        if (r < 0 || !launch_is_possible())
                return r;
        log_set_sink(quiet);
        for (size_t i = 0; i < FARM_CONTAINERS; i++)
                keepings[i] = keeping_start_ok(farm_names[i], NULL);
        farm_lend_start();
        farm_inside_start();
        /* Behind that: a container may mount sysfs only where nothing of it is hidden. */
        enter_machine();
        feed_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        if (feed_fd < 0)
                return -errno;
        snprintf(nvidia_proc, sizeof(nvidia_proc), "%s/" FARM_NVIDIA "/proc", launch_dir());
        snprintf(nvidia_sys, sizeof(nvidia_sys), "%s/" FARM_NVIDIA "/sys", launch_dir());
        snprintf(nvidia_dev, sizeof(nvidia_dev), "%s/" FARM_NVIDIA "/dev", launch_dir());
        snprintf(policy_dir, sizeof(policy_dir), "%s/policy", launch_dir());
        return mkdir(policy_dir, 0755) < 0 ? -errno : 0;
}

int farm_group_teardown(void **state) {
        for (size_t i = 0; i < FARM_CONTAINERS && launch_is_possible(); i++)
                if (keepings[i].pid > 0)
                        keeping_end(&keepings[i]);
        farm_inside_end();
        safe_close(feed_fd);
        log_set_sink(NULL);
        return launch_group_teardown(state);
}

void farm_end_container(size_t i) {
        keeping_end(&keepings[i]);
        keepings[i].pid = 0;
}

/* ---- the manager */

/* What the manager writes to an object's uevent file to have udev look at it again, a kernel would not keep.
 */
static int restore_uevent(const char *path, _unused_ const struct stat *st, _unused_ int type,
                          struct FTW *ftw) {
        _cleanup_free_ char *text = NULL, *uevent = NULL;

        if (!streq(path + ftw->base, UEVENT_KEPT))
                return 0;
        uevent = strdup(path);
        assert_non_null(uevent);
        strcpy(uevent + ftw->base, "uevent");
        assert_int_equal(fd_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
        assert_int_equal(fd_write_file(AT_FDCWD, uevent, text, strlen(text), 0644), 0);
        return 0;
}

void farm_start(Farm *farm) {
        const char *const dirs[] = {policy_dir, NULL};
        const ManagerConfig config = {
                .runtime_dir = launch_dir(),
                .policy_dirs = dirs,
                .container_program = "/nowhere",
                .nvidia = &nvidia_roots,
                .kept_events = -EBADF,
        };

        assert_int_equal(nftw("/sys/devices", restore_uevent, 16, FTW_PHYS), 0);
        assert_int_equal(loop_new(&farm->loop), 0);
        assert_int_equal(manager_new(farm->loop, &config, &farm->manager), 0);
        assert_int_equal(manager_start(farm->manager), 0);
}

static void copy_state(const char *from, const char *to) {
        char command[512];

        snprintf(command, sizeof(command), "rm -rf %s/%s && cp -r %s/%s %s/%s", launch_dir(), to,
                 launch_dir(), from, launch_dir(), to);
        assert_int_equal(system(command), 0);
}

void farm_stop(Farm *farm, bool crash) {
        if (crash)
                copy_state("state", "state.crash");
        farm->manager = manager_free(farm->manager);
        farm->loop = loop_free(farm->loop);
        if (crash)
                copy_state("state.crash", "state");
}

static void write_policy(const char *policy) {
        char path[128];

        snprintf(path, sizeof(path), "%s/test.yaml", policy_dir);
        assert_int_equal(fd_write_file(AT_FDCWD, path, policy, strlen(policy), 0644), 0);
}

void farm_open(Farm *farm, const char *policy) {
        launch_skip_unless_possible();
        *farm = (Farm){.number = 1};
        write_policy(policy);
        farm_start(farm);
}

static void on_done(void *userdata, CallCode code, _unused_ const char *message, _unused_ int value) {
        Farm *farm = userdata;

        farm->n_done++;
        farm->code = code;
}

static void work(const Farm *farm) {
        assert_int_equal(loop_run_once(farm->loop, PATIENCE_USEC), 0);
}

static CallCode await_call(Farm *farm, unsigned int before) {
        while (farm->n_done == before)
                work(farm);
        return farm->code;
}

void farm_reload(Farm *farm, const char *policy) {
        unsigned int before = farm->n_done;

        farm_settle(farm);
        write_policy(policy);
        manager_reload(farm->manager, on_done, farm);
        assert_int_equal(await_call(farm, before), CALL_OK);
}

CallCode farm_attach(Farm *farm, const char *device, const char *container) {
        unsigned int before = farm->n_done;

        farm_settle(farm);
        manager_attach(farm->manager, device, container, on_done, farm);
        return await_call(farm, before);
}

CallCode farm_detach(Farm *farm, const char *device, const char *container) {
        unsigned int before = farm->n_done;

        farm_settle(farm);
        manager_detach(farm->manager, device, container, on_done, farm);
        return await_call(farm, before);
}

/* ---- phones */

static void set(PropertyList *list, const char *key, const char *value) {
        assert_int_equal(property_list_set(list, key, value), 0);
}

/* The event as udev sends it, to whoever listens. */
static void feed(UeventAction action, const PropertyList *properties) {
        static char message[UEVENT_MESSAGE_MAX];
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_UDEV};
        int n = uevent_encode(action, properties, UEVENT_GROUP_UDEV, message, sizeof(message));

        assert_true(n > 0);
        /* Nobody may be there. */
        if (sendto(feed_fd, message, (size_t)n, 0, (struct sockaddr *)&address, sizeof(address)) < 0)
                assert_int_equal(errno, ECONNREFUSED);
}

/* "3-1.2" is below "3-1". */
static void phone_devpath(const char *port, char *devpath, size_t size) {
        int n = snprintf(devpath, size, "%s", USB_ROOT);

        for (const char *p = port; (p = strchr(p, '.')); p++)
                n += snprintf(devpath + n, size - (size_t)n, "/%.*s", (int)(p - port), port);
        snprintf(devpath + n, size - (size_t)n, "/%s", port);
}

/* What the kernel itself tells of one object of sysfs: its uevent file. */
static void write_file(const char *devpath, const char *name, const char *text) {
        char path[512];

        snprintf(path, sizeof(path), "/sys%s/%s", devpath, name);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

/* Adds "@text\n" to what a buffer has. */
static void add_line(char *buffer, size_t size, const char *prefix, const char *text, size_t n) {
        size_t at = strlen(buffer);

        assert_true((size_t)snprintf(buffer + at, size - at, "%s%.*s\n", prefix, (int)n, text) < size - at);
}

/* As udev writes links down: one a line, without the "/dev/". */
static void add_links(char *data, size_t size, const char *links) {
        for (size_t n; *links; links += n + (links[n] == ' ')) {
                n = strcspn(links, " ");
                add_line(data, size, "S:", links + strlen("/dev/"), n - strlen("/dev/"));
        }
}

/* What the kernel says of the object in sysfs, and what udev knows of it, of all its properties. */
static void write_object(const char *devpath, const PropertyList *properties) {
        static const char *const of_kernel[] = {
                "DEVTYPE=", "DEVNAME=", "MAJOR=",  "MINOR=", "PRODUCT=",   "TYPE=",
                "BUSNUM=",  "DEVNUM=",  "DRIVER=", "PCI_",   "INTERFACE=", "HID_"};
        const char *major = property_list_get(properties, "MAJOR");
        const char *subsystem = property_list_get(properties, "SUBSYSTEM");
        char path[512], uevent[1024] = "", data[2048] = "I:1\n";

        property_list_foreach(entry, properties) {
                bool kernels = false;

                for (size_t i = 0; i < ELEMENTSOF(of_kernel); i++)
                        kernels |= !!startswith(entry, of_kernel[i]);
                if (kernels)
                        add_line(uevent, sizeof(uevent), "", entry, strlen(entry));
                else if (startswith(entry, "ID_") || startswith(entry, "SOUND_"))
                        add_line(data, sizeof(data), "E:", entry, strlen(entry));
                else if (startswith(entry, "DEVLINKS="))
                        add_links(data, sizeof(data), entry + strlen("DEVLINKS="));
        }
        write_file(devpath, "uevent", uevent);
        write_file(devpath, UEVENT_KEPT, uevent);
        if (major)
                snprintf(path, sizeof(path), "/run/udev/data/%c%s:%s", streq(subsystem, "block") ? 'b' : 'c',
                         major, property_list_get(properties, "MINOR"));
        else
                snprintf(path, sizeof(path), "/run/udev/data/+%s:%s", subsystem, strrchr(devpath, '/') + 1);
        assert_int_equal(fd_write_file(AT_FDCWD, path, data, strlen(data), 0644), 0);
}

/* Makes the object in sysfs. */
static void make_object(const char *devpath, const PropertyList *properties) {
        const char *subsystem = property_list_get(properties, "SUBSYSTEM");
        char path[512], target[512], folder[64];

        snprintf(path, sizeof(path), "/sys%s", devpath);
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        write_object(devpath, properties);
        if (streq(subsystem, "usb"))
                snprintf(folder, sizeof(folder), "%s", USB_BUS);
        else
                snprintf(folder, sizeof(folder), "/sys/class/%s", subsystem);
        assert_int_equal(fd_mkdir_parents(folder, 0755), 0);
        snprintf(target, sizeof(target), "/sys%s", devpath);
        snprintf(path, sizeof(path), "%s/%s", folder, strrchr(devpath, '/') + 1);
        assert_int_equal(symlink(target, path), 0);
        /* A bus keeps its devices in a folder of its own. */
        snprintf(path, sizeof(path), "/sys%s/subsystem", devpath);
        assert_int_equal(symlink(streq(subsystem, "usb") ? "/sys/bus/usb" : folder, path), 0);
}

static int remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int type,
                        _unused_ struct FTW *ftw) {
        return remove(path);
}

/* Takes off the links of a folder that lead nowhere any more. */
static void drop_links(const char *path) {
        DIR *dir = opendir(path);
        struct dirent *entry;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.' && faccessat(dirfd(dir), entry->d_name, F_OK, 0) < 0)
                        unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
}

/* Takes the object off sysfs with all below it. */
static void remove_object(const char *devpath) {
        DIR *classes = opendir("/sys/class");
        struct dirent *entry;
        char path[512];

        assert_non_null(classes);
        snprintf(path, sizeof(path), "/sys%s", devpath);
        assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        drop_links(USB_BUS);
        while ((entry = readdir(classes))) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "/sys/class/%s", entry->d_name);
                drop_links(path);
        }
        closedir(classes);
}

static void phone_properties(PropertyList *list, const char *devpath, const char *port, const FarmMode *mode,
                             const char *serial, unsigned int number) {
        char text[64];

        set(list, "DEVPATH", devpath);
        set(list, "SUBSYSTEM", "usb");
        set(list, "DEVTYPE", "usb_device");
        snprintf(text, sizeof(text), "%lx/%lx/540", strtoul(mode->vendor, NULL, 16),
                 strtoul(mode->product, NULL, 16));
        set(list, "PRODUCT", text);
        set(list, "TYPE", "0/0/0");
        set(list, "BUSNUM", "003");
        snprintf(text, sizeof(text), "%03u", number);
        set(list, "DEVNUM", text);
        snprintf(text, sizeof(text), "/dev/bus/usb/003/%03u", number);
        set(list, "DEVNAME", text);
        set(list, "MAJOR", "189");
        snprintf(text, sizeof(text), "%u", 2 * 128 + number - 1);
        set(list, "MINOR", text);
        set(list, "ID_BUS", "usb");
        set(list, "ID_VENDOR_ID", mode->vendor);
        set(list, "ID_MODEL_ID", mode->product);
        set(list, "ID_MODEL", "Pixel_6");
        if (serial && !mode->no_serial)
                set(list, "ID_SERIAL_SHORT", serial);
        snprintf(text, sizeof(text), ":%s:", mode->interfaces);
        set(list, "ID_USB_INTERFACES", text);
        snprintf(text, sizeof(text), "platform-vhci_hcd.0-usb-0:%s", strchr(port, '-') + 1);
        set(list, "ID_PATH", text);
}

static void interface_properties(PropertyList *list, const char *devpath, const char *port,
                                 const FarmMode *mode) {
        unsigned int class, subclass, protocol;
        char text[384];

        assert_int_equal(sscanf(mode->interfaces, "%2x%2x%2x", &class, &subclass, &protocol), 3);
        snprintf(text, sizeof(text), "%s/%s:1.0", devpath, port);
        set(list, "DEVPATH", text);
        set(list, "SUBSYSTEM", "usb");
        set(list, "DEVTYPE", "usb_interface");
        snprintf(text, sizeof(text), "%u/%u/%u", class, subclass, protocol);
        set(list, "INTERFACE", text);
}

unsigned int farm_plug(Farm *farm, const char *port, const FarmMode *mode, const char *serial) {
        _cleanup_(property_list_deinit) PropertyList root = {}, interface = {};
        char devpath[256];

        /* As the kernel deals numbers out: rising, from 2 on again behind 127. */
        farm->number = farm->number >= 127 ? 2 : farm->number + 1;
        phone_devpath(port, devpath, sizeof(devpath));
        phone_properties(&root, devpath, port, mode, serial, farm->number);
        interface_properties(&interface, devpath, port, mode);
        make_object(devpath, &root);
        make_object(property_list_get(&interface, "DEVPATH"), &interface);
        feed(UEVENT_ADD, &root);
        feed(UEVENT_ADD, &interface);
        feed(UEVENT_BIND, &root);
        return farm->number;
}

/* The removal events of what there is at @devpath and below, children first; each says next to nothing. */
static int feed_removal(const char *path, _unused_ const struct stat *st, int type,
                        _unused_ struct FTW *ftw) {
        static const char *const told[] = {"MAJOR", "MINOR", "DEVNAME", "DEVTYPE", "PRODUCT"};
        _cleanup_(property_list_deinit) PropertyList list = {};
        _cleanup_free_ char *text = NULL;
        char file[512], target[512];
        ssize_t n;

        if (type != FTW_DP)
                return 0;
        snprintf(file, sizeof(file), "%s/subsystem", path);
        n = readlink(file, target, sizeof(target) - 1);
        if (n < 0)
                return 0;
        target[n] = '\0';
        set(&list, "DEVPATH", path + strlen("/sys"));
        set(&list, "SUBSYSTEM", strrchr(target, '/') + 1);
        snprintf(file, sizeof(file), "%s/" UEVENT_KEPT, path);
        assert_int_equal(fd_read_file(AT_FDCWD, file, 4096, &text, NULL), 0);
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                /* The manager has asked udev to look at it again, which in sysfs would have left no trace. */
                if (!value)
                        continue;
                *value++ = '\0';
                for (size_t i = 0; i < ELEMENTSOF(told); i++)
                        if (streq(line, told[i]))
                                set(&list, line, value);
        }
        feed(UEVENT_UNBIND, &list);
        feed(UEVENT_REMOVE, &list);
        return 0;
}

static void remove_from(const char *devpath, bool heard) {
        char path[512];

        snprintf(path, sizeof(path), "/sys%s", devpath);
        if (heard)
                assert_int_equal(nftw(path, feed_removal, 16, FTW_DEPTH | FTW_PHYS), 0);
        remove_object(devpath);
}

void farm_unplug(_unused_ Farm *farm, const char *port) {
        char devpath[256];

        phone_devpath(port, devpath, sizeof(devpath));
        remove_from(devpath, /* heard= */ true);
}

void farm_unplug_unheard(_unused_ Farm *farm, const char *port) {
        char devpath[256];

        phone_devpath(port, devpath, sizeof(devpath));
        remove_from(devpath, /* heard= */ false);
}

void farm_add_part(_unused_ Farm *farm, const char *port, const char *path, const char *devname,
                   unsigned int major, unsigned int minor) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        _cleanup_free_ char *copy = strdup(path);
        char devpath[512], text[64];
        size_t n;

        assert_non_null(copy);
        phone_devpath(port, devpath, sizeof(devpath));
        n = strlen(devpath);
        snprintf(devpath + n, sizeof(devpath) - n, "/%s", path);
        set(&list, "DEVPATH", devpath);
        *strrchr(copy, '/') = '\0';
        set(&list, "SUBSYSTEM", strrchr(copy, '/') ? strrchr(copy, '/') + 1 : copy);
        snprintf(text, sizeof(text), "/dev/%s", devname);
        set(&list, "DEVNAME", text);
        snprintf(text, sizeof(text), "%u", major);
        set(&list, "MAJOR", text);
        snprintf(text, sizeof(text), "%u", minor);
        set(&list, "MINOR", text);
        make_object(devpath, &list);
        feed(UEVENT_ADD, &list);
}

void farm_remove_part(_unused_ Farm *farm, const char *port, const char *path) {
        char devpath[512];
        size_t n;

        phone_devpath(port, devpath, sizeof(devpath));
        n = strlen(devpath);
        snprintf(devpath + n, sizeof(devpath) - n, "/%s", path);
        remove_from(devpath, /* heard= */ true);
}

void farm_tell(_unused_ Farm *farm, UeventAction action, const char *lines) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        _cleanup_free_ char *text = strdup(lines);

        assert_non_null(text);
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                assert_non_null(value);
                *value++ = '\0';
                set(&list, line, value);
        }
        if (action == UEVENT_ADD)
                make_object(property_list_get(&list, "DEVPATH"), &list);
        else
                write_object(property_list_get(&list, "DEVPATH"), &list);
        feed(action, &list);
}

void farm_remove(_unused_ Farm *farm, const char *devpath) {
        remove_from(devpath, /* heard= */ true);
}

void farm_remove_unheard(_unused_ Farm *farm, const char *devpath) {
        remove_from(devpath, /* heard= */ false);
}

/* Events are taken in the order in which they were sent: when one behind all of them is known, so are they.
 */
void farm_settle(Farm *farm) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        char devpath[96], name[64];

        snprintf(devpath, sizeof(devpath), "/devices/virtual/misc/barrier%u", ++farm->n_barriers);
        snprintf(name, sizeof(name), "/dev/barrier%u", farm->n_barriers);
        set(&list, "DEVPATH", devpath);
        set(&list, "SUBSYSTEM", "misc");
        set(&list, "DEVNAME", name);
        set(&list, "MAJOR", "10");
        set(&list, "MINOR", "9999");
        feed(UEVENT_ADD, &list);
        while (!registry_part(manager_registry(farm->manager), devpath))
                work(farm);
        feed(UEVENT_REMOVE, &list);
        while (registry_part(manager_registry(farm->manager), devpath))
                work(farm);
        /* What is due at the end of that round. */
        assert_int_equal(loop_run_once(farm->loop, 0), 0);
}

void farm_await_grants(Farm *farm, const char *text) {
        while (!streq(farm_grants(farm), text))
                work(farm);
}

/* ---- what is where */

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts lines, and joins them by commas. Takes @text over. */
static const char *sorted(char *text) {
        static char result[TEXT_SIZE];
        char *lines[256];
        size_t n = 0;

        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                assert_true(n < ELEMENTSOF(lines));
                lines[n++] = line;
        }
        qsort(lines, n, sizeof(*lines), compare_lines);
        result[0] = '\0';
        for (size_t i = 0; i < n; i++)
                snprintf(result + strlen(result), sizeof(result) - strlen(result), "%s%s", i > 0 ? ", " : "",
                         lines[i]);
        free(text);
        return result;
}

const char *farm_grants(const Farm *farm) {
        FILE *f;
        char *text;
        size_t size;

        f = open_memstream(&text, &size);
        assert_non_null(f);
        registry_devices_foreach(device, manager_registry(farm->manager))
                for (const Grant *grant = device->grants; grant; grant = grant->device_next)
                        fprintf(f, "%s %s %s\n", device->id, grant->container->name,
                                grant_state_to_string(grant->state));
        assert_int_equal(fclose(f), 0);
        return sorted(text);
}

static FILE *nodes_file;
static const char *nodes_container;
static size_t nodes_root;

static int print_node(const char *path, const struct stat *st, _unused_ int type, _unused_ struct FTW *ftw) {
        static const char *const standard[] = {"null", "zero",    "full", "random", "urandom",
                                               "tty",  "console", "ptmx", "net/tun"};
        const char *name = path + nodes_root;

        if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode) && !S_ISLNK(st->st_mode))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(standard); i++)
                if (streq(name, standard[i]))
                        return 0;
        if (S_ISLNK(st->st_mode) && !startswith(name, "phones/"))
                return 0;
        fprintf(nodes_file, "%s %s\n", nodes_container, name);
        return 0;
}

const char *farm_nodes(void) {
        char path[256], *text;
        size_t size;

        nodes_file = open_memstream(&text, &size);
        assert_non_null(nodes_file);
        for (size_t i = 0; i < FARM_CONTAINERS; i++) {
                snprintf(path, sizeof(path), "%s/dev/%s/dev", launch_dir(), farm_names[i]);
                nodes_container = farm_names[i];
                nodes_root = strlen(path) + 1;
                nftw(path, print_node, 16, FTW_PHYS | FTW_MOUNT);
        }
        assert_int_equal(fclose(nodes_file), 0);
        return sorted(text);
}

const char *farm_files(void) {
        char path[128], *text;
        struct dirent *entry;
        size_t size;
        FILE *f;
        DIR *dir;

        snprintf(path, sizeof(path), "%s/state", launch_dir());
        dir = opendir(path);
        f = open_memstream(&text, &size);
        assert_true(dir && f);
        while ((entry = readdir(dir)))
                if (startswith(entry->d_name, "hold."))
                        fprintf(f, "%s\n", entry->d_name);
        closedir(dir);
        assert_int_equal(fclose(f), 0);
        return sorted(text);
}

/* The phones that are there, by their folders. */
static int unplug_entry(const char *path, _unused_ const struct stat *st, int type,
                        _unused_ struct FTW *ftw) {
        const char *name = strrchr(path, '/') + 1;

        if (type == FTW_D && startswith(name, "3-") && !strchr(name, ':')) {
                remove_from(path + strlen("/sys"), /* heard= */ true);
                return 1;
        }
        return 0;
}

void farm_close(Farm *farm) {
        while (nftw("/sys" USB_ROOT, unplug_entry, 16, FTW_PHYS) > 0)
                ;
        farm_reload(farm, "version: 1\nrules: []\n");
        farm_assert_grants(farm, "");
        assert_string_equal(farm_nodes(), "");
        assert_string_equal(farm_files(), "");
        farm_stop(farm, /* crash= */ false);
}
