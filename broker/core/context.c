/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The life of a container as the core sees it.
 *
 * Up: its target is opened, what is present in it is read and counts as given, then it is dealt in. Down (its
 * init ended): nobody wants anything there any more, so all is taken back by the same path as ever,
 * interfaces included: their namespace lives on as long as our descriptors of it. It is dropped when its
 * queue is empty and its keeper is gone, as only then its name, ids and folders are free. What a keeper that
 * was killed left behind is cleaned up in a child.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "inject/interface.h"
#include "inject/mount.h"
#include "launch/launch.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

/* A keeper that is about to end has the lock still: it is waited for, a little. */
#define CLEAN_UP_RETRY_USEC (UINT64_C(200) * 1000)
#define CLEAN_UP_TRIES_MAX  50U

#define LOOK_PAUSE_MIN_USEC (UINT64_C(10) * 1000)
#define LOOK_PAUSE_FACTOR   10

/* After one that was deleted inside is made anew: who deletes it over and over is not to keep us busy. */
#define LOOK_PAUSE_MADE_USEC (UINT64_C(1000) * 1000)

struct CleanUp {
        Manager *manager;
        char *name;
        Child *child;
        LoopSource *retry;
        unsigned int n_tries;
        CleanUp *next;
};

/* The next life of a container that was rebooted from inside: it is up before the former one is taken off. */
struct Successor {
        Container *container;
        ContainerRecord record;
};

static Successor *successor_free(Successor *successor) {
        if (!successor)
                return NULL;
        container_free(successor->container);
        container_record_deinit(&successor->record);
        free(successor);
        return NULL;
}
DEFINE_CLEANUP(Successor *, successor_free);

void context_free(Context *context) {
        if (!context)
                return;
        context->container->userdata = NULL;
        loop_source_free(context->keeper_exit);
        loop_source_free(context->watch);
        loop_source_free(context->look);
        loop_source_free(context->listener);
        context_drop_changes(context);
        loop_source_free(context->end);
        runner_free(context->runner);
        target_close(context->target);
        safe_close(context->keeper_pidfd);
        successor_free(context->successor);
        free(context);
}

/* Takes every grant of an ended container back, whatever could not be done in it: it is not there any more.
 */
static void drop_grants(Manager *manager, Container *container) {
        Grant *grant;

        while ((grant = container->grants)) {
                Device *device = grant->device;

                manager_end_hold(manager, grant);
                manager_note_taken(manager, grant);
                registry_drop_grant(&manager->registry, grant);
                manager_notify(manager, OBJECT_GRANT, device->id, container->name);
                manager_assign(manager, device);
        }
}

static void on_end(void *userdata) {
        Context *context = userdata;
        Manager *manager = context->manager;
        Container *container = context->container;
        _cleanup_(successor_freep) Successor *successor = NULL;
        _cleanup_free_ char *name = NULL;
        bool stale = context->stale;
        int status;

        if (container->state != CONTAINER_STOPPING || !runner_is_idle(context->runner) ||
            (context->keeper_pidfd >= 0 && !context->successor))
                return;

        name = strdup(container->name);
        if (!name) {
                loop_source_set_timer(context->end, UINT64_C(1000) * 1000);
                return;
        }
        status = manager_exit_status(manager, name);
        successor = TAKE_PTR(context->successor);
        drop_grants(manager, container);
        context_free(context);
        registry_drop_container(&manager->registry, container);
        target_cache_invalidate(manager->targets);
        manager_notify(manager, OBJECT_CONTAINER, name, NULL);
        if (successor) {
                manager_container_up(manager, TAKE_PTR(successor->container), &successor->record);
                if (registry_container(&manager->registry, name))
                        return;
        }
        manager_drop_overrides(manager, NULL, name);
        log_full(LOG_INFO, 0, &(LogSubject){.container = name}, "Container %s ended with status %d", name,
                 status);
        manager_tell_ended(manager, name, status);
        if (stale)
                manager_container_stale(manager, name, /* cgroup= */ NULL);
        else
                manager_restore_interfaces(manager, name);
}

