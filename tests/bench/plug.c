/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * plug [DAVIT-CONTAINER]: what a plug costs, from the event on davitd's socket until the node is in the
 * container and the event in the sockets of its programs, next to the least that it could cost: a bare
 * mknodat, fchownat and sendmsg into the same container by the same process.
 *
 * The manager runs in this process, on its own loop and with its real sources, in a network namespace of its
 * own, where the benchmark plays udevd: so nothing else on the machine hears of phones that are not there,
 * and what is measured starts when the event lies on the socket. Floor and davitd take turns, so that both
 * see the same machine. Figures are medians.
 *
 * Prints lines "name value unit"; ratios have the unit x.
 */

#include "config.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/manager.h"
#include "model/uevent.h"
#include "util/fd.h"
#include "util/log.h"

#define ROUNDS          2000
#define WARM_UP         200
#define MANY_RULES      10000
#define MANY_DEVICES    1000
#define CONTAINER       "bench"
#define PHONE_DEVPATH   "/devices/platform/vhci_hcd.0/usb3/3-1"
#define PHONE_NODE      "bus/usb/003/017"
#define FLOOR_NODE      "floor"
#define TIMEOUT_SECONDS 20

typedef struct Bench {
        char runtime_dir[64], policy_dir[96], node[128];
        const char *container_program;
        pid_t keeper;
        int feed_fd;   /* plays udevd */
        int event_fd;  /* in the container's namespace, for the floor */
        int listen_fd; /* in the container's namespace: what its programs get */
        int dev_fd;    /* the container's /dev */
        uid_t root_uid;
        Loop *loop;
        Manager *manager;
        uint64_t settled; /* when the grant was last said to be active */
} Bench;

static uint64_t now_nsec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int compare_u64(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static double median_usec(uint64_t *samples, size_t n) {
        qsort(samples, n, sizeof(*samples), compare_u64);
        return (double)samples[n / 2] / 1000.0;
}

/* ---- the machine around */

static int open_uevent_socket(unsigned int groups) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
        int size = 16 << 20;

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                err(1, "netlink socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        return fd;
}

static void launch(Bench *bench) {
        int fds[2], home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), netns;
        char line[512] = "", path[160];
        _cleanup_free_ char *record = NULL, *map = NULL;
        const char *pid;
        ssize_t n;

        if (pipe(fds) < 0)
                err(1, "pipe");
        bench->keeper = fork();
        if (bench->keeper < 0)
                err(1, "fork");
        if (bench->keeper == 0) {
                char ready[16];

                snprintf(ready, sizeof(ready), "%d", fds[1]);
                close(fds[0]);
                execl(bench->container_program, "davit-container", "run", "--foreground", "--runtime-dir",
                      bench->runtime_dir, "--name", CONTAINER, "--ready-fd", ready, NULL);
                err(127, "%s", bench->container_program);
        }
        close(fds[1]);
        n = read(fds[0], line, sizeof(line) - 1);
        if (n <= 0 || strcmp(line, "ok\n") != 0)
                errx(1, "the container did not start: %s", line);
        close(fds[0]);

        snprintf(path, sizeof(path), "%s/containers/" CONTAINER "/state", bench->runtime_dir);
        if (fd_read_file(AT_FDCWD, path, 65536, &record, NULL) < 0 || !(pid = strstr(record, "INIT_PID=")))
                errx(1, "the container left no record");
        snprintf(path, sizeof(path), "/proc/%d/uid_map", atoi(pid + strlen("INIT_PID=")));
        if (fd_read_file(AT_FDCWD, path, 65536, &map, NULL) < 0 ||
            sscanf(map, " 0 %u", &bench->root_uid) != 1)
                errx(1, "the container has no id map");
        snprintf(path, sizeof(path), "/proc/%d/ns/net", atoi(pid + strlen("INIT_PID=")));
        netns = open(path, O_RDONLY | O_CLOEXEC);
        if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
                err(1, "%s", path);
        bench->event_fd = open_uevent_socket(0);
        bench->listen_fd = open_uevent_socket(UEVENT_GROUP_KERNEL);
        if (setns(home, CLONE_NEWNET) < 0)
                err(1, "setns");
        close(home);
        close(netns);

        snprintf(path, sizeof(path), "%s/dev/" CONTAINER "/dev", bench->runtime_dir);
        bench->dev_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (bench->dev_fd < 0)
                err(1, "%s", path);
        snprintf(bench->node, sizeof(bench->node), "%s", PHONE_NODE);
}

