/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The manager of the bus tests. Answers that the real one gives at once are given at once, those that take it
 * time come from a timer, so that both ways through the bus face are walked.
 */

#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "bus/fake-manager.h"
#include "model/registry-index.h"
#include "util/string.h"

typedef struct Pending {
        CallDone done;
        void *userdata;
        char *container;    /* set: waits for its end; NULL: done in the next round */
        const char *launch; /* the same, where it waits for the container's keeper */
        CallCode code;
        char message[256];
        int value;
        struct Pending *prev, *next;
} Pending;

/* The last exit status of a name. */
typedef struct Exit {
        char name[64];
        int status;
        struct Exit *next;
} Exit;

struct Manager {
        Exit *exits;
        Registry registry;
        RuleSet *rules;
        const ManagerConfig *config;
        ManagerObserver observer;
        ManagerProgress progress;
        void *progress_userdata;
        void *userdata;
        LoopSource *timer;
        Pending *pending;
        KeeperStart start;
        void *start_userdata;
};

static void tell(Manager *manager, ObjectKind kind, const char *id, const char *container_id) {
        if (manager->observer)
                manager->observer(manager->userdata, kind, id, container_id);
}

static void finish(Manager *manager, Pending *pending) {
        DL_DELETE(manager->pending, pending);
        pending->done(pending->userdata, pending->code, pending->message, pending->value);
        free(pending->container);
        free(pending);
}

static void on_timer(void *userdata) {
        Manager *manager = userdata;
        Pending *pending, *next;

        DL_FOREACH_SAFE(manager->pending, pending, next) {
                if (!pending->container)
                        finish(manager, pending);
        }
}

static Pending *later(Manager *manager, CallDone done, void *userdata, const char *container) {
        Pending *pending = calloc(1, sizeof(*pending));

        if (!pending)
                abort();
        pending->done = done;
        pending->userdata = userdata;
        pending->container = container ? strdup(container) : NULL;
        DL_APPEND(manager->pending, pending);
        if (!container)
                loop_source_set_timer(manager->timer, 0);
        return pending;
}

int manager_new(Loop *loop, const ManagerConfig *config, Manager **ret) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        int r;

        if (!manager)
                return -ENOMEM;
        registry_init(&manager->registry);
        manager->config = config;
        r = loop_add_timer(loop, on_timer, manager, &manager->timer);
        if (r < 0)
                return r;
        r = rule_set_load(config->policy_dirs, &manager->rules, &errors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        Pending *pending, *next;

        if (!manager)
                return NULL;
        DL_FOREACH_SAFE(manager->pending, pending, next) {
                pending->code = CALL_FAILED;
                finish(manager, pending);
        }
        registry_devices_foreach(device, &manager->registry)
                while (device->grants)
                        registry_drop_grant(&manager->registry, device->grants);
        registry_deinit(&manager->registry);
        while (manager->exits) {
                Exit *first = manager->exits;

                LL_DELETE(manager->exits, first);
                free(first);
        }
        rule_set_free(manager->rules);
        loop_source_free(manager->timer);
        free(manager);
        return NULL;
}

int manager_start(_unused_ Manager *manager) {
        return 0;
}

void manager_set_observer(Manager *manager, ManagerObserver observer, void *userdata) {
        manager->observer = observer;
        manager->userdata = userdata;
}

void manager_set_progress(Manager *manager, ManagerProgress progress, void *userdata) {
        manager->progress = progress;
        manager->progress_userdata = userdata;
}

const Registry *manager_registry(const Manager *manager) {
        return &manager->registry;
}

const RuleSet *manager_rules(const Manager *manager) {
        return manager->rules;
}

const char *manager_runtime_dir(const Manager *manager) {
        return manager->config->runtime_dir;
}

const char *manager_container_program(const Manager *manager) {
        return manager->config->container_program;
}

static CallCode find(Manager *manager, const char *device, const char *container, Device **ret_device,
                     Container **ret_container) {
        int r = registry_find_device(&manager->registry, device, ret_device);

        if (r == -ENOTUNIQ)
                return CALL_AMBIGUOUS_DEVICE;
        if (r < 0)
                return CALL_NO_SUCH_DEVICE;
        *ret_container = container ? registry_container(&manager->registry, container) : NULL;
        return container && !*ret_container ? CALL_NO_SUCH_CONTAINER : CALL_OK;
}

