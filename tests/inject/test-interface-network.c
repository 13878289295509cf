/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the host's network had about an interface, by the host's own tools: routes, neighbours, queueing, the
 * bridge that it was a port of.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inject/interface-fixture.h"
#include "inject/interface-replay.h"
#include "inject/interface-restore.h"
#include "inject/interface-sysctl.h"
#include "inject/netns.h"
#include "util/log.h"
#include "util/string.h"

static char logged[8192];

static void keep_log(_unused_ int level, int error, _unused_ const LogSubject *subject, const char *text) {
        size_t n = strlen(logged);

        snprintf(logged + n, sizeof(logged) - n, "%d %s\n", error, text);
}

static int setup(void **state) {
        logged[0] = '\0';
        return interface_setup(state);
}

/* Of what the host says of host0 there has to be @line, or a test of its coming back would show nothing. */
static void assert_said(const char *dump, const char *line) {
        if (!strstr(dump, line))
                fail_msg("There is no \"%s\" in\n%s", line, dump);
}

static int put_all_right(Fixture *f, const PropertyList *state) {
        struct rtnl_link *link = get_link(f->home, "host0");
        int r = interface_put_right(f->home, link, state);

        rtnl_link_put(link);
        return r;
}

/* Into the container, and all that its root could do to it, and back. */
static void round_trip(Fixture *f, const char *before) {
        PropertyList state = {};

        assert_int_equal(move_in(f), 0);
        assert_int_equal(interface_state_load(f->state_fd, "box", "wan0", &state), 0);
        maltreat(f);
        assert_int_equal(move_out(f), 0);
        assert_string_equal(logged, "");
        assert_same(f->home, "host0", (char *)before);
        assert_no_state(f);
        /* Whoever was interrupted behind it does it all once more. */
        assert_int_equal(put_all_right(f, &state), 0);
        assert_string_equal(logged, "");
        assert_same(f->home, "host0", (char *)before);
        property_list_deinit(&state);
}

static void test_routes(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip address add 192.0.2.7/24 dev host0\n"
                "ip address add 192.0.2.8/24 dev host0\n"
                "ip route add default via 192.0.2.1 dev host0 src 192.0.2.8 metric 50 mtu 1200\n"
                "ip route add 198.51.100.0/24 dev host0 proto static scope link\n"
                /* Its gateway is behind another one. */
                "ip route add 203.0.113.0/24 via 198.51.100.1 dev host0 table 70\n"
                "ip route append 203.0.113.0/24 via 192.0.2.3 dev host0 table 70\n"
                "ip route add 10.9.0.0/16 via 10.1.1.1 dev host0 onlink tos 0x10\n"
                "ip route add 10.8.0.0/16 nexthop via 192.0.2.2 dev host0 weight 3"
                " nexthop via 192.0.2.3 dev host0\n"
                /* Of two to one place the first is used, though it needs another one and the second does not.
                 */
                "ip route add 10.4.0.0/16 via 192.0.2.2 dev host0\n"
                "ip route append 10.4.0.0/16 dev host0\n"
                "ip neighbour add proxy 192.0.2.77 dev host0\n"
                "ip neighbour add 192.0.2.66 lladdr 02:00:00:00:00:66 dev host0\n"
                /* Who has these has them made again. */
                "ip route add 10.7.0.0/16 via 192.0.2.1 dev host0 proto bird\n"
                "ip route add 10.6.0.0/16 via 192.0.2.1 dev host0 proto dhcp\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "boot default via 192.0.2.1 dev X src 192.0.2.8 metric 50 mtu 1200");
        assert_said(before, "static 198.51.100.0/24 dev X scope link");
        assert_said(before, "boot 203.0.113.0/24 via 198.51.100.1 dev X table 70");
        assert_said(before, "boot 203.0.113.0/24 via 192.0.2.3 dev X table 70");
        assert_said(before, "boot 10.9.0.0/16 tos 0x10 via 10.1.1.1 dev X onlink");
        assert_said(before, "weight 3");
        assert_said(before, "192.0.2.77");
        assert_said(before, "192.0.2.66 lladdr 02:00:00:00:00:66");
        round_trip(f, before);
        on_host("test -z \"$(ip route show proto bird; ip route show proto dhcp)\"");
        round_trip(f, before);
        free(before);
}

