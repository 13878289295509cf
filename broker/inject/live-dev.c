/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The live /dev of one container: nodes and links go in, are revoked, and are read back.
 *
 * Each thing given has two names of one inode: held/COMPONENT, which the container never sees, and dev/PATH.
 * It is made in held/ and complete there before it is linked into dev/, so nobody sees it with a wrong owner
 * or mode; and it is revoked through held/, whatever the container has done to the other name meanwhile. The
 * order on the way out is inode, dev/, held/: as long as something is usable, held/ has it, so an
 * interruption at any point is found and finished by the next read or add.
 *
 * What was told of a thing without a node has no inode to be noted on, and gets a file for it in held/.
 *
 * A node's inode is host root's again before its names go, as names are not all that leads to it: the
 * container's root can make hard links of what it owns, and bind mounts of anything.
 *
 * The tmpfs is the host's: the container cannot make special files on it. The walks below dev/ are in
 * dev-folder.c.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inject/dev-folder.h"
#include "inject/live-dev-internal.h"
#include "inject/udev-folder.h"
#include "model/udev-data.h"
#include "util/fd.h"
#include "util/string.h"

#define XATTR_DEVICE "trusted.davit.device"
#define XATTR_EVENT  "trusted.davit.event"
#define UDEVD_TOLD   "trusted.davit.udevd" /* on held/ itself */

/* An id is a prefix and one component of a path in sysfs. */
#define DEVICE_ID_MAX 512U
#define LABEL_MAX     (DEVICE_ID_MAX + 32)

/* How often placing is tried anew when the container moves folders away under our hands. */
#define PLACE_TRIES 3

int live_dev_open(const char *runtime_dir, const char *name, LiveDev **ret) {
        _cleanup_(live_dev_closep) LiveDev *live = NULL;
        _cleanup_close_ int root_fd = -EBADF;
        char path[PATH_MAX];
        int r;

        assert(runtime_dir && name && ret);

        r = live_dev_path(runtime_dir, name, path, sizeof(path));
        if (r < 0)
                return r;
        root_fd = fd_open_dir(AT_FDCWD, path);
        if (root_fd < 0)
                return root_fd;

        live = malloc(sizeof(*live));
        if (!live)
                return -ENOMEM;
        *live = (LiveDev){.dev_fd = -EBADF, .held_fd = -EBADF, .udev_fd = -EBADF};
        live->dev_fd = fd_open_dir(root_fd, "dev");
        if (live->dev_fd < 0)
                return live->dev_fd;
        live->folders.dev_fd = live->dev_fd;
        live->held_fd = fd_open_dir(root_fd, "held");
        if (live->held_fd < 0)
                return live->held_fd;
        live->udev_fd = udev_folder_open(root_fd);
        if (live->udev_fd < 0 && live->udev_fd != -ENOENT)
                return live->udev_fd;
        /* Nodes are made with their final mode. */
        umask(0);
        *ret = TAKE_PTR(live);
        return 0;
}

LiveDev *live_dev_close(LiveDev *live) {
        if (live) {
                dev_folders_forget(&live->folders);
                safe_close(live->dev_fd);
                safe_close(live->held_fd);
                safe_close(live->udev_fd);
                free(live);
        }
        return NULL;
}

/*
 * Extended attributes of special files and symlinks can be reached by path only. Before Linux 6.13, which has
 * setxattrat(), the path is that of the descriptor that we hold and a name of our own making below it; it
 * costs several times as much.
 */
#define HELD_PATH_MAX (sizeof("/proc/self/fd/") + 11 + NAME_MAX + 1)

static const char *held_path(const LiveDev *live, const char *held, char buffer[static HELD_PATH_MAX]) {
        snprintf(buffer, HELD_PATH_MAX, "/proc/self/fd/%d/%s", live->held_fd, held);
        return buffer;
}

#ifndef SYS_setxattrat
#define SYS_setxattrat 463 /* on every architecture that Linux has but Alpha */
#endif

typedef struct XattrArgs { /* the kernel's struct xattr_args */
        uint64_t value;
        uint32_t size;
        uint32_t flags;
} XattrArgs;

