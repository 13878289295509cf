/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the tests of interfaces share: namespaces, interfaces of several kinds, dumps, failing calls.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/interface-fixture.h"
#include "util/fd.h"
#include "util/string.h"

bool interface_have_namespaces;

unsigned int interface_calls, interface_fail_at, interface_die_at;
void (*interface_before_change)(void);

bool interface_fails_now(void) {
        if (++interface_calls == interface_die_at)
                raise(SIGKILL);
        return interface_calls == interface_fail_at;
}

int __real_rtnl_link_change(struct nl_sock *socket, struct rtnl_link *link, struct rtnl_link *change,
                            int flags);
int __wrap_rtnl_link_change(struct nl_sock *socket, struct rtnl_link *link, struct rtnl_link *change,
                            int flags);
int __wrap_rtnl_link_change(struct nl_sock *socket, struct rtnl_link *link, struct rtnl_link *change,
                            int flags) {
        if (interface_before_change)
                interface_before_change();
        return interface_fails_now() ? -NLE_NOMEM : __real_rtnl_link_change(socket, link, change, flags);
}

int __real_rtnl_addr_add(struct nl_sock *socket, struct rtnl_addr *address, int flags);
int __wrap_rtnl_addr_add(struct nl_sock *socket, struct rtnl_addr *address, int flags);
int __wrap_rtnl_addr_add(struct nl_sock *socket, struct rtnl_addr *address, int flags) {
        return interface_fails_now() ? -NLE_NOMEM : __real_rtnl_addr_add(socket, address, flags);
}

int __real_rtnl_link_add(struct nl_sock *socket, struct rtnl_link *link, int flags);
int __wrap_rtnl_link_add(struct nl_sock *socket, struct rtnl_link *link, int flags);
int __wrap_rtnl_link_add(struct nl_sock *socket, struct rtnl_link *link, int flags) {
        return interface_fails_now() ? -NLE_NOMEM : __real_rtnl_link_add(socket, link, flags);
}

int __real_rtnl_link_get_kernel(struct nl_sock *socket, int ifindex, const char *name,
                                struct rtnl_link **ret);
int __wrap_rtnl_link_get_kernel(struct nl_sock *socket, int ifindex, const char *name,
                                struct rtnl_link **ret);
int __wrap_rtnl_link_get_kernel(struct nl_sock *socket, int ifindex, const char *name,
                                struct rtnl_link **ret) {
        return interface_fails_now() ? -NLE_NOMEM : __real_rtnl_link_get_kernel(socket, ifindex, name, ret);
}

int __real_nl_send_sync(struct nl_sock *socket, struct nl_msg *message);
int __wrap_nl_send_sync(struct nl_sock *socket, struct nl_msg *message);
int __wrap_nl_send_sync(struct nl_sock *socket, struct nl_msg *message) {
        if (!interface_fails_now())
                return __real_nl_send_sync(socket, message);
        nlmsg_free(message);
        return -NLE_NOMEM;
}

int __real_fd_write_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode);
int __wrap_fd_write_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode);
int __wrap_fd_write_file(int dirfd, const char *path, const void *data, size_t size, mode_t mode) {
        return interface_fails_now() ? -ENOSPC : __real_fd_write_file(dirfd, path, data, size, mode);
}

struct MockCard mock_card;

static bool is_card(struct rtnl_link *link) {
        int lower = rtnl_link_get_link(link);

        return mock_card.lower > 0 && lower >= mock_card.lower &&
               lower <= MAX(mock_card.lower, mock_card.lower_last);
}

char *__real_rtnl_link_get_type(struct rtnl_link *link);
char *__wrap_rtnl_link_get_type(struct rtnl_link *link);
char *__wrap_rtnl_link_get_type(struct rtnl_link *link) {
        return is_card(link) ? NULL : __real_rtnl_link_get_type(link);
}

void __wrap_link_read_hardware(RouteSocket *socket, const char *name, char bus[LINK_BUS_SIZE],
                               char permanent[LINK_PERMANENT_SIZE]);
void __wrap_link_read_hardware(RouteSocket *socket, const char *name, char bus[LINK_BUS_SIZE],
                               char permanent[LINK_PERMANENT_SIZE]) {
        struct rtnl_link *link = NULL;

        bus[0] = permanent[0] = '\0';
        if (__real_rtnl_link_get_kernel(socket->nl, 0, name, &link) < 0)
                return;
        if (is_card(link)) {
                strcpy(bus, mock_card.bus ?: "0000:03:00.0");
                strcpy(permanent, mock_card.permanent);
        }
        rtnl_link_put(link);
}

