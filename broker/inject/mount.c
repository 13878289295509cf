/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Mounting in a container that runs: what is to be mounted, and the account of what is.
 *
 * What happens inside is done by a process of its own, see mount-inside.c; state is written here, before and
 * after. What is there is told by the kernel's list of mounts and that account together.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject/mount-inside.h"
#include "inject/mount-list.h"
#include "inject/mount-state.h"
#include "inject/mount.h"
#include "model/mount.h"
#include "util/fd.h"
#include "util/string.h"

#define DELETED "//deleted" /* behind the path in mountinfo */

/* A service may have a view of the host's files of its own: mounts are those that everybody has. Where the
 * first process is beyond our reach we are in a container ourselves, and see what is the host to us. */
static int join_host(void) {
        _cleanup_close_ int fd = -EBADF;
        struct stat host, own;

        fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == EACCES || errno == EPERM ? 0 : -errno;
        if (fstat(fd, &host) < 0 || stat("/proc/self/ns/mnt", &own) < 0)
                return -errno;
        return host.st_ino != own.st_ino && setns(fd, CLONE_NEWNS) < 0 ? -errno : 0;
}

static int open_source(const Item *item, MountWork *work) {
        struct mount_attr attr = {
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                            (work->options.read_only ? MOUNT_ATTR_RDONLY : 0U) |
                            (work->options.no_exec ? MOUNT_ATTR_NOEXEC : 0U) |
                            (work->options.no_atime ? MOUNT_ATTR_NOATIME : 0U) |
                            (work->options.no_diratime ? MOUNT_ATTR_NODIRATIME : 0U),
                .attr_clr = work->options.no_atime ? MOUNT_ATTR__ATIME : 0U,
                .propagation = MS_PRIVATE,
        };
        unsigned int recursive = work->options.recursive ? AT_RECURSIVE : 0;
        int r;

        r = join_host();
        if (r < 0)
                return r;
        work->tree_fd = open_tree(AT_FDCWD, item->target, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
        if (work->tree_fd < 0 || fstat(work->tree_fd, &work->source) < 0 ||
            mount_setattr(work->tree_fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
                return -errno;
        /* Anything else is given in another way, or does harm. */
        return S_ISDIR(work->source.st_mode) || S_ISREG(work->source.st_mode) ||
                               S_ISSOCK(work->source.st_mode)
                       ? 0
                       : -EOPNOTSUPP;
}

/* Return: 0; -ESRCH the container has ended; errno. */
static int open_namespaces(int proc_fd, MountWork *work) {
        const struct {
                const char *path;
                int *fd;
        } all[] = {{"ns/user", &work->user_fd}, {"ns/mnt", &work->mount_fd}};

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                *all[i].fd = openat(proc_fd, all[i].path, O_RDONLY | O_CLOEXEC);
                if (*all[i].fd < 0)
                        return errno == ENOENT || errno == ESRCH ? -ESRCH : -errno;
        }
        return 0;
}

static void work_deinit(MountWork *work) {
        safe_close(work->user_fd);
        safe_close(work->mount_fd);
        safe_close(work->tree_fd);
        safe_close(work->lock_fd);
}

/* What was made for it by one of us who did the same before. Return: 0; -ENOMEM; errno. */
static int recall_made(MountState *state, int state_fd, const char *container) {
        _cleanup_(mount_state_deinit) MountState before = {};
        int r = mount_state_load(state_fd, container, state->place, &before);

        if (r >= 0 && streq(before.place, state->place))
                state->made = before.made;
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

static int note(MountState *state, const MountAnswer *answer, int proc_fd, int state_fd,
                const char *container) {
        _cleanup_(mount_list_deinit) MountList list = {};
        int r, k;

        state->id = answer->id;
        if (answer->made > 0 && (state->made == 0 || answer->made < state->made))
                state->made = answer->made;
        r = mount_list_read(proc_fd, &list);
        if (r >= 0)
                r = mount_list_find(&list, state->id, &state->what, NULL);
        /* In any case: who takes it off has to know what was made. */
        k = mount_state_save(state_fd, container, state);
        return r < 0 ? r : k;
}

int mount_add(const Item *item, int proc_fd, int state_fd, const char *container) {
        _cleanup_(mount_state_deinit) MountState state = {};
        _cleanup_(work_deinit) MountWork work = MOUNT_WORK_NULL;
        MountAnswer answer = {};
        int r;

        assert(item && item->kind == ITEM_MOUNT && container);

        work.place = item->path;
        r = mount_options_parse(item->text, &work.options);
        if (r >= 0)
                r = mount_state_of_item(item, &state);
        if (r >= 0)
                r = recall_made(&state, state_fd, container);
        if (r >= 0)
                r = open_namespaces(proc_fd, &work);
        if (r >= 0)
                r = open_source(item, &work);
        if (r >= 0)
                r = mount_state_save(state_fd, container, &state);
        if (r < 0)
                return r;

        r = mount_go_inside(&work, state_fd, container, &answer);
        /* Of a process that was killed nobody knows how far it came. */
        if (r < 0 && r != -EIO && r != -EBUSY)
                (void)mount_state_remove(state_fd, container, item->path);
        if (r < 0)
                return r;
        r = note(&state, &answer, proc_fd, state_fd, container);
        if (r < 0)
                (void)mount_remove(item, proc_fd, state_fd, container);
        return r;
}

/* Whether the mount of @state is there still. @list: as far as it was read. Return: 1; 0; -ENOMEM. */
static int is_there(const MountState *state, const MountList *list, char **ret_place) {
        _cleanup_free_ char *what = NULL;
        size_t n;
        int r;

        r = mount_list_find(list, state->id, &what, ret_place);
        if (r == -ENOENT)
                return 0;
        /* What cannot be told is as it was. */
        if (r == -EAGAIN)
                return 1;
        /* The host may have removed what is mounted. */
        n = what ? strlen(what) - MIN(strlen(what), strlen(DELETED)) : 0;
        if (r >= 0 && streq(what + n, DELETED))
                what[n] = '\0';
        return r < 0 ? r : streq_ptr(what, state->what);
}

/* Finds the place of what is to be taken off: the container's root may have moved it. Return: 1; 0 it is not
 * there any more; errno. */
static int find_place(const MountState *state, int proc_fd, char **ret) {
        _cleanup_(mount_list_deinit) MountList list = {};
        int r;

        r = mount_list_read(proc_fd, &list);
        if (r < 0)
                return r == -ESRCH ? 0 : r;
        return state->id > 0 ? is_there(state, &list, ret) : 1;
}

int mount_remove(const Item *item, int proc_fd, int state_fd, const char *container) {
        _cleanup_(mount_state_deinit) MountState state = {};
        _cleanup_(work_deinit) MountWork work = MOUNT_WORK_NULL;
        _cleanup_free_ char *place = NULL;
        MountAnswer answer = {};
        int r;

        assert(item && item->kind == ITEM_MOUNT && container);

        r = mount_state_load(state_fd, container, item->path, &state);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = find_place(&state, proc_fd, &place);
        if (r < 0)
                return r;
        if (r > 0) {
                work.place = place ? place + 1 : state.place;
                work.state = &state;
                r = open_namespaces(proc_fd, &work);
                if (r >= 0 && state.id == 0)
                        r = join_host() < 0 || stat(state.target, &work.source) < 0 ? -ENOENT : 0;
                if (r >= 0)
                        r = mount_go_inside(&work, state_fd, container, &answer);
                /* It went just now; or there is something else in its place, and it is out of reach. */
                if (r < 0 && r != -ESRCH && r != -ENOENT && r != -EINVAL)
                        return r;
                if (r < 0 && state.id > 0 && find_place(&state, proc_fd, NULL) > 0)
                        return -EBUSY;
        }
        return mount_state_remove(state_fd, container, item->path);
}

typedef struct Reader {
        int proc_fd, state_fd;
        const char *container;
        MountList list;
        ItemSet set;
} Reader;

static int read_one(const MountState *state, void *userdata) {
        _cleanup_(item_unrefp) Item *item = NULL;
        Reader *reader = userdata;
        int r;

        /* Most containers have none. */
        if (!reader->list.text) {
                r = mount_list_read(reader->proc_fd, &reader->list);
                if (r < 0)
                        return r;
        }
        r = state->id > 0 ? is_there(state, &reader->list, NULL) : 1;
        if (r == 0)
                return mount_state_remove(reader->state_fd, reader->container, state->place);
        if (r >= 0)
                r = mount_state_item(state, &item);
        return r < 0 ? r : item_set_add(&reader->set, item);
}

int mount_read(int proc_fd, int state_fd, const char *container, ItemSet *ret) {
        Reader reader = {.proc_fd = proc_fd, .state_fd = state_fd, .container = container};
        int r;

        r = mount_state_foreach(state_fd, container, read_one, &reader);
        /* With the process went all of them. */
        if (r == -ESRCH)
                r = 0;
        if (r >= 0) {
                *ret = reader.set;
                reader.set = (ItemSet){};
        }
        item_set_deinit(&reader.set);
        mount_list_deinit(&reader.list);
        return r;
}

typedef struct Forgetting {
        int state_fd;
        const char *container;
} Forgetting;

static int forget_one(const MountState *state, void *userdata) {
        const Forgetting *forgetting = userdata;

        return mount_state_remove(forgetting->state_fd, forgetting->container, state->place);
}

int mount_forget(int state_fd, const char *container) {
        Forgetting forgetting = {state_fd, container};

        mount_unlock(state_fd, container);
        return mount_state_foreach(state_fd, container, forget_one, &forgetting);
}
