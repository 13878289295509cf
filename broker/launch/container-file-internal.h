/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "launch/container-file.h"
#include "yaml/value.h"

/* The parts of a container file. All say: 0 done; 1 complained of; -ENOMEM. */

int container_file_root(const PolicyContext *context, const PolicyNode *node,
                        void *target /* ContainerRoot */);
int container_file_network(const PolicyContext *context, const PolicyNode *node,
                           void *target /* ContainerFile */);
int container_file_limits(const PolicyContext *context, const PolicyNode *node,
                          void *target /* ContainerLimits */);

/* A number of bytes with a unit: 512M, 2G. */
int container_file_bytes(const PolicyContext *context, const PolicyNode *node, uint64_t min, uint64_t *ret);

/* Appends a copy of @text. Return: 0; -ENOMEM. */
int container_file_push(char ***strings, size_t *n, const char *text);
