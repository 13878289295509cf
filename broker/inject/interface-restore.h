/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "inject/link.h"

/* Names for an interface whose own is taken. */
#define INTERFACE_SPARE_NAMES 100

/* How often alternative names are listed to be removed; the kernel has at most some two lists of ours full.
 */
#define INTERFACE_ALTNAME_ROUNDS 4

static inline void interface_spare_name(unsigned int i, char name[IFNAMSIZ]) {
        snprintf(name, IFNAMSIZ, "davit%u", i);
}

/**
 * interface_put_right() - make an interface on the host as its saved state says
 *
 * Goes on after a failure. Changes nothing that is right already. What is refused is logged.
 *
 * Return: 0; 1 all is right, but something that the container has put on top of it and hides keeps it from
 * being the port that it was; -EEXIST all is right but its name, which is taken: it has a spare one then;
 * errno of the first thing that failed and may not fail once more.
 */
int interface_put_right(RouteSocket *home, struct rtnl_link *link, const PropertyList *state);
