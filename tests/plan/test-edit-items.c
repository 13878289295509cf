/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the edits of CDI devices mean as items, of a CDI device and of those that go along with another one:
 * rights, nodes with their owners and modes, what udev knows of them, mounts and interfaces; what cannot be
 * given, and each allocation failing.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "plan/wanted.h"
#include "support/failing-memory.h"
#include "util/string.h"

typedef struct Fixture {
        Registry registry;
        Container *container;
        Give give;
        Pattern along[4];
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = f;
        registry_init(&f->registry);
        f->give = (Give)GIVE_DEFAULT;
        assert_int_equal(container_new("c1", "davit", &f->container), 0);
        assert_int_equal(id_map_parse("0 100000 1000\n", &f->container->uid_map), 0);
        assert_int_equal(id_map_parse("0 200000 1000\n", &f->container->gid_map), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        registry_deinit(&f->registry);
        container_free(f->container);
        free(f);
        return 0;
}

static Device *apply(Fixture *f, const char *const *properties, const Edits *edits) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD, .edits = edits};
        RegistryChange change;
        Device *device;

        for (; properties[0]; properties += 2)
                assert_int_equal(property_list_set(&event.properties, properties[0], properties[1]), 0);
        assert_int_equal(registry_apply(&f->registry, &event, /* complete= */ true, &change, &device), 0);
        return device ?: registry_part(&f->registry, uevent_devpath(&event))->device;
}

#define PLUG(f, ...) apply((f), (const char *const[]){__VA_ARGS__, NULL}, NULL)

/* The device vendor.example/board=@name. */
static Device *describe(Fixture *f, const char *name, const Edits *edits) {
        char devpath[128];

        snprintf(devpath, sizeof(devpath), "/devices/virtual/cdi/vendor.example:board:%s", name);
        return apply(f, (const char *const[]){"DEVPATH", devpath, "SUBSYSTEM", "cdi", NULL}, edits);
}

/* The rule gives vendor.example/board=NAME along, for each of @names. */
static void give_along(Fixture *f, const char *const *names) {
        f->give.cdi = (PatternList){.items = f->along};
        for (; *names; names++)
                f->along[f->give.cdi.n_items++] = (Pattern){.glob = (char *)*names, .literal = true};
}

static void print_item(FILE *stream, const Item *item) {
        fprintf(stream, "%s %s %s%s", item_kind_to_string(item->kind), item->device, item->path,
                item->common ? " common" : "");
        switch (item->kind) {
        case ITEM_RIGHT:
                fprintf(stream, " %s%s", item->refused & EDIT_READ ? "!r" : "",
                        item->refused & EDIT_WRITE ? "!w" : "");
                break;
        case ITEM_NODE:
                fprintf(stream, " %c%u:%u %u:%u %04o", item->type, major(item->rdev), minor(item->rdev),
                        item->uid, item->gid, (unsigned int)item->mode);
                break;
        case ITEM_MOUNT:
                fprintf(stream, " %s [%s]", item->target, item->text);
                break;
        case ITEM_INTERFACE:
                fprintf(stream, " %s %s%s", item->target, net_mode_to_string(item->net_mode),
                        item->up ? " up" : "");
                break;
        default:
                break;
        }
        fputc('\n', stream);
}

/* All that a grant of @device means, in the order of the manager. */
static int items_of(Fixture *f, const Device *device, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet items = {};
        int r;

        r = wanted_items(device, f->container, &f->give, /* interfaces= */ false, &items);
        if (r >= 0)
                r = wanted_edits(&f->registry, device, f->container, &f->give, &items);
        if (r < 0)
                return r;
        *ret = items;
        items = (ItemSet){};
        return 0;
}

static void assert_items(Fixture *f, const Device *device, const char *expected) {
        _cleanup_(item_set_deinit) ItemSet items = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);

        assert_non_null(stream);
        assert_int_equal(items_of(f, device, &items), 0);
        for (size_t i = 0; i < items.n_items; i++)
                print_item(stream, items.items[i]);
        fclose(stream);
        assert_string_equal(text, expected);
}

static void assert_fails(Fixture *f, const Device *device, int error) {
        ItemSet items = {};

        assert_int_equal(items_of(f, device, &items), error);
        assert_int_equal(items.n_items, 0);
}

static const EditNode numbered = {
        .path = (char *)"/dev/vendor/board0",
        .type = 'c',
        .numbered = true,
        .major = 240,
        .minor = 7,
        .access = EDIT_ALL,
        /* What was found is of no matter then. */
        .found_type = 'b',
        .found_rdev = 1,
};

