/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "yaml/parse-error.h"

/* What is wrong with files, on standard output: "FILE:LINE:COL: error: TEXT" a line. Return: an exit status.
 */
int complaints_print(const ParseErrors *errors);

/* The same as a list of objects; owned by the caller. NULL: no memory. */
json_t *complaints_json(const ParseErrors *errors);
