/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The methods and properties of the tree, their errors, and who may call them.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bus/call.h"
#include "bus/client.h"
#include "bus/error.h"
#include "bus/harness.h"
#include "util/string.h"

#define E(name) "org.davit1.Error." name

static Harness harness;
static sd_bus *bus;

static int setup(_unused_ void **state) {
        if (harness_start(&harness) > 0)
                return 0;
        bus = harness_connect(&harness);
        return 0;
}

static int teardown(_unused_ void **state) {
        bus = sd_bus_flush_close_unref(bus);
        if (harness.daemon_pid != 0)
                harness_stop(&harness);
        harness.daemon_pid = 0;
        return 0;
}

static void need_bus(void) {
        if (!bus)
                skip();
}

static void test_properties(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "plug 1 ABC123");
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "give 1 ci-1");

        client_expect_string(bus, MANAGER, "Version", PACKAGE_VERSION);
        client_expect_string(bus, MANAGER, "RuntimeDir", harness.dir);
        client_expect_string(bus, MANAGER, "ContainerProgram", "/bin/echo");

        client_expect_string(bus, DEVICE(1), "Id", "usb-3-1");
        client_expect_string(bus, DEVICE(1), "Place", "3-1");
        client_expect_string(bus, DEVICE(1), "Vendor", "18d1");
        client_expect_string(bus, DEVICE(1), "Product", "4ee7");
        client_expect_string(bus, DEVICE(1), "Serial", "ABC123");
        client_expect_string(bus, DEVICE(1), "Model", "Pixel_1");
        client_expect_string(bus, DEVICE(1), "Mode", "");
        client_expect_string(bus, DEVICE(1), "Devpath", "/devices/pci0000:00/0000:00:14.0/usb3/3-1");
        client_expect_array(bus, DEVICE(1), "Classes", "s", "usb");
        client_expect_array(bus, DEVICE(1), "Grants", "o", "/org/davit1/grant/usb_2d3_2d1/ci_2d1");

        client_expect_string(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "Name", "ci-1");
        client_expect_string(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "State", "running");
        client_expect_string(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "Runtime", "davit");
        client_expect_array(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "Grants", "o",
                            "/org/davit1/grant/usb_2d3_2d1/ci_2d1");

        static const char *const grant[][2] = {
                {"Device", "/org/davit1/device/usb_2d3_2d1"},
                {"Container", "/org/davit1/container/ci_2d1"},
                {"DeviceId", "usb-3-1"},
                {"ContainerName", "ci-1"},
                {"Origin", "policy"},
                {"State", "active"},
                {"Rule", "phones"},
                {"Error", ""},
        };
        for (size_t i = 0; i < ELEMENTSOF(grant); i++)
                client_expect_string(bus, "/org/davit1/grant/usb_2d3_2d1/ci_2d1", "org.davit1.Grant",
                                     grant[i][0], grant[i][1]);
        harness_do(&harness, "fail 1 ci-1 %d", ENOSPC);
        client_expect_string(bus, "/org/davit1/grant/usb_2d3_2d1/ci_2d1", "org.davit1.Grant", "Error",
                             strerror(ENOSPC));
        client_expect_string(bus, "/org/davit1/grant/usb_2d3_2d1/ci_2d1", "org.davit1.Grant", "State",
                             "failed");
}

/* A phone between two modes. */
static void test_lingering(_unused_ void **state) {
        static const char path[] = "/org/davit1/grant/usb_2d3_2d1/ci_2d1", interface[] = "org.davit1.Grant";
        struct timespec now;
        uint64_t until;

        need_bus();
        harness_do(&harness, "plug 1 ABC123");
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "give 1 ci-1");
        assert_true(sd_bus_get_property_trivial(bus, "org.davit1", path, interface, "LingerUntil", NULL, 't',
                                                &until) >= 0);
        assert_int_equal(until, 0);
        harness_do(&harness, "linger 1 ci-1 90");
        client_expect_string(bus, DEVICE(1), "Mode", "away");
        client_expect_string(bus, DEVICE(1), "Serial", "ABC123");
        client_expect_string(bus, path, interface, "State", "lingering");
        assert_true(sd_bus_get_property_trivial(bus, "org.davit1", path, interface, "LingerUntil", NULL, 't',
                                                &until) >= 0);
        clock_gettime(CLOCK_BOOTTIME, &now);
        assert_in_range(until / 1000000, (uint64_t)now.tv_sec + 60, (uint64_t)now.tv_sec + 90);
        /* It is back. */
        harness_do(&harness, "plug 1 ABC123");
        client_expect_string(bus, DEVICE(1), "Mode", "");
}

