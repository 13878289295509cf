/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One container as inject sees it.
 *
 * All that leads to the container is opened once, by the number of its init process, and then the pidfd is
 * asked whether that process lives still: so none of it can be another's, whose process got the number since.
 * From then on only descriptors are used. They outlive the container harmlessly.
 *
 * What is present is the kernel's account alone: held/ of the live /dev, the filter, the namespace's links. A
 * step that was done twice, or half before a crash, is done once by that account.
 *
 * A sound card takes two events. It is added before the nodes below it are, and changes when udev has seen
 * its control node, which came last: sound servers act upon that change alone, and look for SOUND_INITIALIZED
 * in it. So one that is ready when it is given is told to be ready right away; its nodes are there.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inject/filter.h"
#include "inject/interface.h"
#include "inject/live-dev.h"
#include "inject/mount.h"
#include "inject/netns.h"
#include "inject/target.h"
#include "inject/udevd.h"
#include "inject/uevent-socket.h"
#include "util/fd.h"
#include "util/string.h"

/* Messages taken at once from a namespace that may never stop sending. */
#define WATCH_BURST 64

struct Target {
        char *name;
        LiveDev *live;
        Filter *filter;
        UeventSocket *events;
        UdevdProbe *udevd;
        int proc_fd; /* /proc/PID of its init */
        int netns_fd;
        int state_fd;
        int watch_fd; /* -EBADF until target_watch() */
};

Target *target_close(Target *target) {
        if (target) {
                live_dev_close(target->live);
                filter_close(target->filter);
                uevent_socket_close(target->events);
                udevd_probe_close(target->udevd);
                safe_close(target->proc_fd);
                safe_close(target->netns_fd);
                safe_close(target->state_fd);
                safe_close(target->watch_fd);
                free(target->name);
                free(target);
        }
        return NULL;
}

