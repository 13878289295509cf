/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An allocator of the program's own, in front of the C library's, of which any single allocation can be made
 * to fail. To be included by the one .c of a test; a sanitizer brings its own allocator, so there
 * OWN_ALLOCATOR is 0.
 *
 * Arm it, with the number of the allocation to fail; disarm it, and look at `failed` and `n_live`.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
        __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer) || !defined(__GLIBC__)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
#endif

#if OWN_ALLOCATOR

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static bool armed;
static size_t until_failure; /* 0: none fails */
static bool failed;
static ptrdiff_t n_live;

static bool fails(void) {
        if (!armed || until_failure == 0 || --until_failure > 0)
                return false;
        failed = true;
        errno = ENOMEM;
        return true;
}

static void *counted(void *p) {
        n_live += armed && p;
        return p;
}

void *malloc(size_t size) {
        return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size) {
        return fails() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size) {
        void *q;

        if (fails())
                return NULL;
        q = __libc_realloc(p, size);
        n_live += armed && q && !p;
        return q;
}

void free(void *p) {
        n_live -= armed && p;
        __libc_free(p);
}

#endif
