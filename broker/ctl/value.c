/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * D-Bus values as JSON. Everything that davitctl shows goes through this form once: --json prints it, the
 * tables are made from it. D-Bus has seen to valid UTF-8 and to a bounded depth (64 levels) before a message
 * gets here.
 */

#include "config.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "ctl/value.h"
#include "util/string.h"

static int read_number(sd_bus_message *m, char type, json_t **ret) {
        union {
                uint8_t y;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                int b;
        } v;
        int r = sd_bus_message_read_basic(m, type, &v);

        if (r < 0)
                return r;
        switch (type) {
        case 'b':
                *ret = json_boolean(v.b);
                break;
        case 'y':
                *ret = json_integer(v.y);
                break;
        case 'n':
                *ret = json_integer(v.n);
                break;
        case 'q':
                *ret = json_integer(v.q);
                break;
        case 'i':
                *ret = json_integer(v.i);
                break;
        case 'u':
                *ret = json_integer(v.u);
                break;
        case 'x':
                *ret = json_integer(v.x);
                break;
        case 't':
                *ret = json_integer(v.t > INT64_MAX ? INT64_MAX : (json_int_t)v.t);
                break;
        default:
                return -EOPNOTSUPP;
        }
        return *ret ? 1 : -ENOMEM;
}

static int read_string(sd_bus_message *m, char type, json_t **ret) {
        const char *s;
        int r = sd_bus_message_read_basic(m, type, &s);

        if (r < 0)
                return r;
        *ret = json_string(s);
        return *ret ? 1 : -ENOMEM;
}

/* The values up to the end of what was entered. */
static int read_items(sd_bus_message *m, json_t **ret) {
        _cleanup_json_ json_t *array = json_array();
        json_t *item;
        int r;

        if (!array)
                return -ENOMEM;
        while ((r = value_read(m, &item)) > 0)
                if (json_array_append_new(array, item) < 0)
                        return -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 1;
}

typedef void (*KeyWriter)(const char *key, char *buffer, size_t size);

static void key_as_is(const char *key, char *buffer, size_t size) {
        snprintf(buffer, size, "%s", key);
}

/* @contents: of each entry, "sv". */
static int read_entries(sd_bus_message *m, const char *contents, KeyWriter writer, json_t **ret) {
        _cleanup_json_ json_t *object = json_object();
        int r;

        if (!object)
                return -ENOMEM;
        while ((r = sd_bus_message_enter_container(m, 'e', contents)) > 0) {
                char name[2048];
                const char *key;
                json_t *item;

                r = sd_bus_message_read_basic(m, 's', &key);
                if (r < 0)
                        return r;
                r = value_read(m, &item);
                if (r <= 0)
                        return r < 0 ? r : -EBADMSG;
                writer(key, name, sizeof(name));
                if (json_object_set_new(object, name, item) < 0)
                        return -ENOMEM;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 1;
}

/* What is between the braces of "{sv}". */
static int read_dictionary(sd_bus_message *m, const char *contents, json_t **ret) {
        _cleanup_free_ char *entry = strndup(contents + 1, strlen(contents) - 2);

        return entry ? read_entries(m, entry, key_as_is, ret) : -ENOMEM;
}

static int read_container(sd_bus_message *m, char type, const char *contents, json_t **ret) {
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        if (type == 'v')
                r = value_read(m, &value);
        else if (type == 'a' && startswith(contents, "{s"))
                r = read_dictionary(m, contents, &value);
        else
                r = read_items(m, &value);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 1;
}

int value_read(sd_bus_message *m, json_t **ret) {
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                return read_string(m, type, ret);
        case 'a':
        case 'r':
        case 'v':
                return read_container(m, type, contents, ret);
        default:
                return read_number(m, type, ret);
        }
}

void value_key(const char *property, char *buffer, size_t size) {
        size_t at = 0;

        for (const char *p = property; *p && at + 2 < size; p++) {
                if (isupper((unsigned char)*p) && p > property)
                        buffer[at++] = '_';
                buffer[at++] = (char)tolower((unsigned char)*p);
        }
        buffer[at] = '\0';
}

int value_read_properties(sd_bus_message *m, json_t **ret) {
        _cleanup_json_ json_t *object = NULL;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r <= 0)
                return r;
        r = read_entries(m, "sv", value_key, &object);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 1;
}

int value_name_fields(json_t *array, const char *const *names) {
        size_t i;
        json_t *item;

        json_array_foreach(array, i, item) {
                _cleanup_json_ json_t *object = json_object();

                if (!object)
                        return -ENOMEM;
                for (size_t n = 0; names[n]; n++) {
                        json_t *field = json_array_get(item, n);

                        if (!field)
                                return -EINVAL;
                        if (json_object_set(object, names[n], field) < 0)
                                return -ENOMEM;
                }
                if (json_array_set(array, i, object) < 0)
                        return -ENOMEM;
        }
        return 0;
}

const char *value_string(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key)) ?: "";
}
