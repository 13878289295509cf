/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/ctl.h"

/* Shows how the launch of a container goes, where standard error is a terminal. */
typedef struct Progress {
        sd_bus_slot *slot; /* owned */
        bool drawn;
} Progress;

/* Listens to what davitd tells of @name. What it cannot, it does without. */
void progress_begin(Progress *progress, Ctl *ctl, const char *name);
/* Takes the bar off again. */
void progress_end(Progress *progress);
