/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What davitctl prints. Everything from the daemon is escaped here once more: davitctl trusts what it shows
 * no further than a terminal can be trusted.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/output.h"
#include "util/string.h"

int output_finish(void) {
        if (fflush(stdout) != 0 || ferror(stdout)) {
                complain("The output could not be written: %s", strerror(errno));
                return EXIT_FAILED;
        }
        return EXIT_DONE;
}

int output_json(const json_t *json) {
        _cleanup_free_ char *text = NULL;

        if (!json) {
                complain_error(NULL, -ENOMEM);
                return EXIT_FAILED;
        }
        text = json_dumps(json, JSON_INDENT(2));
        if (!text) {
                complain_error(NULL, -ENOMEM);
                return EXIT_FAILED;
        }
        puts(text);
        return output_finish();
}

struct Table {
        char **cells;
        size_t n_cells, n_columns;
        bool failed;
};

int table_new(size_t n_columns, Table **ret) {
        Table *table = calloc(1, sizeof(*table));

        if (!table)
                return complain_error(NULL, -ENOMEM);
        table->n_columns = n_columns;
        *ret = table;
        return 0;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i]);
        free(table->cells);
        free(table);
        return NULL;
}

void table_add(Table *table, const char *cell) {
        char **grown, *copy;

        grown = reallocarray(table->cells, table->n_cells + 1, sizeof(char *));
        if (!grown) {
                table->failed = true;
                return;
        }
        table->cells = grown;
        if (string_escape_new(string_empty(cell) ? "-" : cell, &copy) < 0) {
                table->failed = true;
                return;
        }
        table->cells[table->n_cells++] = copy;
}

/* Columns on the screen, near enough: characters, not bytes. */
static size_t text_width(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char)*s & 0xc0) != 0x80;
        return n;
}

static bool want_colour(void) {
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && !streq(term, "dumb");
}

static size_t column_width(const Table *table, size_t column) {
        size_t width = 0;

        for (size_t i = column; i < table->n_cells; i += table->n_columns)
                width = MAX(width, text_width(table->cells[i]));
        return width;
}

int table_print(const Table *table) {
        _cleanup_free_ size_t *widths = calloc(table->n_columns, sizeof(size_t));
        bool colour = want_colour();

        if (table->failed || !widths) {
                complain_error(NULL, -ENOMEM);
                return EXIT_FAILED;
        }
        for (size_t i = 0; i < table->n_columns; i++)
                widths[i] = column_width(table, i);

        for (size_t i = 0; i < table->n_cells; i++) {
                size_t column = i % table->n_columns;
                bool last = column + 1 == table->n_columns;

                if (colour && i == 0)
                        fputs("\x1b[1m", stdout);
                fputs(table->cells[i], stdout);
                /* No blanks at the ends of lines. */
                if (!last)
                        printf("%*s", (int)(widths[column] - text_width(table->cells[i]) + 2), "");
                if (colour && i + 1 == table->n_columns)
                        fputs("\x1b[0m", stdout);
                if (last)
                        putchar('\n');
        }
        return output_finish();
}

void output_field(const char *key, const char *value) {
        _cleanup_free_ char *text = NULL;

        if (string_empty(value) || string_escape_new(value, &text) < 0)
                return;
        printf("%12s: %s\n", key, text);
}
