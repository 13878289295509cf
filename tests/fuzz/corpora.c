/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where the inputs of a fuzz target are.
 */

#include "config.h"

#include <glob.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "util/cleanup.h"

int fuzz_corpora(const char *program, char ***ret) {
        static glob_t found;
        _cleanup_free_ char *folder = NULL, *pattern = NULL;
        char *slash;
        int r;

        folder = strdup(program);
        if (!folder)
                return -ENOMEM;
        slash = strrchr(folder, '/');
        if (!slash)
                return -ENOENT;
        *slash = '\0';
        slash = strrchr(folder, '/');
        if (asprintf(&pattern, TEST_DATA_DIR "/%s/*/", slash ? slash + 1 : folder) < 0)
                return -ENOMEM;

        r = glob(pattern, 0, NULL, &found);
        if (r != 0)
                return r == GLOB_NOMATCH ? -ENOENT : -ENOMEM;
        *ret = found.gl_pathv;
        return (int)found.gl_pathc;
}
