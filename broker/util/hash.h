/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * uthash, set up so that a failed allocation leaves the element out instead of ending the program: after an
 * add, `element->hh.tbl == NULL` tells it. Include this, never <uthash.h> by itself.
 */

#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((void)(element))
#include <uthash.h>
