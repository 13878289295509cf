/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Virtual functions whose containers hide, delete or change them, that several ask for at a time, and where a
 * call fails or davitd is killed on the way: none is lost, none is in two containers, and all are as they
 * were after.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/function-fixture.h"
#include "model/grant.h"

static void test_changed_inside(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        struct rtnl_link *link;
        char *before;

        make_functions(f, 2);
        link = get_link(f->home, "vf0");
        assert_int_equal(link_add_altname(f->home, (unsigned int)rtnl_link_get_ifindex(link), "enp9s0f3np2"),
                         0);
        rtnl_link_put(link);
        before = dump_all(f, 2);
        assert_int_equal(add(f, &item), 0);
        maltreat(f);
        assert_reads(f, &item);
        assert_int_equal(take(f, &item), 0);
        assert_all(f, 2, before);
        assert_no_state(f);
        free(before);
}

/* Deleted, as if its driver were gone: the state goes, and another one comes. */
static void test_gone_inside(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();

        make_functions(f, 3);
        for (int by_read = 0; by_read < 2; by_read++) {
                assert_int_equal(add(f, &item), 0);
                delete_link(f->inside, "wan0");
                if (by_read)
                        assert_reads(f, NULL);
                else
                        assert_int_equal(take(f, &item), 0);
                assert_no_state(f);
                assert_string_equal(card->functions[by_read].mac, "00:00:00:00:00:00");
        }
        assert_int_equal(add(f, &item), 0);
        assert_int_equal(take(f, &item), 0);
        assert_true(link_exists(f->home, "vf2"));
        assert_no_state(f);
}

static void test_restore(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        int home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        struct rtnl_link *link;
        char *before;

        make_functions(f, 1);
        before = dump_all(f, 1);
        assert_int_equal(add(f, &item), 0);
        link = get_link(f->inside, "wan0");
        assert_int_equal(link_move(f->inside, link, home_fd, "dev7"), 0);
        rtnl_link_put(link);
        close(home_fd);
        /* It is on the host, but nobody's to take before it is put right. */
        assert_int_equal(interface_add(&item, f->netns_fd, f->state_fd, "box-2"), GRANT_NO_FUNCTION);
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_all(f, 1, before);
        assert_no_state(f);
        free(before);
}

/* vf0 as a card that says of itself what a function of a real one says. */
static void make_physical(Fixture *f) {
        struct rtnl_link *link = get_link(f->home, "vf0");

        mock_card.lower = rtnl_link_get_link(link);
        mock_card.permanent = "02:00:00:00:00:01";
        rtnl_link_put(link);
}

/* Some drivers take the address that the card has set for the burnt-in one. */
static void test_other_permanent_address(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        char *before;

        make_functions(f, 1);
        make_physical(f);
        before = dump_all(f, 1);
        assert_int_equal(add(f, &item), 0);
        mock_card.permanent = item.mac;
        assert_reads(f, &item);
        assert_int_equal(take(f, &item), 0);
        mock_card.permanent = "02:00:00:00:00:01";
        assert_all(f, 1, before);
        assert_no_state(f);
        free(before);
}

/* Whoever hides one in a namespace further down gets no other, and it comes back to the host as it was. */
static void test_hidden(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        RouteSocket *third = NULL;
        struct rtnl_link *link;
        pid_t third_pid;
        int third_fd, home_fd;
        char *before;

        make_functions(f, 2);
        make_physical(f);
        before = dump_all(f, 2);
        assert_int_equal(add(f, &item), 0);
        hide_interfaces(0);
        third_pid = start_namespace(&third_fd);
        assert_int_equal(route_socket_open(third_fd, &third), 0);
        link = get_link(f->inside, "wan0");
        assert_int_equal(link_move(f->inside, link, third_fd, "hidden"), 0);
        rtnl_link_put(link);

        assert_reads(f, NULL);
        assert_int_equal(add(f, &item), -EBUSY);
        assert_int_equal(take(f, &item), 0);
        assert_int_equal(add(f, &item), -EBUSY);
        assert_true(link_exists(f->home, "vf1"));
        /* The others have what is left. */
        assert_int_equal(interface_add(&function, f->netns_fd, f->state_fd, "box-2"), 0);
        assert_int_equal(interface_remove(&function, f->netns_fd, f->state_fd, "box-2"), 0);

        home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        link = get_link(third, "hidden");
        assert_int_equal(link_move(third, link, home_fd, "dev7"), 0);
        rtnl_link_put(link);
        close(home_fd);
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        show_function(f, 0);
        assert_all(f, 2, before);
        assert_no_state(f);
        route_socket_close(third);
        end_namespace(third_pid);
        close(third_fd);
        free(before);
}

static void test_sweep_in(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        unsigned int k;
        char *before;

        make_functions(f, 2);
        before = dump_all(f, 2);
        for (k = 1; k < 200; k++) {
                int r;

                interface_calls = 0;
                interface_fail_at = k;
                r = add(f, &item);
                interface_fail_at = 0;
                if (r == 0)
                        break;
                assert_true(r == -ENOMEM || r == -ENOSPC);
                assert_int_equal(count_links(f->inside), 1);
                assert_all(f, 2, before);
                assert_no_state(f);
        }
        /* Card, interface, file, name, card, what is set, address, move, look, file, MTU, look, up. */
        assert_in_range(k, 12, 50);
        assert_int_equal(take(f, &item), 0);
        assert_all(f, 2, before);
        free(before);
}