static void drop_grant(Manager *manager, Grant *grant) {
        char device[256], container[256];

        snprintf(device, sizeof(device), "%s", grant->device->id);
        snprintf(container, sizeof(container), "%s", grant->container->name);
        registry_drop_grant(&manager->registry, grant);
        tell(manager, OBJECT_GRANT, device, container);
}

void manager_attach(Manager *manager, const char *name, const char *container_name, CallDone done,
                    void *userdata) {
        Device *device;
        Container *container;
        CallCode code = find(manager, name, container_name, &device, &container);
        const char *serial;
        Grant *grant;

        if (code != CALL_OK) {
                done(userdata, code, "Not \x1b[31mthere\xff", 0);
                return;
        }
        serial = device->serial ?: "";
        if (streq(serial, "BUSY") || streq(serial, "DENIED") || streq(serial, "BROKEN")) {
                done(userdata,
                     streq(serial, "BUSY")     ? CALL_BUSY
                     : streq(serial, "DENIED") ? CALL_DENIED
                                               : CALL_FAILED,
                     serial, 0);
                return;
        }
        if (!registry_grant(device, container)) {
                if (registry_add_grant(&manager->registry, device, container, GRANT_MANUAL, NULL, &grant) < 0)
                        abort();
                grant->state = GRANT_ACTIVE;
                tell(manager, OBJECT_GRANT, device->id, container->name);
        }
        later(manager, done, userdata, NULL);
}

void manager_detach(Manager *manager, const char *name, const char *container_name, CallDone done,
                    void *userdata) {
        Device *device;
        Container *container;
        CallCode code = find(manager, name, container_name, &device, &container);

        if (code == CALL_OK && (container ? !registry_grant(device, container) : !device->grants))
                code = CALL_NOT_GRANTED;
        if (code != CALL_OK) {
                done(userdata, code, "Not given", 0);
                return;
        }
        if (container)
                drop_grant(manager, registry_grant(device, container));
        else
                while (device->grants)
                        drop_grant(manager, device->grants);
        later(manager, done, userdata, NULL);
}

void manager_reload(Manager *manager, CallDone done, void *userdata) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_(rule_set_freep) RuleSet *rules = NULL;

        if (rule_set_load(manager->config->policy_dirs, &rules, &errors) < 0)
                abort();
        if (errors.n_errors > 0) {
                _cleanup_free_ char *first = NULL;

                if (parse_error_format(&errors.items[0], &first) < 0)
                        abort();
                done(userdata, CALL_POLICY_INVALID, first, 0);
                return;
        }
        rule_set_free(manager->rules);
        manager->rules = TAKE_PTR(rules);
        tell(manager, OBJECT_POLICY, NULL, NULL);
        later(manager, done, userdata, NULL);
}

CallCode manager_explain(Manager *manager, const char *name, const char *container_name, Explanation *ret,
                         int *ret_override) {
        Device *device;
        Container *container;
        CallCode code = find(manager, name, container_name, &device, &container);
        Grant *grant;

        if (code != CALL_OK)
                return code;
        grant = registry_grant(device, container);
        *ret_override = grant && grant->origin == GRANT_MANUAL;
        return explain(manager->rules, device, container, NULL, ret) < 0 ? CALL_FAILED : CALL_OK;
}

void manager_set_keeper_start(Manager *manager, KeeperStart start, void *userdata) {
        manager->start = start;
        manager->start_userdata = userdata;
}

void manager_keeper_failed(Manager *manager, const char *name, int error, const char *message) {
        Pending *pending, *next;

        DL_FOREACH_SAFE(manager->pending, pending, next) {
                if (!pending->launch || (name && !streq(pending->launch, name)))
                        continue;
                pending->code = error == -ENOENT ? CALL_OK : CALL_LAUNCH_FAILED;
                snprintf(pending->message, sizeof(pending->message), "%s", message);
                finish(manager, pending);
        }
}

