/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Puts the inputs that are kept in the tree through a fuzz target, and each of them cut short: what once was
 * found stays found, also where there is no libFuzzer.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "util/fd.h"
#include "util/string.h"

#define INPUT_MAX (1024U * 1024U)
/* Cuts of one input; of a long one every so many bytes. */
#define CUTS_MAX 200

static int replay_file(const char *path) {
        _cleanup_free_ char *data = NULL;
        size_t size, step;
        int r;

        r = fd_read_file(AT_FDCWD, path, INPUT_MAX, &data, &size);
        if (r < 0)
                return r;
        step = size / CUTS_MAX + 1;
        for (size_t n = 0; n < size; n += step) {
                /* An allocation of its own, so that a read behind the end is seen. */
                _cleanup_free_ uint8_t *cut = malloc(n ?: 1);

                if (!cut)
                        return -ENOMEM;
                memcpy(cut, data, n);
                LLVMFuzzerTestOneInput(cut, n);
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        return 0;
}

static int replay_folder(const char *folder) {
        struct dirent **entries = NULL;
        int n, failures = 0;

        n = scandir(folder, &entries, NULL, alphasort);
        if (n < 0) {
                printf("FAIL: %s: %m\n", folder);
                return 1;
        }
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_free_ struct dirent *entry = entries[i];
                int r;

                if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
                        continue;
                /* In the log before it runs: it may not come back. */
                printf("%s%s\n", folder, entry->d_name);
                fflush(stdout);
                r = asprintf(&path, "%s%s", folder, entry->d_name) < 0 ? -ENOMEM : replay_file(path);
                if (r < 0) {
                        printf("FAIL: %s\n", strerror(-r));
                        failures++;
                }
        }
        free(entries);
        if (failures == 0)
                printf("PASS: %s\n", folder);
        return failures;
}

int main(_unused_ int argc, char *argv[]) {
        char **corpora;
        int n, failures = 0;

        n = fuzz_corpora(argv[0], &corpora);
        if (n < 0) {
                printf("FAIL: no inputs were found: %s\n", strerror(-n));
                return 1;
        }
        for (int i = 0; i < n; i++)
                failures += replay_folder(corpora[i]);
        return failures > 0;
}
