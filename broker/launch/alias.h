/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Chooses the name of one boot for liblxc and notes it in @folder. Return: 0, and it in *ret, owned by the
 * caller; errno. */
int alias_choose(const char *folder, const char *name, char **ret);

/* The name that is noted in @folder; without one the container's own. Return: as above. */
int alias_find(const char *folder, const char *name, char **ret);
