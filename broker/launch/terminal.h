/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether our standard input and output are a terminal that is our controlling one, and so can be proxied. */
bool terminal_is_ours(void);

/**
 * terminal_keep_out() - put something between the container and a terminal that our standard descriptors are
 * @ret: the relay, a child of ours that copies to the terminal; 0 there is none to wait for
 *
 * Output goes through a pipe; standard input is empty then.
 *
 * Return: 0; errno.
 */
int terminal_keep_out(pid_t *ret);

/* Lets the relay copy what is left, and ends it. */
void terminal_drain(pid_t relay);
