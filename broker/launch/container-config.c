/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The settings of a container: those of LXC's own defaults for unprivileged ones (config/common.conf and
 * config/userns.conf of LXC), but for four things that are ours.
 *
 * - Its whole /dev is the live one, a folder of the host's file system (lxc.autodev = 0).
 * - Its device filter is the folder above its cgroup, so liblxc is given no device rule. A rule of its own
 * would make it replace programs on the way.
 * - No capability is dropped: all of them count in its own user namespace alone, as in LXC's defaults.
 * - /sys is writable by its mount flags, as udevd asks for before it starts. Nothing in it is the container's
 * to write to but what belongs to its own network namespace.
 *
 * /run/udev is the live /dev's too (inject/udev-folder.c), read-only, wherever no udevd is to be expected
 * inside: for a command, and for an init system in whose root there is no udevd. systemd would mount a tmpfs
 * over it, but for a /run that is a mount already; so it gets that one from here. A system with a udevd has
 * its /run/udev to itself. Who starts a udevd from a command must umount(8) /run/udev first: the mount is the
 * container's own, to take off as it likes.
 *
 * The end: "lxc.hook.post-stop = false". Where a post-stop hook fails, liblxc does not start the container
 * again by itself after a reboot(2) inside, and so the keeper can do it from the start, with a record that
 * tells.
 */

#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/container-config.h"
#include "launch/limits.h"
#include "launch/message.h"
#include "launch/network.h"
#include "util/fd.h"
#include "util/string.h"

#define SECCOMP_OF_LXC   "/usr/share/lxc/config/common.seccomp"
#define APPARMOR_ENABLED "/sys/module/apparmor/parameters/enabled"
#define APPARMOR_LOADED  "/sys/kernel/security/apparmor/profiles"
#define APPARMOR_DEFAULT "lxc-container-default-cgns"
#define APPARMOR_MAX     (1024U * 1024U)

/* What a container needs of these calls, it may not have on a shared kernel; config/common.seccomp of LXC has
 * the same. */
static const char seccomp_policy[] = "2\n"
                                     "denylist\n"
                                     "reject_force_umount\n"
                                     "[all]\n"
                                     "kexec_load errno 1\n"
                                     "open_by_handle_at errno 1\n"
                                     "init_module errno 1\n"
                                     "finit_module errno 1\n"
                                     "delete_module errno 1\n";

int container_config_lxcpath(const char *runtime_dir, char **ret) {
        return asprintf(ret, "%s/lxc", runtime_dir) < 0 ? -ENOMEM : 0;
}

/* A folder that the container's root, nobody to the host, passes through on the way to its own. */
static int make_passage(const char *runtime_dir, const char *name, mode_t mode) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", runtime_dir, name) < 0)
                return -ENOMEM;
        if (mkdir(path, mode) >= 0)
                return chmod(path, mode) < 0 ? -errno : 0; /* whatever the umask is */
        return errno == EEXIST ? 0 : -errno;
}

int container_config_prepare(const char *runtime_dir) {
        static const struct {
                const char *name;
                mode_t mode;
        } folders[] = {
                {"containers", 0711}, {"dev", 0711}, {"lxc", 0711}, {"lxc/.mount", 0711}, {"exits", 0755},
        };
        int r;

        r = fd_mkdir_parents(runtime_dir, 0755);
        for (size_t i = 0; i < ELEMENTSOF(folders) && r >= 0; i++)
                r = make_passage(runtime_dir, folders[i].name, folders[i].mode);
        return r;
}

#define set container_config_set

int container_config_set(struct lxc_container *c, char **message, const char *key, const char *format, ...) {
        _cleanup_free_ char *value = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&value, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        /* A line break in a path would be another setting once somebody saved this. */
        if (strchr(value, '\n') || !c->set_config_item(c, key, value))
                return message_set(message, -EINVAL, "liblxc does not take %s = %s", key, value);
        return 0;
}