static int set_label(const LiveDev *live, const char *held, const char *name, const void *value,
                     size_t size) {
        static bool unknown; /* to this kernel, or to a filter of system calls that is older and says EPERM */
        XattrArgs args = {.value = (uintptr_t)value, .size = (uint32_t)size};
        char path[HELD_PATH_MAX];

        if (!unknown) {
                if (syscall(SYS_setxattrat, live->held_fd, held, AT_SYMLINK_NOFOLLOW, name, &args,
                            sizeof(args)) >= 0)
                        return 0;
                if (errno != ENOSYS && errno != EPERM)
                        return -errno;
                unknown = true;
        }
        return lsetxattr(held_path(live, held, path), name, value, size, /* flags= */ 0) < 0 ? -errno : 0;
}

/* The device's id, a newline, the mode and the owners. An id has no newline: it is a path component of our
 * own making. Return: the label's size. */
static size_t label_of(const Item *item, char label[static LABEL_MAX]) {
        return (size_t)snprintf(label, LABEL_MAX, "%s\n%o %u %u", item->device,
                                (unsigned int)item->mode & 0777, (unsigned int)item->uid,
                                (unsigned int)item->gid);
}

/* Takes a label apart: the id stays in it, the rest goes to @ret. Return: 0; -EBADMSG. */
static int label_parse(char *label, size_t size, Item *ret) {
        unsigned int mode, uid, gid;
        char *newline;

        label[size] = '\0';
        newline = strchr(label, '\n');
        if (!newline || newline == label || sscanf(newline, "%o %u %u", &mode, &uid, &gid) != 3 ||
            mode > 0777)
                return -EBADMSG;
        *newline = '\0';
        ret->mode = mode;
        ret->uid = uid;
        ret->gid = gid;
        return 0;
}

/* Whether dev/@path is the inode @st of held/. */
static bool is_placed(const LiveDev *live, const char *path, const struct stat *st) {
        _cleanup_close_ int parent_fd = -EBADF;
        const char *base;
        struct stat placed;

        parent_fd = dev_folder_open(live->dev_fd, path, &base);
        return parent_fd >= 0 && fstatat(parent_fd, base, &placed, AT_SYMLINK_NOFOLLOW) >= 0 &&
               placed.st_dev == st->st_dev && placed.st_ino == st->st_ino;
}

