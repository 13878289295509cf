/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the benchmarks share: a machine of their own with its udevd, the manager on its loop in this process,
 * containers.
 */

#include "config.h"

#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/machine.h"
#include "util/fd.h"
#include "util/log.h"

uint64_t now_nsec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int compare_u64(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

double median_usec(uint64_t *samples, size_t n) {
        qsort(samples, n, sizeof(*samples), compare_u64);
        return (double)samples[n / 2] / 1000.0;
}

int open_uevent_socket(unsigned int groups) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
        int size = 16 << 20;

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                err(1, "netlink socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        return fd;
}

void machine_launch(const Machine *machine, const char *name, BenchContainer *ret) {
        int fds[2], home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        char line[512] = "", path[160];
        _cleanup_free_ char *record = NULL, *map = NULL;
        const char *pid;
        ssize_t n;

        if (pipe(fds) < 0)
                err(1, "pipe");
        ret->keeper = fork();
        if (ret->keeper < 0)
                err(1, "fork");
        if (ret->keeper == 0) {
                char ready[16];

                snprintf(ready, sizeof(ready), "%d", fds[1]);
                close(fds[0]);
                /* What its init says at the end is not among the figures. */
                if (!freopen("/dev/null", "we", stdout))
                        err(1, "/dev/null");
                execl(machine->container_program, "davit-container", "run", "--foreground", "--runtime-dir",
                      machine->runtime_dir, "--name", name, "--ready-fd", ready, NULL);
                err(127, "%s", machine->container_program);
        }
        close(fds[1]);
        n = read(fds[0], line, sizeof(line) - 1);
        if (n <= 0 || strcmp(line, "ok\n") != 0)
                errx(1, "the container did not start: %s", line);
        close(fds[0]);

        snprintf(path, sizeof(path), "%s/containers/%s/state", machine->runtime_dir, name);
        if (fd_read_file(AT_FDCWD, path, 65536, &record, NULL) < 0 || !(pid = strstr(record, "INIT_PID=")))
                errx(1, "the container left no record");
        snprintf(path, sizeof(path), "/proc/%d/uid_map", atoi(pid + strlen("INIT_PID=")));
        if (fd_read_file(AT_FDCWD, path, 65536, &map, NULL) < 0 || sscanf(map, " 0 %u", &ret->root_uid) != 1)
                errx(1, "the container has no id map");
        snprintf(path, sizeof(path), "/proc/%d/ns/net", atoi(pid + strlen("INIT_PID=")));
        ret->netns_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (ret->netns_fd < 0 || setns(ret->netns_fd, CLONE_NEWNET) < 0)
                err(1, "%s", path);
        ret->event_fd = open_uevent_socket(0);
        ret->listen_fd = open_uevent_socket(UEVENT_GROUP_KERNEL);
        if (setns(home, CLONE_NEWNET) < 0)
                err(1, "setns");
        close(home);

        snprintf(path, sizeof(path), "%s/dev/%s/dev", machine->runtime_dir, name);
        ret->dev_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (ret->dev_fd < 0)
                err(1, "%s", path);
}

void machine_end(const BenchContainer *container) {
        kill(container->keeper, SIGTERM);
        waitpid(container->keeper, NULL, 0);
}

void bench_set(PropertyList *list, const char *key, const char *value) {
        if (property_list_set(list, key, value) < 0)
                errx(1, "out of memory");
}

/* What udev says of a Pixel in adb mode. */
void phone_properties(PropertyList *list, const char *devpath, unsigned int number, const char *serial) {
        char text[96];

        bench_set(list, "DEVPATH", devpath);
        bench_set(list, "SUBSYSTEM", "usb");
        bench_set(list, "DEVTYPE", "usb_device");
        bench_set(list, "PRODUCT", "18d1/4ee7/540");
        bench_set(list, "TYPE", "0/0/0");
        snprintf(text, sizeof(text), "%03u", 3 + number / 128);
        bench_set(list, "BUSNUM", text);
        snprintf(text, sizeof(text), "%03u", number % 128);
        bench_set(list, "DEVNUM", text);
        snprintf(text, sizeof(text), "/dev/bus/usb/%03u/%03u", 3 + number / 128, number % 128);
        bench_set(list, "DEVNAME", text);
        bench_set(list, "MAJOR", "189");
        snprintf(text, sizeof(text), "%u", 255 + number);
        bench_set(list, "MINOR", text);
        bench_set(list, "USEC_INITIALIZED", "20666899");
        bench_set(list, "ID_BUS", "usb");
        bench_set(list, "ID_MODEL", "Pixel_6");
        bench_set(list, "ID_MODEL_ENC", "Pixel\\x206");
        bench_set(list, "ID_MODEL_ID", "4ee7");
        bench_set(list, "ID_SERIAL", "Google_Pixel_6_PHONE");
        bench_set(list, "ID_SERIAL_SHORT", serial);
        bench_set(list, "ID_VENDOR", "Google");
        bench_set(list, "ID_VENDOR_ENC", "Google");
        bench_set(list, "ID_VENDOR_ID", "18d1");
        bench_set(list, "ID_REVISION", "0540");
        bench_set(list, "ID_USB_INTERFACES", ":ff4201:");
        bench_set(list, "ID_PATH", "platform-vhci_hcd.0-usb-0:1");
        bench_set(list, "ID_PATH_TAG", "platform-vhci_hcd_0-usb-0_1");
        bench_set(list, "ID_FOR_SEAT", "usb-platform-vhci_hcd_0-usb-0_1");
        bench_set(list, "TAGS", ":uaccess:seat:");
        bench_set(list, "CURRENT_TAGS", ":uaccess:seat:");
}

/* The event as davitd's socket gets it from udev. */
void machine_feed(const Machine *machine, UeventAction action, const PropertyList *properties) {
        char message[UEVENT_MESSAGE_MAX];
        int n = uevent_encode(action, properties, UEVENT_GROUP_UDEV, message, sizeof(message));
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_UDEV};

        if (n < 0)
                errx(1, "no event for %s", uevent_action_to_string(action));
        if (sendto(machine->feed_fd, message, (size_t)n, 0, (struct sockaddr *)&address, sizeof(address)) < 0)
                err(1, "sendto");
}