static void test_rights(void **state) {
        static const struct {
                unsigned int access;
                const char *right;
        } cases[] = {
                {EDIT_ALL, "right shared c240:7 common \n"},
                {EDIT_READ | EDIT_WRITE, "right shared c240:7 common \n"},
                {EDIT_READ, "right shared c240:7 common !w\n"},
                {EDIT_READ | EDIT_MKNOD, "right shared c240:7 common !w\n"},
                {EDIT_WRITE, "right shared c240:7 common !r\n"},
                /* It is there, and does not open. */
                {EDIT_MKNOD, ""},
                {0, ""},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                EditNode node = numbered;
                char expected[256];

                node.access = cases[i].access;
                snprintf(expected, sizeof(expected),
                         "%snode shared vendor/board0 common c240:7 100000:200000 0660\n", cases[i].right);
                assert_items(f, describe(f, "one", &(Edits){.nodes = &node, .n_nodes = 1}), expected);
        }
}

static void test_owner_and_mode(void **state) {
        EditNode node = numbered;
        const Edits edits = {.nodes = &node, .n_nodes = 1};
        Fixture *f = *state;

        f->give.uid = 5;
        f->give.gid = 6;
        f->give.mode = 0600;
        node.access = 0;
        assert_items(f, describe(f, "one", &edits),
                     "node shared vendor/board0 common c240:7 100005:200006 0600\n");
        /* The file's word goes before that of the rule, of each by itself; root too is a word. */
        node.has_uid = true;
        assert_items(f, describe(f, "one", &edits),
                     "node shared vendor/board0 common c240:7 100000:200006 0600\n");
        node.has_gid = node.has_mode = true;
        node.uid = 999;
        node.gid = 44;
        node.mode = 0;
        assert_items(f, describe(f, "one", &edits),
                     "node shared vendor/board0 common c240:7 100999:200044 0000\n");
        /* Whom the container does not have would be somebody else. */
        node.uid = 1000;
        assert_fails(f, describe(f, "one", &edits), -ERANGE);
        node.uid = 0;
        node.gid = UINT32_MAX;
        assert_fails(f, describe(f, "one", &edits), -ERANGE);
        node.has_gid = false;
        f->give.gid = 1000;
        assert_fails(f, describe(f, "one", &edits), -ERANGE);
}

static void test_found(void **state) {
        EditNode node = {.path = (char *)"/dev/sdx",
                         .host_path = (char *)"/dev/sda",
                         .access = EDIT_READ,
                         .found_type = 'b',
                         .found_rdev = makedev(8, 0),
                         /* A number without a type counts for nothing. */
                         .major = 1,
                         .minor = 3};
        Fixture *f = *state;

        assert_items(f, describe(f, "one", &(Edits){.nodes = &node, .n_nodes = 1}),
                     "right shared b8:0 common !w\nnode shared sdx common b8:0 100000:200000 0660\n");
}

static Device *plug_serial(Fixture *f) {
        return PLUG(f, "DEVPATH", "/devices/virtual/misc/board0", "SUBSYSTEM", "misc", "DEVNAME",
                    "/dev/vendor/board0", "MAJOR", "240", "MINOR", "7", "ID_MODEL", "Board");
}

/* One that the host's udev knows comes with what is known of it, under its own name. */
static void test_known(void **state) {
        static const char known[] = "right shared c240:7 common \n"
                                    "node shared vendor/board0 common c240:7 100000:200000 0660\n"
                                    "data shared c240:7 common\n"
                                    "event shared /devices/virtual/misc/board0 common\n";
        EditNode node = numbered;
        const Edits edits = {.nodes = &node, .n_nodes = 1};
        Device *board, *device;
        Fixture *f = *state;

        board = plug_serial(f);
        device = describe(f, "one", &edits);
        assert_items(f, device, known);
        node.path = (char *)"/dev/other";
        assert_items(f, describe(f, "two", &edits),
                     "right shared c240:7 common \n"
                     "node shared other common c240:7 100000:200000 0660\n");
        node = numbered;
        node.type = 'b';
        assert_items(f, describe(f, "three", &edits),
                     "right shared b240:7 common \n"
                     "node shared vendor/board0 common b240:7 100000:200000 0660\n");
        /* What no event tells of on the host is not told of inside. */
        board->parts->silent = true;
        assert_items(f, device,
                     "right shared c240:7 common \n"
                     "node shared vendor/board0 common c240:7 100000:200000 0660\n");
}

