/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An interface's folders below /proc/sys/net.
 *
 * The kernel makes them anew from the folder `default` when an interface comes to a namespace, so what is
 * like there needs no putting back. Two files may be two views of one setting in different units
 * (base_reachable_time and base_reachable_time_ms): each is compared just before it is written, so the coarse
 * one is left alone where the fine one came first, and is written over where it came later.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject/interface-sysctl.h"
#include "util/fd.h"
#include "util/string.h"

#define KEY_PREFIX       "SYSCTL_"
#define KEY_SIZE         (sizeof(KEY_PREFIX) + 16 + NAME_MAX)
#define VALUE_MAX        256
#define FOLDER_PATH_SIZE (sizeof("/proc/sys/net/ipv4/neigh/") + IFNAMSIZ)

static const char *const folders[] = {"ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"};

/* Two names have no folder of their own: there it is that of all interfaces. */
static bool has_folder(const char *name) {
        return !streq(name, "all") && !streq(name, "default");
}

static void folder_path(const char *folder, const char *name, char path[FOLDER_PATH_SIZE]) {
        snprintf(path, FOLDER_PATH_SIZE, "/proc/sys/net/%s/%s", folder, name);
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
        const char *folder;
        int fd, default_fd; /* the latter is negative where it is not seen */
        PropertyList *collected;
        const PropertyList *saved;
} Walk;

static int collect_file(const Walk *walk, const char *file) {
        _cleanup_free_ char *value = NULL, *usual = NULL;
        char key[KEY_SIZE], text[VALUE_MAX * 4 + 1];
        int r;

        /* Some cannot be read before they are set. */
        if (!is_setting(walk->fd, file) || read_value(walk->fd, file, &value) < 0)
                return 0;
        if (walk->default_fd >= 0 && read_value(walk->default_fd, file, &usual) >= 0 && streq(value, usual))
                return 0;
        snprintf(key, sizeof(key), KEY_PREFIX "%s/%s", walk->folder, file);
        r = string_to_component(value, text, sizeof(text));
        return r < 0 ? r : property_list_set(walk->collected, key, text);
}

/* Return: 0; -EBADMSG; errno. */
static int put_right_file(const Walk *walk, const char *file) {
        _cleanup_free_ char *now = NULL, *usual = NULL;
        char key[KEY_SIZE], saved[VALUE_MAX + 1];
        const char *wanted = saved, *text;

        if (!is_setting(walk->fd, file))
                return 0;
        snprintf(key, sizeof(key), KEY_PREFIX "%s/%s", walk->folder, file);
        text = property_list_get(walk->saved, key);
        if (text && string_from_component(text, saved, sizeof(saved)) < 0)
                return -EBADMSG;
        if (!text) {
                if (walk->default_fd < 0 || read_value(walk->default_fd, file, &usual) < 0)
                        return 0;
                wanted = usual;
        }
        if (read_value(walk->fd, file, &now) >= 0 && streq(now, wanted))
                return 0;
        return fd_write_string(walk->fd, file, wanted);
}

/* Goes on after a failure. Return: 0; errno of the first. */
static int walk_folder(Walk *walk, const char *name, int (*each)(const Walk *walk, const char *file)) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int default_fd = -EBADF;
        char path[FOLDER_PATH_SIZE];
        int r = 0;

        /* Of a protocol that the kernel has not, or that is off for this interface, there is none. */
        folder_path(walk->folder, name, path);
        dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        /* That of neighbours is seen in the first namespace alone: elsewhere all are kept. */
        folder_path(walk->folder, "default", path);
        default_fd = fd_open_dir(AT_FDCWD, path);
        if (default_fd < 0 && default_fd != -ENOENT)
                return default_fd;
        walk->fd = dirfd(dir);
        walk->default_fd = default_fd;
        for (const struct dirent *de; (de = readdir(dir));) {
                int k = each(walk, de->d_name);

                if (r >= 0 && k < 0)
                        r = k;
        }
        return r;
}

static int walk_folders(Walk *walk, const char *name, int (*each)(const Walk *walk, const char *file)) {
        int r = 0;

        for (size_t i = 0; has_folder(name) && i < ELEMENTSOF(folders); i++) {
                int k;

                walk->folder = folders[i];
                k = walk_folder(walk, name, each);
                if (r >= 0 && k < 0)
                        r = k;
        }
        return r;
}

int interface_sysctl_collect(const char *name, PropertyList *state) {
        return walk_folders(&(Walk){.collected = state}, name, collect_file);
}

/* One that an older davit wrote has none. */
static bool has_any(const PropertyList *state) {
        property_list_foreach(entry, state)
                if (startswith(entry, KEY_PREFIX))
                        return true;
        return false;
}

int interface_sysctl_put_right(const char *name, const PropertyList *state) {
        return has_any(state) ? walk_folders(&(Walk){.saved = state}, name, put_right_file) : 0;
}
