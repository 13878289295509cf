/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A udevd inside that comes after its devices.
 *
 * Events are told when a device comes. A container that boots a system has its devices before its udevd
 * listens, and its udevd cannot ask for them as a host's does: sysfs is not its to write to. So it is watched
 * for, and once it listens it is told again of all that is there. That it was told is noted in the kernel,
 * with the live /dev: a davitd that is started again neither forgets nor repeats it.
 *
 * Nobody tells when a socket is opened in a network namespace, so it is looked for: often while a system
 * boots, seldom later on. How long a look takes is the container's choice, within bounds; so most of the time
 * is left to others, however often it reboots.
 */

#include "config.h"

#include "core/manager-internal.h"
#include "util/log.h"

#define LOOK_PAUSE_FACTOR 100
#define LOOK_USEC         (UINT64_C(250) * 1000)
#define BOOT_USEC         (UINT64_C(60) * 1000 * 1000)
#define LOOK_MAX_USEC     (UINT64_C(60) * 1000 * 1000)

static void on_look_for_listener(void *userdata) {
        Context *context = userdata;
        uint64_t start = loop_now(), age = start - context->listener_since, pause;
        int r;

        if (context->container->state != CONTAINER_RUNNING || target_listener_told(context->target))
                return;
        /* What a child of the queue is at is told by it. */
        if (!runner_is_idle(context->runner) || !target_has_listener(context->target)) {
                pause = age < BOOT_USEC ? LOOK_USEC : MIN(age, LOOK_MAX_USEC);
                loop_source_set_timer(context->listener,
                                      MAX(pause, (loop_now() - start) * LOOK_PAUSE_FACTOR));
                return;
        }
        r = target_tell_again(context->target, runner_present(context->runner));
        if (r < 0)
                log_full(LOG_ERR, r, &(LogSubject){.container = context->container->name},
                         "Failed to tell the udevd of container %s what is there: %m",
                         context->container->name);
}

int context_await_listener(Context *context) {
        int r;

        r = loop_add_timer(context->manager->loop, on_look_for_listener, context, &context->listener);
        if (r < 0)
                return r;
        context->listener_since = loop_now();
        return loop_source_set_timer(context->listener, 0);
}
