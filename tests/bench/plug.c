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

#include <err.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/machine.h"

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
        Machine machine;
        BenchContainer container;
        uint64_t settled; /* when the grant was last said to be active */
} Bench;

static void write_policy(const Bench *bench, unsigned int n_rules) {
        FILE *f = machine_open_policy(&bench->machine);

        /* As on a farm: one rule for each phone, of which one is plugged in. */
        for (unsigned int i = 0; i < n_rules; i++)
                fprintf(f,
                        "  - name: phone %u\n    match: { class: usb, vendor: \"18d1\", serial: \"F%06u\" }\n"
                        "    give: { to: job-%u }\n",
                        i, i, i);
        fprintf(f, "  - name: the phone\n    match: { class: usb, vendor: \"18d1\", serial: PHONE }\n"
                   "    give: { to: " CONTAINER " }\n");
        if (fclose(f) != 0)
                err(1, "the policy");
}

static bool node_is_there(const Bench *bench) {
        return faccessat(bench->container.dev_fd, PHONE_NODE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
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
        struct ucred creds = {getpid(), bench->container.root_uid, bench->container.root_uid};

        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_CREDENTIALS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(creds));
        memcpy(CMSG_DATA(cmsg), &creds, sizeof(creds));
        if (sendmsg(bench->container.event_fd, &msg, 0) < 0)
                err(1, "sendmsg into the container");
}

static uint64_t measure_floor(const Bench *bench, const PropertyList *properties) {
        uint64_t start = now_nsec(), took;

        if (mknodat(bench->container.dev_fd, FLOOR_NODE, S_IFCHR | 0660, makedev(189, 272)) < 0 ||
            fchownat(bench->container.dev_fd, FLOOR_NODE, bench->container.root_uid,
                     bench->container.root_uid, AT_SYMLINK_NOFOLLOW) < 0)
                err(1, "mknod");
        send_event(bench, UEVENT_ADD, properties);
        took = now_nsec() - start;

        unlinkat(bench->container.dev_fd, FLOOR_NODE, 0);
        drain(bench->container.listen_fd);
        return took;
}

/* The grant is active once its last step, the event, is done. */
static void on_change(void *userdata, ObjectKind kind, const char *id, const char *container_id) {
        Bench *bench = userdata;
        const Device *device =
                kind == OBJECT_GRANT ? registry_device(manager_registry(bench->machine.manager), id) : NULL;
        const Container *container =
                device ? registry_container(manager_registry(bench->machine.manager), container_id) : NULL;
        const Grant *grant = container ? registry_grant(device, container) : NULL;

        if (grant && grant->state == GRANT_ACTIVE)
                bench->settled = now_nsec();
}

/* Lets the manager work until the node is there, or gone. Return: when that was so at the latest. */
static uint64_t run_until(const Bench *bench, bool there) {
        uint64_t deadline = now_nsec() + TIMEOUT_SECONDS * 1000000000ULL, end;

        do {
                if (loop_run_once(bench->machine.loop, TIMEOUT_SECONDS * 1000000ULL) < 0)
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
        machine_feed(&bench->machine, UEVENT_ADD, properties);
        start = now_nsec();
        run_until(bench, true);
        if (bench->settled == 0 || drain(bench->container.listen_fd) != 1)
                errx(1, "the container was not told of the plug, or more than once");
        took = bench->settled - start;

        machine_feed(&bench->machine, UEVENT_REMOVE, properties);
        start = now_nsec();
        *ret_unplug = run_until(bench, false) - start;
        if (drain(bench->container.listen_fd) != 1)
                errx(1, "the container was not told of the unplug, or more than once");
        return took;
}

static void scenario(Bench *bench, const char *name, unsigned int n_rules, unsigned int n_devices) {
        static uint64_t floors[ROUNDS], plugs[ROUNDS], unplugs[ROUNDS];
        _cleanup_(property_list_deinit) PropertyList phone = {};
        double floor_usec, plug_usec;

        write_policy(bench, n_rules);
        machine_start_manager(&bench->machine, on_change, bench);
        for (unsigned int i = 0; i < n_devices; i++) {
                _cleanup_(property_list_deinit) PropertyList other = {};
                char devpath[96], serial[16];

                snprintf(devpath, sizeof(devpath), "/devices/platform/vhci_hcd.1/usb5/5-%u", i + 1);
                snprintf(serial, sizeof(serial), "X%06u", i);
                phone_properties(&other, devpath, 1000 + i, serial);
                machine_feed(&bench->machine, UEVENT_ADD, &other);
                /* They go nowhere: what tells that they were taken in is the model itself. */
                while (!registry_part(manager_registry(bench->machine.manager), devpath))
                        loop_run_once(bench->machine.loop, TIMEOUT_SECONDS * 1000000ULL);
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

        machine_stop_manager(&bench->machine);
}

int main(int argc, char **argv) {
        Bench bench = {};

        machine_init(&bench.machine, argc > 1 ? argv[1] : NULL);
        machine_launch(&bench.machine, CONTAINER, &bench.container);

        scenario(&bench, "plain", 0, 0);
        scenario(&bench, "10000-rules", MANY_RULES, 0);
        scenario(&bench, "1000-devices", 0, MANY_DEVICES);

        machine_end(&bench.container);
        machine_deinit(&bench.machine);
        return 0;
}
