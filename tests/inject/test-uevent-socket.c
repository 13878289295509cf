/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Events into another network namespace, and who receives them there as whose. Wants root and namespaces.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inject/inside.h"
#include "inject/uevent-listener.h"
#include "inject/uevent-socket.h"
#include "util/fd.h"

typedef struct Fixture {
        Inside inside;
        int netns_fd;
        UeventSocket *socket;
        PropertyList properties;
        unsigned int n_fds;
} Fixture;

static ino_t own_namespace(void) {
        struct stat st;

        assert_int_equal(stat("/proc/thread-self/ns/net", &st), 0);
        return st.st_ino;
}

static int setup(void **state) {
        static const char *const properties[][2] = {
                {"DEVPATH", "/devices/x/usb3/3-1"},
                {"SUBSYSTEM", "usb"},
                {"DEVTYPE", "usb_device"},
                {"DEVNAME", "/dev/bus/usb/003/017"},
                {"MAJOR", "189"},
                {"MINOR", "272"},
                {"ID_SERIAL_SHORT", "0123"},
                {"TAGS", ":uaccess:systemd:"},
                {"USEC_INITIALIZED", "17"},
        };
        static Fixture fixture;

        fixture = (Fixture){.inside.fd = -EBADF, .netns_fd = -EBADF, .n_fds = count_entries("/proc/self/fd")};
        *state = &fixture;
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                assert_int_equal(property_list_set(&fixture.properties, properties[i][0], properties[i][1]),
                                 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        uevent_socket_close(fixture->socket);
        inside_stop(&fixture->inside);
        safe_close(fixture->netns_fd);
        property_list_deinit(&fixture->properties);
        assert_int_equal(count_entries("/proc/self/fd"), fixture->n_fds);
        return 0;
}

static Fixture *need(void **state) {
        Fixture *fixture = *state;
        char path[64];
        int r;

        if (geteuid() != 0)
                skip_because("not root");
        r = inside_start(&fixture->inside, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET);
        if (r < 0)
                skip_because("no namespaces: %s", strerror(-r));
        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)fixture->inside.pid);
        fixture->netns_fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fixture->netns_fd >= 0);
        assert_int_equal(uevent_socket_open(fixture->netns_fd, INSIDE_ROOT, INSIDE_ROOT, &fixture->socket),
                         0);
        return fixture;
}

#define inside_does(fixture, call, argument) inside_call(&(fixture)->inside, (call), (argument))

static void test_comes_back(void **state) {
        Fixture *fixture = *state;
        ino_t before = own_namespace();

        fixture = need(state);
        assert_int_equal(own_namespace(), before);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &fixture->properties),
                0);
        assert_int_equal(own_namespace(), before);
}

static void test_bad_namespace(void **state) {
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        UeventSocket *socket = NULL;
        ino_t before = own_namespace();

        (void)state;
        assert_int_equal(uevent_socket_open(fd, 0, 0, &socket), -EINVAL);
        assert_int_equal(uevent_socket_open(-EBADF, 0, 0, &socket), -EBADF);
        assert_null(socket);
        assert_int_equal(own_namespace(), before);
}

/* As libusb checks it: group 1, port 0, uid 0. */
static void test_kernel_listener(void **state) {
        Fixture *fixture = need(state);

        assert_int_equal(inside_does(fixture, do_listen, "1"), 0);
        assert_int_equal(do_listen("1"), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &fixture->properties),
                0);
        assert_int_equal(inside_does(fixture, do_expect,
                                     "group=1 port=kernel uid=0 add@/devices/x/usb3/3-1|ACTION=add|"
                                     "DEVPATH=/devices/x/usb3/3-1|SUBSYSTEM=usb|DEVTYPE=usb_device|"
                                     "DEVNAME=bus/usb/003/017|MAJOR=189|MINOR=272|"),
                         0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_REMOVE, &fixture->properties),
                0);
        assert_int_equal(inside_does(fixture, do_expect,
                                     "group=1 port=kernel uid=0 remove@/devices/x/usb3/3-1|ACTION=remove|"
                                     "DEVPATH=/devices/x/usb3/3-1|SUBSYSTEM=usb|DEVTYPE=usb_device|"
                                     "DEVNAME=bus/usb/003/017|MAJOR=189|MINOR=272|"),
                         0);
        /* The host's own listeners hear nothing of it. */
        assert_int_equal(do_expect_nothing(""), 0);
        listener_fd = safe_close(listener_fd);
}

