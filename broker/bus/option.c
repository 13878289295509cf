/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Options of method calls. An option that we do not know is an error, never passed over: a client which asks
 * for something must learn that it does not get it.
 */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "bus/error.h"
#include "bus/option.h"
#include "util/cleanup.h"
#include "util/string.h"

/* As many as any method knows, many times over: enough for the duplicate check to be one word of bits. */
#define TABLE_MAX 32U

void string_array_free(char **array) {
        for (char **s = array; s && *s; s++)
                free(*s);
        free(array);
}

static const char *option_signature(const Option *option) {
        switch (option->type) {
        case 's':
                return "s";
        case 'a':
                return "as";
        case 'h':
                return "h";
        default:
                return "u";
        }
}

static int read_array(sd_bus_message *request, const Option *option, char ***ret, sd_bus_error *error) {
        _cleanup_(string_array_freep) char **array = NULL;
        size_t n = 0, bytes = 0;
        const char *s;
        int r;

        array = calloc(OPTION_ARRAY_MAX + 1, sizeof(char *));
        if (!array)
                return -ENOMEM;
        r = sd_bus_message_enter_container(request, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(request, 's', &s)) > 0) {
                bytes += strlen(s) + 1;
                if (n >= OPTION_ARRAY_MAX || bytes > OPTION_ARRAY_BYTES_MAX)
                        return error_invalid(error, "Option '%s' is too long", option->name);
                array[n] = strdup(s);
                if (!array[n])
                        return -ENOMEM;
                n++;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return sd_bus_message_exit_container(request);
}

static int read_value(sd_bus_message *request, const Option *option, void *target, sd_bus_error *error) {
        void *at = (char *)target + option->offset;
        const char **string = at;
        int r;

        switch (option->type) {
        case 'a':
                return read_array(request, option, at, error);
        case 's':
                r = sd_bus_message_read_basic(request, 's', string);
                if (r >= 0 && strlen(*string) > OPTION_STRING_MAX)
                        return error_invalid(error, "Option '%s' is too long", option->name);
                return r;
        default:
                return sd_bus_message_read_basic(request, option->type, at);
        }
}

static int read_option(sd_bus_message *request, const Option *table, size_t n_table, void *target,
                       uint32_t *seen, sd_bus_error *error) {
        const char *name, *signature;
        size_t i;
        char type;
        int r;

        r = sd_bus_message_read_basic(request, 's', &name);
        if (r < 0)
                return r;
        for (i = 0; i < n_table && !streq(table[i].name, name); i++)
                ;
        if (i == n_table)
                return error_invalid(error, "Unknown option '%.64s'", name);
        if (*seen & (1U << i))
                return error_invalid(error, "Option '%s' is given twice", name);
        *seen |= 1U << i;

        r = sd_bus_message_peek_type(request, &type, &signature);
        if (r < 0)
                return r;
        if (type != 'v' || !streq(signature, option_signature(&table[i])))
                return error_invalid(error, "Option '%s' is not of type '%s'", name,
                                     option_signature(&table[i]));
        r = sd_bus_message_enter_container(request, 'v', signature);
        if (r < 0)
                return r;
        r = read_value(request, &table[i], target, error);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(request);
}

int options_read(sd_bus_message *request, const Option *table, size_t n_table, void *target,
                 sd_bus_error *error) {
        uint32_t seen = 0;
        int r;

        if (n_table > TABLE_MAX)
                return -E2BIG;
        r = sd_bus_message_enter_container(request, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(request, 'e', "sv")) > 0) {
                r = read_option(request, table, n_table, target, &seen, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(request);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(request);
}
