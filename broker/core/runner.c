/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The executor of one container.
 *
 * A touch notes that a device may be wanted differently now; what to do is planned only when the steps are
 * about to be done, from what is wanted and present then. So touches that come while a child is at work fold
 * into one, and no plan is ever out of date. Steps run in order, in our process, but for those that may
 * block: then the queue of this container, and of no other, waits for the child.
 *
 * A device comes whole or not at all: when one of its adds fails, its earlier adds of the same plan are
 * undone and the later ones passed over, while other devices go on. A removal that fails leaves its item in
 * `present`, as that is the truth. Any failure has the container looked at again later, at growing intervals,
 * as its cause may be gone by then. A link that cannot be made, as something else has its name, does not take
 * the device away: it is an alias only. Where that is another device's link, it waits for the name: when that
 * goes, those who wait are planned for again.
 *
 * What several devices share (plan/item.h) is planned together with each of them. Where such an item fails,
 * all who want it do, and what was added is undone for as many of them as have nobody else wanting it.
 *
 * `present` is our copy of the kernel's account: read once, then kept by what the steps did, and read again
 * when in doubt.
 */

#include "config.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "core/child.h"
#include "core/runner.h"
#include "core/sharers.h"
#include "model/grant.h"
#include "util/log.h"
#include "util/string.h"

#define RETRY_MIN_USEC (UINT64_C(1) * 1000000)
#define RETRY_MAX_USEC (UINT64_C(64) * 1000000)

/* How it went for one device of the current plan. */
typedef struct Outcome {
        char *device;
        int error;
} Outcome;

struct Runner {
        Loop *loop;
        const char *name;
        const RunnerOps *ops;
        void *target;
        const RunnerClient *client;
        void *userdata;

        ItemSet present;
        bool in_doubt; /* present has to be read again */

        char **dirty;
        size_t n_dirty;
        bool dirty_all;

        Step *steps; /* the plan at work, with references */
        size_t n_steps, at;
        ItemSet done; /* what the plan at work has added so far */
        Outcome *outcomes;
        size_t n_outcomes;
        Sharers sharers; /* who wants what is shared, as of the last plan with shared items in it */
        Sharers former;  /* and as of the one before */
        Sharers waiting; /* who wants a link that is another device's */

        Child *child;
        bool running; /* in runner_run(): a touch from a callback only takes note */
        LoopSource *retry;
        uint64_t retry_usec;
        bool failed; /* since the last time that nothing was left to do */
};

static void runner_run(Runner *runner);

static void on_retry(void *userdata) {
        Runner *runner = userdata;

        runner->in_doubt = true;
        runner_touch_all(runner);
}

int runner_new(Loop *loop, const char *name, const RunnerOps *ops, void *target, const RunnerClient *client,
               void *userdata, Runner **ret) {
        _cleanup_(runner_freep) Runner *runner = calloc(1, sizeof(*runner));
        int r;

        if (!runner)
                return -ENOMEM;
        runner->loop = loop;
        runner->name = name;
        runner->ops = ops;
        runner->target = target;
        runner->client = client;
        runner->userdata = userdata;
        runner->retry_usec = RETRY_MIN_USEC;
        r = loop_add_timer(loop, on_retry, runner, &runner->retry);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(runner);
        return 0;
}

static void runner_drop_work(Runner *runner) {
        for (size_t i = 0; i < runner->n_steps; i++)
                item_unref(runner->steps[i].item);
        free(runner->steps);
        runner->steps = NULL;
        runner->n_steps = runner->at = 0;

        for (size_t i = 0; i < runner->n_outcomes; i++)
                free(runner->outcomes[i].device);
        free(runner->outcomes);
        runner->outcomes = NULL;
        runner->n_outcomes = 0;

        item_set_deinit(&runner->done);
}

static void runner_drop_dirty(Runner *runner) {
        for (size_t i = 0; i < runner->n_dirty; i++)
                free(runner->dirty[i]);
        free(runner->dirty);
        runner->dirty = NULL;
        runner->n_dirty = 0;
        runner->dirty_all = false;
}

Runner *runner_free(Runner *runner) {
        if (!runner)
                return NULL;
        child_free(runner->child);
        loop_source_free(runner->retry);
        runner_drop_work(runner);
        runner_drop_dirty(runner);
        sharers_deinit(&runner->sharers);
        sharers_deinit(&runner->former);
        sharers_deinit(&runner->waiting);
        item_set_deinit(&runner->present);
        free(runner);
        return NULL;
}