static void write_policy(const Bench *bench, unsigned int n_rules) {
        char path[160];
        FILE *f;

        snprintf(path, sizeof(path), "%s/bench.yaml", bench->policy_dir);
        f = fopen(path, "we");
        if (!f)
                err(1, "%s", path);
        fprintf(f, "version: 1\nrules:\n");
        /* As on a farm: one rule for each phone, of which one is plugged in. */
        for (unsigned int i = 0; i < n_rules; i++)
                fprintf(f,
                        "  - name: phone %u\n    match: { class: usb, vendor: \"18d1\", serial: \"F%06u\" }\n"
                        "    give: { to: job-%u }\n",
                        i, i, i);
        fprintf(f, "  - name: the phone\n    match: { class: usb, vendor: \"18d1\", serial: PHONE }\n"
                   "    give: { to: " CONTAINER " }\n");
        if (fclose(f) != 0)
                err(1, "%s", path);
}

static void set(PropertyList *list, const char *key, const char *value) {
        if (property_list_set(list, key, value) < 0)
                errx(1, "out of memory");
}

/* What udev says of a Pixel in adb mode. */
static void phone_properties(PropertyList *list, const char *devpath, unsigned int number,
                             const char *serial) {
        char text[96];

        set(list, "DEVPATH", devpath);
        set(list, "SUBSYSTEM", "usb");
        set(list, "DEVTYPE", "usb_device");
        set(list, "PRODUCT", "18d1/4ee7/540");
        set(list, "TYPE", "0/0/0");
        snprintf(text, sizeof(text), "%03u", 3 + number / 128);
        set(list, "BUSNUM", text);
        snprintf(text, sizeof(text), "%03u", number % 128);
        set(list, "DEVNUM", text);
        snprintf(text, sizeof(text), "/dev/bus/usb/%03u/%03u", 3 + number / 128, number % 128);
        set(list, "DEVNAME", text);
        set(list, "MAJOR", "189");
        snprintf(text, sizeof(text), "%u", 255 + number);
        set(list, "MINOR", text);
        set(list, "USEC_INITIALIZED", "20666899");
        set(list, "ID_BUS", "usb");
        set(list, "ID_MODEL", "Pixel_6");
        set(list, "ID_MODEL_ENC", "Pixel\\x206");
        set(list, "ID_MODEL_ID", "4ee7");
        set(list, "ID_SERIAL", "Google_Pixel_6_PHONE");
        set(list, "ID_SERIAL_SHORT", serial);
        set(list, "ID_VENDOR", "Google");
        set(list, "ID_VENDOR_ENC", "Google");
        set(list, "ID_VENDOR_ID", "18d1");
        set(list, "ID_REVISION", "0540");
        set(list, "ID_USB_INTERFACES", ":ff4201:");
        set(list, "ID_PATH", "platform-vhci_hcd.0-usb-0:1");
        set(list, "ID_PATH_TAG", "platform-vhci_hcd_0-usb-0_1");
        set(list, "ID_FOR_SEAT", "usb-platform-vhci_hcd_0-usb-0_1");
        set(list, "TAGS", ":uaccess:seat:");
        set(list, "CURRENT_TAGS", ":uaccess:seat:");
}

/* The event as davitd's socket gets it from udev. */
static void feed(const Bench *bench, UeventAction action, const PropertyList *properties) {
        char message[UEVENT_MESSAGE_MAX];
        int n = uevent_encode(action, properties, UEVENT_GROUP_UDEV, message, sizeof(message));
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_UDEV};

        if (n < 0)
                errx(1, "no event for %s", uevent_action_to_string(action));
        if (sendto(bench->feed_fd, message, (size_t)n, 0, (struct sockaddr *)&address, sizeof(address)) < 0)
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

