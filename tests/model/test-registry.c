/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/world.h"
#include "util/fd.h"

#define VHCI  "/devices/platform/vhci_hcd.0/usb3/"
#define PHONE VHCI "3-1"
#define NIC   "/devices/pci0000:00/0000:00:16.1/0000:02:00.0"

/* One event applied, the answer checked, and the indexes. */
static int apply(Registry *registry, Uevent event, bool complete, RegistryChange expected, const char *id) {
        RegistryChange change = REGISTRY_UNCHANGED;
        Device *device = NULL;
        const char *fault;
        int r;

        r = registry_apply(registry, &event, complete, &change, &device);
        uevent_deinit(&event);
        fault = registry_fault(registry);
        if (fault)
                fail_msg("%s", fault);
        if (r < 0)
                return r;
        assert_int_equal(change, expected);
        if (id) {
                assert_non_null(device);
                assert_string_equal(device->id, id);
        } else
                assert_null(device);
        return r;
}

#define ADD(registry, id, ...) \
        assert_int_equal(apply((registry), EVENT(UEVENT_ADD, __VA_ARGS__), true, REGISTRY_ADDED, (id)), 0)
#define REMOVE(registry, change, id, ...) \
        assert_int_equal(apply((registry), EVENT(UEVENT_REMOVE, __VA_ARGS__), true, (change), (id)), 0)
#define IGNORED(registry, action, ...) \
        assert_int_equal(apply((registry), EVENT((action), __VA_ARGS__), true, REGISTRY_UNCHANGED, NULL), 0)

#define USB(path, name, minor)                                                                             \
        "DEVPATH=" path, "SUBSYSTEM=usb", "DEVTYPE=usb_device", "DEVNAME=/dev/bus/usb/" name, "MAJOR=189", \
                "MINOR=" minor
#define NET(path, name, index) "DEVPATH=" path name, "SUBSYSTEM=net", "INTERFACE=" name, "IFINDEX=" index

static int setup(void **state) {
        Registry *registry = malloc(sizeof(*registry));

        if (!registry)
                return -1;
        registry_init(registry);
        *state = registry;
        return 0;
}

static int teardown(void **state) {
        registry_deinit(*state);
        free(*state);
        return 0;
}

static void dump_device(FILE *stream, const Device *device) {
        fprintf(stream, "  %s vendor=%s product=%s serial=%s model=%s id_path=%s", device->id,
                device->vendor ?: "?", device->product ?: "?", device->serial ?: "?", device->model ?: "?",
                device->id_path ?: "?");
        for (DeviceClass class = 0; class < DEVICE_CLASS_MAX; class ++)
                if (device->classes & 1U << class)
                        fprintf(stream, " +%s", device_class_to_string(class));
        fputc('\n', stream);
        device_parts_foreach(part, device) {
                fprintf(stream, "    %s %s", part_kind_to_string(part->kind), part->devpath);
                if (part_is_node(part))
                        fprintf(stream, " %s %c%u:%u", part->name, part->type, major(part->rdev),
                                minor(part->rdev));
                if (part->kind == PART_NET)
                        fprintf(stream, " %s #%u", part->name, part->ifindex);
                fputc('\n', stream);
        }
}

/* Applies one event, as often as it asks for, and writes down what it meant. */
static void replay_event(Registry *registry, FILE *stream, const Uevent *event, bool complete) {
        static const char *const changes[] = {"unchanged", "added", "changed", "removed"};
        RegistryChange change;
        Device *device;
        int r;

        fprintf(stream, "%s %s\n", uevent_action_to_string(event->action), uevent_devpath(event));
        do {
                r = registry_apply(registry, event, complete, &change, &device);
                assert_true(r >= 0);
                assert_null(registry_fault(registry));
                fprintf(stream, " %s%s\n", changes[change], r > 0 ? ", again" : "");
                if (device)
                        dump_device(stream, device);
        } while (r > 0);
}

