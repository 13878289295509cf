/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/uevent.h"

/*
 * Nodes that no uevent tells of, told of by events of our own making, so that they take the same way as all
 * others. Whoever looks for them says each time all that there is; what is missing then is gone.
 *
 * A thing is told of by its properties, as an event would: DEVPATH, SUBSYSTEM, DEVNAME, MAJOR, MINOR, …
 */

#define REPORT_MAX 1024 /* things; what is above is passed over */

/* As MonitorOps.event. */
typedef void (*ReportEvent)(void *userdata, const Uevent *event, bool complete);

typedef struct Reported Reported;

typedef struct Report {
        Reported *known; /* hash by devpath: all that was told of and not taken back */
        uint64_t round;
} Report;

void report_deinit(Report *report);

/* Begins a look. */
void report_begin(Report *report);

/* There is a thing with these properties, copied. Return: 0; -EINVAL no DEVPATH; -EEXIST there is one of that
 * DEVPATH in this look; -ENOSPC; -ENOMEM. */
int report_add(Report *report, const PropertyList *properties);

/* Whether something was told of, and not taken back, whose property @key is @value. */
bool report_has(const Report *report, const char *key, const char *value);

/* Before the end of a look: what is missing in it and is told of by somebody else now, as @elsewhere says of
 * its properties, is forgotten without a removal. */
void report_hand_over(Report *report, bool (*elsewhere)(const PropertyList *properties, void *userdata),
                      void *userdata);

/* Ends a look: a removal for each thing that is missing, then an add for each that is there, also where it
 * was before: who hears it knows what is new, and what it missed. */
void report_end(Report *report, ReportEvent event, void *userdata);
