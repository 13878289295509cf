/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who has a CDI device. What such a device brings is shared with others of its kind (plan/item.h), so what is
 * in a container does not say which of them it is there for. For the next davitd it is written down: an empty
 * file RUNTIME/state/cdi.CONTAINER@DEVICE for each grant that is in place. Only what else nobody would know
 * is taken from it, that who has it keeps it.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define PREFIX "cdi."

static int file_name(const char *device, const char *container, char name[static NAME_MAX + 1]) {
        int n = snprintf(name, NAME_MAX + 1, PREFIX "%s@", container);

        return n > NAME_MAX ? -ENAMETOOLONG : string_to_component(device, name + n, NAME_MAX + 1 - (size_t)n);
}

void manager_note_given(const Manager *manager, const Grant *grant) {
        char name[NAME_MAX + 1];
        int r;

        if (!device_is_cdi(grant->device))
                return;
        r = file_name(grant->device->id, grant->container->name, name);
        if (r >= 0 && faccessat(manager->state_fd, name, F_OK, /* flags= */ 0) < 0)
                r = fd_write_file(manager->state_fd, name, "", 0, 0600);
        if (r < 0)
                log_full(LOG_WARNING, r,
                         &(LogSubject){.device = grant->device->id, .container = grant->container->name},
                         "Failed to write down that it is given: %m");
}

void manager_note_taken(const Manager *manager, const Grant *grant) {
        char name[NAME_MAX + 1];

        if (device_is_cdi(grant->device) && file_name(grant->device->id, grant->container->name, name) >= 0)
                (void)unlinkat(manager->state_fd, name, /* flags= */ 0);
}

int manager_adopt_given(Manager *manager, Container *container) {
        registry_devices_foreach(device, &manager->registry) {
                char name[NAME_MAX + 1];
                int r;

                if (!device_is_cdi(device) || file_name(device->id, container->name, name) < 0 ||
                    faccessat(manager->state_fd, name, F_OK, /* flags= */ 0) < 0)
                        continue;
                r = registry_add_grant(&manager->registry, device, container, GRANT_POLICY, NULL, NULL);
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
}

/* Whether the file is about a container that is not there. */
static bool is_stale(const Manager *manager, const char *file) {
        const char *name = startswith(file, PREFIX), *at = name ? strchr(name, '@') : NULL;
        _cleanup_free_ char *container = at ? strndup(name, (size_t)(at - name)) : NULL;

        return container && !registry_container(&manager->registry, container);
}

void manager_drop_stale_given(Manager *manager) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = openat(manager->state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir)
                return;
        TAKE_FD(fd);
        for (const struct dirent *entry; (entry = readdir(dir));)
                if (is_stale(manager, entry->d_name))
                        (void)unlinkat(manager->state_fd, entry->d_name, /* flags= */ 0);
}
