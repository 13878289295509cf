/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#include "util/cleanup.h"

/* How davitctl was called. All strings are those of argv. */
typedef struct Ctl {
        const char *address; /* NULL: the system bus */
        bool json;
        bool foreground;
        const char *rootfs;
        const char **labels; /* owned, NULL-terminated; NULL: none */
        size_t n_labels;
        sd_bus *bus; /* owned; NULL until daemon_open() */
} Ctl;

/* Exit statuses; `launch --foreground` and `exec` have those of what they run as well. */
enum {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
};

/* The commands. @argv has the arguments behind the command's name, @argc of them, as many as the command
 * takes. Return: an exit status; what went wrong has been said on standard error. */
int command_list(Ctl *ctl, int argc, char **argv);
int command_info(Ctl *ctl, int argc, char **argv);
int command_monitor(Ctl *ctl, int argc, char **argv);
int command_attach(Ctl *ctl, int argc, char **argv);
int command_detach(Ctl *ctl, int argc, char **argv);
int command_explain(Ctl *ctl, int argc, char **argv);
int command_policy(Ctl *ctl, int argc, char **argv);
int command_container(Ctl *ctl, int argc, char **argv);
int command_cdi(Ctl *ctl, int argc, char **argv);
int command_reload(Ctl *ctl, int argc, char **argv);
int command_launch(Ctl *ctl, int argc, char **argv);
int command_exec(Ctl *ctl, int argc, char **argv);
int command_stop(Ctl *ctl, int argc, char **argv);
