/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the manager share; nobody else includes it. */

#include "core/child.h"
#include "core/manager.h"
#include "core/runner.h"
#include "inject/target.h"
#include "plan/wanted.h"
#include "source/cdi.h"
#include "source/disks.h"
#include "source/launched.h"
#include "source/monitor.h"
#include "source/nodes.h"
#include "source/nvidia.h"

typedef struct Waiter Waiter;
typedef struct PendingLaunch PendingLaunch;
typedef struct CleanUp CleanUp;
typedef struct Successor Successor;
typedef struct Yield Yield;
typedef struct Change Change;

struct Manager {
        Loop *loop;
        char *runtime_dir;
        char **policy_dirs;
        char *container_program;
        char *container_dir, *state_dir; /* may be NULL */
        const NvidiaRoots *nvidia_roots;
        int state_fd; /* RUNTIME/state */
        int kept_events;
        void (*keep_events)(int socket);

        Registry registry;
        RuleSet *rules;
        TargetCache *targets;
        Override *overrides;
        Hold *holds; /* those of all grants */
        LoopSource *hold_write, *hold_end;

        Monitor *monitor;
        Launched *launched;
        Nvidia *nvidia;
        Nodes *nodes;
        CdiSource *cdi; /* NULL: without */
        Disks *disks;
        LoopSource *disks_source;
        LoopSource *monitor_source, *launched_source, *nvidia_source, *nodes_source, *cdi_source;
        LoopSource *rescan; /* armed while a rescan is due */

        ManagerObserver observer;
        void *observer_userdata;
        ManagerProgress progress;
        void *progress_userdata;

        KeeperStart start_keeper; /* NULL: keepers are our children */
        void *start_userdata;
        int keepers_fd; /* where keepers that others started ask */
        LoopSource *keepers_source;

        Waiter *waiters;
        PendingLaunch *launches;
        CleanUp *clean_ups;
        Yield *yield;       /* NULL before the start */
        bool autostart_due; /* as soon as keepers can be units */
        bool deferring;     /* all devices are assigned first, and then each container is done in one plan */
        bool attaching;     /* an attach is dealt with: whether a wait is over is seen when it is done */
        bool taking_in;     /* at the start: everything is taken in before anything is decided */
};

/* A container as the core sees it: Container.userdata. */
typedef struct Context {
        Manager *manager;
        Container *container;
        Target *target;
        Runner *runner;
        int keeper_pidfd;     /* -EBADF: gone */
        bool stale;           /* its keeper was killed, and left things */
        Successor *successor; /* its next life, where it was rebooted from inside; else NULL */
        LoopSource *keeper_exit, *watch;
        LoopSource *look; /* armed when interfaces inside have changed */
        uint64_t look_pause;
        LoopSource
                *listener; /* armed while a udevd inside may come that has to be told what was there before */
        uint64_t listener_since;
        Change *changes; /* those that were not told yet */
        size_t n_changes;
        bool changes_lost, change_pausing;
        LoopSource *change_pause; /* made with the first of them */
        LoopSource *end;          /* armed when the last thing of an ended container may have gone */
} Context;

static inline Context *context_of(const Container *container) {
        return container->userdata;
}

void manager_notify(Manager *manager, ObjectKind kind, const char *id, const char *container_id);

/* Takes an event in, and has the devices that it is about assigned; as MonitorOps.event. */
void manager_event(void *userdata, const Uevent *event, bool complete);
/* Looks at all devices again, soon. */
void manager_rescan(Manager *manager);
/* The part is gone without an event that says so. */
void manager_part_gone(Manager *manager, const char *devpath);

/* disk.c: marks what the host uses itself. */
int manager_open_disks(Manager *manager);
/* Whether the mark of one of its block devices has changed. */
bool manager_mark_disk(Manager *manager, Device *device);
/* Marks all of them, and has those assigned anew whose mark has changed. */
void manager_mark_disks(Manager *manager);

