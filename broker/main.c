/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitd: reads the command line, builds the manager and its bus face, and runs the loop. Nothing is decided
 * here.
 *
 * Order: the runtime folder is ours before anything is read from it; the manager has converged before the
 * name on the bus is asked for, so that who finds us there finds everything; what is built last is taken down
 * first. Containers and what was given to them stay as they are.
 */

#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus/bus.h"
#include "cdi/catalog.h"
#include "core/loop.h"
#include "core/manager.h"
#include "daemon/service.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define POLICY_DIRS_MAX 64U
#define CDI_DIRS_MAX    16U
#define EVENTS_NAME     "device-events" /* of the socket that the service manager keeps */

typedef struct Options {
        const char *bus_address;
        const char *runtime_dir;
        const char *container_program;
        const char *container_dir;
        const char *state_dir;
        const char *policy_dirs[POLICY_DIRS_MAX + 1];
        size_t n_policy_dirs;
        const char *cdi_dirs[CDI_DIRS_MAX + 1];
        size_t n_cdi_dirs;
        bool foreground;
} Options;

static const char *const default_policy_dirs[] = {
        DAVIT_LIBDIR "/policy.d",
        DAVIT_RUNSTATEDIR "/policy.d",
        DAVIT_SYSCONFDIR "/policy.d",
        NULL,
};

static const char *const default_cdi_dirs[] = {CDI_FOLDERS, NULL};

static void print_help(void) {
        printf("davitd [OPTION]...\n\n"
               "Hotplug device broker for Linux containers.\n\n"
               "  --runtime-dir DIR        state of the running system; default: " DAVIT_RUNSTATEDIR "\n"
               "  --policy-dir DIR         policy files; may be given several times, a later one goes "
               "before\n"
               "                           an earlier one; default: %s,\n"
               "                           %s, %s\n"
               "  --bus ADDRESS            D-Bus address; default: the system bus\n"
               "  --container-program PATH davit-container; default: " DAVIT_LIBEXECDIR "/davit-container\n"
               "  --container-dir DIR      container files; default: " DAVIT_SYSCONFDIR "/containers\n"
               "  --state-dir DIR          what is kept of containers; default: " DAVIT_STATEDIR
               "/containers\n"
               "  --cdi-dir DIR            CDI files; may be given several times, a later one goes before; "
               "default:\n"
               "                           %s, %s\n"
               "  --foreground             stay in the foreground\n"
               "  --debug                  log more\n"
               "  --help                   say this\n"
               "  --version                print the version\n",
               default_policy_dirs[0], default_policy_dirs[1], default_policy_dirs[2], default_cdi_dirs[0],
               default_cdi_dirs[1]);
}

static int wrong(const char *what) {
        fprintf(stderr, "davitd: %s; see davitd --help\n", what);
        return 2;
}

/* Return: -1 go on; else an exit status. */
static int parse(int argc, char **argv, Options *options) {
        static const struct option table[] = {
                {"bus", required_argument, NULL, 'b'},
                {"runtime-dir", required_argument, NULL, 'r'},
                {"policy-dir", required_argument, NULL, 'p'},
                {"container-program", required_argument, NULL, 'c'},
                {"container-dir", required_argument, NULL, 'C'},
                {"state-dir", required_argument, NULL, 's'},
                {"cdi-dir", required_argument, NULL, 'D'},
                {"foreground", no_argument, NULL, 'f'},
                {"debug", no_argument, NULL, 'd'},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'V'},
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case 'b':
                        options->bus_address = optarg;
                        break;
                case 'r':
                        options->runtime_dir = optarg;
                        break;
                case 'p':
                        if (options->n_policy_dirs >= POLICY_DIRS_MAX)
                                return wrong("too many policy folders");
                        options->policy_dirs[options->n_policy_dirs++] = optarg;
                        break;
                case 'D':
                        if (options->n_cdi_dirs >= CDI_DIRS_MAX)
                                return wrong("too many folders of CDI files");
                        options->cdi_dirs[options->n_cdi_dirs++] = optarg;
                        break;
                case 'c':
                        options->container_program = optarg;
                        break;
                case 'C':
                        options->container_dir = optarg;
                        break;
                case 's':
                        options->state_dir = optarg;
                        break;
                case 'f':
                        options->foreground = true;
                        break;
                case 'd':
                        log_set_max_level(LOG_DEBUG);
                        break;
                case 'h':
                        print_help();
                        return 0;
                case 'V':
                        printf("davitd %s\n", PACKAGE_VERSION);
                        return 0;
                default:
                        return 2;
                }

        if (optind < argc)
                return wrong("it takes no arguments");
        if (options->runtime_dir[0] != '/' || options->container_program[0] != '/')
                return wrong("the runtime folder and the container program must be absolute");
        if (options->container_dir[0] != '/' || options->state_dir[0] != '/')
                return wrong("the folders of container files and of what is kept must be absolute");
        /* In the background our folder is another. */
        for (size_t i = 0; i < options->n_policy_dirs; i++)
                if (options->policy_dirs[i][0] != '/')
                        return wrong("policy folders must be absolute");
        for (size_t i = 0; i < options->n_cdi_dirs; i++)
                if (options->cdi_dirs[i][0] != '/')
                        return wrong("folders of CDI files must be absolute");
        return -1;
}

typedef struct Daemon {
        Loop *loop;
        Manager *manager;
        Bus *bus;
        LoopSource *terminate, *interrupt, *hangup, *watchdog;
        uint64_t watchdog_usec;
        int lock_fd, kept_events;
} Daemon;

static void daemon_deinit(Daemon *daemon) {
        loop_source_free(daemon->terminate);
        loop_source_free(daemon->interrupt);
        loop_source_free(daemon->hangup);
        loop_source_free(daemon->watchdog);
        bus_free(daemon->bus);
        manager_free(daemon->manager);
        loop_free(daemon->loop);
        safe_close(daemon->lock_fd);
        safe_close(daemon->kept_events);
}

