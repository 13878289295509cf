/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The limits of a container, as settings of liblxc. It writes them to the folder in which the container is,
 * below ours: the device filter above it is no business of it, and no setting here is about devices.
 *
 * A controller is in one hierarchy alone, v2 or one of v1, and each has its own words for the same.
 */

#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <string.h>

#include "launch/container-config.h"
#include "launch/limits.h"
#include "launch/message.h"
#include "util/fd.h"
#include "util/string.h"

#define MOUNTS_FILE     "/proc/self/mounts"
#define LINE_SIZE       4096
#define CONTROLLERS_MAX 4096
#define CPU_PERIOD_USEC 100000U

typedef enum Hierarchy {
        HIERARCHY_NONE,
        HIERARCHY_V1,
        HIERARCHY_V2,
} Hierarchy;

static bool has_word(const char *words, const char *word) {
        size_t n = strlen(word);

        for (const char *p = strstr(words, word); p; p = strstr(p + n, word))
                if ((p == words || p[-1] == ' ') && strchr(" \n", p[n]))
                        return true;
        return false;
}

static bool v2_has(const char *mount, const char *controller) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = fd_open_dir(AT_FDCWD, mount);

        return fd >= 0 && fd_read_file(fd, "cgroup.controllers", CONTROLLERS_MAX, &text, NULL) >= 0 &&
               has_word(text, controller);
}

static Hierarchy find_controller(const char *controller) {
        FILE *mounts = setmntent(MOUNTS_FILE, "re");
        Hierarchy found = HIERARCHY_NONE;
        char buffer[LINE_SIZE];
        struct mntent entry;

        if (!mounts)
                return HIERARCHY_NONE;
        while (found == HIERARCHY_NONE && getmntent_r(mounts, &entry, buffer, sizeof(buffer))) {
                if (streq(entry.mnt_type, "cgroup") && hasmntopt(&entry, controller))
                        found = HIERARCHY_V1;
                else if (streq(entry.mnt_type, "cgroup2") && v2_has(entry.mnt_dir, controller))
                        found = HIERARCHY_V2;
        }
        endmntent(mounts);
        return found;
}

static int lacks(const char *limit, const char *controller, char **message) {
        return message_set(message, -EOPNOTSUPP,
                           "the limit of %s cannot be set: this host has no cgroup controller %s", limit,
                           controller);
}

static int set_memory(uint64_t bytes, struct lxc_container *c, char **message) {
        Hierarchy found = find_controller("memory");

        if (found == HIERARCHY_NONE)
                return lacks("memory", "memory", message);
        return container_config_set(c, message,
                                    found == HIERARCHY_V2 ? "lxc.cgroup2.memory.max"
                                                          : "lxc.cgroup.memory.limit_in_bytes",
                                    "%" PRIu64, bytes);
}

static int set_pids(uint64_t n, struct lxc_container *c, char **message) {
        Hierarchy found = find_controller("pids");

        if (found == HIERARCHY_NONE)
                return lacks("pids", "pids", message);
        return container_config_set(c, message,
                                    found == HIERARCHY_V2 ? "lxc.cgroup2.pids.max" : "lxc.cgroup.pids.max",
                                    "%" PRIu64, n);
}

static int set_cpu(uint64_t thousandths, struct lxc_container *c, char **message) {
        Hierarchy found = find_controller("cpu");
        uint64_t quota = thousandths * CPU_PERIOD_USEC / 1000U;
        int r;

        if (found == HIERARCHY_NONE)
                return lacks("cpu", "cpu", message);
        if (found == HIERARCHY_V2)
                return container_config_set(c, message, "lxc.cgroup2.cpu.max", "%" PRIu64 " %u", quota,
                                            CPU_PERIOD_USEC);
        r = container_config_set(c, message, "lxc.cgroup.cpu.cfs_period_us", "%u", CPU_PERIOD_USEC);
        if (r >= 0)
                r = container_config_set(c, message, "lxc.cgroup.cpu.cfs_quota_us", "%" PRIu64, quota);
        return r;
}

int limits_apply(const ContainerLimits *limits, struct lxc_container *c, char **message) {
        int r = 0;

        if (limits->memory > 0)
                r = set_memory(limits->memory, c, message);
        if (r >= 0 && limits->pids > 0)
                r = set_pids(limits->pids, c, message);
        if (r >= 0 && limits->cpu > 0)
                r = set_cpu(limits->cpu, c, message);
        if (r >= 0 && limits->files > 0)
                r = container_config_set(c, message, "lxc.prlimit.nofile", "%" PRIu64, limits->files);
        return r;
}
