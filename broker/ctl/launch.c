/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl launch and stop.
 *
 * In the foreground davitctl stands for the container: it lends it its standard descriptors, passes signals
 * on, and ends as it ends. The container is davitd's, not a child of ours, so all of that goes over the bus.
 * It also outlives davitd: where davitd goes away in between, davitctl waits for the next one and asks it.
 */

#include "config.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "ctl/daemon.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/value.h"
#include "ctl/wait.h"
#include "util/string.h"

static int append_strings(sd_bus_message *m, const char *option, const char *const *strings) {
        int r;

        if (!strings || !*strings)
                return 0;
        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(m, 's', option);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(m, (char **)strings);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_descriptors(sd_bus_message *m) {
        static const char *const names[] = {"stdin", "stdout", "stderr"};

        for (int fd = 0; fd < 3; fd++) {
                int r = sd_bus_message_append(m, "{sv}", names[fd], "h", fd);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_options(sd_bus_message *m, const Ctl *ctl, const char *rootfs, const char *const *command) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        if (rootfs) {
                r = sd_bus_message_append(m, "{sv}", "rootfs", "s", rootfs);
                if (r < 0)
                        return r;
        }
        r = append_strings(m, "command", command);
        if (r < 0)
                return r;
        r = append_strings(m, "labels", ctl->labels);
        if (r < 0)
                return r;
        if (ctl->foreground) {
                r = append_descriptors(m);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

/* Return: 0; negative errno, said. */
static int make_request(Ctl *ctl, const char *name, const char *const *command, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *rootfs = NULL;
        int r;

        if (ctl->rootfs) {
                /* The daemon's current folder is another. */
                rootfs = realpath(ctl->rootfs, NULL);
                if (!rootfs) {
                        r = -errno;
                        complain("The root folder '%s' cannot be used: %s", ctl->rootfs, strerror(-r));
                        return r;
                }
        }
        r = daemon_open(ctl);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(ctl->bus, &m, DAEMON_NAME, DAEMON_PATH, DAEMON_INTERFACE_MANAGER,
                                           "Launch");
        if (r < 0)
                return complain_error(NULL, r);
        r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = append_options(m, ctl, rootfs, command);
        if (r == -EINVAL) {
                complain("An argument cannot be sent: it is not valid UTF-8");
                return r;
        }
        if (r == -EBADF) {
                complain("One of standard input, output and error is closed");
                return r;
        }
        if (r < 0)
                return complain_error(NULL, r);
        *ret = TAKE_PTR(m);
        return 0;
}

/* The answer to a call whose progress is shown until it comes. */
static int on_answer(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        sd_bus_message **reply = userdata;

        *reply = sd_bus_message_ref(m);
        return 0;
}

/* Return: 0; negative errno, said. */
static int call_with_progress(Ctl *ctl, sd_bus_message *request, const char *name, sd_bus_message **ret) {
        _cleanup_(waiter_deinit) Waiter waiter = WAITER_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Progress progress = {};
        int r;

        r = waiter_init(&waiter, NULL, 0);
        if (r < 0)
                return r;
        progress_begin(&progress, ctl, name);
        r = sd_bus_call_async(ctl->bus, NULL, request, on_answer, &reply, DAEMON_CHANGE_USEC);
        while (r >= 0 && !reply)
                r = waiter_wait(&waiter, ctl->bus);
        progress_end(&progress);
        if (r < 0)
                return complain_error(NULL, r);
        if (sd_bus_message_is_method_error(reply, NULL))
                return complain_error(sd_bus_message_get_error(reply), -sd_bus_message_get_errno(reply));
        *ret = TAKE_PTR(reply);
        return 0;
}

static int launch_in_background(Ctl *ctl, sd_bus_message *request, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *json = NULL;
        const char *path;
        int r;

        r = call_with_progress(ctl, request, name, &reply);
        if (r < 0)
                return EXIT_FAILED;
        if (!ctl->json)
                return EXIT_DONE;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        json = json_pack("{s:s}", "path", path);
        return output_json(json);
}

typedef struct Foreground {
        Ctl *ctl;
        const char *name;
        char *path; /* of the container */
        bool running;
        Progress progress;
        sd_bus_slot *wait; /* owned; the Wait that is under way */
        bool ended;
        int status;
        sigset_t pending; /* came before the container did */
} Foreground;

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *error);

static void ask_for_end(Foreground *foreground) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        /* Of the manager, not of the container, whose object may be gone already: short commands are common.
         */
        r = sd_bus_message_new_method_call(foreground->ctl->bus, &m, DAEMON_NAME, DAEMON_PATH,
                                           DAEMON_INTERFACE_MANAGER, "Wait");
        if (r >= 0)
                r = sd_bus_message_append(m, "sa{sv}", foreground->name, 0);
        if (r >= 0)
                r = sd_bus_call_async(foreground->ctl->bus, &foreground->wait, m, on_ended, foreground,
                                      DAEMON_CHANGE_USEC);
        if (r < 0) {
                complain_error(NULL, r);
                foreground->ended = true;
                foreground->status = EXIT_FAILED;
        }
}

/* Whether the error means that there is no daemon just now. */
static bool is_daemon_gone(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}

static void end(Foreground *foreground, int status) {
        foreground->ended = true;
        foreground->status = status;
}

static int on_ended(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Foreground *foreground = userdata;
        int32_t status;

        if (sd_bus_message_is_method_error(m, NULL)) {
                const sd_bus_error *e = sd_bus_message_get_error(m);

                /* on_owner() asks again. */
                if (is_daemon_gone(e))
                        return 0;
                if (sd_bus_error_has_name(e, "org.davit1.Error.NoSuchContainer"))
                        complain("The container ended; its exit status is not known");
                else
                        complain_error(e, -sd_bus_message_get_errno(m));
                end(foreground, EXIT_FAILED);
                return 0;
        }
        if (sd_bus_message_read(m, "i", &status) < 0 || status < 0) {
                complain("The container ended; its exit status is not known");
                status = EXIT_FAILED;
        }
        end(foreground, status & 0xff);
        return 0;
}

static int on_killed(sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);

        /* Where the container is gone already, its end is on its way to us. */
        if (e && !sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_OBJECT) &&
            !sd_bus_error_has_name(e, "org.davit1.Error.NoSuchContainer"))
                complain("A signal was not passed on: %s", e->message);
        return 0;
}