static int revoke_inode(const LiveDev *live, const char *held, const struct stat *st) {
        int r = 0;

        if (fchownat(live->held_fd, held, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
                r = -errno;
        if (!S_ISLNK(st->st_mode) && fchmodat(live->held_fd, held, 0, /* flags= */ 0) < 0 && r == 0)
                r = -errno;
        return r;
}

/* Takes off what is held under @held, with its name dev/@path where that is the same thing. Return: 0; errno.
 */
static int drop(LiveDev *live, const char *held, const char *path) {
        struct stat st, placed;
        const char *base;
        int r, parent_fd;

        if (fstatat(live->held_fd, held, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        r = revoke_inode(live, held, &st);
        if (r < 0)
                return r;

        /* What the container put at that place instead is its own, and stays. */
        parent_fd = dev_folders_find(&live->folders, path, /* make= */ false, &base);
        if (parent_fd >= 0 && fstatat(parent_fd, base, &placed, AT_SYMLINK_NOFOLLOW) >= 0 &&
            placed.st_dev == st.st_dev && placed.st_ino == st.st_ino &&
            unlinkat(parent_fd, base, /* flags= */ 0) < 0 && errno != ENOENT)
                return -errno;
        if (unlinkat(live->held_fd, held, /* flags= */ 0) < 0 && errno != ENOENT)
                return -errno;
        dev_folders_prune(&live->folders, path);
        return 0;
}

/* Makes the inode in held/, complete. Return: 0; -EEXIST; errno, having left nothing. */
static int make_held(const LiveDev *live, const char *held, const Item *item) {
        char label[LABEL_MAX];
        int r;

        if (item->kind == ITEM_LINK)
                r = symlinkat(item->target, live->held_fd, held);
        else {
                mode_t type = item->type == 'b' ? S_IFBLK : S_IFCHR;

                r = mknodat(live->held_fd, held, type | (item->mode & 0777), item->rdev);
        }
        if (r < 0)
                return -errno;

        if (item->kind == ITEM_NODE &&
            fchownat(live->held_fd, held, item->uid, item->gid, AT_SYMLINK_NOFOLLOW) < 0)
                r = -errno;
        else
                r = set_label(live, held, XATTR_DEVICE, label, label_of(item, label));
        if (r < 0)
                unlinkat(live->held_fd, held, /* flags= */ 0);
        return r;
}

/* A special file that was revoked, which the container had saved under another name and put back. */
static bool is_corpse(int parent_fd, const char *base) {
        struct stat st;

        return fstatat(parent_fd, base, &st, AT_SYMLINK_NOFOLLOW) >= 0 && st.st_uid == 0 &&
               st.st_nlink == 1 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && (st.st_mode & 07777) == 0;
}

/* Gives the inode in held/ its name in dev/. Return: 0; -EEXIST; errno. */
static int place(LiveDev *live, const char *held, const char *path) {
        int r = -EBUSY;

        for (unsigned int i = 0; i < PLACE_TRIES; i++) {
                const char *base;
                int parent_fd;

                parent_fd = dev_folders_find(&live->folders, path, /* make= */ true, &base);
                if (parent_fd < 0) {
                        r = parent_fd;
                        if (r == -ENOENT)
                                continue;
                        return r;
                }
                if (linkat(live->held_fd, held, parent_fd, base, /* flags= */ 0) >= 0)
                        return 0;
                r = -errno;
                if (r == -ENOENT) {
                        /* The innermost folder goes with its last node. If it is not that, a folder was
                         * renamed and removed: once more from the top. */
                        if (dev_folders_make_last(parent_fd, base) < 0)
                                dev_folders_forget(&live->folders);
                        continue;
                }
                if (r != -EEXIST || !is_corpse(parent_fd, base) ||
                    unlinkat(parent_fd, base, /* flags= */ 0) < 0)
                        return r;
        }
        return r;
}

/* Whether all of @item is there already. */
static bool is_there(const LiveDev *live, const char *held, const Item *item) {
        char path[HELD_PATH_MAX], found[LABEL_MAX], label[LABEL_MAX], target[PATH_MAX];
        struct stat st;
        ssize_t n;

        if (fstatat(live->held_fd, held, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_placed(live, item->path, &st))
                return false;
        n = lgetxattr(held_path(live, held, path), XATTR_DEVICE, found, sizeof(found));
        if (n < 0 || (size_t)n != label_of(item, label) || memcmp(found, label, (size_t)n) != 0)
                return false;
        if (item->kind == ITEM_LINK) {
                n = readlinkat(live->held_fd, held, target, sizeof(target));
                return n >= 0 && (size_t)n == strlen(item->target) &&
                       memcmp(target, item->target, (size_t)n) == 0;
        }
        return (item->type == 'b' ? S_ISBLK(st.st_mode) : S_ISCHR(st.st_mode)) && st.st_rdev == item->rdev;
}

int live_dev_add(LiveDev *live, const Item *item) {
        char held[NAME_MAX + 1];
        int r;

        assert(live && item);
        assert(item->kind == ITEM_NODE || item->kind == ITEM_LINK || item->kind == ITEM_DATA);

        if (item->kind == ITEM_DATA)
                return live->udev_fd < 0 ? 0 : udev_folder_add(live->udev_fd, item);
        if (strlen(item->device) >= DEVICE_ID_MAX)
                return -ENAMETOOLONG;
        r = string_to_component(item->path, held, sizeof(held));
        if (r < 0)
                return r;
        r = make_held(live, held, item);
        if (r == -EEXIST) {
                if (is_there(live, held, item))
                        return 0;
                /* Something of it is not where we put it: perhaps its folder has another name by now. */
                r = drop(live, held, item->path);
                if (r < 0)
                        return r;
                dev_folders_forget(&live->folders);
                r = make_held(live, held, item);
        }
        if (r < 0)
                return r;
        r = place(live, held, item->path);
        if (r < 0)
                (void)drop(live, held, item->path);
        return r;
}

int live_dev_remove(LiveDev *live, const Item *item) {
        char held[NAME_MAX + 1];
        int r;

        assert(live && item);

        if (item->kind == ITEM_DATA)
                return live->udev_fd < 0 ? 0 : udev_folder_remove(live->udev_fd, item);
        r = string_to_component(item->path, held, sizeof(held));
        return r < 0 ? r : drop(live, held, item->path);
}

int live_dev_udevd_told(const LiveDev *live) {
        char path[HELD_PATH_MAX];

        if (getxattr(held_path(live, ".", path), UDEVD_TOLD, NULL, 0) >= 0)
                return 1;
        return errno == ENODATA ? 0 : -errno;
}

int live_dev_set_udevd_told(LiveDev *live) {
        char path[HELD_PATH_MAX];

        return setxattr(held_path(live, ".", path), UDEVD_TOLD, "", 0, /* flags= */ 0) < 0 ? -errno : 0;
}

int live_dev_set_announced(LiveDev *live, const char *node_path, const PropertyList *properties) {
        char held[NAME_MAX + 1];
        int r;

        assert(live && node_path);

        r = string_to_component(node_path, held, sizeof(held));
        if (r < 0)
                return r;
        if (properties)
                return set_label(live, held, XATTR_EVENT, properties->data, properties->size);
        /* Empty means none, and is cheaper than to remove it. */
        r = set_label(live, held, XATTR_EVENT, "", 0);
        return r == -ENOENT ? 0 : r;
}

/* No path below /dev has a slash in front. Return: 0; -EBADMSG; -ENAMETOOLONG. */
static int note_name(const Item *event, char held[static NAME_MAX + 1]) {
        char path[1 + UDEV_DATA_ID_MAX] = "/";
        int r;

        r = udev_data_id(&event->properties, path + 1);
        return r < 0 ? r : string_to_component(path, held, NAME_MAX + 1);
}

int live_dev_set_told(LiveDev *live, const Item *event, bool told) {
        char held[NAME_MAX + 1], label[LABEL_MAX];
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(live && event && event->kind == ITEM_EVENT);

        r = note_name(event, held);
        if (r < 0)
                return r;
        if (!told)
                return unlinkat(live->held_fd, held, /* flags= */ 0) < 0 && errno != ENOENT ? -errno : 0;
        fd = openat(live->held_fd, held, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (fsetxattr(fd, XATTR_EVENT, event->properties.data, event->properties.size, /* flags= */ 0) < 0 ||
            fsetxattr(fd, XATTR_DEVICE, label, label_of(event, label), /* flags= */ 0) < 0) {
                r = -errno;
                unlinkat(live->held_fd, held, /* flags= */ 0);
        }
        return r;
}

/* Adds an item that is known by what was read. What item_new() does not take is junk and passed over. */
static int add_read(ItemSet *set, const Item *from) {
        _cleanup_(item_unrefp) Item *item = NULL;
        int r;

        r = item_new(from, &item);
        if (r == -EINVAL)
                return 0;
        if (r < 0)
                return r;
        r = item_set_add(set, item);
        return r == -EEXIST ? 0 : r;
}

static int read_event(const char *path, const char *device, char *buffer, ItemSet *set) {
        PropertyList properties = {};
        const char *devpath;
        ssize_t n;
        int r;

        n = lgetxattr(path, XATTR_EVENT, buffer, PROPERTY_LIST_SIZE_MAX);
        if (n <= 0)
                return n == 0 || errno == ENODATA ? 0 : -errno;
        r = property_list_append(&properties, buffer, (size_t)n);
        if (r == -EBADMSG)
                return 0;
        if (r < 0)
                return r;
        devpath = property_list_get(&properties, "DEVPATH");
        r = devpath ? add_read(set, &(Item){.kind = ITEM_EVENT,
                                            .device = device,
                                            .path = devpath,
                                            .properties = properties})
                    : 0;
        property_list_deinit(&properties);
        return r;
}

/* What was told of a thing without a node. One that is not complete was never told, or is to be told again.
 */
static int read_note(const LiveDev *live, const char *held, char *buffer, ItemSet *set) {
        char held_at[HELD_PATH_MAX], label[LABEL_MAX];
        Item unused = {};
        ssize_t n;

        held_path(live, held, held_at);
        n = lgetxattr(held_at, XATTR_DEVICE, label, sizeof(label) - 1);
        if (n <= 0 || label_parse(label, (size_t)n, &unused) < 0)
                return unlinkat(live->held_fd, held, /* flags= */ 0) < 0 ? -errno : 0;
        return read_event(held_at, label, buffer, set);
}

/* One entry of held/. @buffer has PROPERTY_LIST_SIZE_MAX bytes. Return: 0, also for junk; errno. */
static int read_one(LiveDev *live, const char *held, char *buffer, ItemSet *set) {
        char held_at[HELD_PATH_MAX], path[NAME_MAX + 1], label[LABEL_MAX], target[PATH_MAX];
        Item item = {.device = label, .path = path};
        struct stat st;
        ssize_t n;
        int r;

        if (string_from_component(held, path, sizeof(path)) < 0 ||
            fstatat(live->held_fd, held, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISREG(st.st_mode)))
                return 0;
        if (S_ISREG(st.st_mode))
                return path[0] == '/' ? read_note(live, held, buffer, set) : 0;
        held_path(live, held, held_at);
        n = lgetxattr(held_at, XATTR_DEVICE, label, sizeof(label) - 1);
        /* Not to be reported as present, and so never removed by a plan: taken off here, or it outlived its
         * grant. */
        if (n <= 0 || label_parse(label, (size_t)n, &item) < 0 || !is_placed(live, path, &st))
                return drop(live, held, path);

        if (S_ISLNK(st.st_mode)) {
                n = readlinkat(live->held_fd, held, target, sizeof(target) - 1);
                if (n < 0)
                        return -errno;
                target[n] = '\0';
                item.kind = ITEM_LINK;
                item.target = target;
                return add_read(set, &item);
        }
        item.kind = ITEM_NODE;
        item.type = S_ISBLK(st.st_mode) ? 'b' : 'c';
        item.rdev = st.st_rdev;
        r = add_read(set, &item);
        return r < 0 ? r : read_event(held_at, label, buffer, set);
}

/* Calls @one for each entry of held/; a NULL one stops nothing. Return: 0; the first errno where @all go on;
 * errno. */
static DIR *open_held(const LiveDev *live) {
        _cleanup_close_ int fd = -EBADF;
        DIR *dir;

        fd = openat(live->held_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd < 0 ? NULL : fdopendir(fd);
        if (dir)
                TAKE_FD(fd);
        return dir;
}

int live_dev_read(LiveDev *live, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet set = {};
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_free_ char *buffer = NULL;
        int r;

        assert(live && ret);

        /* Whoever reads is in doubt, also of the folders' names. */
        dev_folders_forget(&live->folders);
        buffer = malloc(PROPERTY_LIST_SIZE_MAX);
        if (!buffer)
                return -ENOMEM;
        dir = open_held(live);
        if (!dir)
                return -errno;
        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry) {
                        if (errno != 0)
                                return -errno;
                        break;
                }
                if (entry->d_name[0] == '.')
                        continue;
                r = read_one(live, entry->d_name, buffer, &set);
                if (r < 0)
                        return r;
        }
        r = live->udev_fd < 0 ? 0 : udev_folder_read(live->udev_fd, &set);
        if (r < 0)
                return r;
        *ret = set;
        set = (ItemSet){};
        return 0;
}

int live_dev_revoke_all(LiveDev *live) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int first = 0;

        dir = open_held(live);
        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                struct stat st;
                int r;

                if (entry->d_name[0] == '.' ||
                    fstatat(live->held_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                r = revoke_inode(live, entry->d_name, &st);
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}
