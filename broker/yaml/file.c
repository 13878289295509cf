/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of people's, before their text is looked at. */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "util/fd.h"
#include "yaml/file.h"

#define MIB ((size_t)1024 * 1024)

static int complain(const char *path, int error, size_t max, ParseErrors *errors) {
        int r;

        if (error == -ENOENT || error == -ENOMEM)
                return error;
        if (error == -EFBIG)
                r = parse_errors_add(errors, PARSE_ERROR, path, 0, 0, "larger than %zu MiB", max / MIB);
        else
                r = parse_errors_add(errors, PARSE_ERROR, path, 0, 0, "cannot be read: %s", strerror(-error));
        return r < 0 ? r : 1;
}

int yaml_file_read(const char *path, size_t max, char **ret, size_t *ret_size, ParseErrors *errors) {
        struct stat st;
        int r;

        assert(path && max >= MIB && ret && ret_size && errors);

        if (stat(path, &st) < 0)
                return complain(path, -errno, max, errors);
        if (!S_ISREG(st.st_mode)) {
                r = parse_errors_add(errors, PARSE_ERROR, path, 0, 0, "not a regular file");
                return r < 0 ? r : 1;
        }
        r = fd_read_file(AT_FDCWD, path, max, ret, ret_size);
        return r < 0 ? complain(path, r, max, errors) : 0;
}