static void on_keeper_exit(void *userdata, int fd, _unused_ unsigned int events) {
        Context *context = userdata;
        siginfo_t info;

        /* Ours to reap only if we are the davitd that started it. */
        (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
        context->keeper_exit = loop_source_free(context->keeper_exit);
        context->keeper_pidfd = safe_close(context->keeper_pidfd);
        loop_source_set_timer(context->end, 0);
}

static int client_wanted(void *userdata, const char *device, ItemSet *ret) {
        Context *context = userdata;

        return manager_wanted(context->manager, context->container, device, ret);
}

static void client_settled(void *userdata, const char *device, int error) {
        Context *context = userdata;

        manager_settled(context->manager, context->container, device, error);
}

static void client_idle(void *userdata) {
        Context *context = userdata;

        if (context->container->state == CONTAINER_STOPPING) {
                loop_source_set_timer(context->end, 0);
                return;
        }
        context_tell_changes(context);
        manager_check_waiters(context->manager);
}

/* The devpath of the interface that @item was on the host; NULL where it is not known any more. One that a
 * CDI device brings is of another device. */
static const char *interface_devpath(const Manager *manager, const Item *item) {
        const Device *device = registry_device(&manager->registry, item->device);

        if (!device)
                return NULL;
        device_parts_foreach(part, device)
                if (part->kind == PART_NET && streq(part->name, item->target))
                        return part->devpath;
        return property_list_get(&item->properties, "DEVPATH");
}

/* Something happened to the interfaces inside: one that we gave may be gone, and the host is not told of
 * that. The container decides how often it happens, and how long it takes to look; so there is a pause,
 * without even listening, that leaves most of our time to others. */
static void on_watch(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Context *context = userdata;

        if (target_watch_dispatch(context->target) == 0)
                return;
        loop_source_set_events(context->watch, 0);
        loop_source_set_timer(context->look, context->look_pause);
}

/* Return: whether one that was made for the container is gone: the container's root deleted it, or its parent
 * went. */
static bool look_at_interfaces(Context *context) {
        Manager *manager = context->manager;
        _cleanup_(item_set_deinit) ItemSet before = {};
        const ItemSet *present;
        bool made = false;
        int r;

        /* While the queue is at work the news are of its own making; it reports what fails. */
        if (!runner_is_idle(context->runner) || context->container->state != CONTAINER_RUNNING)
                return false;

        present = runner_present(context->runner);
        for (size_t i = 0; i < present->n_items; i++)
                if (present->items[i]->kind == ITEM_INTERFACE && item_set_add(&before, present->items[i]) < 0)
                        return false;
        if (before.n_items == 0)
                return false;
        r = runner_read(context->runner);
        if (r < 0) {
                log_full(LOG_ERR, r, &(LogSubject){.container = context->container->name},
                         "Failed to read back what is in container %s: %m", context->container->name);
                return false;
        }
        for (size_t i = 0; i < before.n_items; i++) {
                const char *devpath;

                if (item_set_find(runner_present(context->runner), before.items[i]))
                        continue;
                if (!item_takes_interface(before.items[i])) {
                        made = true;
                        /* With its parent it is gone for good; of that the host is told. */
                        if (if_nametoindex(before.items[i]->target) == 0)
                                continue;
                        runner_touch(context->runner, before.items[i]->device);
                        continue;
                }
                devpath = interface_devpath(manager, before.items[i]);
                if (devpath)
                        manager_part_gone(manager, devpath);
                runner_touch(context->runner, before.items[i]->device);
        }
        return made;
}

static void on_look(void *userdata) {
        Context *context = userdata;
        uint64_t start = loop_now();
        bool made;

        loop_source_set_events(context->watch, LOOP_READ);
        made = look_at_interfaces(context);
        context->look_pause = MAX(made ? LOOK_PAUSE_MADE_USEC : LOOK_PAUSE_MIN_USEC,
                                  (loop_now() - start) * LOOK_PAUSE_FACTOR);
}

static void watch_interfaces(Context *context) {
        int r;

        if (context->watch)
                return;
        r = target_watch(context->target);
        if (r >= 0 && !context->look)
                r = loop_add_timer(context->manager->loop, on_look, context, &context->look);
        if (r >= 0)
                r = loop_add_io(context->manager->loop, target_watch_fd(context->target), LOOP_READ, on_watch,
                                context, &context->watch);
        if (r < 0)
                log_full(LOG_WARNING, r, &(LogSubject){.container = context->container->name},
                         "Failed to watch the interfaces of container %s: %m", context->container->name);
}

/* From the moment an interface goes, the host reports it as removed; that is not what happened to the device.
 */
static void client_starting(void *userdata, const Step *step) {
        Context *context = userdata;
        const char *devpath;
        Part *part;

        if (step->item->kind != ITEM_INTERFACE || step->action != STEP_ADD)
                return;
        watch_interfaces(context);
        if (!item_takes_interface(step->item))
                return;
        devpath = interface_devpath(context->manager, step->item);
        part = devpath ? registry_part(&context->manager->registry, devpath) : NULL;
        if (part)
                part->away = true;
}

static bool runner_op_blocks(const Step *step) {
        return target_step_blocks(step);
}

static int runner_op_apply(void *target, const Step *step) {
        return target_apply(target, step);
}

static int runner_op_read(void *target, ItemSet *ret) {
        return target_read(target, ret);
}

static int context_open(Context *context, const ContainerRecord *record) {
        static const RunnerOps ops = {
                .step_blocks = runner_op_blocks,
                .apply = runner_op_apply,
                .read = runner_op_read,
        };
        static const RunnerClient client = {
                .wanted = client_wanted,
                .starting = client_starting,
                .settled = client_settled,
                .idle = client_idle,
        };
        Manager *manager = context->manager;
        int r;

        r = target_open(manager->runtime_dir, context->container, record->cgroup, &context->target);
        if (r < 0)
                return r;
        r = runner_new(manager->loop, context->container->name, &ops, context->target, &client, context,
                       &context->runner);
        if (r < 0)
                return r;
        r = runner_read(context->runner);
        if (r < 0)
                return r;
        r = loop_add_timer(manager->loop, on_end, context, &context->end);
        if (r < 0)
                return r;

        context->keeper_pidfd = pidfd_of(record->keeper_pid);
        if (context->keeper_pidfd < 0)
                return 0;
        return loop_add_io(manager->loop, context->keeper_pidfd, LOOP_READ, on_keeper_exit, context,
                           &context->keeper_exit);
}

/* Keeps @container until the former one of its name is taken off. */
static int succeed(Context *former, Container *container, const ContainerRecord *record) {
        _cleanup_(successor_freep) Successor *successor = calloc(1, sizeof(*successor));
        int r;

        if (!successor)
                return -ENOMEM;
        r = container_record_copy(record, &successor->record);
        if (r < 0)
                return r;
        successor->container = container;
        successor_free(former->successor);
        former->successor = TAKE_PTR(successor);
        loop_source_set_timer(former->end, 0);
        return 0;
}

void manager_container_up(void *userdata, Container *container, const ContainerRecord *record) {
        Manager *manager = userdata;
        Container *former = registry_container(&manager->registry, container->name);
        Context *context;
        int r;

        if (former) {
                r = succeed(context_of(former), container, record);
                if (r < 0) {
                        log_oom();
                        container_free(container);
                }
                return;
        }

        context = calloc(1, sizeof(*context));
        if (!context) {
                log_oom();
                container_free(container);
                return;
        }
        context->manager = manager;
        context->container = container;
        context->keeper_pidfd = -EBADF;
        container->userdata = context;
        container->state = CONTAINER_RUNNING;

        r = context_open(context, record);
        if (r >= 0)
                r = registry_add_container(&manager->registry, container);
        if (r < 0) {
                log_full(LOG_ERR, r, &(LogSubject){.container = container->name},
                         "Failed to take in container %s: %m", container->name);
                manager_refuse_launch(manager, container->name, r);
                context_free(context);
                container_free(container);
                return;
        }

        target_cache_invalidate(manager->targets);
        r = manager_adopt(manager, container);
        if (r >= 0)
                r = context_await_listener(context);
        if (r < 0)
                log_oom();
        for (size_t i = 0; i < runner_present(context->runner)->n_items; i++)
                if (runner_present(context->runner)->items[i]->kind == ITEM_INTERFACE)
                        watch_interfaces(context);

        log_full(LOG_INFO, 0, &(LogSubject){.container = container->name}, "Container %s runs",
                 container->name);
        manager_notify(manager, OBJECT_CONTAINER, container->name, NULL);
        if (manager->taking_in)
                return;
        manager_assign_all(manager);
        manager_check_waiters(manager);
}

void manager_container_down(void *userdata, const char *name) {
        Manager *manager = userdata;
        Container *container = registry_container(&manager->registry, name);
        Context *context = container ? context_of(container) : NULL;

        if (!context)
                return;

        /* Of two lives it is the later one that ends. */
        context->successor = successor_free(context->successor);
        container->state = CONTAINER_STOPPING;
        target_cache_invalidate(manager->targets);
        manager_notify(manager, OBJECT_CONTAINER, name, NULL);
        /* Nobody gets a thing in a container that does not run, so the runner takes all of it away, its
         * grants with it. */
        for (Grant *grant = container->grants; grant; grant = grant->container_next) {
                grant->state = GRANT_LEAVING;
                manager_end_hold(manager, grant);
        }
        runner_touch_all(context->runner);
        loop_source_set_timer(context->end, 0);
}

static void clean_up_free(CleanUp *clean_up) {
        child_free(clean_up->child);
        loop_source_free(clean_up->retry);
        free(clean_up->name);
        free(clean_up);
}

void manager_free_clean_ups(Manager *manager) {
        while (manager->clean_ups) {
                CleanUp *clean_up = manager->clean_ups;

                manager->clean_ups = clean_up->next;
                clean_up_free(clean_up);
        }
}

bool manager_cleans_up(const Manager *manager, const char *name) {
        for (const CleanUp *clean_up = manager->clean_ups; clean_up; clean_up = clean_up->next)
                if (streq(clean_up->name, name))
                        return true;
        return false;
}

/* Under the lock of the container's folder, so never against a keeper that lives. */
static int work_clean_up(void *userdata) {
        CleanUp *clean_up = userdata;
        const Manager *manager = clean_up->manager;
        int r, k;

        r = launch_clean_up(manager->runtime_dir, clean_up->name);
        if (r == -EBUSY)
                return r;
        k = mount_forget(manager->state_fd, clean_up->name);
        r = r < 0 ? r : k;
        k = interface_restore(manager->state_fd, clean_up->name);
        return r < 0 ? r : k;
}

static void clean_up_end(CleanUp *clean_up, int result) {
        Manager *manager = clean_up->manager;

        if (result < 0)
                log_full(LOG_ERR, result, &(LogSubject){.container = clean_up->name},
                         "Failed to clean up after container %s: %m", clean_up->name);
        for (CleanUp **p = &manager->clean_ups; *p; p = &(*p)->next)
                if (*p == clean_up) {
                        *p = clean_up->next;
                        break;
                }
        clean_up_free(clean_up);
        manager_check_launches(manager);
}

static void on_cleaned_up(void *userdata, int result) {
        CleanUp *clean_up = userdata;

        clean_up->child = child_free(clean_up->child);
        /* Of a container that runs, or runs again, nothing is to be taken off. */
        if (result == -EBUSY && registry_container(&clean_up->manager->registry, clean_up->name))
                result = 0;
        if (result != -EBUSY || ++clean_up->n_tries >= CLEAN_UP_TRIES_MAX ||
            loop_source_set_timer(clean_up->retry, CLEAN_UP_RETRY_USEC) < 0)
                clean_up_end(clean_up, result);
}

static void on_clean_up_retry(void *userdata) {
        CleanUp *clean_up = userdata;
        int r;

        r = child_start(clean_up->manager->loop, "Cleaning up after a container", work_clean_up,
                        on_cleaned_up, clean_up, &clean_up->child);
        if (r < 0)
                clean_up_end(clean_up, r);
}

void manager_container_stale(void *userdata, const char *name, _unused_ const char *cgroup) {
        Manager *manager = userdata;
        Container *container = registry_container(&manager->registry, name);
        CleanUp *clean_up;
        int r = -ENOMEM;

        /* First what we know of it is taken back, then what its keeper left is taken off: see on_end(). */
        if (container) {
                context_of(container)->stale = true;
                return;
        }
        if (manager_cleans_up(manager, name))
                return;

        clean_up = calloc(1, sizeof(*clean_up));
        if (!clean_up) {
                log_oom();
                return;
        }
        clean_up->manager = manager;
        clean_up->name = strdup(name);
        if (clean_up->name)
                r = loop_add_timer(manager->loop, on_clean_up_retry, clean_up, &clean_up->retry);
        if (r < 0) {
                log_error_errno(r, "Failed to clean up after container %s: %m", name);
                clean_up_free(clean_up);
                return;
        }
        clean_up->next = manager->clean_ups;
        manager->clean_ups = clean_up;
        on_clean_up_retry(clean_up);
}

/* Return: the name of the container whose interface or mount the file tells of, owned by the caller; NULL for
 * other files. */
static char *container_of_state(const char *file) {
        const char *name = startswith(file, "interface-") ?: startswith(file, "mount-");
        const char *at = name ? strchr(name, '@') : NULL;

        return at ? strndup(name, (size_t)(at - name)) : NULL;
}

void manager_restore_interfaces(Manager *manager, const char *container) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = openat(manager->state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                log_error_errno(errno, "Failed to read %s/state: %m", manager->runtime_dir);
                return;
        }
        TAKE_FD(fd);
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *name = container_of_state(entry->d_name);

                if (name && string_is_name(name) && (!container || streq(name, container)))
                        manager_container_stale(manager, name, /* cgroup= */ NULL);
        }
}
