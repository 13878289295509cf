/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Containers: what is known of one that runs, and its id maps.
 *
 * A container owns its pidfd, its strings and its maps; its grants are the registry's.
 */

#include "config.h"

#include <assert.h>

#include "model/container.h"
#include "util/fd.h"
#include "util/string.h"

static const char *const state_names[CONTAINER_STATE_MAX] = {
        [CONTAINER_STARTING] = "starting",
        [CONTAINER_RUNNING] = "running",
        [CONTAINER_STOPPING] = "stopping",
};

const char *container_state_to_string(ContainerState state) {
        return state >= 0 && state < CONTAINER_STATE_MAX ? state_names[state] : NULL;
}

ContainerState container_state_from_string(const char *s) {
        return (ContainerState)string_table_find(state_names, CONTAINER_STATE_MAX, s);
}

int container_new(const char *name, const char *runtime, Container **ret) {
        _cleanup_(container_freep) Container *container = NULL;

        assert(name && runtime && ret);

        if (!string_is_name(name))
                return -EINVAL;

        container = calloc(1, sizeof(*container));
        if (!container)
                return -ENOMEM;
        container->init_pidfd = -EBADF;
        container->name = strdup(name);
        container->runtime = strdup(runtime);
        if (!container->name || !container->runtime)
                return -ENOMEM;

        *ret = TAKE_PTR(container);
        return 0;
}

void container_free(Container *container) {
        if (!container)
                return;
        assert(!container->grants);

        free(container->name);
        free(container->runtime);
        property_list_deinit(&container->labels);
        edits_deinit(&container->started);
        id_map_deinit(&container->uid_map);
        id_map_deinit(&container->gid_map);
        safe_close(container->init_pidfd);
        free(container);
}

void id_map_deinit(IdMap *map) {
        free(map->ranges);
        *map = (IdMap){};
}

/* The next number of a line, and behind it. Return: 0; -EBADMSG. */
static int parse_number(const char **text, uint32_t *ret) {
        char digits[16];
        uint64_t value;
        size_t n;

        *text += strspn(*text, " \t");
        n = strcspn(*text, " \t\n");
        if (n >= sizeof(digits))
                return -EBADMSG;
        memcpy(digits, *text, n);
        digits[n] = '\0';
        if (string_to_u64(digits, 10, UINT32_MAX, &value) < 0)
                return -EBADMSG;
        *text += n;
        *ret = (uint32_t)value;
        return 0;
}

static int parse_range(const char **text, IdRange *ret) {
        IdRange range;

        if (parse_number(text, &range.inside) < 0 || parse_number(text, &range.outside) < 0 ||
            parse_number(text, &range.count) < 0)
                return -EBADMSG;
        /* The last id of a range is one, too: (uid_t)-1 is none, so a range may end right before it at most.
         */
        if (range.count == 0 || range.count > UINT32_MAX - range.inside ||
            range.count > UINT32_MAX - range.outside)
                return -EBADMSG;
        *text += strspn(*text, " \t");
        if (**text == '\n')
                (*text)++;
        else if (**text)
                return -EBADMSG;
        *ret = range;
        return 0;
}

int id_map_parse(const char *text, IdMap *ret) {
        _cleanup_(id_map_deinit) IdMap map = {};
        size_t n_lines = 0;

        assert(text && ret);

        for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
                n_lines++;
        if (n_lines > ID_MAP_RANGES_MAX)
                return -E2BIG;

        if (n_lines > 0) {
                map.ranges = calloc(n_lines, sizeof(*map.ranges));
                if (!map.ranges)
                        return -ENOMEM;
        }
        while (*text) {
                int r = parse_range(&text, &map.ranges[map.n_ranges]);

                if (r < 0)
                        return r;
                map.n_ranges++;
        }

        *ret = map;
        map = (IdMap){};
        return 0;
}

int id_map_to_host(const IdMap *map, uint32_t inside, uint32_t *ret) {
        for (size_t i = 0; i < map->n_ranges; i++) {
                const IdRange *range = &map->ranges[i];

                if (inside >= range->inside && inside - range->inside < range->count) {
                        *ret = range->outside + (inside - range->inside);
                        return 0;
                }
        }
        return -ENOENT;
}
