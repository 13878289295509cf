/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Wi-Fi interfaces, which go by their radio: also where a call on the way fails or davitd dies there, and
 * after all that root inside can do to a radio.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/nl80211.h>
#include <netlink/route/link/veth.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/radio-fixture.h"
#include "util/string.h"

/* All that is host0, and its radio. */
typedef struct Before {
        char *link;
        Wiphy wiphy;
        size_t n_wdevs;
} Before;

/* Its index is another one after it was made anew. */
static char *dump_host0(Fixture *f) {
        char *text = dump_link(f->home, "host0"), *index = strstr(text, "\nIFINDEX="), *end;

        assert_non_null(index);
        end = strchr(index + 1, '\n');
        memmove(index, end, strlen(end) + 1);
        return text;
}

static Before look(Fixture *f) {
        return (Before){.link = dump_host0(f), .wiphy = radio->wiphy, .n_wdevs = radio->n_wdevs};
}

static void assert_as_before(Fixture *f, const Before *before) {
        char *after;

        assert_int_equal(radio->place, RADIO_HOME);
        after = dump_host0(f);
        assert_lines(after, before->link);
        free(after);
        assert_memory_equal(&radio->wiphy, &before->wiphy, sizeof(radio->wiphy));
        assert_int_equal(radio->n_wdevs, before->n_wdevs);
        assert_int_equal(radio_count_links(), 1);
        assert_non_null(radio_find("host0"));
        assert_int_equal(radio_find("host0")->type, NL80211_IFTYPE_STATION);
        assert_false(radio_find("host0")->four_address);
        assert_no_state(f);
}

static void assert_given(Fixture *f) {
        struct rtnl_link *link;

        assert_int_equal(radio->place, RADIO_INSIDE);
        assert_false(link_exists(f->home, "host0"));
        link = get_link(f->inside, "wan0");
        assert_int_equal(rtnl_link_get_mtu(link), 1300);
        assert_true(rtnl_link_get_flags(link) & IFF_UP);
        rtnl_link_put(link);
        assert_present(f, 1);
}

static void test_round_trip(void **state) {
        Fixture *f = fixture_or_skip(state);
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        assert_int_equal(move_in(f), 0);
        assert_given(f);
        /* Adding what is there is fine. */
        assert_int_equal(move_in(f), 0);
        assert_given(f);
        assert_int_equal(move_out(f), 0);
        assert_as_before(f, &before);
        assert_present(f, 0);
        assert_int_equal(move_out(f), 0);
        free(before.link);
}

/* Its own name is taken inside: it comes as wlan0 then, and is renamed. */
static void test_names_taken_inside(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *lo = get_link(f->inside, "lo");
        Before before;

        before = look(f);
        assert_int_equal(link_add_altname(f->inside, (unsigned int)rtnl_link_get_ifindex(lo), "host0"), 0);
        assert_int_equal(move_in(f), 0);
        assert_given(f);
        assert_int_equal(move_out(f), 0);
        assert_as_before(f, &before);

        assert_int_equal(link_add_altname(f->inside, (unsigned int)rtnl_link_get_ifindex(lo), "wan0"), 0);
        assert_int_equal(move_in(f), -EEXIST);
        assert_as_before(f, &before);
        rtnl_link_put(lo);
        free(before.link);
}

static void test_refused(void **state) {
        Fixture *f = fixture_or_skip(state);
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        radio->cannot_move = true;
        assert_int_equal(move_in(f), -EOPNOTSUPP);
        assert_as_before(f, &before);

        /* Another one on the radio was not given. */
        radio->cannot_move = false;
        radio_make("lower0", NL80211_IFTYPE_AP);
        assert_int_equal(move_in(f), -EBUSY);
        assert_no_state(f);
        assert_true(link_exists(f->home, "lower0"));
        radio_delete("lower0");
        assert_as_before(f, &before);
        free(before.link);
}

