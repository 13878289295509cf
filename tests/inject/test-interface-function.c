/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Virtual functions of a card: dealt one by one, lowest first, none that is in use, with what is asked of the
 * card, and as they were after.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netlink/route/link/veth.h>
#include <string.h>
#include <unistd.h>

#include "inject/function-fixture.h"
#include "model/grant.h"
#include "util/fd.h"

static void test_round_trip(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before, *of_card;
        struct rtnl_link *link;

        make_functions(f, 2);
        before = dump_all(f, 2);
        of_card = dump_link(f->home, "host0");
        assert_int_equal(add(f, &function), 0);
        assert_false(link_exists(f->home, "vf0"));
        assert_true(link_exists(f->home, "vf1"));
        assert_same(f->home, "host0", of_card);
        link = get_link(f->inside, "wan0");
        assert_int_equal(rtnl_link_get_mtu(link), 1300);
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_reads(f, &function);
        /* Adding what is there is fine, and takes no other. */
        assert_int_equal(add(f, &function), 0);
        assert_true(link_exists(f->home, "vf1"));

        assert_int_equal(take(f, &function), 0);
        assert_all(f, 2, before);
        assert_same(f->home, "host0", of_card);
        assert_no_state(f);
        assert_reads(f, NULL);
        assert_int_equal(take(f, &function), 0);
        free(before);
        free(of_card);
}

/* Inside, it is called what it is called on the host. */
static void test_own_name(void **state) {
        Fixture *f = fixture_or_skip(state);
        Item item = function;
        char *before;

        item.path = item.target;
        item.own_name = true;
        make_functions(f, 1);
        before = dump_all(f, 1);
        assert_int_equal(add(f, &item), 0);
        assert_true(link_exists(f->inside, "vf0"));
        assert_reads(f, &item);
        assert_int_equal(add(f, &item), 0);
        assert_int_equal(take(f, &item), 0);
        assert_all(f, 1, before);
        assert_no_state(f);
        free(before);
}

static void test_what_is_asked_of_the_card(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        struct rtnl_link *link;
        char *before, mac[32];

        make_functions(f, 2);
        before = dump_all(f, 2);
        assert_int_equal(add(f, &function), 0); /* asks nothing, so that the second one is next */
        assert_int_equal(interface_add(&(Item){.kind = ITEM_INTERFACE,
                                               .device = item.device,
                                               .path = "wan1",
                                               .target = item.target,
                                               .net_mode = NET_SRIOV,
                                               .mac = item.mac,
                                               .vlan = item.vlan},
                                       f->netns_fd, f->state_fd, "box-2"),
                         0);
        assert_string_equal(card->functions[0].mac, "00:00:00:00:00:00");
        assert_int_equal(card->functions[0].tag.vlan, 0);
        assert_string_equal(card->functions[1].mac, item.mac);
        assert_int_equal(card->functions[1].tag.vlan, 7);
        assert_int_equal(card->functions[1].tag.qos, 0);
        link = get_link(f->inside, "wan1");
        nl_addr2str(rtnl_link_get_addr(link), mac, sizeof(mac));
        assert_string_equal(mac, item.mac);
        rtnl_link_put(link);

        assert_int_equal(interface_move_out(&(Item){.kind = ITEM_INTERFACE, .path = "wan1"}, f->netns_fd,
                                            f->state_fd, "box-2"),
                         0);
        assert_int_equal(take(f, &function), 0);
        assert_all(f, 2, before);
        assert_no_state(f);

        /* What a card does not say could not be put back. */
        card->knows = 0;
        assert_int_equal(add(f, &item), -EOPNOTSUPP);
        assert_no_state(f);
        assert_all(f, 2, before);
        assert_int_equal(add(f, &function), 0);
        assert_int_equal(take(f, &function), 0);
        assert_all(f, 2, before);
        free(before);
}

/* A driver that takes the card's address only when it has reset the function. */
static void test_refused_address(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        struct rtnl_link *link;
        char *before, mac[32];

        make_functions(f, 1);
        before = dump_all(f, 1);
        function_refusals = 2;
        assert_int_equal(add(f, &item), 0);
        assert_int_equal(function_refusals, 0);
        link = get_link(f->inside, "wan0");
        nl_addr2str(rtnl_link_get_addr(link), mac, sizeof(mac));
        assert_string_equal(mac, item.mac);
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_int_equal(take(f, &item), 0);
        assert_all(f, 1, before);

        /* And one that does not as long as it is tried. */
        function_refusals = 20;
        assert_int_equal(add(f, &item), -EADDRNOTAVAIL);
        assert_int_equal(function_refusals, 0);
        assert_all(f, 1, before);
        assert_no_state(f);
        free(before);
}

