/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "source/report.h"
#include "util/cleanup.h"

/*
 * The nodes of NVIDIA's own driver, which are in no devtmpfs and raise no uevent. They are known by their
 * numbers: the host's /dev need not have them.
 *
 * - /dev/nvidiaN is a part of the GPU's PCI function;
 * - nvidiactl, nvidia-modeset, nvidia-uvm and nvidia-uvm-tools are those of "virtual-nvidia-control", which
 * goes along with every GPU (device_companion());
 * - a compute instance of a GPU that is split (MIG) is a device "mig-PLACE-giX-ciY" with its capability's
 * node below /dev/nvidia-caps; that of its GPU instance, "mig-PLACE-giX", and the GPU's own go along.
 */
typedef struct Nvidia Nvidia;

typedef struct NvidiaRoots {
        const char *proc, *sys, *dev; /* "/proc", "/sys", "/dev"; borrowed for the life of the source */
} NvidiaRoots;

/* Nothing is looked at yet. @event is called from within nvidia_dispatch() and nvidia_scan(). Return: 0;
 * errno. */
int nvidia_new(const NvidiaRoots *roots, ReportEvent event, void *userdata, Nvidia **ret);
Nvidia *nvidia_free(Nvidia *nvidia);
DEFINE_CLEANUP(Nvidia *, nvidia_free);

/* Readable when nvidia_dispatch() has something to do. */
int nvidia_fd(const Nvidia *nvidia);
int nvidia_dispatch(Nvidia *nvidia);

/* A uevent of the host, of any subsystem: where it may mean something here, a look follows, and some more
 * after it, as the driver is ready only some time after its module says that it is there. */
void nvidia_hear(Nvidia *nvidia, const Uevent *event);

/* Looks now, and tells of all that there is. Return: 0; -ENOMEM. */
int nvidia_scan(Nvidia *nvidia);
