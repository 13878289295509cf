/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl list: devices, containers, grants and rules as tables.
 */

#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/daemon.h"
#include "ctl/output.h"
#include "ctl/tree.h"
#include "util/string.h"

/* As many as davitd gives in one answer. */
#define RULES_PORTION 4096U

static void add_joined(Table *table, const json_t *strings) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t i, size;
        json_t *item;

        f = open_memstream(&text, &size);
        json_array_foreach(strings, i, item) if (f)
                fprintf(f, "%s%s", i > 0 ? "," : "", json_string_value(item));
        if (f)
                fflush(f);
        table_add(table, text);
}

static void add_ids(Table *table, const json_t *device) {
        const char *vendor = value_string(device, "vendor"), *product = value_string(device, "product");
        char ids[64];

        snprintf(ids, sizeof(ids), "%.20s%s%.20s", vendor, *vendor || *product ? ":" : "", product);
        table_add(table, ids);
}

static int print_devices(const Tree *tree) {
        static const char *const header[] = {"DEVICE", "CLASS", "IDS", "SERIAL", "MODEL", "MODE", "GIVEN TO"};
        _cleanup_(table_freep) Table *table = NULL;
        json_t *device;
        size_t i;

        if (table_new(ELEMENTSOF(header), &table) < 0)
                return EXIT_FAILED;
        for (size_t n = 0; n < ELEMENTSOF(header); n++)
                table_add(table, header[n]);
        json_array_foreach(tree->devices, i, device) {
                _cleanup_free_ char *containers = NULL;

                if (tree_join(tree->grants, "device", value_string(device, "path"), "container_name",
                              &containers) < 0) {
                        complain_error(NULL, -ENOMEM);
                        return EXIT_FAILED;
                }
                table_add(table, value_string(device, "id"));
                add_joined(table, json_object_get(device, "classes"));
                add_ids(table, device);
                table_add(table, value_string(device, "serial"));
                table_add(table, value_string(device, "model"));
                table_add(table, value_string(device, "mode"));
                table_add(table, containers);
        }
        return table_print(table);
}

static void add_labels(Table *table, json_t *labels) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        const char *key, *separator = "";
        json_t *value;
        size_t size;

        f = open_memstream(&text, &size);
        json_object_foreach(labels, key, value) {
                if (f)
                        fprintf(f, "%s%s=%s", separator, key, json_string_value(value));
                separator = ",";
        }
        if (f)
                fflush(f);
        table_add(table, text);
}

static int print_containers(const Tree *tree) {
        static const char *const header[] = {"CONTAINER", "RUNTIME", "STATE", "PID", "LABELS", "DEVICES"};
        _cleanup_(table_freep) Table *table = NULL;
        json_t *container;
        size_t i;

        if (table_new(ELEMENTSOF(header), &table) < 0)
                return EXIT_FAILED;
        for (size_t n = 0; n < ELEMENTSOF(header); n++)
                table_add(table, header[n]);
        json_array_foreach(tree->containers, i, container) {
                _cleanup_free_ char *devices = NULL;
                char pid[32] = "";
                json_int_t number = json_integer_value(json_object_get(container, "pid"));

                if (tree_join(tree->grants, "container", value_string(container, "path"), "device_id",
                              &devices) < 0) {
                        complain_error(NULL, -ENOMEM);
                        return EXIT_FAILED;
                }
                if (number > 0)
                        snprintf(pid, sizeof(pid), "%" JSON_INTEGER_FORMAT, number);
                table_add(table, value_string(container, "name"));
                table_add(table, value_string(container, "runtime"));
                table_add(table, value_string(container, "state"));
                table_add(table, pid);
                add_labels(table, json_object_get(container, "labels"));
                table_add(table, devices);
        }
        return table_print(table);
}

static int print_grants(const Tree *tree) {
        static const char *const columns[][2] = {
                {"DEVICE", "device_id"}, {"CONTAINER", "container_name"},
                {"STATE", "state"},      {"ORIGIN", "origin"},
                {"RULE", "rule"},        {"LEFT", NULL},
                {"ERROR", "error"},
        };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *grant;
        size_t i;

        if (table_new(ELEMENTSOF(columns), &table) < 0)
                return EXIT_FAILED;
        for (size_t n = 0; n < ELEMENTSOF(columns); n++)
                table_add(table, columns[n][0]);
        json_array_foreach(tree->grants, i, grant) {
                char left[TREE_TIME_LEFT_MAX];

                tree_time_left(grant, left);
                for (size_t n = 0; n < ELEMENTSOF(columns); n++)
                        table_add(table, columns[n][1] ? value_string(grant, columns[n][1]) : left);
        }
        return table_print(table);
}

