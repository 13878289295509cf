/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl cdi list and cdi validate, which need no daemon: they read the same files by the same code.
 */

#include "config.h"

#include <string.h>
#include <sys/stat.h>

#include "cdi/catalog.h"
#include "ctl/complaints.h"
#include "ctl/daemon.h"
#include "ctl/output.h"
#include "util/string.h"

static const char *const default_folders[] = {CDI_FOLDERS, NULL};

typedef struct Check {
        const char **folders; /* of the arguments, NULL-terminated; borrowed strings */
        size_t n_folders;
        CdiCatalog *catalog;
        ParseErrors errors;
        size_t n_files, n_devices;
} Check;

static void check_deinit(Check *check) {
        free(check->folders);
        cdi_catalog_free(check->catalog);
        parse_errors_deinit(&check->errors);
}

static int load(Check *check) {
        int r;

        r = cdi_catalog_load(check->n_folders > 0 ? check->folders : default_folders, &check->catalog,
                             &check->errors);
        if (r >= 0) {
                check->n_files += check->catalog->n_specs;
                check->n_devices += check->catalog->n_entries;
        }
        return r;
}

static int check_file(Check *check, const char *path) {
        CdiSpec spec;
        int r;

        r = cdi_spec_load(path, &spec, &check->errors);
        if (r == 0) {
                check->n_files++;
                check->n_devices += spec.n_devices;
        }
        cdi_spec_deinit(&spec);
        return r < 0 ? r : 0;
}

/* Files are checked one by one, folders together: what they hold in common counts as it does to the daemon.
 */
static int check_paths(Check *check, int n, char **paths) {
        int r = 0;

        check->folders = calloc((size_t)n + 1, sizeof(char *));
        if (!check->folders)
                return -ENOMEM;
        for (int i = 0; i < n && r >= 0; i++) {
                struct stat st;

                if (stat(paths[i], &st) >= 0 && S_ISDIR(st.st_mode))
                        check->folders[check->n_folders++] = paths[i];
                else
                        r = check_file(check, paths[i]);
        }
        if (r >= 0 && (check->n_folders > 0 || n == 0))
                r = load(check);
        return r;
}

static int print_check_json(const Check *check, bool valid) {
        _cleanup_json_ json_t *list = complaints_json(&check->errors), *all = NULL;

        all = json_pack("{s:b, s:I, s:I, s:O*, s:I}", "valid", (int)valid, "files",
                        (json_int_t)check->n_files, "devices", (json_int_t)check->n_devices, "messages", list,
                        "dropped", (json_int_t)check->errors.n_dropped);
        return output_json(list ? all : NULL);
}

static int validate(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(check_deinit) Check check = {};
        bool valid;
        int r;

        r = check_paths(&check, argc, argv);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        valid = check.errors.n_errors == 0;
        r = ctl->json ? print_check_json(&check, valid) : complaints_print(&check.errors);
        return r == EXIT_DONE && !valid ? EXIT_FAILED : r;
}

/* "2 nodes, 1 mount, 3 variables" */
static void add_summary(Table *table, const Edits *edits) {
        const struct {
                size_t n;
                const char *one, *many;
        } counts[] = {
                {edits->n_nodes, "node", "nodes"},          {edits->n_mounts, "mount", "mounts"},
                {edits->n_nets, "interface", "interfaces"}, {edits->n_env, "variable", "variables"},
                {edits->n_gids, "group", "groups"},         {edits->n_hooks, "hook", "hooks"},
                {edits->rdt, "resctrl class", ""},
        };
        char text[256] = "";

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                size_t at = strlen(text);

                if (counts[i].n > 0)
                        snprintf(text + at, sizeof(text) - at, "%s%zu %s", at > 0 ? ", " : "", counts[i].n,
                                 counts[i].n == 1 ? counts[i].one : counts[i].many);
        }
        table_add(table, text);
}

static int print_list(const CdiCatalog *catalog) {
        static const char *const header[] = {"DEVICE", "STATE", "EDITS", "FILE"};
        _cleanup_(table_freep) Table *table = NULL;

        if (table_new(ELEMENTSOF(header), &table) < 0)
                return EXIT_FAILED;
        for (size_t i = 0; i < ELEMENTSOF(header); i++)
                table_add(table, header[i]);
        for (size_t i = 0; i < catalog->n_entries; i++) {
                const CdiEntry *entry = &catalog->entries[i];
                _cleanup_(edits_freep) Edits *edits = NULL;

                if (cdi_entry_edits(entry, &edits) < 0) {
                        complain_error(NULL, -ENOMEM);
                        return EXIT_FAILED;
                }
                table_add(table, entry->device->name);
                table_add(table, cdi_status_to_string(entry->status));
                add_summary(table, edits);
                table_add(table, entry->spec->file);
        }
        return table_print(table);
}

