/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * nic [DAVIT-CONTAINER]: what giving a network interface costs next to a bare netlink move of the same one
 * into the same container and back, and what it costs others: how long the node of a phone takes into another
 * container while the interface is on its way, next to how long it takes at rest.
 *
 * Bare moves and davitd take turns, and so do plugs at rest and plugs meanwhile, so that all see the same
 * machine. A plug counts as meanwhile only if the attach began before it and ended after it. Figures are
 * medians; those of the plugs have a 95th percentile, too.
 *
 * Prints lines "name value unit"; ratios have the unit x.
 */

#include "config.h"

#include <err.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/route/link/veth.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/machine.h"
#include "inject/link.h"

#define ROUNDS          100
#define PLUGS           400
#define WARM_UP         5
#define TIMEOUT_SECONDS 20
#define MOVE_MAX_USEC   30000 /* plugs are dealt over as much of a move */

#define NIC     "nic0"
#define NIC_ID  "net-" NIC
#define ROUTER  "router"
#define OTHER   "bench"
#define DEVPATH "/devices/platform/vhci_hcd.0/usb3/3-1"
#define NODE    "bus/usb/003/017"

typedef struct Bench {
        Machine machine;
        BenchContainer router, other;
        RouteSocket *home, *inside;
        int home_fd;
        const char *call; /* the one that is under way */
        bool call_done;
        bool phone_settled;
} Bench;

static void on_change(void *userdata, ObjectKind kind, const char *id, const char *container) {
        Bench *bench = userdata;
        const Device *device =
                kind == OBJECT_GRANT ? registry_device(manager_registry(bench->machine.manager), id) : NULL;
        const Container *other =
                device ? registry_container(manager_registry(bench->machine.manager), OTHER) : NULL;
        const Grant *grant = other && strcmp(container, OTHER) == 0 ? registry_grant(device, other) : NULL;

        if (grant && grant->state == GRANT_ACTIVE)
                bench->phone_settled = true;
}

static void on_call_done(void *userdata, CallCode code, const char *message, _unused_ int value) {
        Bench *bench = userdata;

        if (code != CALL_OK)
                errx(1, "%s: %s", bench->call, message);
        bench->call_done = true;
}

static void turn(Bench *bench, uint64_t deadline) {
        if (loop_run_once(bench->machine.loop, TIMEOUT_SECONDS * 1000000ULL) < 0 || now_nsec() > deadline)
                errx(1, "%s took too long", bench->call);
}

static uint64_t deadline(void) {
        return now_nsec() + TIMEOUT_SECONDS * 1000000000ULL;
}

static void begin_attach(Bench *bench) {
        bench->call = "attach";
        bench->call_done = false;
        manager_attach(bench->machine.manager, NIC_ID, ROUTER, on_call_done, bench);
}

static void begin_detach(Bench *bench) {
        bench->call = "detach";
        bench->call_done = false;
        manager_detach(bench->machine.manager, NIC_ID, ROUTER, on_call_done, bench);
}

static void end_call(Bench *bench) {
        uint64_t until = deadline();

        while (!bench->call_done)
                turn(bench, until);
}

static uint64_t timed(Bench *bench, void (*begin)(Bench *bench)) {
        uint64_t start = now_nsec();

        begin(bench);
        end_call(bench);
        return now_nsec() - start;
}

/* The least that a move can be. Return: nanoseconds. */
static uint64_t bare_move(RouteSocket *from, int to_fd, const char *name, const char *new_name) {
        struct rtnl_link *link = NULL;
        uint64_t start, took;

        if (link_get(from, 0, name, &link) < 0)
                errx(1, "no interface %s", name);
        start = now_nsec();
        if (link_move(from, link, to_fd, new_name) < 0)
                errx(1, "%s cannot be moved", name);
        took = now_nsec() - start;
        rtnl_link_put(link);
        return took;
}

static void load_policy(Bench *bench, const char *net) {
        FILE *f = machine_open_policy(&bench->machine);

        fprintf(f,
                "  - { name: phone, match: { class: usb }, give: { to: " OTHER " } }\n"
                "  - { name: nic, match: { class: net, port: " NIC " }, give: { to: " ROUTER
                ", net: %s } }\n",
                net);
        if (fclose(f) != 0)
                err(1, "the policy");
}

/* The interface is known and, by the policy, in the container; there it is taken from. */
static void start(Bench *bench, const char *net) {
        _cleanup_(property_list_deinit) PropertyList nic = {};
        uint64_t until = deadline();
        char ifindex[16];

        load_policy(bench, net);
        machine_start_manager(&bench->machine, on_change, bench);
        snprintf(ifindex, sizeof(ifindex), "%u", if_nametoindex(NIC));
        bench_set(&nic, "DEVPATH", "/devices/virtual/net/" NIC);
        bench_set(&nic, "SUBSYSTEM", "net");
        bench_set(&nic, "INTERFACE", NIC);
        bench_set(&nic, "IFINDEX", ifindex);
        bench_set(&nic, "USEC_INITIALIZED", "20666899");
        machine_feed(&bench->machine, UEVENT_ADD, &nic);
        bench->call = "the first attach";
        for (;;) {
                const Device *device = registry_device(manager_registry(bench->machine.manager), NIC_ID);

                if (device && device->grants && device->grants->state == GRANT_ACTIVE)
                        break;
                turn(bench, until);
        }
        timed(bench, begin_detach);
}

static void report(const char *name, uint64_t *samples, size_t n, double least) {
        double usec = median_usec(samples, n);

        printf("%s %.1f us\n%s-ratio %.2f x\n", name, usec, name, usec / least);
}

