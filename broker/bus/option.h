/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

/*
 * The a{sv} at the end of a method's arguments.
 *
 * @type is the D-Bus type of the value and says what is at @offset of the target:
 *   's'  const char *, borrowed from the message; at most OPTION_STRING_MAX bytes
 *   'a'  (of strings) char **, NULL-terminated, owned by the target: string_array_free(); at most
 * OPTION_ARRAY_MAX 'h'  int, borrowed from the message 'u'  uint32_t
 */
typedef struct Option {
        const char *name;
        char type;
        size_t offset;
} Option;

#define OPTION_STRING_MAX      4095U
#define OPTION_ARRAY_MAX       1024U
#define OPTION_ARRAY_BYTES_MAX (128U * 1024U)

/**
 * options_read() - read the options of a call into a structure
 * @table:      what is known; NULL where @n_table is 0
 * @target:     untouched where an option is not given; may be half filled on failure
 *
 * Return: 0; negative errno with @error set: an unknown option, one given twice, a wrong type, a bound.
 */
int options_read(sd_bus_message *request, const Option *table, size_t n_table, void *target,
                 sd_bus_error *error);

static inline int options_read_none(sd_bus_message *request, sd_bus_error *error) {
        return options_read(request, NULL, 0, NULL, error);
}

void string_array_free(char **array);
static inline void string_array_freep(char ***array) {
        string_array_free(*array);
}
