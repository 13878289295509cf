/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Names of CDI devices, as the reference library checks them (container-device-interface, pkg/parser): by
 * their characters alone.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/cdi-name.h"
#include "util/string.h"

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alphanumeric(char c) {
        return is_letter(c) || (c >= '0' && c <= '9');
}

static const char *check(const char *name, size_t n, const char *punctuation) {
        for (size_t i = 0; i < n; i++)
                if (!name[i] || (!is_alphanumeric(name[i]) && !strchr(punctuation, name[i])))
                        return "has a character that is none of its kind";
        return is_alphanumeric(name[n - 1]) ? NULL : "does not end with a letter or digit";
}

const char *cdi_vendor_check(const char *name, size_t n) {
        if (n == 0)
                return "is empty";
        return is_letter(name[0]) ? check(name, n, "._-") : "does not start with a letter";
}

const char *cdi_device_check(const char *name, size_t n) {
        if (n == 0)
                return "is empty";
        return is_alphanumeric(name[0]) ? check(name, n, "._-:") : "does not start with a letter or digit";
}

bool cdi_name_is_valid(const char *name, size_t *ret_kind) {
        const char *slash, *equals;

        assert(name);

        equals = strchr(name, '=');
        slash = equals ? memchr(name, '/', (size_t)(equals - name)) : NULL;
        if (!slash || cdi_vendor_check(name, (size_t)(slash - name)) ||
            cdi_vendor_check(slash + 1, (size_t)(equals - slash - 1)) ||
            cdi_device_check(equals + 1, strlen(equals + 1)))
                return false;
        if (ret_kind)
                *ret_kind = (size_t)(equals - name);
        return true;
}

int cdi_name_to_id(const char *name, char *buffer, size_t size) {
        size_t kind;
        int n;

        if (!cdi_name_is_valid(name, &kind))
                return -EINVAL;
        n = snprintf(buffer, size, CDI_DEVICE_PREFIX "%s", name);
        if (n < 0 || (size_t)n >= size)
                return -ENAMETOOLONG;
        buffer += strlen(CDI_DEVICE_PREFIX);
        *strchr(buffer, '/') = ':';
        buffer[kind] = ':';
        return 0;
}

void cdi_name_from_component(char *text) {
        char *first, *second;

        assert(text);

        first = strchr(text, ':');
        second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
                return;
        *first = '/';
        *second = '=';
}
