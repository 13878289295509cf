/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Strings: escaping what comes from devices and containers, globs, numbers.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/string.h"

/* Marks that are not seen themselves but change how what is around them is seen, above all in which order. */
static bool is_invisible(uint32_t c) {
        return c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
               (c >= 0xe0000 && c <= 0xe0fff);
}

/* Length of the UTF-8 sequence at @s that is valid and printable; 0 where there is none. */
static size_t utf8_printable(const unsigned char *s) {
        uint32_t c;
        size_t n;

        if (s[0] < 0x80)
                return s[0] >= 0x20 && s[0] != 0x7f;
        if (s[0] >= 0xc2 && s[0] <= 0xdf)
                n = 2, c = s[0] & 0x1f;
        else if ((s[0] & 0xf0) == 0xe0)
                n = 3, c = s[0] & 0x0f;
        else if (s[0] >= 0xf0 && s[0] <= 0xf4)
                n = 4, c = s[0] & 0x07;
        else
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        /* Overlong forms, surrogates, beyond Unicode, and the C1 controls. */
        if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || (c >= 0xd800 && c <= 0xdfff) ||
            c > 0x10ffff || c < 0xa0 || is_invisible(c))
                return 0;
        return n;
}

char *string_escape(char *buffer, size_t size, const char *s) {
        size_t at = 0;

        assert(size > 0);

        for (const unsigned char *p = (const unsigned char *)(s ?: ""); *p;) {
                size_t n = utf8_printable(p);

                if (at + (n ?: 4) >= size)
                        break;
                if (n > 0)
                        memcpy(buffer + at, p, n);
                else
                        snprintf(buffer + at, 5, "\\x%02x", *p);
                at += n ?: 4;
                p += n ?: 1;
        }
        buffer[at] = '\0';
        return buffer;
}

int string_escape_new(const char *s, char **ret) {
        size_t size = strlen(s) * 4 + 1;
        char *buffer = malloc(size);

        if (!buffer)
                return -ENOMEM;
        *ret = string_escape(buffer, size, s);
        return 0;
}

static bool component_plain(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("._-:+@", c));
}

int string_to_component(const char *s, char *buffer, size_t size) {
        size_t at = 0;

        if (!*s)
                return snprintf(buffer, size, "\\x") < (int)size ? 0 : -ENAMETOOLONG;

        for (const char *p = s; *p; p++) {
                bool plain = component_plain(*p) && !(p == s && *p == '.');

                if (at + (plain ? 1 : 4) >= size)
                        return -ENAMETOOLONG;
                if (plain)
                        buffer[at++] = *p;
                else
                        at += (size_t)snprintf(buffer + at, 5, "\\x%02x", (unsigned char)*p);
        }
        buffer[at] = '\0';
        return 0;
}

int string_from_component(const char *component, char *buffer, size_t size) {
        size_t at = 0;

        /* A leading dot is never written as it is: such a name is another's, or one of our own temporary
         * files. */
        if (!*component || *component == '.' || size == 0)
                return -EINVAL;
        if (streq(component, "\\x")) {
                buffer[0] = '\0';
                return 0;
        }
        for (const char *p = component; *p;) {
                char c = *p;

                if (at + 1 >= size)
                        return -ENAMETOOLONG;
                if (c == '\\') {
                        uint64_t byte;
                        char digits[3] = {p[1] == 'x' ? p[2] : '\0', p[1] == 'x' && p[2] ? p[3] : '\0', '\0'};

                        if (strlen(digits) != 2 || string_to_u64(digits, 16, 255, &byte) < 0 || byte == 0)
                                return -EINVAL;
                        c = (char)byte;
                        /* One string has one form: two names in a folder must never read as the same thing.
                         */
                        if (strpbrk(digits, "ABCDEF") ||
                            (component_plain(c) && !(p == component && c == '.')))
                                return -EINVAL;
                        p += 4;
                } else if (component_plain(c))
                        p++;
                else
                        return -EINVAL;
                buffer[at++] = c;
        }
        buffer[at] = '\0';
        return 0;
}

