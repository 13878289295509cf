/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Equal, where NULL equals NULL alone. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

/* The rest of @s behind @prefix, or NULL where @s does not start with it. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static inline bool string_empty(const char *s) {
        return !s || !*s;
}

/**
 * string_escape() - make a foreign string safe to print
 * @buffer:     result, always NUL-terminated, cut where it is too small
 * @size:       of @buffer, at least 1
 * @s:          any bytes; NULL reads as ""
 *
 * Valid UTF-8 stays, but for control characters (C0, DEL, C1); those and stray bytes become \xNN.
 *
 * Return: @buffer.
 */
char *string_escape(char *buffer, size_t size, const char *s);

/* Like string_escape(), with room for all of it; owned by the caller. Return: 0 or -ENOMEM. */
int string_escape_new(const char *s, char **ret);

/**
 * string_to_component() - write a foreign string as one harmless path component
 *
 * Letters, digits, and any of `._-:+@` stay; every other byte, and a leading dot, becomes \xNN, so the result
 * is never empty, "." or "..", holds no slash, and different strings stay different ("" becomes "\x").
 *
 * Return: 0; -ENAMETOOLONG where the result and its NUL do not fit in @size.
 */
int string_to_component(const char *s, char *buffer, size_t size);

/* The inverse of string_to_component(). Return: 0; -EINVAL not of that form; -ENAMETOOLONG. */
int string_from_component(const char *component, char *buffer, size_t size);

/* Decimal (base 10), hexadecimal without prefix (16) or octal (8), all of @s, no sign, no blanks.
 * Return: 0; -EINVAL not a number; -ERANGE above @max. */
int string_to_u64(const char *s, int base, uint64_t max, uint64_t *ret);

/* The bytes as pairs of lower-case hexadecimal digits; owned by the caller. Return: 0 or -ENOMEM. */
int string_to_hex(const void *data, size_t size, char **ret);

/* The inverse of string_to_hex(); one byte or more, owned by the caller. Return: 0; -EINVAL not of that form;
 * -ENOMEM. */
int string_from_hex(const char *hex, void **ret, size_t *ret_size);

/**
 * string_match() - shell glob over a whole string
 * @pattern:    `*` any run, `?` one byte, `[a-z]` and `[!a-z]` classes, `\` takes the next byte as it is
 * @s:          string to match
 *
 * A slash is a byte like any other. Linear in @s for each `*`, never exponential.
 */
bool string_match(const char *pattern, const char *s);

/* Whether @pattern is a glob that string_match() takes. *ret_offset is where it goes wrong; may be NULL.
 * Return: 0; -EINVAL unclosed or empty class, trailing backslash. */
int string_match_check(const char *pattern, size_t *ret_offset);

/* Whether @pattern has no special byte, and so matches itself alone. */
bool string_is_literal(const char *pattern);

/* A container, rule-file or bus-object name: 1 to 63 of [A-Za-z0-9._-], starting with a letter or digit. */
bool string_is_name(const char *s);

/* Where @s is in the names of an enum, of which some may be NULL. Return: the index; -EINVAL nowhere, or @s
 * is NULL. */
int string_table_find(const char *const *table, size_t n, const char *s);
