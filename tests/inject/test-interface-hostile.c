/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interfaces whose container did what it could to keep them, to change them, or to have another one taken for
 * them; and those that come back by themselves.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/interface-fixture.h"
#include "inject/netns.h"
#include "util/fd.h"
#include "util/string.h"

static void test_hostile_changes(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(move_in(f), 0);
        maltreat(f);
        assert_present(f, 1);
        assert_int_equal(move_out(f), 0);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        free(before);
}

/* A pair that looks like ours but for its peer: made after ours was deleted, or beside it. */
static void make_twin(Fixture *f, int peer_netns_fd, unsigned int peer_ifindex, unsigned int ifindex) {
        struct rtnl_link *veth = rtnl_link_veth_alloc(), *peer = rtnl_link_veth_get_peer(veth);
        struct nl_addr *mac = NULL;

        assert_int_equal(nl_addr_parse("02:11:22:33:44:55", AF_LLC, &mac), 0);
        rtnl_link_set_addr(veth, mac);
        nl_addr_put(mac);
        rtnl_link_set_name(veth, "wan0");
        rtnl_link_set_ifindex(veth, (int)ifindex);
        rtnl_link_set_name(peer, "mole");
        rtnl_link_set_ifindex(peer, (int)peer_ifindex);
        if (peer_netns_fd >= 0)
                rtnl_link_set_ns_fd(peer, peer_netns_fd);
        assert_int_equal(rtnl_link_add(f->inside->nl, veth, NLM_F_CREATE | NLM_F_EXCL), 0);
        rtnl_link_put(peer);
        rtnl_link_put(veth);
}

static void test_hostile_twin(void **state) {
        Fixture *f = fixture_or_skip(state);

        for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
                unsigned int ifindex, lower, n;
                struct rtnl_link *link;
                int third_fd = -EBADF;
                pid_t third = 0;

                make_veth(f);
                dress_link(f->home, "host0");
                assert_int_equal(move_in(f), 0);
                link = get_link(f->inside, "wan0");
                ifindex = (unsigned int)rtnl_link_get_ifindex(link);
                lower = (unsigned int)rtnl_link_get_link(link);
                rtnl_link_put(link);

                delete_link(f->inside, "wan0");
                if (elsewhere)
                        third = start_namespace(&third_fd);
                n = count_links(f->home);
                make_twin(f, third_fd, lower, ifindex);

                assert_present(f, 0);
                assert_int_equal(move_out(f), 0);
                assert_true(link_exists(f->inside, "wan0"));
                assert_int_equal(count_links(f->home), n);
                assert_no_state(f);
                delete_link(f->inside, "wan0");
                if (elsewhere) {
                        end_namespace(third);
                        close(third_fd);
                }
        }
}

/* A macvlan of the host's, given beside the interface that it is on, is not the container's. */
static void test_what_was_given_stays_on_top(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item lower = {
                .kind = ITEM_INTERFACE,
                .device = "net-lower0",
                .path = "lan0",
                .target = "lower0",
        };

        make_macvlan(f);
        assert_int_equal(move_in(f), 0);
        assert_int_equal(interface_move_in(&lower, f->netns_fd, f->state_fd, "box"), 0);
        assert_int_equal(interface_move_out(&lower, f->netns_fd, f->state_fd, "box"), 0);
        assert_true(link_exists(f->inside, "wan0"));
        assert_present(f, 1);
        assert_int_equal(move_out(f), 0);
        assert_no_state(f);
}

/* What the container's root sends to our socket in his namespace would be taken for the kernel's answer. */
static void test_only_the_kernel_answers(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = nl_socket_get_local_port(f->inside->nl)};
        struct nlmsghdr forged = {.nlmsg_len = sizeof(forged), .nlmsg_type = NLMSG_DONE};
        int fd = netns_socket(f->netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

        assert_true(fd >= 0);
        assert_int_equal(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&to, sizeof(to)), -1);
        assert_int_equal(errno, ECONNREFUSED);
        assert_int_equal(count_links(f->inside), 1);
        close(fd);
}

