/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The monitor of the host's devices.
 *
 * libudev opens the socket, as it knows how, and enumerates. Receiving is done here: libudev would look each
 * device up in sysfs and build it property by property, which costs more than all that davit does for a plug;
 * one recvmsg() and one copy by uevent_decode() do as well. What libudev checks about the sender is checked
 * here likewise.
 *
 * Which group is listened to depends on whether udevd runs, told by its control socket. An inotify watch sees
 * it come and go; then the other group's socket is opened before the old one is closed, and everything has to
 * be enumerated.
 *
 * Invariants: `socket` belongs to `source`; `group` is the group that `source` listens to; both are in the
 * epoll set. Events are passed on in the order in which they were sent, and nothing passes that enumeration
 * would leave out: a rescan would sweep it away again.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <libudev.h>
#include <limits.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/identity.h"
#include "source/monitor.h"
#include "util/control.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

/* As udevd has it: a storm of plugs must not run over while the loop is at something else. */
#define RECEIVE_BUFFER_SIZE (128 * 1024 * 1024)

/* Events taken in one go: the rest of the loop has its turn after them. */
#define BATCH_MAX 64

#define UDEV_FOLDER "/run/udev"

struct Monitor {
        const MonitorOps *ops;
        void *userdata;
        struct udev *udev;
        struct udev_monitor *source;
        int socket; /* borrowed from source */
        UeventGroup group;
        int epoll_fd;
        int inotify_fd;
        char message[UEVENT_MESSAGE_MAX];
};

DEFINE_CLEANUP(struct udev_monitor *, udev_monitor_unref);
DEFINE_CLEANUP(struct udev_enumerate *, udev_enumerate_unref);
DEFINE_CLEANUP(struct udev_device *, udev_device_unref);

/* Subsystems without nodes and without a say in what a device is; on a big host they are most of sysfs. */
static const char *const subsystems_unused[] = {
        "acpi",      "bdi",          "clockevents", "clocksource", "container", "cpu",
        "drivers",   "event_source", "memory",      "module",      "node",      "powercap",
        "processor", "queues",       "slab",        "thermal",     "vtconsole", "workqueue",
};

static bool subsystem_unused(const char *subsystem) {
        for (size_t i = 0; i < ELEMENTSOF(subsystems_unused); i++)
                if (streq(subsystem, subsystems_unused[i]))
                        return true;
        return false;
}

static UeventGroup group_to_use(struct udev *udev) {
        struct udev_queue *queue = udev_queue_new(udev);
        bool active = queue && udev_queue_get_udev_is_active(queue);

        if (queue)
                udev_queue_unref(queue);
        return active ? UEVENT_GROUP_UDEV : UEVENT_GROUP_KERNEL;
}

static int epoll_watch(int epoll_fd, int fd) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Whether @fd is a socket for device events that listens to @group and to nothing else. */
static bool listens_to(int fd, UeventGroup group) {
        struct sockaddr_nl address = {};
        socklen_t size = sizeof(address);
        int domain = 0, protocol = 0;
        socklen_t domain_size = sizeof(domain), protocol_size = sizeof(protocol);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) >= 0 && domain == AF_NETLINK &&
               getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_size) >= 0 &&
               protocol == NETLINK_KOBJECT_UEVENT &&
               getsockname(fd, (struct sockaddr *)&address, &size) >= 0 &&
               address.nl_groups == (uint32_t)group;
}

/* Opens the socket of @group, or goes on with @kept; the one in use is closed only once that has worked. */
static int monitor_open_source(Monitor *monitor, UeventGroup group, int kept) {
        _cleanup_(udev_monitor_unrefp) struct udev_monitor *source = NULL;
        int fd, r;

        source = udev_monitor_new_from_netlink(monitor->udev, group == UEVENT_GROUP_UDEV ? "udev" : "kernel");
        if (!source)
                return negative_errno(ENOMEM);

        r = udev_monitor_set_receive_buffer_size(source, RECEIVE_BUFFER_SIZE);
        if (r < 0)
                log_warning_errno(r, "Failed to enlarge the receive buffer for device events: %m");
        r = udev_monitor_enable_receiving(source);
        if (r < 0)
                return r;
        fd = udev_monitor_get_fd(source);
        if (fd < 0)
                return fd;
        /* libudev cannot be given a socket; but what its descriptor leads to is ours to say. */
        if (kept >= 0 && listens_to(kept, group) && dup3(kept, fd, O_CLOEXEC) < 0)
                return -errno;
        r = epoll_watch(monitor->epoll_fd, fd);
        if (r < 0)
                return r;

        if (monitor->source) {
                epoll_ctl(monitor->epoll_fd, EPOLL_CTL_DEL, monitor->socket, NULL);
                udev_monitor_unref(monitor->source);
        }
        monitor->source = TAKE_PTR(source);
        monitor->socket = fd;
        monitor->group = group;
        if (monitor->ops->opened)
                monitor->ops->opened(monitor->userdata, fd);
        return 0;
}

