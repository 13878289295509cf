/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/world.h"

static void test_kind_names(void **state) {
        for (PartKind kind = 0; kind < PART_KIND_MAX; kind++) {
                assert_non_null(part_kind_to_string(kind));
                assert_int_equal(part_kind_from_string(part_kind_to_string(kind)), kind);
        }
        assert_null(part_kind_to_string(PART_KIND_MAX));
        assert_null(part_kind_to_string(PART_KIND_INVALID));
        assert_int_equal(part_kind_from_string("USB"), PART_KIND_INVALID);
        assert_int_equal(part_kind_from_string(NULL), PART_KIND_INVALID);
}

static void test_kinds(void **state) {
        static const struct {
                const char *subsystem, *devname, *name;
                PartKind kind;
        } cases[] = {
                {"usb", "/dev/bus/usb/003/017", "bus/usb/003/017", PART_USB},
                {"usb", "bus/usb/003/017", "bus/usb/003/017", PART_USB},
                {"usbmisc", "/dev/cdc-wdm0", "cdc-wdm0", PART_OTHER},
                {"tty", "ttyACM0", "ttyACM0", PART_TTY},
                {"hidraw", "/dev/hidraw1", "hidraw1", PART_HIDRAW},
                {"sound", "/dev/snd/controlC0", "snd/controlC0", PART_SOUND},
                {"video4linux", "/dev/video0", "video0", PART_VIDEO},
                {"media", "/dev/media0", "media0", PART_VIDEO},
                {"input", "/dev/input/event4", "input/event4", PART_INPUT},
                {"drm", "/dev/dri/card0", "dri/card0", PART_CARD},
                {"drm", "/dev/dri/renderD128", "dri/renderD128", PART_RENDER},
                {"drm", "/dev/dri/controlD64", "dri/controlD64", PART_OTHER},
                {"block", "/dev/sda", "sda", PART_BLOCK},
                {"macvtap", "/dev/tap5", "tap5", PART_TAP},
                {"ipvtap", "/dev/tap6", "tap6", PART_TAP},
                {"tpm", "/dev/tpm0", "tpm0", PART_OTHER},
                {"misc", "/dev/net/tun", "net/tun", PART_OTHER},
                {"misc", "/dev/..hidden", "..hidden", PART_OTHER},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char subsystem[64], devname[128];
                _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
                _cleanup_(part_freep) Part *part = NULL;

                snprintf(subsystem, sizeof(subsystem), "SUBSYSTEM=%s", cases[i].subsystem);
                snprintf(devname, sizeof(devname), "DEVNAME=%s", cases[i].devname);
                event = EVENT(UEVENT_ADD, "DEVPATH=/devices/x", subsystem, devname, "MAJOR=188", "MINOR=0");
                assert_int_equal(part_new(&event.properties, &part), 0);
                assert_string_equal(part->name, cases[i].name);
                assert_int_equal(part->kind, cases[i].kind);
                assert_int_equal(part->type, streq(cases[i].subsystem, "block") ? 'b' : 'c');
                assert_true(part_is_node(part));
                assert_true(part->rdev == makedev(188, 0));
                assert_string_equal(part->subsystem, cases[i].subsystem);
                assert_true(part_is_of_interest(&event.properties));
        }
}

/* Found in /dev alone: nothing tells of it inside either. */
static void test_found(void **state) {
        _cleanup_(uevent_deinit) Uevent character =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/virtual/node/a", "SUBSYSTEM=node", "DEVNAME=/dev/a",
                      "MAJOR=240", "MINOR=0");
        _cleanup_(uevent_deinit) Uevent block =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/virtual/node/b", "SUBSYSTEM=node", "DEVTYPE=block",
                      "DEVNAME=/dev/b", "MAJOR=240", "MINOR=0");
        _cleanup_(part_freep) Part *a = NULL, *b = NULL;

        assert_int_equal(part_new(&character.properties, &a), 0);
        assert_int_equal(part_new(&block.properties, &b), 0);
        assert_true(a->silent && b->silent && !a->shared && !b->shared);
        assert_int_equal(a->type, 'c');
        assert_int_equal(a->kind, PART_OTHER);
        assert_int_equal(b->type, 'b');
        assert_int_equal(b->kind, PART_BLOCK);
}

static void test_interface(void **state) {
        _cleanup_(uevent_deinit) Uevent event = EVENT(UEVENT_ADD, "DEVPATH=/devices/x/net/eth0",
                                                      "SUBSYSTEM=net", "INTERFACE=eth0", "IFINDEX=7");
        _cleanup_(part_freep) Part *part = NULL;

        assert_int_equal(part_new(&event.properties, &part), 0);
        assert_int_equal(part->kind, PART_NET);
        assert_string_equal(part->name, "eth0");
        assert_int_equal(part->ifindex, 7);
        assert_false(part_is_node(part));
        assert_int_equal(part->node_key, 0);
        /* What belongs to the event is not kept. */
        assert_null(property_list_get(&part->properties, "ACTION"));
        assert_null(property_list_get(&part->properties, "SEQNUM"));
        assert_string_equal(property_list_get(&part->properties, "IFINDEX"), "7");
}

