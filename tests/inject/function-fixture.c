/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * No machine that tests run on has a card with virtual functions. A veth stands for each function's
 * interface, folders in place of /sys/class/net say that it is a function, and what the card is asked to set
 * is noted in memory that children share.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/if_ether.h>
#include <netlink/route/link/veth.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "inject/function-fixture.h"
#include "util/cleanup.h"
#include "util/fd.h"

Card *card;

int __wrap_link_function_get(struct rtnl_link *link, uint32_t number, char mac[32], LinkTag *ret_tag);
int __wrap_link_function_get(struct rtnl_link *link, uint32_t number, char mac[32], LinkTag *ret_tag) {
        assert_string_equal(rtnl_link_get_name(link), "host0");
        if (number >= card->knows)
                return -EOPNOTSUPP;
        strcpy(mac, card->functions[number].mac);
        *ret_tag = card->functions[number].tag;
        return 0;
}

int __wrap_link_function_set(RouteSocket *socket, struct rtnl_link *link, uint32_t number, const char *mac,
                             const LinkTag *tag);
int __wrap_link_function_set(_unused_ RouteSocket *socket, struct rtnl_link *link, uint32_t number,
                             const char *mac, const LinkTag *tag) {
        assert_string_equal(rtnl_link_get_name(link), "host0");
        assert_true(number < card->knows);
        if (interface_fails_now())
                return -ENOMEM;
        if (mac)
                strcpy(card->functions[number].mac, mac);
        if (tag)
                card->functions[number].tag = *tag;
        return 0;
}

unsigned int function_refusals;

int __real_link_change(RouteSocket *socket, struct rtnl_link *link, struct rtnl_link *change);
int __wrap_link_change(RouteSocket *socket, struct rtnl_link *link, struct rtnl_link *change);
int __wrap_link_change(RouteSocket *socket, struct rtnl_link *link, struct rtnl_link *change) {
        if (rtnl_link_get_addr(change) && function_refusals > 0) {
                function_refusals--;
                return -EADDRNOTAVAIL;
        }
        return __real_link_change(socket, link, change);
}

const Item function = {
        .n_refs = 1,
        .kind = ITEM_INTERFACE,
        .device = "pci-0000:03:00.0",
        .path = "wan0",
        .target = "host0",
        .net_mode = NET_SRIOV,
        .mtu = 1300,
        .up = true,
};

Item tagged_function(void) {
        Item item = function;

        item.mac = "02:00:5e:10:00:01";
        item.vlan = 7;
        return item;
}

const char *function_name(uint32_t number) {
        static const char *const names[N_FUNCTIONS] = {"vf0", "vf1", "vf2", "vf3"};

        return names[number];
}

void show_function(Fixture *f, uint32_t number) {
        struct rtnl_link *link = get_link(f->home, function_name(number));
        char path[128], index[16];

        snprintf(path, sizeof(path), SYS "/host0/device/virtfn%u/net/%s", number, function_name(number));
        assert_int_equal(fd_mkdir_parents(path, 0755), 0);
        strcat(path, "/ifindex");
        snprintf(index, sizeof(index), "%d\n", rtnl_link_get_ifindex(link));
        assert_int_equal(fd_write_file(AT_FDCWD, path, index, strlen(index), 0444), 0);
        rtnl_link_put(link);
}

void hide_interfaces(uint32_t number) {
        char command[128];

        snprintf(command, sizeof(command), "rm -r " SYS "/host0/device/virtfn%u/net/*", number);
        assert_int_equal(system(command), 0);
}

void make_function(Fixture *f, uint32_t number) {
        struct rtnl_link *wanted = rtnl_link_alloc();
        struct nl_addr *mac = NULL;
        char peer[8], text[18];

        snprintf(peer, sizeof(peer), "p%u", number);
        snprintf(text, sizeof(text), "02:11:22:33:44:%02x", number);
        assert_int_equal(rtnl_link_veth_add(f->home->nl, function_name(number), peer, getpid()), 0);
        assert_int_equal(nl_addr_parse(text, AF_LLC, &mac), 0);
        rtnl_link_set_addr(wanted, mac);
        nl_addr_put(mac);
        rtnl_link_set_mtu(wanted, 1400 + number);
        rtnl_link_set_txqlen(wanted, 321);
        rtnl_link_set_group(wanted, 7);
        rtnl_link_set_ifalias(wanted, "one of many");
        change_link(f->home, function_name(number), wanted);
        show_function(f, number);
}

void make_functions(Fixture *f, uint32_t n) {
        make_veth(f);
        memset(card, 0, sizeof(*card));
        card->knows = n;
        for (uint32_t i = 0; i < n; i++) {
                strcpy(card->functions[i].mac, "00:00:00:00:00:00");
                card->functions[i].tag = (LinkTag){.vlan = i, .qos = i, .protocol = ETH_P_8021Q};
                make_function(f, i);
        }
}

int function_setup(void **state) {
        int r = interface_setup(state);

        if (!*state)
                return r;
        if (!card)
                card = mmap(NULL, sizeof(*card), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(card, MAP_FAILED);
        assert_int_equal(mount("tree", SYS, "tmpfs", 0, "mode=0755"), 0);
        return r;
}

int function_teardown(void **state) {
        Fixture *f = *state;

        if (!f)
                return 0;
        interface_before_change = NULL;
        function_refusals = 0;
        for (uint32_t i = 0; i < N_FUNCTIONS; i++) {
                char peer[8];

                snprintf(peer, sizeof(peer), "p%u", i);
                delete_link(f->home, peer);
        }
        assert_int_equal(umount(SYS), 0);
        return interface_teardown(state);
}

char *dump_all(Fixture *f, uint32_t n) {
        char *text = strdup("");

        for (uint32_t i = 0; i < n; i++) {
                const Setting *s = &card->functions[i];
                char *one = link_exists(f->home, function_name(i)) ? dump_link(f->home, function_name(i))
                                                                   : strdup("away\n");
                char *all = NULL;

                assert_true(asprintf(&all, "%s%s%s %u %u %x\n", text, one, s->mac, s->tag.vlan, s->tag.qos,
                                     s->tag.protocol) > 0);
                free(one);
                free(text);
                text = all;
        }
        return text;
}

void assert_all(Fixture *f, uint32_t n, const char *before) {
        char *after = dump_all(f, n);

        assert_lines(after, before);
        free(after);
}

int add(Fixture *f, const Item *item) {
        return interface_add(item, f->netns_fd, f->state_fd, "box");
}

int take(Fixture *f, const Item *item) {
        return interface_remove(item, f->netns_fd, f->state_fd, "box");
}

void assert_reads(Fixture *f, const Item *item) {
        ItemSet set = {};

        assert_int_equal(interface_read(f->netns_fd, f->state_fd, "box", &set), 0);
        assert_int_equal(set.n_items, item ? 1 : 0);
        if (item)
                assert_true(item_equal(set.items[0], item));
        item_set_deinit(&set);
}
