/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/**
 * netns_socket() - socket() inside another network namespace
 * @netns_fd: the namespace, borrowed; it is entered for the time of the one call
 *
 * The socket stays in that namespace for good. Being unable to come back ends the process: whatever it did
 * next, it would do in the wrong place.
 *
 * Return: fd, close-on-exec; errno.
 */
int netns_socket(int netns_fd, int domain, int type, int protocol);
