/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The device filter's front: chooses the driver, makes and removes the folder, translates items.
 *
 * Both drivers keep their state in the kernel alone, in what is attached to the folder; a Filter is a
 * descriptor of that and can be dropped and opened anew at any time, by another process too.
 *
 * On a hybrid host liblxc makes the container's folder in every hierarchy, so one of davit's name exists also
 * where no filter of ours is. Opening asks each driver in turn whether it knows its own; taking off clears
 * all.
 */

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "inject/filter-internal.h"
#include "util/fd.h"

struct Filter {
        const FilterDriver *driver;
        int fd;
};

static const FilterDriver *const drivers[FILTER_KIND_MAX] = {
        [FILTER_BPF] = &filter_driver_bpf,
        [FILTER_V1] = &filter_driver_v1,
};

const FilterRight filter_standard[] = {
        {'c', 1, 3},            /* null */
        {'c', 1, 5},            /* zero */
        {'c', 1, 7},            /* full */
        {'c', 1, 8},            /* random */
        {'c', 1, 9},            /* urandom */
        {'c', 5, 0},            /* tty */
        {'c', 5, 1},            /* console */
        {'c', 5, 2},            /* ptmx */
        {'c', 10, 200},         /* net/tun */
        {'c', 136, FILTER_ANY}, /* pts */
};

const size_t filter_n_standard = ELEMENTSOF(filter_standard);

bool filter_right_is_standard(const FilterRight *right) {
        for (size_t i = 0; i < filter_n_standard; i++)
                if (filter_standard[i].type == right->type && filter_standard[i].major == right->major &&
                    filter_standard[i].minor == right->minor)
                        return true;
        return false;
}

static int create_with(const FilterDriver *driver, const char *relative) {
        _cleanup_close_ int root_fd = -EBADF, folder_fd = -EBADF;
        bool made;
        int r;

        root_fd = cgroup_open_root(driver->hierarchy);
        if (root_fd < 0)
                return root_fd;
        folder_fd = cgroup_make(root_fd, relative, &made);
        if (folder_fd < 0)
                return folder_fd;
        r = driver->create(folder_fd);
        if (r < 0 && made)
                (void)cgroup_remove(root_fd, relative);
        return r;
}

int filter_create(FilterKind kind, const char *relative) {
        assert(kind >= 0 && kind < FILTER_KIND_MAX);
        assert(relative);

        for (FilterKind i = FILTER_AUTO + 1; i < FILTER_KIND_MAX; i++) {
                int r;

                if (kind != FILTER_AUTO && kind != i)
                        continue;
                r = create_with(drivers[i], relative);
                if (r != -EOPNOTSUPP)
                        return r;
        }
        return -EOPNOTSUPP;
}

int filter_destroy(const char *relative) {
        int first = 0;

        assert(relative);

        for (CgroupHierarchy i = 0; i < CGROUP_HIERARCHY_MAX; i++) {
                _cleanup_close_ int root_fd = cgroup_open_root(i);
                int r = root_fd < 0 ? root_fd : cgroup_remove(root_fd, relative);

                if (r < 0 && r != -EOPNOTSUPP && first == 0)
                        first = r;
        }
        return first;
}

/* Return: fd; -ENOENT no filter of this driver; errno. */
static int open_with(const FilterDriver *driver, const char *relative) {
        _cleanup_close_ int root_fd = -EBADF, folder_fd = -EBADF;

        root_fd = cgroup_open_root(driver->hierarchy);
        if (root_fd < 0)
                return root_fd == -EOPNOTSUPP ? -ENOENT : root_fd;
        folder_fd = cgroup_open(root_fd, relative);
        return folder_fd < 0 ? folder_fd : driver->open(folder_fd);
}

int filter_open(const char *relative, Filter **ret) {
        _cleanup_close_ int fd = -ENOENT;
        FilterKind kind = FILTER_AUTO;
        Filter *filter;

        assert(relative && ret);

        while (fd == -ENOENT && ++kind < FILTER_KIND_MAX)
                fd = open_with(drivers[kind], relative);
        if (fd < 0)
                return fd;

        filter = malloc(sizeof(*filter));
        if (!filter)
                return -ENOMEM;
        *filter = (Filter){.driver = drivers[kind], .fd = TAKE_FD(fd)};
        *ret = filter;
        return 0;
}

Filter *filter_close(Filter *filter) {
        if (filter) {
                safe_close(filter->fd);
                free(filter);
        }
        return NULL;
}

static FilterRight right_of_item(const Item *item) {
        assert(item && item->kind == ITEM_RIGHT);

        return (FilterRight){.type = item->type,
                             .major = major(item->rdev),
                             .minor = minor(item->rdev),
                             .refused = item->refused};
}

int filter_allow(Filter *filter, const Item *item) {
        FilterRight right = right_of_item(item);

        return filter_right_is_standard(&right) ? 0 : filter->driver->allow(filter->fd, &right);
}

int filter_deny(Filter *filter, const Item *item) {
        FilterRight right = right_of_item(item);

        /* A rule may give a device whose number every container has, /dev/net/tun; it stays when the grant
         * ends. */
        return filter_right_is_standard(&right) ? 0 : filter->driver->deny(filter->fd, &right);
}

static int add_found(const FilterRight *right, void *userdata) {
        _cleanup_(item_unrefp) Item *item = NULL;
        char path[sizeof("c:") + 20];
        int r;

        /* Not ours: a right to all of a major is never given. */
        if (right->minor == FILTER_ANY)
                return 0;
        snprintf(path, sizeof(path), "%c%u:%u", right->type, right->major, right->minor);
        r = item_new(&(Item){.kind = ITEM_RIGHT,
                             .device = "",
                             .path = path,
                             .type = right->type,
                             .rdev = makedev(right->major, right->minor),
                             .refused = right->refused},
                     &item);
        if (r < 0)
                return r;
        r = item_set_add(userdata, item);
        return r == -EEXIST ? 0 : r;
}

int filter_read(Filter *filter, ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet set = {};
        int r;

        assert(filter && ret);

        r = filter->driver->read(filter->fd, add_found, &set);
        if (r < 0)
                return r;
        *ret = set;
        set = (ItemSet){};
        return 0;
}
