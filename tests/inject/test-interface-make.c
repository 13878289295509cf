/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interfaces that are made on top of the host's inside a container: with all that is asked of them, gone
 * after, whatever the container's root did meanwhile, and nothing but them.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <string.h>
#include <unistd.h>

#include "inject/interface-fixture.h"
#include "util/string.h"

static const Item lan = {
        .n_refs = 1,
        .kind = ITEM_INTERFACE,
        .device = "net-host0",
        .path = "lan0",
        .target = "host0",
        .net_mode = NET_MACVLAN,
        .up = true,
};

static int add(Fixture *f, const Item *item) {
        return interface_add(item, f->netns_fd, f->state_fd, "box");
}

static int take(Fixture *f, const Item *item) {
        return interface_remove(item, f->netns_fd, f->state_fd, "box");
}

static void assert_reads(Fixture *f, const Item *item) {
        ItemSet set = {};

        assert_int_equal(interface_read(f->netns_fd, f->state_fd, "box", &set), 0);
        assert_int_equal(set.n_items, item ? 1 : 0);
        if (item)
                assert_true(item_equal(set.items[0], item));
        item_set_deinit(&set);
}

static void mac_of(RouteSocket *socket, const char *name, char mac[32]) {
        struct rtnl_link *link = get_link(socket, name);

        nl_addr2str(rtnl_link_get_addr(link), mac, 32);
        rtnl_link_put(link);
}

static void assert_mac(RouteSocket *socket, const char *name, const char *expected) {
        char mac[32];

        mac_of(socket, name, mac);
        assert_string_equal(mac, expected);
}

static bool has_address(RouteSocket *socket, const char *name, const char *address, const char *broadcast) {
        struct rtnl_link *link = get_link(socket, name);
        struct nl_cache *all = NULL;
        bool found = false;

        assert_int_equal(rtnl_addr_alloc_cache(socket->nl, &all), 0);
        for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
                struct rtnl_addr *a = (struct rtnl_addr *)o;
                char local[64] = "", all_of[64] = "";

                if (rtnl_addr_get_ifindex(a) != rtnl_link_get_ifindex(link))
                        continue;
                nl_addr2str(rtnl_addr_get_local(a), local, sizeof(local));
                if (rtnl_addr_get_broadcast(a))
                        nl_addr2str(rtnl_addr_get_broadcast(a), all_of, sizeof(all_of));
                found = found || (streq(local, address) && streq(all_of, broadcast));
        }
        nl_cache_free(all);
        rtnl_link_put(link);
        return found;
}

static void test_round_trip(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;
        Item item = lan;
        char *before;
        unsigned int n;

        item.mtu = 1300;
        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        n = count_links(f->inside);

        assert_int_equal(add(f, &item), 0);
        link = get_link(f->inside, "lan0");
        assert_string_equal(rtnl_link_get_type(link), "macvlan");
        assert_int_equal(rtnl_link_macvlan_get_mode(link), rtnl_link_macvlan_str2mode("bridge"));
        assert_int_equal(rtnl_link_get_mtu(link), 1300);
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_same(f->home, "host0", before);
        assert_reads(f, &item);
        /* Adding what is there is fine. */
        assert_int_equal(add(f, &item), 0);
        assert_int_equal(count_links(f->inside), n + 1);

        assert_int_equal(take(f, &item), 0);
        assert_int_equal(count_links(f->inside), n);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        assert_reads(f, NULL);
        /* Removing what is gone is fine. */
        assert_int_equal(take(f, &item), 0);
        free(before);
}

