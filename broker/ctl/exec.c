/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl exec: becomes davit-container, which enters the container with our descriptors and our terminal.
 * The daemon says which program that is and where its containers are, so that each of several daemons has its
 * own. Containers live without it: where none answers, they are looked for where davitd has them by default.
 */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "util/string.h"

/* Return: 0; errno, having said so. */
static int where_containers_are(Ctl *ctl, char **ret_runtime_dir, char **ret_program) {
        /* Who names a bus means the davitd that is on it. */
        if (!ctl->address && !daemon_is_running(ctl)) {
                *ret_runtime_dir = strdup(DAVIT_RUNSTATEDIR);
                *ret_program = strdup(DAVIT_LIBEXECDIR "/davit-container");
                return *ret_runtime_dir && *ret_program ? 0 : complain_error(NULL, -ENOMEM);
        }
        if (daemon_manager_string(ctl, "RuntimeDir", ret_runtime_dir) < 0 ||
            daemon_manager_string(ctl, "ContainerProgram", ret_program) < 0)
                return -EIO;
        return 0;
}

int command_exec(Ctl *ctl, int argc, char **argv) {
        _cleanup_free_ char *runtime_dir = NULL, *program = NULL;
        _cleanup_free_ char **words = NULL;
        size_t n = 0;
        int r, first = argc > 1 && streq(argv[1], "--") ? 2 : 1;

        if (first >= argc) {
                complain("exec: the command is missing");
                return EXIT_USAGE;
        }
        /* It becomes an argument of another program, where a leading dash would be an option. */
        if (!string_is_name(argv[0])) {
                complain("'%s' is no name of a container", argv[0]);
                return EXIT_FAILED;
        }
        r = where_containers_are(ctl, &runtime_dir, &program);
        if (r < 0)
                return EXIT_FAILED;
        if (runtime_dir[0] != '/' || program[0] != '/') {
                complain("davitd names no program to enter its containers with");
                return EXIT_FAILED;
        }

        words = calloc((size_t)argc + 6, sizeof(char *));
        if (!words) {
                complain_error(NULL, -ENOMEM);
                return EXIT_FAILED;
        }
        words[n++] = program;
        words[n++] = (char *)"exec";
        words[n++] = (char *)"--runtime-dir";
        words[n++] = runtime_dir;
        words[n++] = argv[0];
        words[n++] = (char *)"--";
        for (int i = first; i < argc; i++)
                words[n++] = argv[i];

        fflush(NULL);
        execv(program, words);
        complain("'%s' cannot be run: %s", program, strerror(errno));
        return EXIT_FAILED;
}
