/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What NVIDIA's driver says of itself in /proc. The texts are a kernel's, but of a driver that is not in the
 * kernel's tree and that changes: read with bounds, and what does not read as expected is not there.
 */

/* Most bytes of each of these files that are read. */
#define NVIDIA_FILE_MAX ((size_t)64 * 1024)

/* /dev/nvidiaN has minor N; these two are spoken for. */
#define NVIDIA_MINOR_MODESET 254U
#define NVIDIA_MINOR_CONTROL 255U

#define NVIDIA_TEXT_MAX 128

/* Numbers of /proc/devices; 0 where there is none. */
typedef struct NvidiaMajors {
        unsigned int nvidia; /* "nvidia", before release 550 "nvidia-frontend" */
        unsigned int uvm;    /* "nvidia-uvm" */
        unsigned int caps;   /* "nvidia-caps" */
} NvidiaMajors;

/* @text: of /proc/devices. */
void nvidia_parse_devices(const char *text, NvidiaMajors *ret);

/* One GPU by /proc/driver/nvidia/gpus/PLACE/information. */
typedef struct NvidiaInformation {
        unsigned int minor;
        char model[NVIDIA_TEXT_MAX]; /* "" unknown */
        char uuid[NVIDIA_TEXT_MAX];  /* "" unknown */
        bool unnamed;                /* it is not known yet: the driver asks the GPU when it is used first */
        bool excluded;               /* the administrator told the driver to leave it alone */
} NvidiaInformation;

/* Return: 0; -ENODATA no minor, or one that is no GPU's. */
int nvidia_parse_information(const char *text, NvidiaInformation *ret);

/* The minor of nvidia-capN by a file "access" below /proc/driver/nvidia/capabilities. Return: 0; -ENODATA. */
int nvidia_parse_access(const char *text, unsigned int *ret_minor);

/* Whether @name is @prefix and a decimal number without leading zeros, below @max; that is *ret. */
bool nvidia_parse_name(const char *name, const char *prefix, unsigned int max, unsigned int *ret);
