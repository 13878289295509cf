/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"

/*
 * The container launcher on liblxc. A launched container has a keeper: the program davit-container, a child
 * of init like any daemon, which starts the container, writes its record, waits for its end, keeps its exit
 * status and takes off what it made. It lives in no relation to davitd, which may come and go.
 */

struct ContainerFile;
struct Edits;

typedef struct LaunchRequest {
        const char *runtime_dir;
        const char *name;
        const char *rootfs;               /* NULL: a small root is made of what the host has */
        char *const *command;             /* NULL: the root's /sbin/init */
        char *const *labels;              /* "key=value", NULL-terminated; may be NULL */
        const struct ContainerFile *file; /* its root (but for one that is written in place), ids, network,
                                           * environment and limits are obeyed; NULL: none */
        const struct Edits *started;      /* what CDI devices want: env for its init and what is run later,
                                           * gids for that alone; NULL: none */
        const char *state_dir; /* where there is a folder for each container of which something is kept */
        bool unit;             /* we are the main process of a unit, whose cgroup is delegated to us */
        bool terminal;         /* a console inside that is passed through to our controlling terminal */
} LaunchRequest;

/* A range of ids of the host that no other running container has; held by @lock_fd for as long as it is open.
 */
typedef struct IdSlice {
        uint32_t uid_base, gid_base, count;
        int lock_fd;
} IdSlice;

#define ID_SLICE_NULL  ((IdSlice){.lock_fd = -EBADF})
#define ID_SLICE_COUNT 65536

/**
 * id_slice_take() - find and lock a free slice of root's ranges in @subuid and @subgid
 * @locks_dir: where the locks are; one for the whole host, so that several davitd share none
 * @want_uid:  a base that must be taken, for a root folder that is owned so; 0 any
 * @message:   on failure what the user can do about it, owned by the caller
 *
 * The group base is the user base where that is free, else the first that is.
 *
 * Return: 0; -ENOENT no range for root in the files; -ENOSPC all are taken; -EBUSY @want_uid is taken;
 * -ERANGE it is in no range; errno.
 */
int id_slice_take(const char *subuid, const char *subgid, const char *locks_dir, uint32_t want_uid,
                  IdSlice *ret, char **message);
/* Frees the slice. A copy of its descriptor in another process holds it on. */
void id_slice_release(IdSlice *slice);

/**
 * keeper_run() - be the keeper of one container until it ends
 * @ready_fd:   gets, while an archive is unpacked, lines "progress DONE TOTAL" in bytes of it, and then one
 * line: "ok" when the container runs and its record is written, else "error ERRNO
 * TEXT"; then closed. -EBADF: nobody wants to know
 *
 * A container that asks for a reboot is taken off and launched again: it gets a new record, a new live /dev
 * and, for a small root, a new root.
 *
 * SIGTERM ends it in order (once its init listens: the halt signal of its init system, SIGTERM for a command)
 * and after 10 seconds, an init system after 60, by SIGKILL; INT, HUP, QUIT, USR1, USR2 and WINCH are passed
 * on to its init. The signals stay blocked in the caller.
 *
 * RUNTIME/exits/NAME has the exit status as decimal text before the record goes.
 *
 * Return: the container's exit status (0…255, 128+N when a signal N ended it); negative errno: it never ran.
 */
int keeper_run(const LaunchRequest *request, int ready_fd);

/* Runs @command in a running container with our standard descriptors, as lxc-attach does: where they are a
 * terminal, a terminal of the container's own is put between. Return: its exit status, 126 not executable,
 * 127 not found, 128+N; -ESRCH no such container; negative errno: it never ran. */
int container_exec(const char *runtime_dir, const char *name, char *const *command);

/* The container's folder below each cgroup hierarchy where it is not below a unit's: "davit/NAME" for the
 * runtime folder /run/davit, "davit-HASH/NAME" for others. Return: 0; -ENOMEM. */
int launch_cgroup(const char *runtime_dir, const char *name, char **ret);

/**
 * launch_clean_up() - take off what a keeper that was killed left: processes, cgroups, filter, live /dev,
 * root, folder
 *
 * Fine when there is nothing. Waits up to 5 seconds for killed processes to be gone, and goes to the host's
 * mount namespace: to be run in a child.
 *
 * Return: 0; -EBUSY its keeper lives (or another clean-up is at it); the first errno, having gone on with the
 * rest.
 */
int launch_clean_up(const char *runtime_dir, const char *name);
