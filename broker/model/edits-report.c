/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What of a CDI device a running container can be given.
 *
 * A device is described for containers that are about to be created. Variables and groups belong to a
 * process from its start on: who starts the container can give them, nobody can later. Hooks are programs of
 * the host, written to be run as its root on a container in which nothing runs yet: on the files of one that
 * runs they would follow whatever links its root puts in their way. They are not run, and named instead.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/edits-report.h"
#include "model/mount.h"
#include "util/string.h"

#define LINE_MAX_SIZE 512

typedef struct Report {
        int (*each)(void *userdata, const char *line);
        void *userdata;
} Report;

static int say(const Report *report, const char *format, ...) _printf_(2, 3);
static int say(const Report *report, const char *format, ...) {
        char line[LINE_MAX_SIZE], safe[LINE_MAX_SIZE];
        va_list ap;

        va_start(ap, format);
        vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        return report->each(report->userdata, string_escape(safe, sizeof(safe), line));
}

/* Whether each component of @path, which starts with a slash, is an ordinary name. */
static bool path_is_plain(const char *path) {
        if (path[0] != '/' || !path[1])
                return false;
        for (const char *p = path + 1;;) {
                size_t n = strcspn(p, "/");

                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                if (!p[n])
                        return true;
                p += n + 1;
        }
}

const char *edit_node_name(const EditNode *node) {
        const char *name = startswith(node->path, "/dev/");

        return name && path_is_plain(node->path) ? name : NULL;
}

int edit_node_check(const EditNode *node) {
        if (node->type == 'p' || !edit_node_name(node))
                return -EOPNOTSUPP;
        return node->error;
}

const char *edit_mount_place(const EditMount *mount) {
        return mount->path + 1;
}

int edit_mount_check(const EditMount *mount) {
        char options[MOUNT_OPTIONS_MAX];

        if (!path_is_plain(mount->path) || mount->host_path[0] != '/')
                return -EINVAL;
        if (!string_empty(mount->type) && !streq(mount->type, "bind") && !streq(mount->type, "none"))
                return -EOPNOTSUPP;
        return mount_options_format(mount->options, options);
}

static int report_node(const Report *report, const EditNode *node) {
        if (node->type == 'p')
                return say(report, "deviceNodes %s: a pipe cannot be given to a running container",
                           node->path);
        if (!edit_node_name(node))
                return say(report,
                           "deviceNodes %s: only nodes below /dev can be given to a running container",
                           node->path);
        if (node->error < 0)
                return say(report, "deviceNodes %s: %s on the host: %s", node->path,
                           edit_node_host_path(node), strerror(-node->error));
        return 0;
}

static int report_mount(const Report *report, const EditMount *mount) {
        switch (edit_mount_check(mount)) {
        case 0:
                return 0;
        case -EINVAL:
                return say(report, "mounts %s: its paths have to be absolute, without . and ..", mount->path);
        default:
                if (!string_empty(mount->type) && !streq(mount->type, "bind") && !streq(mount->type, "none"))
                        return say(report, "mounts %s: type %s is not supported, bind alone is", mount->path,
                                   mount->type);
                return say(report, "mounts %s: one of its options is not supported", mount->path);
        }
}

static bool env_is_set(const Edits *started, const char *variable) {
        for (size_t i = 0; i < started->n_env; i++)
                if (streq(started->env[i], variable))
                        return true;
        return false;
}

static bool gid_is_set(const Edits *started, uint32_t gid) {
        for (size_t i = 0; i < started->n_gids; i++)
                if (started->gids[i] == gid)
                        return true;
        return false;
}

/* Who starts the container has no way to give its init a group; who runs a command in it has. */
static int report_gid(const Report *report, uint32_t gid, const Edits *started) {
        if (gid == 0)
                return 0;
        if (gid_is_set(started, gid))
                return say(report, "additionalGids %u: only set for what davitctl exec runs", gid);
        return say(report, "additionalGids %u: not set, which can only be done at the start", gid);
}

/* What can only be done at the start. */
static int report_start(const Report *report, const Edits *edits, const Edits *started) {
        int r = 0;

        for (size_t i = 0; i < edits->n_env && r >= 0; i++)
                if (!env_is_set(started, edits->env[i]))
                        r = say(report, "env %.*s: not set, which can only be done at the start",
                                (int)strcspn(edits->env[i], "="), edits->env[i]);
        for (size_t i = 0; i < edits->n_gids && r >= 0; i++)
                r = report_gid(report, edits->gids[i], started);
        for (size_t i = 0; i < edits->n_hooks && r >= 0; i++)
                r = say(report, "hooks %s %s: not run, hooks are for containers that are being created",
                        edits->hooks[i].name, edits->hooks[i].path);
        if (edits->rdt && r >= 0)
                r = say(report, "intelRdt: not set, it is for containers that are being created");
        return r;
}

int edits_report(const Edits *edits, const Edits *started, int (*each)(void *userdata, const char *line),
                 void *userdata) {
        const Report report = {.each = each, .userdata = userdata};
        int r = 0;

        assert(edits && started && each);

        for (size_t i = 0; i < edits->n_nodes && r >= 0; i++)
                r = report_node(&report, &edits->nodes[i]);
        for (size_t i = 0; i < edits->n_mounts && r >= 0; i++)
                r = report_mount(&report, &edits->mounts[i]);
        return r < 0 ? r : report_start(&report, edits, started);
}
