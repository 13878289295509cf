/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

/*
 * An ordered list of KEY=VALUE strings in one allocation, each ended by a NUL: the form in which the kernel
 * and udev send them, so taking an event over is one copy. Zeroed is empty.
 */
typedef struct PropertyList {
        char *data;
        size_t size; /* bytes in use, the last NUL included */
        size_t allocated;
} PropertyList;

/* Bounds: the kernel's own UEVENT_BUFFER_SIZE is 2 KiB; udev's database entries reach some 8 KiB. */
#define PROPERTY_LIST_SIZE_MAX (64U * 1024U)

void property_list_deinit(PropertyList *list);

/**
 * property_list_set() - set or replace one property
 * @value:      not borrowed from @list itself
 *
 * Return: 0; -EINVAL when @key is empty or has a `=`; -E2BIG above PROPERTY_LIST_SIZE_MAX; -ENOMEM.
 */
int property_list_set(PropertyList *list, const char *key, const char *value);

/* Appends all of @data, @size bytes of KEY=VALUE strings, without looking for doubles: the last of two wins
 * in nothing, the first is found. Return: 0; -EBADMSG an entry without `=` or without its NUL; -E2BIG;
 * -ENOMEM. */
int property_list_append(PropertyList *list, const char *data, size_t size);

/* Replaces @list by a copy of @from. Return: 0 or -ENOMEM; @list is untouched on failure. */
int property_list_copy(PropertyList *list, const PropertyList *from);

/* Takes a property out, with its doubles. */
void property_list_unset(PropertyList *list, const char *key);

/* Whether both say the same in the same order. */
bool property_list_equal(const PropertyList *a, const PropertyList *b);

/* The value, borrowed until the list changes; NULL where there is no such key. */
const char *property_list_get(const PropertyList *list, const char *key);

/* The next entry as "KEY=VALUE" behind @entry, the first for NULL; NULL at the end. */
const char *property_list_next(const PropertyList *list, const char *entry);

#define property_list_foreach(entry, list)                                \
        for (const char *entry = property_list_next((list), NULL); entry; \
             entry = property_list_next((list), entry))
