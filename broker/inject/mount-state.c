/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is mounted in a container, written down: the kernel knows the mounts of a container, but not which of
 * them are on our account, nor for which device. So that much is kept, and compared with what the kernel says
 * each time that it is read.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "inject/mount-state.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/string.h"

#define STATE_SIZE_MAX (4U * PATH_MAX)
#define PREFIX         "mount-"

void mount_state_deinit(MountState *state) {
        free(state->device);
        free(state->place);
        free(state->target);
        free(state->options);
        free(state->what);
        *state = (MountState){};
}

int mount_state_of_item(const Item *item, MountState *ret) {
        _cleanup_(mount_state_deinit) MountState state = {
                .device = strdup(item->device),
                .place = strdup(item->path),
                .target = strdup(item->target),
                .options = strdup(item->text),
        };

        if (!state.device || !state.place || !state.target || !state.options)
                return -ENOMEM;
        *ret = state;
        state = (MountState){};
        return 0;
}

int mount_state_item(const MountState *state, Item **ret) {
        return item_new(&(Item){.kind = ITEM_MOUNT,
                                .device = state->device,
                                .path = state->place,
                                .target = state->target,
                                .text = state->id > 0 ? state->options : "unfinished"},
                        ret);
}

static int file_name(const char *container, const char *place, char name[static NAME_MAX + 1]) {
        if (!string_is_name(container))
                return -EINVAL;
        snprintf(name, NAME_MAX + 1, PREFIX "%s@%016" PRIx64, container, hash_text(HASH_TEXT_BEGIN, place));
        return 0;
}

int mount_state_save(int state_fd, const char *container, const MountState *state) {
        const char *const texts[] = {state->device, state->place, state->target, state->options,
                                     state->what ?: ""};
        _cleanup_free_ char *text = NULL;
        char name[NAME_MAX + 1];
        int r, n;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strchr(texts[i], '\n'))
                        return -EINVAL;
        r = file_name(container, state->place, name);
        if (r < 0)
                return r;
        n = asprintf(&text, "DEVICE=%s\nPLACE=%s\nTARGET=%s\nOPTIONS=%s\nID=%" PRIu64 "\nWHAT=%s\nMADE=%zu\n",
                     state->device, state->place, state->target, state->options, state->id, state->what ?: "",
                     state->made);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return fd_write_file(state_fd, name, text, (size_t)n, 0600);
}

static int take_text(char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

static int take_line(MountState *state, const char *key, const char *value) {
        uint64_t number;

        if (streq(key, "DEVICE"))
                return take_text(&state->device, value);
        if (streq(key, "PLACE"))
                return take_text(&state->place, value);
        if (streq(key, "TARGET"))
                return take_text(&state->target, value);
        if (streq(key, "OPTIONS"))
                return take_text(&state->options, value);
        if (streq(key, "WHAT"))
                return *value ? take_text(&state->what, value) : 0;
        if (streq(key, "ID"))
                return string_to_u64(value, 10, UINT64_MAX, &state->id) < 0 ? -EBADMSG : 0;
        if (streq(key, "MADE")) {
                if (string_to_u64(value, 10, PATH_MAX, &number) < 0)
                        return -EBADMSG;
                state->made = (size_t)number;
        }
        return 0;
}

static int load_file(int state_fd, const char *name, MountState *ret) {
        _cleanup_(mount_state_deinit) MountState state = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = fd_read_file(state_fd, name, STATE_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                if (!value)
                        return -EBADMSG;
                *value++ = '\0';
                r = take_line(&state, line, value);
                if (r < 0)
                        return r;
        }
        if (!state.device || !state.place || !state.target || !state.options ||
            state.made > strlen(state.place))
                return -EBADMSG;
        *ret = state;
        state = (MountState){};
        return 0;
}

int mount_state_load(int state_fd, const char *container, const char *place, MountState *ret) {
        char name[NAME_MAX + 1];
        int r = file_name(container, place, name);

        return r < 0 ? r : load_file(state_fd, name, ret);
}

int mount_state_remove(int state_fd, const char *container, const char *place) {
        char name[NAME_MAX + 1];
        int r = file_name(container, place, name);

        if (r < 0)
                return r;
        return unlinkat(state_fd, name, /* flags= */ 0) < 0 && errno != ENOENT ? -errno : 0;
}

int mount_state_foreach(int state_fd, const char *container,
                        int (*each)(const MountState *state, void *userdata), void *userdata) {
        _cleanup_(closedirp) DIR *folder = NULL;
        _cleanup_close_ int fd = -EBADF;
        char prefix[NAME_MAX + 1];
        int r = 0;

        snprintf(prefix, sizeof(prefix), PREFIX "%s@", container);
        fd = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        folder = fd < 0 ? NULL : fdopendir(fd);
        if (!folder)
                return -errno;
        TAKE_FD(fd);
        for (const struct dirent *entry; (entry = readdir(folder));) {
                _cleanup_(mount_state_deinit) MountState state = {};
                int k;

                if (!startswith(entry->d_name, prefix) || load_file(state_fd, entry->d_name, &state) < 0)
                        continue;
                k = each(&state, userdata);
                if (r >= 0 && k < 0)
                        r = k;
        }
        return r;
}