/* A machine of our own: nobody else's devices and listeners, and an udevd, which is us. */
static void isolate(void) {
        struct sockaddr_un control = {.sun_family = AF_UNIX, .sun_path = "/run/udev/control"};
        int fd;

        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
                err(1, "unshare");
        if (mkdir("/run/udev", 0755) < 0 && errno != EEXIST)
                err(1, "/run/udev");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/run/udev", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=1m") < 0)
                err(1, "/run/udev");
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&control, sizeof(control)) < 0 || listen(fd, 1) < 0)
                err(1, "%s", control.sun_path);
}

unsigned int drain(int fd) {
        char buffer[UEVENT_MESSAGE_MAX];
        unsigned int n = 0;

        while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
                n++;
        return n;
}

void machine_start_manager(Machine *machine, ManagerObserver observer, void *userdata) {
        const char *const policy_dirs[] = {machine->policy_dir, NULL};
        ManagerConfig config = {
                .runtime_dir = machine->runtime_dir,
                .policy_dirs = policy_dirs,
                .container_program = machine->container_program,
                .kept_events = -EBADF,
        };

        if (loop_new(&machine->loop) < 0 || manager_new(machine->loop, &config, &machine->manager) < 0 ||
            manager_start(machine->manager) < 0)
                errx(1, "the manager did not start");
        manager_set_observer(machine->manager, observer, userdata);
}

void machine_stop_manager(Machine *machine) {
        machine->manager = manager_free(machine->manager);
        machine->loop = loop_free(machine->loop);
}

static int remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int type,
                        _unused_ struct FTW *ftw) {
        return remove(path);
}

static void on_alarm(_unused_ int signal) {
        static const char message[] = "the benchmark took too long\n";

        (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
        _exit(1);
}

void machine_init(Machine *machine, const char *container_program) {
        *machine = (Machine){.container_program = container_program ?: "./davit-container"};
        if (geteuid() != 0)
                errx(1, "has to run as root: it launches a container");
        if (access(machine->container_program, X_OK) < 0)
                err(1, "%s", machine->container_program);
        signal(SIGALRM, on_alarm);
        alarm(300);
        umask(0);
        log_set_max_level(LOG_WARNING);

        snprintf(machine->runtime_dir, sizeof(machine->runtime_dir), "/run/davit-bench-%d", (int)getpid());
        snprintf(machine->policy_dir, sizeof(machine->policy_dir), "%s/policy.d", machine->runtime_dir);
        if (fd_mkdir_parents(machine->policy_dir, 0755) < 0)
                errx(1, "%s can not be made", machine->policy_dir);
        isolate();
        machine->feed_fd = open_uevent_socket(0);
}

FILE *machine_open_policy(const Machine *machine) {
        char path[160];
        FILE *f;

        snprintf(path, sizeof(path), "%s/bench.yaml", machine->policy_dir);
        f = fopen(path, "we");
        if (!f)
                err(1, "%s", path);
        fprintf(f, "version: 1\nrules:\n");
        return f;
}

void machine_deinit(const Machine *machine) {
        if (nftw(machine->runtime_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
                err(1, "%s", machine->runtime_dir);
}
