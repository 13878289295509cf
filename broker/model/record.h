/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "model/edits.h"
#include "model/property.h"

/*
 * What the keeper of a launched container leaves for davitd in RUNTIME/containers/NAME/state: KEY=VALUE
 * lines. The pids are verified by their start times (field 22 of /proc/PID/stat), as a number alone may be
 * another's by now. The keeper holds a flock on RUNTIME/containers/NAME/lock for as long as it lives.
 */
typedef struct ContainerRecord {
        pid_t keeper_pid;    /* KEEPER_PID=     */
        pid_t init_pid;      /* INIT_PID=       */
        uint64_t init_start; /* INIT_START=  clock ticks after boot */
        char *cgroup;        /* CGROUP=  the container's own folder below the cgroup root, which davit made:
                                "davit/NAME" */
        PropertyList labels; /* LABEL_key=value */
        Edits started; /* STARTED_ENV=name=value, STARTED_GID=: what CDI devices asked for and its init was
                          given */
} ContainerRecord;

void container_record_deinit(ContainerRecord *record);

/* Return: 0; -EBADMSG a line that is not KEY=VALUE, a number that is none, a pid or CGROUP missing, a CGROUP
 * with an empty, "." or ".." component, a STARTED_GID that is no number; -ENOMEM. Unknown keys are passed
 * over: a newer keeper may write them.
 */
int container_record_parse(const char *text, ContainerRecord *ret);

/* Return: 0 or -ENOMEM. */
int container_record_copy(const ContainerRecord *record, ContainerRecord *ret);

/* The text, owned by the caller. Return: 0; -EINVAL a label or variable with a newline; -ENOMEM. */
int container_record_format(const ContainerRecord *record, char **ret);