int string_to_u64(const char *s, int base, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                int digit;

                if (*s >= '0' && *s <= '9')
                        digit = *s - '0';
                else if ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
                        digit = (*s | 0x20) - 'a' + 10;
                else
                        return -EINVAL;
                if (digit >= base)
                        return -EINVAL;
                if (value > (UINT64_MAX - (uint64_t)digit) / (uint64_t)base)
                        return -ERANGE;
                value = value * (uint64_t)base + (uint64_t)digit;
        }
        if (value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

/*
 * Whether one byte matches the element at *@pattern, which is not `*`; moves *@pattern behind the element.
 * A `]` right behind the opening counts as a member, as in sh.
 */
static bool match_one(const char **pattern, char c) {
        const char *p = *pattern;
        bool negated, found = false;

        switch (*p) {
        case '?':
                *pattern = p + 1;
                return c != '\0';
        case '\\':
                *pattern = p + 2;
                return c != '\0' && p[1] == c;
        case '[':
                p++;
                negated = *p == '!' || *p == '^';
                p += negated;
                do {
                        char low = *p == '\\' ? *++p : *p, high = low;

                        if (!low)
                                return false;
                        p++;
                        if (p[0] == '-' && p[1] && p[1] != ']') {
                                high = p[1] == '\\' ? (p++, p[1]) : p[1];
                                if (!high)
                                        return false;
                                p += 2;
                        }
                        if ((unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high)
                                found = true;
                } while (*p && *p != ']');
                *pattern = *p ? p + 1 : p;
                return c != '\0' && found != negated;
        default:
                *pattern = p + 1;
                return *p == c;
        }
}

bool string_match(const char *pattern, const char *s) {
        const char *star = NULL, *resume = NULL;

        while (*s) {
                const char *p = pattern;

                if (*p == '*') {
                        star = ++pattern;
                        resume = s;
                        continue;
                }
                if (*p && match_one(&p, *s)) {
                        pattern = p;
                        s++;
                        continue;
                }
                if (!star)
                        return false;
                /* Only the last `*` need ever take more: the earlier ones have found their place. */
                pattern = star;
                s = ++resume;
        }
        while (*pattern == '*')
                pattern++;
        return !*pattern;
}

int string_match_check(const char *pattern, size_t *ret_offset) {
        for (const char *p = pattern; *p; p++) {
                const char *start = p;

                if (*p == '\\') {
                        if (!*++p)
                                goto bad;
                } else if (*p == '[') {
                        p++;
                        if (*p == '!' || *p == '^')
                                p++;
                        do {
                                if (*p == '\\')
                                        p++;
                                if (!*p)
                                        goto bad;
                                p++;
                        } while (*p && *p != ']');
                        if (!*p)
                                goto bad;
                }
                continue;
        bad:
                if (ret_offset)
                        *ret_offset = (size_t)(start - pattern);
                return -EINVAL;
        }
        return 0;
}

int string_to_hex(const void *data, size_t size, char **ret) {
        static const char digits[] = "0123456789abcdef";
        const unsigned char *bytes = data;
        char *hex = malloc(size * 2 + 1);

        if (!hex)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                hex[i * 2] = digits[bytes[i] >> 4];
                hex[i * 2 + 1] = digits[bytes[i] & 0xf];
        }
        hex[size * 2] = '\0';
        *ret = hex;
        return 0;
}

int string_from_hex(const char *hex, void **ret, size_t *ret_size) {
        _cleanup_free_ unsigned char *bytes = NULL;
        size_t n = strlen(hex);

        if (n == 0 || n % 2 > 0 || strspn(hex, "0123456789abcdef") != n)
                return -EINVAL;
        bytes = malloc(n / 2);
        if (!bytes)
                return -ENOMEM;
        for (size_t i = 0; i < n / 2; i++) {
                const char pair[] = {hex[i * 2], hex[i * 2 + 1], '\0'};

                bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
        }
        *ret = TAKE_PTR(bytes);
        *ret_size = n / 2;
        return 0;
}

bool string_is_literal(const char *pattern) {
        return !strpbrk(pattern, "*?[\\");
}

bool string_is_name(const char *s) {
        size_t n = strlen(s);

        if (n < 1 || n > 63 || strchr("._-", s[0]))
                return false;
        for (; *s; s++)
                if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
                      strchr("._-", *s)))
                        return false;
        return true;
}

int string_table_find(const char *const *table, size_t n, const char *s) {
        for (size_t i = 0; s && i < n; i++)
                if (table[i] && streq(table[i], s))
                        return (int)i;
        return -EINVAL;
}