static void test_sweep_out(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        unsigned int k, n_failed = 0;
        char *before;

        make_functions(f, 1);
        before = dump_all(f, 1);
        for (k = 1; k < 200; k++) {
                unsigned int n_calls;
                int r;

                assert_int_equal(add(f, &item), 0);
                interface_calls = 0;
                interface_fail_at = k;
                r = take(f, &item);
                n_calls = interface_calls;
                interface_fail_at = 0;
                if (r < 0) {
                        assert_int_equal(r, -ENOMEM);
                        n_failed++;
                        assert_int_equal(take(f, &item), 0);
                }
                assert_all(f, 1, before);
                assert_no_state(f);
                if (n_calls < k)
                        break;
        }
        assert_in_range(n_failed, 8, 50);
        free(before);
}

/* Runs @work on a copy of ours, which is killed at the call number @k. Return: whether it came to that. */
static bool killed_at(Fixture *f, unsigned int k, int (*work)(Fixture *f, const Item *item),
                      const Item *item) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                interface_calls = 0;
                interface_die_at = k;
                _exit(work(f, item) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
                return true;
        assert_int_equal(WEXITSTATUS(status), 0);
        return false;
}

/* davitd is killed on the way in; whoever comes next ends it, or begins anew. */
static void test_killed_on_the_way_in(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        char *before;

        make_functions(f, 2);
        before = dump_all(f, 2);
        for (int again = 0; again < 3; again++)
                for (unsigned int k = 1;; k++) {
                        bool killed = killed_at(f, k, add, &item);

                        if (again == 1) {
                                assert_int_equal(add(f, &item), 0);
                                assert_true(link_exists(f->home, "vf1"));
                                assert_reads(f, &item);
                        } else if (again == 2 && !link_exists(f->inside, "wan0"))
                                assert_int_equal(interface_restore(f->state_fd, "box"), 0);
                        assert_int_equal(take(f, &item), 0);
                        assert_all(f, 2, before);
                        assert_no_state(f);
                        if (!killed) {
                                assert_in_range(k, 12, 50);
                                break;
                        }
                }
        free(before);
}

static void test_killed_on_the_way_out(void **state) {
        Fixture *f = fixture_or_skip(state);
        const Item item = tagged_function();
        char *before;

        make_functions(f, 2);
        before = dump_all(f, 2);
        for (int again = 0; again < 2; again++)
                for (unsigned int k = 1;; k++) {
                        bool killed;

                        assert_int_equal(add(f, &item), 0);
                        killed = killed_at(f, k, take, &item);
                        if (again)
                                assert_int_equal(add(f, &item), 0);
                        assert_int_equal(take(f, &item), 0);
                        assert_all(f, 2, before);
                        assert_no_state(f);
                        if (!killed) {
                                assert_in_range(k, 8, 50);
                                break;
                        }
                }
        free(before);
}

/* What one container of several does, while the others do the same. Return: 0; 1 it went wrong. */
static int compete(Fixture *f, unsigned int number, unsigned int rounds) {
        const Item item = tagged_function();
        char name[16];
        pid_t pid;
        int netns_fd, r = 0;

        snprintf(name, sizeof(name), "box-%u", number);
        pid = start_namespace(&netns_fd);
        for (unsigned int i = 0; r == 0 && i < rounds;) {
                r = interface_add(&item, netns_fd, f->state_fd, name);
                if (r == GRANT_NO_FUNCTION) {
                        r = 0; /* another has it: again */
                        continue;
                }
                if (r == 0)
                        r = interface_remove(&item, netns_fd, f->state_fd, name);
                i++;
        }
        if (r < 0)
                print_error("%s: %s\n", name, strerror(-r));
        end_namespace(pid);
        close(netns_fd);
        return r < 0;
}

/* More containers than functions, all at a time. */
static void test_side_by_side(void **state) {
        Fixture *f = fixture_or_skip(state);
        enum {
                N = 4
        };
        pid_t pids[N];
        char *before;

        make_functions(f, 2);
        before = dump_all(f, 2);
        for (unsigned int i = 0; i < N; i++) {
                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (pids[i] == 0)
                        _exit(compete(f, i, /* rounds= */ 6));
        }
        for (unsigned int i = 0; i < N; i++) {
                int status;

                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        assert_all(f, 2, before);
        assert_no_state(f);
        free(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, function_setup, function_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_changed_inside),
                TEST(test_gone_inside),
                TEST(test_restore),
                TEST(test_other_permanent_address),
                TEST(test_hidden),
                TEST(test_sweep_in),
                TEST(test_sweep_out),
                TEST(test_killed_on_the_way_in),
                TEST(test_killed_on_the_way_out),
                TEST(test_side_by_side),
        };

        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
