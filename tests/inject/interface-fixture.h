/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <sys/types.h>

#include "inject/interface-state.h"
#include "inject/interface.h"
#include "inject/link.h"

/*
 * Two network namespaces of the test's own: "the host" is the one that the test moved itself to, "the
 * container" another one. What an interface is, is dumped as text before and compared after. Some calls are
 * wrapped (see the program's link flags), so that they can fail.
 */

/* Failure injection: the wrapped call number `interface_fail_at` fails, and at number `interface_die_at` the
 * process is killed; 0 none does. */
extern unsigned int interface_calls, interface_fail_at, interface_die_at;
/* For calls that a test wraps by itself: counts one. Return: whether it is to fail. */
bool interface_fails_now(void);

/* Called before each change of a link, where it is not NULL. */
extern void (*interface_before_change)(void);

/* The machine that tests run on has no network card to spare: with `lower` set, the veth of that peer is one,
 * and those of the peers up to `lower_last`.
 */
extern struct MockCard {
        int lower, lower_last;
        const char *bus; /* NULL: some */
        const char *permanent;
} mock_card;

/* link_read_hardware() itself, which is wrapped for the above. */
void __real_link_read_hardware(RouteSocket *socket, const char *name, char bus[LINK_BUS_SIZE],
                               char permanent[LINK_PERMANENT_SIZE]);

/* host0 on the host, wan0 in the container. */
extern const Item wan;

/* Whether interface_enter_namespaces(), called in main(), succeeded. */
extern bool interface_have_namespaces;

typedef struct Fixture {
        pid_t holder; /* the container's only process */
        int netns_fd;
        int state_fd;
        char state_dir[64];
        RouteSocket *home, *inside;
        unsigned int n_fds;
} Fixture;

#define fixture_or_skip(state)                                           \
        ({                                                               \
                if (!*(state)) {                                         \
                        puts("SKIP: needs root and network namespaces"); \
                        skip();                                          \
                }                                                        \
                (Fixture *)*(state);                                     \
        })

/* For cmocka; the teardown fails on a leaked descriptor. */
int interface_setup(void **state);
int interface_teardown(void **state);
/* Moves the process to namespaces of its own, with a /sys that shows them. Return: 0; errno. */
int interface_enter_namespaces(void);

/* A process in a network namespace of its own, which dies with us. */
pid_t start_namespace(int *ret_netns_fd);
void end_namespace(pid_t pid);

/* Entries of a folder, "." and ".." included. */
unsigned int count_entries(const char *path);
void assert_no_state(Fixture *f);

/* Each makes host0; a macvlan's lower interface is lower0, and so is a veth's peer. */
void make_veth(Fixture *f);
void make_macvlan(Fixture *f);
void make_ifb(Fixture *f);
void delete_link(RouteSocket *socket, const char *name);

/* The caller puts it. */
struct rtnl_link *get_link(RouteSocket *socket, const char *name);
bool link_exists(RouteSocket *socket, const char *name);
unsigned int count_links(RouteSocket *socket);
/* Takes @wanted over. */
void change_link(RouteSocket *socket, const char *name, struct rtnl_link *wanted);
void add_address(RouteSocket *socket, const char *name, const char *text);
/* Runs shell commands in the host's namespace, each of which has to succeed. */
void on_host(const char *format, ...) _printf_(1, 2);
/* Sets everything that the host's administrator may have set. */
void dress_link(RouteSocket *socket, const char *name);
/* All that the container's root can do to wan0; its name is "mine" then. */
void maltreat(Fixture *f);

/* An interface and all that belongs to it, as sorted lines of text; owned by the caller. */
char *dump_link(RouteSocket *socket, const char *name);
/* Fails with the lines that one has and the other has not: cmocka prints the first kilobyte of a string. */
void assert_lines(const char *after, const char *before);
void assert_same(RouteSocket *socket, const char *name, char *before);

/* `wan` into the container "box" and out of it; how many items interface_read() tells of. */
int move_in(Fixture *f);
int move_out(Fixture *f);
void assert_present(Fixture *f, size_t n);
