/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#include "util/cleanup.h"

/* Waits for messages and signals at the same time. */
typedef struct Waiter {
        int signal_fd;
        sigset_t before;
} Waiter;

#define WAITER_NULL ((Waiter){.signal_fd = -EBADF})

/* From now on @signals do not interrupt, they are told by waiter_wait(); those that were ignored stay so.
 * Says what went wrong. Return: 0; negative errno. */
int waiter_init(Waiter *waiter, const int *signals, size_t n_signals);
void waiter_deinit(Waiter *waiter);

/* Handles what is there, else sleeps and handles that. Return: 0; a signal's number; negative errno: the bus
 * is gone. */
int waiter_wait(Waiter *waiter, sd_bus *bus);
