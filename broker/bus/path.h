/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/registry.h"

/*
 * Object paths. Each label is an id, encoded by sd_bus_path_encode(3): every byte but [A-Za-z0-9] becomes
 * _XX.
 */

/* Owned by the caller. Return: 0; -ENOMEM. */
int device_path(const char *id, char **ret);
int container_path(const char *name, char **ret);
int grant_path(const char *device_id, const char *container_name, char **ret);

/* The two paths at the ends of a grant's. Return: 0; -EINVAL @path is none of a grant; -ENOMEM. */
int grant_path_ends(const char *path, char **ret_device_path, char **ret_container_path);

/* What a path names now, borrowed. Return: 1; 0 there is none of that path; -ENOMEM. */
int device_from_path(const Registry *registry, const char *path, Device **ret);
int container_from_path(const Registry *registry, const char *path, Container **ret);
int grant_from_path(const Registry *registry, const char *path, Grant **ret);