static void test_mounts(void **state) {
        char *options[] = {(char *)"rbind", (char *)"ro", NULL};
        EditMount mounts[] = {{(char *)"/usr/lib/a.so", (char *)"/opt/lib/a.so", NULL, NULL},
                              {(char *)"/usr/share/b", (char *)"/opt/b", (char *)"bind", options}};
        Fixture *f = *state;

        assert_items(f, describe(f, "one", &(Edits){.mounts = mounts, .n_mounts = 2}),
                     "mount shared opt/b common /usr/share/b [ro,recursive]\n"
                     "mount shared opt/lib/a.so common /usr/lib/a.so []\n");
}

static void test_nets(void **state) {
        EditNet nets[] = {{(char *)"eth1", (char *)"wan0"}, {(char *)"eth0", (char *)"lan0"}};
        const Edits edits = {.nets = nets, .n_nets = 2};
        Device *device;
        Fixture *f = *state;

        device = describe(f, "one", &edits);
        assert_items(f, device,
                     "interface cdi-vendor.example:board:one lan0 eth0 move up\n"
                     "interface cdi-vendor.example:board:one wan0 eth1 move up\n");
        /* A file says it for all of its devices: it comes with the first of them. */
        describe(f, "two", &edits);
        give_along(f, (const char *const[]){"vendor.example/board=two", NULL});
        assert_items(f, device,
                     "interface cdi-vendor.example:board:one lan0 eth0 move up\n"
                     "interface cdi-vendor.example:board:one wan0 eth1 move up\n");
        nets[0].host_name = (char *)"eth2";
        describe(f, "two", &edits);
        assert_fails(f, device, -EEXIST);
}

/* What concerns the start of a process alone means nothing here. */
static void test_start(void **state) {
        char *env[] = {(char *)"A=1"};
        EditHook hook = {(char *)"poststop", (char *)"/bin/x"};
        uint32_t gid = 44;
        Fixture *f = *state;

        assert_items(f,
                     describe(f, "one",
                              &(Edits){.env = env,
                                       .n_env = 1,
                                       .hooks = &hook,
                                       .n_hooks = 1,
                                       .gids = &gid,
                                       .n_gids = 1,
                                       .rdt = true}),
                     "");
}

/* All or nothing: one of two that cannot be given. */
static void test_errors(void **state) {
        static const EditNode bad_nodes[] = {
                {.path = (char *)"/dev/a", .error = -ENOENT, .access = EDIT_ALL},
                {.path = (char *)"/dev/a", .error = -ENODEV, .access = EDIT_ALL},
                {.path = (char *)"/dev/a", .type = 'p', .access = EDIT_ALL},
                {.path = (char *)"/run/a", .access = EDIT_ALL},
                {.path = (char *)"/dev/../a", .access = EDIT_ALL},
        };
        static const int node_errors[] = {-ENOENT, -ENODEV, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP};
        char *unknown[] = {(char *)"suid", NULL};
        EditMount bad_mounts[] = {
                {(char *)"a", (char *)"/b", NULL, NULL},
                {(char *)"/a", (char *)"/b/../c", NULL, NULL},
                {(char *)"/a", (char *)"/b", (char *)"tmpfs", NULL},
                {(char *)"/a", (char *)"/b", NULL, unknown},
        };
        static const int mount_errors[] = {-EINVAL, -EINVAL, -EOPNOTSUPP, -EOPNOTSUPP};
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(bad_nodes); i++) {
                EditNode nodes[] = {numbered, bad_nodes[i]};

                assert_fails(f, describe(f, "one", &(Edits){.nodes = nodes, .n_nodes = 2}), node_errors[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad_mounts); i++) {
                EditNode node = numbered;

                assert_fails(f,
                             describe(f, "one",
                                      &(Edits){.nodes = &node,
                                               .n_nodes = 1,
                                               .mounts = &bad_mounts[i],
                                               .n_mounts = 1}),
                             mount_errors[i]);
        }
}

/* What the device has itself goes before what a file says of it. */
static void test_own_before(void **state) {
        EditNode nodes[] = {numbered,
                            {.path = (char *)"/dev/ctl",
                             .type = 'c',
                             .numbered = true,
                             .major = 240,
                             .minor = 255,
                             .access = EDIT_READ}};
        Device *board;
        Fixture *f = *state;

        nodes[0].has_mode = true;
        nodes[0].access = EDIT_READ;
        board = plug_serial(f);
        describe(f, "one", &(Edits){.nodes = nodes, .n_nodes = 2});
        give_along(f, (const char *const[]){"vendor.example/board=none", "vendor.example/board=one", NULL});
        assert_items(f, board,
                     "right shared c240:255 common !w\n"
                     "right virtual-misc-board0 c240:7 \n"
                     "node shared ctl common c240:255 100000:200000 0660\n"
                     "node virtual-misc-board0 vendor/board0 c240:7 100000:200000 0660\n"
                     "data virtual-misc-board0 c240:7\n"
                     "event virtual-misc-board0 /devices/virtual/misc/board0\n");
        /* Another thing of that name is told of. */
        nodes[0].minor = 8;
        describe(f, "one", &(Edits){.nodes = nodes, .n_nodes = 2});
        assert_fails(f, board, -EEXIST);
}