/* Watches for udevd's control socket, and for its folder until that exists. Watching twice is watching once.
 */
static int monitor_watch_udevd(Monitor *monitor) {
        const uint32_t mask = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR;

        if (inotify_add_watch(monitor->inotify_fd, UDEV_FOLDER, mask | IN_DELETE_SELF | IN_MOVE_SELF) >= 0)
                return 0;
        if (errno == ENOENT && inotify_add_watch(monitor->inotify_fd, "/run", mask) >= 0) {
                /* Made between the two calls: then the second did not see it come. */
                if (inotify_add_watch(monitor->inotify_fd, UDEV_FOLDER,
                                      mask | IN_DELETE_SELF | IN_MOVE_SELF) < 0 &&
                    errno != ENOENT)
                        return -errno;
                return 0;
        }
        return errno == ENOENT ? 0 : -errno;
}

int monitor_new(const MonitorOps *ops, void *userdata, int kept, Monitor **ret) {
        _cleanup_(monitor_freep) Monitor *monitor = NULL;
        int r;

        assert(ops && ops->event && ops->lost && ret);

        monitor = malloc(sizeof(*monitor));
        if (!monitor)
                return -ENOMEM;
        monitor->ops = ops;
        monitor->userdata = userdata;
        monitor->source = NULL;
        monitor->socket = -EBADF;
        monitor->inotify_fd = -EBADF;
        monitor->udev = udev_new();
        monitor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (monitor->epoll_fd < 0)
                return -errno;
        if (!monitor->udev)
                return -ENOMEM;

        monitor->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (monitor->inotify_fd < 0)
                return -errno;
        r = epoll_watch(monitor->epoll_fd, monitor->inotify_fd);
        if (r < 0)
                return r;

        /* The watch before the look, so that udevd cannot come unseen between them. */
        r = monitor_watch_udevd(monitor);
        if (r < 0)
                return r;
        r = monitor_open_source(monitor, group_to_use(monitor->udev), kept);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(monitor);
        return 0;
}

Monitor *monitor_free(Monitor *monitor) {
        if (!monitor)
                return NULL;
        if (monitor->source)
                udev_monitor_unref(monitor->source);
        if (monitor->udev)
                udev_unref(monitor->udev);
        safe_close(monitor->inotify_fd);
        safe_close(monitor->epoll_fd);
        free(monitor);
        return NULL;
}

int monitor_fd(const Monitor *monitor) {
        return monitor->epoll_fd;
}

bool monitor_hears_udev(const Monitor *monitor) {
        return monitor->group == UEVENT_GROUP_UDEV;
}

