/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What CDI devices change in a container: lists that are merged, folded and compared; which of it can be done
 * to one that runs, and what is said of the rest; and the options of mounts.
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

#include "model/edits-report.h"
#include "model/mount.h"
#include "support/failing-memory.h"
#include "util/string.h"

/* One of each kind. Borrows all that it has. */
static Edits one_of_each(void) {
        static char *env[] = {(char *)"A=1"};
        static char *options[] = {(char *)"ro", (char *)"bind", NULL};
        static EditNode nodes[] = {{.path = (char *)"/dev/a",
                                    .host_path = (char *)"/dev/b",
                                    .type = 'c',
                                    .numbered = true,
                                    .major = 1,
                                    .minor = 3,
                                    .access = EDIT_ALL}};
        static EditNet nets[] = {{(char *)"eth0", (char *)"wan0"}};
        static EditMount mounts[] = {{(char *)"/lib/a", (char *)"/opt/a", (char *)"bind", options}};
        static EditHook hooks[] = {{(char *)"poststop", (char *)"/bin/x"}};
        static uint32_t gids[] = {44};

        return (Edits){
                .env = env,
                .n_env = 1,
                .nodes = nodes,
                .n_nodes = 1,
                .nets = nets,
                .n_nets = 1,
                .mounts = mounts,
                .n_mounts = 1,
                .hooks = hooks,
                .n_hooks = 1,
                .gids = gids,
                .n_gids = 1,
                .rdt = true,
        };
}

static void test_append(_unused_ void **state) {
        char *env[] = {(char *)"B=1", (char *)"A=", (char *)"AA=2"};
        EditNode node = {.path = (char *)"/dev/a", .error = -ENOENT};
        EditNet net = {(char *)"eth0", (char *)"lan0"};
        EditMount mount = {(char *)"/lib/b", (char *)"/opt/a", NULL, NULL};
        const Edits each = one_of_each(), more = {.env = env,
                                                  .n_env = 3,
                                                  .nodes = &node,
                                                  .n_nodes = 1,
                                                  .nets = &net,
                                                  .n_nets = 1,
                                                  .mounts = &mount,
                                                  .n_mounts = 1,
                                                  .hooks = each.hooks,
                                                  .n_hooks = 1,
                                                  .gids = (uint32_t[]){1, 44, 0},
                                                  .n_gids = 3};
        Edits edits = {};

        assert_true(edits_is_empty(&edits));
        assert_int_equal(edits_append(&edits, &each), 0);
        assert_false(edits_is_empty(&edits));
        assert_true(edits_equal(&edits, &each));
        assert_ptr_not_equal(edits.nodes[0].path, each.nodes[0].path);

        /* What has the same key takes the place of what was there; of hooks all are run. */
        assert_int_equal(edits_append(&edits, &more), 0);
        assert_int_equal(edits.n_env, 3);
        assert_string_equal(edits.env[0], "A=");
        assert_string_equal(edits.env[1], "B=1");
        assert_string_equal(edits.env[2], "AA=2");
        assert_int_equal(edits.n_nodes, 1);
        assert_null(edits.nodes[0].host_path);
        assert_false(edits.nodes[0].numbered);
        assert_int_equal(edits.nodes[0].error, -ENOENT);
        assert_string_equal(edit_node_host_path(&edits.nodes[0]), "/dev/a");
        assert_int_equal(edits.n_nets, 1);
        assert_string_equal(edits.nets[0].name, "lan0");
        assert_int_equal(edits.n_mounts, 1);
        assert_string_equal(edits.mounts[0].host_path, "/lib/b");
        assert_null(edits.mounts[0].type);
        assert_null(edits.mounts[0].options);
        assert_int_equal(edits.n_hooks, 2);
        assert_int_equal(edits.n_gids, 3);
        assert_int_equal(edits.gids[0], 44);
        assert_int_equal(edits.gids[1], 1);
        assert_true(edits.rdt);
        edits_deinit(&edits);
        assert_true(edits_is_empty(&edits));
}