static void test_udev_listener(void **state) {
        Fixture *fixture = need(state);

        assert_int_equal(inside_does(fixture, do_listen, "2"), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &fixture->properties),
                0);
        assert_int_equal(inside_does(fixture, do_expect_nothing, ""), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_ADD, &fixture->properties), 0);
        assert_int_equal(
                inside_does(fixture, do_expect,
                            "group=2 port=user uid=0 ACTION=add|DEVPATH=/devices/x/usb3/3-1|SUBSYSTEM=usb|"
                            "DEVTYPE=usb_device|DEVNAME=/dev/bus/usb/003/017|MAJOR=189|MINOR=272|"
                            "ID_SERIAL_SHORT=0123|TAGS=:uaccess:systemd:|USEC_INITIALIZED=17|"),
                0);
}

static void test_libudev(void **state) {
        Fixture *fixture = need(state);

        if (!libudev_would_listen())
                skip_because("libudev listens only where /dev is a devtmpfs or udevd runs");
        assert_int_equal(inside_does(fixture, do_monitor, "usb"), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_ADD, &fixture->properties), 0);
        assert_int_equal(inside_does(fixture, do_expect_device,
                                     "add /devices/x/usb3/3-1 usb /dev/bus/usb/003/017 0123"),
                         0);
        /* Its socket filter works on the hashes in the frame: another subsystem does not wake it. */
        assert_int_equal(property_list_set(&fixture->properties, "SUBSYSTEM", "tty"), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_ADD, &fixture->properties), 0);
        assert_int_equal(property_list_set(&fixture->properties, "SUBSYSTEM", "usb"), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_REMOVE, &fixture->properties),
                0);
        assert_int_equal(inside_does(fixture, do_expect_device,
                                     "remove /devices/x/usb3/3-1 usb /dev/bus/usb/003/017 0123"),
                         0);
}

static void test_nobody_listens(void **state) {
        Fixture *fixture = need(state);

        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &fixture->properties),
                0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_ADD, &fixture->properties), 0);
}

/* One that never reads: sending neither waits nor fails. */
static void test_listener_sleeps(void **state) {
        Fixture *fixture = need(state);

        assert_int_equal(inside_does(fixture, do_listen, "3"), 0);
        for (unsigned int i = 0; i < 2000; i++) {
                assert_int_equal(uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD,
                                                    &fixture->properties),
                                 0);
                assert_int_equal(uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_ADD,
                                                    &fixture->properties),
                                 0);
        }
}

static void test_not_sendable(void **state) {
        Fixture *fixture = need(state);
        PropertyList nothing = {};
        char value[4000] = {};

        assert_int_equal(uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &nothing),
                         -EINVAL);
        assert_int_equal(inside_does(fixture, do_listen, "3"), 0);

        /* More than the kernel passes on: its answer is not lost, and not taken for that of the next. */
        memset(value, 'x', sizeof(value) - 1);
        assert_int_equal(property_list_set(&fixture->properties, "MODALIAS", value), 0);
        assert_true(uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD,
                                       &fixture->properties) < 0);
        assert_int_equal(inside_does(fixture, do_expect_nothing, ""), 0);
        assert_int_equal(property_list_set(&fixture->properties, "MODALIAS", "usb:x"), 0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &fixture->properties),
                0);
        assert_int_equal(inside_does(fixture, do_expect,
                                     "group=1 port=kernel uid=0 add@/devices/x/usb3/3-1|ACTION=add|"
                                     "DEVPATH=/devices/x/usb3/3-1|SUBSYSTEM=usb|DEVTYPE=usb_device|"
                                     "DEVNAME=bus/usb/003/017|MAJOR=189|MINOR=272|MODALIAS=usb:x|"),
                         0);
}

/* What was opened lives on when the container is gone. */
static void test_container_ended(void **state) {
        Fixture *fixture = need(state);

        inside_stop(&fixture->inside);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_KERNEL, UEVENT_ADD, &fixture->properties),
                0);
        assert_int_equal(
                uevent_socket_send(fixture->socket, UEVENT_GROUP_UDEV, UEVENT_ADD, &fixture->properties), 0);
}

#define socket_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                socket_test(test_comes_back),      socket_test(test_bad_namespace),
                socket_test(test_kernel_listener), socket_test(test_udev_listener),
                socket_test(test_libudev),         socket_test(test_nobody_listens),
                socket_test(test_listener_sleeps), socket_test(test_not_sendable),
                socket_test(test_container_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
