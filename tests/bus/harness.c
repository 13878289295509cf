/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The processes of a bus test. The daemon is this program, forked: Loop, fake Manager and the real Bus, plus
 * a control socket on which the test says what happens to the hardware. Commands, one a line, answered by
 * "ok" or "error":
 *
 *   plug PORT SERIAL | unplug PORT | burst FIRST COUNT | clear FIRST COUNT | run NAME | end NAME STATUS
 *   give PORT NAME | fail PORT NAME ERRNO | linger PORT NAME SECONDS | take PORT NAME | waited NAME
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/fake-manager.h"
#include "bus/harness.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

static const char policy_text[] = "version: 1\n"
                                  "rules:\n"
                                  "  - name: never this\n"
                                  "    match: { class: usb, serial: FORBIDDEN }\n"
                                  "    deny: true\n"
                                  "  - name: phones\n"
                                  "    match: { class: usb, vendor: [\"18d1\", \"04e8\"] }\n"
                                  "    give: { to: \"ci-*\", share: exclusive, nodes: [usb] }\n";

static const char bus_config[] =
        "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' "
        "'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
        "<busconfig>\n"
        "  <listen>unix:path=%s/socket</listen>\n"
        "  <auth>EXTERNAL</auth>\n"
        "  <policy context='default'>\n"
        "    <allow user='*'/>\n"
        "    <allow own='*'/>\n"
        "    <allow send_type='method_call'/>\n"
        "    <allow send_type='signal'/>\n"
        "    <allow send_type='method_return'/>\n"
        "    <allow send_type='error'/>\n"
        "    <allow receive_type='method_call'/>\n"
        "    <allow receive_type='signal'/>\n"
        "    <allow receive_type='method_return'/>\n"
        "    <allow receive_type='error'/>\n"
        "  </policy>\n"
        "  <limit name='max_replies_per_connection'>8192</limit>\n"
        "</busconfig>\n";

typedef struct Daemon {
        Loop *loop;
        Manager *manager;
        char line[512];
        size_t size;
} Daemon;