static void test_structured_properties(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *nodes = NULL, *labels = NULL;
        const char *kind, *path, *key, *value;
        uint32_t count = 0, pid = 0;

        need_bus();
        harness_do(&harness, "plug 1 ABC123");
        harness_do(&harness, "run ci-1");

        assert_true(sd_bus_get_property(bus, "org.davit1", DEVICE(1), "Nodes", NULL, &nodes, "a(ss)") >= 0);
        assert_true(sd_bus_message_enter_container(nodes, 'a', "(ss)") > 0);
        assert_true(sd_bus_message_read(nodes, "(ss)", &kind, &path) > 0);
        assert_string_equal(kind, "usb");
        assert_string_equal(path, "/dev/bus/usb/003/001");
        assert_int_equal(sd_bus_message_read(nodes, "(ss)", &kind, &path), 0);

        assert_true(sd_bus_get_property(bus, "org.davit1", "/org/davit1/container/ci_2d1",
                                        "org.davit1.Container", "Labels", NULL, &labels, "a{ss}") >= 0);
        assert_true(sd_bus_message_read(labels, "a{ss}", 1, &key, &value) > 0);
        assert_string_equal(key, "team");
        assert_string_equal(value, "blue");

        assert_true(sd_bus_get_property_trivial(bus, "org.davit1", MANAGER, "RuleCount", NULL, 'u', &count) >=
                    0);
        assert_int_equal(count, 2);
        assert_true(sd_bus_get_property_trivial(bus, "org.davit1", "/org/davit1/container/ci_2d1",
                                                "org.davit1.Container", "Pid", NULL, 'u', &pid) >= 0);
        assert_int_equal(pid, 4711);
}

static void test_attach(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;

        need_bus();
        harness_do(&harness, "plug 1 ABC123");
        harness_do(&harness, "run ci-1");

        /* By the serial: the path has the id. */
        client_call(bus, MANAGER, "Attach", &reply, "ssa{sv}", "ABC123", "ci-1", 0);
        assert_true(sd_bus_message_read(reply, "o", &path) > 0);
        assert_string_equal(path, "/org/davit1/grant/usb_2d3_2d1/ci_2d1");
        client_expect_string(bus, path, "org.davit1.Grant", "Origin", "manual");

        client_call(bus, MANAGER, "Detach", NULL, "ssa{sv}", "usb-3-1", "ci-1", 0);
        client_expect_array(bus, DEVICE(1), "Grants", "o", "");

        harness_do(&harness, "run ci-2");
        client_call(bus, MANAGER, "Attach", NULL, "ssa{sv}", "3-1", "ci-1", 0);
        client_call(bus, MANAGER, "Attach", NULL, "ssa{sv}", "/dev/bus/usb/003/001", "ci-2", 0);
        client_call(bus, MANAGER, "Detach", NULL, "ssa{sv}", "usb-3-1", "", 0);
        client_expect_array(bus, DEVICE(1), "Grants", "o", "");
}