static void test_all_that_is_asked(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *link;
        Item item = lan;

        item.net_variant = 1; /* private */
        item.mac = "02:00:5e:10:00:01";
        item.addresses = "192.0.2.10/24 198.51.100.1/31 2001:db8::1/64";
        make_veth(f);
        assert_int_equal(add(f, &item), 0);
        link = get_link(f->inside, "lan0");
        assert_int_equal(rtnl_link_macvlan_get_mode(link), rtnl_link_macvlan_str2mode("private"));
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_mac(f->inside, "lan0", "02:00:5e:10:00:01");
        assert_true(has_address(f->inside, "lan0", "192.0.2.10/24", "192.0.2.255"));
        assert_true(has_address(f->inside, "lan0", "198.51.100.1/31", ""));
        assert_true(has_address(f->inside, "lan0", "2001:db8::1/64", ""));
        assert_reads(f, &item);
        assert_int_equal(take(f, &item), 0);

        item.up = false;
        assert_int_equal(add(f, &item), 0);
        link = get_link(f->inside, "lan0");
        assert_false(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_int_equal(take(f, &item), 0);
        assert_no_state(f);
}

/* What a rule asks of an interface that moves, and what the host had of it after. */
static void test_all_that_is_asked_of_a_moved_one(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;
        Item item = wan;

        item.mac = "02:00:5e:10:00:01";
        item.addresses = "192.0.2.10/24 2001:db8::1/64";
        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(add(f, &item), 0);
        assert_mac(f->inside, "wan0", "02:00:5e:10:00:01");
        assert_true(has_address(f->inside, "wan0", "192.0.2.10/24", "192.0.2.255"));
        assert_true(has_address(f->inside, "wan0", "2001:db8::1/64", ""));
        assert_reads(f, &item);
        assert_int_equal(take(f, &item), 0);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        free(before);
}

/* The address that is made is the same each time, and another for each container, device and host. */
static void test_made_address(void **state) {
        Fixture *f = fixture_or_skip(state);
        char first[32], again[32];
        unsigned int byte;
        Item other = lan;

        make_veth(f);
        dress_link(f->home, "host0");
        assert_int_equal(add(f, &lan), 0);
        mac_of(f->inside, "lan0", first);
        assert_int_equal(sscanf(first, "%2x:", &byte), 1);
        assert_int_equal(byte & 3, 2);
        assert_int_equal(take(f, &lan), 0);
        assert_int_equal(add(f, &lan), 0);
        assert_mac(f->inside, "lan0", first);
        assert_int_equal(take(f, &lan), 0);

        other.device = "net-other";
        assert_int_equal(add(f, &other), 0);
        mac_of(f->inside, "lan0", again);
        assert_string_not_equal(first, again);
        assert_int_equal(take(f, &other), 0);

        assert_int_equal(interface_add(&lan, f->netns_fd, f->state_fd, "box-2"), 0);
        mac_of(f->inside, "lan0", again);
        assert_string_not_equal(first, again);
        assert_int_equal(interface_remove(&lan, f->netns_fd, f->state_fd, "box-2"), 0);

        delete_link(f->home, "host0");
        make_veth(f);
        assert_int_equal(add(f, &lan), 0);
        mac_of(f->inside, "lan0", again);
        assert_string_not_equal(first, again);
        assert_int_equal(take(f, &lan), 0);
}

static void test_passthru_leaves_the_parents_address(void **state) {
        Fixture *f = fixture_or_skip(state);
        Item item = lan;
        char *before;

        item.net_variant = NET_VARIANT_PASSTHRU;
        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(add(f, &item), 0);
        assert_mac(f->inside, "lan0", "02:11:22:33:44:55");
        assert_int_equal(take(f, &item), 0);
        assert_same(f->home, "host0", before);
        free(before);
}

/* The host has one of that name, which older kernels take for the same. */
static void test_name_of_the_parent(void **state) {
        Fixture *f = fixture_or_skip(state);
        Item item = lan;

        item.path = "host0";
        make_veth(f);
        assert_int_equal(add(f, &item), 0);
        assert_true(link_exists(f->inside, "host0"));
        assert_true(link_exists(f->home, "host0"));
        assert_reads(f, &item);
        assert_int_equal(take(f, &item), 0);
        assert_true(link_exists(f->home, "host0"));
        assert_no_state(f);
}

static void test_refused(void **state) {
        Fixture *f = fixture_or_skip(state);
        Item item = lan;
        char *before;

        assert_int_equal(add(f, &item), -ENODEV);
        item.target = "a-name-that-is-too-long";
        assert_int_equal(add(f, &item), -EINVAL);
        item.target = "lo";
        assert_int_equal(add(f, &item), -EINVAL);

        make_veth(f);
        before = dump_link(f->home, "host0");
        item = lan;
        item.path = "lo";
        assert_int_equal(add(f, &item), -EEXIST);
        item = lan;
        item.mtu = 9000; /* more than the parent's */
        assert_int_equal(add(f, &item), -EINVAL);
        item = lan;
        item.addresses = "192.0.2.10/24 nonsense";
        assert_int_equal(add(f, &item), -EINVAL);
        assert_int_equal(count_links(f->inside), 1);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        free(before);
}

/* Kinds that not every kernel has: made, or refused without a trace. */
static void test_other_kinds(void **state) {
        Fixture *f = fixture_or_skip(state);
        static const NetMode modes[] = {NET_IPVLAN, NET_VLAN};

        make_veth(f);
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                Item item = lan;
                int r;

                item.net_mode = modes[i];
                item.vlan = modes[i] == NET_VLAN ? 100 : 0;
                r = add(f, &item);
                if (r >= 0) {
                        struct rtnl_link *link = get_link(f->inside, "lan0");

                        assert_string_equal(rtnl_link_get_type(link), net_mode_to_string(modes[i]));
                        rtnl_link_put(link);
                        assert_reads(f, &item);
                        assert_int_equal(take(f, &item), 0);
                } else
                        assert_int_equal(r, -EOPNOTSUPP);
                assert_int_equal(count_links(f->inside), 1);
                assert_no_state(f);
        }
}

