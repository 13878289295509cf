/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/ctl.h"
#include "ctl/value.h"

/* Prints a JSON document and a newline. Return: an exit status. */
int output_json(const json_t *json);

/*
 * A table: the first row is the header. Cells are copied and escaped, an empty one shows as "-".
 */
typedef struct Table Table;

int table_new(size_t n_columns, Table **ret);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free);

/* Adds one cell; rows fill from the left. NULL reads as "". A failed allocation is kept for table_print(). */
void table_add(Table *table, const char *cell);
/* Prints it with aligned columns. Return: an exit status. */
int table_print(const Table *table);

/* "  KEY: VALUE" with the key padded to a fixed width; escaped; nothing for an empty value. */
void output_field(const char *key, const char *value);

/* Flushes standard output. Return: an exit status: what nobody could read was not done. */
int output_finish(void);
