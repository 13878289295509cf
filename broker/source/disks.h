/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "util/cleanup.h"

/*
 * Which block devices the host uses itself: what is mounted, swapped to, or part of something bigger (LVM,
 * RAID, a device mapper's, bcache, a mounted btrfs of several).
 */
typedef struct Disks Disks;

/* Nothing is read yet. @proc, @sys: "/proc", "/sys", borrowed. Return: 0; errno. */
int disks_new(const char *proc, const char *sys, Disks **ret);
Disks *disks_free(Disks *disks);
DEFINE_CLEANUP(Disks *, disks_free);

/* Readable when something was mounted, unmounted or swapped to since, or no more: then disks_read(). */
int disks_fd(const Disks *disks);

/* Reads anew. Return: 0; errno, what was known stays. */
int disks_read(Disks *disks);

/* For what the host uses the block device: "mount", "swap" or "holder", the last as it is this moment; NULL
 * not at all. */
const char *disks_use(const Disks *disks, dev_t rdev);
