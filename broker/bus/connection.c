/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * sd-bus on our loop, and its return after a loss.
 *
 * sd-bus keeps queues of its own: a message that was read while something else was waited for makes no
 * descriptor readable, it shows only as a timeout of zero. So before every sleep both the events that it
 * wants and its absolute timeout are read again: after each dispatch here, and by connection_arm() after
 * whatever used the bus elsewhere. A dispatch goes on until there is nothing left, at most ROUND_MAX
 * messages, so that a busy client cannot keep device events waiting.
 *
 * Invariants: @bus is set exactly while a connection is open or opening, and then @io is too; @ready implies
 * @bus; with no @bus, @retry is armed. The sd_bus is never closed from within its own callbacks: they set
 * @error, and the dispatch that called them sees to it.
 */

#include "config.h"

#include <assert.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "bus/connection.h"
#include "util/log.h"

#define ROUND_MAX 64U

#define RETRY_FIRST_USEC (100ULL * 1000)
#define RETRY_LAST_USEC  (30ULL * 1000 * 1000)

/* The only calls of ours that wait are questions to the bus daemon itself about a sender. */
#define CALL_TIMEOUT_USEC (5ULL * 1000 * 1000)

struct Connection {
        Loop *loop;
        char *address, *name;
        const ConnectionHandlers *handlers;
        void *userdata;
        sd_bus *bus;
        bool ready;
        int error; /* why this sd_bus is to be given up; 0 */
        LoopSource *io, *timer, *retry;
        uint64_t retry_usec;
};

static void on_io(void *userdata, int fd, unsigned int events);
static void on_timer(void *userdata);
static void on_retry(void *userdata);

static void connection_close(Connection *connection) {
        bool ready = connection->ready;

        connection->io = loop_source_free(connection->io);
        connection->ready = false;
        connection->error = 0;
        connection->bus = sd_bus_close_unref(connection->bus);
        loop_source_set_timer(connection->timer, UINT64_MAX);
        if (ready)
                connection->handlers->lost(connection->userdata);
}

static void connection_retry(Connection *connection) {
        loop_source_set_timer(connection->retry, connection->retry_usec);
        connection->retry_usec = MIN(connection->retry_usec * 2, RETRY_LAST_USEC);
}

void connection_arm(Connection *connection) {
        uint64_t until, now;
        int events;

        if (!connection->bus)
                return;

        events = sd_bus_get_events(connection->bus);
        if (events < 0 || connection->error < 0 || sd_bus_get_timeout(connection->bus, &until) < 0) {
                /* Closed: the next dispatch learns why. */
                events = 0;
                until = 0;
        }
        loop_source_set_events(connection->io,
                               (events & POLLIN ? LOOP_READ : 0) | (events & POLLOUT ? LOOP_WRITE : 0));

        now = loop_now();
        loop_source_set_timer(connection->timer, until == UINT64_MAX ? UINT64_MAX
                                                 : until > now       ? until - now
                                                                     : 0);
}

static void connection_dispatch(Connection *connection) {
        int r = 1;

        for (unsigned int i = 0; i < ROUND_MAX && r > 0 && connection->error == 0; i++)
                r = sd_bus_process(connection->bus, NULL);

        if (connection->error < 0 || r < 0) {
                log_warning_errno(connection->error < 0 ? connection->error : r,
                                  "Lost the message bus, going on without it: %m");
                connection_close(connection);
                connection_retry(connection);
                return;
        }

        connection_arm(connection);
        if (r > 0)
                loop_source_set_timer(connection->timer, 0);
}

static void on_io(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        connection_dispatch(userdata);
}

static void on_timer(void *userdata) {
        Connection *connection = userdata;

        if (connection->bus)
                connection_dispatch(connection);
}

/* The answer to RequestName: 1 we own it, 3 another does (D-Bus specification,
 * org.freedesktop.DBus.RequestName). */
static int on_name(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Connection *connection = userdata;
        uint32_t answer = 0;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                connection->error = -sd_bus_message_get_errno(reply) ?: -EIO;
                log_error_errno(connection->error, "The bus refuses the name %s: %m", connection->name);
                return 0;
        }
        if (sd_bus_message_read(reply, "u", &answer) < 0 || (answer != 1 && answer != 4)) {
                log_error("The name %s is another's on this bus", connection->name);
                connection->error = -EEXIST;
                return 0;
        }

        connection->ready = true;
        connection->retry_usec = RETRY_FIRST_USEC;
        connection->handlers->ready(connection->userdata);
        log_debug("The name %s is ours", connection->name);
        return 0;
}

static int open_bus(const char *address, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        if (!address)
                return sd_bus_open_system_with_description(ret, "davitd");

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_description(bus, "davitd");
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, address);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* Return: 0; negative errno, then nothing is open. */
static int connection_open(Connection *connection) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int fd, r;

        r = open_bus(connection->address, &bus);
        if (r < 0)
                return r;
        fd = sd_bus_get_fd(bus);
        if (fd < 0)
                return fd;
        r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
        if (r < 0)
                return r;
        r = connection->handlers->setup(connection->userdata, bus);
        if (r < 0)
                return r;
        /* Floating: ends with the sd_bus. */
        r = sd_bus_request_name_async(bus, NULL, connection->name, /* flags= */ 0, on_name, connection);
        if (r < 0)
                return r;
        r = loop_add_io(connection->loop, fd, LOOP_READ, on_io, connection, &connection->io);
        if (r < 0)
                return r;

        connection->bus = TAKE_PTR(bus);
        connection_arm(connection);
        return 0;
}

static void on_retry(void *userdata) {
        Connection *connection = userdata;
        int r;

        r = connection_open(connection);
        if (r < 0) {
                log_debug_errno(r, "The message bus is not back: %m");
                connection_retry(connection);
        }
}

int connection_new(Loop *loop, const char *address, const char *name, const ConnectionHandlers *handlers,
                   void *userdata, Connection **ret) {
        _cleanup_(connection_freep) Connection *connection = NULL;
        int r;

        assert(loop && name && handlers && ret);

        connection = calloc(1, sizeof(*connection));
        if (!connection)
                return -ENOMEM;
        connection->loop = loop;
        connection->handlers = handlers;
        connection->userdata = userdata;
        connection->retry_usec = RETRY_FIRST_USEC;
        connection->name = strdup(name);
        connection->address = address ? strdup(address) : NULL;
        if (!connection->name || (address && !connection->address))
                return -ENOMEM;

        r = loop_add_timer(loop, on_timer, connection, &connection->timer);
        if (r < 0)
                return r;
        r = loop_add_timer(loop, on_retry, connection, &connection->retry);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(connection);
        return 0;
}

int connection_start(Connection *connection) {
        int r;

        r = connection_open(connection);
        if (r == -ENOMEM || (r == -EINVAL && connection->address))
                return r;
        if (r < 0) {
                log_warning_errno(r, "Failed to reach the message bus, going on without it: %m");
                connection_retry(connection);
        }
        return 0;
}

sd_bus *connection_peek(const Connection *connection) {
        return connection->ready && connection->error == 0 ? connection->bus : NULL;
}

void connection_restart(Connection *connection, int error) {
        if (!connection->bus || connection->error < 0)
                return;
        connection->error = error;
        connection_arm(connection);
}

Connection *connection_free(Connection *connection) {
        if (!connection)
                return NULL;

        loop_source_free(connection->io);
        loop_source_free(connection->timer);
        loop_source_free(connection->retry);
        sd_bus_flush_close_unref(connection->bus);
        free(connection->address);
        free(connection->name);
        free(connection);
        return NULL;
}
