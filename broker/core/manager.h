/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/loop.h"
#include "model/registry.h"
#include "rule/explain.h"
#include "rule/rule-set.h"

/*
 * The manager: turns events into plans. Whatever happens (a device event, a container's start, a reload, a
 * manual attach, a rescan) it updates the model, works out what the touched containers should have, and has
 * the executor make it so.
 *
 * It knows neither D-Bus nor who else watches: an observer is told that an object changed, by name, and looks
 * for itself.
 */
typedef struct Manager Manager;
typedef struct NvidiaRoots NvidiaRoots;

typedef struct ManagerConfig {
        const char *runtime_dir;        /* "/run/davit" */
        const char *const *policy_dirs; /* in rising priority, NULL-terminated */
        const char *container_program;  /* path of davit-container */
        const char *container_dir;      /* of container files; NULL: the keeper's own choice */
        const char *state_dir;          /* of what is kept of containers; NULL likewise */
        const char *const *cdi_dirs;    /* of CDI files, in rising priority, NULL-terminated; NULL: none */
        const NvidiaRoots *nvidia; /* where its driver is looked for (source/nvidia.h), borrowed for the life
                                    * of the manager; NULL: where it is */
        /* The socket of a former davitd that device events were queued on meanwhile; borrowed for the life of
         * the manager; -EBADF none. */
        int kept_events;
        /* Told of each socket that device events come by from now on: it may be kept for the next davitd. May
         * be NULL. */
        void (*keep_events)(int socket);
} ManagerConfig;

typedef enum ObjectKind {
        OBJECT_DEVICE,    /* @id is the device's id */
        OBJECT_CONTAINER, /* @id is the container's name */
        OBJECT_GRANT,     /* @id and @container_id */
        OBJECT_POLICY,    /* the rules were loaded anew */
} ObjectKind;

/* Called after the object came, changed or went: look it up to learn which. Never from within a call into the
 * manager's getters; the observer only takes note (the hot path goes on) and does its work in a timer of its
 * own. */
typedef void (*ManagerObserver)(void *userdata, ObjectKind kind, const char *id, const char *container_id);

/* Documented answers of the calls below; each has its D-Bus error name in bus/error.c. */
typedef enum CallCode {
        CALL_OK,
        CALL_NO_SUCH_DEVICE,
        CALL_AMBIGUOUS_DEVICE, /* several devices have that serial */
        CALL_NO_SUCH_CONTAINER,
        CALL_NOT_GRANTED, /* detach of what is not there */
        CALL_BUSY,        /* an exclusive device is another container's; the message names it */
        CALL_DENIED,      /* a deny rule decides; the message names it */
        CALL_EXISTS,      /* a container of that name runs */
        CALL_INVALID_ARGUMENT,
        CALL_POLICY_INVALID, /* reload: the message is the list of errors; the old policy goes on */
        CALL_LAUNCH_FAILED,  /* the message is the launcher's */
        CALL_FAILED,         /* a system call failed; the message has its error */
        CALL_CODE_MAX,
        CALL_CODE_INVALID = -EINVAL,
} CallCode;

/* The end of a call: exactly once, perhaps before the call returns. @message is for people, borrowed, "" for
 * CALL_OK. @value is the exit status for manager_stop() and manager_wait() (-1 unknown), else 0. */
typedef void (*CallDone)(void *userdata, CallCode code, const char *message, int value);

/* Loads the policy (a file with errors is logged and left out) and opens nothing yet. Return: 0; errno. */
int manager_new(Loop *loop, const ManagerConfig *config, Manager **ret);
/* Containers and what was given to them stay as they are. */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free);

/* Opens the sources, takes everything in, reads back what is present and converges. Return: 0; errno. */
int manager_start(Manager *manager);

/* Launches the containers whose file says "autostart: true", once in the life of the runtime folder. @units:
 * not before keepers can be units. */
void manager_autostart(Manager *manager, bool units);

/* One observer; NULL for none. */
void manager_set_observer(Manager *manager, ManagerObserver observer, void *userdata);

/* An archive is being unpacked for a container: @done of @total bytes of it. */
typedef void (*ManagerProgress)(void *userdata, const char *container, uint64_t done, uint64_t total);
void manager_set_progress(Manager *manager, ManagerProgress progress, void *userdata);

/* Borrowed, to look at; valid until the next return to the loop. */
const Registry *manager_registry(const Manager *manager);
const RuleSet *manager_rules(const Manager *manager);
const char *manager_runtime_dir(const Manager *manager);
const char *manager_container_program(const Manager *manager);

/* @device: anything registry_find_device() takes. */
void manager_attach(Manager *manager, const char *device, const char *container, CallDone done,
                    void *userdata);
/* @container: NULL for every one that has it. */
void manager_detach(Manager *manager, const char *device, const char *container, CallDone done,
                    void *userdata);
/* Reads the policy anew. With any error in it the old one goes on, and nothing changes. */
void manager_reload(Manager *manager, CallDone done, void *userdata);

/* Why a device goes to a container or not. *ret_override is set where a manual attach or detach goes before
 * the rules: +1, -1, else 0. Return: CALL_OK, CALL_NO_SUCH_DEVICE, CALL_AMBIGUOUS_DEVICE,
 * CALL_NO_SUCH_CONTAINER, CALL_FAILED. */
CallCode manager_explain(Manager *manager, const char *device, const char *container, Explanation *ret,
                         int *ret_override);

typedef struct ManagerLaunch {
        const char *name;
        const char *rootfs;   /* absolute; NULL: a small root of what the host has */
        char *const *command; /* NULL: the root's init */
        char *const *labels;  /* "key=value"; NULL: none */
        int stdio[3];         /* borrowed for the call; -EBADF: /dev/null */
} ManagerLaunch;

/*
 * A keeper is our child, or a unit of the service manager, which then keeps it when we are restarted.
 * KeeperStart has it started and returns; that failed, or fails later, is said by manager_keeper_failed().
 * Return: 0; errno, not possible just now.
 */
typedef int (*KeeperStart)(void *userdata, const char *name);
void manager_set_keeper_start(Manager *manager, KeeperStart start, void *userdata);

/* @error: -ENOENT the service manager does not know the unit, then it becomes a child of ours after all.
 * @name: NULL all that are on their way. */
void manager_keeper_failed(Manager *manager, const char *name, int error, const char *message);

/* Done when the container runs and has what the policy gives it. */
void manager_launch(Manager *manager, const ManagerLaunch *launch, CallDone done, void *userdata);
/* Asks its init to end, and makes it after the keeper's grace; done when it is gone with all that was its.
 * One that is being launched is called off. */
void manager_stop(Manager *manager, const char *container, CallDone done, void *userdata);
/* Done when the container ended by itself or by another's stop. */
void manager_wait(Manager *manager, const char *container, CallDone done, void *userdata);
/* Sends a signal to its init. */
void manager_kill(Manager *manager, const char *container, int signal, CallDone done, void *userdata);