static bool node_is_there(const Bench *bench) {
        return faccessat(bench->dev_fd, bench->node, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static unsigned int drain(int fd) {
        char buffer[UEVENT_MESSAGE_MAX];
        unsigned int n = 0;

        while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
                n++;
        return n;
}

/* ---- what is measured */

static void send_event(const Bench *bench, UeventAction action, const PropertyList *properties) {
        char message[UEVENT_MESSAGE_MAX];
        int n = uevent_encode(action, properties, UEVENT_GROUP_KERNEL, message, sizeof(message));
        struct nlmsghdr header = {.nlmsg_len = NLMSG_LENGTH((uint32_t)n),
                                  .nlmsg_type = NLMSG_MIN_TYPE,
                                  .nlmsg_flags = NLM_F_REQUEST};
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        struct iovec iov[] = {{&header, sizeof(header)}, {message, (size_t)n}};
        union {
                struct cmsghdr header;
                char data[CMSG_SPACE(sizeof(struct ucred))];
        } control = {};
        struct msghdr msg = {&address, sizeof(address), iov, 2, &control, sizeof(control), 0};
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        struct ucred creds = {getpid(), bench->root_uid, bench->root_uid};

        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_CREDENTIALS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(creds));
        memcpy(CMSG_DATA(cmsg), &creds, sizeof(creds));
        if (sendmsg(bench->event_fd, &msg, 0) < 0)
                err(1, "sendmsg into the container");
}

static uint64_t measure_floor(const Bench *bench, const PropertyList *properties) {
        uint64_t start = now_nsec(), took;

        if (mknodat(bench->dev_fd, FLOOR_NODE, S_IFCHR | 0660, makedev(189, 272)) < 0 ||
            fchownat(bench->dev_fd, FLOOR_NODE, bench->root_uid, bench->root_uid, AT_SYMLINK_NOFOLLOW) < 0)
                err(1, "mknod");
        send_event(bench, UEVENT_ADD, properties);
        took = now_nsec() - start;

        unlinkat(bench->dev_fd, FLOOR_NODE, 0);
        drain(bench->listen_fd);
        return took;
}

/* The grant is active once its last step, the event, is done. */
static void on_change(void *userdata, ObjectKind kind, const char *id, const char *container_id) {
        Bench *bench = userdata;
        const Device *device =
                kind == OBJECT_GRANT ? registry_device(manager_registry(bench->manager), id) : NULL;
        const Container *container =
                device ? registry_container(manager_registry(bench->manager), container_id) : NULL;
        const Grant *grant = container ? registry_grant(device, container) : NULL;

        if (grant && grant->state == GRANT_ACTIVE)
                bench->settled = now_nsec();
}

/* Lets the manager work until the node is there, or gone. Return: when that was so at the latest. */
static uint64_t run_until(const Bench *bench, bool there) {
        uint64_t deadline = now_nsec() + TIMEOUT_SECONDS * 1000000000ULL, end;

        do {
                if (loop_run_once(bench->loop, TIMEOUT_SECONDS * 1000000ULL) < 0)
                        errx(1, "the loop failed");
                end = now_nsec();
                if (end > deadline)
                        errx(1, "the node did not %s", there ? "come" : "go");
        } while (node_is_there(bench) != there);
        return end;
}

static uint64_t measure_plug(Bench *bench, const PropertyList *properties, uint64_t *ret_unplug) {
        uint64_t start, took;

        bench->settled = 0;
        feed(bench, UEVENT_ADD, properties);
        start = now_nsec();
        run_until(bench, true);
        if (bench->settled == 0 || drain(bench->listen_fd) != 1)
                errx(1, "the container was not told of the plug, or more than once");
        took = bench->settled - start;

        feed(bench, UEVENT_REMOVE, properties);
        start = now_nsec();
        *ret_unplug = run_until(bench, false) - start;
        if (drain(bench->listen_fd) != 1)
                errx(1, "the container was not told of the unplug, or more than once");
        return took;
}

static void start_manager(Bench *bench) {
        const char *const policy_dirs[] = {bench->policy_dir, NULL};
        ManagerConfig config = {
                .runtime_dir = bench->runtime_dir,
                .policy_dirs = policy_dirs,
                .container_program = bench->container_program,
                .kept_events = -EBADF,
        };

        if (loop_new(&bench->loop) < 0 || manager_new(bench->loop, &config, &bench->manager) < 0 ||
            manager_start(bench->manager) < 0)
                errx(1, "the manager did not start");
        manager_set_observer(bench->manager, on_change, bench);
}

static void scenario(Bench *bench, const char *name, unsigned int n_rules, unsigned int n_devices) {
        static uint64_t floors[ROUNDS], plugs[ROUNDS], unplugs[ROUNDS];
        _cleanup_(property_list_deinit) PropertyList phone = {};
        double floor_usec, plug_usec;

        write_policy(bench, n_rules);
        start_manager(bench);
        for (unsigned int i = 0; i < n_devices; i++) {
                _cleanup_(property_list_deinit) PropertyList other = {};
                char devpath[96], serial[16];

                snprintf(devpath, sizeof(devpath), "/devices/platform/vhci_hcd.1/usb5/5-%u", i + 1);
                snprintf(serial, sizeof(serial), "X%06u", i);
                phone_properties(&other, devpath, 1000 + i, serial);
                feed(bench, UEVENT_ADD, &other);
                /* They go nowhere: what tells that they were taken in is the model itself. */
                while (!registry_part(manager_registry(bench->manager), devpath))
                        loop_run_once(bench->loop, TIMEOUT_SECONDS * 1000000ULL);
        }

        phone_properties(&phone, PHONE_DEVPATH, 17, "PHONE");
        for (int i = -WARM_UP; i < ROUNDS; i++) {
                uint64_t floor_nsec = measure_floor(bench, &phone), unplug,
                         plug = measure_plug(bench, &phone, &unplug);

                if (i < 0)
                        continue;
                floors[i] = floor_nsec;
                plugs[i] = plug;
                unplugs[i] = unplug;
        }
        floor_usec = median_usec(floors, ROUNDS);
        plug_usec = median_usec(plugs, ROUNDS);
        printf("%s-floor %.1f us\n", name, floor_usec);
        printf("%s-davitd %.1f us\n", name, plug_usec);
        printf("%s-davitd-p99 %.1f us\n", name, (double)plugs[ROUNDS * 99 / 100] / 1000.0);
        printf("%s-davitd-unplug %.1f us\n", name, median_usec(unplugs, ROUNDS));
        printf("%s-ratio %.2f x\n", name, plug_usec / floor_usec);
        fflush(stdout);

        bench->manager = manager_free(bench->manager);
        bench->loop = loop_free(bench->loop);
}

static int remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int type,
                        _unused_ struct FTW *ftw) {
        return remove(path);
}

