/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `root:` and `limits:` of a container file.
 *
 * Not every root can be kept or written: what would be of no effect is an error, as whoever wrote it expects
 * one.
 */

#include "config.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "launch/container-file-internal.h"
#include "util/string.h"

#define EPHEMERAL_MIN   (UINT64_C(1) << 20)
#define MEMORY_MIN      (UINT64_C(1) << 22) /* less does not get as far as running init */
#define BYTES_MAX       (UINT64_C(1) << 60)
#define PIDS_MAX        4194304U    /* the kernel's PID_MAX_LIMIT */
#define FILES_MIN       16U         /* an init has a handful open before it says what is wrong */
#define FILES_MAX       1073741816U /* the highest that fs.nr_open can be on 64 bits */
#define CPU_THOUSANDTHS 1000U
#define CPU_MIN         10U /* cpu.max takes no less than one of a hundred milliseconds */
#define CPU_MAX         (8192U * CPU_THOUSANDTHS)

static const char *const kinds[] = {
        [CONTAINER_ROOT_SMALL] = "small",
        [CONTAINER_ROOT_FOLDER] = "folder",
        [CONTAINER_ROOT_SQUASHFS] = "squashfs",
        [CONTAINER_ROOT_ARCHIVE] = "archive",
};

const char *container_root_kind_to_string(ContainerRootKind kind) {
        return kind < 0 || kind >= CONTAINER_ROOT_MAX ? NULL : kinds[kind];
}

int container_file_bytes(const PolicyContext *context, const PolicyNode *node, uint64_t min, uint64_t *ret) {
        static const char units[] = "KMGT";
        static const char *const takes = "a number of bytes like 512M or 2G";
        char digits[24], *end;
        unsigned int shift = 0;
        uint64_t n;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (strlen(node->text) >= sizeof(digits))
                return policy_expected(context, node, takes, NULL);
        strcpy(digits, node->text);
        end = digits + strspn(digits, "0123456789");
        if (*end) {
                const char *unit = strchr(units, toupper((unsigned char)*end));

                if (!unit || end[1])
                        return policy_expected(context, node, takes, NULL);
                shift = 10U * (unsigned int)(unit - units + 1);
                *end = '\0';
        }
        if (string_to_u64(digits, 10, BYTES_MAX >> shift, &n) < 0)
                return policy_expected(context, node, takes, NULL);
        n <<= shift;
        if (n < min)
                return policy_error(context, node, "%s takes at least %uM, not \"%s\"", node->name,
                                    (unsigned int)(min >> 20), quote(node->text));
        *ret = n;
        return 0;
}

static int parse_path(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "an absolute path";
        char **path = target;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (node->text[0] != '/' || strlen(node->text) >= PATH_MAX)
                return policy_expected(context, node, takes, NULL);
        /* A second one is complained of behind this. */
        free(*path);
        *path = strdup(node->text);
        return *path ? 0 : -ENOMEM;
}

static int parse_bool(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_bool(context, node, target);
}

static int parse_size(const PolicyContext *context, const PolicyNode *node, void *target) {
        return container_file_bytes(context, node, EPHEMERAL_MIN, target);
}

enum {
        SEEN_FOLDER,
        SEEN_SQUASHFS,
        SEEN_ARCHIVE,
        SEEN_OVERLAY,
        SEEN_KEEP,
        SEEN_SIZE,
        SEEN_MAX,
};

/* What each key alone cannot tell. */
static int check_root(const PolicyContext *context, const PolicyNode *node, ContainerRoot *root,
                      const unsigned int *seen) {
        const PolicyNode *keep = policy_member(node, "keep"), *size = policy_member(node, "size");
        unsigned int n = (seen[SEEN_FOLDER] > 0) + (seen[SEEN_SQUASHFS] > 0) + (seen[SEEN_ARCHIVE] > 0);

        if (n != 1)
                return policy_error(context, node,
                                    n == 0 ? "root has none of \"folder\", \"squashfs\" and \"archive\""
                                           : "root has more than one of \"folder\", \"squashfs\" and "
                                             "\"archive\"");
        root->kind = seen[SEEN_FOLDER]     ? CONTAINER_ROOT_FOLDER
                     : seen[SEEN_SQUASHFS] ? CONTAINER_ROOT_SQUASHFS
                                           : CONTAINER_ROOT_ARCHIVE;
        if (root->kind == CONTAINER_ROOT_FOLDER && root->path && streq(root->path, "/") && !root->overlay)
                return policy_error(context, policy_member(node, "folder"),
                                    "the host's own root cannot be written by a container");
        if (root->kind == CONTAINER_ROOT_FOLDER && !root->overlay && seen[SEEN_KEEP] && !root->keep)
                return policy_error(context, keep,
                                    "a folder without overlay is written in place and always kept: write "
                                    "overlay: true to leave it as it is");
        if (root->kind == CONTAINER_ROOT_SQUASHFS && !root->overlay && seen[SEEN_KEEP] && root->keep)
                return policy_error(context, keep,
                                    "a squashfs without overlay cannot be written, so there is nothing to "
                                    "keep: write overlay: true to have a root that can");
        if (seen[SEEN_SIZE] && (!root->overlay || root->keep))
                return policy_error(context, size,
                                    "size is that of an overlay that is not kept: write overlay: true and "
                                    "keep: false with it");
        return 0;
}