static void replay(Registry *registry, char *text, FILE *stream) {
        _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
        bool complete = false;
        char *next;

        for (char *line = text; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (startswith(line, "udev ") || startswith(line, "kernel ")) {
                        complete = line[0] == 'u';
                        event.action = uevent_action_from_string(strchr(line, ' ') + 1);
                        assert_true(event.action >= 0);
                } else if (*line && *line != '#')
                        assert_int_equal(property_list_append(&event.properties, line, strlen(line) + 1), 0);
                if ((!*line || !next) && event.action >= 0) {
                        replay_event(registry, stream, &event, complete);
                        uevent_deinit(&event);
                }
        }
}

/* What each event of a file means, against the text that a person has read. UPDATE_EXPECTED=1 writes it anew.
 */
static void check_replay(Registry *registry, const char *name) {
        _cleanup_free_ char *events = NULL, *expected = NULL, *text = NULL;
        char events_path[512], expected_path[512];
        size_t size = 0;
        FILE *stream;

        snprintf(events_path, sizeof(events_path), TEST_DATA_DIR "/model/data/%s.events", name);
        snprintf(expected_path, sizeof(expected_path), TEST_DATA_DIR "/model/data/%s.expected", name);
        assert_int_equal(fd_read_file(-1, events_path, 1 << 20, &events, NULL), 0);

        stream = open_memstream(&text, &size);
        assert_non_null(stream);
        replay(registry, events, stream);
        assert_int_equal(fclose(stream), 0);

        if (getenv("UPDATE_EXPECTED"))
                assert_int_equal(fd_write_file(-1, expected_path, text, size, 0644), 0);
        assert_int_equal(fd_read_file(-1, expected_path, 1 << 20, &expected, NULL), 0);
        assert_string_equal(text, expected);
}

static void test_replay_phone(void **state) {
        check_replay(*state, "phone");
}

static void test_replay_gpu(void **state) {
        check_replay(*state, "gpu");
}

static void test_replay_nic(void **state) {
        check_replay(*state, "nic");
}

static void test_no_device(void **state) {
        IGNORED(*state, UEVENT_CHANGE, "DEVPATH=/card0", "SUBSYSTEM=drm", "DEVNAME=dri/card0", "MAJOR=226",
                "MINOR=0");
        IGNORED(*state, UEVENT_ADD, "DEVPATH=/module/e1000e", "SUBSYSTEM=module");
        IGNORED(*state, UEVENT_ADD, USB("/devices/platform/vhci_hcd.0/usb3", "003/001", "256"));
        IGNORED(*state, UEVENT_ADD, "DEVPATH=/devices/virtual/bdi/8:0", "SUBSYSTEM=bdi");
        IGNORED(*state, UEVENT_REMOVE, USB(PHONE, "003/002", "257"));
        assert_int_equal(apply(*state, EVENT(UEVENT_ADD, "SUBSYSTEM=usb"), true, 0, NULL), -EBADMSG);
        assert_int_equal(
                apply(*state, EVENT(UEVENT_ADD, NET("/devices/virtual/net/", "a b", "1")), true, 0, NULL),
                -EBADMSG);
        assert_null(((Registry *)*state)->devices);
}

/* Names alike are not the same: bus 1 and 10, port 1 and 10, ttyUSB1 and ttyUSB10. */
static void test_neighbours(void **state) {
        Registry *registry = *state;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        ADD(registry, "usb-3-10", USB(VHCI "3-10", "003/003", "258"));
        ADD(registry, "usb-3-1.1", USB(PHONE "/3-1.1", "003/004", "259"));
        ADD(registry, "usb-3-1", "DEVPATH=" PHONE "/3-1:1.0/ttyUSB1/tty/ttyUSB1", "SUBSYSTEM=tty",
            "DEVNAME=ttyUSB1", "MAJOR=188", "MINOR=1");
        ADD(registry, "usb-3-1", "DEVPATH=" PHONE "/3-1:1.0/ttyUSB10/tty/ttyUSB10", "SUBSYSTEM=tty",
            "DEVNAME=ttyUSB10", "MAJOR=188", "MINOR=10");

        REMOVE(registry, REGISTRY_REMOVED, "usb-3-1", "DEVPATH=" PHONE "/3-1:1.0/ttyUSB1",
               "SUBSYSTEM=usb-serial");
        assert_non_null(registry_part_by_rdev(registry, 'c', makedev(188, 10)));
        assert_null(registry_part_by_rdev(registry, 'c', makedev(188, 1)));
        REMOVE(registry, REGISTRY_REMOVED, "usb-3-1", USB(PHONE, "003/002", "257"));
        assert_int_equal(registry_device(registry, "usb-3-1")->n_parts, 0);
        assert_int_equal(registry_device(registry, "usb-3-10")->n_parts, 1);
        /* A hub's port below it goes by its own event. */
        assert_int_equal(registry_device(registry, "usb-3-1.1")->n_parts, 1);
}

