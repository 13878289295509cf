/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source/nodes-fixture.h"
#include "util/fd.h"
#include "util/string.h"

void nodes_path(const NodesFixture *f, const char *path, char ret[static PATH_MAX]) {
        assert_true(snprintf(ret, PATH_MAX, "%s/%s", f->top, path) < PATH_MAX);
}

static void make_parents(const char *path) {
        _cleanup_free_ char *folder = strdup(path);

        assert_non_null(folder);
        *strrchr(folder, '/') = '\0';
        assert_int_equal(fd_mkdir_parents(folder, 0755), 0);
}

void nodes_make(const NodesFixture *f, const char *path, const char *number) {
        unsigned int major_number, minor_number;
        char whole[PATH_MAX];

        assert_int_equal(sscanf(number + 1, "%u:%u", &major_number, &minor_number), 2);
        nodes_path(f, path, whole);
        make_parents(whole);
        assert_int_equal(mknod(whole, (number[0] == 'b' ? S_IFBLK : S_IFCHR) | 0600,
                               makedev(major_number, minor_number)),
                         0);
}

void nodes_make_file(const NodesFixture *f, const char *path) {
        char whole[PATH_MAX];

        nodes_path(f, path, whole);
        make_parents(whole);
        assert_int_equal(fd_write_file(AT_FDCWD, whole, "", 0, 0600), 0);
}

void nodes_make_folder(const NodesFixture *f, const char *path) {
        char whole[PATH_MAX];

        nodes_path(f, path, whole);
        assert_int_equal(fd_mkdir_parents(whole, 0755), 0);
}

void nodes_move(const NodesFixture *f, const char *from, const char *to) {
        char a[PATH_MAX], b[PATH_MAX];

        nodes_path(f, from, a);
        nodes_path(f, to, b);
        assert_int_equal(rename(a, b), 0);
}

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                      _unused_ struct FTW *ftw) {
        return remove(path);
}

void nodes_take(const NodesFixture *f, const char *path) {
        char whole[PATH_MAX];

        nodes_path(f, path, whole);
        assert_int_equal(nftw(whole, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void nodes_on_event(void *userdata, const Uevent *event, bool complete) {
        NodesFixture *f = userdata;
        RegistryChange change;
        Device *device;
        int r;

        do {
                r = registry_apply(&f->registry, event, complete, &change, &device);
                assert_true(r >= 0);
                f->n_changes += change != REGISTRY_UNCHANGED;
                f->n_removed += change == REGISTRY_REMOVED;
                if (device && device->n_parts == 0)
                        registry_drop_device(&f->registry, device);
        } while (r > 0);
}

static bool on_known(void *userdata, char type, dev_t rdev) {
        const NodesFixture *f = userdata;
        const Part *part = registry_part_by_rdev(&f->registry, type, rdev);

        return part && !part->marked && !streq(part->subsystem, PART_SUBSYSTEM_NODE);
}

int nodes_setup(void **state) {
        static const NodesOps ops = {.event = nodes_on_event, .known = on_known};
        NodesFixture *f = calloc(1, sizeof(*f));
        char probe[PATH_MAX];

        assert_non_null(f);
        *state = f;
        strcpy(f->top, "/tmp/davit-test-nodes.XXXXXX");
        assert_non_null(mkdtemp(f->top));
        snprintf(f->sys, sizeof(f->sys), "%s/sys", f->top);
        snprintf(f->dev, sizeof(f->dev), "%s/dev", f->top);
        f->roots = (NodesRoots){f->sys, f->dev};
        nodes_make_folder(f, "dev");
        registry_init(&f->registry);
        assert_int_equal(nodes_new(&f->roots, &ops, f, &f->nodes), 0);
        nodes_path(f, "probe", probe);
        if (mknod(probe, S_IFCHR | 0600, makedev(240, 0)) < 0) {
                nodes_free(f->nodes);
                nodes_take(f, "");
                free(f);
                *state = NULL;
        }
        return 0;
}

int nodes_teardown(void **state) {
        NodesFixture *f = *state;

        if (!f)
                return 0;
        nodes_free(f->nodes);
        rule_set_free(f->rules);
        registry_deinit(&f->registry);
        nodes_take(f, "");
        free(f);
        return 0;
}

NodesFixture *nodes_fixture(void **state) {
        if (!*state) {
                print_message("SKIP: nodes cannot be made here\n");
                skip();
        }
        return *state;
}

void nodes_want(NodesFixture *f, const char *const *paths) {
        ParseErrors errors = {};
        RuleSet *rules = NULL;

        assert_int_equal(rule_set_new(&rules), 0);
        for (unsigned int i = 0; paths[i]; i++) {
                _cleanup_free_ char *text = NULL;
                char name[16];

                snprintf(name, sizeof(name), "%u.yaml", i);
                assert_true(asprintf(&text,
                                     "version: 1\nrules:\n  - name: it\n    match: { path: %s }\n"
                                     "    give: { to: c1 }\n",
                                     paths[i]) > 0);
                assert_int_equal(rule_set_parse(rules, name, text, strlen(text), &errors), 0);
        }
        assert_int_equal(rule_set_seal(rules, &errors), 0);
        parse_errors_deinit(&errors);
        nodes_forget_rules(f->nodes);
        for (size_t i = 0; i < rule_set_size(rules); i++)
                assert_int_equal(nodes_add_rule(f->nodes, rule_set_get(rules, i)), 0);
        assert_int_equal(nodes_scan(f->nodes), 0);
        rule_set_free(f->rules);
        f->rules = rules;
}

void nodes_want_one(NodesFixture *f, const char *path) {
        nodes_want(f, (const char *const[]){path, NULL});
}

static int by_text(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

void nodes_assert_devices(const NodesFixture *f, const char *expected) {
        char text[4096] = "", *lines[16];
        size_t n = 0;

        registry_devices_foreach(device, &f->registry) {
                device_parts_foreach(part, device) {
                        assert_true(n < ELEMENTSOF(lines));
                        assert_true(asprintf(&lines[n++], "%s %s %c%u:%u%s", device->id, part->name,
                                             part->type, major(part->rdev), minor(part->rdev),
                                             part->silent ? "" : "*") > 0);
                }
        }
        qsort(lines, n, sizeof(*lines), by_text);
        for (size_t i = 0; i < n; i++) {
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "", lines[i]);
                free(lines[i]);
        }
        assert_string_equal(text, expected);
}

bool nodes_is_due(const NodesFixture *f) {
        struct pollfd p = {.fd = nodes_fd(f->nodes), .events = POLLIN};

        return poll(&p, 1, /* timeout= */ 0) > 0;
}

void nodes_dispatch_all(const NodesFixture *f) {
        assert_true(nodes_is_due(f));
        while (nodes_is_due(f))
                assert_int_equal(nodes_dispatch(f->nodes), 0);
}