void manager_launch(Manager *manager, const ManagerLaunch *launch, CallDone done, void *userdata) {
        if (streq(launch->name, "fails")) {
                done(userdata, CALL_LAUNCH_FAILED, "The root has\nno init", 0);
                return;
        }
        if (registry_container(&manager->registry, launch->name)) {
                done(userdata, CALL_EXISTS, "It runs", 0);
                return;
        }
        if (launch->stdio[1] >= 0) {
                dprintf(launch->stdio[1], "rootfs=%s", launch->rootfs ?: "-");
                for (char *const *word = launch->command; word && *word; word++)
                        dprintf(launch->stdio[1], " [%s]", *word);
                for (char *const *label = launch->labels; label && *label; label++)
                        dprintf(launch->stdio[1], " {%s}", *label);
                dprintf(launch->stdio[1], "\n");
        }
        if (manager->start) {
                Pending *pending = later(manager, done, userdata, launch->name);

                pending->launch = pending->container;
                if (manager->start(manager->start_userdata, launch->name) < 0)
                        abort();
                return;
        }
        if (fake_manager_run(manager, launch->name) < 0)
                abort();
        later(manager, done, userdata, NULL);
}

static bool missing(Manager *manager, const char *container, CallDone done, void *userdata) {
        if (registry_container(&manager->registry, container))
                return false;
        done(userdata, CALL_NO_SUCH_CONTAINER, "No such container", 0);
        return true;
}

void manager_stop(Manager *manager, const char *container, CallDone done, void *userdata) {
        if (missing(manager, container, done, userdata))
                return;
        if (fake_manager_end(manager, container, 0) < 0)
                abort();
        later(manager, done, userdata, NULL);
}

void manager_wait(Manager *manager, const char *container, CallDone done, void *userdata) {
        Exit *last;

        if (registry_container(&manager->registry, container)) {
                later(manager, done, userdata, container);
                return;
        }
        LL_FOREACH(manager->exits, last) {
                if (streq(last->name, container)) {
                        done(userdata, CALL_OK, "", last->status);
                        return;
                }
        }
        done(userdata, CALL_NO_SUCH_CONTAINER, "No such container", 0);
}

void manager_kill(Manager *manager, const char *container, int signal, CallDone done, void *userdata) {
        if (missing(manager, container, done, userdata))
                return;
        if (signal == SIGUSR1)
                later(manager, done, userdata, NULL)->code = CALL_FAILED;
        else {
                if (fake_manager_end(manager, container, 128 + signal) < 0)
                        abort();
                later(manager, done, userdata, NULL);
        }
}

static int apply(Manager *manager, const char *action, unsigned int port, const char *serial, Device **ret) {
        _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
        RegistryChange change;
        char text[1024];
        int n;

        n = snprintf(text, sizeof(text),
                     "%s@/devices/pci0000:00/0000:00:14.0/usb3/3-%u%cACTION=%s%cDEVPATH=/devices/pci0000:00/"
                     "0000:00:14.0/"
                     "usb3/3-%u%cSUBSYSTEM=usb%cDEVTYPE=usb_device%cDEVNAME=/dev/bus/usb/003/"
                     "%03u%cMAJOR=189%cMINOR=%u%c"
                     "ID_VENDOR_ID=18d1%cID_MODEL_ID=4ee7%cID_MODEL=Pixel_%u%cID_SERIAL_SHORT=%s%cSEQNUM=1%c",
                     action, port, 0, action, 0, port, 0, 0, 0, port % 1000, 0, 0, port, 0, 0, 0, port, 0,
                     serial, 0, 0);
        int r = uevent_decode(text, (size_t)n, UEVENT_GROUP_KERNEL, &event);

        if (r < 0)
                return r;
        return registry_apply(&manager->registry, &event, true, &change, ret);
}

static Device *device_at(Manager *manager, unsigned int port) {
        char id[64];

        snprintf(id, sizeof(id), "usb-3-%u", port);
        return registry_device(&manager->registry, id);
}

int fake_manager_plug(Manager *manager, unsigned int port, const char *serial) {
        Device *device = NULL;
        int r = apply(manager, "add", port, serial, &device);

        if (r < 0)
                return r;
        if (!device)
                return -ENODEV;
        tell(manager, OBJECT_DEVICE, device->id, NULL);
        return 0;
}

