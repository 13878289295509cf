/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Roots that are put together: a base, and where asked for an overlay over it.
 *
 *   FOLDER/layers/image   the squashfs, as it is
 *   FOLDER/layers/base    what is below the overlay, owners shifted
 *   FOLDER/layers/upper   what is above, owners shifted; or a tmpfs with the container's owners
 *   FOLDER/rootfs         the root: the overlay, or without one the base itself
 *
 * Nobody but the host's root enters layers/. The overlay, once mounted, needs none of the paths.
 *
 * An archive is unpacked into the scratch folder and renamed when it is whole: what was cut short, by
 * whatever, never counts. All that is here is taken off by name, whoever does it.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/idmap.h"
#include "launch/kept.h"
#include "launch/message.h"
#include "launch/root-archive.h"
#include "launch/root-layers.h"
#include "launch/root-squashfs.h"
#include "launch/tree.h"
#include "util/fd.h"
#include "util/string.h"

#define STAMP_MAX  (PATH_MAX + 256U)
#define INODES_MIN 16384U
#define INODE_SIZE 4096U /* one inode for so many bytes of an overlay in memory */

typedef struct Layers {
        const RootRequest *request;
        char *layers; /* FOLDER/layers */
        char *kept;   /* STATE/NAME; NULL nothing is kept */
        int kept_fd;
        char **message;
} Layers;

static void layers_deinit(Layers *layers) {
        free(layers->layers);
        free(layers->kept);
        safe_close(layers->kept_fd);
}

/* A path below @folder on the stack of the caller; not to stand among the arguments of a call. */
#define BELOW(folder, name)                                              \
        ({                                                               \
                char *_path = alloca(strlen(folder) + strlen(name) + 2); \
                sprintf(_path, "%s/%s", (folder), (name));               \
                _path;                                                   \
        })

