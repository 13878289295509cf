/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "launch/container-config.h"

/* The process in which liblxc starts one container and waits for its end; a child of the keeper, dying with
 * it. */
typedef struct Monitor {
        pid_t pid;
        int pidfd;
        int result_fd; /* what became of it, see monitor_finish() */
} Monitor;

#define MONITOR_NULL ((Monitor){.pidfd = -EBADF, .result_fd = -EBADF})

/* Kills and reaps what runs still. */
void monitor_deinit(Monitor *monitor);

typedef enum MonitorEnd {
        MONITOR_FAILED, /* the container never ran */
        MONITOR_ENDED,
        MONITOR_REBOOT, /* its init asked for a reboot */
        MONITOR_END_MAX,
        MONITOR_END_INVALID = -EINVAL,
} MonitorEnd;

/**
 * monitor_start() - fork it
 * @command:    what to run as init; NULL: /sbin/init
 *
 * Return: 0; errno.
 */
int monitor_start(const ContainerConfig *config, char *const *command, Monitor *ret);

/**
 * monitor_wait_running() - wait until init runs
 * @cancel_fd:  gives up when it is readable
 * @ret_start:  init's start time, field 22 of /proc/PID/stat
 *
 * Return: 0; -ECHILD the monitor ended; -ECANCELED; -ETIMEDOUT; errno.
 */
int monitor_wait_running(const Monitor *monitor, const char *runtime_dir, const char *alias, int cancel_fd,
                         pid_t *ret_init, int *ret_init_pidfd, uint64_t *ret_start);

/**
 * monitor_finish() - reap it, which must have ended, and say what became of the container
 * @ret_status: exit status of its init, 128+N for signal N, 0 where it powered off
 * @message:    of a failure, in liblxc's words; owned by the caller
 *
 * Return: a MonitorEnd; errno.
 */
int monitor_finish(Monitor *monitor, const char *folder, int *ret_status, char **message);