int fake_manager_unplug(Manager *manager, unsigned int port) {
        Device *device = device_at(manager, port);
        char id[64];

        if (!device)
                return -ENODEV;
        while (device->grants)
                drop_grant(manager, device->grants);
        snprintf(id, sizeof(id), "%s", device->id);
        registry_drop_device(&manager->registry, device);
        tell(manager, OBJECT_DEVICE, id, NULL);
        return 0;
}

int fake_manager_run(Manager *manager, const char *name) {
        _cleanup_(container_freep) Container *container = NULL;
        int r;

        r = container_new(name, "davit", &container);
        if (r < 0)
                return r;
        container->state = CONTAINER_RUNNING;
        container->init_pid = 4711;
        r = property_list_set(&container->labels, "team", "blue");
        if (r < 0)
                return r;
        r = registry_add_container(&manager->registry, container);
        if (r < 0)
                return r;
        container = NULL;
        tell(manager, OBJECT_CONTAINER, name, NULL);
        return 0;
}

int fake_manager_end(Manager *manager, const char *name, int status) {
        _cleanup_free_ char *copy = strdup(name);
        Container *container = registry_container(&manager->registry, name);
        Exit *last = calloc(1, sizeof(*last));
        Pending *pending, *next;

        if (!last)
                abort();
        snprintf(last->name, sizeof(last->name), "%s", name);
        last->status = status;
        LL_PREPEND(manager->exits, last);
        if (!container)
                return -ENOENT;
        while (container->grants)
                drop_grant(manager, container->grants);
        registry_drop_container(&manager->registry, container);
        tell(manager, OBJECT_CONTAINER, copy, NULL);
        DL_FOREACH_SAFE(manager->pending, pending, next) {
                if (!streq_ptr(pending->container, copy))
                        continue;
                pending->value = status;
                finish(manager, pending);
        }
        return 0;
}

bool fake_manager_is_waited(const Manager *manager, const char *name) {
        const Pending *pending;

        DL_FOREACH(manager->pending, pending) {
                if (streq_ptr(pending->container, name))
                        return true;
        }
        return false;
}

int fake_manager_give(Manager *manager, unsigned int port, const char *name, GrantState state, int error) {
        Device *device = device_at(manager, port);
        Container *container = registry_container(&manager->registry, name);
        Grant *grant;
        int r;

        if (!device || !container)
                return -ENOENT;
        grant = registry_grant(device, container);
        if (!grant) {
                r = registry_add_grant(&manager->registry, device, container, GRANT_POLICY, "phones", &grant);
                if (r < 0)
                        return r;
        }
        grant->state = state;
        grant->error = error;
        tell(manager, OBJECT_GRANT, device->id, container->name);
        return 0;
}

int fake_manager_linger(Manager *manager, unsigned int port, const char *name, unsigned int seconds) {
        Device *device = device_at(manager, port);
        Container *container = registry_container(&manager->registry, name);
        Grant *grant = device && container ? registry_grant(device, container) : NULL;
        struct timespec now;
        int r;

        if (!grant)
                return -ENOENT;
        if (!grant->hold) {
                r = hold_new(grant, rule_set_get(manager->rules, 0), device, &grant->hold);
                if (r < 0)
                        return r;
        }
        clock_gettime(CLOCK_BOOTTIME, &now);
        grant->hold->until_usec = ((uint64_t)now.tv_sec + seconds) * 1000000;
        while (device->parts)
                part_free(registry_index_remove(&manager->registry, device->parts));
        r = device_refresh(device);
        if (r < 0)
                return r;
        grant->state = GRANT_LINGERING;
        tell(manager, OBJECT_GRANT, device->id, container->name);
        tell(manager, OBJECT_DEVICE, device->id, NULL);
        return 0;
}

int fake_manager_take(Manager *manager, unsigned int port, const char *name) {
        Device *device = device_at(manager, port);
        Container *container = registry_container(&manager->registry, name);
        Grant *grant = device && container ? registry_grant(device, container) : NULL;

        if (!grant)
                return -ENOENT;
        drop_grant(manager, grant);
        return 0;
}