static int make_folder(const char *path, mode_t mode) {
        return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int root_layers_wanted_ids(const ContainerRoot *root, uint32_t *ret, char **message) {
        struct stat st;

        *ret = 0;
        if (root->kind != CONTAINER_ROOT_FOLDER)
                return 0;
        if (stat(root->path, &st) < 0)
                return message_set(message, -errno, "the root folder %s cannot be opened: %s", root->path,
                                   strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return message_set(message, -ENOTDIR, "the root %s is no folder", root->path);
        *ret = st.st_uid;
        return 0;
}

/* Shows a tree at @to. @slice: NULL the owners are right. */
static int show(Layers *layers, const char *from, const char *to, const IdSlice *slice,
                unsigned int attributes) {
        int r = idmap_mount(from, to, slice, attributes);

        if (r == -EOPNOTSUPP)
                return message_set(layers->message, r,
                                   "this kernel cannot shift the owners of %s on its file system: it has to "
                                   "be on one that can, as ext4, XFS or btrfs",
                                   from);
        if (r < 0)
                return message_set(layers->message, r, "%s cannot be made a layer of the root: %s", from,
                                   strerror(-r));
        return 0;
}

/* Takes the folder of what is kept. Return: 0, also where we have it; errno. */
static int open_kept(Layers *layers) {
        const RootRequest *request = layers->request;

        if (layers->kept_fd >= 0)
                return 0;
        layers->kept_fd = kept_open(request->state_dir, request->name, request->folder, &layers->kept);
        if (layers->kept_fd == -EBUSY)
                return message_set(layers->message, -EBUSY,
                                   "what is kept of %s in %s is in use by another container", request->name,
                                   request->state_dir);
        if (layers->kept_fd < 0)
                return message_set(layers->message, layers->kept_fd, "the folder %s/%s cannot be made: %s",
                                   request->state_dir, request->name, strerror(-layers->kept_fd));
        return 0;
}

/* Which archive or image a tree was made of. */
static int format_stamp(const char *path, const struct stat *st, char **ret) {
        return asprintf(ret, "%s\n%llu %lld.%09ld %llu\n", path, (unsigned long long)st->st_size,
                        (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                        (unsigned long long)st->st_ino) < 0
                       ? -ENOMEM
                       : 0;
}

static bool stamp_is(const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;

        return fd_read_file(AT_FDCWD, path, STAMP_MAX, &text, NULL) >= 0 && streq(text, expected);
}

static int unpack_to(Layers *layers, int archive_fd, const char *to, bool sync) {
        const RootRequest *request = layers->request;
        const ArchiveRequest unpack = {
                .from_fd = archive_fd,
                .path = request->root->path,
                .folder = to,
                .uid = request->slice->uid_base,
                .gid = request->slice->gid_base,
                .sync = sync,
                .cancel_fd = request->cancel_fd,
                .progress_fd = request->progress_fd,
        };
        int r;

        r = make_folder(to, 0755);
        if (r >= 0 && chmod(to, 0755) < 0) /* whatever the umask is */
                r = -errno;
        return r < 0 ? r : archive_unpack(&unpack, layers->message);
}

/* Puts the tree that was unpacked in the place of @to. What is there goes with the scratch folder. */
static int replace_tree(const char *tree, const char *to, const char *old) {
        if (rename(to, old) < 0 && errno != ENOENT)
                return -errno;
        return rename(tree, to) < 0 ? -errno : 0;
}

/* The tree under an overlay: unpacked when there is none, or the archive is another. */
static int prepare_base(Layers *layers, int archive_fd, const struct stat *st) {
        const char *base = BELOW(layers->kept, "base"), *stamp = BELOW(layers->kept, "base.from"),
                   *tree = BELOW(layers->kept, "scratch/tree"), *old = BELOW(layers->kept, "scratch/old");
        _cleanup_free_ char *text = NULL;
        int r;

        r = format_stamp(layers->request->root->path, st, &text);
        if (r < 0)
                return r;
        if (stamp_is(stamp, text) && access(base, F_OK) >= 0)
                return 0;
        r = unpack_to(layers, archive_fd, tree, /* sync= */ true);
        if (r < 0)
                return r;
        /* Without a stamp the tree would not count, should we come no further than this. */
        if (unlink(stamp) < 0 && errno != ENOENT)
                return -errno;
        r = replace_tree(tree, base, old);
        return r < 0 ? r : fd_write_file(AT_FDCWD, stamp, text, strlen(text), 0600);
}

/* Return: 0, and in *ret the tree, owned by the caller; errno. */
static int prepare_archive(Layers *layers, char **ret) {
        const ContainerRoot *root = layers->request->root;
        const char *name = root->overlay ? "base" : root->keep ? "root" : "scratch/tree";
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r = 0;

        if (asprintf(&path, "%s/%s", layers->kept, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        /* From then on the archive may be gone. */
        if (root->keep && !root->overlay && access(path, F_OK) >= 0) {
                *ret = TAKE_PTR(path);
                return 0;
        }
        fd = open(root->path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return message_set(layers->message, -errno, "the archive %s cannot be opened: %s", root->path,
                                   strerror(errno));
        if (!S_ISREG(st.st_mode))
                return message_set(layers->message, -EINVAL, "the archive %s is not a regular file",
                                   root->path);
        if (root->overlay)
                r = prepare_base(layers, fd, &st);
        else {
                const char *tree = BELOW(layers->kept, "scratch/tree");

                r = unpack_to(layers, fd, tree, /* sync= */ root->keep);
                if (r >= 0 && root->keep && rename(tree, path) < 0)
                        r = -errno;
        }
        if (r < 0)
                return message_set(layers->message, r, "the archive %s cannot be unpacked in %s: %s",
                                   root->path, layers->kept, strerror(-r));
        *ret = TAKE_PTR(path);
        return 0;
}

/* Linux before 6.2 cannot shift the owners of a squashfs, but those of a copy of it. */
static int copy_squashfs(Layers *layers, const char *image, const char *to) {
        _cleanup_close_ int fd = open(image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const char *base;
        struct stat st;
        int r;

        if (fd < 0 || stat(layers->request->root->path, &st) < 0)
                return -errno;
        r = open_kept(layers);
        if (r >= 0)
                r = prepare_base(layers, fd, &st);
        if (r < 0)
                return r;
        base = BELOW(layers->kept, "base");
        return show(layers, base, to, layers->request->slice, MOUNT_ATTR_RDONLY);
}

static int create_squashfs(Layers *layers, const char *to) {
        const char *image = BELOW(layers->layers, "image"), *path = layers->request->root->path;
        int r;

        r = make_folder(image, 0700);
        if (r >= 0)
                r = squashfs_mount(path, image, layers->message);
        if (r < 0)
                return r;
        r = idmap_mount(image, to, layers->request->slice, MOUNT_ATTR_RDONLY);
        if (r == -EOPNOTSUPP)
                r = copy_squashfs(layers, image, to);
        if (r < 0)
                return message_set(layers->message, r, "the squashfs %s cannot be made the root: %s", path,
                                   strerror(-r));
        return 0;
}

/* The base, at @to. */
static int create_base(Layers *layers, const char *to) {
        const RootRequest *request = layers->request;
        const ContainerRoot *root = request->root;
        _cleanup_free_ char *tree = NULL;
        struct stat st;
        int r;

        switch (root->kind) {
        case CONTAINER_ROOT_FOLDER:
                if (stat(root->path, &st) < 0)
                        return -errno;
                if (st.st_uid != 0 && st.st_gid != request->slice->gid_base)
                        return message_set(layers->message, -EINVAL,
                                           "the root folder %s is owned by uid %u and gid %u: both must be "
                                           "the first of a range of root's in /etc/subuid and /etc/subgid",
                                           root->path, (unsigned int)st.st_uid, (unsigned int)st.st_gid);
                return show(layers, root->path, to, st.st_uid == 0 ? request->slice : NULL,
                            /* attributes= */ 0);
        case CONTAINER_ROOT_SQUASHFS:
                return create_squashfs(layers, to);
        case CONTAINER_ROOT_ARCHIVE:
                r = prepare_archive(layers, &tree);
                return r < 0 ? r : show(layers, tree, to, request->slice, /* attributes= */ 0);
        case CONTAINER_ROOT_SMALL:
        case CONTAINER_ROOT_MAX:
        case CONTAINER_ROOT_INVALID:
                break;
        }
        return -EINVAL;
}

/* The two folders that overlayfs takes, in @path. The mode of the first is that of the root. */
static int make_upper(const char *path, mode_t mode, uid_t uid, gid_t gid) {
        const char *data = BELOW(path, "data"), *work = BELOW(path, "work");

        if (mkdir(data, mode) >= 0) {
                if (chown(data, uid, gid) < 0 || chmod(data, mode) < 0)
                        return -errno;
        } else if (errno != EEXIST)
                return -errno;
        if (mkdir(work, 0700) < 0)
                return errno == EEXIST ? 0 : -errno;
        return chown(work, uid, gid) < 0 ? -errno : 0;
}

/* What was written over one base makes no sense over another. The same one may have changed. */
static int check_upper(Layers *layers, const char *upper) {
        const ContainerRoot *root = layers->request->root;
        const char *from = BELOW(upper, "from");
        _cleanup_free_ char *text = NULL, *before = NULL;
        int r;

        if (asprintf(&text, "%s %s\n", container_root_kind_to_string(root->kind), root->path) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        r = fd_read_file(AT_FDCWD, from, STAMP_MAX, &before, NULL);
        if (r == -ENOENT)
                return fd_write_file(AT_FDCWD, from, text, strlen(text), 0600);
        if (r < 0 || streq(before, text))
                return r;
        before[strcspn(before, "\n")] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return message_set(layers->message, -EEXIST,
                           "what is kept of %s was written over the %s, not over the %s: remove %s to begin "
                           "anew, or give the container file another name",
                           layers->request->name, before, text, upper);
}

static int create_upper(Layers *layers, const char *base, const char *to) {
        const RootRequest *request = layers->request;
        const IdSlice *slice = request->slice;
        const char *kept;
        char options[160];
        struct stat st;
        int r;

        if (stat(base, &st) < 0)
                return -errno;
        r = make_folder(to, 0700);
        if (r < 0)
                return r;
        if (request->root->keep) {
                kept = BELOW(layers->kept, "upper");
                r = make_folder(kept, 0700);
                if (r >= 0)
                        r = check_upper(layers, kept);
                if (r >= 0)
                        r = make_upper(kept, st.st_mode & 07777, 0, 0);
                return r < 0 ? r : show(layers, kept, to, slice, /* attributes= */ 0);
        }
        snprintf(options, sizeof(options), "mode=0700,size=%" PRIu64 ",nr_inodes=%" PRIu64,
                 request->root->size, MAX(request->root->size / INODE_SIZE, (uint64_t)INODES_MIN));
        if (mount("davit-upper", to, "tmpfs", MS_NODEV, options) < 0 || mount("", to, "", MS_PRIVATE, "") < 0)
                return -errno;
        return make_upper(to, st.st_mode & 07777, slice->uid_base, slice->gid_base);
}

/* In a child: paths among the options are relative, as a comma or a colon in one would end it. */
static int mount_overlay(void *userdata) {
        const char *layers = userdata;

        if (chdir(layers) < 0)
                return -errno;
        if (mount("davit-root", "../rootfs", "overlay", MS_NODEV,
                  "lowerdir=base,upperdir=upper/data,workdir=upper/work") < 0)
                return -errno;
        return mount("", "../rootfs", "", MS_PRIVATE, "") < 0 ? -errno : 0;
}

static int create_overlay(Layers *layers) {
        const char *base = BELOW(layers->layers, "base"), *upper = BELOW(layers->layers, "upper");
        int r;

        r = make_folder(base, 0700);
        if (r >= 0)
                r = create_base(layers, base);
        if (r >= 0)
                r = create_upper(layers, base, upper);
        if (r < 0)
                return r;
        r = idmap_run(layers->request->slice, mount_overlay, layers->layers);
        if (r < 0)
                return message_set(layers->message, r, "the overlay over %s cannot be mounted: %s",
                                   layers->request->root->path, strerror(-r));
        return 0;
}

static int create(Layers *layers) {
        const RootRequest *request = layers->request;
        const char *rootfs = BELOW(request->folder, "rootfs");
        int r;

        r = make_folder(rootfs, 0755);
        if (r >= 0)
                r = make_folder(layers->layers, 0700);
        if (r < 0)
                return r;
        if (request->root->kind == CONTAINER_ROOT_ARCHIVE || (request->root->overlay && request->root->keep))
                r = open_kept(layers);
        if (r < 0)
                return r;
        return request->root->overlay ? create_overlay(layers) : create_base(layers, rootfs);
}

int root_layers_create(const RootRequest *request, int *ret_lock, char **message) {
        _cleanup_(layers_deinit) Layers layers = {
                .request = request,
                .kept_fd = -EBADF,
                .message = message,
        };
        int r;

        if (asprintf(&layers.layers, "%s/layers", request->folder) < 0) {
                layers.layers = NULL;
                return -ENOMEM;
        }
        r = create(&layers);
        if (r < 0)
                return message_set(message, r, "the root %s cannot be made: %s", request->root->path,
                                   strerror(-r));
        *ret_lock = TAKE_FD(layers.kept_fd);
        return 0;
}