/* A path in an lxc.mount.entry, an fstab line: blanks and backslashes as octal. */
static int escape_mount_path(const char *path, char **ret) {
        char *out = malloc(strlen(path) * 4 + 1), *p = out;

        if (!out)
                return -ENOMEM;
        for (; *path; path++)
                if (strchr(" \t\n\\", *path))
                        p += sprintf(p, "\\%03o", (unsigned char)*path);
                else
                        *p++ = *path;
        *p = '\0';
        *ret = out;
        return 0;
}

/* Places in /sys for file systems of the host's kernel. A system that boots inside would try to mount them,
 * may not, and call itself degraded; there is nothing in them for it. */
static int set_empty_places(struct lxc_container *c, char **message) {
        static const char *const places[] = {"sys/kernel/debug", "sys/kernel/tracing", "sys/kernel/config",
                                             "sys/fs/fuse/connections"};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(places) && r >= 0; i++)
                r = set(c, message, "lxc.mount.entry",
                        "none %s tmpfs ro,nosuid,nodev,noexec,size=4k,mode=755,optional 0 0", places[i]);
        return r;
}

static int set_run_udev(const ContainerConfig *config, const char *runtime_dir, struct lxc_container *c,
                        char **message) {
        int r = 0;

        if (!config->udev)
                return 0;
        if (config->keep_run)
                r = set(c, message, "lxc.mount.entry",
                        "tmpfs run tmpfs nosuid,nodev,mode=0755,size=20%%,create=dir 0 0");
        if (r >= 0)
                r = set(c, message, "lxc.mount.entry",
                        "%s/dev/%s/udev run/udev none bind,ro,create=dir,optional 0 0", runtime_dir,
                        config->name);
        return r;
}

static int set_mounts(const ContainerConfig *config, struct lxc_container *c, char **message) {
        _cleanup_free_ char *runtime_dir = NULL, *busybox = NULL;
        int r;

        r = escape_mount_path(config->runtime_dir, &runtime_dir);
        if (r >= 0)
                r = set(c, message, "lxc.mount.entry", "%s/dev/%s/dev dev none bind,create=dir 0 0",
                        runtime_dir, config->name);
        /* The live /dev is small and the host's: what programs write goes to file systems of the container.
         */
        if (r >= 0)
                r = set(c, message, "lxc.mount.entry", "tmpfs dev/shm tmpfs nosuid,nodev,mode=1777 0 0");
        if (r >= 0)
                r = set(c, message, "lxc.mount.entry",
                        "mqueue dev/mqueue mqueue nosuid,nodev,noexec,optional 0 0");
        if (r >= 0)
                r = set_run_udev(config, runtime_dir, c, message);
        if (r >= 0 && config->busybox) {
                r = escape_mount_path(config->busybox, &busybox);
                if (r >= 0)
                        r = set(c, message, "lxc.mount.entry", "%s bin/busybox none bind,ro 0 0", busybox);
        }
        if (r >= 0)
                r = set_empty_places(c, message);
        if (r >= 0)
                r = set(c, message, "lxc.mount.auto", "proc:mixed sys:rw cgroup:mixed");
        return r;
}

static int set_ids(const ContainerConfig *config, struct lxc_container *c, char **message) {
        int r;

        r = set(c, message, "lxc.idmap", "u 0 %" PRIu32 " %" PRIu32, config->slice->uid_base,
                config->slice->count);
        if (r >= 0)
                r = set(c, message, "lxc.idmap", "g 0 %" PRIu32 " %" PRIu32, config->slice->gid_base,
                        config->slice->count);
        return r;
}

static int set_root(const ContainerConfig *config, struct lxc_container *c, char **message) {
        int r;

        r = set(c, message, "lxc.rootfs.path", "dir:%s", config->root->path);
        if (r >= 0)
                r = set(c, message, "lxc.rootfs.mount", "%s/lxc/.mount", config->runtime_dir);
        if (r >= 0 && config->root->idmapped)
                r = set(c, message, "lxc.rootfs.options", "idmap=container");
        return r;
}

static int set_cgroup(const ContainerConfig *config, struct lxc_container *c, char **message) {
        int r;

        r = set(c, message, "lxc.cgroup.dir.container", "%s/payload", config->cgroup);
        if (r >= 0)
                r = set(c, message, "lxc.cgroup.dir.monitor", "%s/monitor", config->cgroup);
        if (r >= 0)
                r = set(c, message, "lxc.cgroup.dir.monitor.pivot", "%s", config->cgroup);
        return r;
}