/* Text of a file as JSON: UTF-8 is certain, as YAML takes nothing else. */
static json_t *strings_json(char *const *strings, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < n; i++)
                if (json_array_append_new(list, json_string(strings[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *nodes_json(const Edits *edits) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < edits->n_nodes; i++) {
                const EditNode *node = &edits->nodes[i];
                const char access[] = {node->access & EDIT_READ ? 'r' : '-',
                                       node->access & EDIT_WRITE ? 'w' : '-',
                                       node->access & EDIT_MKNOD ? 'm' : '-', '\0'};

                if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "path", node->path, "host_path",
                                                          edit_node_host_path(node), "permissions", access)) <
                    0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

static json_t *mounts_json(const Edits *edits) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < edits->n_mounts; i++) {
                const EditMount *mount = &edits->mounts[i];
                size_t n = 0;

                while (mount->options && mount->options[n])
                        n++;
                if (json_array_append_new(list,
                                          json_pack("{s:s, s:s, s:s, s:o}", "host_path", mount->host_path,
                                                    "path", mount->path, "type", mount->type ?: "", "options",
                                                    strings_json(mount->options, n))) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

static json_t *nets_json(const Edits *edits) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < edits->n_nets; i++)
                if (json_array_append_new(list, json_pack("{s:s, s:s}", "host_name", edits->nets[i].host_name,
                                                          "name", edits->nets[i].name)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *hooks_json(const Edits *edits) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < edits->n_hooks; i++)
                if (json_array_append_new(list, json_pack("{s:s, s:s}", "name", edits->hooks[i].name, "path",
                                                          edits->hooks[i].path)) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *gids_json(const Edits *edits) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < edits->n_gids; i++)
                if (json_array_append_new(list, json_integer(edits->gids[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static json_t *entry_json(const CdiEntry *entry) {
        _cleanup_(edits_freep) Edits *edits = NULL;
        _cleanup_free_ char *file = NULL;

        if (cdi_entry_edits(entry, &edits) < 0 || string_escape_new(entry->spec->file, &file) < 0)
                return NULL;
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:b}}", "name",
                         entry->device->name, "kind", entry->spec->kind, "state",
                         cdi_status_to_string(entry->status), "file", file, "version", entry->spec->version,
                         "edits", "env", strings_json(edits->env, edits->n_env), "device_nodes",
                         nodes_json(edits), "net_devices", nets_json(edits), "mounts", mounts_json(edits),
                         "hooks", hooks_json(edits), "additional_gids", gids_json(edits), "intel_rdt",
                         (int)edits->rdt);
}

static int print_list_json(const Check *check) {
        _cleanup_json_ json_t *devices = json_array(), *messages = complaints_json(&check->errors),
                              *all = NULL;

        for (size_t i = 0; devices && i < check->catalog->n_entries; i++)
                if (json_array_append_new(devices, entry_json(&check->catalog->entries[i])) < 0)
                        return output_json(NULL);
        all = json_pack("{s:O*, s:O*}", "devices", devices, "messages", messages);
        return output_json(devices && messages ? all : NULL);
}

/* With errors the list is that of the files that have none. */
static int list(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(check_deinit) Check check = {};
        int r;

        check.folders = calloc((size_t)argc + 1, sizeof(char *));
        for (int i = 0; check.folders && i < argc; i++)
                check.folders[check.n_folders++] = argv[i];
        r = check.folders ? load(&check) : -ENOMEM;
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        if (!ctl->json)
                for (size_t i = 0; i < check.errors.n_items; i++) {
                        _cleanup_free_ char *line = NULL;

                        if (parse_error_format(&check.errors.items[i], &line) >= 0)
                                complain("%s", line);
                }
        r = ctl->json ? print_list_json(&check) : print_list(check.catalog);
        return r == EXIT_DONE && check.errors.n_errors > 0 ? EXIT_FAILED : r;
}

int command_cdi(Ctl *ctl, int argc, char **argv) {
        if (streq(argv[0], "list"))
                return list(ctl, argc - 1, argv + 1);
        if (streq(argv[0], "validate"))
                return validate(ctl, argc - 1, argv + 1);
        complain("'%s' is no command of cdi: it knows list and validate", argv[0]);
        return EXIT_USAGE;
}