static void pass_signal(Foreground *foreground, int number) {
        int r;

        if (!foreground->running) {
                sigaddset(&foreground->pending, number);
                return;
        }
        r = sd_bus_call_method_async(foreground->ctl->bus, NULL, DAEMON_NAME, foreground->path,
                                     DAEMON_INTERFACE_CONTAINER, "Kill", on_killed, foreground, "ia{sv}",
                                     number, 0);
        if (r < 0)
                complain("A signal was not passed on: %s", strerror(-r));
}

static int on_launched(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Foreground *foreground = userdata;

        progress_end(&foreground->progress);
        if (sd_bus_message_is_method_error(m, NULL)) {
                complain_error(sd_bus_message_get_error(m), -sd_bus_message_get_errno(m));
                end(foreground, EXIT_FAILED);
                return 0;
        }
        foreground->running = true;
        ask_for_end(foreground);
        for (int number = 1; number < NSIG; number++)
                if (sigismember(&foreground->pending, number) > 0)
                        pass_signal(foreground, number);
        return 0;
}

/*
 * A davitd came; the one before took our Wait along. Whether the error that says so has come already or comes
 * later is up to the bus daemon: that Wait is of no interest any more.
 */
static int on_owner(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Foreground *foreground = userdata;
        const char *name, *before, *now;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) > 0 && *now && foreground->running) {
                foreground->wait = sd_bus_slot_unref(foreground->wait);
                ask_for_end(foreground);
        }
        return 0;
}

static int launch_in_foreground(Ctl *ctl, sd_bus_message *request, const char *name) {
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
        _cleanup_(waiter_deinit) Waiter waiter = WAITER_NULL;
        _cleanup_free_ char *path = NULL;
        Foreground foreground = {.ctl = ctl, .name = name};
        int r;

        if (daemon_container_path(name, &path) < 0 || waiter_init(&waiter, signals, ELEMENTSOF(signals)) < 0)
                return EXIT_FAILED;
        foreground.path = path;
        sigemptyset(&foreground.pending);
        r = sd_bus_add_match(ctl->bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                             "member='NameOwnerChanged',arg0='" DAEMON_NAME "'",
                             on_owner, &foreground);
        if (r >= 0)
                r = sd_bus_call_async(ctl->bus, NULL, request, on_launched, &foreground, DAEMON_CHANGE_USEC);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }

        progress_begin(&foreground.progress, ctl, name);
        while (!foreground.ended) {
                r = waiter_wait(&waiter, ctl->bus);
                if (r < 0) {
                        complain("The message bus is gone: %s", strerror(-r));
                        end(&foreground, EXIT_FAILED);
                }
                if (r > 0)
                        pass_signal(&foreground, r);
        }
        progress_end(&foreground.progress);
        sd_bus_slot_unref(foreground.wait);
        return foreground.status;
}

int command_launch(Ctl *ctl, int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *request = NULL;
        int r;

        for (size_t i = 0; i < ctl->n_labels; i++)
                if (!strchr(ctl->labels[i], '=') || ctl->labels[i][0] == '=') {
                        complain("The label '%s' is not KEY=VALUE", ctl->labels[i]);
                        return EXIT_USAGE;
                }
        r = make_request(ctl, argv[0], argc > 1 ? (const char *const *)argv + 1 : NULL, &request);
        if (r < 0)
                return EXIT_FAILED;
        return ctl->foreground ? launch_in_foreground(ctl, request, argv[0])
                               : launch_in_background(ctl, request, argv[0]);
}

int command_stop(Ctl *ctl, _unused_ int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *json = NULL;
        int32_t status;
        int r;

        r = daemon_call(ctl, DAEMON_CHANGE_USEC, DAEMON_PATH, DAEMON_INTERFACE_MANAGER, "Stop", &reply,
                        "sa{sv}", argv[0], 0);
        if (r < 0)
                return EXIT_FAILED;
        if (!ctl->json)
                return EXIT_DONE;
        r = sd_bus_message_read(reply, "i", &status);
        if (r < 0) {
                complain_error(NULL, r);
                return EXIT_FAILED;
        }
        json = json_pack("{s:s, s:i}", "container", argv[0], "status", (int)status);
        return output_json(json);
}
