/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl exec: becomes davit-container, which enters the container with our descriptors and our terminal.
 * The daemon says which program that is and where its containers are, so that each of several daemons has its
 * own.
 */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "util/string.h"

int command_exec(Ctl *ctl, int argc, char **argv) {
        _cleanup_free_ char *runtime_dir = NULL, *program = NULL;
        _cleanup_free_ char **words = NULL;
        size_t n = 0;
        int first = argc > 1 && streq(argv[1], "--") ? 2 : 1;

        if (first >= argc) {
                complain("exec: the command is missing");
                return EXIT_USAGE;
        }
        /* It becomes an argument of another program, where a leading dash would be an option. */
        if (!string_is_name(argv[0])) {
                complain("'%s' is no name of a container", argv[0]);
                return EXIT_FAILED;
        }
        if (daemon_manager_string(ctl, "RuntimeDir", &runtime_dir) < 0 ||
            daemon_manager_string(ctl, "ContainerProgram", &program) < 0)
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