/* Minor 0 is a number like any other, and a block device's is another's. */
static void test_numbers(void **state) {
        Registry *registry = *state;

        ADD(registry, "platform-vivid.0", "DEVPATH=/devices/platform/vivid.0/video4linux/video0",
            "SUBSYSTEM=video4linux", "DEVNAME=video0", "MAJOR=8", "MINOR=0");
        ADD(registry, "virtual-block-sda", "DEVPATH=/devices/virtual/block/sda", "SUBSYSTEM=block",
            "DEVNAME=sda", "MAJOR=8", "MINOR=0");
        assert_string_equal(registry_part_by_rdev(registry, 'c', makedev(8, 0))->name, "video0");
        assert_string_equal(registry_part_by_rdev(registry, 'b', makedev(8, 0))->name, "sda");
        assert_null(registry_part_by_rdev(registry, 'c', makedev(8, 1)));
}

/* A number that is used again takes the old node from its device first, so that no container keeps it. */
static void test_number_changes_hands(void **state) {
        Registry *registry = *state;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        assert_int_equal(apply(registry, EVENT(UEVENT_ADD, USB(VHCI "3-2", "003/002", "257")), true,
                               REGISTRY_REMOVED, "usb-3-1"),
                         1);
        assert_null(registry_device(registry, "usb-3-2"));
        assert_int_equal(registry_device(registry, "usb-3-1")->n_parts, 0);
        ADD(registry, "usb-3-2", USB(VHCI "3-2", "003/002", "257"));
        assert_ptr_equal(registry_part_by_rdev(registry, 'c', makedev(189, 257))->device,
                         registry_device(registry, "usb-3-2"));

        /* Within one device it is only another path. */
        ADD(registry, "usb-3-2", "DEVPATH=" VHCI "3-2/a/tty/x", "SUBSYSTEM=tty", "DEVNAME=x", "MAJOR=188",
            "MINOR=0");
        ADD(registry, "usb-3-2", "DEVPATH=" VHCI "3-2/b/tty/x", "SUBSYSTEM=tty", "DEVNAME=x", "MAJOR=188",
            "MINOR=0");
        assert_int_equal(registry_device(registry, "usb-3-2")->n_parts, 2);

        /* A known part that takes another's number. */
        ADD(registry, "usb-3-3", USB(VHCI "3-3", "003/003", "258"));
        assert_int_equal(apply(registry, EVENT(UEVENT_CHANGE, USB(VHCI "3-3", "003/002", "257")), true,
                               REGISTRY_REMOVED, "usb-3-2"),
                         1);
        assert_int_equal(apply(registry, EVENT(UEVENT_CHANGE, USB(VHCI "3-3", "003/002", "257")), true,
                               REGISTRY_CHANGED, "usb-3-3"),
                         0);
        assert_null(registry_part_by_rdev(registry, 'c', makedev(189, 258)));
}

static void test_same_again(void **state) {
        Registry *registry = *state;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        IGNORED(registry, UEVENT_ADD, USB(PHONE, "003/002", "257"));
        IGNORED(registry, UEVENT_UNBIND, "DEVPATH=" PHONE, "SUBSYSTEM=usb");
        IGNORED(registry, UEVENT_OFFLINE, "DEVPATH=" PHONE, "SUBSYSTEM=usb");
        assert_int_equal(apply(registry, EVENT(UEVENT_ONLINE, USB(PHONE, "003/002", "257"), "X=1"), true,
                               REGISTRY_CHANGED, "usb-3-1"),
                         0);
        /* A kernel event says less, and takes nothing away. */
        assert_int_equal(apply(registry, EVENT(UEVENT_CHANGE, USB(PHONE, "003/002", "257"), "Y=2"), false,
                               REGISTRY_CHANGED, "usb-3-1"),
                         0);
        assert_string_equal(property_list_get(&registry_part(registry, PHONE)->properties, "X"), "1");
}