static void test_errors(_unused_ void **state) {
        static const struct {
                const char *member, *error, *device, *container;
        } cases[] = {
                {"Attach", E("NoSuchDevice"), "usb-9-9", "ci-1"},
                {"Attach", E("NoSuchContainer"), "usb-3-1", "ci-9"},
                {"Attach", E("AmbiguousDevice"), "TWIN", "ci-1"},
                {"Attach", E("Busy"), "BUSY", "ci-1"},
                {"Attach", E("Denied"), "DENIED", "ci-1"},
                {"Attach", E("Failed"), "BROKEN", "ci-1"},
                {"Attach", E("InvalidArgument"), "", "ci-1"},
                {"Attach", E("InvalidArgument"), "usb-3-1", ""},
                {"Attach", E("InvalidArgument"), "usb-3-1", "../etc"},
                {"Detach", E("NotGranted"), "usb-3-1", "ci-1"},
                {"Detach", E("NotGranted"), "usb-3-1", ""},
                {"Detach", E("NoSuchDevice"), "usb-9-9", ""},
                {"Detach", E("NoSuchContainer"), "usb-3-1", "ci-9"},
                {"Detach", E("InvalidArgument"), "", "ci-1"},
                {"Explain", E("NoSuchDevice"), "usb-9-9", "ci-1"},
                {"Explain", E("NoSuchContainer"), "usb-3-1", "ci-9"},
                {"Explain", E("AmbiguousDevice"), "TWIN", "ci-1"},
                {"Explain", E("InvalidArgument"), "usb-3-1", "a b"},
        };

        need_bus();
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "plug 1 ABC123");
        harness_do(&harness, "plug 2 TWIN");
        harness_do(&harness, "plug 3 TWIN");
        harness_do(&harness, "plug 4 BUSY");
        harness_do(&harness, "plug 5 DENIED");
        harness_do(&harness, "plug 6 BROKEN");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                client_call_fails(bus, MANAGER, cases[i].member, cases[i].error, NULL, "ssa{sv}",
                                  cases[i].device, cases[i].container, 0);

        /* The manager's words are escaped, its lines stay lines. */
        client_call_fails(bus, MANAGER, "Attach", E("NoSuchDevice"), "Not \\x1b[31mthere\\xff", "ssa{sv}",
                          "usb-9-9", "ci-1", 0);
        client_call_fails(bus, MANAGER, "Launch", E("LaunchFailed"), "The root has\nno init", "sa{sv}",
                          "fails", 0);
        client_call_fails(bus, MANAGER, "Launch", E("Exists"), NULL, "sa{sv}", "ci-1", 0);
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), NULL, "sa{sv}", ".hidden", 0);
        client_call_fails(bus, MANAGER, "Stop", E("NoSuchContainer"), NULL, "sa{sv}", "ci-9", 0);
        client_call_fails(bus, MANAGER, "Stop", E("InvalidArgument"), NULL, "sa{sv}", "", 0);
        client_call_fails(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "Kill",
                          E("InvalidArgument"), "0 is not a signal", "ia{sv}", 0, 0);
        client_call_fails(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "Kill",
                          E("InvalidArgument"), NULL, "ia{sv}", 65, 0);
        client_call_fails(bus, "/org/davit1/container/ci_2d1", "org.davit1.Container", "Kill", E("Failed"),
                          NULL, "ia{sv}", SIGUSR1, 0);
}

static void test_options(_unused_ void **state) {
        const char *path = "/org/davit1/container/ci_2d1", *interface = "org.davit1.Container";

        need_bus();
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "plug 1 ABC123");

        client_call_fails(bus, MANAGER, "Attach", E("InvalidArgument"), "'frob'", "ssa{sv}", "usb-3-1",
                          "ci-1", 1, "frob", "s", "x");
        client_call_fails(bus, MANAGER, "Detach", E("InvalidArgument"), "'frob'", "ssa{sv}", "usb-3-1",
                          "ci-1", 1, "frob", "b", 1);
        client_call_fails(bus, MANAGER, "Explain", E("InvalidArgument"), "'frob'", "ssa{sv}", "usb-3-1",
                          "ci-1", 1, "frob", "u", 1);
        client_call_fails(bus, MANAGER, "Reload", E("InvalidArgument"), "'frob'", "a{sv}", 1, "frob", "s",
                          "x");
        client_call_fails(bus, MANAGER, "ListRules", E("InvalidArgument"), "'frob'", "a{sv}", 1, "frob", "s",
                          "x");
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "'frob'", "sa{sv}", "new", 1, "frob",
                          "s", "x");
        client_call_fails(bus, MANAGER, "Stop", E("InvalidArgument"), "'frob'", "sa{sv}", "ci-1", 1, "frob",
                          "s", "x");
        client_call_fails(bus, path, interface, "Kill", E("InvalidArgument"), "'frob'", "ia{sv}", SIGTERM, 1,
                          "frob", "s", "x");

        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "'rootfs' is not of type 's'",
                          "sa{sv}", "new", 1, "rootfs", "u", 1);
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "'command' is not of type 'as'",
                          "sa{sv}", "new", 1, "command", "s", "/bin/sh");
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "given twice", "sa{sv}", "new", 2,
                          "rootfs", "s", "/a", "rootfs", "s", "/b");
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "not absolute", "sa{sv}", "new", 1,
                          "rootfs", "s", "a/b");
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "control character", "sa{sv}", "new",
                          1, "rootfs", "s", "/a\nb");
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "empty", "sa{sv}", "new", 1,
                          "command", "as", 0);
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "KEY=VALUE", "sa{sv}", "new", 1,
                          "labels", "as", 1, "=x");
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "control character", "sa{sv}", "new",
                          1, "labels", "as", 1, "a=b\nINIT_PID=1");
}