static void test_routes_of_ipv6(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        /* The kernel looks for another one of an address before it sends from it: that takes its time. */
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip address add 2001:db8::7/64 dev host0\n"
                "for i in $(seq 100); do\n"
                "  ip -6 address show dev host0 tentative | grep -q 2001:db8::7 || break\n"
                "  sleep 0.1\n"
                "done\n"
                "ip -6 route add default via 2001:db8::1 dev host0 src 2001:db8::7 pref high\n"
                "ip -6 route add 2001:db8:2::/48 via fe80::1 dev host0 metric 7\n"
                "ip -6 route add 2001:db8:3::/48 nexthop via fe80::1 dev host0 weight 2"
                " nexthop via fe80::2 dev host0\n"
                "ip -6 neighbour add 2001:db8::9 lladdr 02:00:00:00:00:09 dev host0\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "boot default via 2001:db8::1 dev X src 2001:db8::7 metric 1024 pref high");
        assert_said(before, "boot 2001:db8:2::/48 via fe80::1 dev X metric 7");
        assert_said(before, "weight 2");
        assert_said(before, "2001:db8::9 lladdr 02:00:00:00:00:09");
        round_trip(f, before);
        free(before);
}

/* What lasts for a while only is for somebody else to say again. */
static void test_for_a_while(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip -6 address add 2001:db8::8/64 dev host0 nodad valid_lft 900 preferred_lft 900\n"
                "ip -6 route add 2001:db8:1::/48 via fe80::1 dev host0 expires 600\n"
                "ip -6 route add 2001:db8:2::/48 via fe80::1 dev host0 src 2001:db8::8\n");
        assert_int_equal(move_in(f), 0);
        assert_int_equal(move_out(f), 0);
        on_host("! ip -6 address show dev host0 | grep -q 2001:db8::8");
        on_host("! ip -6 route show | grep -q 2001:db8:1::");
        assert_non_null(strstr(logged, "host0 is back on the host without its route"));
        assert_non_null(strstr(logged, "2001:db8:2::/48"));
        assert_null(strstr(logged, "2001:db8:1::"));
        assert_no_state(f);
}

/* As network managers have them. */
static void test_addresses(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip address add 192.0.2.7/24 dev host0 metric 77 label host0:1\n"
                "ip address add 10.1.0.7/16 dev host0 noprefixroute\n"
                "ip route add 10.1.0.0/16 dev host0 proto kernel scope link src 10.1.0.7 metric 100\n"
                "ip route add default via 10.1.0.1 dev host0 proto static metric 100\n"
                "ip address add 2001:db8::7/64 dev host0 nodad metric 55\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "metric 77 scope global host0:1");
        assert_said(before, "static default via 10.1.0.1 dev X metric 100");
        round_trip(f, before);
        on_host("ip route show 10.1.0.0/16 | grep -q 'proto kernel scope link src 10.1.0.7 metric 100'\n"
                "ip route show 192.0.2.0/24 | grep -q 'metric 77'\n");
        free(before);
}

