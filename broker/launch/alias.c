/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The name under which liblxc knows a container.
 *
 * liblxc commands a container by a socket in the abstract namespace, which is named after it and which any
 * user of the host may have taken before: then it does not start. So each boot has a name that nobody could
 * know before its socket was there. It is noted in the container's folder, for those who run commands inside.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "launch/alias.h"
#include "util/fd.h"
#include "util/string.h"

int alias_choose(const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL, *alias = NULL;
        uint64_t secret;
        int r;

        if (getrandom(&secret, sizeof(secret), /* flags= */ 0) != sizeof(secret))
                return -EIO;
        if (asprintf(&path, "%s/alias", folder) < 0 || asprintf(&alias, "%s-%016" PRIx64, name, secret) < 0)
                return -ENOMEM;
        r = fd_write_file(AT_FDCWD, path, alias, strlen(alias), 0600);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(alias);
        return 0;
}

int alias_find(const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL, *alias = NULL;
        int r;

        if (asprintf(&path, "%s/alias", folder) < 0)
                return -ENOMEM;
        r = fd_read_file(AT_FDCWD, path, NAME_MAX, &alias, NULL);
        if (r == -ENOENT) /* launched by a davit that had none */
                alias = strdup(name);
        else if (r < 0)
                return r;
        if (!alias)
                return -ENOMEM;
        *ret = TAKE_PTR(alias);
        return 0;
}