unsigned int count_entries(const char *path) {
        DIR *folder = opendir(path);
        unsigned int n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

pid_t start_namespace(int *ret_netns_fd) {
        int ready[2];
        char path[64], byte;
        pid_t pid;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
        *ret_netns_fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(*ret_netns_fd >= 0);
        return pid;
}

void end_namespace(pid_t pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

int interface_setup(void **state) {
        Fixture *f;

        if (!interface_have_namespaces) {
                *state = NULL;
                return 0;
        }
        f = calloc(1, sizeof(*f));
        assert_non_null(f);
        f->n_fds = count_entries("/proc/self/fd");
        f->holder = start_namespace(&f->netns_fd);
        strcpy(f->state_dir, "/tmp/test-interface-XXXXXX");
        assert_non_null(mkdtemp(f->state_dir));
        f->state_fd = fd_open_dir(AT_FDCWD, f->state_dir);
        assert_true(f->state_fd >= 0);
        assert_int_equal(route_socket_open(-EBADF, &f->home), 0);
        assert_int_equal(route_socket_open(f->netns_fd, &f->inside), 0);
        interface_calls = interface_fail_at = 0;
        mock_card = (struct MockCard){};
        *state = f;
        return 0;
}

void delete_link(RouteSocket *socket, const char *name) {
        struct rtnl_link *link = NULL;

        if (link_get(socket, 0, name, &link) < 0)
                return;
        assert_int_equal(rtnl_link_delete(socket->nl, link), 0);
        rtnl_link_put(link);
}

int interface_teardown(void **state) {
        Fixture *f = *state;
        char command[128];

        if (!f)
                return 0;
        interface_fail_at = 0;
        delete_link(f->home, "host0");
        delete_link(f->home, "lower0");
        delete_link(f->home, "davit0");
        delete_link(f->home, "davit1");
        f->home = route_socket_close(f->home);
        f->inside = route_socket_close(f->inside);
        if (f->holder > 0)
                end_namespace(f->holder);
        close(f->netns_fd);
        close(f->state_fd);
        snprintf(command, sizeof(command), "rm -r %s", f->state_dir);
        assert_int_equal(system(command), 0);
        assert_int_equal(count_entries("/proc/self/fd"), f->n_fds);
        free(f);
        return 0;
}

struct rtnl_link *get_link(RouteSocket *socket, const char *name) {
        struct rtnl_link *link = NULL;

        if (link_get(socket, 0, name, &link) < 0)
                fail_msg("No interface %s", name);
        return link;
}

bool link_exists(RouteSocket *socket, const char *name) {
        struct rtnl_link *link = NULL;
        int r = link_get(socket, 0, name, &link);

        assert_true(r == 0 || r == -ENODEV);
        if (r == 0)
                rtnl_link_put(link);
        return r == 0;
}

unsigned int count_links(RouteSocket *socket) {
        struct nl_cache *all = NULL;
        unsigned int n;

        assert_int_equal(link_get_all(socket, &all), 0);
        n = (unsigned int)nl_cache_nitems(all);
        nl_cache_free(all);
        return n;
}

/* Applies a change to the link @name by the setters that @change got. */
void change_link(RouteSocket *socket, const char *name, struct rtnl_link *wanted) {
        struct rtnl_link *link = get_link(socket, name);

        assert_int_equal(link_change(socket, link, wanted), 0);
        rtnl_link_put(wanted);
        rtnl_link_put(link);
}

void add_address(RouteSocket *socket, const char *name, const char *text) {
        struct rtnl_link *link = get_link(socket, name);

        assert_int_equal(interface_state_add_address(socket, (unsigned int)rtnl_link_get_ifindex(link), text),
                         0);
        rtnl_link_put(link);
}

/* Everything that the host's administrator may have set. */
void dress_link(RouteSocket *socket, const char *name) {
        struct rtnl_link *wanted = rtnl_link_alloc();
        struct nl_addr *mac = NULL;
        struct rtnl_link *link;

        assert_int_equal(nl_addr_parse("02:11:22:33:44:55", AF_LLC, &mac), 0);
        rtnl_link_set_addr(wanted, mac);
        nl_addr_put(mac);
        rtnl_link_set_mtu(wanted, 1400);
        rtnl_link_set_txqlen(wanted, 321);
        rtnl_link_set_group(wanted, 7);
        rtnl_link_set_ifalias(wanted, "an uplink\nwith a second line");
        rtnl_link_set_flags(wanted, IFF_UP | IFF_ALLMULTI);
        change_link(socket, name, wanted);

        link = get_link(socket, name);
        assert_int_equal(link_add_altname(socket, (unsigned int)rtnl_link_get_ifindex(link), "enp9s0f3np2"),
                         0);
        rtnl_link_put(link);
        add_address(socket, name, "192.0.2.7/24 - 192.0.2.255 0 0");
        add_address(socket, name, "198.51.100.1 198.51.100.9/32 - 0 0");
        add_address(socket, name, "2001:db8::7/64 - - 0 2");
        on_host("echo 2 >/proc/sys/net/ipv4/conf/%1$s/rp_filter\n"
                "echo 0 >/proc/sys/net/ipv6/conf/%1$s/accept_ra\n"
                "echo 1500 >/proc/sys/net/ipv4/neigh/%1$s/base_reachable_time_ms\n"
                "ip route add 203.0.113.0/24 via 192.0.2.1 dev %1$s metric 7\n"
                "ip route add 2001:db8:7::/48 via 2001:db8::1 dev %1$s table 77\n"
                "ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev %1$s\n"
                "tc qdisc add dev %1$s root handle 7: pfifo limit 77\n",
                name);
}

void on_host(const char *format, ...) {
        _cleanup_free_ char *script = NULL, *command = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&script, format, arguments);
        va_end(arguments);
        assert_true(n >= 0);
        assert_true(asprintf(&command, "set -e\n%s", script) >= 0);
        if (system(command) != 0)
                fail_msg("This failed on the host:\n%s", script);
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the host's own tools say of the network of NAME, without what comes and goes by itself. */
static size_t read_network(const char *name, char *text, size_t size) {
        _cleanup_free_ char *command = NULL;
        size_t n = 0;
        FILE *pipe;

        assert_true(
                asprintf(&command,
                         "for family in -4 -6; do for by in boot static; do\n"
                         "  ip $family -o route show table all proto $by | grep -w 'dev %1$s' |"
                         " sed \"s/ linkdown//; s/dev %1$s/dev X/g; s/  */ /g; s/^/$by /\"\n"
                         "done; done\n"
                         "ip -d -o link show dev %1$s | sed \"s/^[0-9]*: //; s/NO-CARRIER,//; s/,LOWER_UP//;"
                         " s/,M-DOWN//; s/@[^:]*:/:/; s/qdisc [a-z_]*//; s/ state [A-Z]*//;"
                         " s/bridge_slave.*addrgen/addrgen/; s/usedbcqueuelen [0-9]*//; s/promiscuity [0-9]* "
                         "*allmulti [0-9]*//;"
                         " s/%1$s/X/g\"\n"
                         "ip -o address show dev %1$s scope global | sed 's/^[0-9]*: //; s/%1$s/X/; s/ "
                         "tentative\\| optimistic//g' | sort\n"
                         "ip neighbour show dev %1$s nud permanent; ip neighbour show proxy dev %1$s\n"
                         "tc qdisc show dev %1$s | grep -v ' 0: ' | sed 's/direct_packets_stat [0-9]*//'; tc "
                         "class show dev %1$s\n"
                         "bridge fdb show dev %1$s 2>&1 | grep ' static'; :\n",
                         name) >= 0);
        pipe = popen(command, "re");
        assert_non_null(pipe);
        while (n + 1 < size && fgets(text + n, (int)(size - n), pipe))
                n += strlen(text + n);
        assert_int_equal(pclose(pipe), 0);
        return n;
}

/* The kernel's messages, of which @text has what they say. */
static bool is_message(const char *entry) {
        static const char *const keys[] = {"ADDR_",      "NEXTHOP_", "ROUTE_", "ROUTE6_", "SHARED6_",
                                           "NEIGHBOUR_", "PROXY_",   "FDB_",   "QDISC_",  "CLASS_"};

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (startswith(entry, keys[i]))
                        return true;
        return false;
}

/* NAME and all that belongs to it, as lines of text; owned by the caller. */
char *dump_link(RouteSocket *socket, const char *name) {
        Item item = {.kind = ITEM_INTERFACE, .device = "net-x", .path = "x", .target = name};
        PropertyList list = {};
        struct rtnl_link *link = get_link(socket, name);
        const size_t network_size = 16 * 1024;
        const char *lines[512];
        char *text = NULL;
        size_t n = 0, at;

        assert_int_equal(interface_state_collect(socket, link, &item, &list), 0);
        rtnl_link_put(link);
        text = calloc(1, list.size + network_size);
        assert_non_null(text);
        at = read_network(name, text, network_size);
        /* They are a set: the lines are sorted. */
        property_list_unset(&list, "TARGET"); /* @name once more */
        property_list_foreach(entry, &list) {
                assert_true(n < ELEMENTSOF(lines));
                if (!is_message(entry))
                        lines[n++] = entry;
        }
        qsort(lines, n, sizeof(*lines), compare_lines);
        for (size_t i = 0; i < n; i++)
                at += (size_t)sprintf(text + at, "%s\n", lines[i]);
        property_list_deinit(&list);
        return text;
}

static void print_missing(const char *lines, const char *from, const char *what) {
        for (const char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1) {
                char text[1024];

                snprintf(text, sizeof(text), "%.*s\n", (int)(end - line), line);
                if (!strstr(from, text))
                        print_error("%s: %s", what, text);
        }
}

void assert_lines(const char *after, const char *before) {
        if (streq(after, before))
                return;
        print_missing(before, after, "is missing");
        print_missing(after, before, "is too much");
        fail_msg("Not as it was");
}

void assert_same(RouteSocket *socket, const char *name, char *before) {
        char *after = dump_link(socket, name);

        assert_lines(after, before);
        free(after);
}

void make_veth(Fixture *f) {
        assert_int_equal(rtnl_link_veth_add(f->home->nl, "host0", "lower0", getpid()), 0);
}

void make_macvlan(Fixture *f) {
        struct rtnl_link *macvlan = rtnl_link_macvlan_alloc(), *lower;

        assert_int_equal(rtnl_link_veth_add(f->home->nl, "lower0", "lower1", getpid()), 0);
        lower = get_link(f->home, "lower0");
        rtnl_link_set_link(macvlan, rtnl_link_get_ifindex(lower));
        rtnl_link_set_name(macvlan, "host0");
        assert_int_equal(rtnl_link_macvlan_set_mode(macvlan, rtnl_link_macvlan_str2mode("bridge")), 0);
        assert_int_equal(rtnl_link_add(f->home->nl, macvlan, NLM_F_CREATE | NLM_F_EXCL), 0);
        rtnl_link_put(lower);
        rtnl_link_put(macvlan);
}

void make_ifb(Fixture *f) {
        struct rtnl_link *ifb = rtnl_link_alloc();

        assert_int_equal(rtnl_link_set_type(ifb, "ifb"), 0);
        rtnl_link_set_name(ifb, "host0");
        assert_int_equal(rtnl_link_add(f->home->nl, ifb, NLM_F_CREATE | NLM_F_EXCL), 0);
        rtnl_link_put(ifb);
}

const Item wan = {
        .n_refs = 1,
        .kind = ITEM_INTERFACE,
        .device = "net-host0",
        .path = "wan0",
        .target = "host0",
        .mtu = 1300,
        .up = true,
};

void assert_no_state(Fixture *f) {
        assert_int_equal(count_entries(f->state_dir), 2);
}

int move_in(Fixture *f) {
        return interface_move_in(&wan, f->netns_fd, f->state_fd, "box");
}

int move_out(Fixture *f) {
        return interface_move_out(&wan, f->netns_fd, f->state_fd, "box");
}

void assert_present(Fixture *f, size_t n) {
        ItemSet set = {};

        assert_int_equal(interface_read(f->netns_fd, f->state_fd, "box", &set), 0);
        assert_int_equal(set.n_items, n);
        if (n > 0)
                assert_true(item_equal(set.items[0], &wan));
        item_set_deinit(&set);
}

/* All that the container's root can do to an interface that is his. */
void maltreat(Fixture *f) {
        struct rtnl_link *link = get_link(f->inside, "wan0"), *wanted = rtnl_link_alloc();
        unsigned int ifindex = (unsigned int)rtnl_link_get_ifindex(link);
        struct nl_addr *mac = NULL;

        /* The host's names, so that it could not come back. */
        assert_int_equal(link_add_altname(f->inside, ifindex, "lo-not"), 0);
        assert_int_equal(link_add_altname(f->inside, ifindex, "lower0"), 0);
        assert_int_equal(link_add_altname(f->inside, ifindex, "host0"), 0);
        (void)link_remove_altname(f->inside, ifindex, "enp9s0f3np2");
        assert_int_equal(link_set_flags(f->inside, link, 0, IFF_UP), 0);
        rtnl_link_put(link);
        assert_int_equal(nl_addr_parse("02:de:ad:be:ef:00", AF_LLC, &mac), 0);
        rtnl_link_set_addr(wanted, mac);
        nl_addr_put(mac);
        rtnl_link_set_name(wanted, "mine");
        rtnl_link_set_mtu(wanted, 666);
        rtnl_link_set_txqlen(wanted, 1);
        rtnl_link_set_group(wanted, 99);
        rtnl_link_set_ifalias(wanted, "FLAGS=0");
        rtnl_link_set_flags(wanted, IFF_PROMISC | IFF_NOARP);
        change_link(f->inside, "wan0", wanted);
        add_address(f->inside, "mine", "203.0.113.1/24 - - 0 0");
}

int interface_enter_namespaces(void) {
        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
                return -errno;
        if (mount(NULL, "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                return -errno;
        return 0;
}
