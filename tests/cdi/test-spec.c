/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The parser against two corpora: good/NAME.yaml or .json is understood as good/NAME.txt says, bad/NAME gives
 * exactly the complaints of bad/NAME.txt. And the bounds, which no file in a tree should reach.
 *
 * CORPUS_UPDATE=1 in the environment writes the expected texts anew; read the difference before committing
 * it.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <string.h>

#include "cdi/dump.h"
#include "util/fd.h"

/* What there is to say of one file: its complaints, then what it says. */
static char *describe(const char *path) {
        _cleanup_(cdi_spec_deinit) CdiSpec spec = {};
        _cleanup_free_ char *text = NULL, *copy = strdup(path);
        ParseErrors errors = {};
        char *described = NULL;
        size_t size, n_described;
        FILE *f = open_memstream(&described, &n_described);
        int r;

        assert_non_null(f);
        assert_non_null(copy);
        assert_int_equal(fd_read_file(AT_FDCWD, path, 1U << 24, &text, &size), 0);
        r = cdi_spec_parse(basename(copy), text, size, &spec, &errors);
        assert_int_equal(r, errors.n_errors > 0);
        for (size_t i = 0; i < errors.n_items; i++) {
                _cleanup_free_ char *line = NULL;

                assert_int_equal(parse_error_format(&errors.items[i], &line), 0);
                fprintf(f, "%s\n", line);
        }
        if (r == 0)
                dump_spec(f, &spec);
        fclose(f);
        parse_errors_deinit(&errors);
        return described;
}

static bool check_file(const char *path, bool good) {
        _cleanup_free_ char *got = describe(path), *expected = NULL, *expected_path = NULL;

        assert_true(asprintf(&expected_path, "%.*s.txt", (int)(strrchr(path, '.') - path), path) > 0);
        if ((strstr(got, ": error: ") == NULL) != good) {
                print_error("%s is in the wrong corpus:\n%s", path, got);
                return false;
        }
        if (getenv("CORPUS_UPDATE"))
                assert_int_equal(fd_write_file(AT_FDCWD, expected_path, got, strlen(got), 0644), 0);
        if (fd_read_file(AT_FDCWD, expected_path, 1U << 24, &expected, NULL) < 0) {
                print_error("%s is missing; as parsed:\n%s", expected_path, got);
                return false;
        }
        if (streq(expected, got))
                return true;
        print_error("--- %s\n%s+++ as parsed\n%s", expected_path, expected, got);
        return false;
}

static void check_corpus(const char *folder, size_t at_least, bool good) {
        size_t n_bad = 0;
        glob_t found;
        char pattern[512];

        snprintf(pattern, sizeof(pattern), "%s/cdi/%s/*.yaml", TEST_DATA_DIR, folder);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        snprintf(pattern, sizeof(pattern), "%s/cdi/%s/*.json", TEST_DATA_DIR, folder);
        assert_int_equal(glob(pattern, GLOB_APPEND, NULL, &found), 0);
        assert_true(found.gl_pathc >= at_least);
        for (size_t i = 0; i < found.gl_pathc; i++)
                n_bad += !check_file(found.gl_pathv[i], good);
        globfree(&found);
        assert_int_equal(n_bad, 0);
}

static void test_good(_unused_ void **state) {
        check_corpus("good", 14, /* good= */ true);
}

static void test_bad(_unused_ void **state) {
        check_corpus("bad", 20, /* good= */ false);
}

static int parse(const char *text, size_t size, ParseErrors *errors, size_t *n_devices) {
        CdiSpec spec;
        int r = cdi_spec_parse("test.json", text, size, &spec, errors);

        if (n_devices)
                *n_devices = spec.n_devices;
        cdi_spec_deinit(&spec);
        return r;
}

/* One error and no other, whose field and text hold @field and @text. */
static void assert_only_error(const char *spec, size_t size, const char *field, const char *text) {
        ParseErrors errors = {};

        assert_int_equal(parse(spec, size, &errors, NULL), 1);
        assert_int_equal(errors.n_items, 1);
        assert_string_equal(errors.items[0].field ?: "", field);
        assert_non_null(strstr(errors.items[0].message, text));
        parse_errors_deinit(&errors);
}