/* A USB interface has an INTERFACE, too. */
static void test_bare(void **state) {
        _cleanup_(uevent_deinit) Uevent event =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/x/3-1:1.0", "SUBSYSTEM=usb", "INTERFACE=255/66/1",
                      "PRODUCT=18d1/4ee7/540");
        _cleanup_(uevent_deinit) Uevent queue =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/x/rx-0", "SUBSYSTEM=queues");
        _cleanup_(part_freep) Part *part = NULL;

        assert_int_equal(part_new(&event.properties, &part), 0);
        assert_int_equal(part->kind, PART_BARE);
        assert_null(part->name);
        assert_int_equal(part->type, '\0');
        assert_true(part_is_of_interest(&event.properties));
        assert_false(part_is_of_interest(&queue.properties));
}

/* Of what has no node in its class a card alone is a part. */
static void test_sound_card(void **state) {
        static const char *const others[] = {"DEVPATH=/devices/virtual/sound/ctl-led",
                                             "DEVPATH=/devices/x/sound/card",
                                             "DEVPATH=/devices/x/sound/card0x"};
        _cleanup_(uevent_deinit) Uevent event =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/x/sound/card12", "SUBSYSTEM=sound");
        _cleanup_(uevent_deinit) Uevent control =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/x/sound/card12/controlC12", "SUBSYSTEM=sound",
                      "DEVNAME=snd/controlC12", "MAJOR=116", "MINOR=0");
        _cleanup_(part_freep) Part *card = NULL, *node = NULL;

        assert_true(part_is_of_interest(&event.properties));
        assert_int_equal(part_new(&event.properties, &card), 0);
        assert_int_equal(card->kind, PART_BARE);
        assert_true(part_is_sound_card(card));
        assert_int_equal(part_new(&control.properties, &node), 0);
        assert_false(part_is_sound_card(node));

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_(uevent_deinit) Uevent other = EVENT(UEVENT_ADD, others[i], "SUBSYSTEM=sound");

                assert_false(part_is_of_interest(&other.properties));
        }
}

/* What happened is the event's, and no news of the part. */
static void test_event_properties(void **state) {
        _cleanup_(uevent_deinit) Uevent add =
                EVENT(UEVENT_ADD, "ACTION=add", "DEVPATH=/devices/x/drm/card0", "SUBSYSTEM=drm", "ID_PATH=x");
        _cleanup_(uevent_deinit) Uevent change =
                EVENT(UEVENT_CHANGE, "ACTION=change", "SEQNUM=7", "DEVPATH=/devices/x/drm/card0",
                      "SUBSYSTEM=drm", "HOTPLUG=1", "ID_PATH=x", "CONNECTOR=77");
        _cleanup_(property_list_deinit) PropertyList own = {};
        _cleanup_(part_freep) Part *part = NULL;

        assert_int_equal(part_event_properties(&add.properties, &own), 0);
        assert_int_equal(own.size, 0);
        assert_int_equal(part_event_properties(&change.properties, &own), 0);
        assert_int_equal(own.size, sizeof("HOTPLUG=1") + sizeof("CONNECTOR=77"));
        assert_string_equal(property_list_get(&own, "HOTPLUG"), "1");
        assert_string_equal(property_list_get(&own, "CONNECTOR"), "77");

        assert_int_equal(part_new(&add.properties, &part), 0);
        assert_int_equal(part_update(part, &change.properties, /* replace= */ false), 0);
        assert_int_equal(part_update(part, &change.properties, /* replace= */ true), 0);
        assert_null(property_list_get(&part->properties, "HOTPLUG"));
}

