/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The monitor on the kernel's own events: interfaces that are made in a network namespace of the test's own,
 * to whose sockets the kernel sends what concerns it.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/route/link.h>
#include <netlink/route/link/macvtap.h>
#include <netlink/route/link/veth.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/monitor.h"
#include "util/string.h"

typedef struct Fixture {
        Monitor *monitor;
        int socket; /* the monitor's */
        struct nl_sock *route;
        unsigned int n_events, n_add, n_remove, n_in_batch, n_lost;
        const char *wanted; /* the name whose event is kept */
        Uevent kept;
} Fixture;

static bool have_namespace;

static void on_event(void *userdata, const Uevent *event, bool complete) {
        Fixture *f = userdata;

        assert_false(complete);
        f->n_events++;
        f->n_in_batch++;
        if (!streq(uevent_subsystem(event), "net") && !streq(uevent_subsystem(event), "macvtap"))
                return;
        f->n_add += event->action == UEVENT_ADD;
        f->n_remove += event->action == UEVENT_REMOVE;
        if (f->wanted && streq(strrchr(uevent_devpath(event), '/') + 1, f->wanted)) {
                f->kept.action = event->action;
                assert_int_equal(property_list_copy(&f->kept.properties, &event->properties), 0);
        }
}

static void on_lost(void *userdata) {
        ((Fixture *)userdata)->n_lost++;
}

static void on_opened(void *userdata, int socket) {
        ((Fixture *)userdata)->socket = socket;
}

static const MonitorOps ops = {.event = on_event, .lost = on_lost, .opened = on_opened};

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = f;
        f->kept = UEVENT_NULL;
        if (!have_namespace)
                return 0;
        f->route = nl_socket_alloc();
        assert_non_null(f->route);
        assert_int_equal(nl_connect(f->route, NETLINK_ROUTE), 0);
        assert_int_equal(monitor_new(&ops, f, -EBADF, &f->monitor), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        monitor_free(f->monitor);
        nl_socket_free(f->route);
        uevent_deinit(&f->kept);
        free(f);
        return 0;
}

#define fixture_or_skip(state)                                            \
        ({                                                                \
                if (!have_namespace) {                                    \
                        puts("SKIP: needs root and a network namespace"); \
                        skip();                                           \
                }                                                         \
                (Fixture *)*(state);                                      \
        })

/* Dispatches all that is there; the kernel sends before the request that caused it is answered. */
static unsigned int drain(Fixture *f) {
        struct pollfd p = {.fd = monitor_fd(f->monitor), .events = POLLIN};
        unsigned int n = 0;

        while (poll(&p, 1, /* timeout= */ 0) > 0) {
                f->n_in_batch = 0;
                assert_true(monitor_dispatch(f->monitor) >= 0);
                assert_in_range(f->n_in_batch, 0, 64);
                n++;
        }
        return n;
}

static void make_veth(Fixture *f, const char *name, const char *peer) {
        assert_int_equal(rtnl_link_veth_add(f->route, name, peer, getpid()), 0);
}

static void delete_link(Fixture *f, const char *name) {
        struct rtnl_link *link = rtnl_link_alloc();

        rtnl_link_set_name(link, name);
        assert_int_equal(rtnl_link_delete(f->route, link), 0);
        rtnl_link_put(link);
}

static void test_interface(void **state) {
        Fixture *f = fixture_or_skip(state);
        char index[16];

        f->wanted = "tm0";
        make_veth(f, "tm0", "tm1");
        drain(f);
        assert_int_equal(f->n_add, 2);
        assert_int_equal(f->kept.action, UEVENT_ADD);
        assert_string_equal(uevent_devpath(&f->kept), "/devices/virtual/net/tm0");
        assert_string_equal(property_list_get(&f->kept.properties, "INTERFACE"), "tm0");
        snprintf(index, sizeof(index), "%u", if_nametoindex("tm0"));
        assert_string_equal(property_list_get(&f->kept.properties, "IFINDEX"), index);
        assert_non_null(property_list_get(&f->kept.properties, "SEQNUM"));

        delete_link(f, "tm0");
        drain(f);
        assert_int_equal(f->n_remove, 2);
        assert_int_equal(f->kept.action, UEVENT_REMOVE);
        assert_int_equal(f->n_lost, 0);
}

/* A macvtap has a node as well. */
static void test_node(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *macvtap = rtnl_link_macvtap_alloc();
        char node[32];

        make_veth(f, "tm0", "tm1");
        rtnl_link_set_name(macvtap, "tap0");
        rtnl_link_set_link(macvtap, (int)if_nametoindex("tm0"));
        drain(f);
        f->n_add = 0;
        if (rtnl_link_add(f->route, macvtap, NLM_F_CREATE | NLM_F_EXCL) < 0) {
                rtnl_link_put(macvtap);
                delete_link(f, "tm0");
                puts("SKIP: no macvtap in this kernel");
                skip();
        }
        rtnl_link_put(macvtap);
        snprintf(node, sizeof(node), "tap%u", if_nametoindex("tap0"));
        f->wanted = node;
        drain(f);
        assert_int_equal(f->n_add, 2);
        assert_string_equal(uevent_subsystem(&f->kept), "macvtap");
        assert_string_equal(property_list_get(&f->kept.properties, "DEVNAME"), node);
        assert_non_null(property_list_get(&f->kept.properties, "MAJOR"));
        delete_link(f, "tm0");
        drain(f);
}

