/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl itself, run against a daemon with a fake manager: what it prints, its JSON read back, its exit
 * statuses. The program is $DAVITCTL, else davitctl in $top_builddir.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/harness.h"
#include "ctl/program.h"
#include "util/fd.h"
#include "util/string.h"

static Harness harness;
static bool ready;

static int setup(_unused_ void **state) {
        sd_bus *bus;

        if (program_find() > 0)
                return 0;
        if (harness_start(&harness) > 0)
                return 0;
        bus = harness_connect(&harness);
        sd_bus_flush_close_unref(bus);
        ready = true;
        return 0;
}

static int teardown(_unused_ void **state) {
        if (harness.daemon_pid != 0)
                harness_stop(&harness);
        harness.daemon_pid = 0;
        ready = false;
        return 0;
}

static void need_daemon(void) {
        if (!ready)
                skip();
}

static void run(int expected, const char *line) {
        Process process = program_start(harness.address, line);
        int status = program_finish(&process);

        if (status != expected)
                fail_msg("davitctl %s: %d, not %d\n%s%s", line, status, expected, program_out, program_err);
}

static json_t *run_json(int expected, const char *line) {
        json_error_t error;
        json_t *json;

        run(expected, line);
        json = json_loads(program_out, 0, &error);
        if (!json)
                fail_msg("davitctl %s: %s in %s", line, error.text, program_out);
        return json;
}

static void expect_err(int status, const char *line, const char *text) {
        run(status, line);
        if (!startswith(program_err, "davitctl: ") || !strstr(program_err, text))
                fail_msg("davitctl %s: '%s' is not in '%s'", line, text, program_err);
        assert_string_equal(program_out, "");
}

static const char *string_at(json_t *json, const char *key) {
        return json_string_value(json_object_get(json, key)) ?: "";
}

static void scene(void) {
        harness_do(&harness, "plug 10 BBB");
        harness_do(&harness, "plug 2 AAA");
        harness_do(&harness, "run ci-1");
        harness_do(&harness, "run other");
        harness_do(&harness, "give 2 ci-1");
}

static void test_list_tables(_unused_ void **state) {
        need_daemon();
        scene();
        run(0, "list devices");
        assert_string_equal(program_out, "DEVICE    CLASS  IDS        SERIAL  MODEL     MODE  GIVEN TO\n"
                                         "usb-3-2   usb    18d1:4ee7  AAA     Pixel_2   -     ci-1\n"
                                         "usb-3-10  usb    18d1:4ee7  BBB     Pixel_10  -     -\n");
        run(0, "list containers");
        assert_string_equal(program_out, "CONTAINER  RUNTIME  STATE    PID   LABELS     DEVICES\n"
                                         "ci-1       davit    running  4711  team=blue  usb-3-2\n"
                                         "other      davit    running  4711  team=blue  -\n");
        run(0, "list grants");
        assert_string_equal(program_out, "DEVICE   CONTAINER  STATE   ORIGIN  RULE    LEFT  ERROR\n"
                                         "usb-3-2  ci-1       active  policy  phones  -     -\n");
        run(0, "list rules");
        assert_non_null(strstr(program_out, "never this  class=usb serial=FORBIDDEN  deny  "));
        assert_non_null(strstr(program_out,
                               "phones      class=usb vendor=18d1,04e8  to=ci-* share=exclusive nodes=usb"));
        run(0, "list");
        assert_non_null(strstr(program_out, "\n\nCONTAINER "));
        assert_non_null(strstr(program_out, "\n\nDEVICE   CONTAINER "));
        expect_err(2, "list frobs", "'frobs'");
}