/* The secret of an address's own bits has a say in how those are made. */
static void test_sysctls(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;
        int r;

        make_veth(f);
        on_host("cd /proc/sys/net\n"
                "ip link set lower0 up; ip link set host0 up\n"
                "echo 2001:db8::1234 >ipv6/conf/host0/stable_secret\n"
                "echo 3 >ipv6/conf/host0/addr_gen_mode\n"
                "echo 0 >ipv4/conf/host0/rp_filter\n"
                "echo 1234 >ipv4/neigh/host0/retrans_time_ms\n"
                "echo 1 >ipv4/conf/host0/forwarding\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "SYSCTL_ipv6/conf/addr_gen_mode=3");
        assert_said(before, "SYSCTL_ipv4/conf/rp_filter=0");
        /* It is what it was, whatever others are to be from now on. */
        assert_int_equal(move_in(f), 0);
        on_host("echo 1 >/proc/sys/net/ipv4/conf/default/rp_filter");
        r = move_out(f);
        on_host("echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter");
        assert_int_equal(r, 0);
        assert_string_equal(logged, "");
        assert_same(f->home, "host0", before);
        round_trip(f, before);
        free(before);
}

/* One that the kernel refuses keeps nothing else from coming back. */
static void test_refused_sysctl(void **state) {
        Fixture *f = fixture_or_skip(state);
        PropertyList list = {};

        make_veth(f);
        assert_int_equal(property_list_set(&list, "SYSCTL_ipv4/conf/rp_filter", "often"), 0);
        assert_int_equal(property_list_set(&list, "SYSCTL_ipv6/conf/accept_ra", "0"), 0);
        assert_int_equal(property_list_set(&list, "SYSCTL_ipv6/conf/../../all/accept_ra", "7"), 0);
        assert_int_equal(interface_sysctl_put_right("host0", &list), 0);
        assert_string_equal(logged,
                            "22 host0 is back on the host without net/ipv4/conf/rp_filter being often: "
                            "Invalid argument\n");
        on_host("test $(cat /proc/sys/net/ipv6/conf/host0/accept_ra) = 0\n"
                "test $(cat /proc/sys/net/ipv6/conf/all/accept_ra) != 7\n");
        property_list_deinit(&list);
}

/* More than is kept is no reason not to give it. */
static void test_too_many(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        on_host("ip link set lower0 up; ip link set host0 up\n"
                "seq 1 200 | sed 's/.*/route add 10.200.&.0\\/24 dev host0/' | ip -batch -\n"
                "seq 1 200 | sed 's/.*/route add 10.201.&.0\\/24 dev host0/' | ip -batch -\n"
                "seq 1 200 | sed 's/.*/route add 10.202.&.0\\/24 dev host0/' | ip -batch -\n");
        assert_int_equal(move_in(f), 0);
        assert_non_null(strstr(logged, "host0 has more than can be kept (ROUTE): "));
        logged[0] = '\0';
        assert_int_equal(move_out(f), 0);
        assert_string_equal(logged, "");
        on_host("test $(ip route show dev host0 | wc -l) -gt 250");
        assert_no_state(f);
}

/* A route of several next hops, of which another interface's stays when ours goes. */
static void test_shared_route_of_ipv6(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip -6 route add 2001:db8:3::/48 nexthop via fe80::1 dev host0 weight 2"
                " nexthop via fe80::2 dev lower0\n");
        assert_int_equal(move_in(f), 0);
        on_host("ip link set lower0 up\n"
                "ip -6 route show 2001:db8:3::/48 | grep -q lower0\n"
                "! ip -6 route show 2001:db8:3::/48 | grep -q host0\n");
        assert_int_equal(move_out(f), 0);
        on_host("ip -6 route show 2001:db8:3::/48 | grep -q 'nexthop via fe80::1 dev host0 weight 2'\n"
                "ip -6 route show 2001:db8:3::/48 | grep -q 'nexthop via fe80::2 dev lower0 weight 1'\n"
                "test $(ip -6 route show 2001:db8:3::/48 | grep -c nexthop) = 2\n");
        assert_string_equal(logged, "");
        assert_no_state(f);
}

static void test_next_hops(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip address add 192.0.2.7/24 dev host0\n"
                "ip nexthop add id 71 via 192.0.2.1 dev host0\n"
                "ip route add 10.5.0.0/16 nhid 71\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "boot 10.5.0.0/16 nhid 71 via 192.0.2.1 dev X");
        round_trip(f, before);
        free(before);
}