static void on_alarm(_unused_ int signal) {
        static const char message[] = "plug: took too long\n";

        (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
        _exit(1);
}

int main(int argc, char **argv) {
        Bench bench = {.container_program = argc > 1 ? argv[1] : "./davit-container"};
        int status;

        if (geteuid() != 0)
                errx(1, "has to run as root: it launches a container");
        if (access(bench.container_program, X_OK) < 0)
                err(1, "%s", bench.container_program);
        signal(SIGALRM, on_alarm);
        alarm(300);
        umask(0);
        log_set_max_level(LOG_WARNING);

        snprintf(bench.runtime_dir, sizeof(bench.runtime_dir), "/run/davit-bench-%d", (int)getpid());
        snprintf(bench.policy_dir, sizeof(bench.policy_dir), "%s/policy.d", bench.runtime_dir);
        if (fd_mkdir_parents(bench.policy_dir, 0755) < 0)
                errx(1, "%s can not be made", bench.policy_dir);
        isolate();
        bench.feed_fd = open_uevent_socket(0);
        launch(&bench);

        scenario(&bench, "plain", 0, 0);
        scenario(&bench, "10000-rules", MANY_RULES, 0);
        scenario(&bench, "1000-devices", 0, MANY_DEVICES);

        kill(bench.keeper, SIGTERM);
        waitpid(bench.keeper, &status, 0);
        if (nftw(bench.runtime_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
                err(1, "%s", bench.runtime_dir);
        return 0;
}
