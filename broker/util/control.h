/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/**
 * control_take_fds() - take over the descriptors that came with a message
 * @fds:        gets them in their order; not set beyond what is returned
 * @max:        of these at most; all the others are closed
 *
 * To be called once for a message, and for each: else a sender makes its receiver run out of descriptors.
 *
 * Return: how many came, which may be more than @max.
 */
size_t control_take_fds(struct msghdr *message, int *fds, size_t max);

/* Who sent a message, as the kernel says. Return: whether it does. */
bool control_find_sender(const struct msghdr *message, struct ucred *ret);