/* A USB device is one without a node, too, and gets one later. */
static void test_usb_without_node(void **state) {
        Registry *registry = *state;

        ADD(registry, "usb-3-1", "DEVPATH=" PHONE, "SUBSYSTEM=usb", "DEVTYPE=usb_device",
            "PRODUCT=18d1/4ee7/540");
        assert_string_equal(registry_device(registry, "usb-3-1")->vendor, "18d1");
        assert_int_equal(apply(registry, EVENT(UEVENT_CHANGE, USB(PHONE, "003/002", "257")), true,
                               REGISTRY_CHANGED, "usb-3-1"),
                         0);
        assert_non_null(registry_part_by_rdev(registry, 'c', makedev(189, 257)));
        /* And loses it. */
        assert_int_equal(apply(registry, EVENT(UEVENT_CHANGE, "DEVPATH=" PHONE, "SUBSYSTEM=usb"), true,
                               REGISTRY_CHANGED, "usb-3-1"),
                         0);
        assert_null(registry_part_by_rdev(registry, 'c', makedev(189, 257)));
}

static void test_node_becomes_bare(void **state) {
        Registry *registry = *state;

        ADD(registry, "pci-0000:02:00.0", "DEVPATH=" NIC, "SUBSYSTEM=pci", "DEVNAME=x", "MAJOR=1", "MINOR=1");
        assert_int_equal(apply(registry, EVENT(UEVENT_CHANGE, "DEVPATH=" NIC, "SUBSYSTEM=pci"), true,
                               REGISTRY_REMOVED, "pci-0000:02:00.0"),
                         0);
        assert_int_equal(HASH_COUNT(registry->waiting), 1);
}

static void test_away(void **state) {
        Registry *registry = *state;
        Part *part;

        IGNORED(registry, UEVENT_ADD, "DEVPATH=" NIC, "SUBSYSTEM=pci", "PCI_ID=8086:10D3");
        ADD(registry, "pci-0000:02:00.0", NET(NIC "/net/", "eth0", "2"));
        part = registry_part(registry, NIC "/net/eth0");
        part->away = true;

        /* Its own removal is its leaving. */
        IGNORED(registry, UEVENT_REMOVE, NET(NIC "/net/", "eth0", "2"));
        assert_ptr_equal(registry_part(registry, NIC "/net/eth0"), part);
        assert_true(part->away);

        /* It comes back. */
        ADD(registry, "pci-0000:02:00.0", NET(NIC "/net/", "eth0", "2"));
        assert_false(part->away);
        part->away = true;

        /* It comes back by another name, and is renamed. */
        ADD(registry, "pci-0000:02:00.0", NET(NIC "/net/", "dev2", "2"));
        assert_int_equal(
                apply(registry,
                      EVENT(UEVENT_MOVE, NET(NIC "/net/", "eth0", "2"), "DEVPATH_OLD=" NIC "/net/dev2"), true,
                      REGISTRY_ADDED, "pci-0000:02:00.0"),
                0);
        part = registry_part(registry, NIC "/net/eth0");
        assert_non_null(part);
        assert_false(part->away);
        assert_null(registry_part(registry, NIC "/net/dev2"));
        part->away = true;

        /* Its device goes: nobody hears of the interface. */
        REMOVE(registry, REGISTRY_REMOVED, "pci-0000:02:00.0", "DEVPATH=" NIC, "SUBSYSTEM=pci");
        assert_int_equal(registry_device(registry, "pci-0000:02:00.0")->n_parts, 0);
        assert_null(registry_part(registry, NIC "/net/eth0"));
}