typedef struct Repeat {
        const char *head, *item, *item_end, *tail; /* the number of an item comes between its two halves */
} Repeat;

static char *repeat(const Repeat *parts, size_t n, size_t *ret_size) {
        char *text = NULL;
        FILE *f = open_memstream(&text, ret_size);

        assert_non_null(f);
        fputs(parts->head, f);
        for (size_t i = 0; i < n; i++)
                fprintf(f, "%s%s%zu%s", i > 0 ? "," : "", parts->item, i, parts->item_end);
        fputs(parts->tail, f);
        fclose(f);
        return text;
}

#define HEAD     "{\"cdiVersion\":\"0.5.0\",\"kind\":\"vendor.com/class\",\"devices\":["
#define ONE_HEAD HEAD "{\"name\":\"a\",\"containerEdits\":{\"env\":["

static void test_bounds(_unused_ void **state) {
        static const struct {
                Repeat parts;
                size_t max;
                const char *field;
        } lists[] = {
                {{HEAD, "{\"name\":\"d", "\",\"containerEdits\":{\"env\":[\"A=1\"]}}", "]}"},
                 CDI_DEVICES_MAX,
                 "devices"},
                {{ONE_HEAD, "\"V", "=1\"", "]}}]}"}, CDI_EDITS_MAX, "devices[0].containerEdits.env"},
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_free_ char *fits = NULL, *more = NULL;
                ParseErrors errors = {};
                size_t size, n;

                fits = repeat(&lists[i].parts, lists[i].max, &size);
                assert_int_equal(parse(fits, size, &errors, &n), 0);
                assert_int_equal(errors.n_items, 0);
                assert_int_equal(n, i == 0 ? CDI_DEVICES_MAX : 1);
                more = repeat(&lists[i].parts, lists[i].max + 1, &size);
                assert_only_error(more, size, lists[i].field, "more than");
        }
}

static void test_size(_unused_ void **state) {
        _cleanup_free_ char *text = malloc(CDI_FILE_SIZE_MAX + 1);

        assert_non_null(text);
        memset(text, ' ', CDI_FILE_SIZE_MAX + 1);
        assert_only_error(text, CDI_FILE_SIZE_MAX + 1, "", "larger than 4 MiB");
}

/* A name that is too long to be a device's id, by one byte, and one that just is not. */
static void test_name_length(_unused_ void **state) {
        const int kind = sizeof("vendor.com/class=") - 1;

        for (int extra = 0; extra < 2; extra++) {
                _cleanup_free_ char *text = NULL;
                ParseErrors errors = {};

                assert_true(asprintf(&text,
                                     HEAD "{\"name\":\"%0*d\",\"containerEdits\":{\"env\":[\"A=1\"]}}]}",
                                     CDI_NAME_MAX - kind + extra, 1) > 0);
                assert_int_equal(parse(text, strlen(text), &errors, NULL), extra);
                assert_int_equal(errors.n_errors, extra);
                parse_errors_deinit(&errors);
        }
}