/* node.c: nodes that no uevent tells of. */
int manager_open_nodes(Manager *manager);
/* The rules are others: it is for the next scan to look for what they name. */
void manager_choose_nodes(Manager *manager);

/* assign.c: works out anew who should have the device, and has it done. The device is freed when it has
 * neither parts nor grants any more, so the caller must not use it after. */
void manager_assign(Manager *manager, Device *device);
/* All devices, and one plan for each container: so what one device has to leave is free before another needs
 * it. */
void manager_assign_all(Manager *manager);
/* A device came, changed or went that goes along with others: has these planned for anew wherever they are.
 */
void manager_touch_companions_of(Manager *manager, const char *id);
/* An interface came: tries CDI grants again that failed, perhaps for want of it. */
void manager_retry_cdi(Manager *manager);
/* After a reload: decides everything by the new rules; nothing points to the old ones after. */
void manager_renew_decisions(Manager *manager);
/* What is in the container already counts as given: its grants are made of it. Return: 0; -ENOMEM. */
int manager_adopt(Manager *manager, Container *container);
/* The runner's answer for one device. */
void manager_settled(Manager *manager, Container *container, const char *device, int error);

/* change.c: a device has changed that stays: tells the containers that have it. */
void manager_pass_on(Manager *manager, const Uevent *event);
/* Tells what waits, where nothing keeps it from that. */
void context_tell_changes(Context *context);
void context_drop_changes(Context *context);

/* collect.c */
/* How the device is given; borrowed. */
const Give *grant_give(const Grant *grant);
/* For RunnerClient.wanted. */
int manager_wanted(Manager *manager, Container *container, const char *device, ItemSet *ret);

/* given.c: who has which CDI device, for the next davitd. */
void manager_note_given(const Manager *manager, const Grant *grant);
/* Before the grant is dropped. */
void manager_note_taken(const Manager *manager, const Grant *grant);
/* Return: 0; -ENOMEM. */
int manager_adopt_given(Manager *manager, Container *container);
/* What is written of containers that ended while nobody looked. */
void manager_drop_stale_given(Manager *manager);

/* lacking.c: works out anew what of the CDI devices that come with a grant its container does without. */
void manager_note_lacking(Manager *manager, Grant *grant);

/* hold.c: a grant stays with its device while that changes its mode, and for a time while it is away. */
/* What the device's grant is given by lets it linger: from now on it is held, as the device is now. */
void manager_hold(Manager *manager, Grant *grant);
void manager_set_away(Manager *manager, Grant *grant, bool away);
/* The grant is an ordinary one from now on. */
void manager_end_hold(Manager *manager, Grant *grant);
/* The same where it ends as the device went for good, or is another: a manual attach ends with it. */
void manager_end_stay(Manager *manager, Grant *grant);
/* Ends those of another device in this place, and of those whose time is up. */
void manager_check_holds(Manager *manager, Device *device);
/* After a reload: ends those whose rule is gone, before the old rules are. */
void manager_renew_holds(Manager *manager);
/* Writes down what is not yet. */
void manager_save_holds(Manager *manager);
/* At the start, when devices and containers are taken in. Return: 0; errno. */
int manager_load_holds(Manager *manager);

/* context.c: the ends of a container's life. */
void manager_container_up(void *userdata, Container *container, const ContainerRecord *record);
void manager_container_down(void *userdata, const char *name);
void manager_container_stale(void *userdata, const char *name, const char *cgroup);
void context_free(Context *context);
/* Puts right the interfaces which a container that ended had out of our sight; of all that ended while nobody
 * looked, where @container is NULL. */
void manager_restore_interfaces(Manager *manager, const char *container);
/* Whether what a container of that name left behind is being removed now. */
bool manager_cleans_up(const Manager *manager, const char *name);
void manager_free_clean_ups(Manager *manager);

/* listener.c: waits for a udevd inside. Return: 0; -ENOMEM. */
int context_await_listener(Context *context);