static void test_option_bounds(_unused_ void **state) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        static char text[5000];

        need_bus();
        memset(text, 'a', sizeof(text) - 1);
        text[0] = '/';
        client_call_fails(bus, MANAGER, "Launch", E("InvalidArgument"), "too long", "sa{sv}", "new", 1,
                          "rootfs", "s", text);
        client_call_fails(bus, MANAGER, "Attach", E("InvalidArgument"), "too long", "ssa{sv}", text, "ci-1",
                          0);

        assert_true(sd_bus_message_new_method_call(bus, &m, "org.davit1", MANAGER, "Launch") >= 0);
        assert_true(sd_bus_message_append(m, "s", "new") >= 0);
        assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        assert_true(sd_bus_message_open_container(m, 'e', "sv") >= 0);
        assert_true(sd_bus_message_append(m, "s", "command") >= 0);
        assert_true(sd_bus_message_open_container(m, 'v', "as") >= 0);
        assert_true(sd_bus_message_open_container(m, 'a', "s") >= 0);
        for (unsigned int i = 0; i < 1025; i++)
                assert_true(sd_bus_message_append(m, "s", "word") >= 0);
        for (unsigned int i = 0; i < 4; i++)
                assert_true(sd_bus_message_close_container(m) >= 0);
        assert_true(sd_bus_call(bus, m, 0, &error, NULL) < 0);
        assert_string_equal(error.name, E("InvalidArgument"));
}

static void test_launch(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *status = NULL;
        char text[256];
        const char *path;
        int32_t value;
        int fds[2];
        ssize_t n;

        need_bus();
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        client_call(bus, MANAGER, "Launch", &reply, "sa{sv}", "box", 4, "rootfs", "s", "/srv/box", "command",
                    "as", 2, "/bin/echo", "a b", "labels", "as", 1, "k=v", "stdout", "h", fds[1]);
        close(fds[1]);
        n = read(fds[0], text, sizeof(text) - 1);
        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, "rootfs=/srv/box [/bin/echo] [a b] {k=v}\n");
        /* The daemon holds no end of it any more. */
        assert_int_equal(read(fds[0], text, sizeof(text)), 0);
        close(fds[0]);

        assert_true(sd_bus_message_read(reply, "o", &path) > 0);
        assert_string_equal(path, "/org/davit1/container/box");
        client_call(bus, MANAGER, "Stop", &status, "sa{sv}", "box", 0);
        assert_true(sd_bus_message_read(status, "i", &value) > 0);
        assert_int_equal(value, 0);
        client_call_fails(bus, path, "org.davit1.Container", "Wait", SD_BUS_ERROR_UNKNOWN_OBJECT, NULL, "");
}

static int on_reply(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        int32_t *status = userdata;

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "i", status) < 0)
                *status = -2;
        return 0;
}

