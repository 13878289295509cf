/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "util/cleanup.h"

/*
 * A message bus of the test's own, and on it a davitd that has a fake manager: two child processes.
 */
typedef struct Harness {
        char dir[64];      /* of everything below; open to all users, as the socket must be */
        char address[128]; /* of the message bus */
        char policy[96];   /* folder of the policy, with 10-test.yaml in it */
        pid_t bus_pid, daemon_pid;
        int control;    /* line by line to the daemon */
        bool use_units; /* set before harness_start() */
} Harness;

/* Where there is no dbus-daemon: prints why and returns 1. */
int harness_start(Harness *harness);
void harness_stop(Harness *harness);

int harness_start_bus(Harness *harness);
void harness_stop_bus(Harness *harness);

void harness_stop_daemon(Harness *harness);
/* Another daemon, which knows of nothing but what the one command @first makes, and that before it is on the
 * bus. */
void harness_restart_daemon(Harness *harness, const char *first);

/* One command to the fake manager (see harness.c), and its end awaited. Fails the test where the command
 * fails. */
void harness_do(Harness *harness, const char *format, ...) _printf_(2, 3);

/* Waits until somebody waits for the end of a container. */
void harness_await_waiter(Harness *harness, const char *container);

/* A client's connection; it waits until the name is there. */
sd_bus *harness_connect(const Harness *harness);

/* Replaces the policy's only file. */
void harness_policy(const Harness *harness, const char *yaml);
