/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a grant consists of: devices as the kernel tells of them, and the items that they mean.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "plan/wanted-world.h"

static void describe(const ItemSet *set, char *text, size_t size) {
        text[0] = '\0';
        for (size_t i = 0; i < set->n_items; i++) {
                const Item *item = set->items[i];

                snprintf(text + strlen(text), size - strlen(text), "%s %s", item_kind_to_string(item->kind),
                         item->path);
                if (item->kind == ITEM_NODE)
                        snprintf(text + strlen(text), size - strlen(text), " %c%u:%u %u:%u %04o", item->type,
                                 major(item->rdev), minor(item->rdev), item->uid, item->gid, item->mode);
                if (item->target)
                        snprintf(text + strlen(text), size - strlen(text), " -> %s", item->target);
                snprintf(text + strlen(text), size - strlen(text), "\n");
        }
}

static void assert_items(World *world, Device *device, const char *container, bool manual,
                         const char *expected) {
        _cleanup_(item_set_deinit) ItemSet items = {};
        Container *c = registry_container(&world->registry, container);
        const Rule *rule = wanted_deciding_rule(world->rules, device, c, NULL);
        char text[2048];

        assert_int_equal(wanted_items(device, c, rule ? &rule->give : &GIVE_DEFAULT, manual, &items), 0);
        describe(&items, text, sizeof(text));
        assert_string_equal(text, expected);
}

static void test_items_of_a_phone(_unused_ void **state) {
        World world;

        set_up(&world,
               POLICY(RULE("link", "{ serial: A }",
                           "give: { to: c1, owner: \"1000:44\", mode: \"0600\", symlink: "
                           "\"/dev/phones/{serial}\" }")
                              RULE("hostile", "{ serial: \"*x*\" }",
                                   "give: { to: c1, symlink: \"/dev/phones/{serial}\" }")
                                      RULE("usb only", "{ class: usb }", "give: { to: c1, nodes: [tty] }")));
        run(&world, "c1");
        assert_items(&world, plug_phone(&world, "3-1", "002", "A"), "c1", false,
                     "right c189:257\n"
                     "node bus/usb/003/002 c189:257 101000:200044 0600\n"
                     "link phones/A -> ../bus/usb/003/002\n"
                     "data c189:257\n"
                     "event /devices/platform/vhci_hcd.0/usb3/3-1\n");
        /* a serial is the device's own words, and no path */
        assert_items(&world, plug_phone(&world, "3-2", "003", "../../x"), "c1", false,
                     "right c189:258\n"
                     "node bus/usb/003/003 c189:258 100000:200000 0660\n"
                     "link phones/\\x2e.\\x2f..\\x2fx -> ../bus/usb/003/003\n"
                     "data c189:258\n"
                     "event /devices/platform/vhci_hcd.0/usb3/3-2\n");
        assert_items(&world, plug_phone(&world, "3-3", "004", "B"), "c1", false, "");
        tear_down(&world);
}

/* Every container has it already. */
static void test_items_of_tun(_unused_ void **state) {
        static const char *const tun[] = {"DEVPATH",   "/devices/virtual/misc/tun",
                                          "SUBSYSTEM", "misc",
                                          "DEVNAME",   "/dev/net/tun",
                                          "MAJOR",     "10",
                                          "MINOR",     "200",
                                          NULL};
        World world;

        set_up(&world, POLICY(RULE("tun", "{ path: /dev/net/tun }", "give: { to: c1, mode: \"0600\" }")));
        run(&world, "c1");
        assert_items(&world, plug(&world, tun), "c1", false, "");
        tear_down(&world);
}

/* The card has no node, and sound servers look for it: an entry and an event, wherever its nodes are given.
 */
