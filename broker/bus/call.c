/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Calls in progress. The manager may end a call before its function returns, or much later, when the client
 * or the whole connection are gone: then sending fails, which is nobody's trouble any more.
 *
 * A call is owned by the manager from the moment it is handed over, and frees itself at its end; the bus
 * keeps a list to count them and to let go of them.
 */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <utlist.h>

#include "bus/bus-internal.h"
#include "bus/error.h"
#include "util/log.h"

struct Call {
        Bus *bus; /* NULL: orphaned */
        sd_bus_message *request;
        CallResult result;
        char *object;
        struct Call *prev, *next;
};

static void call_free(Call *call) {
        if (call->bus) {
                DL_DELETE(call->bus->calls, call);
                call->bus->n_calls--;
        }
        sd_bus_message_unref(call->request);
        free(call->object);
        free(call);
}

int call_new(Bus *bus, sd_bus_message *request, CallResult result, const char *object, sd_bus_error *error,
             Call **ret) {
        _cleanup_free_ Call *call = NULL;

        if (bus->n_calls >= CALLS_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls at a time");

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->object = object ? strdup(object) : NULL;
        if (object && !call->object)
                return -ENOMEM;
        call->bus = bus;
        call->result = result;
        call->request = sd_bus_message_ref(request);
        DL_APPEND(bus->calls, call);
        bus->n_calls++;
        *ret = TAKE_PTR(call);
        return 0;
}

static int answer_error(Call *call, CallCode code, const char *message) {
        _cleanup_free_ char *text = NULL;
        sd_bus_error error;
        int r;

        r = error_text_new(message, &text);
        if (r < 0)
                return r;
        error = SD_BUS_ERROR_MAKE_CONST(call_code_to_error(code), text);
        return sd_bus_reply_method_error(call->request, &error);
}

static int answer_result(Call *call, const char *message, int value) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call->request, &reply);
        if (r < 0)
                return r;
        if (call->result) {
                r = call->result(reply, call->object, message, value);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_send(reply);
}

void call_done(void *userdata, CallCode code, const char *message, int value) {
        Call *call = userdata;
        int r;

        assert(call);

        if (call->bus) {
                r = code == CALL_OK ? answer_result(call, message ?: "", value)
                                    : answer_error(call, code, message ?: "");
                if (r < 0)
                        log_debug_errno(r, "Failed to answer a call of %s: %m",
                                        sd_bus_message_get_member(call->request) ?: "?");
                connection_arm(call->bus->connection);
        }
        call_free(call);
}

void call_orphan_all(Bus *bus) {
        Call *call, *next;

        DL_FOREACH_SAFE(bus->calls, call, next) {
                DL_DELETE(bus->calls, call);
                call->bus = NULL;
                call->request = sd_bus_message_unref(call->request);
        }
        bus->n_calls = 0;
}