/* A phone between two modes: who waits for it, and how long yet. */
static void test_lingering(_unused_ void **state) {
        json_t *json;

        need_daemon();
        scene();
        harness_do(&harness, "linger 2 ci-1 80");
        run(0, "info AAA");
        assert_non_null(strstr(program_out, "        Mode: away\n"));
        assert_non_null(strstr(program_out, "    Given to: ci-1 (lingering, "));
        assert_non_null(strstr(program_out, " s left)\n"));
        run(0, "info ci-1");
        assert_non_null(strstr(program_out, "      Device: usb-3-2 (lingering, "));
        run(0, "list devices");
        assert_non_null(strstr(program_out, "usb-3-2   -      18d1:4ee7  AAA     Pixel_2   away  ci-1\n"));
        run(0, "list grants");
        assert_non_null(strstr(program_out, "usb-3-2  ci-1       lingering  policy  phones  "));
        assert_non_null(strstr(program_out, " s  -\n"));
        json = run_json(0, "--json info usb-3-2");
        assert_string_equal(string_at(json, "mode"), "away");
        json_decref(json);

        harness_do(&harness, "linger 2 ci-1 1230");
        run(0, "info AAA");
        assert_non_null(strstr(program_out, "    Given to: ci-1 (lingering, 20 min left)\n"));
        harness_do(&harness, "linger 2 ci-1 37000");
        run(0, "info AAA");
        assert_non_null(strstr(program_out, "    Given to: ci-1 (lingering, 10 h left)\n"));
        /* That it is over is for davitd to say. */
        harness_do(&harness, "linger 2 ci-1 0");
        run(0, "info AAA");
        assert_non_null(strstr(program_out, "    Given to: ci-1 (lingering, 0 s left)\n"));
        harness_do(&harness, "fail 2 ci-1 5");
}

static void test_list_json(_unused_ void **state) {
        json_t *all, *rules, *device, *grant;

        need_daemon();
        scene();
        all = run_json(0, "--json list");
        assert_int_equal(json_array_size(json_object_get(all, "devices")), 2);
        assert_int_equal(json_array_size(json_object_get(all, "containers")), 2);
        assert_int_equal(json_array_size(json_object_get(all, "grants")), 1);
        device = json_array_get(json_object_get(all, "devices"), 0);
        assert_string_equal(string_at(device, "id"), "usb-3-2");
        assert_string_equal(string_at(device, "path"), "/org/davit1/device/usb_2d3_2d2");
        assert_string_equal(string_at(json_array_get(json_object_get(device, "nodes"), 0), "path"),
                            "/dev/bus/usb/003/002");
        assert_string_equal(string_at(json_array_get(json_object_get(device, "nodes"), 0), "kind"), "usb");
        grant = json_array_get(json_object_get(all, "grants"), 0);
        assert_string_equal(string_at(grant, "container_name"), "ci-1");
        assert_string_equal(string_at(grant, "state"), "active");
        json_decref(all);

        /* The option may stand behind the command too. */
        rules = run_json(0, "list rules --json");
        assert_int_equal(json_array_size(json_object_get(rules, "rules")), 2);
        assert_true(
                json_is_true(json_object_get(json_array_get(json_object_get(rules, "rules"), 0), "deny")));
        json_decref(rules);
}

static void test_info(_unused_ void **state) {
        json_t *json;

        need_daemon();
        scene();
        run(0, "info AAA");
        assert_non_null(strstr(program_out, "      Device: usb-3-2\n"));
        assert_non_null(strstr(program_out, "        Node: /dev/bus/usb/003/002 (usb)\n"));
        assert_non_null(strstr(program_out, "    Given to: ci-1\n"));
        run(0, "info ci-1");
        assert_non_null(strstr(program_out, "   Container: ci-1\n"));
        assert_non_null(strstr(program_out, "       Label: team=blue\n"));
        assert_non_null(strstr(program_out, "      Device: usb-3-2 (active)\n"));

        json = run_json(0, "--json info /dev/bus/usb/003/010");
        assert_string_equal(string_at(json, "kind"), "device");
        assert_string_equal(string_at(json, "id"), "usb-3-10");
        json_decref(json);
        json = run_json(0, "--json info ci-1");
        assert_string_equal(string_at(json, "kind"), "container");
        assert_string_equal(string_at(json_array_get(json_object_get(json, "grants"), 0), "device_id"),
                            "usb-3-2");
        json_decref(json);

        expect_err(1, "info nothing", "'nothing'");
        harness_do(&harness, "plug 3 AAA");
        expect_err(1, "info AAA", "Several");
}

static void test_attach_detach(_unused_ void **state) {
        json_t *json;

        need_daemon();
        scene();
        run(0, "attach BBB other");
        assert_string_equal(program_out, "");
        assert_string_equal(program_err, "");
        run(0, "list grants");
        assert_non_null(strstr(program_out, "usb-3-10  other      active  manual  -       -     -\n"));
        run(0, "detach usb-3-10 other");
        json = run_json(0, "--json attach usb-3-10 ci-1");
        assert_string_equal(string_at(json, "grant"), "/org/davit1/grant/usb_2d3_2d10/ci_2d1");
        json_decref(json);
        json = run_json(0, "--json detach usb-3-10");
        assert_true(json_is_null(json_object_get(json, "container")));
        json_decref(json);

        expect_err(1, "attach nope ci-1", "Not \\x1b[31mthere");
        expect_err(1, "attach usb-3-2 'a b'", "no name of a container");
        expect_err(1, "detach usb-3-10", "Not given");
        expect_err(2, "detach usb-3-10 ''", "no name");
        expect_err(2, "attach usb-3-10", "Usage: davitctl attach DEVICE CONTAINER");
        expect_err(2, "attach usb-3-10 ci-1 x", "Usage");
        expect_err(1, "attach usb\xff ci-1", "UTF-8");
}