static void test_items_of_a_sound_card(_unused_ void **state) {
#define CARD "/devices/platform/snd_aloop.0/sound/card0"
        static const char *const control[] = {
                "DEVPATH", CARD "/controlC0", "SUBSYSTEM", "sound", "DEVNAME", "/dev/snd/controlC0", "MAJOR",
                "116",     "MINOR",           "6",         NULL};
        static const char *const card[] = {"DEVPATH", CARD,   "SUBSYSTEM", "sound", "SOUND_INITIALIZED",
                                           "1",       "TAGS", ":seat:",    NULL};
        static const char *const function[] = {"DEVPATH", "/devices/platform/snd_aloop.0", "SUBSYSTEM",
                                               "platform", NULL};
        _cleanup_(item_set_deinit) ItemSet items = {};
        const Item *data;
        Device *device;
        World world;

        set_up(&world, POLICY(RULE("sound", "{ class: sound, property: { SOUND_INITIALIZED: \"1\" } }",
                                   "give: { to: c1 }")
                                      RULE("not", "{ class: sound }", "give: { to: c2, nodes: [video] }")));
        run(&world, "c1");
        run(&world, "c2");
        device = plug(&world, control);
        plug(&world, card);
        plug(&world, function);
        assert_items(&world, device, "c1", false,
                     "right c116:6\n"
                     "node snd/controlC0 c116:6 100000:200000 0660\n"
                     "data +sound:card0\n"
                     "data c116:6\n"
                     "event " CARD "\n"
                     "event " CARD "/controlC0\n");
        assert_items(&world, device, "c2", false, "");

        assert_int_equal(
                wanted_items(device, registry_container(&world.registry, "c1"), &GIVE_DEFAULT, false, &items),
                0);
        data = item_set_find(&items, &(Item){.kind = ITEM_DATA, .path = "+sound:card0"});
        assert_string_equal(data->text, "E:SOUND_INITIALIZED=1\nG:seat\nQ:seat\nV:1\n");
        tear_down(&world);
#undef CARD
}

/* One link for several nodes: whose it is does not depend on which came first. */
static void test_link_of_several_nodes(_unused_ void **state) {
        static const struct {
                const char *subsystem, *name;
        } nodes[] = {{"media", "media0"},
                     {"video4linux", "video10"},
                     {"sound", "snd/controlC0"},
                     {"video4linux", "video2"},
                     {"hidraw", "hidraw0"}};

        for (size_t turn = 0; turn < ELEMENTSOF(nodes); turn++)
                for (unsigned int back = 0; back < 2; back++) {
                        _cleanup_(item_set_deinit) ItemSet items = {};
                        const Item *link;
                        World world;
                        Device *device = NULL;

                        set_up(&world, POLICY(RULE("camera", "{ class: video }",
                                                   "give: { to: c1, nodes: [video, hidraw], symlink: "
                                                   "\"/dev/camera\" }")));
                        run(&world, "c1");
                        for (size_t i = 0; i < ELEMENTSOF(nodes); i++) {
                                size_t at = (turn + (back ? ELEMENTSOF(nodes) - i : i)) % ELEMENTSOF(nodes);
                                char devpath[128], name[32], minor[8];

                                snprintf(devpath, sizeof(devpath), "/devices/platform/cam.0/%s/%s",
                                         nodes[at].subsystem, nodes[at].name);
                                snprintf(name, sizeof(name), "/dev/%s", nodes[at].name);
                                snprintf(minor, sizeof(minor), "%zu", at);
                                device = plug(&world,
                                              (const char *const[]){"DEVPATH", devpath, "SUBSYSTEM",
                                                                    nodes[at].subsystem, "DEVNAME", name,
                                                                    "MAJOR", "240", "MINOR", minor, NULL});
                        }
                        assert_int_equal(wanted_items(device, registry_container(&world.registry, "c1"),
                                                      &rule_set_get(world.rules, 0)->give, false, &items),
                                         0);
                        link = item_set_find(&items, &(Item){.kind = ITEM_LINK, .path = "camera"});
                        assert_non_null(link);
                        /* In the order of the words for kinds in the man page: hidraw before video. */
                        assert_string_equal(link->target, "hidraw0");
                        item_set_deinit(&items);
                        assert_int_equal(wanted_items(device, registry_container(&world.registry, "c1"),
                                                      &(Give){.share = 1,
                                                              .kinds = 1U << PART_VIDEO,
                                                              .symlink = (char *)"camera"},
                                                      false, &items),
                                         0);
                        link = item_set_find(&items, &(Item){.kind = ITEM_LINK, .path = "camera"});
                        assert_string_equal(link->target, "video2");
                        tear_down(&world);
                }
}

