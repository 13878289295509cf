/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/registry.h"

/*
 * The registry's own: which part is in which index. A part is either in by_devpath, in by_rdev where it is a
 * node, and in the list of its device; or in the list of a waiting device; or in nothing.
 */

/* Hands @part to @device and the indexes. Return: 0; -ENOSPC the device has too many; -EBADMSG another part
 * has the number; -ENOMEM; the caller keeps it then. */
int registry_index_add(Registry *registry, Device *device, Part *part);

/* Takes a part out of its device and the indexes; the caller owns it. */
Part *registry_index_remove(Registry *registry, Part *part);

/* Files a part under the number that it has now, after an update changed it. Return: 0; -EBADMSG another has
 * it; -ENOMEM; it is under none then. */
int registry_index_renumber(Registry *registry, Part *part);

/* Hands a bare part over to wait for its device. Return: 0; -ENODEV its devpath is of none; -ENOSPC; -ENOMEM;
 * the caller keeps it then. */
int registry_waiting_add(Registry *registry, Part *part);

/* What waits for the device @id; NULL where nothing does. */
Device *registry_waiting(const Registry *registry, const char *id);

/* The part at @devpath, NULL where there is none. */
Part *registry_waiting_find(const Registry *registry, const char *id, const char *devpath);

/* Takes a waiting part out, the last one with what held it; the caller owns it. */
Part *registry_waiting_remove(Registry *registry, Part *part);
