/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * uthash, set up so that a failed allocation leaves the element out instead of ending the program: after an
 * add, `element->hh.tbl == NULL` tells it. Include this, never <uthash.h> by itself.
 */

#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((void)(element))
#include <uthash.h>

/* FNV-1a over a text with its NUL, which keeps the texts of a row apart; the first one begins with
 * HASH_TEXT_BEGIN. The same on every host and in every version. */
#define HASH_TEXT_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_text(uint64_t hash, const char *text) {
        do
                hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        while (*text++);
        return hash;
}