/* An object between the root and the interface takes it, too: a phone that ends tethering. */
static void test_away_ancestor(void **state) {
        Registry *registry = *state;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        ADD(registry, "usb-3-1", "DEVPATH=" PHONE "/3-1:1.1", "SUBSYSTEM=usb", "INTERFACE=224/1/3");
        ADD(registry, "usb-3-1", NET(PHONE "/3-1:1.1/net/", "usb0", "9"));
        registry_part(registry, PHONE "/3-1:1.1/net/usb0")->away = true;
        REMOVE(registry, REGISTRY_REMOVED, "usb-3-1", "DEVPATH=" PHONE "/3-1:1.1", "SUBSYSTEM=usb");
        assert_int_equal(registry_device(registry, "usb-3-1")->n_parts, 1);
        assert_int_equal(registry_device(registry, "usb-3-1")->classes, 1U << DEVICE_USB);
}

/* A node below an interface that was renamed is known by its number still. */
static void test_renamed_node(void **state) {
        Registry *registry = *state;

        ADD(registry, "net-m0", NET("/devices/virtual/net/", "m0", "5"));
        ADD(registry, "net-m0", "DEVPATH=/devices/virtual/net/m0/macvtap/tap5", "SUBSYSTEM=macvtap",
            "DEVNAME=/dev/tap5", "MAJOR=240", "MINOR=0");
        IGNORED(registry, UEVENT_REMOVE, "DEVPATH=/devices/virtual/net/m1/macvtap/tap5", "SUBSYSTEM=macvtap",
                "DEVNAME=/dev/tap6", "MAJOR=240", "MINOR=0");
        REMOVE(registry, REGISTRY_REMOVED, "net-m0", "DEVPATH=/devices/virtual/net/m1/macvtap/tap5",
               "SUBSYSTEM=macvtap", "DEVNAME=/dev/tap5", "MAJOR=240", "MINOR=0");
        assert_int_equal(registry_device(registry, "net-m0")->n_parts, 1);
}

/* One place holds one thing, whatever path leads to it. */
static void test_place_moves(void **state) {
        Registry *registry = *state;
        Device *device;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"), "ID_SERIAL_SHORT=A");
        device = registry_device(registry, "usb-3-1");
        assert_int_equal(
                apply(registry,
                      EVENT(UEVENT_ADD, USB("/devices/platform/vhci_hcd.1/usb3/3-1", "003/003", "258")), true,
                      REGISTRY_REMOVED, "usb-3-1"),
                1);
        assert_int_equal(device->n_parts, 0);
        assert_string_equal(device->serial, "A");
        ADD(registry, "usb-3-1", USB("/devices/platform/vhci_hcd.1/usb3/3-1", "003/003", "258"));
        assert_ptr_equal(registry_device(registry, "usb-3-1"), device);
        assert_string_equal(device->devpath, "/devices/platform/vhci_hcd.1/usb3/3-1");
        assert_int_equal(device->n_parts, 1);
        assert_null(device->serial);
        IGNORED(registry, UEVENT_REMOVE, "DEVPATH=" PHONE, "SUBSYSTEM=usb");
}

static void test_find(void **state) {
        Registry *registry = *state;
        static const struct {
                const char *name, *id;
                int result;
        } cases[] = {
                {"usb-3-1", "usb-3-1", 0},
                {"3-1", "usb-3-1", 0},
                {"3-2", "usb-3-2", 0}, /* another one has it as its serial */
                {PHONE, "usb-3-1", 0},
                {"/sys" PHONE, "usb-3-1", 0},
                {"/sys" PHONE "/3-1:1.0", "usb-3-1", 0},
                {"/dev/bus/usb/003/002", "usb-3-1", 0},
                {"/dev/bus/usb/003/009", NULL, -ENODEV},
                {"bus/usb/003/002", NULL, -ENODEV},
                {"veth0", "net-veth0", 0},
                {"eth0", "pci-0000:02:00.0", 0},
                {"0000:02:00.0", "pci-0000:02:00.0", 0},
                {"SAME", NULL, -ENOTUNIQ},
                {"", NULL, -ENODEV},
                {"/", NULL, -ENODEV},
                {"/sys", NULL, -ENODEV},
                {"nothing", NULL, -ENODEV},
        };

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"), "ID_SERIAL_SHORT=SAME");
        ADD(registry, "usb-3-2", USB(VHCI "3-2", "003/003", "258"), "ID_SERIAL_SHORT=SAME");
        ADD(registry, "usb-3-3", USB(VHCI "3-3", "003/004", "259"), "ID_SERIAL_SHORT=3-2");
        ADD(registry, "net-veth0", NET("/devices/virtual/net/", "veth0", "3"));
        ADD(registry, "pci-0000:02:00.0", NET(NIC "/net/", "eth0", "2"));

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Device *device = NULL;

                print_message("%s\n", cases[i].name);
                assert_int_equal(registry_find_device(registry, cases[i].name, &device), cases[i].result);
                if (cases[i].id)
                        assert_string_equal(device->id, cases[i].id);
                else
                        assert_null(device);
        }
}