static void test_add_one(_unused_ void **state) {
        Edits edits = {};

        for (unsigned int i = 0; i < 20; i++) {
                char variable[16];

                snprintf(variable, sizeof(variable), "V%u=%u", i % 10, i);
                assert_int_equal(edits_add_env(&edits, variable), 0);
                assert_int_equal(edits_add_gid(&edits, i % 10), 0);
        }
        assert_int_equal(edits.n_env, 10);
        assert_string_equal(edits.env[3], "V3=13");
        assert_int_equal(edits.n_gids, 10);
        assert_int_equal(edits.gids[9], 9);
        /* A name alone is another's only where all of it is. */
        assert_int_equal(edits_add_env(&edits, "V=x"), 0);
        assert_int_equal(edits_add_env(&edits, "V3"), 0);
        assert_int_equal(edits.n_env, 11);
        assert_string_equal(edits.env[3], "V3");
        edits_deinit(&edits);
}

/* One element more at the end of a list of edits. */
#define GROW(items, n_items)                                                 \
        ({                                                                   \
                (items) = edits_grow((items), &(n_items), sizeof(*(items))); \
                assert_non_null(items);                                      \
                &(items)[(n_items)-1];                                       \
        })

/* As a reader of files builds them, with doubles: twice @from, one behind the other. */
static void put_twice(Edits *edits, const Edits *from) {
        for (unsigned int i = 0; i < 2; i++) {
                Edits one = {};

                assert_int_equal(edits_append(&one, from), 0);
                one.nodes[0].minor += i;
                *GROW(edits->env, edits->n_env) = one.env[0];
                *GROW(edits->nodes, edits->n_nodes) = one.nodes[0];
                *GROW(edits->nets, edits->n_nets) = one.nets[0];
                *GROW(edits->mounts, edits->n_mounts) = one.mounts[0];
                *GROW(edits->gids, edits->n_gids) = one.gids[0];
                one.n_env = one.n_nodes = one.n_nets = one.n_mounts = one.n_gids = 0;
                edits_deinit(&one);
        }
}

static void test_fold(_unused_ void **state) {
        const Edits each = one_of_each();
        Edits edits = {};

        assert_int_equal(edits_fold(&edits), 0);
        assert_true(edits_is_empty(&edits));
        put_twice(&edits, &each);
        assert_int_equal(edits.n_nodes, 2);
        assert_int_equal(edits_fold(&edits), 0);
        assert_int_equal(edits.n_env, 1);
        assert_int_equal(edits.n_nodes, 1);
        assert_int_equal(edits.n_nets, 1);
        assert_int_equal(edits.n_mounts, 1);
        assert_int_equal(edits.n_gids, 1);
        /* The later goes before the earlier one. */
        assert_int_equal(edits.nodes[0].minor, each.nodes[0].minor + 1);
        edits_deinit(&edits);
}

typedef void (*Change)(Edits *edits);

/* One change each, of which the strings are lent. */
#define CHANGE(name, statement)                   \
        static void change_##name(Edits *edits) { \
                statement;                        \
        }

CHANGE(env, edits->env[0][0] = 'B')
CHANGE(path, edits->nodes[0].path[5] = 'x')
CHANGE(host_path, edits->nodes[0].host_path[5] = 'x')
CHANGE(type, edits->nodes[0].type = 'b')
CHANGE(numbered, edits->nodes[0].numbered = false)
CHANGE(major, edits->nodes[0].major++)
CHANGE(minor, edits->nodes[0].minor++)
CHANGE(has_mode, edits->nodes[0].has_mode = true)
CHANGE(mode, edits->nodes[0].mode = 0600)
CHANGE(has_uid, edits->nodes[0].has_uid = true)
CHANGE(uid, edits->nodes[0].uid = 1)
CHANGE(has_gid, edits->nodes[0].has_gid = true)
CHANGE(gid, edits->nodes[0].gid = 1)
CHANGE(access, edits->nodes[0].access = EDIT_READ)
CHANGE(error, edits->nodes[0].error = -ENOENT)
CHANGE(found_type, edits->nodes[0].found_type = 'c')
CHANGE(found_rdev, edits->nodes[0].found_rdev = 1)
CHANGE(net_host_name, edits->nets[0].host_name[0] = 'x')
CHANGE(net_name, edits->nets[0].name[0] = 'x')
CHANGE(mount_path, edits->mounts[0].path[1] = 'x')
CHANGE(mount_host_path, edits->mounts[0].host_path[1] = 'x')
CHANGE(mount_type, edits->mounts[0].type[0] = 'x')
CHANGE(mount_option, edits->mounts[0].options[1][0] = 'x')
CHANGE(mount_fewer, free(edits->mounts[0].options[1]); edits->mounts[0].options[1] = NULL)
CHANGE(hook_name, edits->hooks[0].name[0] = 'x')
CHANGE(hook_path, edits->hooks[0].path[1] = 'x')
CHANGE(gids, edits->gids[0]++)
CHANGE(rdt, edits->rdt = false)

