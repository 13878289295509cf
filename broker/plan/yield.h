/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/grant.h"
#include "model/yield.h"

/*
 * What of a device the host's services should leave alone, by its grants: zero where it is the host's.
 *
 * A USB device is yielded as a whole, whichever of its parts a rule gives: what is opened through one of them
 * is seen by the others. Of anything else it is what is given: the screen's card stays the host's where a
 * container has the render node, and an uplink where a container has a clock on the same board, or an
 * interface on top of it.
 */
YieldSet yield_wanted(const Device *device);