static void test_containers(void **state) {
        Registry *registry = *state;
        Container *a, *b, *twin;

        assert_int_equal(container_new("a", "davit", &a), 0);
        assert_int_equal(container_new("b", "davit", &b), 0);
        assert_int_equal(container_new("a", "davit", &twin), 0);
        assert_int_equal(registry_add_container(registry, a), 0);
        assert_int_equal(registry_add_container(registry, b), 0);
        assert_int_equal(registry_add_container(registry, twin), -EEXIST);
        container_free(twin);
        assert_true(a->seq < b->seq);
        assert_ptr_equal(registry_container(registry, "a"), a);
        registry_drop_container(registry, a);
        assert_null(registry_container(registry, "a"));
        assert_ptr_equal(registry_container(registry, "b"), b);
        registry_drop_container(registry, NULL);
}

static void test_container_bound(void **state) {
        Registry *registry = *state;
        Container *container;

        for (size_t i = 0; i <= REGISTRY_CONTAINERS_MAX; i++) {
                char name[32];

                snprintf(name, sizeof(name), "c%zu", i);
                assert_int_equal(container_new(name, "davit", &container), 0);
                assert_int_equal(registry_add_container(registry, container),
                                 i < REGISTRY_CONTAINERS_MAX ? 0 : -ENOSPC);
        }
        container_free(container);
}

static void test_grants(void **state) {
        Registry *registry = *state;
        Container *a, *b;
        Device *phone, *other;
        Grant *first, *second, *third = NULL;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        ADD(registry, "usb-3-2", USB(VHCI "3-2", "003/003", "258"));
        phone = registry_device(registry, "usb-3-1");
        other = registry_device(registry, "usb-3-2");
        assert_int_equal(container_new("a", "davit", &a), 0);
        assert_int_equal(container_new("b", "davit", &b), 0);
        assert_int_equal(registry_add_container(registry, a), 0);
        assert_int_equal(registry_add_container(registry, b), 0);

        assert_null(registry_grant(phone, a));
        assert_int_equal(registry_add_grant(registry, phone, a, GRANT_POLICY, "phones", &first), 0);
        assert_int_equal(registry_add_grant(registry, phone, b, GRANT_MANUAL, NULL, &second), 0);
        assert_int_equal(registry_add_grant(registry, other, b, GRANT_POLICY, "phones", NULL), 0);
        assert_int_equal(registry_add_grant(registry, phone, a, GRANT_MANUAL, NULL, &third), -EEXIST);
        assert_null(third);
        assert_ptr_equal(registry_grant(phone, a), first);
        assert_string_equal(first->rule, "phones");
        assert_null(second->rule);
        assert_int_equal(first->state, GRANT_PENDING);
        assert_true(first->seq < second->seq);
        assert_ptr_equal(phone->grants, first);
        assert_ptr_equal(first->device_next, second);
        assert_ptr_equal(b->grants, second);
        assert_ptr_equal(second->container_next->device, other);

        registry_drop_grant(registry, first);
        assert_null(registry_grant(phone, a));
        assert_null(a->grants);
        assert_ptr_equal(phone->grants, second);
        registry_drop_grant(registry, second);
        assert_null(phone->grants);
        assert_ptr_equal(b->grants->device, other);
        /* The last one is the registry's to free. */
}

