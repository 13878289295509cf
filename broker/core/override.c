/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Manual decisions: attach and detach go before the rules.
 *
 * Each is a small file RUNTIME/state/override.CONTAINER@DEVICE with the lines DEVICE=, CONTAINER= and
 * ATTACH=, written before it is acted upon, so that a davitd which starts anew decides the same. Container
 * names have no `@`, device ids are made one harmless path component. A file that does not read well is
 * reported and left out: it can only concern one pair.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "model/cdi-name.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define OVERRIDE_FILE_MAX 4096
#define OVERRIDE_PREFIX   "override."

static Override *override_free(Override *override) {
        if (!override)
                return NULL;
        free(override->device);
        free(override->container);
        free(override);
        return NULL;
}
DEFINE_CLEANUP(Override *, override_free);

void manager_free_overrides(Manager *manager) {
        while (manager->overrides) {
                Override *override = manager->overrides;

                manager->overrides = override->next;
                override_free(override);
        }
}

static int override_new(const char *device, const char *container, bool attach, Override **ret) {
        _cleanup_(override_freep) Override *override = calloc(1, sizeof(*override));

        if (!override)
                return -ENOMEM;
        override->attach = attach;
        override->device = strdup(device);
        override->container = strdup(container);
        if (!override->device || !override->container)
                return -ENOMEM;
        *ret = TAKE_PTR(override);
        return 0;
}

static int override_file_name(const char *device, const char *container, char name[NAME_MAX + 1]) {
        int n = snprintf(name, NAME_MAX + 1, OVERRIDE_PREFIX "%s@", container);

        return n > NAME_MAX ? -ENAMETOOLONG : string_to_component(device, name + n, NAME_MAX + 1 - (size_t)n);
}

static Override **find_override(Manager *manager, const char *device, const char *container) {
        Override **p = &manager->overrides;

        while (*p && !(streq((*p)->device, device) && streq((*p)->container, container)))
                p = &(*p)->next;
        return p;
}

const Override *manager_override(const Manager *manager, const char *device, const char *container) {
        return *find_override((Manager *)manager, device, container);
}

static int load_override(Manager *manager, const char *name) {
        _cleanup_free_ char *text = NULL;
        char *device = NULL, *container = NULL, *attach = NULL, *interfaces = NULL;
        Override *override;
        int r;

        r = fd_read_file(manager->state_fd, name, OVERRIDE_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                if (!value)
                        return -EBADMSG;
                *value++ = '\0';
                if (streq(line, "DEVICE"))
                        device = value;
                else if (streq(line, "CONTAINER"))
                        container = value;
                else if (streq(line, "ATTACH"))
                        attach = value;
                else if (streq(line, "INTERFACES"))
                        interfaces = value;
        }
        if (string_empty(device) || !container || !attach ||
            (!string_is_name(container) && !streq(container, OVERRIDE_EVERYBODY)))
                return -EBADMSG;
        r = override_new(device, container, streq(attach, "1"), &override);
        if (r < 0)
                return r;
        override->interfaces = interfaces && streq(interfaces, "1");
        override->next = manager->overrides;
        manager->overrides = override;
        return 0;
}

int manager_load_overrides(Manager *manager) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = dup(manager->state_fd);
        struct dirent *entry;

        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        TAKE_FD(fd);
        rewinddir(dir);

        while ((entry = readdir(dir))) {
                int r;

                if (!startswith(entry->d_name, OVERRIDE_PREFIX))
                        continue;
                r = load_override(manager, entry->d_name);
                if (r < 0)
                        log_warning_errno(r, "Failed to read the manual decision in %s/state/%s: %m",
                                          manager->runtime_dir, entry->d_name);
        }
        return 0;
}

int manager_set_override(Manager *manager, const char *device, const char *container, bool attach,
                         bool interfaces) {
        Override **p = find_override(manager, device, container);
        _cleanup_(override_freep) Override *override = NULL;
        _cleanup_free_ char *text = NULL;
        char name[NAME_MAX + 1];
        int r, n;

        r = override_file_name(device, container, name);
        if (r < 0)
                return r;
        if (!*p) {
                r = override_new(device, container, attach, &override);
                if (r < 0)
                        return r;
        }
        n = asprintf(&text, "DEVICE=%s\nCONTAINER=%s\nATTACH=%d\nINTERFACES=%d\n", device, container, attach,
                     interfaces);
        if (n < 0)
                return -ENOMEM;
        r = fd_write_file(manager->state_fd, name, text, (size_t)n, 0600);
        if (r < 0)
                return r;

        if (!*p)
                *p = TAKE_PTR(override);
        (*p)->attach = attach;
        (*p)->interfaces = interfaces;
        return 0;
}

/* Takes *@p off the list, and its file away. */
static void drop_override(Manager *manager, Override **p) {
        Override *override = *p;
        char name[NAME_MAX + 1];

        if (override_file_name(override->device, override->container, name) >= 0)
                unlinkat(manager->state_fd, name, /* flags= */ 0);
        *p = override->next;
        override_free(override);
}

void manager_drop_overrides(Manager *manager, const char *device, const char *container) {
        for (Override **p = &manager->overrides; *p;)
                if ((!device || streq((*p)->device, device)) &&
                    (!container || streq((*p)->container, container)))
                        drop_override(manager, p);
                else
                        p = &(*p)->next;
}

void manager_drop_stale_overrides(Manager *manager) {
        for (Override **p = &manager->overrides; *p;)
                /* A CDI device is away while its file is made anew: nobody has unplugged it. */
                if ((!registry_device(&manager->registry, (*p)->device) &&
                     !startswith((*p)->device, CDI_DEVICE_PREFIX)) ||
                    (!streq((*p)->container, OVERRIDE_EVERYBODY) &&
                     !registry_container(&manager->registry, (*p)->container)))
                        drop_override(manager, p);
                else
                        p = &(*p)->next;
}