/* Of several that go along each has its say: what either may open is open. */
static void test_along(void **state) {
        EditMount mounts[] = {{(char *)"/a", (char *)"/b", NULL, NULL}};
        EditNode node = numbered;
        const Edits edits = {.nodes = &node, .n_nodes = 1, .mounts = mounts, .n_mounts = 1};
        unsigned int at = 0;
        Device *other, *one;
        Fixture *f = *state;

        other = PLUG(f, "DEVPATH", "/devices/virtual/misc/other", "SUBSYSTEM", "misc", "DEVNAME",
                     "/dev/other", "MAJOR", "10", "MINOR", "7");
        other->parts->silent = true;
        node.access = EDIT_READ;
        one = describe(f, "one", &edits);
        node.access = EDIT_WRITE;
        describe(f, "two", &edits);
        give_along(f, (const char *const[]){"vendor.example/board=one", "vendor.example/board=none",
                                            "vendor.example/board=two", NULL});
        assert_items(f, other,
                     "right virtual-misc-other c10:7 \n"
                     "right shared c240:7 common \n"
                     "node virtual-misc-other other c10:7 100000:200000 0660\n"
                     "node shared vendor/board0 common c240:7 100000:200000 0660\n"
                     "mount shared b common /a []\n");

        /* One after the other, each once; of the CDI device itself its own first. */
        assert_ptr_equal(wanted_next_edits(&f->registry, other, &f->give, &at), one->parts->edits);
        assert_int_equal(wanted_next_edits(&f->registry, other, &f->give, &at)->nodes[0].access, EDIT_WRITE);
        assert_null(wanted_next_edits(&f->registry, other, &f->give, &at));
        assert_null(wanted_next_edits(&f->registry, other, &f->give, &at));
        at = 0;
        f->give.cdi.n_items = 0;
        assert_ptr_equal(wanted_next_edits(&f->registry, one, &f->give, &at), one->parts->edits);
        assert_null(wanted_next_edits(&f->registry, one, &f->give, &at));

        /* Two things at one place. */
        f->give.cdi.n_items = 3;
        mounts[0].host_path = (char *)"/c";
        describe(f, "two", &edits);
        assert_fails(f, other, -EEXIST);
}

/* What is there by its name alone, as a bus could tell of one, means nothing. */
static void test_without_edits(void **state) {
        Fixture *f = *state;

        assert_items(f, describe(f, "one", NULL), "");
}

#if OWN_ALLOCATOR

static void test_memory(void **state) {
        char *options[] = {(char *)"ro", NULL};
        EditMount mount = {(char *)"/a", (char *)"/b/c", NULL, options};
        EditNet net = {(char *)"eth0", (char *)"eth0"};
        EditNode node = numbered;
        Edits edits = {
                .nodes = &node, .n_nodes = 1, .mounts = &mount, .n_mounts = 1, .nets = &net, .n_nets = 1};
        Fixture *f = *state;
        Device *device;
        size_t k;

        plug_serial(f);
        node.access = EDIT_READ;
        device = describe(f, "one", &edits);
        node.access = EDIT_WRITE;
        describe(f, "two", &edits);
        give_along(f, (const char *const[]){"vendor.example/board=two", NULL});
        for (k = 1;; k++) {
                ItemSet items = {};
                int r;

                n_live = 0;
                failed = false;
                until_failure = k;
                armed = true;
                r = items_of(f, device, &items);
                if (r >= 0)
                        item_set_deinit(&items);
                armed = false;
                assert_int_equal(n_live, 0);
                /* A stream gets over a failure to make its buffer smaller. */
                if (r >= 0)
                        break;
                assert_true(failed);
                assert_int_equal(r, -ENOMEM);
        }
        assert_true(k > 10);
}

#else

static void test_memory(_unused_ void **state) {
        print_message("SKIP: the allocator belongs to a sanitizer or to another C library\n");
        skip();
}

#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_rights),     TEST(test_owner_and_mode), TEST(test_found),         TEST(test_known),
                TEST(test_mounts),     TEST(test_nets),           TEST(test_start),         TEST(test_errors),
                TEST(test_own_before), TEST(test_along),          TEST(test_without_edits), TEST(test_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