/* What root inside does to the radio; the interface is "mine" then, or gone. */
static void maltreat_radio(Fixture *f, bool gone) {
        assert_int_equal(radio->place, RADIO_INSIDE);
        maltreat(f);
        radio_make("tap", NL80211_IFTYPE_MONITOR);
        radio_make("host0x", NL80211_IFTYPE_STATION);
        for (unsigned int i = 0; i < WDEV_LIST_MAX + 3; i++)
                radio_make(NULL, NL80211_IFTYPE_P2P_DEVICE);
        strcpy(radio->wiphy.name, "evil");
        radio->wiphy.settings[WIPHY_RTS] = 1;
        radio->wiphy.settings[WIPHY_RETRY_SHORT] = 1;
        radio_find("mine")->type = NL80211_IFTYPE_AP;
        radio_find("mine")->four_address = true;
        if (gone)
                radio_delete("mine");
}

static void test_hostile(void **state) {
        Fixture *f = fixture_or_skip(state);
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        for (int gone = 0; gone < 2; gone++) {
                assert_int_equal(move_in(f), 0);
                maltreat_radio(f, gone);
                /* The radio is what counts. */
                assert_present(f, 1);
                assert_int_equal(move_out(f), 0);
                assert_as_before(f, &before);
        }
        free(before.link);
}

/* The kernel gives the radio back when the container dies, and whatever is on it then. */
static void test_died(void **state) {
        Fixture *f = fixture_or_skip(state);
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        for (int gone = 0; gone < 3; gone++) {
                assert_int_equal(move_in(f), 0);
                if (gone > 0)
                        maltreat_radio(f, gone == 2);
                radio_move(RADIO_HOME);
                assert_present(f, 0);
                assert_int_equal(interface_restore(f->state_fd, "another"), 0);
                assert_int_equal(interface_restore(f->state_fd, "box"), 0);
                assert_as_before(f, &before);
        }
        free(before.link);
}

/* In a namespace below the container's it is out of sight. */
static void test_hidden(void **state) {
        Fixture *f = fixture_or_skip(state);
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        assert_int_equal(move_in(f), 0);
        radio_move(RADIO_HIDDEN);
        assert_present(f, 0);
        assert_int_equal(move_out(f), 0);
        assert_int_equal(count_entries(f->state_dir), 3);
        radio_move(RADIO_HOME);
        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_as_before(f, &before);
        free(before.link);
}

static void test_names_taken_on_host(void **state) {
        Fixture *f = fixture_or_skip(state);

        dress_link(f->home, "host0");
        for (int gone = 0; gone < 2; gone++) {
                struct rtnl_link *wanted = rtnl_link_alloc();

                assert_int_equal(rtnl_link_veth_add(f->home->nl, "lower0", "lower1", getpid()), 0);
                strcpy(radio->wiphy.name, "taken");
                assert_int_equal(move_in(f), 0);
                maltreat_radio(f, gone);
                rtnl_link_set_name(wanted, "host0");
                change_link(f->home, "lower0", wanted);

                assert_int_equal(move_out(f), -EEXIST);
                assert_no_state(f);
                assert_int_equal(radio_count_links(), 1);
                assert_non_null(radio_find("davit0"));
                assert_int_equal(radio_find("davit0")->type, NL80211_IFTYPE_STATION);
                assert_string_equal(radio->wiphy.name, "phy3");

                delete_link(f->home, "host0");
                wanted = rtnl_link_alloc();
                rtnl_link_set_name(wanted, "host0");
                change_link(f->home, "davit0", wanted);
        }
}

/* cfg80211 was loaded anew, and counts from the start. */
static void test_another_radio(void **state) {
        Fixture *f = fixture_or_skip(state);
        struct rtnl_link *wanted = rtnl_link_alloc();

        assert_int_equal(move_in(f), 0);
        radio_move(RADIO_HOME);
        mock_card.bus = "0000:04:00.0";
        rtnl_link_set_name(wanted, "host0");
        change_link(f->home, "wan0", wanted);
        radio_make("lower0", NL80211_IFTYPE_AP);

        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
        assert_no_state(f);
        assert_true(link_exists(f->home, "lower0"));
}

