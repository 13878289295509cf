/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* Whether @a takes every pair of device and container that @b could take. True is always right; false may
 * mean that it could not be told. */
bool rule_covers(const Rule *a, const Rule *b);