static void test_deleted_inside(void **state) {
        Fixture *f = fixture_or_skip(state);

        for (int by_read = 0; by_read < 2; by_read++) {
                make_veth(f);
                assert_int_equal(add(f, &lan), 0);
                delete_link(f->inside, "lan0");
                if (by_read)
                        assert_reads(f, NULL);
                else
                        assert_int_equal(take(f, &lan), 0);
                assert_no_state(f);
                delete_link(f->home, "host0");
        }
}

/* The parent is unplugged: what is on it goes along, by the kernel. */
static void test_parent_goes(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        assert_int_equal(add(f, &lan), 0);
        delete_link(f->home, "host0");
        assert_false(link_exists(f->inside, "lan0"));
        assert_reads(f, NULL);
        assert_no_state(f);
        assert_int_equal(take(f, &lan), 0);
}

/* Name, address, flags and index are the container's to change. */
static void test_changed_inside(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *wanted = rtnl_link_alloc(), *link;
        struct nl_addr *mac = NULL;

        make_veth(f);
        assert_int_equal(add(f, &lan), 0);
        link = get_link(f->inside, "lan0");
        assert_int_equal(link_set_flags(f->inside, link, 0, IFF_UP), 0);
        assert_int_equal(
                link_add_altname(f->inside, (unsigned int)rtnl_link_get_ifindex(link), "another-name"), 0);
        rtnl_link_put(link);
        assert_int_equal(nl_addr_parse("02:de:ad:be:ef:00", AF_LLC, &mac), 0);
        rtnl_link_set_addr(wanted, mac);
        nl_addr_put(mac);
        rtnl_link_set_name(wanted, "mine");
        change_link(f->inside, "lan0", wanted);
        assert_reads(f, &lan);
        assert_int_equal(take(f, &lan), 0);
        assert_int_equal(count_links(f->inside), 1);
        assert_no_state(f);
}