static void test_explain(_unused_ void **state) {
        json_t *json;

        need_daemon();
        scene();
        run(0, "explain usb-3-2 ci-1");
        assert_non_null(strstr(program_out, "serial\n"));
        assert_non_null(strstr(program_out, "\ngiven by rule \"phones\"\n"));
        run(1, "explain usb-3-2 other");
        assert_non_null(strstr(program_out, "not given: no rule says so\n"));
        run(0, "attach usb-3-2 other");
        run(0, "explain usb-3-2 other");
        assert_non_null(strstr(program_out, "given: attached by hand\n"));
        harness_do(&harness, "plug 4 FORBIDDEN");
        json = run_json(1, "--json explain FORBIDDEN ci-1");
        assert_string_equal(string_at(json, "decision"), "deny");
        assert_string_equal(string_at(json, "rule"), "never this");
        assert_true(json_is_false(json_object_get(json, "given")));
        assert_true(json_array_size(json_object_get(json, "steps")) >= 1);
        json_decref(json);
        expect_err(1, "explain nope ci-1", "No device 'nope'");
}

static void test_reload(_unused_ void **state) {
        json_t *json;

        need_daemon();
        run(0, "reload");
        assert_string_equal(program_out, "");
        json = run_json(0, "reload --json");
        assert_int_equal(json_array_size(json_object_get(json, "warnings")), 0);
        json_decref(json);
        harness_policy(&harness, "version: 1\nrules:\n  - name: x\n    frobnicate: 1\n");
        expect_err(1, "reload", "10-test.yaml:");
}

static void write_policy(const char *name, const char *text) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", harness.dir, name);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void test_policy_check(_unused_ void **state) {
        char line[512], folder[128], expected[256];
        json_t *json, *first;

        need_daemon();
        snprintf(folder, sizeof(folder), "%s/check", harness.dir);
        assert_int_equal(mkdir(folder, 0755), 0);
        write_policy("check/10-good.yaml",
                     "version: 1\nrules:\n  - name: a\n    match: { class: usb }\n    deny: true\n");
        write_policy("check/README", "no policy: [");

        snprintf(line, sizeof(line), "policy check %s/10-good.yaml", folder);
        run(0, line);
        assert_string_equal(program_out, "");
        snprintf(line, sizeof(line), "--json policy check %s", folder);
        json = run_json(0, line);
        assert_true(json_is_true(json_object_get(json, "valid")));
        assert_int_equal(json_integer_value(json_object_get(json, "files")), 1);
        assert_int_equal(json_integer_value(json_object_get(json, "rules")), 1);
        json_decref(json);

        write_policy("check/20-bad.yaml",
                     "version: 1\nrules:\n  - name: b\n    match: { clas: usb }\n    deny: true\n");
        snprintf(line, sizeof(line), "policy check %s", folder);
        run(1, line);
        snprintf(expected, sizeof(expected), "%s/20-bad.yaml:4:14: error: ", folder);
        assert_non_null(startswith(program_out, expected));
        snprintf(line, sizeof(line), "--json policy check %s", folder);
        json = run_json(1, line);
        assert_true(json_is_false(json_object_get(json, "valid")));
        first = json_array_get(json_object_get(json, "messages"), 0);
        assert_int_equal(json_integer_value(json_object_get(first, "line")), 4);
        assert_int_equal(json_integer_value(json_object_get(first, "column")), 14);
        assert_string_equal(string_at(first, "severity"), "error");
        json_decref(json);

        expect_err(1, "policy check /nonexistent.yaml", "'/nonexistent.yaml'");
        expect_err(2, "policy check", "no file");
        expect_err(2, "policy frob x", "'frob'");

        static const char *const files[] = {"10-good.yaml", "20-bad.yaml", "README"};
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                snprintf(line, sizeof(line), "%s/%s", folder, files[i]);
                assert_int_equal(unlink(line), 0);
        }
        assert_int_equal(rmdir(folder), 0);
}

