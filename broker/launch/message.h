/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/cleanup.h"

/* Leaves in *@message what is wrong and what the user can do, unless something is there already: the first
 * cause tells most. @message may be NULL; the text is owned by the caller. Return: @error. */
int message_set(char **message, int error, const char *format, ...) _printf_(3, 4);
