/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The watch for nodes that no uevent tells of.
 *
 * The folders are watched by inotify. Most of what happens there is of nodes that events tell of; of such a
 * name one look at its number is taken, and a whole look at all folders only where something came or went
 * that is ours to tell of. Each whole look tells of all that there is; one that fails in the middle tells of
 * nothing. Without a rule that has a path there is no watch and nothing to look at.
 *
 * The kernel makes its entry below /sys/dev before the node and takes it off after it, so a node without one
 * is none of the kernel's. It can become one: a node that stands for a module is in /dev before the module,
 * which comes with the first who opens it. Then events tell of it from there on, and nothing is taken back
 * here, as its number is in the registry once at any time: the kernel's object takes it over. Where it can be
 * foreseen what that object will be called, the node is told of by this name, so that it is the same device
 * before and after, and whoever has opened it keeps it.
 *
 * Of several names of one number the first in alphabetical order counts.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "model/part.h"
#include "source/node-folders.h"
#include "source/nodes.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

/* Reads of events in one go: the rest of the loop has its turn after them. */
#define BATCH_MAX 16

struct Nodes {
        NodesRoots roots;
        const NodesOps *ops;
        void *userdata;
        Report report;
        NodeFolders folders;
        int epoll_fd;
        int inotify_fd; /* -EBADF: nothing is watched */
        bool watching;  /* all folders are watched as they are now */
        bool complained;
};

typedef struct Found {
        char *path; /* below /dev */
        char type;
        dev_t rdev;
} Found;

typedef struct FoundList {
        Found *items;
        size_t n_items;
} FoundList;

static void found_list_deinit(FoundList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                free(list->items[i].path);
        free(list->items);
        *list = (FoundList){};
}

