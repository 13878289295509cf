/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The udev database of one container.
 *
 * libudev has an event of a device from the socket, and all else from files: whether udev is done with a
 * device, what its rules found out, which devices have a tag. And it listens to nothing at all where it takes
 * it that no udevd can be there: in a container, where /dev is no devtmpfs, unless /run/udev/control exists
 * (systemd since 246, src/libsystemd/sd-device/device-monitor.c).
 *
 * The folder is on the live /dev's file system, and so goes with it. It belongs to the host's root, whom the
 * container has no power over, so that paths of two components are as good as descriptors here. Nothing of it
 * leads out: ids and tags are single plain names.
 *
 * An entry is there before its tags and goes after them; one that replaces another does so at once, the
 * tags that are no more having gone. What is in tags/ without an entry is of an
 * interruption. The folder of a tag stays when its last device goes, as the next one is likely to have it
 * too.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inject/udev-folder.h"
#include "model/udev-data.h"
#include "util/fd.h"
#include "util/string.h"

#define XATTR_DEVICE  "trusted.davit.device"
#define DEVICE_ID_MAX 512
#define NEW_ENTRY     "data/.new"
#define ENTRY_MODE \
        0644 /* once it is complete: who finds it before may not read it, as if it were not there */

#define TAG_PATH_MAX   (sizeof("tags/") + UDEV_TAG_MAX + UDEV_DATA_ID_MAX)
#define ENTRY_PATH_MAX (sizeof("data/") + UDEV_DATA_ID_MAX)

int udev_folder_make(int root_fd) {
        static const char *const folders[] = {"udev", "udev/data", "udev/tags"};

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (mkdirat(root_fd, folders[i], 0700) < 0 ||
                    fchmodat(root_fd, folders[i], 0755, /* flags= */ 0) < 0)
                        return -errno;
        if (mknodat(root_fd, "udev/control", S_IFREG | 0600, 0) < 0 ||
            fchmodat(root_fd, "udev/control", 0444, /* flags= */ 0) < 0)
                return -errno;
        return 0;
}

int udev_folder_open(int root_fd) {
        return fd_open_dir(root_fd, "udev");
}

static const char *entry_path(const char *id, char path[static ENTRY_PATH_MAX]) {
        snprintf(path, ENTRY_PATH_MAX, "data/%s", id);
        return path;
}

static const char *tag_path(const char *tag, const char *id, char path[static TAG_PATH_MAX]) {
        snprintf(path, TAG_PATH_MAX, "tags/%s%s%s", tag, id ? "/" : "", id ?: "");
        return path;
}

/* To a file that nobody can read yet. Return: 0; errno. */
static int fill_entry(int fd, const Item *item) {
        size_t n = strlen(item->text);
        ssize_t written = write(fd, item->text, n);

        if (written < 0)
                return -errno;
        if ((size_t)written != n)
                return -ENOSPC;
        if (fsetxattr(fd, XATTR_DEVICE, item->device, strlen(item->device), /* flags= */ 0) < 0 ||
            fchmod(fd, ENTRY_MODE) < 0)
                return -errno;
        return 0;
}

/* Return: 0; -EEXIST; errno, with nothing left. */
static int make_entry(int udev_fd, const char *path, const Item *item) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = openat(udev_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        r = fill_entry(fd, item);
        if (r < 0)
                unlinkat(udev_fd, path, /* flags= */ 0);
        return r;
}

static bool text_has_tag(const char *text, const char *tag) {
        char one[UDEV_TAG_MAX];

        while (udev_data_next_tag(&text, one))
                if (streq(one, tag))
                        return true;
        return false;
}

/* Return: 0; errno, the old one being there still. */
static int put_new_entry(int udev_fd, const char *path, const Item *item) {
        int r;

        if (unlinkat(udev_fd, NEW_ENTRY, /* flags= */ 0) < 0 && errno != ENOENT)
                return -errno;
        r = make_entry(udev_fd, NEW_ENTRY, item);
        if (r >= 0 && renameat(udev_fd, NEW_ENTRY, udev_fd, path) < 0) {
                r = -errno;
                unlinkat(udev_fd, NEW_ENTRY, /* flags= */ 0);
        }
        return r;
}

/* All that counts is that there is a file. Another name of the entry costs less than a file of its own. */
static int add_tag(int udev_fd, const char *tag, const char *id) {
        char path[TAG_PATH_MAX], folder[TAG_PATH_MAX], entry[ENTRY_PATH_MAX];

        entry_path(id, entry);
        for (unsigned int i = 0; i < 2; i++) {
                if (linkat(udev_fd, entry, udev_fd, tag_path(tag, id, path), /* flags= */ 0) >= 0 ||
                    errno == EEXIST)
                        return 0;
                if (errno != ENOENT || mkdirat(udev_fd, tag_path(tag, NULL, folder), 0755) < 0)
                        break;
        }
        return -errno;
}