static void test_wait_and_kill(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path = "/org/davit1/container/box";
        int32_t status = -3;

        need_bus();
        harness_do(&harness, "run box");
        assert_true(sd_bus_call_method_async(bus, NULL, "org.davit1", path, "org.davit1.Container", "Wait",
                                             on_reply, &status, "") >= 0);
        client_call(bus, path, "org.davit1.Container", "Kill", NULL, "ia{sv}", SIGTERM, 0);
        while (status == -3) {
                assert_true(sd_bus_process(bus, NULL) >= 0);
                if (status == -3)
                        assert_true(sd_bus_wait(bus, 10ULL * 1000 * 1000) >= 0);
        }
        assert_int_equal(status, 128 + SIGTERM);

        /* Of one that is gone, the manager's Wait still knows. */
        client_call_fails(bus, path, "org.davit1.Container", "Wait", SD_BUS_ERROR_UNKNOWN_OBJECT, NULL, "");
        client_call(bus, MANAGER, "Wait", &reply, "sa{sv}", "box", 0);
        assert_true(sd_bus_message_read(reply, "i", &status) > 0);
        assert_int_equal(status, 128 + SIGTERM);
        client_call_fails(bus, MANAGER, "Wait", E("NoSuchContainer"), NULL, "sa{sv}", "never", 0);
        client_call_fails(bus, MANAGER, "Wait", E("InvalidArgument"), "'frob'", "sa{sv}", "box", 1, "frob",
                          "b", 1);
}

static void test_call_limit(_unused_ void **state) {
        static int32_t status[CALLS_MAX];

        need_bus();
        harness_do(&harness, "run box");
        for (unsigned int i = 0; i < CALLS_MAX; i++) {
                status[i] = -3;
                assert_true(sd_bus_call_method_async(bus, NULL, "org.davit1", "/org/davit1/container/box",
                                                     "org.davit1.Container", "Wait", on_reply, &status[i],
                                                     "") >= 0);
        }
        client_call_fails(bus, "/org/davit1/container/box", "org.davit1.Container", "Wait",
                          SD_BUS_ERROR_LIMITS_EXCEEDED, NULL, "");
        harness_do(&harness, "end box 7");
        for (unsigned int i = 0; i < CALLS_MAX; i++)
                while (status[i] == -3)
                        if (sd_bus_process(bus, NULL) == 0)
                                assert_true(sd_bus_wait(bus, 10ULL * 1000 * 1000) > 0);
        for (unsigned int i = 0; i < CALLS_MAX; i++)
                assert_int_equal(status[i], 7);
}

static void test_reload(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t count;

        need_bus();
        client_call(bus, MANAGER, "Reload", &reply, "a{sv}", 0);
        assert_true(sd_bus_message_enter_container(reply, 'a', "s") >= 0);
        assert_int_equal(sd_bus_message_at_end(reply, false), 1);

        harness_policy(&harness, "version: 1\nrules:\n  - name: x\n    frobnicate: 1\n");
        client_call_fails(bus, MANAGER, "Reload", E("PolicyInvalid"), "10-test.yaml:3:", "a{sv}", 0);
        assert_true(sd_bus_get_property_trivial(bus, "org.davit1", MANAGER, "RuleCount", NULL, 'u', &count) >=
                    0);
        assert_int_equal(count, 2);
}

