/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "util/cleanup.h"

/* What a line is about; the fields of the journal are named after these: DEVICE=, CONTAINER=, RULE=, STEP=.
 */
typedef struct LogSubject {
        const char *device;
        const char *container;
        const char *rule;
        const char *step;
} LogSubject;

/*
 * Where lines go. The default writes "LEVEL text [device=… container=…]" to standard error; davitd sets the
 * journal where it runs as a service. @text is valid UTF-8 without control characters.
 */
typedef void (*LogSink)(int level, int error, const LogSubject *subject, const char *text);

void log_set_sink(LogSink sink);
void log_set_max_level(int level);

/*
 * Logs one line; %m in @format is @error. @error may be 0, negative or positive.
 * Return: -|error|, so that `return log_error_errno(r, "Failed to …: %m")` reads well.
 */
int log_full(int level, int error, const LogSubject *subject, const char *format, ...) _printf_(4, 5);

#define log_error(...)            log_full(LOG_ERR, 0, NULL, __VA_ARGS__)
#define log_warning(...)          log_full(LOG_WARNING, 0, NULL, __VA_ARGS__)
#define log_notice(...)           log_full(LOG_NOTICE, 0, NULL, __VA_ARGS__)
#define log_info(...)             log_full(LOG_INFO, 0, NULL, __VA_ARGS__)
#define log_debug(...)            log_full(LOG_DEBUG, 0, NULL, __VA_ARGS__)
#define log_error_errno(r, ...)   log_full(LOG_ERR, (r), NULL, __VA_ARGS__)
#define log_warning_errno(r, ...) log_full(LOG_WARNING, (r), NULL, __VA_ARGS__)
#define log_debug_errno(r, ...)   log_full(LOG_DEBUG, (r), NULL, __VA_ARGS__)
#define log_oom()                 log_full(LOG_ERR, ENOMEM, NULL, "Out of memory")
