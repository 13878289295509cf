/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What was told of is kept until it is taken back, so that a removal can say what an add said. Each look has
 * a number, and each thing that of the last look in which it was seen.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "source/report.h"
#include "util/hash.h"
#include "util/string.h"

struct Reported {
        char *devpath;
        PropertyList properties;
        uint64_t round;
        UT_hash_handle hh;
};

static void reported_free(Reported *thing) {
        if (!thing)
                return;
        free(thing->devpath);
        property_list_deinit(&thing->properties);
        free(thing);
}
DEFINE_CLEANUP(Reported *, reported_free);

static void report_forget(Report *report, Reported *thing) {
        HASH_DEL(report->known, thing);
        reported_free(thing);
}

void report_deinit(Report *report) {
        Reported *thing, *next;

        HASH_ITER(hh, report->known, thing, next)
                report_forget(report, thing);
}

void report_begin(Report *report) {
        report->round++;
}

static int report_new(Report *report, const char *devpath, Reported **ret) {
        _cleanup_(reported_freep) Reported *thing = NULL;

        if (HASH_COUNT(report->known) >= REPORT_MAX)
                return -ENOSPC;
        thing = calloc(1, sizeof(*thing));
        if (!thing)
                return -ENOMEM;
        thing->devpath = strdup(devpath);
        if (!thing->devpath)
                return -ENOMEM;
        HASH_ADD_KEYPTR(hh, report->known, thing->devpath, strlen(thing->devpath), thing);
        if (!thing->hh.tbl)
                return -ENOMEM;
        *ret = TAKE_PTR(thing);
        return 0;
}

int report_add(Report *report, const PropertyList *properties) {
        const char *devpath = property_list_get(properties, "DEVPATH");
        Reported *thing = NULL;
        int r;

        if (!devpath)
                return -EINVAL;
        HASH_FIND_STR(report->known, devpath, thing);
        if (thing && thing->round == report->round)
                return -EEXIST;
        if (!thing) {
                r = report_new(report, devpath, &thing);
                if (r < 0)
                        return r;
        }
        /* One that could not be copied is as it was told of before, or goes as one that is missing. */
        r = property_list_copy(&thing->properties, properties);
        if (r < 0)
                return r;
        thing->round = report->round;
        return 0;
}

bool report_has(const Report *report, const char *key, const char *value) {
        for (const Reported *thing = report->known; thing; thing = thing->hh.next)
                if (streq_ptr(property_list_get(&thing->properties, key), value))
                        return true;
        return false;
}

void report_hand_over(Report *report, bool (*elsewhere)(const PropertyList *properties, void *userdata),
                      void *userdata) {
        Reported *thing, *next;

        HASH_ITER(hh, report->known, thing, next)
                if (thing->round != report->round && elsewhere(&thing->properties, userdata))
                        report_forget(report, thing);
}

static void tell(const Reported *thing, UeventAction action, ReportEvent event, void *userdata) {
        const Uevent news = {.action = action, .properties = thing->properties};

        /* One that was never complete was never told of. */
        if (property_list_get(&thing->properties, "DEVPATH"))
                event(userdata, &news, /* complete= */ true);
}

void report_end(Report *report, ReportEvent event, void *userdata) {
        Reported *thing, *next;

        assert(report && event);

        HASH_ITER(hh, report->known, thing, next) {
                if (thing->round == report->round)
                        continue;
                tell(thing, UEVENT_REMOVE, event, userdata);
                report_forget(report, thing);
        }
        HASH_ITER(hh, report->known, thing, next)
                tell(thing, UEVENT_ADD, event, userdata);
}
