/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Taking the layers of a root off. Apart from how they are made, as davitd does this too, after a keeper was
 * killed, and needs no library for it.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "launch/kept.h"
#include "launch/root-layers.h"

/* davitd gives its clean-up no more than ten seconds at a time. */
#define REMOVE_MS 4000

static int take_off(const char *folder, const char *name) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) >= 0)
                ;
        if (errno != EINVAL && errno != ENOENT)
                return -errno;
        return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

int root_layers_destroy(const char *folder) {
        static const char *const names[] = {"layers/upper", "layers/base", "layers/image", "layers"};
        int ret = 0, r;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                r = take_off(folder, names[i]);
                if (r < 0 && ret == 0)
                        ret = r;
        }
        r = kept_clean(folder, REMOVE_MS);
        return ret < 0 ? ret : r;
}
