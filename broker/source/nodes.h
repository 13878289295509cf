/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"
#include "source/report.h"
#include "util/cleanup.h"

/*
 * Nodes in the host's /dev that no uevent tells of, and that a rule asks for by `path:`: those of a driver
 * that only has their number, those that somebody has made by hand, and those that stand for a module which
 * is loaded when they are opened.
 *
 * Each is a device "node-PATH", with `!` for a slash, of class "other", or "block" for a block device. A node
 * with a number that the kernel has an object for is none of these: events tell of it. Symbolic links are not
 * followed.
 */
typedef struct Nodes Nodes;

typedef struct NodesRoots {
        const char *sys, *dev; /* "/sys", "/dev"; borrowed for the life of the source */
} NodesRoots;

typedef struct NodesOps {
        ReportEvent event; /* called from within nodes_dispatch(), nodes_hear() and nodes_scan() */
        /* Whether somebody else tells of a node with this number. */
        bool (*known)(void *userdata, char type, dev_t rdev);
} NodesOps;

/* No rule is there yet, and so nothing is looked at or watched. Return: 0; errno. */
int nodes_new(const NodesRoots *roots, const NodesOps *ops, void *userdata, Nodes **ret);
Nodes *nodes_free(Nodes *nodes);
DEFINE_CLEANUP(Nodes *, nodes_free);

/* The rules in force are others: forget those that were added, add the new ones, and scan. A rule is borrowed
 * until it is forgotten. Return of the second: 0; -ENOSPC it, or a part of it, names one folder too many;
 * -ENOMEM. */
void nodes_forget_rules(Nodes *nodes);
int nodes_add_rule(Nodes *nodes, const Rule *rule);

/* Readable when nodes_dispatch() has something to do. */
int nodes_fd(const Nodes *nodes);
int nodes_dispatch(Nodes *nodes);

/* An event that somebody else told of, after it was taken in: a node may be the kernel's now, or no more. */
void nodes_hear(Nodes *nodes, const Uevent *event);

/* Looks now, and tells of all that there is. Return: 0; errno, and then nothing was told. */
int nodes_scan(Nodes *nodes);