typedef struct Sweep {
        Registry *registry;
        size_t n_calls;
        int result;
} Sweep;

static int on_gone(const char *devpath, void *userdata) {
        Sweep *sweep = userdata;
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_REMOVE};
        RegistryChange change;
        Device *device;

        sweep->n_calls++;
        assert_int_equal(property_list_set(&event.properties, "DEVPATH", devpath), 0);
        assert_int_equal(registry_apply(sweep->registry, &event, true, &change, &device), 0);
        assert_int_equal(change, REGISTRY_REMOVED);
        if (device->n_parts == 0)
                registry_drop_device(sweep->registry, device);
        return sweep->result;
}

static void test_sweep(void **state) {
        Registry *registry = *state;
        Sweep sweep = {.registry = registry};

        assert_int_equal(registry_sweep(registry, on_gone, &sweep), 0);

        IGNORED(registry, UEVENT_ADD, "DEVPATH=" NIC, "SUBSYSTEM=pci", "PCI_ID=8086:10D3");
        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        ADD(registry, "usb-3-1", "DEVPATH=" PHONE "/3-1:1.0", "SUBSYSTEM=usb", "INTERFACE=255/66/1");
        ADD(registry, "usb-3-2", USB(VHCI "3-2", "003/003", "258"));
        ADD(registry, "net-veth0", NET("/devices/virtual/net/", "veth0", "3"));
        ADD(registry, "net-veth1", NET("/devices/virtual/net/", "veth1", "4"));
        registry_part(registry, "/devices/virtual/net/veth0")->away = true;

        registry_mark(registry);
        IGNORED(registry, UEVENT_ADD, USB(VHCI "3-2", "003/003", "258"));
        IGNORED(registry, UEVENT_UNBIND, NET("/devices/virtual/net/", "veth1", "4"));
        assert_int_equal(registry_sweep(registry, on_gone, &sweep), 0);

        /* The phone went as a whole, so its interface was not called for. */
        assert_int_equal(sweep.n_calls, 1);
        assert_null(registry_device(registry, "usb-3-1"));
        assert_non_null(registry_device(registry, "usb-3-2"));
        assert_non_null(registry_device(registry, "net-veth0"));
        assert_non_null(registry_device(registry, "net-veth1"));
        assert_null(registry->waiting);
        assert_null(registry_fault(registry));

        /* A negative answer ends it. */
        registry_mark(registry);
        sweep = (Sweep){.registry = registry, .result = -EIO};
        assert_int_equal(registry_sweep(registry, on_gone, &sweep), -EIO);
        assert_int_equal(sweep.n_calls, 1);
}

static void test_part_bound(void **state) {
        Registry *registry = *state;

        ADD(registry, "usb-3-1", USB(PHONE, "003/002", "257"));
        for (unsigned int i = 1; i <= DEVICE_PARTS_MAX; i++) {
                char devpath[256];

                snprintf(devpath, sizeof(devpath), "DEVPATH=" PHONE "/3-1:1.%u", i);
                assert_int_equal(apply(registry,
                                       EVENT(UEVENT_ADD, devpath, "SUBSYSTEM=usb", "INTERFACE=255/66/1"),
                                       true, REGISTRY_ADDED, "usb-3-1"),
                                 i < DEVICE_PARTS_MAX ? 0 : -ENOSPC);
        }
        assert_int_equal(registry_device(registry, "usb-3-1")->n_parts, DEVICE_PARTS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
                TEST(test_replay_phone),
                TEST(test_replay_gpu),
                TEST(test_replay_nic),
                TEST(test_no_device),
                TEST(test_neighbours),
                TEST(test_numbers),
                TEST(test_number_changes_hands),
                TEST(test_same_again),
                TEST(test_usb_without_node),
                TEST(test_node_becomes_bare),
                TEST(test_away),
                TEST(test_away_ancestor),
                TEST(test_renamed_node),
                TEST(test_place_moves),
                TEST(test_find),
                TEST(test_containers),
                TEST(test_container_bound),
                TEST(test_grants),
                TEST(test_sweep),
                TEST(test_part_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