static void on_end(void *userdata, int number) {
        Daemon *daemon = userdata;

        log_info("Ending on signal %d", number);
        service_notify("STOPPING=1");
        loop_stop(daemon->loop, 0);
}

static void on_reloaded(_unused_ void *userdata, CallCode code, const char *message, _unused_ int value) {
        if (code == CALL_OK)
                log_info("The policy was read anew");
        else
                log_error("The policy was not read anew, the old one goes on: %s", message);
        service_notify("READY=1");
}

static void on_hangup(void *userdata, _unused_ int number) {
        Daemon *daemon = userdata;
        char state[64];

        /* For Type=notify-reload, systemd.service(5). */
        snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)loop_now());
        service_notify(state);
        manager_reload(daemon->manager, on_reloaded, daemon);
}

static void keep_events(int socket) {
        service_store(EVENTS_NAME, socket);
}

/* From the loop, so that it stops when the loop hangs. */
static void on_watchdog(void *userdata) {
        Daemon *daemon = userdata;

        service_notify("WATCHDOG=1");
        loop_source_set_timer(daemon->watchdog, daemon->watchdog_usec);
}

static int add_watchdog(Daemon *daemon) {
        int r;

        daemon->watchdog_usec = service_watchdog_usec();
        if (daemon->watchdog_usec == 0)
                return 0;
        r = loop_add_timer(daemon->loop, on_watchdog, daemon, &daemon->watchdog);
        return r < 0 ? r : loop_source_set_timer(daemon->watchdog, daemon->watchdog_usec);
}

static int add_signals(Daemon *daemon) {
        int r;

        r = loop_add_signal(daemon->loop, SIGTERM, on_end, daemon, &daemon->terminate);
        if (r < 0)
                return r;
        r = loop_add_signal(daemon->loop, SIGINT, on_end, daemon, &daemon->interrupt);
        if (r < 0)
                return r;
        return loop_add_signal(daemon->loop, SIGHUP, on_hangup, daemon, &daemon->hangup);
}

/* The unit's file knows one runtime folder and one program, those of the installation. */
static bool use_units(const Options *options) {
        return service_has_units() && !options->bus_address &&
               streq(options->runtime_dir, DAVIT_RUNSTATEDIR) &&
               streq(options->container_program, DAVIT_LIBEXECDIR "/davit-container");
}

static int build(Daemon *daemon, const Options *options) {
        const ManagerConfig config = {
                .runtime_dir = options->runtime_dir,
                .policy_dirs = options->n_policy_dirs > 0 ? options->policy_dirs : default_policy_dirs,
                .container_program = options->container_program,
                .container_dir = options->container_dir,
                .state_dir = options->state_dir,
                .cdi_dirs = options->n_cdi_dirs > 0 ? options->cdi_dirs : default_cdi_dirs,
                .kept_events = daemon->kept_events,
                .keep_events = keep_events,
        };
        int r;

        r = service_prepare_process();
        if (r < 0)
                return r;
        r = service_claim_runtime_dir(options->runtime_dir, &daemon->lock_fd);
        if (r < 0)
                return r;
        r = loop_new(&daemon->loop);
        if (r < 0)
                return log_error_errno(r, "Failed to make the event loop: %m");
        r = add_signals(daemon);
        if (r < 0)
                return log_error_errno(r, "Failed to handle signals: %m");
        r = add_watchdog(daemon);
        if (r < 0)
                return log_error_errno(r, "Failed to feed the watchdog: %m");
        r = manager_new(daemon->loop, &config, &daemon->manager);
        if (r < 0)
                return log_error_errno(r, "Failed to read the policy: %m");
        r = manager_start(daemon->manager);
        if (r < 0)
                return log_error_errno(r, "Failed to start: %m");
        r = bus_new(daemon->loop, daemon->manager, options->bus_address, use_units(options), &daemon->bus);
        if (r < 0)
                return log_error_errno(r, "Failed to use the bus address %s: %m",
                                       options->bus_address ?: "of the system");
        return 0;
}

static int run(const Options *options, bool detached, int *ready_fd) {
        _cleanup_(daemon_deinit) Daemon daemon = {
                .lock_fd = -EBADF,
                .kept_events = service_take_stored(EVENTS_NAME),
        };
        int r;

        r = build(&daemon, options);
        if (r < 0)
                return 1;
        service_log_open(detached);
        service_ready(ready_fd);
        manager_autostart(daemon.manager, use_units(options));
        log_info("davitd %s is ready with %zu rules", PACKAGE_VERSION,
                 rule_set_size(manager_rules(daemon.manager)));
        r = loop_run(daemon.loop);
        if (r < 0)
                log_error_errno(r, "The event loop failed: %m");
        return r == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
        Options options = {
                .runtime_dir = DAVIT_RUNSTATEDIR,
                .container_program = DAVIT_LIBEXECDIR "/davit-container",
                .container_dir = DAVIT_SYSCONFDIR "/containers",
                .state_dir = DAVIT_STATEDIR "/containers",
        };
        _cleanup_close_ int ready_fd = -EBADF;
        bool detached;
        int r;

        r = parse(argc, argv, &options);
        if (r >= 0)
                return r;
        if (geteuid() != 0) {
                fprintf(stderr, "davitd: it must be run as root\n");
                return 1;
        }
        detached = !options.foreground && !service_is_managed();
        if (detached) {
                if (service_detach(&ready_fd) < 0)
                        return 1;
        } else
                /* Under a service manager all lines go where their fields are kept. */
                service_log_open(false);
        return run(&options, detached, &ready_fd);
}
