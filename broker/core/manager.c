/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The manager: every event updates the model and then has the touched devices assigned anew (assign.c). It is
 * the same for a plug, a container's start, a reload, a manual attach and a rescan, so there is one path,
 * which is therefore tried all the time.
 *
 * At the start everything is taken in first: devices, containers, and what is present in these. Only then it
 * is decided, so that what is right already is not touched.
 *
 * The manager owns the model and all contexts. It is told of everything on one thread; observers only take
 * note.
 */

#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/manager-internal.h"
#include "source/sysfs.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

/* A burst that overflows the socket goes on for a while: one rescan behind it, not one for each report. */
#define RESCAN_DELAY_USEC (UINT64_C(20) * 1000)

void manager_notify(Manager *manager, ObjectKind kind, const char *id, const char *container_id) {
        if (kind == OBJECT_DEVICE || kind == OBJECT_GRANT)
                manager_yield_touch(manager, id);
        if (manager->observer)
                manager->observer(manager->observer_userdata, kind, id, container_id);
}

void manager_set_observer(Manager *manager, ManagerObserver observer, void *userdata) {
        manager->observer = observer;
        manager->observer_userdata = userdata;
}

const Registry *manager_registry(const Manager *manager) {
        return &manager->registry;
}

const RuleSet *manager_rules(const Manager *manager) {
        return manager->rules;
}

const char *manager_runtime_dir(const Manager *manager) {
        return manager->runtime_dir;
}

void manager_set_progress(Manager *manager, ManagerProgress progress, void *userdata) {
        manager->progress = progress;
        manager->progress_userdata = userdata;
}

const char *manager_container_program(const Manager *manager) {
        return manager->container_program;
}

static void log_parse_errors(const ParseErrors *errors) {
        for (size_t i = 0; i < errors->n_items; i++) {
                _cleanup_free_ char *text = NULL;

                if (parse_error_format(&errors->items[i], &text) >= 0)
                        log_full(errors->items[i].severity == PARSE_ERROR ? LOG_ERR : LOG_WARNING, 0, NULL,
                                 "%s", text);
        }
        if (errors->n_dropped > 0)
                log_error("%zu more messages on the policy", errors->n_dropped);
}

static void strings_free(char ***strings) {
        for (char **s = *strings; s && *s; s++)
                free(*s);
        free(*strings);
        *strings = NULL;
}