static void make_bridge(const char *name) {
        on_host("ip link add %1$s type bridge && ip link set %1$s up", name);
}

/* Of what not every kernel has. */
static void skip_without(const char *what, const char *trial) {
        if (system(trial) == 0)
                return;
        printf("SKIP: the kernel has no %s\n", what);
        skip();
}

static void skip_without_bridge(void) {
        skip_without("bridge", "ip link add davit9 type bridge 2>/dev/null && ip link del davit9");
}

/* Its number is another one's by now: what it led to must not go that way. */
static void test_next_hop_taken(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip address add 192.0.2.7/24 dev host0\n"
                "ip nexthop add id 71 via 192.0.2.1 dev host0\n"
                "ip route add 10.5.0.0/16 nhid 71\n");
        assert_int_equal(move_in(f), 0);
        on_host("ip link add davit1 type ifb && ip link set davit1 up\n"
                "ip address add 198.51.100.7/24 dev davit1\n"
                "ip nexthop add id 71 via 198.51.100.1 dev davit1\n");
        assert_int_equal(move_out(f), 0);
        delete_link(f->home, "davit1");
        on_host("! ip route show | grep -q 10.5.0.0/16");
        assert_non_null(strstr(logged, "without its next hop id 71"));
        assert_non_null(strstr(logged, "10.5.0.0/16"));
        assert_no_state(f);
}

static void test_queueing(void **state) {
        static const char *const roots[] = {
                "tbf rate 1mbit burst 10k latency 50ms",
                "pfifo limit 33",
                "htb default 0x20",
        };
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        skip_without("such queueing",
                     "for kind in 'tbf rate 1mbit burst 10k latency 50ms' htb pfifo; do"
                     "  tc qdisc add dev host0 root $kind && tc qdisc del dev host0 root || exit;"
                     " done; tc qdisc add dev host0 clsact");
        delete_link(f->home, "host0");
        for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
                char *before;

                make_veth(f);
                on_host("tc qdisc add dev host0 root handle 9: %s\n"
                        "tc qdisc add dev host0 clsact\n",
                        roots[i]);
                if (startswith(roots[i], "htb"))
                        on_host("tc class add dev host0 parent 9: classid 9:1 htb rate 10mbit ceil 20mbit\n"
                                "tc class add dev host0 parent 9:1 classid 9:20 htb rate 1mbit prio 2\n"
                                "tc class add dev host0 parent 9:1 classid 9:30 htb rate 2mbit\n"
                                "tc qdisc add dev host0 parent 9:30 handle 30: pfifo limit 44\n");
                before = dump_link(f->home, "host0");
                assert_said(before, "qdisc clsact ffff:");
                assert_said(before, "9: root");
                round_trip(f, before);
                free(before);
                delete_link(f->home, "host0");
        }
}