/* Takes up what udevd's folder says. Return: 1 the socket was changed; 0; errno. */
static int monitor_follow_udevd(Monitor *monitor) {
        char events[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
        UeventGroup group;
        bool any = false;
        int r;

        while (read(monitor->inotify_fd, events, sizeof(events)) > 0)
                any = true;
        if (!any)
                return 0;

        r = monitor_watch_udevd(monitor);
        if (r < 0)
                log_warning_errno(r, "Failed to watch for udevd: %m");
        group = group_to_use(monitor->udev);
        if (group == monitor->group)
                return 0;

        r = monitor_open_source(monitor, group, /* kept= */ -EBADF);
        if (r < 0)
                return log_error_errno(r, "Failed to open the socket for device events anew: %m");
        log_notice("Device events come from %s now", group == UEVENT_GROUP_UDEV ? "udev" : "the kernel");
        return 1;
}

static bool sender_trusted(const struct msghdr *message, UeventGroup group) {
        const struct sockaddr_nl *address = message->msg_name;
        struct ucred sender;

        /* Anybody may send to a socket's own address; only root may send to a group, and only the kernel as
         * 0. */
        if (address->nl_groups != (uint32_t)group)
                return false;
        if (group == UEVENT_GROUP_KERNEL && address->nl_pid != 0)
                return false;

        return control_find_sender(message, &sender) && sender.uid == 0;
}

/* Return: bytes in monitor->message; 0 a message that is not for us; -EAGAIN none is left; -ENOBUFS some were
 * lost. */
static ssize_t monitor_receive(Monitor *monitor) {
        char control[CMSG_SPACE(sizeof(struct ucred))]
                __attribute__((__aligned__(__alignof__(struct cmsghdr)))) = {};
        struct sockaddr_nl address = {};
        struct iovec iov = {.iov_base = monitor->message, .iov_len = sizeof(monitor->message)};
        struct msghdr message = {
                .msg_name = &address,
                .msg_namelen = sizeof(address),
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        n = recvmsg(monitor->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (message.msg_flags & MSG_TRUNC)
                return 0;
        return sender_trusted(&message, monitor->group) ? n : 0;
}

static void monitor_pass_on(Monitor *monitor, Uevent *event) {
        int r;

        if (subsystem_unused(uevent_subsystem(event))) {
                if (monitor->ops->module && streq(uevent_subsystem(event), "module"))
                        monitor->ops->module(monitor->userdata, event);
                return;
        }
        if (monitor->group == UEVENT_GROUP_KERNEL) {
                r = identity_complete(event);
                if (r < 0)
                        log_warning_errno(r, "Failed to complete an event of %s: %m", uevent_devpath(event));
        }
        monitor->ops->event(monitor->userdata, event, monitor->group == UEVENT_GROUP_UDEV);
}

/* Return: 0 all was taken; 1 there may be more; -ENOBUFS some were lost; errno. */
static int monitor_drain(Monitor *monitor) {
        for (unsigned int i = 0; i < BATCH_MAX; i++) {
                _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
                ssize_t n = monitor_receive(monitor);

                if (n == -EAGAIN)
                        return 0;
                if (n < 0)
                        return (int)n;
                /* What cannot be decoded is foreign or of a kind that we do not know: no event of ours. */
                if (n > 0 && uevent_decode(monitor->message, (size_t)n, monitor->group, &event) >= 0)
                        monitor_pass_on(monitor, &event);
        }
        return 1;
}

int monitor_dispatch(Monitor *monitor) {
        bool lost;
        int r;

        r = monitor_follow_udevd(monitor);
        if (r < 0)
                return r;
        lost = r > 0;

        r = monitor_drain(monitor);
        if (r == -ENOBUFS) {
                lost = true;
                r = 1; /* what was queued before the loss is there still */
        }
        if (lost)
                monitor->ops->lost(monitor->userdata);
        return r;
}

/* Return: 0; -E2BIG; -ENOMEM. */
static int uevent_from_device(struct udev_device *device, Uevent *event) {
        struct udev_list_entry *entry;
        int r;

        udev_list_entry_foreach(entry, udev_device_get_properties_list_entry(device)) {
                r = property_list_set(&event->properties, udev_list_entry_get_name(entry),
                                      udev_list_entry_get_value(entry) ?: "");
                if (r < 0)
                        return r;
        }
        event->action = UEVENT_ADD;
        return property_list_set(&event->properties, "ACTION", "add");
}

/* Whether udevd has this one still in work, and so will send its event later. What has neither node nor
 * interface udevd may never write down at all. */
static bool device_still_to_come(const Monitor *monitor, struct udev_device *device) {
        if (monitor->group != UEVENT_GROUP_UDEV || udev_device_get_is_initialized(device) > 0)
                return false;
        return udev_device_get_devnode(device) || streq_ptr(udev_device_get_subsystem(device), "net");
}

static int monitor_report(Monitor *monitor, struct udev_device *device) {
        _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
        int r;

        r = uevent_from_device(device, &event);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !uevent_devpath(&event) || !uevent_subsystem(&event)) {
                log_debug_errno(r, "Passing over device %s", udev_device_get_syspath(device));
                return 0;
        }
        monitor_pass_on(monitor, &event);
        return 0;
}

/* Whether @path is @folder or below it; @folder may be NULL. */
static bool path_below(const char *path, const char *folder) {
        const char *rest = folder ? startswith(path, folder) : NULL;

        return rest && (*rest == '\0' || *rest == '/');
}

int monitor_enumerate(Monitor *monitor) {
        _cleanup_(udev_enumerate_unrefp) struct udev_enumerate *enumerate = NULL;
        const char *skipped = NULL;
        struct udev_list_entry *entry;
        int r;

        enumerate = udev_enumerate_new(monitor->udev);
        if (!enumerate)
                return negative_errno(ENOMEM);
        for (size_t i = 0; i < ELEMENTSOF(subsystems_unused); i++) {
                r = udev_enumerate_add_nomatch_subsystem(enumerate, subsystems_unused[i]);
                if (r < 0)
                        return r;
        }
        r = udev_enumerate_scan_devices(enumerate);
        if (r < 0)
                return r;

        /* The list is sorted by path, so parents come before their children. */
        udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(enumerate)) {
                const char *path = udev_list_entry_get_name(entry);
                _cleanup_(udev_device_unrefp) struct udev_device *device = NULL;

                /* udevd takes children after their parents: theirs are to come as well. */
                if (path_below(path, skipped))
                        continue;
                device = udev_device_new_from_syspath(monitor->udev, path);
                if (!device)
                        continue; /* gone meanwhile */
                if (device_still_to_come(monitor, device)) {
                        skipped = path;
                        continue;
                }
                r = monitor_report(monitor, device);
                if (r < 0)
                        return r;
        }
        return 0;
}