int runner_read(Runner *runner) {
        ItemSet present = {};
        int r;

        r = runner->ops->read(runner->target, &present);
        if (r < 0)
                return r;
        item_set_deinit(&runner->present);
        runner->present = present;
        runner->in_doubt = false;
        return 0;
}

const ItemSet *runner_present(const Runner *runner) {
        return &runner->present;
}

bool runner_is_idle(const Runner *runner) {
        return !runner->child && !runner->running && runner->n_dirty == 0 && !runner->dirty_all &&
               !runner->steps;
}

static Outcome *runner_outcome(Runner *runner, const char *device) {
        for (size_t i = 0; i < runner->n_outcomes; i++)
                if (streq(runner->outcomes[i].device, device))
                        return &runner->outcomes[i];
        return NULL;
}

int runner_concern(Runner *runner, const char *device, int error) {
        Outcome *known = runner_outcome(runner, device), *grown;
        char *copy;

        if (known) {
                known->error = known->error ?: error;
                return 0;
        }
        grown = reallocarray(runner->outcomes, runner->n_outcomes + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        runner->outcomes = grown;
        copy = strdup(device);
        if (!copy)
                return -ENOMEM;
        runner->outcomes[runner->n_outcomes++] = (Outcome){.device = copy, .error = error};
        return 0;
}

int runner_share(Runner *runner, const char *device, Item *item) {
        return sharers_add(&runner->sharers, device, item);
}

int runner_await(Runner *runner, const char *device, Item *link) {
        return sharers_add(&runner->waiting, device, link);
}

static int runner_add_outcomes(Runner *runner, const ItemSet *set) {
        int r;

        for (size_t i = 0; i < set->n_items; i++) {
                if (item_is_shared(set->items[i]))
                        continue;
                r = runner_concern(runner, set->items[i]->device, 0);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Asks what is wanted. Return: 0; 1 with all that is shared; errno. */
static int runner_ask(Runner *runner, const char *device, ItemSet *ret) {
        Sharers before = runner->sharers;
        int r;

        runner->sharers = (Sharers){};
        r = runner->client->wanted(runner->userdata, device, ret);
        if (r < 0 || (r == 0 && device)) {
                sharers_deinit(&runner->sharers);
                runner->sharers = before;
        } else {
                sharers_deinit(&runner->former);
                runner->former = before;
        }
        return r;
}

/* What of `present` a plan for one device is about. */
static int runner_scope(const Runner *runner, const char *device, const ItemSet *wanted, bool shared,
                        ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet scope = {};

        if (!shared)
                return item_set_of_device(&runner->present, device, ret);
        for (size_t i = 0; i < runner->present.n_items; i++) {
                Item *item = runner->present.items[i];
                int r;

                /* Another device's own, that is to be shared from now on, gives way to itself. */
                if (!item_is_shared(item) && !streq(item->device, device) && !item_set_find(wanted, item))
                        continue;
                r = item_set_add(&scope, item);
                if (r < 0)
                        return r;
        }
        *ret = scope;
        scope = (ItemSet){};
        return 0;
}

/* Plans for one device, or for all of them (NULL). Return: 0; errno: nothing was begun. */
static int runner_begin(Runner *runner, const char *device) {
        _cleanup_(item_set_deinit) ItemSet wanted = {}, scope = {};
        _cleanup_(plan_deinit) Plan steps = {};
        int r, unwanted = 0;
        bool shared;

        if (runner->in_doubt) {
                r = runner_read(runner);
                if (r < 0)
                        return r;
        }

        if (device)
                sharers_drop(&runner->waiting, device);
        else
                sharers_deinit(&runner->waiting);
        r = runner_ask(runner, device, &wanted);
        if (r == -ENOMEM || (r < 0 && !device))
                return r;
        /* What can not be given is taken away, if it was there before. */
        if (r < 0)
                unwanted = r;
        shared = r > 0;

        if (device) {
                r = runner_scope(runner, device, &wanted, shared, &scope);
                if (r < 0)
                        return r;
                r = runner_concern(runner, device, 0);
        } else {
                r = runner_add_outcomes(runner, &runner->present);
                if (r >= 0)
                        r = runner_add_outcomes(runner, &wanted);
        }
        if (r < 0)
                return r;

        r = plan(&wanted, device ? &scope : &runner->present, &steps);
        if (r < 0)
                return r;

        if (unwanted < 0)
                runner_outcome(runner, device)->error = unwanted;
        runner->steps = TAKE_PTR(steps.steps);
        runner->n_steps = steps.n_steps;
        steps.n_steps = 0;
        return 0;
}

/* Whether all for whom @item is have failed by now. */
static bool runner_gave_up(Runner *runner, const Item *item) {
        const Outcome *outcome;
        bool wanted = false;

        if (!item_is_shared(item)) {
                outcome = runner_outcome(runner, item->device);
                return outcome && outcome->error < 0;
        }
        sharers_foreach(sharer, &runner->sharers, item) {
                outcome = runner_outcome(runner, sharer->device);
                if (!outcome || outcome->error == 0)
                        return false;
                wanted = true;
        }
        return wanted;
}

/* Puts the removal of all that the plan at work has added for those who failed before the steps that are
 * left. */
static int runner_undo(Runner *runner) {
        _cleanup_(item_set_deinit) ItemSet undo = {};
        size_t n_left = runner->n_steps - runner->at;
        Step *steps;
        int r;

        for (size_t i = 0; i < runner->done.n_items; i++)
                if (runner_gave_up(runner, runner->done.items[i])) {
                        r = item_set_add(&undo, runner->done.items[i]);
                        if (r < 0)
                                return r;
                }
        steps = reallocarray(NULL, undo.n_items + n_left + 1, sizeof(*steps));
        if (!steps)
                return -ENOMEM;

        for (size_t i = 0; i < undo.n_items; i++)
                steps[i] = (Step){STEP_REMOVE, item_ref(undo.items[undo.n_items - 1 - i])};
        memcpy(steps + undo.n_items, runner->steps + runner->at, n_left * sizeof(*steps));

        for (size_t i = 0; i < runner->at; i++)
                item_unref(runner->steps[i].item);
        free(runner->steps);
        runner->steps = steps;
        runner->n_steps = undo.n_items + n_left;
        runner->at = 0;
        return 0;
}

/* Notes that all for whom @item is have failed. Of a removal these are who wanted it before, and do not now.
 * Return: 0 or -ENOMEM. */
static int runner_blame(Runner *runner, StepAction action, const Item *item, int error) {
        const Sharers *those = action == STEP_ADD ? &runner->sharers : &runner->former;
        int r;

        if (!item_is_shared(item))
                return runner_concern(runner, item->device, error);
        sharers_foreach(sharer, those, item) {
                if (action == STEP_REMOVE && sharers_has(&runner->sharers, sharer->device, item))
                        continue;
                r = runner_concern(runner, sharer->device, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void runner_step_failed(Runner *runner, const Step *step, int error) {
        const char *action = step->action == STEP_ADD ? "add" : "remove";
        const Item *item = step->item;

        log_full(LOG_ERR, error,
                 &(LogSubject){.device = item_is_shared(item) ? NULL : item->device,
                               .container = runner->name,
                               .step = item_kind_to_string(item->kind)},
                 "Failed to %s %s %s: %s", action, item_kind_to_string(item->kind), item->path,
                 grant_error_to_string(error));

        if (step->action == STEP_ADD && item->kind == ITEM_LINK && error == -EEXIST)
                return;

        runner->failed = true;
        /* Root inside can copy what is mounted for him, and keep that. That he keeps the mount itself must
         * not keep the device from others; it is tried again. */
        if (step->action == STEP_REMOVE && item->kind == ITEM_MOUNT) {
                item_set_remove(&runner->present, item);
                return;
        }
        if (runner_blame(runner, step->action, item, error) < 0 ||
            (step->action == STEP_ADD && runner_undo(runner) < 0))
                runner->in_doubt = true;
}

/* Notes that @device is to be planned for. */
static void runner_note(Runner *runner, const char *device) {
        char **grown, *copy;

        if (runner->dirty_all)
                return;
        for (size_t i = 0; i < runner->n_dirty; i++)
                if (streq(runner->dirty[i], device))
                        return;
        copy = strdup(device);
        grown = copy ? reallocarray(runner->dirty, runner->n_dirty + 1, sizeof(*grown)) : NULL;
        if (grown) {
                runner->dirty = grown;
                runner->dirty[runner->n_dirty++] = copy;
        } else {
                /* No memory to note which: then all of them, which takes none. */
                free(copy);
                runner->dirty_all = true;
        }
}

/* Books the end of the step at work, which is taken off the queue. */
static void runner_step_done(Runner *runner, int error) {
        Step step = runner->steps[runner->at++];
        int r = 0;

        if (error < 0) {
                _cleanup_(item_unrefp) Item *keep = item_ref(step.item);

                runner_step_failed(runner, &(Step){step.action, keep}, error);
                return;
        }

        if (step.action == STEP_ADD) {
                /* An entry of the udev database may have replaced another. */
                item_set_remove(&runner->present, step.item);
                r = item_set_add(&runner->present, step.item);
                if (r >= 0)
                        r = item_set_add(&runner->done, step.item);
        } else {
                sharers_foreach(sharer, &runner->waiting, step.item) runner_note(runner, sharer->device);
                item_set_remove(&runner->present, step.item);
                item_set_remove(&runner->done, step.item);
        }
        if (r < 0)
                runner->in_doubt = true;
}

static void on_step_done(void *userdata, int result) {
        Runner *runner = userdata;

        runner->child = child_free(runner->child);
        /* Of a child that was killed nobody knows how far it came. */
        if (result == -ETIMEDOUT || result == -EIO)
                runner->in_doubt = true;
        runner_step_done(runner, result);
        runner_run(runner);
}

static int work_step(void *userdata) {
        Runner *runner = userdata;

        return runner->ops->apply(runner->target, &runner->steps[runner->at]);
}

static void runner_do_step(Runner *runner) {
        const Step *step = &runner->steps[runner->at];
        const Item *there;
        int r;

        if (step->action == STEP_ADD && runner_gave_up(runner, step->item)) {
                runner->at++;
                return;
        }
        there = step->action == STEP_ADD ? item_set_find(&runner->present, step->item) : NULL;
        if (there && there->kind == ITEM_LINK && !streq(there->device, step->item->device) &&
            runner_await(runner, step->item->device, step->item) >= 0) {
                runner->at++;
                return;
        }
        /* What has that name should have gone before, and could not. */
        if (there && !item_replaces(step->item, there)) {
                runner_step_done(runner, -EEXIST);
                return;
        }
        if (!runner->ops->step_blocks(step)) {
                runner_step_done(runner, runner->ops->apply(runner->target, step));
                return;
        }

        runner->client->starting(runner->userdata, step);
        r = child_start(runner->loop, "A step in a container", work_step, on_step_done, runner,
                        &runner->child);
        if (r < 0)
                runner_step_done(runner, r);
}

/* The plan at work is done: tells how it went. */
static void runner_finish(Runner *runner) {
        Outcome *outcomes = TAKE_PTR(runner->outcomes);
        size_t n_outcomes = runner->n_outcomes;

        runner->n_outcomes = 0;
        runner_drop_work(runner);
        for (size_t i = 0; i < n_outcomes; i++) {
                if (outcomes[i].error < 0)
                        runner->failed = true;
                runner->client->settled(runner->userdata, outcomes[i].device, outcomes[i].error);
                free(outcomes[i].device);
        }
        free(outcomes);
}

/* Begins with what is dirty. Return: false where nothing is. */
static bool runner_next(Runner *runner) {
        _cleanup_free_ char *device = NULL;
        int r;

        if (runner->dirty_all)
                runner_drop_dirty(runner);
        else if (runner->n_dirty > 0) {
                device = runner->dirty[0];
                memmove(runner->dirty, runner->dirty + 1, --runner->n_dirty * sizeof(*runner->dirty));
        } else
                return false;

        r = runner_begin(runner, device);
        if (r < 0) {
                log_full(LOG_ERR, r, &(LogSubject){.device = device, .container = runner->name},
                         "Failed to plan for container %s: %m", runner->name);
                runner->failed = true;
                runner->in_doubt = true;
                runner_drop_work(runner);
                if (device)
                        runner->client->settled(runner->userdata, device, r);
        }
        return true;
}

static void runner_run(Runner *runner) {
        if (runner->running || runner->child)
                return;

        runner->running = true;
        for (;;) {
                while (runner->at < runner->n_steps && !runner->child)
                        runner_do_step(runner);
                if (runner->child)
                        break;
                if (runner->n_outcomes > 0 || runner->steps)
                        runner_finish(runner);
                if (!runner_next(runner))
                        break;
        }
        runner->running = false;
        if (runner->child)
                return;

        if (runner->failed) {
                loop_source_set_timer(runner->retry, runner->retry_usec);
                runner->retry_usec = MIN(runner->retry_usec * 2, RETRY_MAX_USEC);
        } else
                runner->retry_usec = RETRY_MIN_USEC;
        runner->failed = false;
        runner->client->idle(runner->userdata);
}

void runner_touch(Runner *runner, const char *device) {
        runner_note(runner, device);
        runner_run(runner);
}

void runner_touch_all(Runner *runner) {
        runner->dirty_all = true;
        runner_run(runner);
}
