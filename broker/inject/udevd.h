/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/cleanup.h"

/* Whether a udevd runs inside a container: it then tells the listeners of its group itself what the kernel
 * told it. */
typedef struct UdevdProbe UdevdProbe;

/* Return: 0; -ENOENT no such process; errno. */
int udevd_probe_open(pid_t init_pid, UdevdProbe **ret);
UdevdProbe *udevd_probe_close(UdevdProbe *probe);
DEFINE_CLEANUP(UdevdProbe *, udevd_probe_close);

/* The answer may be a second old. Where it cannot be had: false. */
bool udevd_probe_is_running(UdevdProbe *probe);

/* Whether one is there, now, that hears what the kernel tells, be it that it starts only upon the first of
 * it. */
bool udevd_probe_listens(UdevdProbe *probe);