static void test_name_taken_on_host(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *usurper, *wanted;
        char *before, *after;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(move_in(f), 0);
        wanted = rtnl_link_alloc();
        rtnl_link_set_name(wanted, "host0");
        change_link(f->home, "lower0", wanted);

        assert_int_equal(move_out(f), -EEXIST);
        assert_false(link_exists(f->inside, "wan0"));
        assert_no_state(f);
        /* The one that took the name keeps it; ours is itself but for its name. */
        usurper = get_link(f->home, "host0");
        wanted = rtnl_link_alloc();
        rtnl_link_set_name(wanted, "lower0");
        assert_int_equal(link_set_flags(f->home, usurper, 0, IFF_UP), 0);
        change_link(f->home, "host0", wanted);
        rtnl_link_put(usurper);
        after = dump_link(f->home, "davit0");
        assert_non_null(strstr(after, "\nNAME=davit0\n"));
        memmove(strstr(after, "davit0"), "host0", 5);
        memmove(strstr(after, "host00") + 5, strstr(after, "host00") + 6,
                strlen(strstr(after, "host00") + 6) + 1);
        assert_lines(after, before);
        free(before);
        free(after);
}

/* What the kernel does with a physical interface when its namespace dies: down, perhaps under another name.
 */
static void test_restore_given_back(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;
        int home_fd;
        char *before;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(move_in(f), 0);
        maltreat(f);
        home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        link = get_link(f->inside, "mine");
        assert_int_equal(link_remove_altname(f->inside, (unsigned int)rtnl_link_get_ifindex(link), "lower0"),
                         0);
        assert_int_equal(link_move(f->inside, link, home_fd, "dev7"), 0);
        rtnl_link_put(link);
        close(home_fd);

        assert_present(f, 0);
        assert_int_equal(interface_restore(f->state_fd, "another"), 0);
        assert_true(link_exists(f->home, "dev7"));
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        free(before);
}

/* Another container is faster than the clean-up: it must not take what the first has made of it for what it
 * was. */
static void test_next_before_restored(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;
        Item other = wan;
        int home_fd;
        char *before;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        for (int restored = 0; restored < 2; restored++) {
                assert_int_equal(move_in(f), 0);
                maltreat(f);
                home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
                link = get_link(f->inside, "mine");
                assert_int_equal(
                        link_remove_altname(f->inside, (unsigned int)rtnl_link_get_ifindex(link), "lower0"),
                        0);
                assert_int_equal(link_move(f->inside, link, home_fd, "dev7"), 0);
                rtnl_link_put(link);
                close(home_fd);

                /* It is another one's name. */
                other.target = "dev7";
                assert_int_equal(interface_move_in(&other, f->netns_fd, f->state_fd, "next"), -ENODEV);
                other.target = "host0";
                assert_int_equal(interface_move_in(&other, f->netns_fd, f->state_fd, "next"), 0);
                if (restored)
                        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
                assert_true(link_exists(f->inside, "wan0"));
                assert_int_equal(interface_move_out(&other, f->netns_fd, f->state_fd, "next"), 0);
                assert_same(f->home, "host0", before);
                assert_int_equal(interface_restore(f->state_fd, "box"), 0);
                assert_same(f->home, "host0", before);
                assert_no_state(f);
        }
        free(before);
}

static void test_restore_died(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        assert_int_equal(move_in(f), 0);
        f->inside = route_socket_close(f->inside);
        close(f->netns_fd);
        f->netns_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        end_namespace(f->holder);
        f->holder = 0;
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_no_state(f);
}

static void make_card(Fixture *f) {
        struct rtnl_link *link;

        make_veth(f);
        link = get_link(f->home, "host0");
        mock_card.lower = rtnl_link_get_link(link);
        mock_card.permanent = "02:00:00:00:00:01";
        rtnl_link_put(link);
        dress_link(f->home, "host0");
}

/* A card is told by its hardware, whatever else about it was changed. */
static void test_card(void **state) {
        Fixture *f = fixture_or_skip(state);
        PropertyList saved = {};
        char *before;

        make_card(f);
        before = dump_link(f->home, "host0");
        assert_non_null(strstr(before, "BUS=0000:03:00.0\n"));
        assert_int_equal(move_in(f), 0);
        maltreat(f);
        assert_present(f, 1);
        assert_int_equal(move_out(f), 0);
        assert_same(f->home, "host0", before);

        /* Another card at the same place is not it. */
        assert_int_equal(move_in(f), 0);
        mock_card.permanent = "02:00:00:00:00:02";
        assert_present(f, 0);
        assert_int_equal(move_out(f), 0);
        assert_true(link_exists(f->inside, "wan0"));
        mock_card.permanent = "02:00:00:00:00:01";
        assert_present(f, 1);

        /* As former versions wrote it. */
        assert_int_equal(interface_state_load(f->state_fd, "box", "wan0", &saved), 0);
        assert_int_equal(property_list_set(&saved, "PERMANENT", "02"), 0);
        assert_int_equal(interface_state_save(f->state_fd, "box", &saved), 0);
        property_list_deinit(&saved);
        assert_present(f, 1);
        assert_int_equal(move_out(f), 0);
        assert_no_state(f);
        free(before);
}

