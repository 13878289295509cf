/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Words: what a misspelt one was meant to be.
 */

#include "config.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "util/cleanup.h"
#include "yaml/word.h"

#define WORD_MAX 24

/* Edits (insert, delete, replace, swap of neighbours) from @a to @b; letter case counts for nothing. */
static size_t word_distance(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b);
        size_t d[WORD_MAX + 1][WORD_MAX + 1];

        if (n > WORD_MAX || m > WORD_MAX)
                return WORD_MAX;
        for (size_t i = 0; i <= n; i++)
                d[i][0] = i;
        for (size_t j = 0; j <= m; j++)
                d[0][j] = j;
        for (size_t i = 1; i <= n; i++)
                for (size_t j = 1; j <= m; j++) {
                        bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;

                        d[i][j] = MIN(MIN(d[i - 1][j] + 1, d[i][j - 1] + 1), d[i - 1][j - 1] + !same);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
                }
        return d[n][m];
}

const char *word_nearest(const char *word, const char *const *words) {
        size_t nearest = strlen(word) > 4 ? 3 : 2; /* below this */
        const char *found = NULL;

        if (strlen(word) < 2)
                return NULL;
        for (; *words; words++) {
                size_t distance = word_distance(word, *words);

                if (distance < nearest) {
                        nearest = distance;
                        found = *words;
                }
        }
        return found;
}
