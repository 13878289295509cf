/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who may change something: host root alone. The one place where that is decided; every method that changes
 * anything, or that keeps state in the daemon for its caller, asks here before it looks at its arguments.
 */

#include "config.h"

#include "bus/authorize.h"
#include "util/cleanup.h"
#include "util/log.h"

int authorize(sd_bus_message *request, sd_bus_error *error) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        const char *member = sd_bus_message_get_member(request);
        uid_t euid;
        int r;

        /* As the bus daemon saw it when the sender connected: nothing that the sender could have changed
         * since. */
        r = sd_bus_query_sender_creds(request, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, &euid);
        if (r < 0) {
                log_debug_errno(r, "Failed to learn who calls %s: %m", member);
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "The caller is not known");
        }
        if (euid != 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may call %s", member);
        return 0;
}
