/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "core/manager.h"
#include "model/uevent.h"

/*
 * A machine for a benchmark: namespaces of its own, where the benchmark plays udevd, so that nothing else on
 * the host hears of devices that are not there; davitd's manager in this process; containers. Whatever fails
 * ends the program.
 */
typedef struct Machine {
        char runtime_dir[64], policy_dir[96];
        const char *container_program;
        int feed_fd; /* plays udevd */
        Loop *loop;
        Manager *manager;
} Machine;

typedef struct BenchContainer {
        pid_t keeper;
        int netns_fd;
        int event_fd;  /* in its namespace, to send */
        int listen_fd; /* in its namespace: what its programs get */
        int dev_fd;    /* its /dev */
        uid_t root_uid;
} BenchContainer;

/* NULL: ./davit-container. */
void machine_init(Machine *machine, const char *container_program);
void machine_deinit(const Machine *machine);

/* The policy, with its first lines written; for fclose(). */
FILE *machine_open_policy(const Machine *machine);
void machine_start_manager(Machine *machine, ManagerObserver observer, void *userdata);
void machine_stop_manager(Machine *machine);

void machine_launch(const Machine *machine, const char *name, BenchContainer *ret);
void machine_end(const BenchContainer *container);

/* The event as davitd's socket gets it from udev. */
void machine_feed(const Machine *machine, UeventAction action, const PropertyList *properties);
void bench_set(PropertyList *list, const char *key, const char *value);
/* What udev says of a Pixel in adb mode. */
void phone_properties(PropertyList *list, const char *devpath, unsigned int number, const char *serial);

int open_uevent_socket(unsigned int groups);
/* Takes all messages off a socket. Return: how many. */
unsigned int drain(int fd);

uint64_t now_nsec(void);
/* Sorts @samples. */
double median_usec(uint64_t *samples, size_t n);
