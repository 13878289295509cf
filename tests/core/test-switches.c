/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A long day of a farm: phones go from mode to mode with gaps of any length, two of them swap their ports,
 * two say the same serial, and davitd is started anew now and then, in order or killed. Whenever everything
 * has come to rest, each phone is in its own container and nowhere else.
 *
 * Phones are swapped in adb, or in fastboot, of which no rule but the last knows anything: then each is a
 * stranger in the other's place and goes where strangers go, until it is back in adb.
 *
 * The rules know adb alone. Behind them stands one that gives whatever else comes to a container, where no
 * phone must be otherwise. DAVIT_SEED=N runs another day; a failed one prints which.
 */

#include "config.h"

#include <stdlib.h>

#include "core/farm.h"
#include "plan/world.h"
#include "util/string.h"

#define SWITCHES  200
#define DUPLICATE "0123456789ABCDEF"

static const char *const policy =
        "version: 1\n"
        "rules:\n"
        "  - name: a\n"
        "    match: { class: usb, interface: \"ff:42:01\", serial: A }\n"
        "    give: { to: ci-1, linger: 1h }\n"
        "  - name: b\n"
        "    match: { class: usb, interface: \"ff:42:01\", serial: B }\n"
        "    give: { to: ci-2, linger: 1h }\n"
        "  - name: left of two that say the same\n"
        "    match: { class: usb, interface: \"ff:42:01\", serial: \"" DUPLICATE "\", port: \"3-3\" }\n"
        "    give: { to: ci-1, linger: 1h }\n"
        "  - name: right of two that say the same\n"
        "    match: { class: usb, interface: \"ff:42:01\", serial: \"" DUPLICATE "\", port: \"3-4\" }\n"
        "    give: { to: ci-2, linger: 1h }\n"
        "  - name: no phone comes here\n"
        "    match: { class: usb }\n"
        "    give: { to: ci-3 }\n";

typedef struct Phone {
        const char *serial, *port, *container;
        unsigned int number; /* 0: it is away */
} Phone;

#define PHONES 4

typedef struct Day {
        Farm farm;
        World world;
        Phone phones[PHONES];
        unsigned int n_switches, n_swaps, n_restarts;
} Day;

static void unplug(Day *day, Phone *phone) {
        farm_unplug(&day->farm, phone->port);
        phone->number = 0;
}

static bool number_is_taken(const Day *day, unsigned int number) {
        for (unsigned int i = 0; i < PHONES; i++)
                if (day->phones[i].number == number)
                        return true;
        return false;
}

static void plug(Day *day, Phone *phone, FarmModes mode) {
        /* A kernel deals no number twice at a time. */
        while (number_is_taken(day, day->farm.number >= 127 ? 2 : day->farm.number + 1))
                day->farm.number = day->farm.number >= 127 ? 2 : day->farm.number + 1;
        phone->number = farm_plug(&day->farm, phone->port, &farm_modes[mode],
                                  farm_modes[mode].no_serial ? NULL : phone->serial);
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(a, b);
}

static const char *join(char lines[PHONES][64], size_t n, char text[static PHONES * 66]) {
        size_t at = 0;

        text[0] = '\0';
        qsort(lines, n, sizeof(lines[0]), compare_lines);
        for (size_t i = 0; i < n; i++)
                at += (size_t)snprintf(text + at, PHONES * 66 - at, "%s%s", i > 0 ? ", " : "", lines[i]);
        return text;
}

static void assert_at_rest(Day *day) {
        char grants[PHONES][64], nodes[PHONES][64], text[PHONES * 66];
        size_t n_nodes = 0;

        for (unsigned int i = 0; i < PHONES; i++) {
                const Phone *phone = &day->phones[i];

                snprintf(grants[i], sizeof(grants[i]), "usb-%s %s %s", phone->port, phone->container,
                         phone->number ? "active" : "lingering");
                if (phone->number)
                        snprintf(nodes[n_nodes++], sizeof(nodes[0]), "%s bus/usb/003/%03u", phone->container,
                                 phone->number);
        }
        farm_assert_grants(&day->farm, join(grants, PHONES, text));
        assert_string_equal(farm_nodes(), join(nodes, n_nodes, text));
}

/* Some of the phones that are away come back, in any mode. */
static void come_back(Day *day) {
        for (unsigned int i = 0; i < PHONES; i++)
                if (day->phones[i].number == 0 && world_draw(&day->world, 3) > 0)
                        plug(day, &day->phones[i], (FarmModes)world_draw(&day->world, FARM_MODES));
}

/* Both have been in this mode since they were swapped: neither place is held for anybody. */
static void assert_strangers(Day *day) {
        char grants[PHONES][64], text[PHONES * 66];

        for (unsigned int i = 0; i < PHONES; i++) {
                const Phone *phone = &day->phones[i];

                snprintf(grants[i], sizeof(grants[i]), "usb-%s %s %s", phone->port,
                         i < 2 ? "ci-3" : phone->container, phone->number ? "active" : "lingering");
        }
        farm_assert_grants(&day->farm, join(grants, PHONES, text));
}

