/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A whole container in front of inject: a child in namespaces and a cgroup of its own, on a live /dev. Plans
 * are applied to it, interrupted at each step, and read back. Wants root, namespaces and cgroups.
 *
 * The node that is given has no driver: ENXIO says that the way to it was open.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "inject/cgroup.h"
#include "inject/filter.h"
#include "inject/inside.h"
#include "inject/live-dev.h"
#include "inject/target.h"
#include "inject/uevent-listener.h"
#include "util/fd.h"

#define NAME   "box"
#define NUMBER ((dev_t)(509 & 0xfff) << 8 | 7) /* 509:7 */

typedef struct Fixture {
        char runtime[32];
        char cgroup[64];
        Inside inside;
        Container *container;
        Target *target;
        ItemSet wanted;
        unsigned int n_fds;
} Fixture;

static const char added[] = "add@/devices/x/3-1|ACTION=add|DEVPATH=/devices/x/3-1|SUBSYSTEM=usb|"
                            "DEVNAME=bus/usb/003/017|MAJOR=509|MINOR=7|";
static const char removed[] = "remove@/devices/x/3-1|ACTION=remove|DEVPATH=/devices/x/3-1|SUBSYSTEM=usb|"
                              "DEVNAME=bus/usb/003/017|MAJOR=509|MINOR=7|";

static const char changed[] = "change@/devices/x/3-1|ACTION=change|DEVPATH=/devices/x/3-1|SUBSYSTEM=usb|"
                              "DEVNAME=bus/usb/003/017|MAJOR=509|MINOR=7|";

static void put(ItemSet *set, Item from) {
        Item *item;

        from.device = "usb-3-1";
        assert_int_equal(item_new(&from, &item), 0);
        assert_int_equal(item_set_add(set, item), 0);
        item_unref(item);
}

/* What a phone is: a right, a node, a link to it, its event. */
static void want_phone(ItemSet *set) {
        static const char *const properties[][2] = {
                {"DEVPATH", "/devices/x/3-1"},
                {"SUBSYSTEM", "usb"},
                {"DEVNAME", "/dev/bus/usb/003/017"},
                {"MAJOR", "509"},
                {"MINOR", "7"},
        };
        PropertyList list = {};

        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                assert_int_equal(property_list_set(&list, properties[i][0], properties[i][1]), 0);
        put(set, (Item){.kind = ITEM_RIGHT, .path = "c509:7", .type = 'c', .rdev = NUMBER});
        put(set, (Item){.kind = ITEM_NODE,
                        .path = "bus/usb/003/017",
                        .type = 'c',
                        .rdev = NUMBER,
                        .uid = INSIDE_ROOT,
                        .gid = INSIDE_ROOT,
                        .mode = 0660});
        put(set, (Item){.kind = ITEM_LINK, .path = "phones/one", .target = "../bus/usb/003/017"});
        put(set, (Item){.kind = ITEM_EVENT, .path = "/devices/x/3-1", .properties = list});
        property_list_deinit(&list);
}

static int setup(void **state) {
        static Fixture fixture;

        fixture = (Fixture){.inside.fd = -EBADF,
                            .n_fds = count_entries("/proc/self/fd"),
                            .runtime = "/tmp/davit-test-XXXXXX"};
        *state = &fixture;
        snprintf(fixture.cgroup, sizeof(fixture.cgroup), "davit-test-%d/" NAME, (int)getpid());
        assert_non_null(mkdtemp(fixture.runtime));
        assert_int_equal(chmod(fixture.runtime, 0755), 0);
        want_phone(&fixture.wanted);
        return 0;
}

/* As the launcher does after the container's end. */
static int take_off(const Fixture *fixture) {
        int r = live_dev_destroy(fixture->runtime, NAME), k = filter_destroy(fixture->cgroup);

        return r < 0 ? r : k;
}

static int teardown(void **state) {
        Fixture *fixture = *state;
        char path[64];

        target_close(fixture->target);
        container_free(fixture->container);
        inside_stop(&fixture->inside);
        item_set_deinit(&fixture->wanted);
        if (geteuid() == 0)
                assert_int_equal(take_off(fixture), 0);
        snprintf(path, sizeof(path), "%s/dev", fixture->runtime);
        rmdir(path);
        snprintf(path, sizeof(path), "%s/state", fixture->runtime);
        rmdir(path);
        assert_int_equal(rmdir(fixture->runtime), 0);
        assert_int_equal(count_mounts(fixture->runtime), 0);
        assert_int_equal(count_entries("/proc/self/fd"), fixture->n_fds);
        return 0;
}

