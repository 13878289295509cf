/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Printing what a parser complains of. A path is any bytes, a terminal must get none that it takes for a
 * command, and JSON is UTF-8.
 */

#include "config.h"

#include <stdio.h>

#include "ctl/complaints.h"
#include "ctl/output.h"
#include "util/string.h"

int complaints_print(const ParseErrors *errors) {
        for (size_t i = 0; i < errors->n_items; i++) {
                _cleanup_free_ char *line = NULL, *text = NULL;

                if (parse_error_format(&errors->items[i], &line) < 0 || string_escape_new(line, &text) < 0)
                        return -ENOMEM;
                puts(text);
        }
        if (errors->n_dropped > 0)
                printf("(%zu more are not shown)\n", errors->n_dropped);
        return output_finish();
}

static json_t *escaped(const char *s) {
        _cleanup_free_ char *text = NULL;

        return string_escape_new(s ?: "", &text) < 0 ? NULL : json_string(text);
}

json_t *complaints_json(const ParseErrors *errors) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < errors->n_items; i++) {
                const ParseError *error = &errors->items[i];
                json_t *one = json_pack("{s:s, s:o, s:i, s:i, s:s*, s:o}", "severity",
                                        error->severity == PARSE_ERROR ? "error" : "warning", "file",
                                        escaped(error->file), "line", (int)error->line, "column",
                                        (int)error->column, "field", error->field, "message",
                                        escaped(error->message));

                if (json_array_append_new(list, one) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}