/* Who swaps them does so with phones that say who they are: before that, a place is all there is. */
static void swap(Day *day, FarmModes mode) {
        Phone *a = &day->phones[0], *b = &day->phones[1];
        const char *port = a->port;

        for (unsigned int i = 0; i < 2; i++)
                if (day->phones[i].number)
                        unplug(day, &day->phones[i]);
        if (world_draw(&day->world, 2) == 0)
                farm_settle(&day->farm);
        a->port = b->port;
        b->port = port;
        plug(day, a, mode);
        if (world_draw(&day->world, 2) == 0)
                farm_settle(&day->farm);
        plug(day, b, mode);
        day->n_swaps++;
        if (mode == FARM_ADB)
                return;
        assert_strangers(day);
        for (unsigned int i = 0; i < 2; i++) {
                unplug(day, &day->phones[i]);
                plug(day, &day->phones[i], FARM_ADB);
        }
}

static void restart(Day *day) {
        farm_stop(&day->farm, /* crash= */ world_draw(&day->world, 2) == 0);
        come_back(day);
        farm_start(&day->farm);
        day->n_restarts++;
}

static void switch_one(Day *day) {
        Phone *phone = &day->phones[world_draw(&day->world, PHONES)];

        if (phone->number) {
                unplug(day, phone);
                day->n_switches++;
        }
        /* The gap: none, or one in which others come back too, or one that somebody sees. */
        switch (world_draw(&day->world, 4)) {
        case 0:
                plug(day, phone, (FarmModes)world_draw(&day->world, FARM_MODES));
                break;
        case 1:
                come_back(day);
                break;
        default:
                assert_at_rest(day);
        }
}

static void test_each_stays_in_its_own(_unused_ void **state) {
        const char *seed = getenv("DAVIT_SEED");
        Day day = {
                .world = {seed ? (unsigned int)strtoul(seed, NULL, 10) : 4711},
                .phones = {{"A", "3-1", "ci-1"},
                           {"B", "3-2", "ci-2"},
                           {DUPLICATE, "3-3", "ci-1"},
                           {DUPLICATE, "3-4", "ci-2"}},
        };

        print_message("DAVIT_SEED=%u\n", day.world.seed);
        farm_open(&day.farm, policy);
        for (unsigned int i = 0; i < PHONES; i++)
                plug(&day, &day.phones[i], FARM_ADB);
        assert_at_rest(&day);

        while (day.n_switches < SWITCHES) {
                switch_one(&day);
                if (world_draw(&day.world, 3) == 0)
                        come_back(&day);
                if (world_draw(&day.world, 20) == 0)
                        swap(&day, world_draw(&day.world, 2) == 0 ? FARM_ADB : FARM_FASTBOOT);
                if (world_draw(&day.world, 30) == 0) {
                        assert_at_rest(&day);
                        restart(&day);
                }
                assert_at_rest(&day);
        }
        assert_true(day.n_swaps > 0 && day.n_restarts > 0);
        farm_close(&day.farm);
}

/* Gaps around a `linger` that is over soon. One below it counts as such if the clock agrees when all is done:
 * a machine that has other things to do may make it a long one. */
static void test_gaps_around_a_short_linger(_unused_ void **state) {
        static const char *const short_policy = "version: 1\n"
                                                "rules:\n"
                                                "  - name: a\n"
                                                "    match: { class: usb, interface: \"ff:42:01\" }\n"
                                                "    give: { to: ci-1, linger: 200ms }\n"
                                                "  - name: no phone comes here\n"
                                                "    match: { class: usb }\n"
                                                "    give: { to: ci-3 }\n";
        const uint64_t linger = 200000;
        unsigned int n_below = 0, n_above = 0;

        for (unsigned int round = 0; n_below < 3 || n_above < 3; round++) {
                bool below = round % 2 == 0;
                uint64_t start, end;
                Farm farm;

                farm_open(&farm, short_policy);
                farm_plug(&farm, "3-1", &farm_modes[FARM_ADB], "A");
                farm_assert_grants(&farm, "usb-3-1 ci-1 active");
                start = loop_now();
                farm_unplug(&farm, "3-1");
                if (below)
                        while (loop_now() < start + linger * 3 / 4)
                                assert_int_equal(loop_run_once(farm.loop, 1000), 0);
                else
                        farm_await_grants(&farm, "");
                farm_plug(&farm, "3-1", &farm_modes[FARM_FASTBOOT], "A");
                farm_settle(&farm);
                end = loop_now();
                if (below && end < start + linger) {
                        assert_string_equal(farm_grants(&farm), "usb-3-1 ci-1 active");
                        n_below++;
                } else if (!below) {
                        assert_true(end >= start + linger);
                        assert_string_equal(farm_grants(&farm), "usb-3-1 ci-3 active");
                        n_above++;
                }
                farm_close(&farm);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_stays_in_its_own),
                cmocka_unit_test(test_gaps_around_a_short_linger),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