static void test_items_of_an_interface(_unused_ void **state) {
        static const char *const veth[] = {"DEVPATH",   "/devices/virtual/net/veth0",
                                           "SUBSYSTEM", "net",
                                           "INTERFACE", "veth0",
                                           "IFINDEX",   "12",
                                           NULL};
        World world;
        Device *device;

        set_up(&world, POLICY(RULE("any", "{ class: any }", "give: { to: c1 }") RULE(
                               "wan", "{ class: net }", "give: { to: c2, net: { name: wan0, mtu: 1400 } }")));
        run(&world, "c1");
        run(&world, "c2");
        device = plug(&world, veth);
        /* a rule that does not say `net:` takes no interface from the host */
        assert_items(&world, device, "c1", false, "");
        assert_items(&world, device, "c1", true, "interface veth0 -> veth0\n");
        assert_items(&world, device, "c2", false, "interface wan0 -> veth0\n");
        tear_down(&world);
}

/* What a rule asks of one interface is for the first of a device that has several. */
static void test_items_of_two_interfaces(_unused_ void **state) {
        static const char *const first[] = {"DEVPATH",   "/devices/pci0000:00/0000:00:03.0/net/ens3",
                                            "SUBSYSTEM", "net",
                                            "INTERFACE", "ens3",
                                            "IFINDEX",   "3",
                                            NULL};
        static const char *const second[] = {"DEVPATH",   "/devices/pci0000:00/0000:00:03.0/net/ens3d1",
                                             "SUBSYSTEM", "net",
                                             "INTERFACE", "ens3d1",
                                             "IFINDEX",   "4",
                                             NULL};
        _cleanup_(item_set_deinit) ItemSet items = {};
        const Item *asked, *other;
        World world;
        Device *device;

        set_up(&world, POLICY(RULE("lan", "{ class: net }",
                                   "give: { to: c1, net: { name: lan0, mode: macvlan, macvlan: vepa, mtu: "
                                   "1400, up: no, mac: 02:00:5e:10:00:01, address: 192.0.2.1/24 } }")));
        run(&world, "c1");
        device = plug(&world, first);
        assert_ptr_equal(plug(&world, second), device);
        assert_int_equal(wanted_items(device, registry_container(&world.registry, "c1"),
                                      &rule_set_get(world.rules, 0)->give, false, &items),
                         0);
        assert_int_equal(items.n_items, 2);
        asked = items.items[1];
        other = items.items[0];
        assert_string_equal(asked->path, "lan0");
        assert_string_equal(asked->target, "ens3");
        assert_string_equal(asked->mac, "02:00:5e:10:00:01");
        assert_string_equal(asked->addresses, "192.0.2.1/24");
        assert_string_equal(other->path, "ens3d1");
        assert_string_equal(other->target, "ens3d1");
        assert_null(other->mac);
        assert_null(other->addresses);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(items.items[i]->net_mode, NET_MACVLAN);
                assert_string_equal(net_variant_to_string(NET_MACVLAN, items.items[i]->net_variant), "vepa");
                assert_int_equal(items.items[i]->mtu, 1400);
                assert_false(items.items[i]->up);
                assert_false(item_takes_interface(items.items[i]));
        }
        tear_down(&world);
}

