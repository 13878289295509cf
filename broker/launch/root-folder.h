/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"

/* The root folder of a container that is about to start: one that was given to us, or the small root that we
 * made. */
typedef struct RootFolder {
        char *path; /* without symlinks */
        int fd;     /* O_PATH */
        uid_t uid;
        gid_t gid;
        bool idmapped; /* owned by the host's root: it needs an idmapped mount */
} RootFolder;

#define ROOT_FOLDER_NULL ((RootFolder){.fd = -EBADF})

void root_folder_deinit(RootFolder *root);

/**
 * root_folder_open() - open a folder that somebody prepared and say what it takes to be a container's root
 * @message:    on failure what is wrong and what can be done, owned by the caller; may stay NULL
 *
 * Return: 0; -EACCES it is the host root's and open to other users of the host; errno.
 */
int root_folder_open(const char *path, RootFolder *ret, char **message);

/* Whether a process with these ids, and no others, can reach the folder. Return: 0; -EACCES with @message;
 * errno. */
int root_folder_check_reach(const RootFolder *root, uid_t uid, gid_t gid, char **message);

/**
 * root_folder_hold_ids() - see to it that a folder which its owner decides on keeps that owner
 * @confirmed:  somebody else than the folder says whose it is
 *
 * The owner is noted with the folder, out of the container's reach, for the next launch.
 *
 * Return: 0; -EPERM with @message: the owner is another than at the last launch; errno.
 */
int root_folder_hold_ids(const RootFolder *root, bool confirmed, char **message);

/**
 * root_folder_check_program() - whether the container will find what it is to run
 * @program:    a path inside, or a name that is looked for in PATH's usual folders
 *
 * Return: 0; -ENOENT with @message; errno.
 */
int root_folder_check_program(const RootFolder *root, const char *program, char **message);

/* Whether there are folders, or nothing yet, where the container's file systems are to be mounted. liblxc
 * would complain of another thing in its own words, or wait in open(2) for who writes to a fifo. Return: 0;
 * -ENOTDIR with @message; errno. */
int root_folder_check_places(const RootFolder *root, char **message);

/* Whether there is a udevd in the root, for its init system to start. */
bool root_folder_has_udevd(const RootFolder *root);

/* Whether @program of @root is systemd, by the name of the file that it leads to. */
bool root_folder_is_systemd(const RootFolder *root, const char *program);

/* The signal that makes the init system @program of @root power off in order. */
int root_folder_halt_signal(const RootFolder *root, const char *program);

/**
 * small_root_create() - make a root of what the host has: busybox with all its applets, a handful of files in
 * etc
 * @path:       a folder to be made and mounted on
 * @uid, @gid:  the host's ids of the container's root
 *
 * It is a tmpfs of bounded size, so that a container cannot fill the host's /run. bin/busybox is an empty
 * file that the host's busybox must be bound on; its path is *ret_busybox, owned by the caller.
 *
 * Return: 0; -ENOENT with @message: there is no static busybox; errno. On failure nothing is left.
 */
int small_root_create(const char *path, uid_t uid, gid_t gid, char **ret_busybox, char **message);

/* Not there: 0. */
int small_root_destroy(const char *path);