static void test_launch_stop(_unused_ void **state) {
        json_t *json;

        need_daemon();
        run(0, "launch box --rootfs /usr/../tmp --label k=v --label x=y -- /bin/sh -c 'echo hello'");
        assert_string_equal(program_out, "");
        run(0, "list containers");
        assert_non_null(strstr(program_out, "box "));
        expect_err(1, "launch box", "It runs");
        json = run_json(0, "stop box --json");
        assert_string_equal(string_at(json, "container"), "box");
        assert_int_equal(json_integer_value(json_object_get(json, "status")), 0);
        json_decref(json);
        json = run_json(0, "--json launch box");
        assert_string_equal(string_at(json, "path"), "/org/davit1/container/box");
        json_decref(json);
        run(0, "stop box");
        assert_string_equal(program_out, "");

        expect_err(1, "stop box", "No such container");
        expect_err(1, "launch fails", "The root has\nno init");
        expect_err(1, "launch box --rootfs /nonexistent", "'/nonexistent'");
        expect_err(2, "launch box --label novalue", "KEY=VALUE");
        expect_err(2, "list --rootfs /", "Only launch");
}

static void test_launch_foreground(_unused_ void **state) {
        char line[512];
        Process process;

        need_daemon();
        process = program_start(
                harness.address,
                "launch box --foreground --rootfs /usr/../tmp --label k=v -- /bin/sh -c 'echo hello'");
        program_read_line(process.out, line, sizeof(line));
        assert_string_equal(line, "rootfs=/tmp [/bin/sh] [-c] [echo hello] {k=v}\n");
        harness_do(&harness, "end box 42");
        assert_int_equal(program_finish(&process), 42);
        assert_string_equal(program_err, "");

        /* A signal to davitctl is one to the container; it may come before the container does. */
        process = program_start(harness.address, "launch box --foreground");
        program_read_line(process.out, line, sizeof(line));
        assert_int_equal(kill(process.pid, SIGTERM), 0);
        assert_int_equal(program_finish(&process), 128 + SIGTERM);

        process = program_start(harness.address, "launch fails --foreground");
        assert_int_equal(program_finish(&process), 1);
        assert_non_null(strstr(program_err, "no init"));
}

/* The container outlives its daemon, so does whoever stands for it. */
static void test_foreground_without_daemon(_unused_ void **state) {
        char line[512];
        Process process;

        need_daemon();
        process = program_start(harness.address, "launch box --foreground");
        program_read_line(process.out, line, sizeof(line));
        harness_await_waiter(&harness, "box");
        harness_restart_daemon(&harness, "run box");
        harness_do(&harness, "end box 9");
        assert_int_equal(program_finish(&process), 9);
        assert_string_equal(program_err, "");

        process = program_start(harness.address, "launch box --foreground");
        program_read_line(process.out, line, sizeof(line));
        harness_await_waiter(&harness, "box");
        harness_restart_daemon(&harness, "run other");
        assert_int_equal(program_finish(&process), 1);
        assert_non_null(strstr(program_err, "its exit status is not known"));
}

static void test_exec(_unused_ void **state) {
        char expected[256];

        need_daemon();
        /* The fake daemon's program is echo. */
        snprintf(expected, sizeof(expected), "exec --runtime-dir %s ci-1 -- ls -l --json\n", harness.dir);
        run(0, "exec ci-1 -- ls -l --json");
        assert_string_equal(program_out, expected);
        run(0, "exec ci-1 ls -l --json");
        assert_string_equal(program_out, expected);
        expect_err(2, "exec ci-1", "command is missing");
        expect_err(2, "exec ci-1 --", "command is missing");
        expect_err(1, "exec -- --help x", "no name of a container");
}

static void test_usage(_unused_ void **state) {
        need_daemon();
        run(0, "--version");
        assert_string_equal(program_out, "davitctl " PACKAGE_VERSION "\n");
        run(0, "--help");
        assert_non_null(strstr(program_out, "monitor"));
        run(0, "help launch");
        assert_non_null(strstr(program_out, "--rootfs"));
        run(0, "attach --help");
        assert_non_null(strstr(program_out, "DEVICE CONTAINER"));
        expect_err(2, "", "No command");
        expect_err(2, "frobnicate", "'frobnicate'");
        expect_err(2, "help frobnicate", "'frobnicate'");
        run(2, "--frob list");
        run(2, "list --frob");
}