static int strings_copy(const char *const *from, char ***ret) {
        _cleanup_(strings_free) char **copy = NULL;
        size_t n = 0;

        while (from[n])
                n++;
        copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(from[i]);
                if (!copy[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

int manager_new(Loop *loop, const ManagerConfig *config, Manager **ret) {
        static const NvidiaRoots nvidia_roots = {.proc = "/proc", .sys = "/sys", .dev = "/dev"};
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        int r;

        if (!manager)
                return -ENOMEM;
        manager->loop = loop;
        manager->state_fd = -EBADF;
        manager->keepers_fd = -EBADF;
        manager->kept_events = config->kept_events;
        manager->keep_events = config->keep_events;
        manager->nvidia_roots = config->nvidia ?: &nvidia_roots;
        registry_init(&manager->registry);

        manager->runtime_dir = strdup(config->runtime_dir);
        manager->container_program = strdup(config->container_program);
        if (!manager->runtime_dir || !manager->container_program)
                return -ENOMEM;
        if (config->container_dir)
                manager->container_dir = strdup(config->container_dir);
        if (config->state_dir)
                manager->state_dir = strdup(config->state_dir);
        if (!manager->container_dir != !config->container_dir || !manager->state_dir != !config->state_dir)
                return -ENOMEM;
        r = strings_copy(config->policy_dirs, &manager->policy_dirs);
        if (r < 0)
                return r;

        if (config->cdi_dirs)
                r = cdi_source_new(config->cdi_dirs, manager_event, manager, &manager->cdi);
        if (r < 0)
                return r;

        r = rule_set_load((const char *const *)manager->policy_dirs, &manager->rules, &errors);
        if (r < 0)
                return r;
        log_parse_errors(&errors);
        r = target_cache_new(manager->rules, &manager->targets);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;

        manager->observer = NULL;
        manager->progress = NULL;
        manager_free_waiters(manager);
        manager_free_launches(manager);
        keepers_close(manager);
        manager_free_clean_ups(manager);
        loop_source_free(manager->monitor_source);
        loop_source_free(manager->launched_source);
        loop_source_free(manager->nvidia_source);
        loop_source_free(manager->cdi_source);
        loop_source_free(manager->nodes_source);
        loop_source_free(manager->disks_source);
        loop_source_free(manager->rescan);
        loop_source_free(manager->hold_write);
        loop_source_free(manager->hold_end);
        yield_free(manager->yield);
        monitor_free(manager->monitor);
        launched_free(manager->launched);
        nvidia_free(manager->nvidia);
        cdi_source_free(manager->cdi);
        nodes_free(manager->nodes);
        disks_free(manager->disks);
        registry_containers_foreach(container, &manager->registry)
                context_free(context_of(container));
        /* What is written of them is for the next davitd. */
        manager_save_holds(manager);
        manager->holds = NULL;
        registry_devices_foreach(device, &manager->registry)
                while (device->grants)
                        registry_drop_grant(&manager->registry, device->grants);
        registry_deinit(&manager->registry);
        target_cache_free(manager->targets);
        rule_set_free(manager->rules);
        manager_free_overrides(manager);
        safe_close(manager->state_fd);
        strings_free(&manager->policy_dirs);
        free(manager->runtime_dir);
        free(manager->container_program);
        free(manager->container_dir);
        free(manager->state_dir);
        free(manager);
        return NULL;
}

static void assign_changed(Manager *manager, Device *device) {
        /* A device mapper's, say: others may be in use, or no more, by what happened to it. */
        bool holds = startswith(device->id, "virtual-block-");
        bool interface = device->classes & 1U << DEVICE_NET;
        char companion[DEVICE_ID_MAX] = "";

        manager_mark_disk(manager, device);
        if (manager->taking_in)
                return;
        if (device_is_companion(device) || device_is_cdi(device))
                strcpy(companion, device->id);
        manager_assign(manager, device);
        if (companion[0])
                manager_touch_companions_of(manager, companion);
        if (interface)
                manager_retry_cdi(manager);
        if (holds)
                manager_mark_disks(manager);
}

void manager_event(void *userdata, const Uevent *event, bool complete) {
        Manager *manager = userdata;
        RegistryChange change;
        Device *device;
        int r;

        /* One event may mean a loss and an arrival: each is dealt with before the next. */
        do {
                r = registry_apply(&manager->registry, event, complete, &change, &device);
                if (r < 0) {
                        log_warning_errno(r, "Failed to take in the %s of %s: %m",
                                          uevent_action_to_string(event->action), uevent_devpath(event));
                        return;
                }
                if (change == REGISTRY_UNCHANGED || !device) {
                        manager_yield_heard(manager, event);
                        continue;
                }
                manager_notify(manager, OBJECT_DEVICE, device->id, NULL);
                assign_changed(manager, device);
        } while (r > 0);
}

void manager_rescan(Manager *manager) {
        loop_source_set_timer(manager->rescan, RESCAN_DELAY_USEC);
}

static void on_lost(void *userdata) {
        Manager *manager = userdata;

        log_notice("Device events were lost: looking at all devices again");
        manager_rescan(manager);
}

void manager_part_gone(Manager *manager, const char *devpath) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_REMOVE};
        Part *part = registry_part(&manager->registry, devpath);

        if (!part)
                return;
        part->away = false;
        if (property_list_copy(&event.properties, &part->properties) < 0) {
                log_oom();
                return;
        }
        manager_event(manager, &event, /* complete= */ false);
}

static int on_gone(const char *devpath, void *userdata) {
        manager_part_gone(userdata, devpath);
        return 0;
}

/* Has all devices that there are reported. */
static int enumerate(Manager *manager) {
        int r;

        if ((r = monitor_enumerate(manager->monitor)) < 0 || (r = nvidia_scan(manager->nvidia)) < 0 ||
            (r = nodes_scan(manager->nodes)) < 0)
                return r;
        return manager->cdi ? cdi_source_scan(manager->cdi) : 0;
}

/* Reports of devices that are there are events like any others; what none of them named is gone. */
static void on_rescan(void *userdata) {
        Manager *manager = userdata;
        int r;

        registry_mark(&manager->registry);
        r = enumerate(manager);
        if (r >= 0)
                r = registry_sweep(&manager->registry, on_gone, manager);
        if (r < 0) {
                log_error_errno(r, "Failed to enumerate devices: %m");
                loop_source_set_timer(manager->rescan, UINT64_C(1000) * 1000);
        }
        launched_scan(manager->launched);
        manager_yield_touch_all(manager);
        registry_containers_foreach(container, &manager->registry)
                runner_touch_all(context_of(container)->runner);
}

static void on_monitor(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;
        int r = monitor_dispatch(manager->monitor);

        if (r < 0)
                log_error_errno(r, "Failed to read device events: %m");
}

static void on_monitor_event(void *userdata, const Uevent *event, bool complete) {
        Manager *manager = userdata;

        manager_event(manager, event, complete);
        manager_pass_on(manager, event);
        nvidia_hear(manager->nvidia, event);
        nodes_hear(manager->nodes, event);
}

static void on_module(void *userdata, const Uevent *event) {
        Manager *manager = userdata;

        nvidia_hear(manager->nvidia, event);
}

static void on_nvidia_event(void *userdata, const Uevent *event, bool complete) {
        Manager *manager = userdata;

        manager_event(manager, event, complete);
        nodes_hear(manager->nodes, event);
}

static void on_nvidia(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;

        (void)nvidia_dispatch(manager->nvidia); /* it says what failed, and looks again */
}

static void on_cdi(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;

        (void)cdi_source_dispatch(manager->cdi); /* likewise */
}

static void on_launched(void *userdata, _unused_ int fd, _unused_ unsigned int events) {
        Manager *manager = userdata;
        int r = launched_dispatch(manager->launched);

        if (r < 0)
                log_error_errno(r, "Failed to watch containers: %m");
}

static int open_folders(Manager *manager) {
        static const char *const folders[] = {"containers", "dev", "state"};

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                if (asprintf(&path, "%s/%s", manager->runtime_dir, folders[i]) < 0)
                        return -ENOMEM;
                r = fd_mkdir_parents(path, 0755);
                if (r < 0)
                        return log_error_errno(r, "Failed to make %s: %m", path);
                if (i + 1 < ELEMENTSOF(folders))
                        continue;
                manager->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (manager->state_fd < 0)
                        return log_error_errno(errno, "Failed to open %s: %m", path);
        }
        return 0;
}

