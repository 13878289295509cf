/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interfaces that go into a container and come back as they were, also where any one call on the way fails.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <netlink/route/link/veth.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "inject/interface-fixture.h"

static void round_trip(Fixture *f) {
        struct rtnl_link *link;
        char *before = dump_link(f->home, "host0");

        assert_int_equal(move_in(f), 0);
        assert_false(link_exists(f->home, "host0"));
        link = get_link(f->inside, "wan0");
        assert_int_equal(rtnl_link_get_mtu(link), 1300);
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_present(f, 1);
        /* Adding what is there is fine. */
        assert_int_equal(move_in(f), 0);
        assert_present(f, 1);

        assert_int_equal(move_out(f), 0);
        assert_false(link_exists(f->inside, "wan0"));
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        assert_present(f, 0);
        /* Removing what is gone is fine. */
        assert_int_equal(move_out(f), 0);
        free(before);
}

static void test_round_trip_veth(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        dress_link(f->home, "host0");
        round_trip(f);
}

static void test_round_trip_macvlan(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_macvlan(f);
        dress_link(f->home, "host0");
        round_trip(f);
}

static void test_round_trip_ifb(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_ifb(f); /* it takes no other address */
        add_address(f->home, "host0", "192.0.2.7/24 - 192.0.2.255 0 0");
        round_trip(f);
}

/* One that was down comes back down. */
static void test_round_trip_down(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        before = dump_link(f->home, "host0");
        assert_int_equal(move_in(f), 0);
        assert_int_equal(move_out(f), 0);
        assert_same(f->home, "host0", before);
        free(before);
}

static void test_refused(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "tap0"};
        Item item = wan;
        char *before;
        int fd;

        assert_int_equal(move_in(f), -ENODEV);
        item.target = "lo";
        assert_int_equal(interface_move_in(&item, f->netns_fd, f->state_fd, "box"), -EOPNOTSUPP);
        item.target = "a-name-that-is-too-long";
        assert_int_equal(interface_move_in(&item, f->netns_fd, f->state_fd, "box"), -EINVAL);

        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
                assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
                item.target = "tap0";
                assert_int_equal(interface_move_in(&item, f->netns_fd, f->state_fd, "box"), -EOPNOTSUPP);
                close(fd);
        }

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(rtnl_link_veth_add(f->inside->nl, "wan0", "wan1", getpid()), 0);
        delete_link(f->home, "wan1");
        assert_int_equal(rtnl_link_veth_add(f->inside->nl, "wan0", "wan1", f->holder), 0);
        assert_int_equal(move_in(f), -EEXIST);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        free(before);
}

static void test_deleted_inside(void **state) {
        Fixture *f = fixture_or_skip(state);

        for (int by_read = 0; by_read < 2; by_read++) {
                make_veth(f);
                assert_int_equal(move_in(f), 0);
                delete_link(f->inside, "wan0");
                if (by_read)
                        assert_present(f, 0);
                else
                        assert_int_equal(move_out(f), 0);
                assert_no_state(f);
        }
}

/* All of it, or two cards of one maker would be the same. */
static void test_burnt_in_address(void **state) {
        Fixture *f = fixture_or_skip(state);
        char bus[LINK_BUS_SIZE], permanent[LINK_PERMANENT_SIZE];

        make_veth(f);
        __real_link_read_hardware(f->home, "host0", bus, permanent);
        assert_string_equal(bus, "");
        assert_string_equal(permanent, "00:00:00:00:00:00"); /* none is burnt into it */
        __real_link_read_hardware(f->home, "nothing", bus, permanent);
        assert_string_equal(permanent, "");
}

/* Two interfaces of one container are told apart, and another container's files are left alone. */
static void test_siblings(void **state) {
        Fixture *f = fixture_or_skip(state);
        Item other = wan;
        ItemSet set = {};

        make_veth(f);
        other.path = "wan1";
        other.target = "lower0";
        assert_int_equal(interface_move_in(&other, f->netns_fd, f->state_fd, "box-2"), 0);
        assert_int_equal(move_in(f), -EOPNOTSUPP); /* its peer is in a third namespace now */
        assert_present(f, 0);
        assert_int_equal(interface_read(f->netns_fd, f->state_fd, "box-2", &set), 0);
        assert_int_equal(set.n_items, 1);
        item_set_deinit(&set);
        assert_int_equal(interface_move_out(&other, f->netns_fd, f->state_fd, "box-2"), 0);
        assert_true(link_exists(f->home, "lower0"));
        assert_int_equal(move_in(f), 0);
        assert_present(f, 1);
        assert_int_equal(move_out(f), 0);
        assert_no_state(f);
}

static void test_sweep_in(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int k;
        char *before;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        for (k = 1; k < 200; k++) {
                int r;

                interface_calls = 0;
                interface_fail_at = k;
                r = move_in(f);
                interface_fail_at = 0;
                if (r == 0)
                        break;
                assert_true(r == -ENOMEM || r == -ENOSPC);
                assert_false(link_exists(f->inside, "wan0"));
                assert_same(f->home, "host0", before);
                assert_no_state(f);
        }
        /* All of them were reached: look, name, file, move, look, file, MTU, up. */
        assert_in_range(k, 9, 50);
        assert_int_equal(move_out(f), 0);
        assert_same(f->home, "host0", before);
        free(before);
}

static void test_sweep_out(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int k, n_failed = 0;
        char *before;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        for (k = 1; k < 200; k++) {
                unsigned int n_calls;
                int r;

                assert_int_equal(move_in(f), 0);
                interface_calls = 0;
                interface_fail_at = k;
                r = move_out(f);
                n_calls = interface_calls;
                interface_fail_at = 0;
                if (r < 0) {
                        assert_int_equal(r, -ENOMEM);
                        n_failed++;
                        assert_int_equal(move_out(f), 0);
                }
                assert_same(f->home, "host0", before);
                assert_no_state(f);
                if (n_calls < k)
                        break;
        }
        assert_in_range(n_failed, 8, 50);
        free(before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip_veth, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_round_trip_macvlan, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_round_trip_ifb, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_round_trip_down, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_refused, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_deleted_inside, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_burnt_in_address, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_siblings, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_sweep_in, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_sweep_out, interface_setup, interface_teardown),
        };

        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