int nodes_new(const NodesRoots *roots, const NodesOps *ops, void *userdata, Nodes **ret) {
        _cleanup_(nodes_freep) Nodes *nodes = NULL;

        assert(roots && ops && ops->event && ops->known && ret);

        nodes = calloc(1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        *nodes = (Nodes){.roots = *roots, .ops = ops, .userdata = userdata, .inotify_fd = -EBADF};
        nodes->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (nodes->epoll_fd < 0)
                return -errno;
        *ret = TAKE_PTR(nodes);
        return 0;
}

Nodes *nodes_free(Nodes *nodes) {
        if (!nodes)
                return NULL;
        report_deinit(&nodes->report);
        node_folders_deinit(&nodes->folders);
        safe_close(nodes->inotify_fd);
        safe_close(nodes->epoll_fd);
        free(nodes);
        return NULL;
}

int nodes_fd(const Nodes *nodes) {
        return nodes->epoll_fd;
}

void nodes_forget_rules(Nodes *nodes) {
        node_folders_deinit(&nodes->folders);
        nodes->inotify_fd = safe_close(nodes->inotify_fd);
        nodes->watching = false;
        nodes->complained = false;
}

int nodes_add_rule(Nodes *nodes, const Rule *rule) {
        nodes->watching = false;
        return node_folders_add(&nodes->folders, &rule->match.path);
}

/* All watches anew, so that none is left of a folder that is not meant any more. */
static int watch(Nodes *nodes) {
        struct epoll_event event = {.events = EPOLLIN};
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (nodes->folders.n_items == 0)
                return 0;
        fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd < 0 || epoll_ctl(nodes->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                return -errno;
        r = node_folders_watch(&nodes->folders, nodes->roots.dev, fd);
        safe_close(nodes->inotify_fd);
        nodes->inotify_fd = TAKE_FD(fd);
        nodes->watching = r >= 0;
        return r;
}

static bool is_in_sysfs(const Nodes *nodes, char type, dev_t rdev) {
        char path[PATH_MAX];

        return snprintf(path, sizeof(path), "%s/dev/%s/%u:%u", nodes->roots.sys,
                        type == 'b' ? "block" : "char", major(rdev), minor(rdev)) < (int)sizeof(path) &&
               faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static bool object_exists(const Nodes *nodes, const char *devpath) {
        char path[PATH_MAX];

        return snprintf(path, sizeof(path), "%s%s", nodes->roots.sys, devpath) < (int)sizeof(path) &&
               access(path, F_OK) >= 0;
}

static bool is_of_others(const Nodes *nodes, char type, dev_t rdev) {
        return is_in_sysfs(nodes, type, rdev) || nodes->ops->known(nodes->userdata, type, rdev);
}

/* Whether @name in @dirfd is a node, and ours to tell of. */
static bool look_at(const Nodes *nodes, int dirfd, const char *name, char *ret_type, dev_t *ret_rdev) {
        struct stat st;
        char type;

        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
                return false;
        type = S_ISBLK(st.st_mode) ? 'b' : 'c';
        if (is_of_others(nodes, type, st.st_rdev))
                return false;
        *ret_type = type;
        *ret_rdev = st.st_rdev;
        return true;
}

/* @name in @folder as a path. Return: whether it can be that of a node. */
static bool join(const NodeFolder *folder, const char *name, char ret[static PATH_MAX]) {
        return snprintf(ret, PATH_MAX, "%s%s%s", folder->name, *folder->name ? "/" : "", name) < PATH_MAX;
}

static int found_list_add(FoundList *list, const char *path, char type, dev_t rdev) {
        Found *grown = reallocarray(list->items, list->n_items + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        list->items = grown;
        grown[list->n_items] = (Found){.path = strdup(path), .type = type, .rdev = rdev};
        if (!grown[list->n_items].path)
                return -ENOMEM;
        list->n_items++;
        return 0;
}

/* Return: 0; errno. */
static int look_in(Nodes *nodes, const NodeFolder *folder, FoundList *list) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct dirent *entry;

        fd = node_folder_open(folder, nodes->roots.dev);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        TAKE_FD(fd);
        while ((entry = readdir(dir))) {
                char path[PATH_MAX], type;
                dev_t rdev;
                int r;

                if ((entry->d_type != DT_CHR && entry->d_type != DT_BLK && entry->d_type != DT_UNKNOWN) ||
                    !join(folder, entry->d_name, path) || !node_folders_want(&nodes->folders, folder, path) ||
                    !look_at(nodes, dirfd(dir), entry->d_name, &type, &rdev))
                        continue;
                if (list->n_items >= REPORT_MAX) {
                        if (!nodes->complained)
                                log_warning("More than %d nodes that no event tells of match the rules; "
                                            "the others are passed over",
                                            REPORT_MAX);
                        nodes->complained = true;
                        return 0;
                }
                r = found_list_add(list, path, type, rdev);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Those of one number together, in the order of their names. */
static int compare(const void *a, const void *b) {
        const Found *x = a, *y = b;
        uint64_t key_x = part_node_key(x->type, x->rdev), key_y = part_node_key(y->type, y->rdev);

        if (key_x != key_y)
                return key_x < key_y ? -1 : 1;
        return strcmp(x->path, y->path);
}

/* Each component made harmless, and `!` for the slashes between them, as the kernel writes such names in
 * sysfs: different paths stay different. */
static bool spell_devpath(const char *path, char *ret, size_t size) {
        size_t at = (size_t)snprintf(ret, size, "/devices/virtual/node/");

        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");
                char name[NAME_MAX + 1];

                if (n >= sizeof(name))
                        return false;
                memcpy(name, p, n);
                name[n] = '\0';
                if (string_to_component(name, ret + at, size - at) < 0)
                        return false;
                at += strlen(ret + at);
                p += n;
                if (!*p)
                        return true;
                if (at + 1 >= size)
                        return false;
                ret[at++] = '!';
        }
}

/* The devpath that the kernel's object of that number will have when its module is loaded, for those
 * subsystems whose nodes stand for modules: include/uapi/linux/major.h, drivers/char/misc.c,
 * drivers/net/ppp/ppp_generic.c and sound/core of Linux. It is a guess: another object may have the name. */
static bool foresee_devpath(const Nodes *nodes, const Found *found, char *ret, size_t size) {
        static const struct {
                unsigned int major;
                const char *class;
        } classes[] = {{10, "misc"}, {108, "ppp"}, {116, "sound"}};
        const char *slash = strrchr(found->path, '/'), *name = slash ? slash + 1 : found->path;
        char component[NAME_MAX + 1];

        if (found->type != 'c' || string_to_component(name, component, sizeof(component)) < 0 ||
            !streq(name, component))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (classes[i].major == major(found->rdev))
                        return snprintf(ret, size, "/devices/virtual/%s/%s", classes[i].class, name) <
                                       (int)size &&
                               !object_exists(nodes, ret);
        return false;
}

static int set_number(PropertyList *list, const char *key, unsigned int value) {
        char text[16];

        snprintf(text, sizeof(text), "%u", value);
        return property_list_set(list, key, text);
}

/* Return: 0; -EEXIST another has that devpath; -ENOMEM. */
static int tell_as(Nodes *nodes, const Found *found, const char *devpath) {
        _cleanup_(property_list_deinit) PropertyList list = {};
        char name[PATH_MAX + sizeof("/dev/")], type;
        dev_t rdev;
        int r;

        snprintf(name, sizeof(name), "/dev/%s", found->path);
        if ((r = property_list_set(&list, "DEVPATH", devpath)) < 0 ||
            (r = property_list_set(&list, "SUBSYSTEM", PART_SUBSYSTEM_NODE)) < 0 ||
            (found->type == 'b' && (r = property_list_set(&list, "DEVTYPE", "block")) < 0) ||
            (r = property_list_set(&list, "DEVNAME", name)) < 0 ||
            (r = set_number(&list, "MAJOR", major(found->rdev))) < 0 ||
            (r = set_number(&list, "MINOR", minor(found->rdev))) < 0)
                return r;
        /* A name that is too long for a part, or the number of no device. */
        if (part_node(&list, &type, &rdev) < 0)
                return 0;
        r = report_add(&nodes->report, &list);
        return r == -ENOMEM || r == -EEXIST ? r : 0;
}

static int tell(Nodes *nodes, const Found *found) {
        char devpath[PATH_MAX];
        int r = -EEXIST;

        if (foresee_devpath(nodes, found, devpath, sizeof(devpath)))
                r = tell_as(nodes, found, devpath);
        if (r == -EEXIST && spell_devpath(found->path, devpath, sizeof(devpath)))
                r = tell_as(nodes, found, devpath);
        return r == -EEXIST ? 0 : r;
}

/* What others tell of by now is not gone. */
static bool is_handed_over(const PropertyList *properties, void *userdata) {
        const Nodes *nodes = userdata;
        dev_t rdev;
        char type;

        return (part_node(properties, &type, &rdev) >= 0 && is_of_others(nodes, type, rdev)) ||
               object_exists(nodes, property_list_get(properties, "DEVPATH"));
}

int nodes_scan(Nodes *nodes) {
        _cleanup_(found_list_deinit) FoundList list = {};
        int r;

        /* The watch before the look, so that nothing can come unseen between them. */
        if (!nodes->watching) {
                r = watch(nodes);
                if (r < 0)
                        log_warning_errno(r, "Failed to watch the folders of nodes that rules name: %m");
        }
        for (size_t i = 0; i < nodes->folders.n_items; i++) {
                r = look_in(nodes, &nodes->folders.items[i], &list);
                if (r < 0)
                        return r;
        }
        if (list.n_items > 0)
                qsort(list.items, list.n_items, sizeof(*list.items), compare);

        report_begin(&nodes->report);
        for (size_t i = 0; i < list.n_items; i++) {
                const Found *found = &list.items[i];

                if (i > 0 &&
                    part_node_key(found->type, found->rdev) == part_node_key(found[-1].type, found[-1].rdev))
                        continue;
                r = tell(nodes, found);
                if (r < 0)
                        return r;
        }
        report_hand_over(&nodes->report, is_handed_over, nodes);
        report_end(&nodes->report, nodes->ops->event, nodes->userdata);
        return 0;
}

static int scan_logged(Nodes *nodes) {
        int r = nodes_scan(nodes);

        if (r < 0)
                log_error_errno(r, "Failed to look for nodes that no event tells of: %m");
        return r;
}

/* Whether what is, or was, at @path in @folder makes a whole look necessary. */
static bool concerns(const Nodes *nodes, const NodeFolder *folder, const char *path) {
        char whole[PATH_MAX], type;
        dev_t rdev;

        if (!node_folders_want(&nodes->folders, folder, path))
                return false;
        if (snprintf(whole, sizeof(whole), "/dev/%s", path) < (int)sizeof(whole) &&
            report_has(&nodes->report, "DEVNAME", whole))
                return true;
        /* A path that leads elsewhere by now has an event of its own; the look itself takes no such way. */
        return snprintf(whole, sizeof(whole), "%s/%s", nodes->roots.dev, path) < (int)sizeof(whole) &&
               look_at(nodes, AT_FDCWD, whole, &type, &rdev);
}

/* Return: whether a whole look is necessary. */
static bool take_event(Nodes *nodes, const struct inotify_event *event) {
        bool due = false;

        if (event->mask & IN_Q_OVERFLOW) {
                nodes->watching = false;
                return true;
        }
        for (size_t i = 0; i < nodes->folders.n_items; i++) {
                const NodeFolder *folder = &nodes->folders.items[i];
                char path[PATH_MAX];

                if (folder->watch != event->wd)
                        continue;
                if (event->len == 0 ||
                    (!node_folder_is_there(folder) && node_folder_goes_by(folder, event->name))) {
                        nodes->watching = false;
                        return true;
                }
                due = due || (node_folder_is_there(folder) && join(folder, event->name, path) &&
                              concerns(nodes, folder, path));
        }
        return due;
}

int nodes_dispatch(Nodes *nodes) {
        char events[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
        bool due = false;
        ssize_t n = 0;

        for (unsigned int i = 0; i < BATCH_MAX && nodes->inotify_fd >= 0; i++) {
                n = read(nodes->inotify_fd, events, sizeof(events));
                if (n <= 0)
                        break;
                for (const char *p = events; p < events + n;) {
                        const struct inotify_event *event = (const struct inotify_event *)p;

                        due |= take_event(nodes, event);
                        p += sizeof(*event) + event->len;
                }
        }
        return due ? scan_logged(nodes) : 0;
}

void nodes_hear(Nodes *nodes, const Uevent *event) {
        const NodeFolder *folder;
        const char *name;

        if (nodes->folders.n_items == 0)
                return;
        name = property_list_get(&event->properties, "DEVNAME");
        if (!name)
                return;
        name = startswith(name, "/dev/") ?: name;
        folder = node_folders_find(&nodes->folders, name);
        if (folder && concerns(nodes, folder, name))
                (void)scan_logged(nodes);
}
