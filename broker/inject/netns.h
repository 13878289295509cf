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

/**
 * netns_hear_kernel_only() - let nobody but the kernel send to a netlink socket, multicast aside
 *
 * The root of a namespace may send to any netlink socket in it, ours included, with whatever sequence number
 * an answer of the kernel would have. What came before is thrown away.
 *
 * Return: 0; errno.
 */
int netns_hear_kernel_only(int fd);