static int many(Daemon *daemon, unsigned int first, unsigned int count, bool plug) {
        for (unsigned int i = first; i < first + count; i++) {
                int r = plug ? fake_manager_plug(daemon->manager, i, "")
                             : fake_manager_unplug(daemon->manager, i);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int obey(Daemon *daemon, const char *line) {
        char name[256] = "";
        unsigned int port, count;
        int number;

        if (sscanf(line, "plug %u %255s", &port, name) >= 1)
                return fake_manager_plug(daemon->manager, port, name);
        if (sscanf(line, "unplug %u", &port) == 1)
                return fake_manager_unplug(daemon->manager, port);
        if (sscanf(line, "burst %u %u", &port, &count) == 2)
                return many(daemon, port, count, true);
        if (sscanf(line, "clear %u %u", &port, &count) == 2)
                return many(daemon, port, count, false);
        if (sscanf(line, "run %255s", name) == 1)
                return fake_manager_run(daemon->manager, name);
        if (sscanf(line, "end %255s %d", name, &number) == 2)
                return fake_manager_end(daemon->manager, name, number);
        if (sscanf(line, "give %u %255s", &port, name) == 2)
                return fake_manager_give(daemon->manager, port, name, GRANT_ACTIVE, 0);
        if (sscanf(line, "fail %u %255s %d", &port, name, &number) == 3)
                return fake_manager_give(daemon->manager, port, name, GRANT_FAILED, -number);
        if (sscanf(line, "linger %u %255s %u", &port, name, &count) == 3)
                return fake_manager_linger(daemon->manager, port, name, count);
        if (sscanf(line, "take %u %255s", &port, name) == 2)
                return fake_manager_take(daemon->manager, port, name);
        if (sscanf(line, "waited %255s", name) == 1)
                return fake_manager_is_waited(daemon->manager, name) ? 0 : -EAGAIN;
        return -EINVAL;
}

static void on_control(void *userdata, int fd, _unused_ unsigned int events) {
        Daemon *daemon = userdata;
        ssize_t n = read(fd, daemon->line + daemon->size, sizeof(daemon->line) - 1 - daemon->size);
        char *newline;

        if (n <= 0) {
                loop_stop(daemon->loop, 0);
                return;
        }
        daemon->size += (size_t)n;
        daemon->line[daemon->size] = '\0';
        while ((newline = strchr(daemon->line, '\n'))) {
                int r;

                *newline = '\0';
                r = obey(daemon, daemon->line);
                if (r < 0)
                        dprintf(fd, "error %d %s\n", r, daemon->line);
                else
                        dprintf(fd, "ok\n");
                daemon->size -= (size_t)(newline + 1 - daemon->line);
                memmove(daemon->line, newline + 1, daemon->size + 1);
        }
}

static int daemon_main(const Harness *harness, int control, const char *first) {
        const char *dirs[] = {harness->policy, NULL};
        const ManagerConfig config = {
                .runtime_dir = harness->dir,
                .policy_dirs = dirs,
                .container_program = "/bin/echo",
                .kept_events = -EBADF,
        };
        _cleanup_(loop_freep) Loop *loop = NULL;
        _cleanup_(manager_freep) Manager *manager = NULL;
        _cleanup_(bus_freep) Bus *bus = NULL;
        _cleanup_(loop_source_freep) LoopSource *source = NULL;
        Daemon daemon = {};

        if (getenv("DAVIT_TEST_DEBUG"))
                log_set_max_level(LOG_DEBUG);
        else
                log_set_max_level(LOG_CRIT);
        if (loop_new(&loop) < 0 || manager_new(loop, &config, &manager) < 0 || manager_start(manager) < 0)
                return 1;
        daemon.loop = loop;
        daemon.manager = manager;
        if (first && obey(&daemon, first) < 0)
                return 1;
        if (bus_new(loop, manager, harness->address, harness->use_units, &bus) < 0)
                return 1;
        if (loop_add_io(loop, control, LOOP_READ, on_control, &daemon, &source) < 0)
                return 1;
        return loop_run(loop);
}

int harness_start_bus(Harness *harness) {
        char config[96], path[96];
        int ready[2];
        char byte[256];

        snprintf(config, sizeof(config), "--config-file=%s/bus.conf", harness->dir);
        snprintf(path, sizeof(path), "%s/socket", harness->dir);
        unlink(path);
        assert_int_equal(pipe(ready), 0);
        harness->bus_pid = fork();
        assert_true(harness->bus_pid >= 0);
        if (harness->bus_pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(ready[1], STDOUT_FILENO);
                execlp("dbus-daemon", "dbus-daemon", config, "--nofork", "--nosyslog", "--print-address=1",
                       NULL);
                _exit(127);
        }
        close(ready[1]);
        /* It prints its address when it listens. */
        ssize_t n = read(ready[0], byte, sizeof(byte));
        close(ready[0]);
        return n > 0 ? 0 : 1;
}

void harness_stop_bus(Harness *harness) {
        if (harness->bus_pid <= 0)
                return;
        kill(harness->bus_pid, SIGKILL);
        assert_int_equal(waitpid(harness->bus_pid, NULL, 0), harness->bus_pid);
        harness->bus_pid = 0;
}

void harness_policy(const Harness *harness, const char *yaml) {
        char path[128];

        snprintf(path, sizeof(path), "%s/10-test.yaml", harness->policy);
        assert_int_equal(fd_write_file(AT_FDCWD, path, yaml, strlen(yaml), 0644), 0);
}

static void read_answer(Harness *harness, char *answer, size_t size) {
        ssize_t n = read(harness->control, answer, size - 1);

        assert_true(n > 0);
        answer[n] = '\0';
}

static void expect_ok(Harness *harness) {
        char answer[512];

        read_answer(harness, answer, sizeof(answer));
        assert_string_equal(answer, "ok\n");
}

static void harness_start_daemon(Harness *harness, const char *first) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        fflush(NULL);
        harness->daemon_pid = fork();
        assert_true(harness->daemon_pid >= 0);
        if (harness->daemon_pid == 0) {
                int r;

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(pair[0]);
                r = daemon_main(harness, pair[1], first);
                fflush(NULL);
                exit(r == 0 ? 0 : 1);
        }
        close(pair[1]);
        harness->control = pair[0];
}

void harness_stop_daemon(Harness *harness) {
        int status;

        harness->control = safe_close(harness->control);
        assert_int_equal(waitpid(harness->daemon_pid, &status, 0), harness->daemon_pid);
        harness->daemon_pid = -1;
        /* A daemon that a sanitizer or an assertion ended is a failed test. */
        assert_int_equal(status, 0);
}

void harness_restart_daemon(Harness *harness, const char *first) {
        harness_stop_daemon(harness);
        harness_start_daemon(harness, first);
}

int harness_start(Harness *harness) {
        char text[sizeof(bus_config) + 128], path[128];

        *harness = (Harness){.control = -EBADF, .use_units = harness->use_units};
        snprintf(harness->dir, sizeof(harness->dir), "/tmp/davit-test-bus.XXXXXX");
        assert_non_null(mkdtemp(harness->dir));
        assert_int_equal(chmod(harness->dir, 0755), 0);
        snprintf(harness->address, sizeof(harness->address), "unix:path=%s/socket", harness->dir);
        snprintf(harness->policy, sizeof(harness->policy), "%s/policy", harness->dir);
        assert_int_equal(mkdir(harness->policy, 0755), 0);
        harness_policy(harness, policy_text);

        snprintf(text, sizeof(text), bus_config, harness->dir);
        snprintf(path, sizeof(path), "%s/bus.conf", harness->dir);
        assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);

        if (harness_start_bus(harness) > 0) {
                print_message("SKIP: there is no dbus-daemon that starts\n");
                harness_stop(harness);
                return 1;
        }
        harness_start_daemon(harness, NULL);
        return 0;
}