static void test_sweep_in(void **state) {
        Fixture *f = fixture_or_skip(state);
        Before before;
        unsigned int k;

        dress_link(f->home, "host0");
        before = look(f);
        for (k = 1; k < 200; k++) {
                int r;

                interface_calls = 0;
                interface_fail_at = k;
                r = move_in(f);
                interface_fail_at = 0;
                if (r == 0)
                        break;
                assert_true(r == -ENOMEM || r == -ENOSPC);
                assert_as_before(f, &before);
        }
        assert_in_range(k, 18, 60);
        assert_given(f);
        assert_int_equal(move_out(f), 0);
        assert_as_before(f, &before);
        free(before.link);
}

static void test_sweep_out(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int k, n_failed = 0;
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        for (k = 1; k < 400; k++) {
                unsigned int n_calls;
                int r;

                assert_int_equal(move_in(f), 0);
                maltreat_radio(f, k % 2 == 0);
                interface_calls = 0;
                interface_fail_at = k;
                r = move_out(f);
                n_calls = interface_calls;
                interface_fail_at = 0;
                if (r < 0) {
                        assert_int_equal(r, -ENOMEM);
                        n_failed++;
                        assert_int_equal(move_out(f), 0);
                }
                assert_as_before(f, &before);
                if (n_calls < k)
                        break;
        }
        assert_in_range(k, 40, 399);
        assert_in_range(n_failed, 20, 399);
        free(before.link);
}

/* Return: whether the process ended at its call number @k. */
static bool dies_at(Fixture *f, unsigned int k, int (*act)(Fixture *f), Before *before) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                interface_calls = 0;
                interface_die_at = k;
                (void)act(f);
                free(before->link);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0);
        return WIFSIGNALED(status);
}

/* After a death at each point of the way in: taken up, taken back, or given back by the kernel. */
static void test_dies_in(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int k = 1, n = 0;
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        for (; k < 200 && dies_at(f, k, move_in, &before); k++) {
                n += radio->place == RADIO_INSIDE;
                if (k % 3 == 0) {
                        assert_int_equal(move_in(f), 0);
                        assert_given(f);
                }
                if (k % 3 == 1) {
                        radio_move(RADIO_HOME);
                        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
                } else
                        assert_int_equal(move_out(f), 0);
                assert_as_before(f, &before);
        }
        assert_in_range(k, 18, 60);
        assert_in_range(n, 6, 60);
        free(before.link);
}

static void test_dies_out(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int k = 1, n = 0;
        bool died = true;
        Before before;

        dress_link(f->home, "host0");
        before = look(f);
        for (; k < 400 && died; k++) {
                assert_int_equal(move_in(f), 0);
                maltreat_radio(f, k / 3 % 2);
                died = dies_at(f, k, move_out, &before);
                n += radio->place == RADIO_HOME;
                if (k % 3 == 0) {
                        assert_int_equal(move_in(f), 0);
                        assert_present(f, 1);
                }
                if (k % 3 == 1) {
                        radio_move(RADIO_HOME);
                        assert_int_equal(interface_restore(f->state_fd, "box"), 0);
                } else
                        assert_int_equal(move_out(f), 0);
                assert_as_before(f, &before);
        }
        assert_in_range(k, 40, 399);
        assert_in_range(n, 10, 399);
        free(before.link);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_names_taken_inside, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_refused, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_hostile, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_died, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_hidden, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_names_taken_on_host, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_another_radio, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_sweep_in, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_sweep_out, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_dies_in, radio_setup, radio_teardown),
                cmocka_unit_test_setup_teardown(test_dies_out, radio_setup, radio_teardown),
        };

        interface_have_namespaces = interface_enter_namespaces() >= 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