/* Return: fd; errno. */
static int open_state(const char *runtime_dir) {
        char path[PATH_MAX];
        int r;

        if (snprintf(path, sizeof(path), "%s/state", runtime_dir) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        r = fd_mkdir_parents(path, 0755);
        return r < 0 ? r : fd_open_dir(AT_FDCWD, path);
}

static bool has_ended(int pidfd) {
        struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

        return poll(&poll_fd, 1, /* timeout= */ 0) != 0;
}

/* Everything that is found by the number of the init process. */
static int open_process(Target *target, const Container *container) {
        char path[sizeof("/proc/") + 11];
        uint32_t uid, gid;
        int r;

        /* A container without a root has nobody in whose name an event could come. */
        if ((r = id_map_to_host(&container->uid_map, 0, &uid)) < 0 ||
            (r = id_map_to_host(&container->gid_map, 0, &gid)) < 0)
                return r == -ENOENT ? -EINVAL : r;

        snprintf(path, sizeof(path), "/proc/%d", (int)container->init_pid);
        target->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (target->proc_fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        target->netns_fd = openat(target->proc_fd, "ns/net", O_RDONLY | O_CLOEXEC);
        if (target->netns_fd < 0)
                return errno == ENOENT || errno == ESRCH ? -ESRCH : -errno;
        r = udevd_probe_open(container->init_pid, &target->udevd);
        if (r < 0)
                return r == -ENOENT || r == -EINVAL ? -ESRCH : r;
        if (has_ended(container->init_pidfd))
                return -ESRCH;
        return uevent_socket_open(target->netns_fd, uid, gid, &target->events);
}

int target_open(const char *runtime_dir, const Container *container, const char *cgroup, Target **ret) {
        _cleanup_(target_closep) Target *target = NULL;
        int r;

        assert(runtime_dir && container && cgroup && ret);

        target = malloc(sizeof(*target));
        if (!target)
                return -ENOMEM;
        *target = (Target){
                .proc_fd = -EBADF,
                .netns_fd = -EBADF,
                .state_fd = -EBADF,
                .watch_fd = -EBADF,
        };
        target->name = strdup(container->name);
        if (!target->name)
                return -ENOMEM;

        r = open_process(target, container);
        if (r < 0)
                return r;
        r = live_dev_open(runtime_dir, container->name, &target->live);
        if (r < 0)
                return r;
        r = filter_open(cgroup, &target->filter);
        if (r < 0)
                return r;
        target->state_fd = open_state(runtime_dir);
        if (target->state_fd < 0)
                return target->state_fd;
        *ret = TAKE_PTR(target);
        return 0;
}

bool target_step_blocks(const Step *step) {
        return step->item->kind == ITEM_INTERFACE || step->item->kind == ITEM_MOUNT;
}

static int tell(Target *target, UeventAction action, const PropertyList *properties) {
        int r;

        r = uevent_socket_send(target->events, UEVENT_GROUP_KERNEL, action, properties);
        if (r < 0 || udevd_probe_is_running(target->udevd))
                return r;
        return uevent_socket_send(target->events, UEVENT_GROUP_UDEV, action, properties);
}

static bool is_sound_card(const Item *event) {
        return streq(property_list_get(&event->properties, "SUBSYSTEM") ?: "", "sound") &&
               !property_list_get(&event->properties, "DEVNAME");
}

static int apply_event(Target *target, const Item *item, bool add) {
        const char *name = property_list_get(&item->properties, "DEVNAME");
        int r;

        /* The kernel gives it below /dev, udev with it. */
        if (name)
                name = startswith(name, "/dev/") ?: name;

        r = tell(target, add ? UEVENT_ADD : UEVENT_REMOVE, &item->properties);
        if (r >= 0 && add && is_sound_card(item) && property_list_get(&item->properties, "SOUND_INITIALIZED"))
                r = tell(target, UEVENT_CHANGE, &item->properties);
        if (r < 0)
                return r;
        if (!name)
                return live_dev_set_told(target->live, item, add);
        return live_dev_set_announced(target->live, name, add ? &item->properties : NULL);
}

int target_tell_change(Target *target, const PropertyList *properties) {
        assert(target && properties);

        return tell(target, UEVENT_CHANGE, properties);
}

bool target_has_listener(Target *target) {
        assert(target);

        return udevd_probe_listens(target->udevd);
}

bool target_listener_told(const Target *target) {
        assert(target);

        return live_dev_udevd_told(target->live) > 0;
}

/* To the kernel's group. Return: 0; the first errno, having gone on with the rest. */
static int tell_all(Target *target, UeventAction action, const ItemSet *events,
                    bool (*which)(const Item *event)) {
        int ret = 0, r;

        for (size_t i = 0; i < events->n_items; i++) {
                if (events->items[i]->kind != ITEM_EVENT || (which && !which(events->items[i])))
                        continue;
                r = uevent_socket_send(target->events, UEVENT_GROUP_KERNEL, action,
                                       &events->items[i]->properties);
                if (r < 0 && ret == 0)
                        ret = r;
        }
        return ret;
}

int target_tell_again(Target *target, const ItemSet *events) {
        int ret, r;

        assert(target && events);

        ret = tell_all(target, UEVENT_ADD, events, NULL);
        /* The change in which a card's rules say that it is ready: the host's came when nobody listened. */
        r = tell_all(target, UEVENT_CHANGE, events, is_sound_card);
        ret = ret < 0 ? ret : r;
        r = live_dev_set_udevd_told(target->live);
        return ret < 0 ? ret : r;
}

int target_apply(Target *target, const Step *step) {
        const Item *item = step->item;
        const bool add = step->action == STEP_ADD;

        assert(target);

        switch (item->kind) {
        case ITEM_RIGHT:
                return add ? filter_allow(target->filter, item) : filter_deny(target->filter, item);
        case ITEM_NODE:
        case ITEM_LINK:
        case ITEM_DATA:
                return add ? live_dev_add(target->live, item) : live_dev_remove(target->live, item);
        case ITEM_MOUNT:
                return add ? mount_add(item, target->proc_fd, target->state_fd, target->name)
                           : mount_remove(item, target->proc_fd, target->state_fd, target->name);
        case ITEM_INTERFACE:
                return add ? interface_add(item, target->netns_fd, target->state_fd, target->name)
                           : interface_remove(item, target->netns_fd, target->state_fd, target->name);
        case ITEM_EVENT:
                return apply_event(target, item, add);
        case ITEM_KIND_MAX:
        case ITEM_KIND_INVALID:
                break;
        }
        return -EINVAL;
}

/* Of several nodes of one number a shared one: then so is the right. */
static const Item *node_of_right(const ItemSet *nodes, const Item *right) {
        const Item *found = NULL;

        for (size_t i = 0; i < nodes->n_items; i++) {
                const Item *item = nodes->items[i];

                if (item->kind == ITEM_NODE && item->type == right->type && item->rdev == right->rdev &&
                    (!found || item_is_shared(item)))
                        found = item;
        }
        return found;
}

/* The kernel knows rights by number alone: whose one is tells the node of that number. One without a node,
 * from an interrupted plan, belongs to nobody, and so to no plan but that of its removal. */
static int add_rights(ItemSet *set, const ItemSet *rights) {
        for (size_t i = 0; i < rights->n_items; i++) {
                _cleanup_(item_unrefp) Item *item = NULL;
                const Item *node = node_of_right(set, rights->items[i]);
                Item owned = *rights->items[i];
                int r;

                if (node)
                        owned.device = node->device;
                r = item_new(&owned, &item);
                if (r < 0)
                        return r;
                r = item_set_add(set, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_all(ItemSet *set, const ItemSet *more) {
        for (size_t i = 0; i < more->n_items; i++) {
                int r = item_set_add(set, more->items[i]);

                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
}

int target_read(Target *target, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet set = {}, rights = {}, interfaces = {}, mounts = {};
        int r;

        assert(target && ret);

        if ((r = live_dev_read(target->live, &set)) < 0 || (r = filter_read(target->filter, &rights)) < 0 ||
            (r = interface_read(target->netns_fd, target->state_fd, target->name, &interfaces)) < 0 ||
            (r = mount_read(target->proc_fd, target->state_fd, target->name, &mounts)) < 0 ||
            (r = add_rights(&set, &rights)) < 0 || (r = add_all(&set, &interfaces)) < 0 ||
            (r = add_all(&set, &mounts)) < 0)
                return r;
        *ret = set;
        set = (ItemSet){};
        return 0;
}

int target_watch_fd(const Target *target) {
        return target->watch_fd;
}

int target_watch(Target *target) {
        const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
        _cleanup_close_ int fd = -EBADF;

        assert(target);

        if (target->watch_fd >= 0)
                return 0;
        fd = netns_socket(target->netns_fd, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (fd < 0)
                return fd;
        if (bind(fd, (const struct sockaddr *)&links, sizeof(links)) < 0)
                return -errno;
        target->watch_fd = TAKE_FD(fd);
        return 0;
}

int target_watch_dispatch(Target *target) {
        bool something = false;

        assert(target);

        for (unsigned int i = 0; i < WATCH_BURST; i++) {
                char message[256]; /* that there is one is all that matters: what is true then is read anew */
                ssize_t n = recv(target->watch_fd, message, sizeof(message), MSG_DONTWAIT);

                if (n < 0 && errno == EAGAIN)
                        break;
                /* Lost messages were about something, too. */
                if (n < 0 && errno != EINTR && errno != ENOBUFS)
                        return -errno;
                something = something || n >= 0 || errno == ENOBUFS;
        }
        return something;
}
