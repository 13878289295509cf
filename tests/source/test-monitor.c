/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The monitor on a host made of umockdev: events of phones and graphics cards, enumeration with and without
 * udevd, udevd coming and going.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "source/identity.h"
#include "source/monitor.h"
#include "source/sysfs.h"
#include "support/mock-phone.h"
#include "util/string.h"

#define EVENTS_MAX 64

typedef struct Seen {
        Uevent events[EVENTS_MAX];
        bool complete[EVENTS_MAX];
        size_t n_events;
        unsigned int n_lost;
} Seen;

typedef struct Fixture {
        MockHost *host;
        Monitor *monitor;
        Seen seen;
        unsigned int n_fds;
} Fixture;

static unsigned int count_fds(void) {
        DIR *folder = opendir("/proc/self/fd");
        unsigned int n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

static void on_event(void *userdata, const Uevent *event, bool complete) {
        Seen *seen = userdata;

        assert_true(seen->n_events < EVENTS_MAX);
        seen->events[seen->n_events] = UEVENT_NULL;
        seen->events[seen->n_events].action = event->action;
        assert_int_equal(property_list_copy(&seen->events[seen->n_events].properties, &event->properties), 0);
        seen->complete[seen->n_events++] = complete;
}

static void on_lost(void *userdata) {
        ((Seen *)userdata)->n_lost++;
}

static const MonitorOps ops = {.event = on_event, .lost = on_lost};

static void forget(Seen *seen) {
        for (size_t i = 0; i < seen->n_events; i++)
                uevent_deinit(&seen->events[i]);
        *seen = (Seen){};
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        *state = f;
        if (mock_host_new(&f->host) < 0)
                return 0;
        mock_host_set_udevd(f->host, true);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        monitor_free(f->monitor);
        forget(&f->seen);
        mock_host_free(f->host);
        free(f);
        return 0;
}

#define fixture_or_skip(state)                                              \
        ({                                                                  \
                Fixture *_f = *(state);                                     \
                if (!_f->host) {                                            \
                        puts("SKIP: needs umockdev and a mount namespace"); \
                        skip();                                             \
                }                                                           \
                _f;                                                         \
        })

static void open_monitor(Fixture *f) {
        assert_int_equal(monitor_new(&ops, &f->seen, -EBADF, &f->monitor), 0);
}

/* Dispatches until nothing is left. */
static void drain(Fixture *f) {
        struct pollfd p = {.fd = monitor_fd(f->monitor), .events = POLLIN};

        while (poll(&p, 1, /* timeout= */ 0) > 0)
                assert_true(monitor_dispatch(f->monitor) >= 0);
}

static const Uevent *find(const Seen *seen, const char *devpath_end) {
        for (size_t i = 0; i < seen->n_events; i++) {
                const char *devpath = uevent_devpath(&seen->events[i]);
                size_t n = strlen(devpath), k = strlen(devpath_end);

                if (n >= k && streq(devpath + n - k, devpath_end))
                        return &seen->events[i];
        }
        return NULL;
}

static void assert_property(const Uevent *event, const char *key, const char *value) {
        const char *is;

        assert_non_null(event);
        is = property_list_get(&event->properties, key);
        if (!streq_ptr(is, value))
                fail_msg("%s is %s, not %s", key, is ?: "missing", value ?: "missing");
}

/* "add 3-1 | add 3-1:1.0 | …" */
static void assert_sequence(const Seen *seen, const char *expected) {
        char text[2048] = "";

        for (size_t i = 0; i < seen->n_events; i++) {
                const char *devpath = uevent_devpath(&seen->events[i]);
                size_t n = strlen(text);

                snprintf(text + n, sizeof(text) - n, "%s%s %s", n > 0 ? " | " : "",
                         uevent_action_to_string(seen->events[i].action), strrchr(devpath, '/') + 1);
        }
        assert_string_equal(text, expected);
}

static void test_phone_comes_and_goes(void **state) {
        Fixture *f = fixture_or_skip(state);

        open_monitor(f);
        assert_int_equal(monitor_dispatch(f->monitor), 0);
        mock_phone_plug(f->host, &mock_phone_adb);
        drain(f);
        assert_sequence(&f->seen, "add 3-1 | add 3-1:1.0 | bind 3-1");
        assert_true(f->seen.complete[0]);
        assert_property(&f->seen.events[0], "SUBSYSTEM", "usb");
        assert_property(&f->seen.events[0], "DEVNAME", "bus/usb/003/002"); /* umockdev leaves "/dev/" out */
        assert_property(&f->seen.events[0], "ID_SERIAL_SHORT", "PIXEL1");
        assert_property(&f->seen.events[0], "MINOR", "257");
        assert_property(&f->seen.events[1], "INTERFACE", "255/66/1");

        forget(&f->seen);
        mock_phone_switch(f->host, &mock_phone_adb, &mock_phone_fastboot);
        drain(f);
        assert_sequence(&f->seen,
                        "remove 3-1:1.0 | unbind 3-1 | remove 3-1 | add 3-1 | add 3-1:1.0 | bind 3-1");
        assert_property(&f->seen.events[2], "ID_SERIAL_SHORT", NULL);
        assert_property(&f->seen.events[3], "ID_MODEL_ID", "4ee0");
        assert_property(&f->seen.events[3], "MINOR", "259");
        assert_int_equal(f->seen.n_lost, 0);
}

static void test_gpu_comes_and_goes(void **state) {
        Fixture *f = fixture_or_skip(state);

        open_monitor(f);
        mock_gpu_plug(f->host, "0000:08:00.0", 0);
        mock_gpu_unplug(f->host, "0000:08:00.0", 0);
        drain(f);
        assert_sequence(&f->seen,
                        "add 0000:08:00.0 | add card0 | add renderD128 | bind 0000:08:00.0 | remove card0 | "
                        "remove renderD128 | unbind 0000:08:00.0 | remove 0000:08:00.0");
        assert_property(&f->seen.events[1], "DEVNAME", "dri/card0");
        assert_property(&f->seen.events[1], "MINOR", "0");
}

static void test_enumerate(void **state) {
        Fixture *f = fixture_or_skip(state);

        mock_gpu_plug(f->host, "0000:08:00.0", 0);
        mock_phone_plug(f->host, &mock_phone_adb);
        open_monitor(f);
        assert_int_equal(monitor_enumerate(f->monitor), 0);
        /* By path, so that parents come first. */
        assert_sequence(&f->seen, "add 0000:08:00.0 | add card0 | add renderD128 | add 3-1 | add 3-1:1.0");
        assert_property(find(&f->seen, "/3-1"), "DEVPATH", "/devices/platform/vhci_hcd.0/usb3/3-1");
        assert_property(find(&f->seen, "/3-1"), "ACTION", "add");
        assert_property(find(&f->seen, "/3-1"), "SUBSYSTEM", "usb");
        assert_property(find(&f->seen, "/3-1"), "DEVNAME", "/dev/bus/usb/003/002");
        assert_property(find(&f->seen, "/3-1"), "ID_SERIAL_SHORT", "PIXEL1");
        assert_property(find(&f->seen, "/card0"), "DEVNAME", "/dev/dri/card0");
        for (size_t i = 0; i < f->seen.n_events; i++)
                assert_true(f->seen.complete[i]);
}

/* What udevd has in work will have its event, and so will what is below it. */
static void test_enumerate_unfinished(void **state) {
        Fixture *f = fixture_or_skip(state);
        const MockPhone other = {"3-10", 3, "04e8", "6860", "Galaxy", "SERIAL2", "ff4201"};

        mock_phone_plug(f->host, &mock_phone_adb);
        mock_phone_plug(f->host, &other);
        mock_phone_forget(f->host, &mock_phone_adb);
        open_monitor(f);
        assert_int_equal(monitor_enumerate(f->monitor), 0);
        assert_sequence(&f->seen, "add 3-10 | add 3-10:1.0");
}

/* Without udevd sysfs tells who a phone is. */
static void test_enumerate_without_udevd(void **state) {
        Fixture *f = fixture_or_skip(state);
        const MockPhone odd = {"3-2.1", 3, "04e8", "6860", " Galaxy  S/2 ", "bad,serial", "ff4201"};
        const MockPhone bare = {"3-3", 4, "04e8", "6860", "Galaxy", NULL, "ff4201"};

        mock_host_set_udevd(f->host, false);
        mock_phone_plug(f->host, &mock_phone_adb);
        mock_phone_plug(f->host, &odd);
        mock_phone_plug(f->host, &bare);
        open_monitor(f);
        assert_int_equal(monitor_enumerate(f->monitor), 0);
        assert_sequence(&f->seen,
                        "add 3-1 | add 3-1:1.0 | add 3-2.1 | add 3-2.1:1.0 | add 3-3 | add 3-3:1.0");
        for (size_t i = 0; i < f->seen.n_events; i++)
                assert_false(f->seen.complete[i]);
        assert_property(find(&f->seen, "/3-1"), "ID_SERIAL_SHORT", "PIXEL1");
        assert_property(find(&f->seen, "/3-1"), "ID_VENDOR_ID", "18d1");
        assert_property(find(&f->seen, "/3-1"), "ID_MODEL_ID", "4ee7");
        assert_property(find(&f->seen, "/3-1"), "ID_MODEL", "Pixel_6");
        assert_property(find(&f->seen, "/3-1"), "ID_VENDOR", "Google");
        assert_property(find(&f->seen, "/3-1:1.0"), "ID_SERIAL_SHORT", NULL);
        assert_property(find(&f->seen, "/3-2.1"), "ID_MODEL", "Galaxy_S_2");
        assert_property(find(&f->seen, "/3-2.1"), "ID_SERIAL_SHORT", NULL);
        assert_property(find(&f->seen, "/3-3"), "ID_SERIAL_SHORT", NULL);
}

static void test_udevd_comes_and_goes(void **state) {
        Fixture *f = fixture_or_skip(state);

        mock_host_set_udevd(f->host, false);
        assert_int_equal(system("rm -r /run/udev"), 0);
        open_monitor(f);
        mock_phone_plug(f->host, &mock_phone_adb);
        drain(f);
        /* What comes from udev's group is not the kernel's word. */
        assert_int_equal(f->seen.n_events, 0);
        assert_int_equal(f->seen.n_lost, 0);

        mock_host_set_udevd(f->host, true);
        drain(f);
        assert_int_equal(f->seen.n_lost, 1);
        mock_phone_unplug(f->host, &mock_phone_adb);
        drain(f);
        assert_int_equal(f->seen.n_events, 3);

        mock_host_set_udevd(f->host, false);
        drain(f);
        assert_int_equal(f->seen.n_lost, 2);
        mock_host_set_udevd(f->host, true);
        drain(f);
        assert_int_equal(f->seen.n_lost, 3);
        mock_phone_plug(f->host, &mock_phone_adb);
        drain(f);
        assert_int_equal(f->seen.n_events, 6);
}

/* umockdev's sockets have names: whatever is sent to them that is no event is passed over. */
static void test_junk(void **state) {
        Fixture *f = fixture_or_skip(state);
        static const char *const junk[] = {"", "x", "libudev", "add@/devices/x", "libudev\0\xfe\xed\xca\xfe"};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        unsigned int n_sent = 0;

        open_monitor(f);
        for (int i = 3; i < 64; i++)
                for (size_t k = 0; k < ELEMENTSOF(junk); k++) {
                        struct sockaddr_un address = {.sun_family = AF_UNIX};

                        snprintf(address.sun_path, sizeof(address.sun_path), "%s/event%d",
                                 getenv("UMOCKDEV_DIR"), i);
                        n_sent += sendto(fd, junk[k], strlen(junk[k]), 0, (struct sockaddr *)&address,
                                         sizeof(address)) >= 0;
                }
        close(fd);
        assert_int_equal(n_sent, ELEMENTSOF(junk));
        mock_phone_plug(f->host, &mock_phone_adb);
        drain(f);
        assert_sequence(&f->seen, "add 3-1 | add 3-1:1.0 | bind 3-1");
}

static void test_no_leak(void **state) {
        Fixture *f = fixture_or_skip(state);
        unsigned int n_fds;

        open_monitor(f);
        f->monitor = monitor_free(f->monitor);
        n_fds = count_fds();
        open_monitor(f);
        mock_host_set_udevd(f->host, false);
        drain(f);
        f->monitor = monitor_free(f->monitor);
        assert_int_equal(count_fds(), n_fds);
        assert_null(monitor_free(NULL));
}

static void test_spelling(void **state) {
        static const struct {
                const char *raw, *spelled;
        } table[] = {
                {"PIXEL1", "PIXEL1"},
                {"  Pixel  6 ", "Pixel_6"},
                {"a/b\\c%d\"e'f", "a_b_c_d_e_f"},
                {"#+-.:=@_", "#+-.:=@_"},
                {"T\xc3\xa9l\xc3\xa9phone", "T\xc3\xa9l\xc3\xa9phone"},
                {"\xff\xc3", "__"},
                {"a\x1b[31m", "a__31m"},
                {" \t\n", ""},
                {"0123456789ABCDEF", "0123456789ABCDE"},
        };
        char buffer[16];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_string_equal(identity_spell(table[i].raw, buffer, sizeof(buffer)), table[i].spelled);
}

int main(_unused_ int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_phone_comes_and_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gpu_comes_and_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_enumerate, setup, teardown),
                cmocka_unit_test_setup_teardown(test_enumerate_unfinished, setup, teardown),
                cmocka_unit_test_setup_teardown(test_enumerate_without_udevd, setup, teardown),
                cmocka_unit_test_setup_teardown(test_udevd_comes_and_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_junk, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_leak, setup, teardown),
                cmocka_unit_test(test_spelling),
        };

        mock_host_preload(argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