static void on_opened(void *userdata, int socket) {
        Manager *manager = userdata;

        if (manager->keep_events)
                manager->keep_events(socket);
}

static int open_cdi(Manager *manager) {
        int r;

        if (!manager->cdi)
                return 0;
        r = loop_add_io(manager->loop, cdi_source_fd(manager->cdi), LOOP_READ, on_cdi, manager,
                        &manager->cdi_source);
        return r < 0 ? log_error_errno(r, "Failed to watch for CDI files: %m") : 0;
}

static int open_sources(Manager *manager) {
        static const MonitorOps monitor_ops = {
                .event = on_monitor_event,
                .module = on_module,
                .lost = on_lost,
                .opened = on_opened,
        };
        static const LaunchedOps launched_ops = {
                .up = manager_container_up,
                .down = manager_container_down,
                .stale = manager_container_stale,
        };
        int r;

        r = loop_add_timer(manager->loop, on_rescan, manager, &manager->rescan);
        if (r < 0)
                return r;
        r = monitor_new(&monitor_ops, manager, manager->kept_events, &manager->monitor);
        if (r < 0)
                return log_error_errno(r, "Failed to listen to device events: %m");
        r = loop_add_io(manager->loop, monitor_fd(manager->monitor), LOOP_READ, on_monitor, manager,
                        &manager->monitor_source);
        if (r < 0)
                return r;
        r = manager_open_disks(manager);
        if (r < 0)
                return r;
        r = nvidia_new(manager->nvidia_roots, on_nvidia_event, manager, &manager->nvidia);
        if (r < 0)
                return log_error_errno(r, "Failed to watch for NVIDIA's GPUs: %m");
        r = loop_add_io(manager->loop, nvidia_fd(manager->nvidia), LOOP_READ, on_nvidia, manager,
                        &manager->nvidia_source);
        if (r < 0)
                return r;
        r = open_cdi(manager);
        if (r < 0)
                return r;
        r = manager_open_nodes(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to watch for nodes that no event tells of: %m");
        r = launched_new(manager->runtime_dir, &launched_ops, manager, &manager->launched);
        if (r < 0)
                return log_error_errno(r, "Failed to watch %s/containers: %m", manager->runtime_dir);
        return loop_add_io(manager->loop, launched_fd(manager->launched), LOOP_READ, on_launched, manager,
                           &manager->launched_source);
}

int manager_start(Manager *manager) {
        int r;

        r = open_folders(manager);
        if (r < 0)
                return r;
        r = manager_load_overrides(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to read the manual decisions in %s/state: %m",
                                       manager->runtime_dir);
        r = open_sources(manager);
        if (r < 0)
                return r;
        r = manager_yield_open(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to open %s/yield: %m", manager->runtime_dir);

        manager->taking_in = true;
        r = enumerate(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to enumerate devices: %m");
        r = launched_scan(manager->launched);
        if (r < 0)
                return log_error_errno(r, "Failed to look for containers in %s: %m", manager->runtime_dir);
        manager->taking_in = false;
        r = manager_load_holds(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to read what is held in %s/state: %m",
                                       manager->runtime_dir);
        manager_drop_stale_overrides(manager);
        manager_drop_stale_given(manager);
        manager_restore_interfaces(manager, /* container= */ NULL);

        manager_assign_all(manager);
        log_info("Ready: %u devices, %u containers, %zu rules", HASH_COUNT(manager->registry.devices),
                 HASH_COUNT(manager->registry.containers), rule_set_size(manager->rules));
        return 0;
}
