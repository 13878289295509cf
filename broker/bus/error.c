/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The typed errors of the bus. One name for each answer of the manager; the name is for programs, the text
 * for people. The text may quote a device, a container or a client, so all of it is escaped on the way out.
 */

#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "bus/error.h"
#include "util/string.h"

#define PREFIX "org.davit1.Error."

static const char *const error_names[CALL_CODE_MAX] = {
        [CALL_OK] = NULL,
        [CALL_NO_SUCH_DEVICE] = PREFIX "NoSuchDevice",
        [CALL_AMBIGUOUS_DEVICE] = PREFIX "AmbiguousDevice",
        [CALL_NO_SUCH_CONTAINER] = PREFIX "NoSuchContainer",
        [CALL_NOT_GRANTED] = PREFIX "NotGranted",
        [CALL_BUSY] = PREFIX "Busy",
        [CALL_DENIED] = PREFIX "Denied",
        [CALL_EXISTS] = PREFIX "Exists",
        [CALL_INVALID_ARGUMENT] = PREFIX "InvalidArgument",
        [CALL_POLICY_INVALID] = PREFIX "PolicyInvalid",
        [CALL_LAUNCH_FAILED] = PREFIX "LaunchFailed",
        [CALL_FAILED] = PREFIX "Failed",
};

const char *call_code_to_error(CallCode code) {
        if (code < 0 || code >= CALL_CODE_MAX)
                return error_names[CALL_FAILED];
        return error_names[code];
}

CallCode call_code_from_error(const char *name) {
        for (CallCode code = 0; code < CALL_CODE_MAX; code++)
                if (error_names[code] && streq_ptr(error_names[code], name))
                        return code;
        return CALL_CODE_INVALID;
}

int error_text_new(const char *s, char **ret) {
        _cleanup_free_ char *copy = strdup(s), *text = malloc(strlen(s) * 4 + 1);
        char *at = text, *rest = copy, *line;

        if (!copy || !text)
                return -ENOMEM;

        /* string_escape() reads no further than the line, so four bytes for each of its own are room enough.
         */
        while ((line = strsep(&rest, "\n"))) {
                string_escape(at, strlen(line) * 4 + 1, line);
                at += strlen(at);
                if (rest)
                        *at++ = '\n';
        }
        *at = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

int error_set(sd_bus_error *error, CallCode code, const char *format, ...) {
        _cleanup_free_ char *raw = NULL, *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&raw, format, ap);
        va_end(ap);
        if (r < 0) {
                raw = NULL;
                return -ENOMEM;
        }
        r = error_text_new(raw, &text);
        if (r < 0)
                return r;
        return sd_bus_error_set(error, call_code_to_error(code), text);
}
