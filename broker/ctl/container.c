/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl container check, which needs no daemon.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/complaints.h"
#include "ctl/daemon.h"
#include "ctl/output.h"
#include "launch/container-file.h"
#include "util/string.h"

#define FOLDER DAVIT_SYSCONFDIR "/containers"

typedef struct Check {
        ParseErrors errors;
        size_t n_files;
        bool unreadable;
} Check;

/* Return: 0, also where the file has errors or cannot be read, which is noted; -ENOMEM. */
static int check_file(Check *check, const char *path) {
        ContainerFile file;
        int r;

        check->n_files++;
        r = container_file_load(path, &file, &check->errors);
        container_file_deinit(&file);
        if (r == -ENOENT) {
                complain("'%s' cannot be read: %s", path, strerror(-r));
                check->unreadable = true;
        }
        return r == -ENOMEM ? r : 0;
}

static int check_folder(Check *check, const char *folder) {
        _cleanup_(container_names_freep) char **names = NULL;
        int r;

        r = container_file_list(folder, &names, &check->errors);
        if (r < 0 && r != -ENOMEM) {
                complain("'%s' cannot be read: %s", folder, strerror(-r));
                check->unreadable = true;
                return 0;
        }
        for (char **name = names; r >= 0 && *name; name++) {
                _cleanup_free_ char *path = NULL;

                r = container_file_path(folder, *name, &path);
                if (r >= 0)
                        r = check_file(check, path);
        }
        return r;
}

static int check_path(Check *check, const char *path) {
        struct stat st;

        if (stat(path, &st) >= 0 && S_ISDIR(st.st_mode))
                return check_folder(check, path);
        return check_file(check, path);
}

static int print_json(const Check *check, bool valid) {
        _cleanup_json_ json_t *list = complaints_json(&check->errors), *all = NULL;

        all = json_pack("{s:b, s:I, s:O*, s:I}", "valid", (int)valid, "files", (json_int_t)check->n_files,
                        "messages", list, "dropped", (json_int_t)check->errors.n_dropped);
        return output_json(list ? all : NULL);
}

int command_container(Ctl *ctl, int argc, char **argv) {
        Check check = {};
        bool valid;
        int r = 0;

        if (!streq(argv[0], "check")) {
                complain("'%s' is no command of container: it knows check", argv[0]);
                return EXIT_USAGE;
        }
        if (argc < 2)
                r = check_folder(&check, FOLDER);
        for (int i = 1; i < argc && r >= 0; i++)
                r = check_path(&check, argv[i]);
        valid = check.errors.n_errors == 0 && !check.unreadable;
        if (r >= 0)
                r = ctl->json ? print_json(&check, valid) : complaints_print(&check.errors);
        parse_errors_deinit(&check.errors);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        return r == EXIT_DONE && !valid ? EXIT_FAILED : r;
}
