/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Containers that start with the host: those whose file says so.
 *
 * Once in the life of the runtime folder, which is that of the host's boot: a container that was stopped
 * since stays stopped when davitd is started again. The note of it is made first; a davitd that dies in
 * between leaves the rest to be launched by hand rather than launching the first anew.
 */

#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "launch/container-file.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

static void on_launched(_unused_ void *userdata, _unused_ CallCode code, _unused_ const char *message,
                        _unused_ int value) {
        /* A launch that fails has been logged, and that the container is there already is fine. */
}

static void log_errors(const ParseErrors *errors) {
        for (size_t i = 0; i < errors->n_items; i++) {
                _cleanup_free_ char *text = NULL;

                if (parse_error_format(&errors->items[i], &text) >= 0)
                        log_error("%s", text);
        }
}

static void start(Manager *manager, const char *name) {
        _cleanup_(container_file_deinit) ContainerFile file = {};
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_free_ char *path = NULL;
        int r;

        r = container_file_path(manager->container_dir, name, &path);
        if (r >= 0)
                r = container_file_load(path, &file, &errors);
        if (r > 0)
                log_errors(&errors);
        else if (r < 0 && r != -ENOENT)
                log_full(LOG_ERR, r, &(LogSubject){.container = name}, "Failed to read %s: %m", path ?: name);
        if (r != 0 || !file.autostart)
                return;
        manager_launch(manager, &(ManagerLaunch){.name = name, .stdio = {-EBADF, -EBADF, -EBADF}},
                       on_launched, NULL);
}

/* Return: 1 nobody has done it before; 0; errno. */
static int take_note(const Manager *manager) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/autostarted", manager->runtime_dir) < 0)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
                return 1;
        return errno == EEXIST ? 0 : -errno;
}

static void start_all(Manager *manager) {
        _cleanup_(container_names_freep) char **names = NULL;
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        int r;

        r = take_note(manager);
        if (r > 0)
                r = container_file_list(manager->container_dir, &names, &errors);
        if (r < 0)
                log_error_errno(r, "Failed to look for containers to start in %s: %m",
                                manager->container_dir);
        log_errors(&errors);
        for (char **name = names; name && *name; name++)
                start(manager, *name);
}

void manager_autostart(Manager *manager, bool units) {
        if (!manager->container_dir)
                return;
        /* Who starts units is heard of when the bus is there. */
        manager->autostart_due = units && !manager->start_keeper;
        if (!manager->autostart_due)
                start_all(manager);
}