static int set_seccomp(const ContainerConfig *config, struct lxc_container *c, char **message) {
        _cleanup_free_ char *own = NULL;
        int r;

        if (access(SECCOMP_OF_LXC, R_OK) >= 0)
                return set(c, message, "lxc.seccomp.profile", "%s", SECCOMP_OF_LXC);
        if (asprintf(&own, "%s/seccomp", config->folder) < 0)
                return -ENOMEM;
        r = fd_write_file(AT_FDCWD, own, seccomp_policy, strlen(seccomp_policy), 0600);
        if (r < 0)
                return r;
        return set(c, message, "lxc.seccomp.profile", "%s", own);
}

/* liblxc asks for its own profile wherever AppArmor is on, and fails where nobody loaded it. */
static int set_apparmor(struct lxc_container *c, char **message) {
        _cleanup_free_ char *enabled = NULL, *profiles = NULL;

        if (fd_read_file(AT_FDCWD, APPARMOR_ENABLED, 16, &enabled, NULL) < 0 || enabled[0] != 'Y')
                return 0;
        if (fd_read_file(AT_FDCWD, APPARMOR_LOADED, APPARMOR_MAX, &profiles, NULL) >= 0 &&
            strstr(profiles, APPARMOR_DEFAULT))
                return 0;
        return set(c, message, "lxc.apparmor.profile", "unconfined");
}

/* What the container file says beyond root and ids. */
static int set_file(const ContainerFile *file, struct lxc_container *c, char **message) {
        int r;

        if (!file)
                return 0;
        /* Number 0 is the loopback. */
        r = network_apply(file->networks, file->n_networks, 1, c, message);
        if (r >= 0)
                r = limits_apply(&file->limits, c, message);
        property_list_foreach(entry, &file->environment)
                if (r >= 0)
                        r = set(c, message, "lxc.environment", "%s", entry);
        return r;
}

/* What CDI devices want of processes. Behind the container file, as it is about the devices that there are.
 * The groups are not among it: lxc.init.groups is of no effect where there is a user namespace (liblxc 5.0,
 * start.c). */
static int set_started(const Edits *started, struct lxc_container *c, char **message) {
        int r = 0;

        for (size_t i = 0; started && i < started->n_env && r >= 0; i++)
                r = set(c, message, "lxc.environment", "%s", started->env[i]);
        return r;
}

int container_config_apply(const ContainerConfig *config, struct lxc_container *c, char **message) {
        const struct {
                const char *key, *value;
        } fixed[] = {
                {"lxc.autodev", "0"},        {"lxc.pty.max", "1024"},   {"lxc.tty.max", "0"},
                {"lxc.net.0.type", "empty"}, {"lxc.net.0.flags", "up"}, {"lxc.hook.post-stop", "false"},
                {"lxc.log.level", "ERROR"},
        };
        int r;

        r = set(c, message, "lxc.uts.name", "%s", config->name);
        for (size_t i = 0; i < ELEMENTSOF(fixed) && r >= 0; i++)
                r = set(c, message, fixed[i].key, "%s", fixed[i].value);
        if (r >= 0)
                r = set(c, message, "lxc.log.file", "%s/log", config->folder);
        if (r >= 0)
                r = set(c, message, "lxc.signal.halt", "%d", config->halt_signal);
        if (r >= 0 && !config->terminal)
                r = set(c, message, "lxc.console.path", "none");
        if (r >= 0)
                r = set_ids(config, c, message);
        if (r >= 0)
                r = set_root(config, c, message);
        if (r >= 0)
                r = set_mounts(config, c, message);
        if (r >= 0)
                r = set_cgroup(config, c, message);
        if (r >= 0)
                r = set_seccomp(config, c, message);
        if (r >= 0)
                r = set_apparmor(c, message);
        if (r >= 0)
                r = set_file(config->file, c, message);
        if (r >= 0)
                r = set_started(config->started, c, message);
        return r;
}
