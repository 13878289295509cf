/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* Appends a copy of @glob. Return: 0 or -ENOMEM. */
int pattern_list_add(PatternList *list, const char *glob, bool negated);
void pattern_list_deinit(PatternList *list);

/* Hands @key and @patterns over on success. Return: 0 or -ENOMEM. */
int key_pattern_list_add(KeyPatternList *list, char *key, PatternList patterns);
void key_pattern_list_deinit(KeyPatternList *list);
const PatternList *key_pattern_list_get(const KeyPatternList *list, const char *key);

bool pattern_match(const Pattern *pattern, const char *value);

/* pattern_list_match() for a subject that has several values or none: @hit tells whether one of them matches
 * a pattern, its negation left aside. */
typedef bool (*PatternHit)(const Pattern *pattern, const void *subject);
bool pattern_list_match_with(const PatternList *list, PatternHit hit, const void *subject);

/* The first pattern that is not negated, NULL where there is none. */
const Pattern *pattern_list_first_plain(const PatternList *list);
/* Whether the list asks for literal values only: it has plain patterns and all of them are literal. */
bool pattern_list_is_literal(const PatternList *list);