static void make_many(Fixture *f, unsigned int n) {
        for (unsigned int i = 0; i < n; i++) {
                char name[16], peer[16];

                snprintf(name, sizeof(name), "tm%ua", i);
                snprintf(peer, sizeof(peer), "tm%ub", i);
                make_veth(f, name, peer);
        }
}

static void delete_many(Fixture *f, unsigned int n) {
        for (unsigned int i = 0; i < n; i++) {
                char name[16];

                snprintf(name, sizeof(name), "tm%ua", i);
                delete_link(f, name);
        }
}

/* A batch is bounded, and nothing is lost for that. */
static void test_batch(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_many(f, 50);
        assert_int_equal(monitor_dispatch(f->monitor), 1);
        assert_in_range(f->n_events, 1, 64);
        assert_true(drain(f) > 1);
        assert_int_equal(f->n_add, 100);
        delete_many(f, 50);
        drain(f);
        assert_int_equal(f->n_remove, 100);
        assert_int_equal(f->n_lost, 0);
}

static int event_socket(void) {
        for (int fd = 3; fd < 64; fd++) {
                int domain = 0, protocol = 0;
                socklen_t size = sizeof(int);

                if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK &&
                    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                    protocol == NETLINK_KOBJECT_UEVENT)
                        return fd;
        }
        return -EBADF;
}

static void test_receive_buffer(void **state) {
        Fixture *f = fixture_or_skip(state);
        int value = 0;
        socklen_t size = sizeof(value);

        (void)f;
        assert_int_equal(getsockopt(event_socket(), SOL_SOCKET, SO_RCVBUF, &value, &size), 0);
        assert_true(value >= 128 * 1024 * 1024);
}

/* What ran over is said to be lost, once, and enumeration has it all. */
static void test_overflow(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int n_before;
        int small = 4096;

        /* The loopback, and whatever tunnels this kernel makes in each namespace. */
        assert_int_equal(monitor_enumerate(f->monitor), 0);
        n_before = f->n_add;
        assert_true(n_before > 0);
        f->n_add = 0;
        assert_int_equal(setsockopt(event_socket(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        make_many(f, 60);
        drain(f);
        assert_int_equal(f->n_lost, 1);
        assert_true(f->n_add < 120);

        f->n_add = 0;
        f->wanted = "tm59b";
        assert_int_equal(monitor_enumerate(f->monitor), 0);
        assert_int_equal(f->n_add, n_before + 120);
        assert_string_equal(property_list_get(&f->kept.properties, "INTERFACE"), "tm59b");
        assert_string_equal(property_list_get(&f->kept.properties, "ACTION"), "add");
        delete_many(f, 60);
}

/* Root of the same namespace may send to the group; it is not the kernel. */
static void test_forged(void **state) {
        Fixture *f = fixture_or_skip(state);
        static const char message[] =
                "add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=net\0SEQNUM=1";
        const struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_KERNEL};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

        drain(f);
        f->n_events = 0;
        assert_int_equal(
                sendto(fd, message, sizeof(message), 0, (const struct sockaddr *)&group, sizeof(group)),
                sizeof(message));
        close(fd);
        assert_int_equal(drain(f), 1);
        assert_int_equal(f->n_events, 0);
        make_veth(f, "tm0", "tm1");
        drain(f);
        assert_int_equal(f->n_add, 2);
        delete_link(f, "tm0");
}

/* What is queued on a socket while nobody reads it is heard by the next monitor that is given it. */
static void test_kept_socket(void **state) {
        Fixture *f = fixture_or_skip(state);
        int kept = fcntl(f->socket, F_DUPFD_CLOEXEC, 0);

        assert_true(kept >= 0);
        drain(f);
        f->monitor = monitor_free(f->monitor);
        f->n_add = 0;
        make_veth(f, "tm0", "tm1");
        delete_link(f, "tm0");
        assert_int_equal(monitor_new(&ops, f, kept, &f->monitor), 0);
        close(kept);
        drain(f);
        assert_int_equal(f->n_add, 2);
        assert_int_equal(f->n_remove, 2);
        assert_int_equal(f->n_lost, 0);
}

/* One of another kind, or that listens to somebody else, is not used: events come all the same. */
static void test_kept_socket_of_others(void **state) {
        Fixture *f = fixture_or_skip(state);
        const struct sockaddr_nl udev = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_UDEV};
        int sockets[] = {
                socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT),
                open("/dev/null", O_RDWR | O_CLOEXEC),
        };

        assert_int_equal(bind(sockets[2], (const struct sockaddr *)&udev, sizeof(udev)), 0);
        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                monitor_free(f->monitor);
                f->n_add = 0;
                assert_int_equal(monitor_new(&ops, f, sockets[i], &f->monitor), 0);
                close(sockets[i]);
                make_veth(f, "tm0", "tm1");
                drain(f);
                assert_int_equal(f->n_add, 2);
                delete_link(f, "tm0");
        }
}

/* A /sys that shows the new namespace, and a /run without udevd. */
static bool prepare(void) {
        return unshare(CLONE_NEWNET | CLONE_NEWNS) >= 0 &&
               mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) >= 0 &&
               mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) >= 0 &&
               mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") >= 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_interface, setup, teardown),
                cmocka_unit_test_setup_teardown(test_node, setup, teardown),
                cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
                cmocka_unit_test_setup_teardown(test_receive_buffer, setup, teardown),
                cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
                cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kept_socket, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kept_socket_of_others, setup, teardown),
        };

        have_namespace = prepare();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