static void test_list_rules(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *second = NULL;
        const char *name, *location, *match, *give;
        int deny;

        need_bus();
        client_call(bus, MANAGER, "ListRules", &reply, "a{sv}", 0);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(ssssb)") > 0);
        assert_true(sd_bus_message_read(reply, "(ssssb)", &name, &location, &match, &give, &deny) > 0);
        assert_string_equal(name, "never this");
        assert_non_null(strstr(location, "10-test.yaml:3"));
        assert_string_equal(match, "class=usb serial=FORBIDDEN");
        assert_true(deny);
        assert_true(sd_bus_message_read(reply, "(ssssb)", &name, &location, &match, &give, &deny) > 0);
        assert_string_equal(name, "phones");
        assert_string_equal(match, "class=usb vendor=18d1,04e8");
        assert_string_equal(give, "to=ci-* share=exclusive nodes=usb owner=0:0 mode=0660");
        assert_false(deny);
        assert_int_equal(sd_bus_message_at_end(reply, false), 1);

        client_call(bus, MANAGER, "ListRules", &second, "a{sv}", 2, "offset", "u", 1, "limit", "u", 1);
        assert_true(sd_bus_message_enter_container(second, 'a', "(ssssb)") > 0);
        assert_true(sd_bus_message_read(second, "(ssssb)", &name, &location, &match, &give, &deny) > 0);
        assert_string_equal(name, "phones");
        assert_int_equal(sd_bus_message_at_end(second, false), 1);
        client_call(bus, MANAGER, "ListRules", NULL, "a{sv}", 2, "offset", "u", UINT32_MAX, "limit", "u",
                    UINT32_MAX);
}

static void check_explain(const char *device, const char *container, const char *first, const char *decision,
                          const char *decided_by) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *rule, *location, *failed, *got;
        uint32_t omitted;

        client_call(bus, MANAGER, "Explain", &reply, "ssa{sv}", device, container, 0);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(sss)") > 0);
        assert_true(sd_bus_message_read(reply, "(sss)", &rule, &location, &failed) > 0);
        assert_string_equal(rule, "never this");
        assert_non_null(strstr(location, "10-test.yaml:3"));
        assert_string_equal(failed, first);
        while (sd_bus_message_read(reply, "(sss)", &rule, &location, &failed) > 0)
                ;
        assert_true(sd_bus_message_exit_container(reply) >= 0);
        assert_true(sd_bus_message_read(reply, "ssu", &got, &rule, &omitted) > 0);
        assert_string_equal(got, decision);
        assert_string_equal(rule, decided_by);
        assert_int_equal(omitted, 0);
}

static void test_explain(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "plug 1 ABC123");
        harness_do(&harness, "plug 2 FORBIDDEN");
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "run other");

        check_explain("usb-3-1", "ci-1", "serial", "give", "phones");
        check_explain("usb-3-1", "other", "serial", "none", "");
        check_explain("usb-3-2", "ci-1", "", "deny", "never this");
        client_call(bus, MANAGER, "Attach", NULL, "ssa{sv}", "usb-3-1", "other", 0);
        check_explain("usb-3-1", "other", "serial", "attached", "");
}

static void test_hostile_strings(_unused_ void **state) {
        need_bus();
        harness_do(&harness, "plug 1 \x1b]0;evil\xff\x07");
        client_expect_string(bus, DEVICE(1), "Serial", "\\x1b]0;evil\\xff\\x07");
        harness_do(&harness, "run a.b-c_d");
        client_expect_string(bus, "/org/davit1/container/a_2eb_2dc_5fd", "org.davit1.Container", "Name",
                             "a.b-c_d");
}

static void test_one_path_each(_unused_ void **state) {
        static const char *const paths[] = {
                "/org/davit1/container/b_6fx",  /* an escape that needs none */
                "/org/davit1/container/box_00", /* a NUL behind the name */
                "/org/davit1/container/box_00x",
                "/org/davit1/container/box/x",
                "/org/davit1/container/_",
                "/org/davit1/container",
                "/org/davit1/device/box",
                "/org/davit1/grant/box",
                "/org/davit1/grant/usb_2d3_2d1/box",
        };

        need_bus();
        harness_do(&harness, "run box");
        harness_do(&harness, "plug 1 X");
        client_expect_string(bus, "/org/davit1/container/box", "org.davit1.Container", "Name", "box");
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

                assert_true(sd_bus_get_property(bus, "org.davit1", paths[i], "org.davit1.Container", "Name",
                                                &error, &(sd_bus_message *){NULL}, "s") < 0);
        }
}

