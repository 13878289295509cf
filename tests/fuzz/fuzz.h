/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * A fuzz target, tests/ROOM/fuzz-NOUN.c, is one function that takes any bytes. `make fuzz` links it with
 * libFuzzer; everywhere else it is linked with replay.c, which makes a test of it. The inputs kept in the
 * tree are the files in all folders beside it.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/**
 * fuzz_corpora() - the folders of inputs of a target
 * @program:    as it was called: its last folder but one is the room
 * @ret:        paths, NULL-terminated, for the life of the program
 *
 * Return: how many; -ENOENT none; -ENOMEM.
 */
int fuzz_corpora(const char *program, char ***ret);

/* Holds in every build: assert() could be compiled out. */
#define FUZZ_ASSERT(condition)    \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)
