/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An interface's folders below /proc/sys/net. The kernel makes them anew when it comes to a namespace.
 *
 * Some files are two views of one setting, in different units or with a side effect: base_reachable_time and
 * base_reachable_time_ms, stable_secret and addr_gen_mode. So each is compared just before it is written, and
 * all are gone through twice: only what is refused, or wrong again, the second time is so for good.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject/interface-sysctl.h"
#include "inject/link.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define KEY_PREFIX "SYSCTL_"
#define KEY_SIZE   (sizeof(KEY_PREFIX) + 16 + NAME_MAX)
#define VALUE_MAX  256
#define ROUNDS     2

static const char *const folders[] = {"ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"};

/* Two names have no folder of their own: there it is that of all interfaces. */
static bool has_folder(const char *name) {
        return !streq(name, "all") && !streq(name, "default");
}

/* Without the newline at the end. Return: 0; errno. */
static int read_value(int folder_fd, const char *file, char **ret) {
        size_t size;
        int r = fd_read_file(folder_fd, file, VALUE_MAX, ret, &size);

        if (r >= 0 && size > 0 && (*ret)[size - 1] == '\n')
                (*ret)[size - 1] = '\0';
        return r;
}

static bool is_setting(int folder_fd, const char *file) {
        struct stat st;

        return fstatat(folder_fd, file, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode) &&
               (st.st_mode & S_IWUSR);
}

/* One folder, with what is to be taken from it, or to be made of it. */
typedef struct Walk {
        const char *name, *folder;
        int fd;
        PropertyList *collected;
        const PropertyList *saved;
        bool last; /* it is complained */
} Walk;

static int collect_file(const Walk *walk, const char *file) {
        _cleanup_free_ char *value = NULL;
        char key[KEY_SIZE], text[VALUE_MAX * 4 + 1];
        int r;

        /* Some cannot be read before they are set. */
        if (!is_setting(walk->fd, file) || read_value(walk->fd, file, &value) < 0)
                return 0;
        snprintf(key, sizeof(key), KEY_PREFIX "%s/%s", walk->folder, file);
        r = string_to_component(value, text, sizeof(text));
        return r < 0 ? r : property_list_set(walk->collected, key, text);
}

static int put_right_file(const Walk *walk, const char *file) {
        _cleanup_free_ char *now = NULL;
        char key[KEY_SIZE], wanted[VALUE_MAX + 1];
        const char *text;
        int r;

        snprintf(key, sizeof(key), KEY_PREFIX "%s/%s", walk->folder, file);
        text = property_list_get(walk->saved, key);
        if (!text)
                return 0;
        if (string_from_component(text, wanted, sizeof(wanted)) < 0)
                return -EBADMSG;
        if (read_value(walk->fd, file, &now) >= 0 && streq(now, wanted))
                return 0;
        r = fd_write_string(walk->fd, file, wanted);
        if (r >= 0 || route_error_passes(r) || !walk->last)
                return r;
        log_full(LOG_WARNING, r, NULL, "%s is back on the host without net/%s/%s being %s: %m", walk->name,
                 walk->folder, file, wanted);
        return 0;
}

/* Goes on after a failure. Return: 0; errno of the first. */
static int walk_folder(Walk *walk, int (*each)(const Walk *walk, const char *file)) {
        char path[sizeof("/proc/sys/net/ipv4/neigh/") + IFNAMSIZ];
        _cleanup_(closedirp) DIR *dir = NULL;
        int r = 0;

        snprintf(path, sizeof(path), "/proc/sys/net/%s/%s", walk->folder, walk->name);
        dir = opendir(path);
        /* Of a protocol that the kernel has not, or that is off for this interface, there is none. */
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        walk->fd = dirfd(dir);
        for (const struct dirent *de; (de = readdir(dir));) {
                int k = each(walk, de->d_name);

                if (r >= 0 && k < 0)
                        r = k;
        }
        return r;
}

static int walk_folders(Walk *walk, int (*each)(const Walk *walk, const char *file)) {
        int r = 0;

        for (size_t i = 0; has_folder(walk->name) && i < ELEMENTSOF(folders); i++) {
                int k;

                walk->folder = folders[i];
                k = walk_folder(walk, each);
                if (r >= 0 && k < 0)
                        r = k;
        }
        return r;
}

int interface_sysctl_collect(const char *name, PropertyList *state) {
        return walk_folders(&(Walk){.name = name, .collected = state}, collect_file);
}

int interface_sysctl_put_right(const char *name, const PropertyList *state) {
        int r = 0;

        for (unsigned int i = 1; i <= ROUNDS; i++)
                r = walk_folders(&(Walk){.name = name, .saved = state, .last = i == ROUNDS}, put_right_file);
        return r;
}

/* Splits @file. Return: the folder's fd; errno. */
static int open_folder(const char *name, const char *file, const char **ret_base) {
        const char *slash = strrchr(file, '/');
        char path[PATH_MAX];

        if (!has_folder(name) || !slash)
                return -ENOENT;
        snprintf(path, sizeof(path), "/proc/sys/net/%.*s/%s", (int)(slash - file), file, name);
        *ret_base = slash + 1;
        return fd_open_dir(AT_FDCWD, path);
}

int interface_sysctl_get(const char *name, const char *file, char **ret) {
        const char *base;
        _cleanup_close_ int fd = open_folder(name, file, &base);

        return fd < 0 ? fd : read_value(fd, base, ret);
}

int interface_sysctl_set(const char *name, const char *file, const char *value) {
        const char *base;
        _cleanup_close_ int fd = open_folder(name, file, &base);

        return fd < 0 ? fd : fd_write_string(fd, base, value);
}