static void make_sibling(Fixture *f) {
        struct rtnl_link *sibling = rtnl_link_macvlan_alloc(), *parent = get_link(f->home, "host0");

        rtnl_link_set_link(sibling, rtnl_link_get_ifindex(parent));
        rtnl_link_set_ns_fd(sibling, f->netns_fd);
        rtnl_link_set_name(sibling, "own0");
        assert_int_equal(rtnl_link_add(f->home->nl, sibling, NLM_F_CREATE | NLM_F_EXCL), 0);
        rtnl_link_put(parent);
        rtnl_link_put(sibling);
}

/* One on the same parent that the container has by its file is not ours. */
static void test_sibling_stays(void **state) {
        Fixture *f = fixture_or_skip(state);

        make_veth(f);
        make_sibling(f);
        assert_int_equal(add(f, &lan), 0);
        assert_reads(f, &lan);
        assert_int_equal(take(f, &lan), 0);
        assert_true(link_exists(f->inside, "own0"));
        assert_false(link_exists(f->inside, "lan0"));

        assert_int_equal(add(f, &lan), 0);
        delete_link(f->inside, "lan0");
        assert_reads(f, NULL);
        assert_no_state(f);
        assert_true(link_exists(f->inside, "own0"));
}

/* Written down, and then davitd was killed: before the interface was made, and after. */
static void test_interrupted(void **state) {
        Fixture *f = fixture_or_skip(state);
        PropertyList kept = {};

        make_veth(f);
        assert_int_equal(add(f, &lan), 0);
        assert_int_equal(interface_state_load(f->state_fd, "box", "lan0", &kept), 0);
        delete_link(f->inside, "lan0");
        assert_int_equal(add(f, &lan), 0);
        assert_reads(f, &lan);
        assert_int_equal(add(f, &lan), 0);
        assert_int_equal(count_links(f->inside), 2);
        assert_int_equal(take(f, &lan), 0);

        assert_int_equal(interface_state_save(f->state_fd, "box", &kept), 0);
        property_list_deinit(&kept);
        assert_reads(f, NULL);
        assert_no_state(f);
}

/* The container died while davitd was down: its namespace took the interface along. */
static void test_restore(void **state) {
        Fixture *f = fixture_or_skip(state);
        char *before;

        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        assert_int_equal(add(f, &lan), 0);
        delete_link(f->inside, "lan0");
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_same(f->home, "host0", before);
        assert_no_state(f);
        free(before);
}

static void test_sweep_in(void **state) {
        Fixture *f = fixture_or_skip(state);
        Item item = lan;
        unsigned int k;
        char *before;

        item.mtu = 1300;
        item.addresses = "192.0.2.10/24 2001:db8::1/64";
        make_veth(f);
        dress_link(f->home, "host0");
        before = dump_link(f->home, "host0");
        for (k = 1; k < 200; k++) {
                int r;

                interface_calls = 0;
                interface_fail_at = k;
                r = add(f, &item);
                interface_fail_at = 0;
                if (r == 0)
                        break;
                assert_true(r == -ENOMEM || r == -ENOSPC);
                assert_int_equal(count_links(f->inside), 1);
                assert_same(f->home, "host0", before);
                assert_no_state(f);
        }
        /* All of them were reached: name, parent, file, link, two addresses, look, up. */
        assert_in_range(k, 9, 50);
        assert_int_equal(take(f, &item), 0);
        free(before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_all_that_is_asked, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_all_that_is_asked_of_a_moved_one, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_made_address, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_passthru_leaves_the_parents_address, interface_setup,
                                                interface_teardown),
                cmocka_unit_test_setup_teardown(test_name_of_the_parent, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_refused, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_other_kinds, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_deleted_inside, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_parent_goes, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_changed_inside, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_sibling_stays, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_interrupted, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_restore, interface_setup, interface_teardown),
                cmocka_unit_test_setup_teardown(test_sweep_in, interface_setup, interface_teardown),
        };

        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
