/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a launch tells its user when it fails: an errno says too little about whose ids are missing where. */

#include "config.h"

#include <stdarg.h>

#include "launch/message.h"

int message_set(char **message, int error, const char *format, ...) {
        va_list ap;

        if (message && !*message) {
                va_start(ap, format);
                if (vasprintf(message, format, ap) < 0)
                        *message = NULL;
                va_end(ap);
        }
        return error;
}