static void test_cdi(_unused_ void **state) {
        /* A number in it would make no node of it. */
        _cleanup_(uevent_deinit) Uevent event =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/virtual/cdi/v:c:n", "SUBSYSTEM=cdi", "CDI_DEVICE=v/c=n",
                      "DEVNAME=/dev/null", "MAJOR=1", "MINOR=3", "INTERFACE=eth0", "IFINDEX=2");
        char *env[] = {(char *)"A=1"};
        const Edits edits = {.env = env, .n_env = 1}, others = {.rdt = true};
        _cleanup_(part_freep) Part *part = NULL;
        const Edits *kept;

        assert_true(part_is_of_interest(&event.properties));
        assert_int_equal(part_new(&event.properties, &part), 0);
        assert_int_equal(part->kind, PART_CDI);
        assert_false(part_is_node(part));
        assert_int_equal(part->node_key, 0);
        assert_int_equal(part->ifindex, 0);
        assert_null(part->name);
        assert_false(PART_KINDS_NODES & 1U << PART_CDI);

        assert_null(part->edits);
        assert_int_equal(part_set_edits(part, NULL), 0);
        assert_int_equal(part_set_edits(part, &edits), 1);
        kept = part->edits;
        assert_ptr_not_equal(kept, &edits);
        assert_true(edits_equal(kept, &edits));
        assert_int_equal(part_set_edits(part, &edits), 0);
        assert_ptr_equal(part->edits, kept);
        assert_int_equal(part_set_edits(part, &others), 1);
        assert_true(edits_equal(part->edits, &others));
        assert_int_equal(part_set_edits(part, NULL), 1);
        assert_null(part->edits);
        /* None, and some that say nothing, are two things. */
        assert_int_equal(part_set_edits(part, &(Edits){}), 1);
        assert_non_null(part->edits);
}

#define NODE "SUBSYSTEM=tty", "DEVPATH=/devices/x"
#define NET  "SUBSYSTEM=net", "DEVPATH=/devices/x"

#define LONG16  "0123456789abcdef"
#define LONG128 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16

