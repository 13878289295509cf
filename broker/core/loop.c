/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The event loop: a thin face on libevent, the only file that knows it.
 *
 * A source is one struct event with its callback. Sources are owned by whoever added them, and freeing one in
 * its own callback is fine: libevent takes an event that is being run off its queues first, and the
 * trampolines do not look at the source again after the call.
 */

#include "config.h"

#include <assert.h>
#include <event2/event.h>
#include <stdbool.h>
#include <time.h>

#include "core/loop.h"

struct Loop {
        struct event_base *base;
        int value;
        bool stopped;
};

struct LoopSource {
        Loop *loop;
        struct event *event;
        union {
                LoopIo io;
                LoopTimer timer;
                LoopSignal signal;
        } callback;
        void *userdata;
};

int loop_new(Loop **ret) {
        _cleanup_(loop_freep) Loop *loop = calloc(1, sizeof(*loop));

        if (!loop)
                return -ENOMEM;
        loop->base = event_base_new();
        if (!loop->base)
                return -ENOMEM;
        *ret = TAKE_PTR(loop);
        return 0;
}

Loop *loop_free(Loop *loop) {
        if (!loop)
                return NULL;
        if (loop->base)
                event_base_free(loop->base);
        free(loop);
        return NULL;
}

int loop_run(Loop *loop) {
        loop->stopped = false;
        while (!loop->stopped)
                if (event_base_loop(loop->base, EVLOOP_ONCE) < 0)
                        return negative_errno(EIO);
        return loop->value;
}

void loop_stop(Loop *loop, int value) {
        loop->stopped = true;
        loop->value = value;
        event_base_loopbreak(loop->base);
}

static struct timeval usec_to_timeval(uint64_t usec) {
        return (struct timeval){
                .tv_sec = (time_t)(usec / 1000000),
                .tv_usec = (suseconds_t)(usec % 1000000),
        };
}

int loop_run_once(Loop *loop, uint64_t timeout_usec) {
        int flags = EVLOOP_ONCE;

        if (timeout_usec == 0)
                flags = EVLOOP_NONBLOCK;
        else if (timeout_usec != UINT64_MAX) {
                struct timeval timeout = usec_to_timeval(timeout_usec);

                if (event_base_loopexit(loop->base, &timeout) < 0)
                        return -ENOMEM;
        }
        return event_base_loop(loop->base, flags) < 0 ? negative_errno(EIO) : 0;
}

static void trampoline_io(evutil_socket_t fd, short what, void *userdata) {
        LoopSource *source = userdata;

        source->callback.io(source->userdata, fd,
                            (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

static void trampoline_timer(_unused_ evutil_socket_t fd, _unused_ short what, void *userdata) {
        LoopSource *source = userdata;

        source->callback.timer(source->userdata);
}

static void trampoline_signal(evutil_socket_t signal, _unused_ short what, void *userdata) {
        LoopSource *source = userdata;

        source->callback.signal(source->userdata, signal);
}

static int source_new(Loop *loop, void *userdata, LoopSource **ret) {
        LoopSource *source = calloc(1, sizeof(*source));

        if (!source)
                return -ENOMEM;
        source->loop = loop;
        source->userdata = userdata;
        *ret = source;
        return 0;
}

static short io_events(unsigned int events) {
        return (short)((events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0) |
                       EV_PERSIST);
}

int loop_add_io(Loop *loop, int fd, unsigned int events, LoopIo callback, void *userdata, LoopSource **ret) {
        _cleanup_(loop_source_freep) LoopSource *source = NULL;
        int r;

        r = source_new(loop, userdata, &source);
        if (r < 0)
                return r;
        source->callback.io = callback;
        source->event = event_new(loop->base, fd, io_events(events), trampoline_io, source);
        if (!source->event)
                return -ENOMEM;
        if (events && event_add(source->event, NULL) < 0)
                return negative_errno(EIO);
        *ret = TAKE_PTR(source);
        return 0;
}

int loop_add_timer(Loop *loop, LoopTimer callback, void *userdata, LoopSource **ret) {
        _cleanup_(loop_source_freep) LoopSource *source = NULL;
        int r;

        r = source_new(loop, userdata, &source);
        if (r < 0)
                return r;
        source->callback.timer = callback;
        source->event = evtimer_new(loop->base, trampoline_timer, source);
        if (!source->event)
                return -ENOMEM;
        *ret = TAKE_PTR(source);
        return 0;
}

int loop_add_signal(Loop *loop, int signal, LoopSignal callback, void *userdata, LoopSource **ret) {
        _cleanup_(loop_source_freep) LoopSource *source = NULL;
        int r;

        r = source_new(loop, userdata, &source);
        if (r < 0)
                return r;
        source->callback.signal = callback;
        source->event = evsignal_new(loop->base, signal, trampoline_signal, source);
        if (!source->event)
                return -ENOMEM;
        if (event_add(source->event, NULL) < 0)
                return negative_errno(EIO);
        *ret = TAKE_PTR(source);
        return 0;
}

LoopSource *loop_source_free(LoopSource *source) {
        if (!source)
                return NULL;
        if (source->event)
                event_free(source->event);
        free(source);
        return NULL;
}

int loop_source_set_events(LoopSource *source, unsigned int events) {
        evutil_socket_t fd = event_get_fd(source->event);

        event_del(source->event);
        if (event_assign(source->event, source->loop->base, fd, io_events(events), trampoline_io, source) < 0)
                return -EINVAL;
        if (events && event_add(source->event, NULL) < 0)
                return negative_errno(EIO);
        return 0;
}

int loop_source_set_timer(LoopSource *source, uint64_t usec) {
        struct timeval timeout = usec_to_timeval(usec);

        if (usec == UINT64_MAX)
                return event_del(source->event) < 0 ? negative_errno(EIO) : 0;
        return event_add(source->event, &timeout) < 0 ? negative_errno(EIO) : 0;
}

uint64_t loop_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