static int enter(const char *path) {
        return chdir(path) < 0 ? errno : 0;
}

/* Writes the path of @relative in the hierarchy where the filter is. */
static void cgroup_procs(const char *relative, char *ret, size_t size) {
        char link[64], path[PATH_MAX / 2] = {};
        int root_fd, fd;
        bool made;

        root_fd = cgroup_open_root(CGROUP_UNIFIED);
        if (root_fd == -EOPNOTSUPP)
                root_fd = cgroup_open_root(CGROUP_DEVICES);
        fd = cgroup_make(root_fd, relative, &made);
        assert_true(fd >= 0);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        assert_true(readlink(link, path, sizeof(path) - 1) > 0);
        snprintf(ret, size, "%s/cgroup.procs", path);
        close(fd);
        close(root_fd);
}

#define inside_does(fixture, call, argument) inside_call(&(fixture)->inside, (call), (argument))

static void start_inside(Fixture *fixture) {
        char path[PATH_MAX], relative[128], pid[16];

        assert_int_equal(inside_start(&fixture->inside, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET), 0);
        snprintf(relative, sizeof(relative), "%s/payload", fixture->cgroup);
        cgroup_procs(relative, path, sizeof(path));
        snprintf(pid, sizeof(pid), "%d", (int)fixture->inside.pid);
        assert_int_equal(fd_write_string(AT_FDCWD, path, pid), 0);
        snprintf(path, sizeof(path), "%s/dev/" NAME "/dev", fixture->runtime);
        assert_int_equal(inside_does(fixture, enter, path), 0);
}

static Fixture *need(void **state) {
        Fixture *fixture = *state;
        Inside probe;
        int r;

        if (geteuid() != 0)
                skip_because("not root");
        r = inside_start(&probe, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET);
        if (r < 0)
                skip_because("no namespaces: %s", strerror(-r));
        inside_stop(&probe);
        r = filter_create(FILTER_AUTO, fixture->cgroup);
        if (r == -EOPNOTSUPP || r == -EPERM || r == -EACCES)
                skip_because("no device filter: %s", strerror(-r));
        assert_int_equal(r, 0);
        assert_int_equal(live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ true),
                         0);
        start_inside(fixture);

        assert_int_equal(container_new(NAME, "davit", &fixture->container), 0);
        fixture->container->init_pid = fixture->inside.pid;
        fixture->container->init_pidfd = (int)syscall(SYS_pidfd_open, fixture->inside.pid, 0);
        /* Under valgrind: our end of the channel is readable at the child's end just so. */
        if (fixture->container->init_pidfd < 0 && errno == ENOSYS)
                fixture->container->init_pidfd = fcntl(fixture->inside.fd, F_DUPFD_CLOEXEC, 3);
        assert_true(fixture->container->init_pidfd >= 0);
        assert_int_equal(id_map_parse("0 100000 65536\n", &fixture->container->uid_map), 0);
        assert_int_equal(id_map_parse("0 100000 65536\n", &fixture->container->gid_map), 0);
        return fixture;
}

static void open_target(Fixture *fixture) {
        fixture->target = target_close(fixture->target);
        assert_int_equal(target_open(fixture->runtime, fixture->container, fixture->cgroup, &fixture->target),
                         0);
}