/* @name below a bridge. Return: whether the kernel has bridges. */
static bool enslave(Fixture *f, const char *name) {
        struct rtnl_link *bridge = rtnl_link_alloc(), *link = get_link(f->home, name);
        int r;

        assert_int_equal(rtnl_link_set_type(bridge, "bridge"), 0);
        rtnl_link_set_name(bridge, "davit0"); /* the fixture takes it away */
        r = rtnl_link_add(f->home->nl, bridge, NLM_F_CREATE | NLM_F_EXCL);
        rtnl_link_put(bridge);
        if (r >= 0) {
                bridge = get_link(f->home, "davit0");
                assert_int_equal(rtnl_link_enslave(f->home->nl, bridge, link), 0);
                rtnl_link_put(bridge);
        }
        rtnl_link_put(link);
        return r >= 0;
}

static void test_used_ones_stay(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *wanted = rtnl_link_alloc();
        char *before;

        make_functions(f, 4);
        rtnl_link_set_flags(wanted, IFF_UP);
        change_link(f->home, "vf0", wanted);
        add_address(f->home, "vf1", "192.0.2.7/24 - 192.0.2.255 0 0");
        if (!enslave(f, "vf2"))
                hide_interfaces(2);
        before = dump_all(f, 4);

        assert_int_equal(add(f, &function), 0);
        assert_false(link_exists(f->home, "vf3"));
        assert_int_equal(take(f, &function), 0);
        assert_all(f, 4, before);

        wanted = rtnl_link_alloc();
        rtnl_link_set_flags(wanted, IFF_UP);
        change_link(f->home, "vf3", wanted);
        assert_int_equal(add(f, &function), GRANT_NO_FUNCTION);
        assert_no_state(f);
        free(before);
}

/* One that a virtual machine has is without an interface; a card may have no functions at all. */
static void test_none(void **state) {
        Fixture *f = fixture_or_skip(state);

        assert_int_equal(add(f, &function), -ENODEV);
        make_veth(f);
        assert_int_equal(add(f, &function), GRANT_NO_FUNCTION);
        assert_string_equal(grant_error_to_string(GRANT_NO_FUNCTION), "No free virtual function");
        assert_int_equal(fd_mkdir_parents(SYS "/host0/device/virtfn0", 0755), 0);
        assert_int_equal(add(f, &function), GRANT_NO_FUNCTION);
        make_function(f, 1);
        assert_int_equal(add(f, &function), 0);
        assert_false(link_exists(f->home, "vf1"));
        assert_int_equal(take(f, &function), 0);
        assert_no_state(f);
}

static void test_name_taken_inside(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        char *before;

        make_functions(f, 1);
        before = dump_all(f, 1);
        assert_int_equal(rtnl_link_veth_add(f->inside->nl, "wan0", "wan1", f->holder), 0);
        assert_int_equal(add(f, &item), -EEXIST);
        assert_all(f, 1, before);
        assert_no_state(f);
        free(before);
}

static Fixture *hooked;

static void somebody_takes_the_first(void) {
        interface_before_change = NULL;
        delete_link(hooked->home, "p0");
}

static void test_taken_meanwhile(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();

        for (int n = 1; n <= 2; n++) {
                make_functions(f, (uint32_t)n);
                hooked = f;
                interface_before_change = somebody_takes_the_first;
                assert_int_equal(add(f, &item), n > 1 ? 0 : GRANT_NO_FUNCTION);
                assert_null(interface_before_change);
                if (n > 1) {
                        assert_reads(f, &item);
                        assert_string_equal(card->functions[0].mac, "00:00:00:00:00:00");
                        assert_string_equal(card->functions[1].mac, item.mac);
                        assert_int_equal(take(f, &item), 0);
                        assert_true(link_exists(f->home, "vf1"));
                }
                assert_no_state(f);
                delete_link(f->home, "host0");
                delete_link(f->home, "p1");
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, function_setup, function_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_round_trip),
                TEST(test_own_name),
                TEST(test_what_is_asked_of_the_card),
                TEST(test_refused_address),
                TEST(test_used_ones_stay),
                TEST(test_none),
                TEST(test_name_taken_inside),
                TEST(test_taken_meanwhile),
        };

        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
