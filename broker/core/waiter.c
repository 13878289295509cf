/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Calls whose answer comes later: when a grant settled, or is gone, or a container ended.
 *
 * A waiter names what it waits for and holds no pointer into the model, which may change in any way
 * meanwhile. The list is looked through whenever something settled; it is as short as the calls that are
 * under way.
 */

#include "config.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "core/manager-internal.h"
#include "util/string.h"

/* Calls under way at a time; above it a call is refused. */
#define WAITERS_MAX 4096

struct Waiter {
        WaitFor what;
        char *device, *container;
        CallDone done;
        void *userdata;
        Waiter *next;
};

static void waiter_free(Waiter *waiter) {
        free(waiter->device);
        free(waiter->container);
        free(waiter);
}

static int copy_name(const char *s, char **ret) {
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

int manager_wait_for(Manager *manager, WaitFor what, const char *device, const char *container, CallDone done,
                     void *userdata) {
        Waiter *waiter, **last = &manager->waiters;
        size_t n = 0;

        for (; *last; last = &(*last)->next)
                n++;
        if (n >= WAITERS_MAX)
                return -EBUSY;

        waiter = calloc(1, sizeof(*waiter));
        if (!waiter)
                return -ENOMEM;
        waiter->what = what;
        waiter->done = done;
        waiter->userdata = userdata;
        if (copy_name(device, &waiter->device) < 0 || copy_name(container, &waiter->container) < 0) {
                waiter_free(waiter);
                return -ENOMEM;
        }
        *last = waiter;
        return 0;
}

/* What a waiter is told once its wait is over. */
typedef struct Answer {
        CallCode code;
        char message[256];
} Answer;

static bool given(const Manager *manager, const Waiter *waiter, Answer *answer) {
        const Device *device = registry_device(&manager->registry, waiter->device);
        const Container *container = registry_container(&manager->registry, waiter->container);
        const Grant *grant = device && container ? registry_grant(device, container) : NULL;

        if (!grant || grant_is_away(grant)) {
                answer->code = CALL_FAILED;
                snprintf(answer->message, sizeof(answer->message), "%s went away before it was given to %s",
                         device ? waiter->container : waiter->device, device ? "it" : waiter->container);
                return true;
        }
        if (grant->state == GRANT_FAILED) {
                answer->code = CALL_FAILED;
                snprintf(answer->message, sizeof(answer->message), "%s could not be put into %s: %s",
                         waiter->device, waiter->container, grant_error_to_string(grant->error));
                return true;
        }
        return grant->state == GRANT_ACTIVE;
}

static bool taken(const Manager *manager, const Waiter *waiter, Answer *answer) {
        const Device *device = registry_device(&manager->registry, waiter->device);
        bool gone = true;

        for (const Grant *grant = device ? device->grants : NULL; grant; grant = grant->device_next) {
                if (waiter->container && !streq(grant->container->name, waiter->container))
                        continue;
                gone = false;
                /* It is tried again, but nobody knows for how long. */
                if (grant->state == GRANT_LEAVING && grant->error < 0) {
                        answer->code = CALL_FAILED;
                        snprintf(answer->message, sizeof(answer->message),
                                 "%s could not be taken from %s yet: %s", waiter->device,
                                 grant->container->name, grant_error_to_string(grant->error));
                        return true;
                }
        }
        return gone;
}

static bool running(const Manager *manager, const Waiter *waiter) {
        const Container *container = registry_container(&manager->registry, waiter->container);

        return container &&
               (container->state != CONTAINER_RUNNING || runner_is_idle(context_of(container)->runner));
}

static bool is_over(const Manager *manager, const Waiter *waiter, Answer *answer) {
        *answer = (Answer){.code = CALL_OK};
        switch (waiter->what) {
        case WAIT_GIVEN:
                return given(manager, waiter, answer);
        case WAIT_TAKEN:
                return taken(manager, waiter, answer);
        case WAIT_RUNNING:
                return running(manager, waiter);
        case WAIT_ENDED:
                break;
        }
        return false;
}

static void tell(Waiter *waiter, CallCode code, const char *message, int value) {
        waiter->done(waiter->userdata, code, message, value);
        waiter_free(waiter);
}

void manager_free_waiters(Manager *manager) {
        while (manager->waiters) {
                Waiter *waiter = manager->waiters;

                manager->waiters = waiter->next;
                tell(waiter, CALL_FAILED, "davitd is ending", 0);
        }
}

void manager_check_waiters(Manager *manager) {
        if (manager->attaching)
                return;
        /* Who is told may call again: the walk starts anew after each. */
        for (Waiter **p = &manager->waiters; *p;) {
                Waiter *waiter = *p;
                Answer answer;

                if (!is_over(manager, waiter, &answer)) {
                        p = &waiter->next;
                        continue;
                }
                *p = waiter->next;
                tell(waiter, answer.code, answer.message, 0);
                p = &manager->waiters;
        }
}

void manager_tell_ended(Manager *manager, const char *container, int status) {
        for (Waiter **p = &manager->waiters; *p;) {
                Waiter *waiter = *p;

                if (!waiter->container || !streq(waiter->container, container) ||
                    (waiter->what != WAIT_ENDED && waiter->what != WAIT_RUNNING)) {
                        p = &waiter->next;
                        continue;
                }
                *p = waiter->next;
                /* Who waited for it to run missed a short life: its status is kept for who asks. */
                tell(waiter, CALL_OK, "", waiter->what == WAIT_ENDED ? status : 0);
                p = &manager->waiters;
        }
        manager_check_waiters(manager);
}