/* Every version that there is, with and without a v, and what is none. */
static void test_versions(_unused_ void **state) {
        static const struct {
                const char *version;
                bool known;
        } versions[] = {
                {"0.1.0", false}, {"0.2.0", false}, {"0.3.0", true},    {"0.4.0", true},   {"0.5.0", true},
                {"0.6.0", true},  {"0.7.0", true},  {"0.8.0", true},    {"1.0.0", true},   {"1.1.0", true},
                {"v1.1.0", true}, {"v0.3.0", true}, {"vv0.3.0", false}, {"0.9.0", false},  {"1.2.0", false},
                {"1.1", false},   {"", false},      {"1.1.0 ", false},  {"V1.1.0", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                _cleanup_free_ char *text = NULL;
                ParseErrors errors = {};

                assert_true(asprintf(&text,
                                     "{\"cdiVersion\":\"%s\",\"kind\":\"a/b\",\"devices\":[{\"name\":\"c\","
                                     "\"containerEdits\":{\"env\":[\"A=1\"]}}]}",
                                     versions[i].version) > 0);
                assert_int_equal(parse(text, strlen(text), &errors, NULL), !versions[i].known);
                assert_int_equal(errors.n_errors, !versions[i].known);
                if (!versions[i].known)
                        assert_string_equal(errors.items[0].field, "cdiVersion");
                parse_errors_deinit(&errors);
        }
}

/* Each thing with the version that it came with, and with the one before, which must say so and name both. */
static void test_floors(_unused_ void **state) {
        static const struct {
                const char *floor, *before, *kind, *name, *annotations, *edits, *field;
        } floors[] = {
                {"0.4.0", "0.3.0", "a/b", "c", "",
                 "\"mounts\":[{\"hostPath\":\"/x\",\"containerPath\":\"/x\",\"type\":\"bind\"}]",
                 "devices[0].containerEdits.mounts[0].type"},
                {"0.5.0", "0.4.0", "a/b", "c", "",
                 "\"deviceNodes\":[{\"path\":\"/dev/x\",\"hostPath\":\"/dev/y\"}]",
                 "devices[0].containerEdits.deviceNodes[0].hostPath"},
                {"0.5.0", "0.4.0", "a/b", "0", "", "\"env\":[\"A=1\"]", "devices[0].name"},
                {"0.6.0", "0.5.0", "a/b", "c", "\"annotations\":{\"k\":\"v\"},", "\"env\":[\"A=1\"]",
                 "devices[0].annotations"},
                {"0.6.0", "0.5.0", "a/b.c", "c", "", "\"env\":[\"A=1\"]", "kind"},
                {"0.7.0", "0.6.0", "a/b", "c", "", "\"intelRdt\":{\"closID\":\"x\"}",
                 "devices[0].containerEdits.intelRdt"},
                {"0.7.0", "0.6.0", "a/b", "c", "", "\"additionalGids\":[0]",
                 "devices[0].containerEdits.additionalGids"},
                {"1.1.0", "1.0.0", "a/b", "c", "",
                 "\"netDevices\":[{\"hostInterfaceName\":\"eth0\",\"name\":\"eth1\"}]",
                 "devices[0].containerEdits.netDevices"},
                {"1.1.0", "1.0.0", "a/b", "c", "", "\"intelRdt\":{\"schemata\":[]}",
                 "devices[0].containerEdits.intelRdt.schemata"},
                {"1.1.0", "1.0.0", "a/b", "c", "", "\"intelRdt\":{\"enableMonitoring\":true}",
                 "devices[0].containerEdits.intelRdt.enableMonitoring"},
        };

        for (size_t i = 0; i < ELEMENTSOF(floors); i++)
                for (int late = 0; late < 2; late++) {
                        _cleanup_free_ char *text = NULL;
                        ParseErrors errors = {};

                        /* The version comes last: its place in the file means nothing. */
                        assert_true(asprintf(&text,
                                             "{\"kind\":\"%s\",\"devices\":[{\"name\":\"%s\",%s"
                                             "\"containerEdits\":{%s}}],\"cdiVersion\":\"%s\"}",
                                             floors[i].kind, floors[i].name, floors[i].annotations,
                                             floors[i].edits, late ? floors[i].floor : floors[i].before) > 0);
                        if (late) {
                                assert_int_equal(parse(text, strlen(text), &errors, NULL), 0);
                                assert_int_equal(errors.n_items, 0);
                        } else {
                                assert_only_error(text, strlen(text), floors[i].field, floors[i].floor);
                                assert_only_error(text, strlen(text), floors[i].field, floors[i].before);
                        }
                        parse_errors_deinit(&errors);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),        cmocka_unit_test(test_bad),
                cmocka_unit_test(test_bounds),      cmocka_unit_test(test_size),
                cmocka_unit_test(test_name_length), cmocka_unit_test(test_versions),
                cmocka_unit_test(test_floors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
