/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* The word of @words (NULL-terminated) that @word was most likely meant to be; NULL where none is near. */
const char *word_nearest(const char *word, const char *const *words);