int container_file_root(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const PolicyKey keys[] = {
                [SEEN_FOLDER] = {"folder", parse_path, offsetof(ContainerRoot, path)},
                [SEEN_SQUASHFS] = {"squashfs", parse_path, offsetof(ContainerRoot, path)},
                [SEEN_ARCHIVE] = {"archive", parse_path, offsetof(ContainerRoot, path)},
                [SEEN_OVERLAY] = {"overlay", parse_bool, offsetof(ContainerRoot, overlay)},
                [SEEN_KEEP] = {"keep", parse_bool, offsetof(ContainerRoot, keep)},
                [SEEN_SIZE] = {"size", parse_size, offsetof(ContainerRoot, size)},
                [SEEN_MAX] = {},
        };
        unsigned int seen[SEEN_MAX] = {};
        ContainerRoot *root = target;
        int bad, r;

        root->keep = true;
        root->size = CONTAINER_EPHEMERAL_SIZE;
        bad = policy_map(context, node, "root", "a mapping like { folder: /srv/web }", keys, root, seen);
        if (bad < 0 || node->type != POLICY_MAP)
                return bad;
        r = check_root(context, node, root, seen);
        return r != 0 ? r : bad;
}

static int parse_memory(const PolicyContext *context, const PolicyNode *node, void *target) {
        return container_file_bytes(context, node, MEMORY_MIN, target);
}

static int parse_pids(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_number(context, node, "a number of processes from 1 to 4194304", 1, PIDS_MAX, target);
}

static int parse_files(const PolicyContext *context, const PolicyNode *node, void *target) {
        return policy_number(context, node, "a number of files from 16 to 1073741816", FILES_MIN, FILES_MAX,
                             target);
}

/* "1.5" as 1500. */
static int parse_cpu(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const char *const takes = "a number of processors like 0.5, 1.5 or 4, from 0.01 to 8192";
        uint64_t whole, part = 0, cpu;
        char digits[16];
        char *dot;
        int r;

        r = policy_scalar(context, node, takes);
        if (r != 0)
                return r;
        if (strlen(node->text) >= sizeof(digits))
                return policy_expected(context, node, takes, NULL);
        strcpy(digits, node->text);
        dot = strchr(digits, '.');
        if (dot) {
                size_t n = strlen(dot + 1);

                *dot++ = '\0';
                if (n == 0 || n > 3 || string_to_u64(dot, 10, CPU_THOUSANDTHS, &part) < 0)
                        return policy_expected(context, node, takes, NULL);
                for (; n < 3; n++)
                        part *= 10;
        }
        if (string_to_u64(digits, 10, CPU_MAX / CPU_THOUSANDTHS, &whole) < 0)
                return policy_expected(context, node, takes, NULL);
        cpu = whole * CPU_THOUSANDTHS + part;
        if (cpu < CPU_MIN || cpu > CPU_MAX)
                return policy_expected(context, node, takes, NULL);
        *(uint64_t *)target = cpu;
        return 0;
}

int container_file_limits(const PolicyContext *context, const PolicyNode *node, void *target) {
        static const PolicyKey keys[] = {
                {"memory", parse_memory, offsetof(ContainerLimits, memory)},
                {"pids", parse_pids, offsetof(ContainerLimits, pids)},
                {"cpu", parse_cpu, offsetof(ContainerLimits, cpu)},
                {"files", parse_files, offsetof(ContainerLimits, files)},
                {},
        };

        return policy_map(context, node, "limits", "a mapping like { memory: 512M, pids: 1000 }", keys,
                          target, NULL);
}