static void test_bridge(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        skip_without_bridge();
        make_veth(f);
        make_bridge("davit0");
        on_host("ip link set lower0 up\n"
                "ip link set host0 up master davit0\n"
                "bridge link set dev host0 cost 77 priority 9 hairpin on isolated on learning off\n"
                "bridge fdb add 02:00:00:00:00:05 dev host0 master static\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "MASTER_NAME=davit0");
        assert_said(before, "02:00:00:00:00:05");
        round_trip(f, before);
        on_host("bridge -d link show dev host0 | grep -q 'hairpin on.* learning off'\n"
                "bridge -d link show dev host0 | grep -q 'isolated on'\n"
                "bridge link show dev host0 | grep -q 'priority 9 cost 77'\n");
        /* Whoever makes it anew gives it another index. */
        assert_int_equal(move_in(f), 0);
        delete_link(f->home, "davit0");
        make_bridge("davit0");
        assert_int_equal(move_out(f), 0);
        assert_string_equal(logged, "");
        on_host("bridge link show dev host0 | grep -q 'master davit0.* priority 9 cost 77'\n");
        free(before);
}

/* One that is gone is no reason to keep the interface; nor is another one of its index taken for it. */
static void test_master_gone(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int ifindex;
        struct rtnl_link *link;

        skip_without_bridge();
        make_veth(f);
        make_bridge("davit0");
        on_host("ip link set host0 up master davit0");
        link = get_link(f->home, "davit0");
        ifindex = (unsigned int)rtnl_link_get_ifindex(link);
        rtnl_link_put(link);
        assert_int_equal(move_in(f), 0);
        delete_link(f->home, "davit0");
        on_host("ip link add davit0 index %u type ifb", ifindex);
        assert_int_equal(move_out(f), 0);
        assert_non_null(strstr(logged, "host0 is back on the host, but not a port of davit0 as before"));
        link = get_link(f->home, "host0");
        assert_int_equal(rtnl_link_get_master(link), 0);
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_no_state(f);
}

/* What the container hides on top of it keeps it from being a port, and is no reason not to give it back;
 * with the container that goes. */
static void test_hidden_on_top_of_a_port(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;
        Item other = wan;
        int hidden_fd;
        pid_t hidden;

        skip_without_bridge();
        make_veth(f);
        make_bridge("davit0");
        on_host("ip link set host0 up master davit0 && bridge link set dev host0 isolated on");
        assert_int_equal(move_in(f), 0);
        hidden = start_namespace(&hidden_fd);
        on_host("nsenter --net=/proc/%1$d/ns/net ip link add link wan0 name spy type macvlan\n"
                "nsenter --net=/proc/%1$d/ns/net ip link set spy netns %2$d\n",
                (int)f->holder, (int)hidden);
        assert_int_equal(move_out(f), 0);
        assert_true(link_exists(f->home, "host0"));
        assert_non_null(strstr(logged, "host0 is back on the host, but cannot be a port of davit0"));
        assert_present(f, 0);
        /* Who listens on it, does not listen to the next. */
        assert_int_equal(move_in(f), -EBUSY);
        assert_int_equal(interface_move_in(&other, f->netns_fd, f->state_fd, "next"), -EBUSY);
        /* By then it is the host's, who does with it what he likes. */
        on_host("ip link set host0 mtu 1402 && ip address add 192.0.2.7/24 dev host0");
        close(hidden_fd);
        end_namespace(hidden);
        for (unsigned int i = 0; i < 20 && count_entries(f->state_dir) > 2; i++)
                assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_no_state(f);
        link = get_link(f->home, "host0");
        assert_true(rtnl_link_get_master(link) > 0);
        assert_int_equal(rtnl_link_get_mtu(link), 1402);
        rtnl_link_put(link);
        on_host("bridge -d link show dev host0 | grep -q 'isolated on'\n"
                "ip address show dev host0 | grep -q 192.0.2.7\n");
        assert_int_equal(interface_move_in(&other, f->netns_fd, f->state_fd, "next"), 0);
        assert_int_equal(interface_move_out(&other, f->netns_fd, f->state_fd, "next"), 0);
        assert_no_state(f);
}

/* What the driver refuses once it refuses again: nothing is kept for that, to be done over what the host has
 * made of the interface by then. */
static void test_refused_mtu(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_macvlan(f);
        on_host("ip link set lower0 up; ip link set host0 up; ip address add 192.0.2.7/24 dev host0");
        assert_int_equal(move_in(f), 0);
        on_host("ip link set lower0 mtu 1290");
        assert_int_equal(move_out(f), 0);
        assert_non_null(strstr(logged, "22 host0 is back on the host without its MTU: Invalid argument"));
        on_host("ip address show dev host0 | grep -q 192.0.2.7");
        assert_no_state(f);
}

/* Where the host has put it somewhere since it came home by itself, it stays there. */
static void test_master_taken_over(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link, *master;
        int home_fd;

        skip_without_bridge();
        make_veth(f);
        make_bridge("davit0");
        on_host("ip link set host0 up master davit0");
        assert_int_equal(move_in(f), 0);
        home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        link = get_link(f->inside, "wan0");
        assert_int_equal(link_move(f->inside, link, home_fd, "host0"), 0);
        rtnl_link_put(link);
        close(home_fd);
        make_bridge("davit1");
        on_host("ip link set host0 master davit1");
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        link = get_link(f->home, "host0");
        master = get_link(f->home, "davit1");
        assert_int_equal(rtnl_link_get_master(link), rtnl_link_get_ifindex(master));
        rtnl_link_put(master);
        rtnl_link_put(link);
        delete_link(f->home, "davit1");
        assert_no_state(f);
}

/* What cannot be any more is told, and keeps nothing else from coming back. */
static void test_out_of_reach(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip address add 192.0.2.7/24 dev host0 valid_lft 900 preferred_lft 900\n"
                "ip route add 203.0.113.0/24 via 192.0.2.1 dev host0\n"
                "ip route add 198.51.100.0/24 dev host0\n");
        assert_int_equal(move_in(f), 0);
        assert_int_equal(move_out(f), 0);
        assert_non_null(strstr(logged, "203.0.113.0/24"));
        assert_non_null(strstr(logged, "host0 is back on the host without its route"));
        assert_null(strstr(logged, "198.51.100.0"));
        on_host("ip route show dev host0 | grep -q 198.51.100.0/24\n"
                "! ip route show | grep -q 203.0.113.0\n");
        assert_no_state(f);
}