/* Nothing that is in there may change unnoticed: what was found on the host is in there too. */
static void test_equal(_unused_ void **state) {
        static const Change changes[] = {
                change_env,
                change_path,
                change_host_path,
                change_type,
                change_numbered,
                change_major,
                change_minor,
                change_has_mode,
                change_mode,
                change_has_uid,
                change_uid,
                change_has_gid,
                change_gid,
                change_access,
                change_error,
                change_found_type,
                change_found_rdev,
                change_net_name,
                change_net_host_name,
                change_mount_path,
                change_mount_type,
                change_hook_name,
                change_mount_host_path,
                change_mount_option,
                change_hook_path,
                change_mount_fewer,
                change_gids,
                change_rdt,
        };
        const Edits each = one_of_each();

        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                Edits edits = {};

                assert_int_equal(edits_append(&edits, &each), 0);
                assert_true(edits_equal(&edits, &each));
                changes[i](&edits);
                if (edits_equal(&edits, &each) || edits_equal(&each, &edits))
                        fail_msg("change %zu is not seen", i);
                edits_deinit(&edits);
        }
        assert_true(edits_equal(&(Edits){}, &(Edits){}));
        assert_false(edits_equal(&(Edits){}, &each));
}

/* ---- what can be given, and what is said of the rest */

typedef struct Report {
        char text[4096];
        unsigned int n, until; /* @until: that line is answered with an error; 0: none */
} Report;

static int take_line(void *userdata, const char *line) {
        Report *report = userdata;
        size_t n = strlen(report->text);

        assert_true(strlen(line) < 512);
        snprintf(report->text + n, sizeof(report->text) - n, "%s\n", line);
        return ++report->n == report->until ? -E2BIG : 0;
}

