/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Gives libFuzzer the inputs that are kept in the tree, behind the folders that it was called with. It writes
 * what it finds into the first of them, never into these.
 */

#include "config.h"

#include "fuzz/fuzz.h"
#include "util/cleanup.h"

#define ARGUMENTS_MAX 64

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        static char *arguments[ARGUMENTS_MAX + 1];
        char **corpora;
        int n = 0, n_corpora;

        n_corpora = fuzz_corpora((*argv)[0], &corpora);
        if (n_corpora < 0 || *argc + n_corpora > ARGUMENTS_MAX) {
                fputs("The inputs of this target were not found: call it by its path in the build\n", stderr);
                exit(EXIT_FAILURE);
        }
        for (int i = 0; i < *argc; i++)
                arguments[n++] = (*argv)[i];
        for (int i = 0; i < n_corpora; i++)
                arguments[n++] = corpora[i];
        *argc = n;
        *argv = arguments;
        return 0;
}
