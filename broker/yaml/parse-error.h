/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

typedef enum ParseSeverity {
        PARSE_ERROR,   /* the file is not used */
        PARSE_WARNING, /* the file is used, but something in it cannot be meant so */
} ParseSeverity;

typedef struct ParseError {
        ParseSeverity severity;
        char *file;
        unsigned int line;   /* from 1; 0: the file as a whole */
        unsigned int column; /* from 1; 0: the line as a whole */
        char *message;       /* one line, without a dot, foreign text in it escaped */
        char *field;         /* which one of the file it is in, "devices[2].name"; NULL: none is told */
} ParseError;

/* In the order of the files and lines, and behind them what is wrong with the policy as a whole; bounded, so
 * that a huge broken file gives a readable list. */
#define PARSE_ERRORS_MAX 100

typedef struct ParseErrors {
        ParseError *items;
        size_t n_items;
        size_t n_errors;  /* those of PARSE_ERROR, the ones beyond the bound included */
        size_t n_dropped; /* beyond the bound */
} ParseErrors;

void parse_errors_deinit(ParseErrors *errors);

/* Records one. Return: 0 or -ENOMEM. */
int parse_errors_add(ParseErrors *errors, ParseSeverity severity, const char *file, unsigned int line,
                     unsigned int column, const char *format, ...) _printf_(6, 7);

/* Says of which field the last one that was recorded is. Return: 0 or -ENOMEM. */
int parse_errors_set_field(ParseErrors *errors, const char *field);

/* Brings those from index @first on into the order of their lines; what stands at one place keeps its order.
 */
void parse_errors_sort(ParseErrors *errors, size_t first);

/* "FILE:LINE:COL: error: TEXT" without a newline, as compilers write it, with "FIELD: " before the text where
 * a field is told; owned by the caller.
 * Return: 0 or -ENOMEM. */
int parse_error_format(const ParseError *error, char **ret);

/* All of them, a line each, without a newline at the end; owned by the caller. NULL: no memory. */
char *parse_errors_join(const ParseErrors *errors);
