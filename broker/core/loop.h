/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "util/cleanup.h"

/*
 * The event loop; loop.c is the only file that knows libevent. One thread; a callback must not block.
 */
typedef struct Loop Loop;
typedef struct LoopSource LoopSource;

#define LOOP_READ  1U
#define LOOP_WRITE 2U

typedef void (*LoopIo)(void *userdata, int fd, unsigned int events);
typedef void (*LoopTimer)(void *userdata);
typedef void (*LoopSignal)(void *userdata, int signal);

int loop_new(Loop **ret);
Loop *loop_free(Loop *loop);
DEFINE_CLEANUP(Loop *, loop_free);

/* Runs until loop_stop(). Return: the value given to loop_stop(); negative errno. */
int loop_run(Loop *loop);
void loop_stop(Loop *loop, int value);
/* One round: waits for something to happen, at most @timeout_usec (UINT64_MAX: for ever), and handles it.
 * Return: 0; errno. */
int loop_run_once(Loop *loop, uint64_t timeout_usec);

/*
 * All of these: the source is the caller's, who frees it with loop_source_free() before what it refers to;
 * @fd is borrowed. A source may be freed in its own callback. Return: 0; -ENOMEM; errno.
 */
int loop_add_io(Loop *loop, int fd, unsigned int events, LoopIo callback, void *userdata, LoopSource **ret);
int loop_add_timer(Loop *loop, LoopTimer callback, void *userdata, LoopSource **ret); /* not armed */
int loop_add_signal(Loop *loop, int signal, LoopSignal callback, void *userdata, LoopSource **ret);
LoopSource *loop_source_free(LoopSource *source);
DEFINE_CLEANUP(LoopSource *, loop_source_free);

/* Other events for an I/O source; 0 pauses it. */
int loop_source_set_events(LoopSource *source, unsigned int events);
/* Arms a timer once, in @usec from now (0: at the end of this round); UINT64_MAX disarms. */
int loop_source_set_timer(LoopSource *source, uint64_t usec);

/* CLOCK_MONOTONIC in microseconds, the clock of sd_bus_get_timeout(). */
uint64_t loop_now(void);
