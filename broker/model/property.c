/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Property lists. Some thirty entries at most, looked up a handful of times in their life: a linear scan over
 * one cache-warm block beats any table that would have to be built first.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "model/property.h"

void property_list_deinit(PropertyList *list) {
        free(list->data);
        *list = (PropertyList){};
}

static int property_list_reserve(PropertyList *list, size_t more) {
        size_t want = list->size + more;
        char *data;

        if (want > PROPERTY_LIST_SIZE_MAX)
                return -E2BIG;
        if (want <= list->allocated)
                return 0;
        /* Room for a few more entries: a merge adds one after the other. */
        want = MIN(want + 256, PROPERTY_LIST_SIZE_MAX);
        data = realloc(list->data, want);
        if (!data)
                return -ENOMEM;
        list->data = data;
        list->allocated = want;
        return 0;
}

const char *property_list_next(const PropertyList *list, const char *entry) {
        const char *next = entry ? entry + strlen(entry) + 1 : list->data;

        return next && next < list->data + list->size ? next : NULL;
}

const char *property_list_get(const PropertyList *list, const char *key) {
        const char *end = list->data ? list->data + list->size : NULL;
        size_t n = strlen(key);

        /* An event is looked into a dozen times on its way: no call for an entry that starts with another
         * letter. */
        for (const char *entry = list->data; entry < end; entry += strlen(entry) + 1)
                if (entry[0] == key[0] && strncmp(entry, key, n) == 0 && entry[n] == '=')
                        return entry + n + 1;
        return NULL;
}

void property_list_unset(PropertyList *list, const char *key) {
        const char *value;

        while ((value = property_list_get(list, key))) {
                char *start = list->data + (value - list->data) - strlen(key) - 1;
                char *end = start + strlen(start) + 1;

                memmove(start, end, (size_t)(list->data + list->size - end));
                list->size -= (size_t)(end - start);
        }
}

bool property_list_equal(const PropertyList *a, const PropertyList *b) {
        return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

int property_list_set(PropertyList *list, const char *key, const char *value) {
        size_t n_key = strlen(key), n_value = strlen(value);
        int r;

        if (n_key == 0 || strchr(key, '='))
                return -EINVAL;

        r = property_list_reserve(list, n_key + 1 + n_value + 1);
        if (r < 0)
                return r;

        property_list_unset(list, key);
        memcpy(list->data + list->size, key, n_key);
        list->data[list->size + n_key] = '=';
        memcpy(list->data + list->size + n_key + 1, value, n_value + 1);
        list->size += n_key + 1 + n_value + 1;
        return 0;
}

int property_list_append(PropertyList *list, const char *data, size_t size) {
        int r;

        if (size == 0)
                return 0;
        if (data[size - 1] != '\0')
                return -EBADMSG;
        for (const char *p = data; p < data + size; p += strlen(p) + 1) {
                const char *equals = strchr(p, '=');

                if (!equals || equals == p)
                        return -EBADMSG;
        }

        r = property_list_reserve(list, size);
        if (r < 0)
                return r;
        memcpy(list->data + list->size, data, size);
        list->size += size;
        return 0;
}

int property_list_copy(PropertyList *list, const PropertyList *from) {
        PropertyList copy = {};
        int r;

        assert(list != from);

        if (from->size > 0) {
                r = property_list_reserve(&copy, from->size);
                if (r < 0)
                        return r;
                memcpy(copy.data, from->data, from->size);
                copy.size = from->size;
        }
        property_list_deinit(list);
        *list = copy;
        return 0;
}
