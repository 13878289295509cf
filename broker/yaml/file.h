/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "yaml/parse-error.h"

/*
 * Reads the file at @path, links followed, of at most @max bytes, to @ret, NUL-terminated and owned by the
 * caller. What is no regular file is not opened: a fifo would wait for a writer.
 *
 * Return: 0; 1 what is wrong with it was recorded in @errors; -ENOENT there is none, of which nothing is
 * recorded; -ENOMEM.
 */
int yaml_file_read(const char *path, size_t max, char **ret, size_t *ret_size, ParseErrors *errors);
