/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl policy check, which needs no daemon, and davitctl reload.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/complaints.h"
#include "ctl/daemon.h"
#include "ctl/output.h"
#include "ctl/value.h"
#include "rule/rule-set.h"
#include "util/fd.h"
#include "util/string.h"

typedef struct Check {
        RuleSet *rules;
        ParseErrors errors;
        size_t n_files;
        bool unreadable;
} Check;

static void check_deinit(Check *check) {
        rule_set_free(check->rules);
        parse_errors_deinit(&check->errors);
}

/* Return: 0, also where the file has errors or cannot be read, which is noted; -ENOMEM. */
static int check_file(Check *check, const char *path) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        check->n_files++;
        r = fd_read_file(AT_FDCWD, path, RULE_FILE_SIZE_MAX, &text, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                complain("'%s' cannot be read: %s", path, strerror(-r));
                check->unreadable = true;
                return 0;
        }
        r = rule_set_parse(check->rules, path, text, size, &check->errors);
        return r < 0 ? r : 0;
}

static int is_policy_file(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > strlen(".yaml") &&
               streq(entry->d_name + n - strlen(".yaml"), ".yaml");
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int check_folder(Check *check, const char *path) {
        struct dirent **entries;
        int n, r = 0;

        n = scandir(path, &entries, is_policy_file, compare_names);
        if (n < 0) {
                complain("'%s' cannot be read: %s", path, strerror(errno));
                check->unreadable = true;
                return 0;
        }
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *file = NULL;

                if (r >= 0)
                        r = asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0 ? -ENOMEM
                                                                                   : check_file(check, file);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int check_all(Check *check, int n, char **paths) {
        int r;

        r = rule_set_new(&check->rules);
        for (int i = 0; i < n && r >= 0; i++) {
                struct stat st;

                if (stat(paths[i], &st) >= 0 && S_ISDIR(st.st_mode))
                        r = check_folder(check, paths[i]);
                else
                        r = check_file(check, paths[i]);
        }
        return r < 0 ? r : rule_set_seal(check->rules, &check->errors);
}

static int print_check_json(const Check *check, bool valid) {
        _cleanup_json_ json_t *list = complaints_json(&check->errors), *all = NULL;

        all = json_pack("{s:b, s:I, s:I, s:O*, s:I}", "valid", (int)valid, "files",
                        (json_int_t)check->n_files, "rules", (json_int_t)rule_set_size(check->rules),
                        "messages", list, "dropped", (json_int_t)check->errors.n_dropped);
        return output_json(list ? all : NULL);
}

int command_policy(Ctl *ctl, int argc, char **argv) {
        _cleanup_(check_deinit) Check check = {};
        bool valid;
        int r;

        if (!streq(argv[0], "check")) {
                complain("'%s' is no command of policy: it knows check", argv[0]);
                return EXIT_USAGE;
        }
        if (argc < 2) {
                complain("policy check: no file is named");
                return EXIT_USAGE;
        }
        r = check_all(&check, argc - 1, argv + 1);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        valid = check.errors.n_errors == 0 && !check.unreadable;
        r = ctl->json ? print_check_json(&check, valid) : complaints_print(&check.errors);
        return r == EXIT_DONE && !valid ? EXIT_FAILED : r;
}

int command_reload(Ctl *ctl, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *warnings = NULL, *json = NULL;
        json_t *warning;
        size_t i;
        int r;

        r = daemon_call(ctl, DAEMON_CHANGE_USEC, DAEMON_PATH, DAEMON_INTERFACE_MANAGER, "Reload", &reply,
                        "a{sv}", 0);
        if (r < 0)
                return EXIT_FAILED;
        r = value_read(reply, &warnings);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        if (ctl->json) {
                json = json_pack("{s:O}", "warnings", warnings);
                return output_json(json);
        }
        json_array_foreach(warnings, i, warning) complain("%s", json_string_value(warning));
        return EXIT_DONE;
}
