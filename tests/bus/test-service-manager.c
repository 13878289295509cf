/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keepers as units: a service manager on a bus of our own, which is asked to start them, and what its answers
 * and signals come to.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus/harness.h"
#include "util/log.h"
#include "util/string.h"

#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"
#define LIMIT_USEC        (UINT64_C(10) * 1000 * 1000)

typedef enum Answer {
        ANSWER_JOB,
        ANSWER_UNKNOWN,
        ANSWER_REFUSED,
} Answer;

/* The service manager and a client of davitd's, on connections of their own. */
static Harness harness = {.control = -EBADF, .use_units = true};
static sd_bus *systemd, *client;
static unsigned int n_subscribed;
static char started[128];
static Answer answer;
static bool replied;
static char error_name[128], error_message[512];

static int on_subscribe(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error) {
        n_subscribed++;
        return sd_bus_reply_method_return(m, "");
}

static int on_restart_unit(sd_bus_message *m, _unused_ void *userdata, sd_bus_error *error) {
        const char *unit, *mode;

        assert_true(sd_bus_message_read(m, "ss", &unit, &mode) > 0);
        assert_string_equal(mode, "replace");
        snprintf(started, sizeof(started), "%s", unit);
        if (answer == ANSWER_UNKNOWN)
                return sd_bus_error_set(error, SYSTEMD_NAME ".NoSuchUnit", "Unit not found.");
        if (answer == ANSWER_REFUSED)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Not now.");
        return sd_bus_reply_method_return(m, "o", SYSTEMD_PATH "/job/1");
}

static const sd_bus_vtable systemd_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Subscribe", "", "", on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RestartUnit", "ss", "o", on_restart_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
        SD_BUS_VTABLE_END,
};

static int on_launched(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);

        replied = true;
        snprintf(error_name, sizeof(error_name), "%s", e ? e->name : "");
        snprintf(error_message, sizeof(error_message), "%s", e ? e->message : "");
        return 0;
}

static void turn(void) {
        sd_bus *const buses[] = {systemd, client};

        for (size_t i = 0; i < ELEMENTSOF(buses); i++) {
                int r = 1;

                while (r > 0) {
                        r = sd_bus_process(buses[i], NULL);
                        assert_true(r >= 0);
                }
                assert_true(sd_bus_wait(buses[i], 5000) >= 0);
        }
}

#define turn_until(condition)                                 \
        for (unsigned int turns = 0; !(condition); turns++) { \
                assert_true(turns < LIMIT_USEC / 5000);       \
                turn();                                       \
        }

static int connect_systemd(void) {
        if (sd_bus_new(&systemd) < 0 || sd_bus_set_address(systemd, harness.address) < 0 ||
            sd_bus_set_bus_client(systemd, 1) < 0 || sd_bus_start(systemd) < 0 ||
            sd_bus_request_name(systemd, SYSTEMD_NAME, 0) < 0)
                return -1;
        return sd_bus_add_object_vtable(systemd, NULL, SYSTEMD_PATH, SYSTEMD_INTERFACE, systemd_vtable, NULL);
}

static int setup(_unused_ void **state) {
        int r;

        r = harness_start(&harness);
        if (r != 0)
                return r < 0 ? r : 0;
        client = harness_connect(&harness);
        r = connect_systemd();
        if (r < 0)
                return r;
        /* This one finds the service manager there. */
        harness_restart_daemon(&harness, "run first");
        return 0;
}

static int teardown(_unused_ void **state) {
        sd_bus_flush_close_unref(systemd);
        sd_bus_flush_close_unref(client);
        harness_stop(&harness);
        return 0;
}

static void launch(const char *name, Answer how) {
        if (!client) {
                print_message("SKIP: no dbus-daemon\n");
                skip();
        }
        answer = how;
        replied = false;
        started[0] = '\0';
        turn_until(n_subscribed > 0);
        assert_true(sd_bus_call_method_async(client, NULL, "org.davit1", "/org/davit1", "org.davit1.Manager",
                                             "Launch", on_launched, NULL, "sa{sv}", name, 0) >= 0);
        turn_until(started[0]);
}

static void emit(const char *unit, const char *result) {
        assert_true(sd_bus_emit_signal(systemd, SYSTEMD_PATH, SYSTEMD_INTERFACE, "JobRemoved", "uoss", 1,
                                       SYSTEMD_PATH "/job/1", unit, result) >= 0);
}

static void test_job_fails(_unused_ void **state) {
        launch("a-b.c_d", ANSWER_JOB);
        assert_string_equal(started, "davit-container@a-b.c_d.service");
        /* Those of others, and good news, end nothing. */
        emit("davit-container@a-b.c.service", "failed");
        emit("davit-container@.service", "failed");
        emit("a-b.c_d.service", "failed");
        emit("davit-container@a-b.c_d.socket", "failed");
        emit("davit-container@a-b.c_d.service", "done");
        for (unsigned int i = 0; i < 10; i++)
                turn();
        assert_false(replied);
        emit("davit-container@a-b.c_d.service", "timeout");
        turn_until(replied);
        assert_string_equal(error_name, "org.davit1.Error.LaunchFailed");
        assert_non_null(
                strstr(error_message, "davit-container@a-b.c_d.service could not be started (timeout)"));
}

static void test_no_such_unit(_unused_ void **state) {
        launch("x", ANSWER_UNKNOWN);
        turn_until(replied);
        assert_string_equal(error_name, "");
}

static void test_refused(_unused_ void **state) {
        launch("x", ANSWER_REFUSED);
        turn_until(replied);
        assert_string_equal(error_name, "org.davit1.Error.LaunchFailed");
        assert_string_equal(error_message, "Not now.");
}

/* With the bus goes the only way to learn what becomes of a unit. */
static void test_bus_lost(_unused_ void **state) {
        launch("y", ANSWER_JOB);
        harness_stop_bus(&harness);
        assert_int_equal(harness_start_bus(&harness), 0);
        client = sd_bus_flush_close_unref(client);
        systemd = sd_bus_flush_close_unref(systemd);
        n_subscribed = 0;
        assert_true(connect_systemd() >= 0);
        client = harness_connect(&harness);
        launch("y", ANSWER_REFUSED);
        turn_until(replied);
        assert_string_equal(error_message, "Not now.");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_job_fails),
                cmocka_unit_test(test_no_such_unit),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_bus_lost),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