/* The card stays, and gives one function, whatever number of interfaces it has. */
static void test_items_of_functions(_unused_ void **state) {
        static const char *const first[] = {"DEVPATH",   "/devices/pci0000:00/0000:00:03.0/net/ens3",
                                            "SUBSYSTEM", "net",
                                            "INTERFACE", "ens3",
                                            "IFINDEX",   "3",
                                            NULL};
        static const char *const second[] = {"DEVPATH",   "/devices/pci0000:00/0000:00:03.0/net/ens3d1",
                                             "SUBSYSTEM", "net",
                                             "INTERFACE", "ens3d1",
                                             "IFINDEX",   "4",
                                             NULL};
        static const char *const names[] = {"ens3", "eth0"};
        World world;
        Device *device;

        set_up(&world, POLICY(RULE("a", "{ class: net }", "give: { to: c1, net: { mode: sriov, vlan: 7 } }")
                                      RULE("b", "{ class: net }",
                                           "give: { to: c2, net: { mode: sriov, name: eth0, mtu: 1400 } }")));
        run(&world, "c1");
        device = plug(&world, first);
        assert_ptr_equal(plug(&world, second), device);
        for (uint32_t i = 0; i < 2; i++) {
                _cleanup_(item_set_deinit) ItemSet items = {};
                const Item *item;

                assert_int_equal(wanted_items(device, registry_container(&world.registry, "c1"),
                                              &rule_set_get(world.rules, i)->give, false, &items),
                                 0);
                assert_int_equal(items.n_items, 1);
                item = items.items[0];
                assert_string_equal(item->path, names[i]);
                assert_string_equal(item->target, "ens3");
                assert_int_equal(item->net_mode, NET_SRIOV);
                assert_int_equal(item->own_name, i == 0);
                assert_int_equal(item->vlan, i == 0 ? 7 : 0);
                assert_false(item_takes_interface(item));
        }
        tear_down(&world);
}

/* Each of them makes another interface of it. */
static void test_interfaces_that_differ(_unused_ void **state) {
        const Item one = {
                .n_refs = 1,
                .kind = ITEM_INTERFACE,
                .device = "net-veth0",
                .path = "lan0",
                .target = "veth0",
                .net_mode = NET_MACVLAN,
        };
        Item other[10];

        for (size_t i = 0; i < ELEMENTSOF(other); i++)
                other[i] = one;
        other[1].target = "veth1";
        other[2].net_mode = NET_VLAN;
        other[3].net_variant = 1;
        other[4].vlan = 1;
        other[5].up = true;
        other[6].mtu = 1400;
        other[7].mac = "02:00:5e:10:00:01";
        other[8].addresses = "192.0.2.1/24";
        other[9].own_name = true;
        for (size_t i = 0; i < ELEMENTSOF(other); i++) {
                _cleanup_(item_unrefp) Item *copy = NULL;

                assert_int_equal(item_new(&other[i], &copy), 0);
                assert_true(item_equal(copy, &other[i]));
                assert_int_equal(item_equal(copy, &one), i == 0);
        }
}

static void test_owner_without_id(_unused_ void **state) {
        ItemSet items = {};
        World world;
        Device *phone;
        Give give = GIVE_DEFAULT;

        set_up(&world, POLICY(RULE("r", "{ class: usb }", "give: { to: c1 }")));
        run(&world, "c1");
        phone = plug_phone(&world, "3-1", "002", "A");
        give.uid = 70000;
        assert_int_equal(wanted_items(phone, registry_container(&world.registry, "c1"), &give, false, &items),
                         -ERANGE);
        tear_down(&world);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_items_of_a_phone),      cmocka_unit_test(test_items_of_tun),
                cmocka_unit_test(test_items_of_a_sound_card), cmocka_unit_test(test_link_of_several_nodes),
                cmocka_unit_test(test_items_of_an_interface), cmocka_unit_test(test_items_of_two_interfaces),
                cmocka_unit_test(test_items_of_functions),    cmocka_unit_test(test_interfaces_that_differ),
                cmocka_unit_test(test_owner_without_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