/* In and out, by davitd and barely. */
static void measure_calls(Bench *bench, const char *mode, const char *net) {
        static uint64_t bare_in[ROUNDS], bare_out[ROUNDS], in[ROUNDS], out[ROUNDS];
        char name[64];
        double least_in, least_out;

        start(bench, net);
        for (int i = -WARM_UP; i < ROUNDS; i++) {
                uint64_t a = bare_move(bench->home, bench->router.netns_fd, NIC, "bare0"),
                         b = bare_move(bench->inside, bench->home_fd, "bare0", NIC),
                         c = timed(bench, begin_attach), d = timed(bench, begin_detach);

                if (i < 0)
                        continue;
                bare_in[i] = a;
                bare_out[i] = b;
                in[i] = c;
                out[i] = d;
        }
        machine_stop_manager(&bench->machine);

        least_in = median_usec(bare_in, ROUNDS);
        least_out = median_usec(bare_out, ROUNDS);
        printf("%s-bare-move-in %.1f us\n%s-bare-move-out %.1f us\n", mode, least_in, mode, least_out);
        snprintf(name, sizeof(name), "%s-attach", mode);
        report(name, in, ROUNDS, least_in);
        snprintf(name, sizeof(name), "%s-detach", mode);
        report(name, out, ROUNDS, least_out);
        fflush(stdout);
}

/* From the event on the socket until node and event are in the other container. */
static uint64_t plug(Bench *bench, const PropertyList *phone) {
        uint64_t until = deadline(), begin, took;
        const char *call = bench->call;

        bench->call = "the plug";
        bench->phone_settled = false;
        machine_feed(&bench->machine, UEVENT_ADD, phone);
        begin = now_nsec();
        while (!bench->phone_settled)
                turn(bench, until);
        took = now_nsec() - begin;
        if (drain(bench->other.listen_fd) != 1)
                errx(1, "the container was not told of the plug, or more than once");
        bench->call = call;
        return took;
}

static void unplug(Bench *bench, const PropertyList *phone) {
        uint64_t until = deadline();

        machine_feed(&bench->machine, UEVENT_REMOVE, phone);
        while (faccessat(bench->other.dev_fd, NODE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                turn(bench, until);
        drain(bench->other.listen_fd);
}

/* Lets the manager work for some part of the time that a move takes, or until the call is done. */
static void pass_time(Bench *bench, unsigned int *seed) {
        uint64_t until = now_nsec() + (uint64_t)(rand_r(seed) % MOVE_MAX_USEC) * 1000;

        while (now_nsec() < until && !bench->call_done)
                loop_run_once(bench->machine.loop, 100);
}

/* Plugs that meet a call under way; those that met none are tried again, up to a bound. */
static void measure_others(Bench *bench, const char *mode, const char *net) {
        static uint64_t quiet[PLUGS], meanwhile[PLUGS];
        _cleanup_(property_list_deinit) PropertyList phone = {};
        unsigned int seed = 1, n_missed = 0;
        double rest, busy;
        size_t n = 0;
        bool in = true;

        start(bench, net);
        phone_properties(&phone, DEVPATH, 17, "PHONE");
        while (n < PLUGS && n_missed < 20 * PLUGS) {
                uint64_t took;
                bool met;

                /* As cold as the other one. */
                bench->call_done = false;
                pass_time(bench, &seed);
                quiet[n] = plug(bench, &phone);
                unplug(bench, &phone);

                (in ? begin_attach : begin_detach)(bench);
                pass_time(bench, &seed);
                took = bench->call_done ? 0 : plug(bench, &phone);
                met = took > 0 && !bench->call_done;
                end_call(bench);
                if (took > 0)
                        unplug(bench, &phone);
                in = !in;
                if (met)
                        meanwhile[n++] = took;
                else
                        n_missed++;
        }
        if (!in)
                timed(bench, begin_detach);
        machine_stop_manager(&bench->machine);
        if (n < PLUGS / 4)
                errx(1, "only %zu of %u plugs met a move", n, PLUGS);

        rest = median_usec(quiet, n);
        busy = median_usec(meanwhile, n);
        printf("%s-plug-at-rest %.1f us\n%s-plug-at-rest-p95 %.1f us\n", mode, rest, mode,
               (double)quiet[n * 95 / 100] / 1000.0);
        printf("%s-plug-meanwhile %.1f us\n%s-plug-meanwhile-p95 %.1f us\n", mode, busy, mode,
               (double)meanwhile[n * 95 / 100] / 1000.0);
        printf("%s-plug-ratio %.2f x\n", mode, busy / rest);
        fflush(stdout);
}

int main(int argc, char **argv) {
        static const char *const moved = "{ name: wan0 }";
        static const char *const made = "{ name: lan0, mode: macvlan }";
        Bench bench = {};

        machine_init(&bench.machine, argc > 1 ? argv[1] : NULL);
        machine_launch(&bench.machine, ROUTER, &bench.router);
        machine_launch(&bench.machine, OTHER, &bench.other);
        bench.home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (bench.home_fd < 0 || route_socket_open(-EBADF, &bench.home) < 0 ||
            route_socket_open(bench.router.netns_fd, &bench.inside) < 0 ||
            rtnl_link_veth_add(bench.home->nl, NIC, "wire0", getpid()) < 0)
                errx(1, "no interface can be made");

        measure_calls(&bench, "move", moved);
        measure_calls(&bench, "macvlan", made);
        measure_others(&bench, "move", moved);
        measure_others(&bench, "macvlan", made);

        route_socket_close(bench.inside);
        route_socket_close(bench.home);
        machine_end(&bench.router);
        machine_end(&bench.other);
        machine_deinit(&bench.machine);
        return 0;
}