/* Somebody has its place by now: he keeps it. */
static void test_replaced_meanwhile(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        on_host("ip link set lower0 up\n"
                "ip link set host0 up\n"
                "ip -6 route add default nexthop via fe80::1 dev host0 nexthop via fe80::3 dev host0\n");
        assert_int_equal(move_in(f), 0);
        on_host("ip link set lower0 up\n"
                "ip -6 route add default via fe80::2 dev lower0\n");
        assert_int_equal(move_out(f), 0);
        on_host("ip -6 route show default | grep -q 'via fe80::2 dev lower0'\n"
                "! ip -6 route show default | grep -q host0\n");
        assert_non_null(strstr(logged, "host0 is back on the host without its route"));
        assert_no_state(f);
}

/* Its index is somebody else's when it comes back. */
static void test_another_index(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;
        char *before;
        int ifindex;

        make_veth(f);
        dress_link(f->home, "host0");
        on_host("ip route add 10.8.0.0/16 nexthop via 192.0.2.2 dev host0 weight 3"
                " nexthop via 192.0.2.3 dev host0\n");
        before = dump_link(f->home, "host0");
        assert_said(before, "boot 203.0.113.0/24 via 192.0.2.1 dev X metric 7");
        assert_said(before, "boot 2001:db8:7::/48 via 2001:db8::1 dev X table 77");
        assert_said(before, "192.0.2.9 lladdr 02:00:00:00:00:09");
        assert_said(before, "qdisc pfifo 7: root");
        assert_said(before, "SYSCTL_ipv4/conf/rp_filter=2");
        assert_said(before, "SYSCTL_ipv6/conf/accept_ra=0");
        assert_said(before, "SYSCTL_ipv4/neigh/base_reachable_time_ms=1500");
        link = get_link(f->home, "host0");
        ifindex = rtnl_link_get_ifindex(link);
        rtnl_link_put(link);
        assert_int_equal(move_in(f), 0);
        on_host("ip link add davit0 index %d type ifb", ifindex);
        assert_int_equal(move_out(f), 0);
        assert_string_equal(logged, "");
        on_host("test $(cat /sys/class/net/host0/ifindex) != %d\n"
                "ip route show dev host0 | grep -q '203.0.113.0/24 via 192.0.2.1'\n"
                "ip route show 10.8.0.0/16 | grep -q 'via 192.0.2.3 dev host0'\n"
                "ip -6 route show table 77 | grep -q 'via 2001:db8::1 dev host0'\n"
                "ip neighbour show dev host0 | grep -q 192.0.2.9\n"
                "tc qdisc show dev host0 | grep -q 'pfifo 7: root'\n",
                ifindex);
        assert_no_state(f);
        free(before);
}

