/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The record of a launched container: the one line of speech between its keeper and davitd, which may be of
 * different versions. Written and read here, so that both agree.
 */

#include "config.h"

#include <assert.h>
#include <limits.h>

#include "model/record.h"
#include "util/string.h"

#define LABEL_PREFIX "LABEL_"

void container_record_deinit(ContainerRecord *record) {
        free(record->cgroup);
        property_list_deinit(&record->labels);
        edits_deinit(&record->started);
        *record = (ContainerRecord){};
}

/* A relative path that stays below where it starts. */
static bool cgroup_is_valid(const char *path) {
        if (strlen(path) >= PATH_MAX)
                return false;
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
                if (!*p)
                        return true;
        }
}

static int parse_pid(const char *value, pid_t *ret) {
        uint64_t pid;

        if (string_to_u64(value, 10, INT_MAX, &pid) < 0 || pid == 0)
                return -EBADMSG;
        *ret = (pid_t)pid;
        return 0;
}

static int parse_value(ContainerRecord *record, const char *key, const char *value) {
        const char *label = startswith(key, LABEL_PREFIX);
        uint64_t number;
        int r;

        if (streq(key, "KEEPER_PID"))
                return parse_pid(value, &record->keeper_pid);
        if (streq(key, "INIT_PID"))
                return parse_pid(value, &record->init_pid);
        if (streq(key, "INIT_START"))
                return string_to_u64(value, 10, UINT64_MAX, &record->init_start) < 0 ? -EBADMSG : 0;
        if (streq(key, "CGROUP")) {
                if (!cgroup_is_valid(value))
                        return -EBADMSG;
                free(record->cgroup);
                record->cgroup = strdup(value);
                return record->cgroup ? 0 : -ENOMEM;
        }
        if (streq(key, "STARTED_ENV"))
                return edits_add_env(&record->started, value);
        if (streq(key, "STARTED_GID"))
                return string_to_u64(value, 10, UINT32_MAX, &number) < 0
                               ? -EBADMSG
                               : edits_add_gid(&record->started, (uint32_t)number);
        if (label) {
                r = property_list_set(&record->labels, label, value);
                return r == -EINVAL || r == -E2BIG ? -EBADMSG : r;
        }
        return 0;
}

int container_record_parse(const char *text, ContainerRecord *ret) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        _cleanup_free_ char *copy = NULL;
        char *next;
        int r;

        assert(text && ret);

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        for (char *line = copy; *line; line = next) {
                char *equals;

                next = line + strcspn(line, "\n");
                if (*next)
                        *next++ = '\0';
                equals = strchr(line, '=');
                if (!equals || equals == line)
                        return -EBADMSG;
                *equals = '\0';
                r = parse_value(&record, line, equals + 1);
                if (r < 0)
                        return r;
        }
        if (record.keeper_pid == 0 || record.init_pid == 0 || !record.cgroup)
                return -EBADMSG;

        *ret = record;
        record = (ContainerRecord){};
        return 0;
}

int container_record_format(const ContainerRecord *record, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *stream;

        assert(record && ret);

        if (!record->cgroup || strchr(record->cgroup, '\n'))
                return -EINVAL;
        property_list_foreach(entry, &record->labels)
                if (strchr(entry, '\n'))
                        return -EINVAL;
        for (size_t i = 0; i < record->started.n_env; i++)
                if (strchr(record->started.env[i], '\n'))
                        return -EINVAL;

        stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        fprintf(stream, "KEEPER_PID=%d\nINIT_PID=%d\nINIT_START=%llu\nCGROUP=%s\n", (int)record->keeper_pid,
                (int)record->init_pid, (unsigned long long)record->init_start, record->cgroup);
        property_list_foreach(entry, &record->labels)
                fprintf(stream, LABEL_PREFIX "%s\n", entry);
        for (size_t i = 0; i < record->started.n_env; i++)
                fprintf(stream, "STARTED_ENV=%s\n", record->started.env[i]);
        for (size_t i = 0; i < record->started.n_gids; i++)
                fprintf(stream, "STARTED_GID=%u\n", record->started.gids[i]);
        if (fclose(stream) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(text);
        return 0;
}

int container_record_copy(const ContainerRecord *record, ContainerRecord *ret) {
        _cleanup_(container_record_deinit) ContainerRecord copy = *record;
        int r;

        copy.labels = (PropertyList){};
        copy.started = (Edits){};
        copy.cgroup = strdup(record->cgroup);
        if (!copy.cgroup)
                return -ENOMEM;
        r = property_list_copy(&copy.labels, &record->labels);
        if (r >= 0)
                r = edits_append(&copy.started, &record->started);
        if (r < 0)
                return r;
        *ret = copy;
        copy = (ContainerRecord){};
        return 0;
}
