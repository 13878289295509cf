/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Real containers for tests: a scratch runtime folder, keepers in children of the test, commands inside.
 * Wants root with ids in /etc/subuid, a static busybox and cgroups; where one is missing every test of the
 * group is skipped.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/types.h>

#include "launch/launch.h"
#include "model/record.h"

#define OUTPUT_SIZE 8192

typedef struct Keeping {
        const char *name;
        pid_t pid;
        char line[1024]; /* what it said when it was ready */
        int output_fd;   /* of the container's init */
} Keeping;

/* The scratch runtime folder. */
const char *launch_dir(void);

int launch_group_setup(void **state);
int launch_group_teardown(void **state);
bool launch_is_possible(void);
/* To be called first in each test. */
void launch_skip_unless_possible(void);

/* Forks a keeper and waits for its line. */
Keeping keeping_start(const char *name, const char *rootfs, char *const *command, char *const *labels);
/* The same, which must say "ok". */
Keeping keeping_start_ok(const char *name, char *const *command);
/* Waits for the keeper's end. Return: its exit status, 128+N for a signal. */
int keeping_wait(Keeping *keeping);
/* Reads what init wrote, until the end of file or until there is @until (NULL: only the end). */
void keeping_read(Keeping *keeping, const char *until, char *buffer, size_t size);
/* Kills the init of the container, from the host, and waits for the keeper. */
void keeping_end(Keeping *keeping);
/* The record, which must be there. */
void keeping_record(const Keeping *keeping, ContainerRecord *ret);

/* Runs a shell script in a container. Return: its exit status; its output is in @buffer. */
int inside(const char *name, const char *script, char *buffer, size_t size);

/* The end of a process that is not our child. */
void wait_gone(pid_t pid);

/* The text of a small file, owned by the caller; fails the test where there is none. */
char *read_text(const char *format, ...) __attribute__((__format__(printf, 1, 2)));

/* How many lines of /proc/self/mountinfo name the scratch folder, and how many cgroup folders there are below
 * ours. */
size_t count_mounts(void);
size_t count_cgroups(void);