static void test_introspection(_unused_ void **state) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *children = NULL;
        const char *xml;

        need_bus();
        harness_do(&harness, "plug 1 X");
        client_call(bus, "/org/davit1", "org.freedesktop.DBus.Introspectable", "Introspect", &reply, "");
        assert_true(sd_bus_message_read(reply, "s", &xml) > 0);
        assert_non_null(strstr(xml, "org.davit1.Manager"));
        assert_non_null(strstr(xml, "org.freedesktop.DBus.ObjectManager"));
        assert_non_null(strstr(xml, "<method name=\"Launch\">"));
        client_call(bus, "/org/davit1/device", "org.freedesktop.DBus.Introspectable", "Introspect", &children,
                    "");
        assert_true(sd_bus_message_read(children, "s", &xml) > 0);
        assert_non_null(strstr(xml, "<node name=\"usb_2d3_2d1\"/>"));
}

/* Every method that changes something is refused; what only tells is not. Return: 0 where that is so. */
static int unprivileged(void) {
        static const struct {
                const char *path, *interface, *member, *types;
        } refused[] = {
                {MANAGER, "Attach", "ssa{sv}"},
                {MANAGER, "Detach", "ssa{sv}"},
                {MANAGER, "Reload", "a{sv}"},
                {MANAGER, "Launch", "sa{sv}"},
                {MANAGER, "Stop", "sa{sv}"},
                {MANAGER, "Wait", "sa{sv}"},
                {"/org/davit1/container/box", "org.davit1.Container", "Kill", "ia{sv}"},
                {"/org/davit1/container/box", "org.davit1.Container", "Wait", ""},
        };
        sd_bus *own = harness_connect(&harness);

        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                const char *types = refused[i].types;
                int r;

                r = streq(types, "ssa{sv}")
                            ? sd_bus_call_method(own, "org.davit1", refused[i].path, refused[i].interface,
                                                 refused[i].member, &error, NULL, types, "usb-3-1", "box", 0)
                    : streq(types, "sa{sv}")
                            ? sd_bus_call_method(own, "org.davit1", refused[i].path, refused[i].interface,
                                                 refused[i].member, &error, NULL, types, "box", 0)
                    : streq(types, "ia{sv}")
                            ? sd_bus_call_method(own, "org.davit1", refused[i].path, refused[i].interface,
                                                 refused[i].member, &error, NULL, types, SIGKILL, 0)
                            : sd_bus_call_method(own, "org.davit1", refused[i].path, refused[i].interface,
                                                 refused[i].member, &error, NULL, types, 0);
                if (r >= 0 || !streq_ptr(error.name, SD_BUS_ERROR_ACCESS_DENIED)) {
                        fprintf(stderr, "%s: %s\n", refused[i].member, error.name ?: "allowed");
                        return 1;
                }
                sd_bus_error_free(&error);
        }
        client_expect_string(own, "/org/davit1/container/box", "org.davit1.Container", "Name", "box");
        client_call(own, MANAGER, "ListRules", NULL, "a{sv}", 0);
        client_call(own, MANAGER, "Explain", NULL, "ssa{sv}", "usb-3-1", "box", 0);
        sd_bus_flush_close_unref(own);
        return 0;
}

static void test_not_root(_unused_ void **state) {
        int status;
        pid_t pid;

        need_bus();
        if (geteuid() != 0) {
                print_message("SKIP: needs root to become another user\n");
                skip();
        }
        harness_do(&harness, "run box");
        harness_do(&harness, "plug 1 X");
        fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(setgid(65534) == 0 && setuid(65534) == 0 ? unprivileged() : 2);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        client_expect_string(bus, "/org/davit1/container/box", "org.davit1.Container", "Name", "box");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_properties, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lingering, setup, teardown),
                cmocka_unit_test_setup_teardown(test_structured_properties, setup, teardown),
                cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
                cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
                cmocka_unit_test_setup_teardown(test_options, setup, teardown),
                cmocka_unit_test_setup_teardown(test_option_bounds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_launch, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wait_and_kill, setup, teardown),
                cmocka_unit_test_setup_teardown(test_call_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
                cmocka_unit_test_setup_teardown(test_list_rules, setup, teardown),
                cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
                cmocka_unit_test_setup_teardown(test_hostile_strings, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_path_each, setup, teardown),
                cmocka_unit_test_setup_teardown(test_introspection, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_root, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
