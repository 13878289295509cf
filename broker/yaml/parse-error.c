/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is wrong with a policy, as a list that a person can work through: file, line and column of each thing.
 *
 * The list owns its strings. It is bounded: what does not fit is counted and dropped, so that `n_errors`
 * still tells whether a file is good.
 */

#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "util/string.h"
#include "yaml/parse-error.h"

static void parse_error_deinit(ParseError *error) {
        free(error->file);
        free(error->field);
        free(error->message);
}

void parse_errors_deinit(ParseErrors *errors) {
        for (size_t i = 0; i < errors->n_items; i++)
                parse_error_deinit(&errors->items[i]);
        free(errors->items);
        *errors = (ParseErrors){};
}

static int parse_errors_append(ParseErrors *errors, const char *file, char *message, ParseError from) {
        ParseError *grown = reallocarray(errors->items, errors->n_items + 1, sizeof(ParseError));

        if (!grown)
                return -ENOMEM;
        errors->items = grown;
        from.file = strdup(file);
        if (!from.file)
                return -ENOMEM;
        from.message = message;
        errors->items[errors->n_items++] = from;
        return 0;
}

int parse_errors_add(ParseErrors *errors, ParseSeverity severity, const char *file, unsigned int line,
                     unsigned int column, const char *format, ...) {
        ParseError from = {.severity = severity, .line = line, .column = column};
        _cleanup_free_ char *message = NULL;
        va_list ap;
        int r;

        assert(errors && file && format);

        if (errors->n_items >= PARSE_ERRORS_MAX)
                errors->n_dropped++;
        else {
                va_start(ap, format);
                r = vasprintf(&message, format, ap);
                va_end(ap);
                if (r < 0) {
                        message = NULL;
                        return -ENOMEM;
                }
                r = parse_errors_append(errors, file, message, from);
                if (r < 0)
                        return r;
                message = NULL;
        }
        if (severity == PARSE_ERROR)
                errors->n_errors++;
        return 0;
}

int parse_errors_set_field(ParseErrors *errors, const char *field) {
        ParseError *last;

        assert(errors->n_items > 0);

        last = &errors->items[errors->n_items - 1];
        free(last->field);
        last->field = NULL;
        return string_escape_new(field, &last->field);
}

void parse_errors_sort(ParseErrors *errors, size_t first) {
        /* Few, mostly in order, and what stands at one place must keep its order. */
        for (size_t i = first + 1; i < errors->n_items; i++) {
                ParseError moved = errors->items[i];
                size_t at = i;

                for (; at > first; at--) {
                        const ParseError *before = &errors->items[at - 1];

                        if (before->line < moved.line ||
                            (before->line == moved.line && before->column <= moved.column))
                                break;
                        errors->items[at] = *before;
                }
                errors->items[at] = moved;
        }
}

int parse_error_format(const ParseError *error, char **ret) {
        const char *severity = error->severity == PARSE_ERROR ? "error" : "warning";
        const char *field = error->field ?: "", *colon = error->field ? ": " : "";
        _cleanup_free_ char *file = NULL;
        char *text;
        int r;

        r = string_escape_new(error->file, &file);
        if (r < 0)
                return r;
        if (error->line == 0)
                r = asprintf(&text, "%s: %s: %s%s%s", file, severity, field, colon, error->message);
        else if (error->column == 0)
                r = asprintf(&text, "%s:%u: %s: %s%s%s", file, error->line, severity, field, colon,
                             error->message);
        else
                r = asprintf(&text, "%s:%u:%u: %s: %s%s%s", file, error->line, error->column, severity, field,
                             colon, error->message);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

char *parse_errors_join(const ParseErrors *errors) {
        _cleanup_free_ char *text = strdup("");

        for (size_t i = 0; text && i < errors->n_items; i++) {
                _cleanup_free_ char *line = NULL, *joined = NULL;

                if (parse_error_format(&errors->items[i], &line) < 0 ||
                    asprintf(&joined, "%s%s%s", text, i > 0 ? "\n" : "", line) < 0)
                        return NULL;
                free(text);
                text = TAKE_PTR(joined);
        }
        return TAKE_PTR(text);
}
