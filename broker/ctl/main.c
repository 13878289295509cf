/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl: reads the command line and calls one command. Options may stand before the command and behind it,
 * those of a command that is run inside a container excepted.
 */

#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "util/string.h"

typedef struct Command {
        const char *name;
        int min, max;        /* of its arguments */
        const char *options; /* which it takes besides the common ones: (r)ootfs (l)abel (f)oreground */
        bool verbatim;       /* what follows the first argument is another program's */
        int (*run)(Ctl *ctl, int argc, char **argv);
        const char *arguments, *help;
} Command;

#define ANY 65536

static const Command commands[] = {
        {"list", 0, 1, "", false, command_list, "[devices|containers|grants|rules]",
         "What there is: devices, containers, who has what"},
        {"info", 1, 1, "", false, command_info, "DEVICE|CONTAINER", "All that is known of one of them"},
        {"monitor", 0, 0, "", false, command_monitor, "", "Each change as it happens, until interrupted"},
        {"attach", 2, 2, "", false, command_attach, "DEVICE CONTAINER",
         "Give a device, whatever the rules give"},
        {"detach", 1, 2, "", false, command_detach, "DEVICE [CONTAINER]",
         "Take it from the container, or from all"},
        {"explain", 2, 2, "", false, command_explain, "DEVICE CONTAINER",
         "Which rule decides, and why no other"},
        {"policy", 1, ANY, "", false, command_policy, "check FILE|DIR...", "Find the errors in policy files"},
        {"container", 1, ANY, "", false, command_container, "check [FILE|DIR]...",
         "Find the errors in container files; default: " DAVIT_SYSCONFDIR "/containers"},
        {"cdi", 1, ANY, "", false, command_cdi, "list [DIR]... | validate [FILE|DIR]...",
         "CDI devices, or the errors in CDI files; default: /etc/cdi /var/run/cdi"},
        {"reload", 0, 0, "", false, command_reload, "", "Have the daemon read its policy anew"},
        {"launch", 1, ANY, "rlf", false, command_launch,
         "NAME [--rootfs DIR] [--label KEY=VALUE]... [--foreground] [-- COMMAND...]", "Start a container"},
        {"exec", 1, ANY, "", true, command_exec, "NAME [--] COMMAND...", "Run a command in a container"},
        {"stop", 1, 1, "", false, command_stop, "NAME", "Stop a container"},
};

static void print_help(void) {
        printf("davitctl [--bus ADDRESS] [--json] COMMAND [ARGUMENT]...\n\n"
               "See and control which container has which device.\n\n");
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                printf("  %s%s%s\n          %s\n", commands[i].name, *commands[i].arguments ? " " : "",
                       commands[i].arguments, commands[i].help);
        printf("  help [COMMAND]\n          This text, or a command's\n\n"
               "  --bus ADDRESS  D-Bus address; default: the system bus\n"
               "  --json         print JSON\n"
               "  --help         say this\n"
               "  --version      print the version\n");
}

static const Command *find_command(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (streq(commands[i].name, name))
                        return &commands[i];
        complain("There is no command '%s'; see davitctl --help", name);
        return NULL;
}

static int print_command_help(const Command *command) {
        printf("davitctl %s%s%s\n\n%s\n", command->name, *command->arguments ? " " : "", command->arguments,
               command->help);
        return EXIT_DONE;
}

static int wrong_usage(const Command *command) {
        complain("Usage: davitctl %s%s%s", command->name, *command->arguments ? " " : "", command->arguments);
        return EXIT_USAGE;
}

enum {
        OPTION_BUS = 'b',
        OPTION_JSON = 'j',
        OPTION_HELP = 'h',
        OPTION_VERSION = 'V',
        OPTION_ROOTFS = 'r',
        OPTION_LABEL = 'l',
        OPTION_FOREGROUND = 'f',
};

static const struct option options[] = {
        {"bus", required_argument, NULL, OPTION_BUS},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"rootfs", required_argument, NULL, OPTION_ROOTFS},
        {"label", required_argument, NULL, OPTION_LABEL},
        {"foreground", no_argument, NULL, OPTION_FOREGROUND},
        {},
};

static int add_label(Ctl *ctl, const char *label) {
        const char **grown = reallocarray(ctl->labels, ctl->n_labels + 2, sizeof(char *));

        if (!grown)
                return complain_error(NULL, -ENOMEM);
        grown[ctl->n_labels++] = label;
        grown[ctl->n_labels] = NULL;
        ctl->labels = grown;
        return 0;
}

/*
 * Reads options up to the first word that is none (@command NULL, or one that is verbatim), or all of them.
 * @argv[0] is not looked at; afterwards optind is the first word. Return: -1 go on; else an exit status.
 */
static int parse(Ctl *ctl, const Command *command, int argc, char **argv) {
        const char *allowed = command ? command->options : "";
        bool in_order = !command || command->verbatim;
        int c;

        optind = 0;
        while ((c = getopt_long(argc, argv, in_order ? "+h" : "h", options, NULL)) >= 0) {
                if (strchr("rlf", c) && !strchr(allowed, c)) {
                        complain("Only launch has the options --rootfs, --label and --foreground");
                        return EXIT_USAGE;
                }
                switch (c) {
                case OPTION_BUS:
                        ctl->address = optarg;
                        break;
                case OPTION_JSON:
                        ctl->json = true;
                        break;
                case OPTION_HELP:
                        if (command)
                                return print_command_help(command);
                        print_help();
                        return EXIT_DONE;
                case OPTION_VERSION:
                        printf("davitctl %s\n", PACKAGE_VERSION);
                        return EXIT_DONE;
                case OPTION_ROOTFS:
                        ctl->rootfs = optarg;
                        break;
                case OPTION_LABEL:
                        if (add_label(ctl, optarg) < 0)
                                return EXIT_FAILED;
                        break;
                case OPTION_FOREGROUND:
                        ctl->foreground = true;
                        break;
                default:
                        /* getopt_long() has said why. */
                        return EXIT_USAGE;
                }
        }
        return -1;
}

static int run(Ctl *ctl, int argc, char **argv) {
        const Command *command;
        int r;

        r = parse(ctl, NULL, argc, argv);
        if (r >= 0)
                return r;
        argc -= optind;
        argv += optind;
        if (argc == 0) {
                complain("No command is given; see davitctl --help");
                return EXIT_USAGE;
        }
        if (streq(argv[0], "help")) {
                if (argc == 1) {
                        print_help();
                        return EXIT_DONE;
                }
                command = find_command(argv[1]);
                return command ? print_command_help(command) : EXIT_USAGE;
        }

        command = find_command(argv[0]);
        if (!command)
                return EXIT_USAGE;
        /* What getopt_long() complains of is ours, not the command's. */
        argv[0] = (char *)"davitctl";
        r = parse(ctl, command, argc, argv);
        if (r >= 0)
                return r;
        argc -= optind;
        argv += optind;
        if (argc < command->min || argc > command->max)
                return wrong_usage(command);
        return command->run(ctl, argc, argv);
}

int main(int argc, char **argv) {
        Ctl ctl = {};
        int status;

        status = run(&ctl, argc, argv);
        sd_bus_flush_close_unref(ctl.bus);
        free(ctl.labels);
        return status;
}
