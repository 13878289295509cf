/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"

/*
 * davitd as a process among others: where it may run, that it runs once, how it tells who started it, where
 * it logs. All of these log what goes wrong. Return: 0; negative errno.
 */

/**
 * service_claim_runtime_dir() - make the folder of the running system, check it and lock it
 * @path:       absolute
 * @ret_lock:   held for as long as it is open: no other davitd uses the folder
 *
 * Refused: a folder that is not root's, or that others may write to, as what is in it is believed.
 */
int service_claim_runtime_dir(const char *path, int *ret_lock);

/* Descriptors for many containers; a umask that leaves explicit modes alone but opens nothing to all; a
 * reader of our output that goes away is no reason to end. */
int service_prepare_process(void);

/**
 * service_detach() - go to the background
 * @ret_ready:  for service_ready()
 *
 * Called before anything is opened, as a bus connection or a process id in a netlink address does not survive
 * a fork. The caller's process stays until the child is ready or failed, and ends with its result: it does
 * not return here.
 */
int service_detach(int *ret_ready);

/* All is up: lets the parent of service_detach() end (@ready_fd -EBADF: there is none), tells the service
 * manager. */
void service_ready(int *ready_fd);

/* Tells the service manager: "STOPPING=1". */
void service_notify(const char *state);

/* How often the service manager wants to hear "WATCHDOG=1", in microseconds, with room to be late; 0 never.
 */
uint64_t service_watchdog_usec(void);

/*
 * The service manager keeps descriptors for the next davitd, sd_pid_notify_with_fds(3): those of things that
 * cannot be opened again as they were. A name has one descriptor at most.
 */

/* Of the former davitd. Return: the caller's; -ENOENT there is none; errno. Called before anything is opened,
 * and once for all names: what is not of @name is closed. */
int service_take_stored(const char *name);
/* Replaces what is kept under @name by @fd, which stays the caller's. */
void service_store(const char *name, int fd);

/* Whether a service manager started us, which wants us to stay in the foreground. */
bool service_is_managed(void);

/* Whether systemd is the init of this host, sd_booted(3). */
bool service_has_units(void);

/* Logs into the journal from now on, where standard error leads there anyhow, or where @detached leaves no
 * other place; without a journal, to syslog. Fields: DEVICE=, CONTAINER=, RULE=, STEP=, ERRNO=. */
void service_log_open(bool detached);