static int open_node(const char *path) {
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

/* Plans from what is present to @wanted, and does at most @n_steps. Return: whether that was all. */
static bool converge(Fixture *fixture, const ItemSet *wanted, size_t n_steps) {
        ItemSet present = {};
        Plan todo = {};
        bool all;

        assert_int_equal(target_read(fixture->target, &present), 0);
        assert_int_equal(plan(wanted, &present, &todo), 0);
        for (size_t i = 0; i < todo.n_steps && i < n_steps; i++)
                assert_int_equal(target_apply(fixture->target, &todo.steps[i]), 0);
        all = todo.n_steps <= n_steps;
        plan_deinit(&todo);
        item_set_deinit(&present);
        return all;
}

static void assert_converged(Fixture *fixture, const ItemSet *wanted) {
        ItemSet present = {};
        Plan todo = {};

        assert_int_equal(target_read(fixture->target, &present), 0);
        assert_int_equal(present.n_items, wanted->n_items);
        assert_int_equal(plan(wanted, &present, &todo), 0);
        assert_int_equal(todo.n_steps, 0);
        for (size_t i = 0; i < present.n_items; i++)
                assert_string_equal(present.items[i]->device, "usb-3-1");
        plan_deinit(&todo);
        item_set_deinit(&present);
}

static void expect(Fixture *fixture, const char *text) {
        char line[1024];

        snprintf(line, sizeof(line), "group=1 port=kernel uid=0 %s", text);
        assert_int_equal(inside_does(fixture, do_expect, line), 0);
}

static void expect_udev(Fixture *fixture, const char *action) {
        char line[1024];

        snprintf(line, sizeof(line),
                 "group=2 port=user uid=0 ACTION=%s|DEVPATH=/devices/x/3-1|SUBSYSTEM=usb|"
                 "DEVNAME=/dev/bus/usb/003/017|MAJOR=509|MINOR=7|",
                 action);
        assert_int_equal(inside_does(fixture, do_expect, line), 0);
}

/* The event is the last of a set. */
static const PropertyList *event_properties(const ItemSet *set) {
        return &set->items[set->n_items - 1]->properties;
}

static void test_plug_and_unplug(void **state) {
        Fixture *fixture = need(state);
        const ItemSet nothing = {};

        open_target(fixture);
        assert_int_equal(inside_does(fixture, do_listen, "3"), 0);
        assert_int_equal(inside_does(fixture, open_node, "null"), 0);
        assert_true(converge(fixture, &fixture->wanted, SIZE_MAX));
        expect(fixture, added);
        expect_udev(fixture, "add");
        assert_int_equal(inside_does(fixture, open_node, "bus/usb/003/017"), ENXIO);
        assert_int_equal(inside_does(fixture, open_node, "phones/one"), ENXIO);
        assert_int_equal(target_tell_change(fixture->target, event_properties(&fixture->wanted)), 0);
        expect(fixture, changed);
        expect_udev(fixture, "change");
        assert_converged(fixture, &fixture->wanted);
        assert_int_equal(inside_does(fixture, do_expect_nothing, ""), 0);

        assert_true(converge(fixture, &nothing, SIZE_MAX));
        expect(fixture, removed);
        expect_udev(fixture, "remove");
        assert_int_equal(inside_does(fixture, open_node, "bus/usb/003/017"), ENOENT);
        assert_converged(fixture, &nothing);
}

/* Doing again what is done changes nothing, and says nothing but what was asked. */
static void test_steps_twice(void **state) {
        Fixture *fixture = need(state);

        open_target(fixture);
        for (int action = STEP_ADD; action <= STEP_REMOVE; action++)
                for (size_t i = 0; i < fixture->wanted.n_items; i++) {
                        Step step = {.action = (StepAction)action, .item = fixture->wanted.items[i]};

                        assert_int_equal(target_apply(fixture->target, &step), 0);
                        assert_int_equal(target_apply(fixture->target, &step), 0);
                }
        assert_converged(fixture, &(ItemSet){});
}

/* Stops after each number of steps, forgets everything, and goes on from what the kernel says. */
static void test_interrupted(void **state) {
        Fixture *fixture = need(state);
        const ItemSet nothing = {};
        bool all = false;

        for (size_t n = 0; !all; n++) {
                open_target(fixture);
                all = converge(fixture, &fixture->wanted, n);
                open_target(fixture);
                assert_true(converge(fixture, &fixture->wanted, SIZE_MAX));
                assert_converged(fixture, &fixture->wanted);
                assert_int_equal(inside_does(fixture, open_node, "bus/usb/003/017"), ENXIO);

                all = converge(fixture, &nothing, n) && all;
                open_target(fixture);
                assert_true(converge(fixture, &nothing, SIZE_MAX));
                assert_converged(fixture, &nothing);
        }
}

/* A right whose plan was interrupted is nobody's, and so goes. */
static void test_right_alone(void **state) {
        Fixture *fixture = need(state);
        Step step = {.action = STEP_ADD, .item = fixture->wanted.items[0]};
        ItemSet present = {};

        open_target(fixture);
        assert_int_equal(target_apply(fixture->target, &step), 0);
        assert_int_equal(target_read(fixture->target, &present), 0);
        assert_int_equal(present.n_items, 1);
        assert_string_equal(present.items[0]->path, "c509:7");
        assert_string_equal(present.items[0]->device, "");
        item_set_deinit(&present);
        assert_true(converge(fixture, &(ItemSet){}, SIZE_MAX));
        assert_converged(fixture, &(ItemSet){});
}

/* The wall behind the node: a number that the container reaches in another way. */
static void test_right_is_the_second_wall(void **state) {
        Fixture *fixture = need(state);
        Step node = {.action = STEP_ADD, .item = fixture->wanted.items[1]};

        open_target(fixture);
        assert_int_equal(target_apply(fixture->target, &node), 0);
        assert_int_equal(inside_does(fixture, open_node, "bus/usb/003/017"), EPERM);
}

static int run_udevd(_unused_ const char *argument) {
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/udev/control"};
        int fd;

        if (mount("run", "/run", "tmpfs", 0, "mode=0755") < 0 || mkdir("/run/udev", 0755) < 0)
                return errno;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
                return errno;
        return 0;
}

static void test_udevd_inside(void **state) {
        Fixture *fixture = need(state);

        assert_int_equal(inside_does(fixture, run_udevd, ""), 0);
        open_target(fixture);
        assert_int_equal(inside_does(fixture, do_listen, "3"), 0);
        assert_true(converge(fixture, &fixture->wanted, SIZE_MAX));
        expect(fixture, added);
        assert_int_equal(target_tell_change(fixture->target, event_properties(&fixture->wanted)), 0);
        expect(fixture, changed);
        assert_int_equal(inside_does(fixture, do_expect_nothing, ""), 0);
}

/* The socket is systemd's to open; it hears the kernel's group alone. */
static int run_kernel_listener(_unused_ const char *argument) {
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

        return fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
}

/* A udevd that comes when its devices are there already is told of them again, once. */
static void test_udevd_comes_later(void **state) {
        Fixture *fixture = need(state);

        open_target(fixture);
        assert_true(converge(fixture, &fixture->wanted, SIZE_MAX));
        assert_false(target_has_listener(fixture->target));
        assert_int_equal(inside_does(fixture, run_udevd, ""), 0);
        assert_false(target_has_listener(fixture->target));
        assert_int_equal(inside_does(fixture, run_kernel_listener, ""), 0);
        assert_true(target_has_listener(fixture->target));

        assert_false(target_listener_told(fixture->target));
        assert_int_equal(inside_does(fixture, do_listen, "1"), 0);
        assert_int_equal(target_tell_again(fixture->target, &fixture->wanted), 0);
        expect(fixture, added);
        assert_int_equal(inside_does(fixture, do_expect_nothing, ""), 0);
        assert_true(target_listener_told(fixture->target));
        /* Also to the next davitd. */
        open_target(fixture);
        assert_true(target_listener_told(fixture->target));
        assert_converged(fixture, &fixture->wanted);
}

#define CARD                "/devices/x/sound/card0"
#define CARD_ENTRIES        "DEVPATH=" CARD "|SUBSYSTEM=sound|"
#define KERNEL_CARD(action) action "@" CARD "|ACTION=" action "|" CARD_ENTRIES
#define UDEV_CARD(action)   "group=2 port=user uid=0 ACTION=" action "|" CARD_ENTRIES "SOUND_INITIALIZED=1|"

static void want_card(ItemSet *set) {
        PropertyList list = {};

        assert_int_equal(property_list_set(&list, "DEVPATH", CARD), 0);
        assert_int_equal(property_list_set(&list, "SUBSYSTEM", "sound"), 0);
        assert_int_equal(property_list_set(&list, "SOUND_INITIALIZED", "1"), 0);
        put(set, (Item){.kind = ITEM_DATA, .path = "+sound:card0", .text = "E:SOUND_INITIALIZED=1\nV:1\n"});
        put(set, (Item){.kind = ITEM_EVENT, .path = CARD, .properties = list});
        property_list_deinit(&list);
}

/* A sound card has no node; one that is ready is told to be ready, by the change that sound servers wait for.
 */
static void test_sound_card(void **state) {
        _cleanup_(item_set_deinit) ItemSet wanted = {};
        Fixture *fixture = need(state);

        want_card(&wanted);
        open_target(fixture);
        assert_int_equal(inside_does(fixture, do_listen, "3"), 0);
        assert_true(converge(fixture, &wanted, SIZE_MAX));
        expect(fixture, KERNEL_CARD("add"));
        assert_int_equal(inside_does(fixture, do_expect, UDEV_CARD("add")), 0);
        expect(fixture, KERNEL_CARD("change"));
        assert_int_equal(inside_does(fixture, do_expect, UDEV_CARD("change")), 0);

        /* To the next davitd it was told. */
        open_target(fixture);
        assert_converged(fixture, &wanted);
        assert_true(converge(fixture, &wanted, SIZE_MAX));
        assert_int_equal(inside_does(fixture, do_expect_nothing, ""), 0);
        assert_int_equal(target_tell_again(fixture->target, &wanted), 0);
        expect(fixture, KERNEL_CARD("add"));
        expect(fixture, KERNEL_CARD("change"));

        assert_true(converge(fixture, &(ItemSet){}, SIZE_MAX));
        expect(fixture, KERNEL_CARD("remove"));
        assert_int_equal(inside_does(fixture, do_expect, UDEV_CARD("remove")), 0);
        open_target(fixture);
        assert_converged(fixture, &(ItemSet){});
}

static int raise_loopback(_unused_ const char *argument) {
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

        if (fd < 0)
                return errno;
        r = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? errno : 0;
        close(fd);
        return r;
}

static void test_watch(void **state) {
        Fixture *fixture = need(state);
        struct pollfd poll_fd = {.events = POLLIN};

        open_target(fixture);
        assert_int_equal(target_watch_fd(fixture->target), -EBADF);
        assert_int_equal(target_watch(fixture->target), 0);
        poll_fd.fd = target_watch_fd(fixture->target);
        assert_int_equal(target_watch(fixture->target), 0);
        assert_int_equal(target_watch_fd(fixture->target), poll_fd.fd);
        assert_int_equal(target_watch_dispatch(fixture->target), 0);
        assert_int_equal(inside_does(fixture, raise_loopback, ""), 0);
        assert_int_equal(poll(&poll_fd, 1, LISTEN_TIMEOUT_MS), 1);
        assert_int_equal(target_watch_dispatch(fixture->target), 1);
        assert_int_equal(target_watch_dispatch(fixture->target), 0);
}

static void test_blocks(void **state) {
        (void)state;
        for (ItemKind kind = 0; kind < ITEM_KIND_MAX; kind++) {
                Item item = {.kind = kind};

                assert_int_equal(target_step_blocks(&(Step){.item = &item}),
                                 kind == ITEM_INTERFACE || kind == ITEM_MOUNT);
        }
}

static void test_cannot_open(void **state) {
        Fixture *fixture = need(state);
        Target *target = NULL;

        assert_int_equal(target_open(fixture->runtime, fixture->container, "davit-test-none/x", &target),
                         -ENOENT);
        assert_int_equal(target_open("/tmp/davit-test-none", fixture->container, fixture->cgroup, &target),
                         -ENOENT);

        id_map_deinit(&fixture->container->uid_map);
        assert_int_equal(id_map_parse("1 100000 65536\n", &fixture->container->uid_map), 0);
        assert_int_equal(target_open(fixture->runtime, fixture->container, fixture->cgroup, &target),
                         -EINVAL);
        id_map_deinit(&fixture->container->uid_map);
        assert_int_equal(id_map_parse("0 100000 65536\n", &fixture->container->uid_map), 0);

        /* Its number is another's now, ours; the pidfd tells. */
        inside_stop(&fixture->inside);
        assert_int_equal(target_open(fixture->runtime, fixture->container, fixture->cgroup, &target), -ESRCH);
        fixture->container->init_pid = getpid();
        assert_int_equal(target_open(fixture->runtime, fixture->container, fixture->cgroup, &target), -ESRCH);
        assert_null(target);
}

/* A Target outlives its container: what is done by it then hurts nobody. */
static void test_ended(void **state) {
        Fixture *fixture = need(state);

        open_target(fixture);
        assert_true(converge(fixture, &fixture->wanted, SIZE_MAX));
        inside_stop(&fixture->inside);
        assert_true(converge(fixture, &(ItemSet){}, SIZE_MAX));
        assert_int_equal(take_off(fixture), 0);
        for (size_t i = 0; i < fixture->wanted.n_items; i++) {
                Step step = {.action = STEP_REMOVE, .item = fixture->wanted.items[i]};

                assert_true(target_apply(fixture->target, &step) <= 0);
        }
}

static void test_clean_up(void **state) {
        Fixture *fixture = need(state);
        char path[128];

        open_target(fixture);
        assert_true(converge(fixture, &fixture->wanted, SIZE_MAX));
        fixture->target = target_close(fixture->target);
        snprintf(path, sizeof(path), "%s/dev/" NAME, fixture->runtime);

        /* While it runs its cgroup stays, and what it was given goes all the same. */
        assert_int_equal(take_off(fixture), -EBUSY);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(inside_does(fixture, open_node, "bus/usb/003/017"), EACCES);
        inside_stop(&fixture->inside);
        assert_int_equal(take_off(fixture), 0);
        assert_int_equal(take_off(fixture), 0);
}

#define target_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                target_test(test_plug_and_unplug),
                target_test(test_steps_twice),
                target_test(test_interrupted),
                target_test(test_right_alone),
                target_test(test_right_is_the_second_wall),
                target_test(test_udevd_inside),
                target_test(test_udevd_comes_later),
                target_test(test_sound_card),
                target_test(test_watch),
                target_test(test_cannot_open),
                target_test(test_ended),
                target_test(test_clean_up),
                cmocka_unit_test(test_blocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