/* waiter.c: calls that wait for a grant or a container. A waiter is told once and freed. */
typedef enum WaitFor {
        WAIT_GIVEN,   /* the grant settled, well or badly */
        WAIT_TAKEN,   /* the grant is gone; of all containers where `container` is NULL */
        WAIT_RUNNING, /* the container is there and its queue is empty */
        WAIT_ENDED,   /* the container is gone */
} WaitFor;

int manager_wait_for(Manager *manager, WaitFor what, const char *device, const char *container, CallDone done,
                     void *userdata);
/* Looks whether somebody's wait is over; cheap where nobody waits. */
void manager_check_waiters(Manager *manager);
/* Tells those who wait for the end of @container, which is about to be dropped, with what status it ended. */
void manager_tell_ended(Manager *manager, const char *container, int status);
void manager_free_waiters(Manager *manager);

/* override.c: manual decisions, kept in RUNTIME/state so that they outlive us. */
int manager_load_overrides(Manager *manager);
/* Return: 0; errno. */
int manager_set_override(Manager *manager, const char *device, const char *container, bool attach,
                         bool interfaces);
/* NULL stands for any. */
void manager_drop_overrides(Manager *manager, const char *device, const char *container);
/* Those of devices and containers that went while nobody looked. */
void manager_drop_stale_overrides(Manager *manager);
const Override *manager_override(const Manager *manager, const char *device, const char *container);
void manager_free_overrides(Manager *manager);

/* yield.c: what the host's own services are to leave alone. */
/* Return: 0; errno. */
int manager_yield_open(Manager *manager);
Yield *yield_free(Yield *yield);
/* What is given of @device, an id, may be something else now; also where it has gone. */
void manager_yield_touch(Manager *manager, const char *device);
/* Looks at all that is yielded anew: udevd may be another. */
void manager_yield_touch_all(Manager *manager);
/* udev has told something of a part that is known, and for the device it meant nothing. */
void manager_yield_heard(Manager *manager, const Uevent *event);

/* call.c */
/* Whether one more container may have the device by @rule, NULL for by hand; else *ret_holder is one who is
 * in the way. */
bool manager_has_place(const Device *device, const Rule *rule, const Container **ret_holder);

/* launch-check.c */
/* The labels in the container file of that name, if there is one that is good. Return: 0; errno. */
int manager_read_labels(const Manager *manager, const char *name, PropertyList *ret);
/* Whether the container file of that name, if there is one, is good. Return: 0; 1 it has errors, *ret is
 * their text; errno. */
int manager_check_container_file(const Manager *manager, const char *name, char **ret);
/* Takes the lines "progress DONE TOTAL" off the start of a keeper's @text, and tells of them. */
void manager_take_progress(Manager *manager, const char *name, char *text, size_t *n_text);

/* launch-edits.c */
/* What the CDI devices that a container is going to be given want done at its start, into the empty @ret: env
 * and gids. @labels: of the launch, "key=value", NULL-terminated; may be NULL. Return: 0; -ENOMEM. */
int manager_start_edits(const Manager *manager, const char *name, char *const *labels, Edits *ret);

/* launcher.c */
void manager_free_launches(Manager *manager);
/* With what status the last container of that name ended, as its keeper wrote it; -1 unknown. */
int manager_exit_status(const Manager *manager, const char *name);
/* The container that is being launched runs, but can not be taken in: it is ended, and the launch fails. */
void manager_refuse_launch(Manager *manager, const char *name, int error);
/* Goes on with launches that waited for a clean-up. */
void manager_check_launches(Manager *manager);
/* A keeper was started for the container: tells it what to launch, if somebody wants it to. */
void manager_order_keeper(Manager *manager, const char *name, pid_t pid, int answer_fd);

/* keepers.c */
int keepers_open(Manager *manager);
void keepers_close(Manager *manager);
/* @fds: the ready descriptor and the standard ones; -EBADF: none. Return: 0; -E2BIG; errno. */
int keepers_answer(int answer_fd, char *const *arguments, const int fds[static 4]);

/* A call that failed by itself: one line for people. */
void call_fail(CallDone done, void *userdata, CallCode code, const char *format, ...) _printf_(4, 5);
