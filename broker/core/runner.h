/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/loop.h"
#include "plan/plan.h"

/*
 * The executor's queue of one container. It knows what is present there, and on a touch makes it what is
 * wanted.
 */
typedef struct Runner Runner;

/* What acts on a container: inject's Target, or a fake in tests. */
typedef struct RunnerOps {
        /* Whether the step may block and has to run in a child. */
        bool (*step_blocks)(const Step *step);
        /* Does one step; as target_apply(). In a child for those that block. */
        int (*apply)(void *target, const Step *step);
        /* What is present by the kernel's account; as target_read(). */
        int (*read)(void *target, ItemSet *ret);
} RunnerOps;

typedef struct RunnerClient {
        /* The items that should be in the container of @device; of all devices for NULL, each of them named
         * by runner_concern().
         *
         * Where @device wants shared items, or did before, the answer is 1, and all shared items that should
         * be in the container are in *ret besides, with what other devices are to have again as their own.
         * Then, and for NULL, runner_share() says who wants what.
         *
         * Return: 0; 1; errno. */
        int (*wanted)(void *userdata, const char *device, ItemSet *ret);
        /* A step that may block is about to be done; called before, in our own process. */
        void (*starting)(void *userdata, const Step *step);
        /* What was wanted of @device is in place (0), or could not be (errno); also when nothing had to be
         * done. A removal that failed is reported too: then something of it is in the container still. */
        void (*settled)(void *userdata, const char *device, int error);
        /* Nothing is left to do. */
        void (*idle)(void *userdata);
} RunnerClient;

/* @name: of the container, for the log, borrowed, as @target is. Return: 0; -ENOMEM. */
int runner_new(Loop *loop, const char *name, const RunnerOps *ops, void *target, const RunnerClient *client,
               void *userdata, Runner **ret);
/* Stops at once: a child that is at work is killed. */
Runner *runner_free(Runner *runner);
DEFINE_CLEANUP(Runner *, runner_free);

/* Takes the kernel's account of what is present. Return: 0; errno. */
int runner_read(Runner *runner);
const ItemSet *runner_present(const Runner *runner);

/**
 * runner_touch() - what is wanted of @device may have changed
 *
 * Done before the return unless a step may block or the queue is busy; then later. Callbacks may come from
 * within. The runner must not be freed in them.
 */
void runner_touch(Runner *runner, const char *device);
/* The same for all devices of the container in one plan, removals first. */
void runner_touch_all(Runner *runner);

/* From within RunnerClient.wanted for all devices: @device is to be settled too, also where nothing of it is
 * wanted or present; with @error where it is known that it can not be given. Return: 0 or -ENOMEM. */
int runner_concern(Runner *runner, const char *device, int error);

/* From within RunnerClient.wanted: @device wants @item, which is shared. Return: 0 or -ENOMEM. */
int runner_share(Runner *runner, const char *device, Item *item);

/* From within RunnerClient.wanted: @device would have @link too, which is another's and goes on being that;
 * it is planned for again when that one's goes. Return: 0 or -ENOMEM. */
int runner_await(Runner *runner, const char *device, Item *link);
bool runner_is_idle(const Runner *runner);
