/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Container files as davitd sees them, and what a keeper tells of its way up.
 *
 * The keeper reads the file and obeys it. It is read here too, so that a launch by a bad one starts nothing,
 * and who asked for it gets every error that it has.
 */

#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "core/manager-internal.h"
#include "launch/container-file.h"
#include "util/string.h"

int manager_check_container_file(const Manager *manager, const char *name, char **ret) {
        _cleanup_(container_file_deinit) ContainerFile file = {};
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_free_ char *path = NULL;
        int r;

        if (!manager->container_dir)
                return 0;
        r = container_file_path(manager->container_dir, name, &path);
        if (r >= 0)
                r = container_file_load(path, &file, &errors);
        if (r <= 0)
                return r == -ENOENT ? 0 : r;
        *ret = parse_errors_join(&errors);
        return *ret ? 1 : -ENOMEM;
}

int manager_read_labels(const Manager *manager, const char *name, PropertyList *ret) {
        _cleanup_(container_file_deinit) ContainerFile file = {};
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_free_ char *path = NULL;
        int r;

        if (!manager->container_dir)
                return 0;
        r = container_file_path(manager->container_dir, name, &path);
        if (r >= 0)
                r = container_file_load(path, &file, &errors);
        if (r != 0)
                return r == -ENOENT || r > 0 ? 0 : r;
        return property_list_copy(ret, &file.labels);
}

static void tell_progress(Manager *manager, const char *name, const char *line) {
        uint64_t done, total;
        int end = 0;

        if (sscanf(line, "progress %" SCNu64 " %" SCNu64 "%n", &done, &total, &end) != 2 || line[end])
                return;
        if (manager->progress && total > 0 && done <= total)
                manager->progress(manager->progress_userdata, name, done, total);
}

void manager_take_progress(Manager *manager, const char *name, char *text, size_t *n_text) {
        char *end;

        while (startswith(text, "progress ") && (end = strchr(text, '\n'))) {
                *end = '\0';
                tell_progress(manager, name, text);
                *n_text -= (size_t)(end + 1 - text);
                memmove(text, end + 1, *n_text + 1);
        }
}