static void test_nodes(_unused_ void **state) {
        static const struct {
                const char *path, *host_path;
                char type;
                int error;
                const char *name; /* NULL: none below /dev */
                int result;
                const char *line; /* "": it is given */
        } cases[] = {
                {"/dev/a", NULL, 'c', 0, "a", 0, ""},
                {"/dev/dri/card0", "/dev/dri/card7", '\0', 0, "dri/card0", 0, ""},
                {"/dev/..a/b.", NULL, 'b', 0, "..a/b.", 0, ""},
                {"/dev/a", NULL, '\0', -ENOENT, "a", -ENOENT,
                 "deviceNodes /dev/a: /dev/a on the host: No such file or directory\n"},
                {"/dev/a", "/dev/b", 'c', -ENODEV, "a", -ENODEV,
                 "deviceNodes /dev/a: /dev/b on the host: No such device\n"},
                {"/dev/a", NULL, 'p', 0, "a", -EOPNOTSUPP,
                 "deviceNodes /dev/a: a pipe cannot be given to a running container\n"},
                {"/run/a", NULL, 'c', -ENOENT, NULL, -EOPNOTSUPP,
                 "deviceNodes /run/a: only nodes below /dev can be given to a running container\n"},
                {"/dev", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes /dev: only nodes below /dev can be given to a running container\n"},
                {"/dev/", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes /dev/: only nodes below /dev can be given to a running container\n"},
                {"/device/a", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes /device/a: only nodes below /dev can be given to a running container\n"},
                {"/dev/../etc/a", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes /dev/../etc/a: only nodes below /dev can be given to a running container\n"},
                {"/dev/./a", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes /dev/./a: only nodes below /dev can be given to a running container\n"},
                {"/dev//a", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes /dev//a: only nodes below /dev can be given to a running container\n"},
                {"/dev/a\n\x1b", NULL, 'p', 0, "a\n\x1b", -EOPNOTSUPP,
                 "deviceNodes /dev/a\\x0a\\x1b: a pipe cannot be given to a running container\n"},
                {"dev/a", NULL, 'c', 0, NULL, -EOPNOTSUPP,
                 "deviceNodes dev/a: only nodes below /dev can be given to a running container\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                EditNode node = {.path = (char *)cases[i].path,
                                 .host_path = (char *)cases[i].host_path,
                                 .type = cases[i].type,
                                 .error = cases[i].error};
                Report report = {};

                print_message("%s\n", cases[i].path);
                if (cases[i].name)
                        assert_string_equal(edit_node_name(&node), cases[i].name);
                else
                        assert_null(edit_node_name(&node));
                assert_int_equal(edit_node_check(&node), cases[i].result);
                assert_int_equal(
                        edits_report(&(Edits){.nodes = &node, .n_nodes = 1}, &(Edits){}, take_line, &report),
                        0);
                assert_string_equal(report.text, cases[i].line);
        }
}

static void test_mounts(_unused_ void **state) {
        static const char absolute[] = ": its paths have to be absolute, without . and ..\n";
        static const struct {
                const char *host_path, *path, *type, *option;
                int result;
                const char *line; /* behind "mounts PATH"; "": it is given */
        } cases[] = {
                {"/a", "/b", NULL, NULL, 0, ""},
                {"/a", "/b/c", "", "ro", 0, ""},
                {"/a", "/b", "bind", "rbind", 0, ""},
                {"/a", "/b", "none", "rprivate", 0, ""},
                {"/a/../b", "/b", NULL, NULL, 0, ""}, /* the host's own path leads where it leads */
                {"a", "/b", NULL, NULL, -EINVAL, absolute},
                {"", "/b", NULL, NULL, -EINVAL, absolute},
                {"/a", "b", NULL, NULL, -EINVAL, absolute},
                {"/a", "", NULL, NULL, -EINVAL, absolute},
                {"/a", "/", NULL, NULL, -EINVAL, absolute},
                {"/a", "/b/..", NULL, NULL, -EINVAL, absolute},
                {"/a", "/../b", NULL, NULL, -EINVAL, absolute},
                {"/a", "/b/./c", NULL, NULL, -EINVAL, absolute},
                {"/a", "/b/", NULL, NULL, -EINVAL, absolute},
                {"/a", "//b", NULL, NULL, -EINVAL, absolute},
                {"/a", "/b", "tmpfs", NULL, -EOPNOTSUPP, ": type tmpfs is not supported, bind alone is\n"},
                {"/a", "/b", "tmpfs", "nothing", -EOPNOTSUPP,
                 ": type tmpfs is not supported, bind alone is\n"},
                {"/a", "/b", "bind", "nothing", -EOPNOTSUPP, ": one of its options is not supported\n"},
                {"/a", "/b", NULL, "suid", -EOPNOTSUPP, ": one of its options is not supported\n"},
                {"/a", "/b", NULL, "dev", -EOPNOTSUPP, ": one of its options is not supported\n"},
                {"/a", "/b", NULL, "shared", -EOPNOTSUPP, ": one of its options is not supported\n"},
                {"/a", "/b", NULL, "", -EOPNOTSUPP, ": one of its options is not supported\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *options[] = {(char *)cases[i].option, NULL}, expected[256] = "";
                EditMount mount = {.host_path = (char *)cases[i].host_path,
                                   .path = (char *)cases[i].path,
                                   .type = (char *)cases[i].type,
                                   .options = options};
                Report report = {};

                print_message("case %zu\n", i);
                if (*cases[i].line)
                        snprintf(expected, sizeof(expected), "mounts %s%s", cases[i].path, cases[i].line);
                else
                        assert_string_equal(edit_mount_place(&mount), cases[i].path + 1);
                assert_int_equal(edit_mount_check(&mount), cases[i].result);
                assert_int_equal(edits_report(&(Edits){.mounts = &mount, .n_mounts = 1}, &(Edits){},
                                              take_line, &report),
                                 0);
                assert_string_equal(report.text, expected);
        }
}

/* What belongs to the start: with what was done then, without it, and with another value. */
static void test_start(_unused_ void **state) {
        static const char missing[] =
                "env A: not set, which can only be done at the start\n"
                "additionalGids 44: not set, which can only be done at the start\n"
                "hooks poststop /bin/x: not run, hooks are for containers that are being created\n"
                "intelRdt: not set, it is for containers that are being created\n";
        char *others[] = {(char *)"A=2", (char *)"B=1"};
        uint32_t gids[] = {0, 44};
        Edits edits = one_of_each(), started = {};
        Report report = {};

        edits.gids = gids;
        edits.n_gids = 2;
        assert_int_equal(edits_report(&edits, &started, take_line, &report), 0);
        assert_string_equal(report.text, missing);
        started = (Edits){.env = others, .n_env = 2, .gids = (uint32_t[]){4}, .n_gids = 1};
        report = (Report){};
        assert_int_equal(edits_report(&edits, &started, take_line, &report), 0);
        assert_string_equal(report.text, missing);
        report = (Report){};
        assert_int_equal(edits_report(&edits, &edits, take_line, &report), 0);
        assert_string_equal(
                report.text,
                "additionalGids 44: only set for what davitctl exec runs\n"
                "hooks poststop /bin/x: not run, hooks are for containers that are being created\n"
                "intelRdt: not set, it is for containers that are being created\n");
        report = (Report){};
        assert_int_equal(edits_report(&(Edits){}, &started, take_line, &report), 0);
        assert_string_equal(report.text, "");
}

/* Whoever is told may have had enough at any line. */
static void test_report_ends(_unused_ void **state) {
        Edits edits = one_of_each();
        EditNode node = {.path = (char *)"/a"};
        EditMount mount = {.host_path = (char *)"/a", .path = (char *)"b"};

        edits.nodes = &node;
        edits.mounts = &mount;
        for (unsigned int i = 1; i <= 6; i++) {
                Report report = {.until = i};

                assert_int_equal(edits_report(&edits, &(Edits){}, take_line, &report), -E2BIG);
                assert_int_equal(report.n, i);
        }
}

/* A line has a length, whatever a file says. */
static void test_long_line(_unused_ void **state) {
        char path[2048];
        EditNode node = {.path = path, .type = 'p'};
        Report report = {};

        memset(path, '\n', sizeof(path));
        memcpy(path, "/dev/", 5);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(edits_report(&(Edits){.nodes = &node, .n_nodes = 1}, &(Edits){}, take_line, &report),
                         0);
        assert_int_equal(report.n, 1);
        assert_ptr_equal(strchr(report.text, '\n'), report.text + strlen(report.text) - 1);
}

/* ---- options of mounts */

static void test_options(_unused_ void **state) {
        static const struct {
                const char *words, *text; /* NULL: refused */
        } cases[] = {
                {"", ""},
                {"rw", ""},
                {"bind", ""},
                {"defaults,nosuid,nodev,private,rprivate", ""},
                {"ro", "ro"},
                {"rbind,ro", "ro,recursive"},
                {"nodiratime,noatime,noexec,ro,rbind", "ro,noexec,noatime,nodiratime,recursive"},
                /* of two that contradict each other the later one counts */
                {"ro,rw", ""},
                {"rw,ro", "ro"},
                {"noexec,exec", ""},
                {"exec,noexec", "noexec"},
                {"noatime,atime", ""},
                {"noatime,relatime", ""},
                {"relatime,noatime", "noatime"},
                {"nodiratime,diratime", ""},
                {"rbind,bind", ""},
                {"bind,rbind", "recursive"},
                {"ro,ro", "ro"},
                {"suid", NULL},
                {"dev", NULL},
                {"ro,shared", NULL},
                {"rslave", NULL},
                {"remount", NULL},
                {"Ro", NULL},
                {"ro ", NULL},
                {"size=1", NULL},
                {"recursive", NULL}, /* our own word is none of a file's */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[MOUNT_OPTIONS_MAX] = "untouched", copy[128], *words[8] = {};
                MountOptions options;
                size_t n = 0;
                int r;

                snprintf(copy, sizeof(copy), "%s", cases[i].words);
                for (char *save = NULL, *word = strtok_r(copy, ",", &save); word;
                     word = strtok_r(NULL, ",", &save))
                        words[n++] = word;
                r = mount_options_format(n > 0 ? words : NULL, text);
                print_message("%s\n", cases[i].words);
                if (!cases[i].text) {
                        assert_int_equal(r, -EOPNOTSUPP);
                        assert_string_equal(text, "untouched");
                        continue;
                }
                assert_int_equal(r, 0);
                assert_string_equal(text, cases[i].text);
                assert_int_equal(mount_options_parse(text, &options), 0);
                assert_int_equal(options.read_only, strstr(text, "ro") != NULL);
                assert_int_equal(options.no_exec, strstr(text, "noexec") != NULL);
                assert_int_equal(options.no_atime, strstr(text, "noatime") != NULL);
                assert_int_equal(options.no_diratime, strstr(text, "nodiratime") != NULL);
                assert_int_equal(options.recursive, strstr(text, "recursive") != NULL);
        }
}

static void test_options_bad(_unused_ void **state) {
        static const char *const texts[] = {"rw", "r", "ro,", "ro,,noexec", ",ro", "ro noexec", "unfinished"};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                MountOptions options = {.no_exec = true};
                int r = mount_options_parse(texts[i], &options);

                /* An empty word at the end is none. */
                if (streq(texts[i], "ro,")) {
                        assert_int_equal(r, 0);
                        continue;
                }
                print_message("%s\n", texts[i]);
                assert_int_equal(r, -EBADMSG);
                assert_true(options.no_exec && !options.read_only);
        }
}

/* ---- memory */

#if OWN_ALLOCATOR

static int append_all(void) {
        Edits each = one_of_each(), edits = {};
        int r;

        r = edits_append(&edits, &each);
        /* Over what is there, and beside it. */
        if (r >= 0)
                r = edits_append(&edits, &each);
        if (r >= 0)
                r = edits_add_env(&edits, "A=2");
        if (r >= 0)
                r = edits_add_env(&edits, "B=2");
        if (r >= 0)
                r = edits_add_gid(&edits, 45);
        edits_deinit(&edits);
        return r;
}

static void test_memory_append(_unused_ void **state) {
        size_t k;

        for (k = 1;; k++) {
                int r;

                n_live = 0;
                failed = false;
                until_failure = k;
                armed = true;
                r = append_all();
                armed = false;
                assert_int_equal(n_live, 0);
                assert_int_equal(r, failed ? -ENOMEM : 0);
                if (!failed)
                        break;
        }
        assert_true(k > 20);
}

/* What cannot be folded stays as it was. */
static void test_memory_fold(_unused_ void **state) {
        const Edits each = one_of_each();
        Edits edits = {};
        size_t k;

        put_twice(&edits, &each);
        for (k = 1;; k++) {
                int r;

                n_live = 0;
                failed = false;
                until_failure = k;
                armed = true;
                r = edits_fold(&edits);
                armed = false;
                if (!failed)
                        break;
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(n_live, 0);
                assert_int_equal(edits.n_env, 2);
                assert_int_equal(edits.n_nodes, 2);
                assert_string_equal(edits.mounts[1].options[1], "bind");
        }
        assert_int_equal(edits.n_nodes, 1);
        assert_true(k > 10);
        edits_deinit(&edits);
}

#else

static void test_memory_append(_unused_ void **state) {
        print_message("SKIP: the allocator belongs to a sanitizer or to another C library\n");
        skip();
}

#define test_memory_fold test_memory_append

#endif

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_append),      cmocka_unit_test(test_add_one),
                cmocka_unit_test(test_fold),        cmocka_unit_test(test_equal),
                cmocka_unit_test(test_nodes),       cmocka_unit_test(test_mounts),
                cmocka_unit_test(test_start),       cmocka_unit_test(test_report_ends),
                cmocka_unit_test(test_long_line),   cmocka_unit_test(test_options),
                cmocka_unit_test(test_options_bad), cmocka_unit_test(test_memory_append),
                cmocka_unit_test(test_memory_fold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
