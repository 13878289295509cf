/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A launch by a container file: what was asked for by hand goes before what the file says, and both are one
 * request in the end.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launch/launch-file.h"
#include "util/string.h"

void launch_file_deinit(LaunchFile *launch) {
        container_file_deinit(&launch->file);
        for (char **label = launch->labels; label && *label; label++)
                free(*label);
        free(launch->labels);
        *launch = (LaunchFile){};
}

/* The labels of the file, and over them those of the request. */
static int merge_labels(LaunchFile *launch, LaunchRequest *request) {
        PropertyList *all = &launch->file.labels;
        size_t n = 0;
        int r = 0;

        for (char *const *label = request->labels; label && *label && r >= 0; label++) {
                const char *equals = strchr(*label, '=');
                _cleanup_free_ char *key = strndup(*label, equals ? (size_t)(equals - *label) : 0);

                r = key ? property_list_set(all, key, equals ? equals + 1 : "") : -ENOMEM;
        }
        if (r < 0)
                return r;
        property_list_foreach(entry, all)
                n++;
        launch->labels = calloc(n + 1, sizeof(char *));
        if (!launch->labels)
                return -ENOMEM;
        n = 0;
        property_list_foreach(entry, all) {
                launch->labels[n] = strdup(entry);
                if (!launch->labels[n++])
                        return -ENOMEM;
        }
        request->labels = launch->labels;
        return 0;
}

static void merge_root(LaunchFile *launch, LaunchRequest *request) {
        ContainerRoot *root = &launch->file.root;

        /* Written in place: like one that was given by hand. */
        if (!request->rootfs && root->kind == CONTAINER_ROOT_FOLDER && !root->overlay)
                request->rootfs = root->path;
        if (request->rootfs)
                root->kind = CONTAINER_ROOT_SMALL;
}

int launch_file_apply(const char *container_dir, LaunchRequest *request, LaunchFile *ret,
                      ParseErrors *errors) {
        _cleanup_free_ char *path = NULL;
        int r;

        *ret = (LaunchFile){};
        r = container_file_path(container_dir, request->name, &path);
        if (r >= 0)
                r = container_file_load(path, &ret->file, errors);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = merge_labels(ret, request);
        if (r != 0)
                return r;
        merge_root(ret, request);
        if (!request->command)
                request->command = ret->file.init;
        request->file = &ret->file;
        return 0;
}
