/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Logging: one line an event, structured by its subject. The pure rooms never log; the others log an error
 * once, where it is understood.
 */

#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "util/log.h"
#include "util/string.h"

static void sink_stderr(int level, int error, const LogSubject *subject, const char *text);

static LogSink current_sink = sink_stderr;
static int max_level = LOG_INFO;

void log_set_sink(LogSink sink) {
        current_sink = sink ?: sink_stderr;
}

void log_set_max_level(int level) {
        max_level = level;
}

static void sink_stderr(int level, _unused_ int error, const LogSubject *subject, const char *text) {
        static const char *const names[] = {"emerg",   "alert",  "crit", "error",
                                            "warning", "notice", "info", "debug"};
        const struct {
                const char *name, *value;
        } fields[] = {
                {"device", subject ? subject->device : NULL},
                {"container", subject ? subject->container : NULL},
                {"rule", subject ? subject->rule : NULL},
                {"step", subject ? subject->step : NULL},
        };

        fprintf(stderr, "%s: %s", names[level & LOG_PRIMASK], text);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].value) {
                        char value[256];

                        string_escape(value, sizeof(value), fields[i].value);
                        fprintf(stderr, " %s=%s", fields[i].name, value);
                }
        fputc('\n', stderr);
}

int log_full(int level, int error, const LogSubject *subject, const char *format, ...) {
        char raw[1024], text[2048];
        int saved = errno;
        va_list ap;

        error = error < 0 ? -error : error;
        if ((level & LOG_PRIMASK) <= max_level) {
                errno = error;
                va_start(ap, format);
                vsnprintf(raw, sizeof(raw), format, ap);
                va_end(ap);
                /* Names in a line come from devices and containers: no terminal sequence passes. */
                string_escape(text, sizeof(text), raw);
                current_sink(level, error, subject, text);
        }
        errno = saved;
        return -error;
}
