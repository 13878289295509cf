/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Scope-bound ownership. A variable that owns something carries `_cleanup_(fn)`; handing the thing over is
 * TAKE_PTR() or TAKE_FD(), which leaves the variable empty, so that exactly one owner frees.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(fn)  __attribute__((__cleanup__(fn)))
#define _printf_(a, b) __attribute__((__format__(printf, a, b)))
#define _unused_       __attribute__((__unused__))
#define _nonnull_all_  __attribute__((__nonnull__))

/* For a `type *name##_free(type *)` or void function: defines name##_freep() for use with _cleanup_(). */
#define DEFINE_CLEANUP(type, func)            \
        static inline void func##p(type *p) { \
                if (*p)                       \
                        func(*p);             \
        }                                     \
        struct func##p_swallow_semicolon

#define TAKE_PTR(ptr)                            \
        ({                                       \
                __typeof__(ptr) *_pptr = &(ptr); \
                __typeof__(ptr) _taken = *_pptr; \
                *_pptr = NULL;                   \
                _taken;                          \
        })

#define TAKE_FD(fd)                 \
        ({                          \
                int *_pfd = &(fd);  \
                int _taken = *_pfd; \
                *_pfd = -EBADF;     \
                _taken;             \
        })

static inline void freep(void *p) {
        free(*(void **)p);
}

static inline void fclosep(FILE **f) {
        if (*f)
                fclose(*f);
}

#define _cleanup_free_   _cleanup_(freep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)         ((a) < (b) ? (a) : (b))
#define MAX(a, b)         ((a) > (b) ? (a) : (b))

/* The errno of a library call that failed, or @fallback where the library left none. Always negative. */
static inline int negative_errno(int fallback) {
        return errno > 0 ? -errno : -fallback;
}
