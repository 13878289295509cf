/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The parser of container files against two corpora: good/NAME.yaml is understood as good/NAME.txt says,
 * bad/NAME.yaml gives exactly the complaints of bad/NAME.txt. And what is written is what is read, for files
 * that nobody thought of.
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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container-dump.h"
#include "util/fd.h"
#include "util/string.h"

#define ROUNDS 300

/* What there is to say of a text: its complaints, or all that it says. */
static char *describe(const char *name, const char *text, size_t size) {
        char *described = NULL;
        ParseErrors errors = {};
        ContainerFile file;
        size_t n;
        FILE *f = open_memstream(&described, &n);
        int r;

        assert_non_null(f);
        r = container_file_parse(name, text, size, &file, &errors);
        assert_int_equal(r, errors.n_errors > 0);
        for (size_t i = 0; i < errors.n_items; i++) {
                _cleanup_free_ char *line = NULL;

                assert_int_equal(parse_error_format(&errors.items[i], &line), 0);
                fprintf(f, "%s\n", line);
        }
        if (r == 0)
                dump_container(f, &file);
        fclose(f);
        container_file_deinit(&file);
        parse_errors_deinit(&errors);
        return described;
}

static bool check_file(const char *path, bool good) {
        _cleanup_free_ char *got = NULL, *expected = NULL, *expected_path = strdup(path), *text = NULL;
        size_t size;

        assert_non_null(expected_path);
        assert_int_equal(fd_read_file(AT_FDCWD, path, 1U << 24, &text, &size), 0);
        got = describe(strrchr(path, '/') + 1, text, size);
        if ((strstr(got, ": error: ") == NULL) != good) {
                print_error("%s is in the wrong corpus:\n%s", path, got);
                return false;
        }
        strcpy(strstr(expected_path, ".yaml"), ".txt");
        if (getenv("CORPUS_UPDATE"))
                assert_int_equal(fd_write_file(AT_FDCWD, expected_path, got, strlen(got), 0644), 0);
        if (fd_read_file(AT_FDCWD, expected_path, 1U << 24, &expected, NULL) < 0 || !streq(expected, got)) {
                print_error("%s: expected:\n%sas parsed:\n%s", expected_path, expected ?: "(no file)\n", got);
                return false;
        }
        return true;
}

static void check_corpus(const char *pattern, size_t at_least, bool good) {
        size_t n_bad = 0;
        glob_t found;

        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        assert_true(found.gl_pathc >= at_least);
        for (size_t i = 0; i < found.gl_pathc; i++)
                n_bad += !check_file(found.gl_pathv[i], good);
        globfree(&found);
        assert_int_equal(n_bad, 0);
}

static void test_good(_unused_ void **state) {
        check_corpus(TEST_DATA_DIR "/launch/good/*.yaml", 12, true);
}

static void test_bad(_unused_ void **state) {
        check_corpus(TEST_DATA_DIR "/launch/bad/*.yaml", 56, false);
}

/* A small generator, the same numbers every time. */
static uint32_t seed;

static uint32_t any(uint32_t below) {
        seed = seed * 1664525U + 1013904223U;
        return (seed >> 8) % below;
}

static void write_root(FILE *yaml, FILE *expected) {
        static const char *const kinds[] = {"folder", "squashfs", "archive"};
        uint32_t kind = any(4);
        bool overlay, keep;

        if (kind == 3) {
                fprintf(expected, "root: small\n");
                return;
        }
        overlay = any(2);
        keep = kind == 0 && !overlay ? true : kind == 1 && !overlay ? false : any(2);
        fprintf(yaml, "root:\n  %s: \"/srv/%u: #\"\n  overlay: %s\n  keep: %s\n", kinds[kind], kind,
                overlay ? "true" : "false", keep ? "true" : "false");
        fprintf(expected, "root: %s /srv/%u: #%s%s 1073741824\n", kinds[kind], kind,
                overlay ? " overlay" : "", keep ? " keep" : "");
}

static void write_network(FILE *yaml, FILE *expected) {
        static const char *const types[] = {"veth", "macvlan", "ipvlan"};
        uint32_t n = any(5);

        fprintf(yaml, "network:%s\n", n == 0 ? " []" : "");
        for (uint32_t i = 0; i < n; i++) {
                uint32_t type = any(3), mtu = any(2) ? 68 + any(60000) : 0, host = 1 + any(250);
                bool up = any(2);

                fprintf(yaml, "  - type: %s\n    parent: br%u\n    up: %s\n    address: 10.0.%u.%u/24\n",
                        types[type], i, up ? "on" : "off", i, host);
                if (mtu)
                        fprintf(yaml, "    mtu: %u\n", mtu);
                fprintf(expected, "network: %s on br%u as eth%u %s mtu %u\n  address: 10.0.%u.%u/24\n",
                        types[type], i, i, up ? "up" : "down", mtu, i, host);
        }
}

static void write_limits(FILE *yaml, FILE *expected) {
        uint32_t memory = any(2) ? 4 + any(100000) : 0, pids = any(2) ? 1 + any(4194304) : 0,
                 cpu = any(2) ? 10 + any(64000) : 0;

        fprintf(yaml, "limits:%s\n", memory || pids || cpu ? "" : " {}");
        if (memory)
                fprintf(yaml, "  memory: %uM\n", memory);
        if (pids)
                fprintf(yaml, "  pids: %u\n", pids);
        if (cpu)
                fprintf(yaml, "  cpu: %u.%03u\n", cpu / 1000, cpu % 1000);
        fprintf(expected, "limits: memory %llu pids %u cpu %u files 0\n", (unsigned long long)memory << 20,
                pids, cpu);
}