void harness_stop(Harness *harness) {
        static const char *const files[] = {"policy/10-test.yaml", "policy", "bus.conf", "socket"};

        if (harness->daemon_pid > 0)
                harness_stop_daemon(harness);
        harness_stop_bus(harness);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                char path[128];

                snprintf(path, sizeof(path), "%s/%s", harness->dir, files[i]);
                remove(path);
        }
        rmdir(harness->dir);
}

void harness_do(Harness *harness, const char *format, ...) {
        char line[512];
        va_list ap;
        int size;

        va_start(ap, format);
        size = vsnprintf(line, sizeof(line) - 1, format, ap);
        va_end(ap);
        line[size++] = '\n';
        assert_int_equal(write(harness->control, line, (size_t)size), size);
        expect_ok(harness);
}

void harness_await_waiter(Harness *harness, const char *container) {
        char answer[512];

        /* The test's time limit ends it where nobody comes. */
        do {
                assert_true(dprintf(harness->control, "waited %s\n", container) > 0);
                read_answer(harness, answer, sizeof(answer));
        } while (startswith(answer, "error -11 "));
        assert_string_equal(answer, "ok\n");
}

static int on_owner(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const char *name, *before, *now;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 && streq(name, "org.davit1") && *now)
                *(bool *)userdata = true;
        return 0;
}

sd_bus *harness_connect(const Harness *harness) {
        bool there = false;
        sd_bus_slot *slot = NULL;
        sd_bus *bus;
        int r;

        assert_int_equal(sd_bus_new(&bus), 0);
        assert_true(sd_bus_set_address(bus, harness->address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        /* First listen, then look: no gap between the two. */
        r = sd_bus_match_signal(bus, &slot, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                "org.freedesktop.DBus", "NameOwnerChanged", on_owner, &there);
        assert_true(r >= 0);
        if (sd_bus_get_name_creds(bus, "org.davit1", 0, NULL) >= 0)
                there = true;
        while (!there) {
                r = sd_bus_process(bus, NULL);
                assert_true(r >= 0);
                if (r == 0)
                        assert_true(sd_bus_wait(bus, 10ULL * 1000 * 1000) > 0);
        }
        sd_bus_slot_unref(slot);
        /* The bus knows of its name before it does. What happens until then it tells nobody. */
        assert_true(sd_bus_call_method(bus, "org.davit1", "/org/davit1", "org.freedesktop.DBus.Peer", "Ping",
                                       NULL, NULL, NULL) >= 0);
        return bus;
}