static void test_no_daemon(_unused_ void **state) {
        need_daemon();
        harness_stop_daemon(&harness);
        expect_err(1, "list", "davitd is not running on this bus");
        expect_err(1, "stop box", "davitd is not running on this bus");
        harness_stop_bus(&harness);
        expect_err(1, "list", "cannot be reached");
}

/*
 * Whether the monitor listens already cannot be seen from outside: something happens again and again until it
 * has told of it. The alarm ends a test in which it never does.
 */
static Process start_monitor(const char *words) {
        Process process = program_start(harness.address, words);
        char line[4096];
        struct pollfd fd = {.fd = process.out, .events = POLLIN};

        alarm(30);
        do {
                harness_do(&harness, "plug 99 KNOCK");
                harness_do(&harness, "unplug 99");
        } while (poll(&fd, 1, /* timeout= */ 0) == 0);

        /* What was told of the knocking is read away. Twice, as arrivals are told before departures of the
         * same round. */
        for (unsigned int port = 97; port <= 98; port++) {
                char name[32];

                snprintf(name, sizeof(name), "usb-3-%u", port);
                harness_do(&harness, "plug %u LAST", port);
                do
                        program_read_line(process.out, line, sizeof(line));
                while (!strstr(line, name));
        }
        return process;
}

static void test_monitor(_unused_ void **state) {
        char line[4096];
        Process process;

        need_daemon();
        process = start_monitor("monitor");
        harness_do(&harness, "plug 1 ABC");
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " added device usb-3-1 "));
        assert_non_null(strstr(line, " serial=ABC"));
        /* 2024-01-31T12:34:56.123456+01:00 */
        assert_int_equal(line[10], 'T');
        assert_int_equal(line[19], '.');
        assert_int_equal(line[29], ':');
        harness_do(&harness, "run ci-1");
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " added container ci-1 "));
        harness_do(&harness, "give 1 ci-1");
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " added grant usb-3-1 ci-1 "));
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " changed device usb-3-1 grants="));
        run(0, "reload");
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " changed container ci-1 grants="));
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " changed manager rule_count=2\n"));
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " reloaded manager\n"));
        harness_do(&harness, "unplug 1");
        program_read_line(process.out, line, sizeof(line));
        assert_non_null(strstr(line, " removed grant usb-3-1 ci-1\n"));
        kill(process.pid, SIGINT);
        assert_int_equal(program_finish(&process), 0);
        alarm(0);
}

static void test_monitor_json(_unused_ void **state) {
        char line[8192];
        Process process;
        json_t *json;

        need_daemon();
        process = start_monitor("monitor --json");
        harness_do(&harness, "run ci-1");
        program_read_line(process.out, line, sizeof(line));
        json = json_loads(line, 0, NULL);
        assert_non_null(json);
        assert_string_equal(string_at(json, "name"), "ci-1");
        assert_string_equal(string_at(json, "event"), "added");
        assert_string_equal(string_at(json, "kind"), "container");
        assert_string_equal(string_at(json, "path"), "/org/davit1/container/ci_2d1");
        assert_string_equal(string_at(json_object_get(json, "properties"), "state"), "running");
        json_decref(json);

        harness_stop_daemon(&harness);
        program_read_line(process.out, line, sizeof(line));
        json = json_loads(line, 0, NULL);
        assert_string_equal(string_at(json, "event"), "stopped");
        assert_string_equal(string_at(json, "kind"), "manager");
        json_decref(json);
        kill(process.pid, SIGTERM);
        assert_int_equal(program_finish(&process), 0);
        alarm(0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_list_tables, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lingering, setup, teardown),
                cmocka_unit_test_setup_teardown(test_list_json, setup, teardown),
                cmocka_unit_test_setup_teardown(test_info, setup, teardown),
                cmocka_unit_test_setup_teardown(test_attach_detach, setup, teardown),
                cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
                cmocka_unit_test_setup_teardown(test_policy_check, setup, teardown),
                cmocka_unit_test_setup_teardown(test_launch_stop, setup, teardown),
                cmocka_unit_test_setup_teardown(test_launch_foreground, setup, teardown),
                cmocka_unit_test_setup_teardown(test_foreground_without_daemon, setup, teardown),
                cmocka_unit_test_setup_teardown(test_exec, setup, teardown),
                cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_daemon, setup, teardown),
                cmocka_unit_test_setup_teardown(test_monitor, setup, teardown),
                cmocka_unit_test_setup_teardown(test_monitor_json, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