static int remove_tag(int udev_fd, const char *tag, const char *id) {
        char path[TAG_PATH_MAX];

        if (unlinkat(udev_fd, tag_path(tag, id, path), /* flags= */ 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

static int add_tags(int udev_fd, const Item *item) {
        const char *p = item->text;
        char tag[UDEV_TAG_MAX];
        int r = 0;

        while (r >= 0 && udev_data_next_tag(&p, tag))
                r = add_tag(udev_fd, tag, item->path);
        return r;
}

/* The tags that are no more go first: an interruption so leaves an entry without its tags, which is seen when
 * it is read. Return: 0; errno, the old one being there still, perhaps without these. */
static int replace_entry(int udev_fd, const char *path, const Item *item) {
        _cleanup_free_ char *old = NULL;
        char tag[UDEV_TAG_MAX];
        const char *p;
        int r;

        r = fd_read_file(udev_fd, path, UDEV_DATA_MAX, &old, NULL);
        p = old;
        while (r >= 0 && udev_data_next_tag(&p, tag))
                if (!text_has_tag(item->text, tag))
                        r = remove_tag(udev_fd, tag, item->path);
        return r < 0 ? r : put_new_entry(udev_fd, path, item);
}

int udev_folder_add(int udev_fd, const Item *item) {
        char path[ENTRY_PATH_MAX];
        int r;

        assert(item && item->kind == ITEM_DATA);

        if (strlen(item->device) >= DEVICE_ID_MAX)
                return -ENAMETOOLONG;
        r = make_entry(udev_fd, entry_path(item->path, path), item);
        if (r == -EEXIST)
                r = replace_entry(udev_fd, path, item);
        if (r < 0)
                return r;
        r = add_tags(udev_fd, item);
        if (r < 0)
                (void)udev_folder_remove(udev_fd, item);
        return r;
}

int udev_folder_remove(int udev_fd, const Item *item) {
        char tag[UDEV_TAG_MAX], path[ENTRY_PATH_MAX];
        const char *p = item->text;
        int r;

        assert(item->kind == ITEM_DATA);

        while (udev_data_next_tag(&p, tag)) {
                r = remove_tag(udev_fd, tag, item->path);
                if (r < 0)
                        return r;
        }
        if (unlinkat(udev_fd, entry_path(item->path, path), /* flags= */ 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

/* Calls @one for each name in the folder @path. Return: 0; what @one returned below it; errno. */
static int for_each_name(int udev_fd, const char *path,
                         int (*one)(int udev_fd, const char *folder, const char *name, void *userdata),
                         void *userdata) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd, r = 0;

        fd = openat(udev_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                safe_close(fd);
                return r;
        }
        while (r >= 0) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;
                if (entry->d_name[0] != '.')
                        r = one(udev_fd, path, entry->d_name, userdata);
        }
        return r;
}

/* Whether all tags of an entry have their files. */
static bool has_its_tags(int udev_fd, const Item *item) {
        char tag[UDEV_TAG_MAX], path[TAG_PATH_MAX];
        const char *p = item->text;

        while (udev_data_next_tag(&p, tag))
                if (faccessat(udev_fd, tag_path(tag, item->path, path), F_OK, /* flags= */ 0) < 0)
                        return false;
        return true;
}

static int read_entry(int udev_fd, _unused_ const char *folder, const char *id, void *userdata) {
        _cleanup_(item_unrefp) Item *item = NULL;
        char path[ENTRY_PATH_MAX], device[DEVICE_ID_MAX];
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        ItemSet *set = userdata;
        struct stat st;
        ssize_t n;
        int r;

        if (!udev_data_id_is_valid(id))
                return 0;
        r = fd_read_file(udev_fd, entry_path(id, path), UDEV_DATA_MAX, &text, NULL);
        if (r < 0)
                return r;
        fd = openat(udev_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        n = (st.st_mode & 07777) == ENTRY_MODE ? fgetxattr(fd, XATTR_DEVICE, device, sizeof(device) - 1) : 0;
        if (n <= 0)
                return unlinkat(udev_fd, path, /* flags= */ 0) < 0 ? -errno : 0;
        device[n] = '\0';
        r = item_new(&(Item){.kind = ITEM_DATA, .device = device, .path = id, .text = text}, &item);
        if (r < 0)
                return r;
        if (!has_its_tags(udev_fd, item))
                return udev_folder_remove(udev_fd, item);
        r = item_set_add(set, item);
        return r == -EEXIST ? 0 : r;
}

static int sweep_tag(int udev_fd, const char *folder, const char *id, _unused_ void *userdata) {
        char path[ENTRY_PATH_MAX];

        if (!udev_data_id_is_valid(id) || faccessat(udev_fd, entry_path(id, path), F_OK, /* flags= */ 0) >= 0)
                return 0;
        return remove_tag(udev_fd, folder + strlen("tags/"), id);
}

static int sweep_tags(int udev_fd, _unused_ const char *folder, const char *tag, void *userdata) {
        char path[TAG_PATH_MAX];

        if (strlen(tag) >= UDEV_TAG_MAX)
                return 0;
        return for_each_name(udev_fd, tag_path(tag, NULL, path), sweep_tag, userdata);
}

int udev_folder_read(int udev_fd, ItemSet *set) {
        int r;

        assert(set);

        r = for_each_name(udev_fd, "data", read_entry, set);
        return r < 0 ? r : for_each_name(udev_fd, "tags", sweep_tags, NULL);
}
