/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <stdint.h>

#include "yaml/node.h"

/*
 * Values of a known kind. All functions that return int say: 0 done; 1 complained of, the target may be half
 * filled and is still to be freed; -ENOMEM.
 */

/* One key of a map: @parse fills what lies @offset bytes into the map's target. */
typedef struct PolicyKey {
        const char *name;
        int (*parse)(const PolicyContext *context, const PolicyNode *value, void *target);
        size_t offset;
} PolicyKey;

/* Finds a member's key in @keys (ended by a zeroed entry), complains of an unknown one and of one given
 * twice.
 * @seen has the line of each key that was met so far, one entry a key. Return: 0 and *ret; 1; -ENOMEM. */
int policy_key_find(const PolicyContext *context, const PolicyNode *key, const char *what,
                    const PolicyKey *keys, unsigned int *seen, const PolicyKey **ret);

/* Parses a map: every known member by its function. @seen may be NULL, else as above and zeroed. @what names
 * the map,
 * @takes says what was expected instead of anything else. */
int policy_map(const PolicyContext *context, const PolicyNode *node, const char *what, const char *takes,
               const PolicyKey *keys, void *target, unsigned int *seen);

/* The first member of that key of a map; NULL where there is none. */
const PolicyNode *policy_member(const PolicyNode *node, const char *key);

/* Complains unless @node is a scalar with text in it. */
int policy_scalar(const PolicyContext *context, const PolicyNode *node, const char *takes);

/* Complains of a value that is not what @takes says, with a hint where it is near to one of @words (may be
 * NULL). */
int policy_expected(const PolicyContext *context, const PolicyNode *node, const char *takes,
                    const char *const *words);

int policy_bool(const PolicyContext *context, const PolicyNode *node, bool *ret);

/* A whole number from @min to @max, in decimal, without a leading zero, which would be octal to YAML. */
int policy_number(const PolicyContext *context, const PolicyNode *node, const char *takes, uint64_t min,
                  uint64_t max, uint64_t *ret);

/* The name of a network interface. */
int policy_interface_name(const PolicyContext *context, const PolicyNode *node, char ret[static IFNAMSIZ]);

int policy_mtu(const PolicyContext *context, const PolicyNode *node, uint32_t *ret);
