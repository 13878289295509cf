/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "bus/bus.h"

/*
 * Tells the bus what came, changed and went: InterfacesAdded, InterfacesRemoved, PropertiesChanged.
 */
typedef struct Announcer Announcer;

/* Objects that may wait to be looked at; above it everything is looked at. */
#define ANNOUNCER_DIRTY_MAX 4096U

int announcer_new(Bus *bus, Announcer **ret);
Announcer *announcer_free(Announcer *announcer);
DEFINE_CLEANUP(Announcer *, announcer_free);

/* The name is ours: what is there now is known to everybody who asks, later changes are told. */
void announcer_begin(Announcer *announcer);
void announcer_end(Announcer *announcer);

/* Takes note: cheap, and never sends. */
void announcer_note(Announcer *announcer, ObjectKind kind, const char *id, const char *container_id);

/* Whether nothing waits to be told. */
bool announcer_idle(const Announcer *announcer);
