/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The bar that davitctl launch draws while an archive is unpacked. It is on one line of standard error, and
 * is gone before anything else is said there.
 */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/progress.h"
#include "util/string.h"

#define WIDTH 40

static void draw(Progress *progress, uint64_t done, uint64_t total) {
        unsigned int cells = (unsigned int)(done * WIDTH / total),
                     percent = (unsigned int)(done * 100 / total);
        char bar[WIDTH + 1];

        for (unsigned int i = 0; i < WIDTH; i++)
                bar[i] = i < cells ? '#' : '.';
        bar[WIDTH] = '\0';
        fprintf(stderr, "\rUnpacking [%s] %3u%% of %" PRIu64 " MiB ", bar, percent, (total + 0xfffff) >> 20);
        fflush(stderr);
        progress->drawn = true;
}

static int on_progress(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Progress *progress = userdata;
        uint64_t done, total;
        const char *name;

        if (sd_bus_message_read(m, "stt", &name, &done, &total) >= 0 && total > 0 &&
            total <= UINT64_MAX / 100 && done <= total)
                draw(progress, done, total);
        return 0;
}

void progress_begin(Progress *progress, Ctl *ctl, const char *name) {
        char match[512];

        /* A name that is none could end the match; the launch is going to be refused. */
        if (!isatty(STDERR_FILENO) || !string_is_name(name))
                return;
        snprintf(match, sizeof(match),
                 "type='signal',sender='" DAEMON_NAME "',path='" DAEMON_PATH
                 "',interface='" DAEMON_INTERFACE_MANAGER "',member='LaunchProgress',arg0='%s'",
                 name);
        (void)sd_bus_add_match(ctl->bus, &progress->slot, match, on_progress, progress);
}

void progress_end(Progress *progress) {
        progress->slot = sd_bus_slot_unref(progress->slot);
        if (progress->drawn)
                fputs("\r\x1b[K", stderr);
        progress->drawn = false;
}