static int print_rules(const json_t *rules) {
        static const char *const header[] = {"RULE", "MATCH", "GIVE", "FILE"};
        _cleanup_(table_freep) Table *table = NULL;
        json_t *rule;
        size_t i;

        if (table_new(ELEMENTSOF(header), &table) < 0)
                return EXIT_FAILED;
        for (size_t n = 0; n < ELEMENTSOF(header); n++)
                table_add(table, header[n]);
        json_array_foreach(rules, i, rule) {
                const char *give = value_string(rule, "give");
                _cleanup_free_ char *text = NULL;

                if (json_is_true(json_object_get(rule, "deny")) &&
                    asprintf(&text, "deny%s%s", *give ? " " : "", give) < 0) {
                        complain_error(NULL, -ENOMEM);
                        return EXIT_FAILED;
                }
                table_add(table, value_string(rule, "name"));
                table_add(table, value_string(rule, "match"));
                table_add(table, text ?: give);
                table_add(table, value_string(rule, "location"));
        }
        return table_print(table);
}

/* One portion of the rules, from @offset on. Return: 0; negative errno. */
static int read_portion(Ctl *ctl, uint32_t offset, json_t **ret) {
        static const char *const names[] = {"name", "location", "match", "give", "deny", NULL};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *rules = NULL;
        int r;

        r = daemon_call(ctl, DAEMON_READ_USEC, DAEMON_PATH, DAEMON_INTERFACE_MANAGER, "ListRules", &reply,
                        "a{sv}", 2, "offset", "u", offset, "limit", "u", RULES_PORTION);
        if (r < 0)
                return r;
        r = value_read(reply, &rules);
        if (r > 0)
                r = value_name_fields(rules, names);
        if (r < 0)
                return complain_error(NULL, r);
        *ret = TAKE_PTR(rules);
        return 0;
}

static int read_rules(Ctl *ctl, json_t **ret) {
        _cleanup_json_ json_t *rules = json_array();
        int r;

        if (!rules)
                return complain_error(NULL, -ENOMEM);
        for (;;) {
                _cleanup_json_ json_t *portion = NULL;

                r = read_portion(ctl, (uint32_t)json_array_size(rules), &portion);
                if (r < 0)
                        return r;
                if (json_array_extend(rules, portion) < 0)
                        return complain_error(NULL, -ENOMEM);
                if (json_array_size(portion) < RULES_PORTION)
                        break;
        }
        *ret = TAKE_PTR(rules);
        return 0;
}

static int list_rules(Ctl *ctl) {
        _cleanup_json_ json_t *rules = NULL, *all = NULL;

        if (read_rules(ctl, &rules) < 0)
                return EXIT_FAILED;
        if (!ctl->json)
                return print_rules(rules);
        all = json_pack("{s:O}", "rules", rules);
        return output_json(all);
}

static int list_all(const Ctl *ctl, const Tree *tree) {
        int r;

        if (ctl->json) {
                _cleanup_json_ json_t *all =
                        json_pack("{s:O, s:O, s:O}", "devices", tree->devices, "containers", tree->containers,
                                  "grants", tree->grants);

                return output_json(all);
        }
        r = print_devices(tree);
        if (r != EXIT_DONE)
                return r;
        putchar('\n');
        r = print_containers(tree);
        if (r != EXIT_DONE)
                return r;
        putchar('\n');
        return print_grants(tree);
}

int command_list(Ctl *ctl, int argc, char **argv) {
        static const struct {
                const char *name;
                size_t offset;
                int (*print)(const Tree *tree);
        } lists[] = {
                {"devices", offsetof(Tree, devices), print_devices},
                {"containers", offsetof(Tree, containers), print_containers},
                {"grants", offsetof(Tree, grants), print_grants},
        };
        const char *what = argc > 0 ? argv[0] : NULL;
        _cleanup_(tree_deinit) Tree tree = {};
        size_t i;

        if (what && streq(what, "rules"))
                return list_rules(ctl);
        for (i = 0; i < ELEMENTSOF(lists) && what && !streq(what, lists[i].name); i++)
                ;
        if (i == ELEMENTSOF(lists)) {
                complain("'%s' is none of devices, containers, grants, rules", what);
                return EXIT_USAGE;
        }
        if (tree_read(ctl, &tree) < 0)
                return EXIT_FAILED;
        if (!what)
                return list_all(ctl, &tree);
        if (ctl->json) {
                _cleanup_json_ json_t *list =
                        json_pack("{s:O}", what, *(json_t **)((char *)&tree + lists[i].offset));

                return output_json(list);
        }
        return lists[i].print(&tree);
}
