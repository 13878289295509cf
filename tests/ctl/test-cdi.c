/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl cdi list and cdi validate: what is printed and how it exits, without a daemon.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/program.h"
#include "util/cleanup.h"
#include "util/fd.h"

static char root[] = "/tmp/test-cdi-XXXXXX";

static void put(const char *name, const char *text) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", root, name);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static int run(const char *format, ...) _printf_(1, 2);
static int run(const char *format, ...) {
        char line[1024];
        Process process;
        va_list ap;

        va_start(ap, format);
        vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        process = program_start("unix:path=/nonexistent", line);
        return program_finish(&process);
}

static int setup(_unused_ void **state) {
        char path[256];

        assert_non_null(mkdtemp(root));
        for (const char *name = "etc\0run\0"; *name; name += strlen(name) + 1) {
                snprintf(path, sizeof(path), "%s/%s", root, name);
                assert_int_equal(mkdir(path, 0755), 0);
        }
        put("etc/a.yaml", "cdiVersion: 0.6.0\nkind: vendor.com/gpu\n"
                          "containerEdits: { env: [ALL=1], mounts: [{ hostPath: /opt, containerPath: /opt, "
                          "options: [ro] }] }\n"
                          "devices:\n"
                          "  - name: zero\n"
                          "    containerEdits: { deviceNodes: [{ path: /dev/a, hostPath: /dev/b, "
                          "permissions: r }, { path: /dev/c }] }\n"
                          "  - { name: shadowed, containerEdits: { env: [A=1] } }\n"
                          "  - { name: twice, containerEdits: { env: [A=1] } }\n");
        put("etc/b.json", "{\"cdiVersion\":\"0.5.0\",\"kind\":\"vendor.com/gpu\",\"devices\":["
                          "{\"name\":\"twice\",\"containerEdits\":{\"env\":[\"A=1\"]}}]}");
        put("run/c.yaml",
            "cdiVersion: 0.7.0\nkind: vendor.com/gpu\ndevices:\n"
            "  - { name: shadowed, containerEdits: { hooks: [{ hookName: poststop, path: /x }], "
            "additionalGids: [5] } }\n");
        put("bad.yaml", "cdiVersion: 0.5.0\nkind: vendor.com/gpu\ndevices:\n"
                        "  - name: a\n    containerEdits:\n      env: [\"\\e[31m\"]\n      extra: 1\n");
        put("good.yaml",
            "cdiVersion: 0.5.0\nkind: x/y\ndevices: [{ name: a, containerEdits: { env: [A=1] } }]\n");
        return 0;
}

static int teardown(_unused_ void **state) {
        static const char *const names[] = {"etc/a.yaml", "etc/b.json", "run/c.yaml", "bad.yaml",
                                            "good.yaml",  "etc",        "run",        ""};
        char path[256];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", root, names[i]);
                assert_int_equal(remove(path), 0);
        }
        return 0;
}

static void test_list(_unused_ void **state) {
        /* The conflict is an error, the list is there. */
        assert_int_equal(run("cdi list %s/etc %s/run", root, root), 1);
        assert_non_null(strstr(program_out, "DEVICE"));
        assert_non_null(
                strstr(program_out, "vendor.com/gpu=zero      used      2 nodes, 1 mount, 1 variable"));
        assert_non_null(strstr(program_out, "vendor.com/gpu=shadowed  used      1 group, 1 hook"));
        assert_non_null(strstr(program_out, "vendor.com/gpu=shadowed  shadowed  1 mount, 2 variables"));
        assert_non_null(strstr(program_out, "vendor.com/gpu=twice     conflict"));
        assert_non_null(strstr(program_err, "/etc/a.yaml:8:5: error: vendor.com/gpu=twice is in "));
        assert_non_null(strstr(program_err, "/etc/b.json:1:58: error: vendor.com/gpu=twice is in "));
        assert_int_equal(run("cdi list %s/run", root), 0);
        assert_string_equal(program_err, "");
        assert_int_equal(run("cdi list %s/nothing", root), 0);
}

static void test_list_json(_unused_ void **state) {
        json_t *all, *zero, *edits;

        assert_int_equal(run("--json cdi list %s/etc %s/run", root, root), 1);
        assert_string_equal(program_err, "");
        all = json_loads(program_out, 0, NULL);
        assert_non_null(all);
        assert_int_equal(json_array_size(json_object_get(all, "devices")), 5);
        assert_int_equal(json_array_size(json_object_get(all, "messages")), 2);
        zero = json_array_get(json_object_get(all, "devices"), 4);
        assert_string_equal(json_string_value(json_object_get(zero, "name")), "vendor.com/gpu=zero");
        assert_string_equal(json_string_value(json_object_get(zero, "kind")), "vendor.com/gpu");
        assert_string_equal(json_string_value(json_object_get(zero, "state")), "used");
        edits = json_object_get(zero, "edits");
        assert_string_equal(json_string_value(json_array_get(json_object_get(edits, "env"), 0)), "ALL=1");
        edits = json_array_get(json_object_get(edits, "device_nodes"), 0);
        assert_string_equal(json_string_value(json_object_get(edits, "host_path")), "/dev/b");
        assert_string_equal(json_string_value(json_object_get(edits, "permissions")), "r--");
        json_decref(all);
}

static void test_validate(_unused_ void **state) {
        json_t *all, *message;

        assert_int_equal(run("cdi validate %s/good.yaml %s/run", root, root), 0);
        assert_string_equal(program_out, "");
        assert_int_equal(run("cdi validate %s/good.yaml %s/bad.yaml", root, root), 1);
        assert_non_null(strstr(program_out, "bad.yaml:6:13: error: devices[0].containerEdits.env[0]: "
                                            "\"\\x1b[31m\" is not NAME=VALUE\n"));
        assert_non_null(strstr(program_out, "bad.yaml:7:7: error: devices[0].containerEdits: unknown field"));
        assert_int_equal(run("cdi validate %s/etc", root), 1);
        assert_int_equal(run("cdi validate %s/missing.yaml", root), 1);
        assert_non_null(strstr(program_out, "missing.yaml: error: cannot be read: No such file"));

        assert_int_equal(run("--json cdi validate %s/bad.yaml %s/good.yaml", root, root), 1);
        all = json_loads(program_out, 0, NULL);
        assert_true(json_is_false(json_object_get(all, "valid")));
        assert_int_equal(json_integer_value(json_object_get(all, "files")), 1);
        assert_int_equal(json_integer_value(json_object_get(all, "devices")), 1);
        message = json_array_get(json_object_get(all, "messages"), 0);
        assert_string_equal(json_string_value(json_object_get(message, "field")),
                            "devices[0].containerEdits.env[0]");
        assert_int_equal(json_integer_value(json_object_get(message, "line")), 6);
        json_decref(all);
}

static void test_usage(_unused_ void **state) {
        assert_int_equal(run("cdi"), 2);
        assert_int_equal(run("cdi lists"), 2);
        assert_non_null(strstr(program_err, "it knows list and validate"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_list_json),
                cmocka_unit_test(test_validate),
                cmocka_unit_test(test_usage),
        };

        if (program_find() != 0)
                return 77;
        return cmocka_run_group_tests(tests, setup, teardown);
}