/* What root inside has set up does not come along. */
static void test_nothing_of_the_containers(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before, *script = NULL;

        make_macvlan(f);
        on_host("ip link set lower1 up; ip link set lower0 up; ip link set host0 up\n"
                "for i in $(seq 100); do grep -q up /sys/class/net/host0/operstate && break; sleep 0.1; "
                "done\n");
        before = dump_link(f->home, "host0");
        for (int reason_alone = 0; reason_alone < 2; reason_alone++) {
                assert_int_equal(move_in(f), 0);
                assert_true(
                        asprintf(&script,
                                 "nsenter --net=/proc/%d/ns/net sh -ec '\n"
                                 "ip address add 192.0.2.7/24 dev wan0\n"
                                 "ip route add 203.0.113.0/24 via 192.0.2.1 dev wan0\n"
                                 "ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev wan0\n"
                                 "tc qdisc add dev wan0 root handle 7: pfifo limit 77\n"
                                 "ip link set dev wan0 gso_max_segs 3 gso_max_size 1000 gro_max_size 2000\n"
                                 "ip link set dev wan0 mode dormant\n"
                                 "ip link set dev wan0 broadcast 02:00:00:00:00:01\n"
                                 "ip link set dev wan0 type macvlan mode private\n"
                                 "ip link set dev wan0 state dormant\n"
                                 "ip link set dev wan0 protodown on\n"
                                 "ip link set dev wan0 protodown_reason 3 on\n"
                                 "%s"
                                 "'\n",
                                 (int)f->holder,
                                 reason_alone ? "ip link set dev wan0 protodown_reason 3 off protodown off\n"
                                                "ip link set dev wan0 protodown_reason 3 on\n"
                                              : "") >= 0);
                on_host("%s", script);
                free(script);
                assert_int_equal(move_out(f), 0);
                assert_same(f->home, "host0", before);
                assert_string_equal(logged, "");
                on_host("for i in $(seq 100); do grep -q up /sys/class/net/host0/operstate && break; sleep "
                        "0.1; done\n"
                        "grep -q up /sys/class/net/host0/operstate\n"
                        "ip link set host0 protodown on; ip link set host0 protodown off\n");
                assert_no_state(f);
        }
        free(before);
}

/* A file that somebody broke is no reason to crash. */
static void test_broken_state(void **state) {
        static const char *const broken[] = {
                "ROUTE_0=zz",
                "ROUTE_0=00",
                "QDISC_0=",
                "ROUTE_0=0200000000000000000000000800ffff",
                "ROUTE6_0=0a3000000000000000000000ffff0900",
        };
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;

        make_veth(f);
        link = get_link(f->home, "host0");
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                PropertyList list = {};
                int r;

                assert_int_equal(property_list_append(&list, broken[i], strlen(broken[i]) + 1), 0);
                r = interface_replay_rest(f->home, link, &list);
                assert_true(i < 3 ? r == -EBADMSG : r == 0);
                property_list_deinit(&list);
        }
        rtnl_link_put(link);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_routes, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_routes_of_ipv6, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_for_a_while, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_addresses, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_sysctls, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_refused_sysctl, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_too_many, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_next_hop_taken, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_hidden_on_top_of_a_port, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_refused_mtu, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_shared_route_of_ipv6, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_next_hops, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_queueing, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_bridge, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_master_gone, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_master_taken_over, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_out_of_reach, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_replaced_meanwhile, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_another_index, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_nothing_of_the_containers, setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_broken_state, setup, interface_teardown),
        };

        log_set_sink(keep_log);
        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