/* Something on top of it would go on to work when the interface is the host's again. */
static void put_on_top(Fixture *f) {
        struct rtnl_link *link = get_link(f->inside, "wan0"), *upper = rtnl_link_alloc();

        assert_int_equal(rtnl_link_set_type(upper, "macvlan"), 0);
        rtnl_link_set_name(upper, "mole");
        rtnl_link_set_link(upper, rtnl_link_get_ifindex(link));
        assert_int_equal(rtnl_link_add(f->inside->nl, upper, NLM_F_CREATE | NLM_F_EXCL), 0);
        rtnl_link_put(upper);
        rtnl_link_put(link);
}

static void test_nothing_stays_on_top(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int n = count_links(f->inside);

        make_veth(f);
        assert_int_equal(move_in(f), 0);
        put_on_top(f);
        assert_int_equal(move_out(f), 0);
        assert_true(link_exists(f->home, "host0"));
        assert_int_equal(count_links(f->inside), n);
        assert_no_state(f);
}

static void test_nothing_stays_on_a_card(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int n = count_links(f->inside);

        make_card(f);
        assert_int_equal(move_in(f), 0);
        put_on_top(f);
        assert_int_equal(move_out(f), 0);
        assert_true(link_exists(f->home, "host0"));
        assert_int_equal(count_links(f->inside), n);
        assert_no_state(f);
}

/* Moves @name from where @socket is to our namespace once the process @pid waits for something. */
static void give_back_once_waiting(pid_t pid, RouteSocket *socket, const char *name) {
        char path[64];
        int home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        struct rtnl_link *link = NULL;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        for (;;) {
                char *text = NULL;
                bool waits;

                if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
                        return;
                waits = startswith(strrchr(text, ')'), ") S") != NULL;
                free(text);
                if (waits)
                        break;
                sched_yield();
        }
        if (link_get(socket, 0, name, &link) >= 0)
                (void)link_move(socket, link, home_fd, "dev7");
        rtnl_link_put(link);
        safe_close(home_fd);
}

/* Hidden in a namespace below the container's, it comes back when the container is long gone. */
static void test_card_hidden(void **state) {
        Fixture *f = fixture_or_skip(state);
        RouteSocket *third = NULL;
        struct rtnl_link *link;
        pid_t third_pid, helper;
        int third_fd;
        char *before;

        make_card(f);
        before = dump_link(f->home, "host0");
        assert_int_equal(move_in(f), 0);
        third_pid = start_namespace(&third_fd);
        link = get_link(f->inside, "wan0");
        assert_int_equal(link_move(f->inside, link, third_fd, "hidden"), 0);
        rtnl_link_put(link);
        assert_int_equal(route_socket_open(third_fd, &third), 0);

        assert_present(f, 0);
        assert_int_equal(move_out(f), 0);
        assert_int_equal(count_entries(f->state_dir), 3);

        helper = fork();
        assert_true(helper >= 0);
        if (helper == 0) {
                free(before);
                give_back_once_waiting(getppid(), third, "hidden");
                _exit(0);
        }
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_int_equal(waitpid(helper, NULL, 0), helper);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        route_socket_close(third);
        end_namespace(third_pid);
        close(third_fd);
        free(before);
}

/* Interrupted between the move home and the putting right: the next move in, or out, takes that up first. */
static void test_interrupted_return(void **state) {
        Fixture *f = fixture_or_skip(state);

        for (int in_again = 0; in_again < 2; in_again++) {
                struct rtnl_link *link;
                int home_fd;
                char *before;

                make_veth(f);
                dress_link(f->home, "host0");
                before = dump_link(f->home, "host0");
                assert_int_equal(move_in(f), 0);
                home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
                link = get_link(f->inside, "wan0");
                assert_int_equal(link_move(f->inside, link, home_fd, "host0"), 0);
                rtnl_link_put(link);
                close(home_fd);

                if (in_again)
                        assert_int_equal(move_in(f), 0);
                assert_int_equal(move_out(f), 0);
                assert_same(f->home, "host0", before);
                assert_no_state(f);
                delete_link(f->home, "host0");
                free(before);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_hostile_changes, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_hostile_twin, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_nothing_stays_on_top, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_nothing_stays_on_a_card, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_what_was_given_stays_on_top, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_only_the_kernel_answers, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_name_taken_on_host, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_restore_given_back, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_next_before_restored, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_restore_died, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_card, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_card_hidden, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_interrupted_return, interface_setup, interface_teardown),
        };

        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