static void test_bad(void **state) {
        static const char *const cases[][6] = {
                {"SUBSYSTEM=tty"},
                {"DEVPATH=/devices/x"},
                {"SUBSYSTEM=", "DEVPATH=/devices/x"},
                {"SUBSYSTEM=tty", "DEVPATH=devices/x"},
                {"SUBSYSTEM=tty", "DEVPATH="},
                {NODE, "DEVNAME=/etc/passwd", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev/", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=../etc", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev/a/../b", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev/a/..", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev/./a", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev/a//b", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev/a/", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=/dev//a", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=" LONG128 "x", "MAJOR=1", "MINOR=1"},
                {NODE, "DEVNAME=a", "MAJOR=0", "MINOR=1"},
                {NODE, "DEVNAME=a", "MAJOR=4096", "MINOR=1"},
                {NODE, "DEVNAME=a", "MAJOR=1", "MINOR=1048576"},
                {NODE, "DEVNAME=a", "MAJOR=-1", "MINOR=1"},
                {NODE, "DEVNAME=a", "MAJOR=1 ", "MINOR=1"},
                {NODE, "DEVNAME=a", "MAJOR=", "MINOR=1"},
                {NODE, "DEVNAME=a", "MAJOR=18446744073709551617", "MINOR=1"},
                {NET, "INTERFACE=eth0"},
                {NET, "IFINDEX=1"},
                {NET, "INTERFACE=eth0", "IFINDEX=0"},
                {NET, "INTERFACE=eth0", "IFINDEX=2147483648"},
                {NET, "INTERFACE=" LONG16, "IFINDEX=1"},
                {NET, "INTERFACE=", "IFINDEX=1"},
                {NET, "INTERFACE=.", "IFINDEX=1"},
                {NET, "INTERFACE=..", "IFINDEX=1"},
                {NET, "INTERFACE=a/b", "IFINDEX=1"},
                {NET, "INTERFACE=a b", "IFINDEX=1"},
                {NET, "INTERFACE=a:b", "IFINDEX=1"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(uevent_deinit) Uevent event = make_event(UEVENT_ADD, cases[i]);
                _cleanup_(uevent_deinit) Uevent good =
                        EVENT(UEVENT_ADD, "DEVPATH=/devices/x", "SUBSYSTEM=tty", "DEVNAME=ttyS0", "MAJOR=4",
                              "MINOR=64");
                _cleanup_(part_freep) Part *part = NULL, *known = NULL;

                print_message("case %zu\n", i);
                assert_int_equal(part_new(&event.properties, &part), -EBADMSG);
                assert_null(part);

                assert_int_equal(part_new(&good.properties, &known), 0);
                assert_int_equal(part_update(known, &event.properties, /* replace= */ true), -EBADMSG);
                assert_string_equal(known->name, "ttyS0");
                assert_true(known->rdev == makedev(4, 64));
                assert_string_equal(property_list_get(&known->properties, "MINOR"), "64");
        }
}

static void test_limits(void **state) {
        _cleanup_(uevent_deinit) Uevent node =
                EVENT(UEVENT_ADD, NODE, "DEVNAME=" LONG128, "MAJOR=4095", "MINOR=1048575");
        _cleanup_(uevent_deinit) Uevent net =
                EVENT(UEVENT_ADD, NET, "INTERFACE=0123456789abcde", "IFINDEX=2147483647");
        _cleanup_(part_freep) Part *a = NULL, *b = NULL;

        assert_int_equal(part_new(&node.properties, &a), 0);
        assert_int_equal(major(a->rdev), 4095);
        assert_int_equal(minor(a->rdev), 1048575);
        assert_int_equal(part_new(&net.properties, &b), 0);
        assert_int_equal(b->ifindex, 2147483647);
        assert_true(part_node_key('b', a->rdev) != part_node_key('c', a->rdev));
}

static void test_incomplete_node(void **state) {
        _cleanup_(uevent_deinit) Uevent event = EVENT(UEVENT_ADD, NODE, "DEVNAME=a", "MAJOR=4");
        _cleanup_(part_freep) Part *part = NULL;
        dev_t rdev = 0;
        char type = 'x';

        assert_int_equal(part_node(&event.properties, &type, &rdev), -ENODATA);
        assert_int_equal(type, 'x');
        assert_int_equal(part_new(&event.properties, &part), 0);
        assert_int_equal(part->kind, PART_BARE);
}

static void test_update(void **state) {
        _cleanup_(uevent_deinit) Uevent add =
                EVENT(UEVENT_ADD, "DEVPATH=/devices/x/net/eth0", "SUBSYSTEM=net", "INTERFACE=eth0",
                      "IFINDEX=7", "ID_PATH=p");
        _cleanup_(uevent_deinit) Uevent move =
                EVENT(UEVENT_MOVE, "DEVPATH=/devices/x/net/wan0", "SUBSYSTEM=net", "INTERFACE=wan0",
                      "IFINDEX=7", "DEVPATH_OLD=/devices/x/net/eth0");
        _cleanup_(part_freep) Part *part = NULL;
        const char *devpath;

        assert_int_equal(part_new(&add.properties, &part), 0);
        devpath = part->devpath;
        assert_int_equal(part_update(part, &add.properties, true), 0);
        assert_int_equal(part_update(part, &add.properties, false), 0);
        assert_ptr_equal(part->devpath, devpath);

        /* Merged, it keeps what it knew. */
        assert_int_equal(part_update(part, &move.properties, false), 1);
        assert_string_equal(part->devpath, "/devices/x/net/wan0");
        assert_string_equal(part->name, "wan0");
        assert_string_equal(property_list_get(&part->properties, "ID_PATH"), "p");
        assert_null(property_list_get(&part->properties, "DEVPATH_OLD"));
        assert_int_equal(part_update(part, &move.properties, false), 0);

        /* Replaced, it knows what it is told. */
        assert_int_equal(part_update(part, &move.properties, true), 1);
        assert_null(property_list_get(&part->properties, "ID_PATH"));
}

/* Of two values the first is what was said, merged or not. */
static void test_doubles(void **state) {
        _cleanup_(uevent_deinit) Uevent add = EVENT(UEVENT_ADD, "DEVPATH=/devices/x", "SUBSYSTEM=pci");
        _cleanup_(uevent_deinit) Uevent bind =
                EVENT(UEVENT_BIND, "DEVPATH=/devices/x", "SUBSYSTEM=pci", "DRIVER=a", "DEVPATH=/devices/y",
                      "DRIVER=b", "ACTION=remove");
        _cleanup_(part_freep) Part *part = NULL;

        for (int replace = 0; replace < 2; replace++) {
                part_free(part);
                assert_int_equal(part_new(&add.properties, &part), 0);
                assert_int_equal(part_update(part, &bind.properties, replace), 1);
                assert_string_equal(part->devpath, "/devices/x");
                assert_string_equal(property_list_get(&part->properties, "DRIVER"), "a");
                assert_null(property_list_get(&part->properties, "ACTION"));
        }
}

static void test_below(void **state) {
        static const struct {
                const char *devpath, *ancestor;
                bool below;
        } cases[] = {
                {"/devices/usb1", "/devices/usb1", true},
                {"/devices/usb1/1-1", "/devices/usb1", true},
                {"/devices/usb10", "/devices/usb1", false},
                {"/devices/usb10/10-1", "/devices/usb1", false},
                {"/devices/ttyUSB1", "/devices/ttyUSB10", false},
                {"/devices/usb1", "/devices/usb1/1-1", false},
                {"/devices/1-1.1", "/devices/1-1", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(devpath_is_below(cases[i].devpath, cases[i].ancestor), cases[i].below);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kind_names),
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_found),
                cmocka_unit_test(test_interface),
                cmocka_unit_test(test_bare),
                cmocka_unit_test(test_sound_card),
                cmocka_unit_test(test_event_properties),
                cmocka_unit_test(test_cdi),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_incomplete_node),
                cmocka_unit_test(test_update),
                cmocka_unit_test(test_doubles),
                cmocka_unit_test(test_below),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