/* What is written is what is read. */
static void test_round_trip(_unused_ void **state) {
        for (seed = 0; seed < ROUNDS;) {
                uint32_t round = seed;
                char *text = NULL, *expected = NULL;
                size_t n_text, n_expected;
                FILE *yaml = open_memstream(&text, &n_text), *dump = open_memstream(&expected, &n_expected);
                _cleanup_free_ char *got = NULL;
                bool autostart;

                assert_non_null(yaml);
                assert_non_null(dump);
                fprintf(yaml, "version: 1\n");
                write_root(yaml, dump);
                fprintf(dump, "ids: %u\n", 65536 + round);
                fprintf(yaml, "ids: %u\n", 65536 + round);
                write_network(yaml, dump);
                fprintf(yaml, "labels: { round: %u }\n", round);
                fprintf(dump, "label: round=%u\n", round);
                write_limits(yaml, dump);
                autostart = any(2);
                fprintf(yaml, "autostart: %s\n", autostart ? "true" : "false");
                fprintf(dump, "autostart: %s\n", autostart ? "yes" : "no");
                fclose(yaml);
                fclose(dump);
                got = describe("round.yaml", text, n_text);
                assert_string_equal(got, expected);
                free(text);
                free(expected);
                seed = round + 1;
        }
}

/* However a good file is cut or garbled, it is a good one or has errors, each in a line that it has. */
static void test_garbled(_unused_ void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(
                fd_read_file(AT_FDCWD, TEST_DATA_DIR "/launch/good/full.yaml", 1U << 20, &text, &size), 0);
        seed = 1;
        for (size_t i = 0; i < size * 2; i++) {
                _cleanup_free_ char *copy = malloc(size);
                size_t n_lines = 2, n = i < size ? i : size;
                ParseErrors errors = {};
                ContainerFile file;
                int r;

                assert_non_null(copy);
                memcpy(copy, text, size);
                if (i >= size)
                        copy[i - size] = (char)any(256);
                for (size_t k = 0; k < n; k++)
                        n_lines += copy[k] == '\n' || copy[k] == '\r';
                r = container_file_parse("garbled.yaml", copy, n, &file, &errors);
                assert_int_equal(r, errors.n_errors > 0);
                for (size_t k = 0; k < errors.n_items; k++)
                        assert_in_range(errors.items[k].line, 0, n_lines);
                container_file_deinit(&file);
                parse_errors_deinit(&errors);
        }
}

/* The example of the manual is one that works. */
static void test_manual(_unused_ void **state) {
        _cleanup_free_ char *text = NULL, *got = NULL;
        char *start, *end, *to;
        size_t size;

        assert_int_equal(
                fd_read_file(AT_FDCWD, TEST_DATA_DIR "/../man/davit-container.5", 1U << 20, &text, &size), 0);
        start = strstr(text, "\n.SH EXAMPLE");
        assert_non_null(start);
        start = strstr(start, "\n.EX\n");
        assert_non_null(start);
        start += strlen("\n.EX\n");
        end = strstr(start, "\n.EE\n");
        assert_non_null(end);
        end[1] = '\0';
        to = start;
        for (char *from = start; *from; from++)
                if (*from != '\\')
                        *to++ = *from;
        *to = '\0';
        got = describe("example", start, strlen(start));
        assert_null(strstr(got, "error"));
        assert_non_null(strstr(got, "root: archive"));
        assert_non_null(strstr(got, "network: veth"));
}

static void make_file(const char *folder, const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void test_folder(_unused_ void **state) {
        static const char *const files[] = {"b.yaml", "a.yaml", "c.yml", ".d.yaml", "-e.yaml", ".yaml", "f"};
        char folder[] = "/tmp/davit-files-XXXXXX";
        _cleanup_(container_names_freep) char **names = NULL, **none = NULL;
        _cleanup_free_ char *path = NULL;
        ParseErrors errors = {};
        ContainerFile file;

        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                make_file(folder, files[i], "version: 2\n");
        assert_int_equal(container_file_list(folder, &names, &errors), 0);
        assert_string_equal(names[0], "a");
        assert_string_equal(names[1], "b");
        assert_null(names[2]);
        assert_int_equal(errors.n_errors, 1);
        assert_non_null(strstr(errors.items[0].file, "/-e.yaml"));

        assert_int_equal(container_file_path(folder, "b", &path), 0);
        assert_int_equal(container_file_load(path, &file, &errors), 1);
        assert_int_equal(errors.n_errors, 2);
        container_file_deinit(&file);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *gone = NULL;

                assert_true(asprintf(&gone, "%s/%s", folder, files[i]) > 0);
                assert_int_equal(unlink(gone), 0);
        }
        assert_int_equal(container_file_load(path, &file, &errors), -ENOENT);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(container_file_load(path, &file, &errors), 1);
        assert_string_equal(errors.items[2].message, "not a regular file");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(container_file_list(folder, &none, &errors), 0);
        assert_null(none[0]);
        parse_errors_deinit(&errors);
}

static void test_size(_unused_ void **state) {
        ParseErrors errors = {};
        ContainerFile file;

        /* The size alone is looked at. */
        assert_int_equal(container_file_parse("huge", "", CONTAINER_FILE_SIZE_MAX + 1, &file, &errors), 1);
        assert_string_equal(errors.items[0].message, "larger than 1 MiB");
        parse_errors_deinit(&errors);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),       cmocka_unit_test(test_bad),
                cmocka_unit_test(test_round_trip), cmocka_unit_test(test_garbled),
                cmocka_unit_test(test_manual),     cmocka_unit_test(test_folder),
                cmocka_unit_test(test_size),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
