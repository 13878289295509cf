/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Nodes in a /dev of the test's own, real ones, of numbers that nothing has; a /sys beside it says which of
 * them the kernel knows. What is found goes through a registry. Changes are heard of by inotify: by the time
 * that the call which made one returns, its event is there to be read.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>

#include "model/registry.h"
#include "rule/rule-set.h"
#include "source/nodes.h"

typedef struct NodesFixture {
        char top[64], sys[80], dev[80];
        NodesRoots roots;
        Registry registry;
        RuleSet *rules;
        Nodes *nodes;
        unsigned int n_removed, n_changes;
} NodesFixture;

/* For cmocka. */
int nodes_setup(void **state);
int nodes_teardown(void **state);
/* Skips where no nodes can be made. */
NodesFixture *nodes_fixture(void **state);

/* Paths are below the fixture's folder, "dev/…" and "sys/…"; missing folders above them are made. */
void nodes_path(const NodesFixture *f, const char *path, char ret[static PATH_MAX]);
/* @number: "c240:0", "b240:0". */
void nodes_make(const NodesFixture *f, const char *path, const char *number);
void nodes_make_file(const NodesFixture *f, const char *path);
void nodes_make_folder(const NodesFixture *f, const char *path);
void nodes_move(const NodesFixture *f, const char *from, const char *to);
/* With all that is below. */
void nodes_take(const NodesFixture *f, const char *path);

/* Puts in force a rule for each of @paths, which are values of `path:`, up to NULL, and scans. */
void nodes_want(NodesFixture *f, const char *const *paths);
void nodes_want_one(NodesFixture *f, const char *path);

/* What the manager does with an event. */
void nodes_on_event(void *userdata, const Uevent *event, bool complete);

/* "ID NAME cMAJOR:MINOR" a device, in the order of their ids; a star behind those that events tell of. */
void nodes_assert_devices(const NodesFixture *f, const char *expected);

bool nodes_is_due(const NodesFixture *f);
/* There is something to do, and it is done. */
void nodes_dispatch_all(const NodesFixture *f);
