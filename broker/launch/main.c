/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davit-container: the keeper of one container, and the way into one.
 *
 * `run` goes to the background once the container runs, like any daemon, so that whoever started it may go;
 * its exit status then says whether the container came to run. `run --foreground` stays and exits as the
 * container does.
 */

#include "config.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/launch-file.h"
#include "launch/launch.h"
#include "launch/terminal.h"
#include "launch/unit.h"
#include "model/edits.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define EXIT_USAGE      2
#define EXIT_FAILED     125 /* of `exec`, as env(1) and its like have it: the command was never tried */
#define KEEPER_READY_FD 3   /* the first behind the standard ones */
#define LABELS_MAX      64
#define READY_LINE_MAX  1024

typedef struct Arguments {
        const char *runtime_dir;
        const char *container_dir;
        const char *state_dir;
        const char *name;
        const char *rootfs;
        char *labels[LABELS_MAX + 1];
        size_t n_labels;
        Edits started;
        int ready_fd;
        bool foreground;
        bool unit, ordered; /* by davitd */
        char *const *command;
} Arguments;

static int usage(FILE *to) {
        fputs("Usage: davit-container run --runtime-dir DIR --name NAME [OPTION]... [-- COMMAND...]\n"
              "       davit-container exec --runtime-dir DIR NAME -- COMMAND...\n"
              "\n"
              "Launch an unprivileged container that devices can be plugged into while it runs, or run a\n"
              "command in one.\n"
              "\n"
              "  -d, --runtime-dir=DIR  where davitd looks for containers, usually /run/davit\n"
              "  -n, --name=NAME        the container's name\n"
              "      --container-dir=DIR  where container files are: NAME.yaml is taken where there is one;\n"
              "                         default: " DAVIT_SYSCONFDIR "/containers\n"
              "      --state-dir=DIR    where is kept what containers write to their roots; default:\n"
              "                         " DAVIT_STATEDIR "/containers\n"
              "  -r, --rootfs=DIR       its root; without this that of the container file, or a small one "
              "of\n"
              "                         busybox\n"
              "  -l, --label=KEY=VALUE  what the policy may go by; may be given several times\n"
              "      --cdi-env=NAME=VALUE, --cdi-gid=N\n"
              "                         a variable, a group of all that is started with it: davitd says so "
              "of\n"
              "                         the CDI devices that it is going to have; may be given several "
              "times\n"
              "      --ready-fd=N       write \"ok\" to this descriptor when the container runs,\n"
              "                         else \"error ERRNO TEXT\"\n"
              "  -f, --foreground       stay until it ends, and exit with its status\n"
              "      --unit             in the foreground as a unit of the service manager, with what "
              "davitd\n"
              "                         orders beyond these options\n"
              "  -h, --help             show this\n"
              "      --version          show the version\n"
              "\n"
              "Without COMMAND the container file's init is run, or the root's /sbin/init.\n"
              "\n"
              "Exit status: 0; 1 could not; 2 the arguments are wrong; with --foreground and exec that of "
              "the\n"
              "container or the command, 128+N when signal N ended it; of exec also 125 no such container,\n"
              "126 the command cannot be run, 127 it is not found.\n",
              to);
        return to == stdout ? 0 : EXIT_USAGE;
}

static int wrong(const char *format, ...) _printf_(1, 2);
static int wrong(const char *format, ...) {
        va_list ap;

        fputs("davit-container: ", stderr);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputs("\nTry davit-container --help.\n", stderr);
        return EXIT_USAGE;
}

static int set_ready_fd(Arguments *arguments, const char *text) {
        uint64_t n;

        if (string_to_u64(text, 10, INT_MAX, &n) < 0 || n < 3 || fcntl((int)n, F_GETFD) < 0)
                return wrong("--ready-fd: %s is not an open descriptor above 2", text);
        arguments->ready_fd = (int)n;
        return 0;
}

static int add_gid(Arguments *arguments, const char *text) {
        uint64_t gid;

        if (string_to_u64(text, 10, UINT32_MAX - 1, &gid) < 0)
                return wrong("--cdi-gid: %s is no group's number", text);
        return edits_add_gid(&arguments->started, (uint32_t)gid) < 0 ? wrong("out of memory") : 0;
}

static int add_env(Arguments *arguments, const char *text) {
        if (text[0] == '=' || !strchr(text, '=') || strchr(text, '\n'))
                return wrong("--cdi-env: %s is not NAME=VALUE on one line", text);
        return edits_add_env(&arguments->started, text) < 0 ? wrong("out of memory") : 0;
}

static int add_label(Arguments *arguments, char *text) {
        if (text[0] == '=' || !strchr(text, '='))
                return wrong("--label: %s is not KEY=VALUE", text);
        if (arguments->n_labels == LABELS_MAX)
                return wrong("--label: more than %d", LABELS_MAX);
        arguments->labels[arguments->n_labels++] = text;
        return 0;
}

/* Return: 0; an exit status above it; -1 all was said, exit with 0. */
static int parse(int argc, char **argv, Arguments *arguments) {
        enum {
                OPTION_CDI_ENV = 256,
                OPTION_CDI_GID,
                OPTION_CONTAINER_DIR,
                OPTION_READY_FD,
                OPTION_STATE_DIR,
                OPTION_UNIT,
                OPTION_VERSION
        };
        static const struct option options[] = {
                {"runtime-dir", required_argument, NULL, 'd'},
                {"name", required_argument, NULL, 'n'},
                {"rootfs", required_argument, NULL, 'r'},
                {"label", required_argument, NULL, 'l'},
                {"cdi-env", required_argument, NULL, OPTION_CDI_ENV},
                {"cdi-gid", required_argument, NULL, OPTION_CDI_GID},
                {"container-dir", required_argument, NULL, OPTION_CONTAINER_DIR},
                {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
                {"ready-fd", required_argument, NULL, OPTION_READY_FD},
                {"foreground", no_argument, NULL, 'f'},
                {"unit", no_argument, NULL, OPTION_UNIT},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, OPTION_VERSION},
                {},
        };
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "+d:n:r:l:fh", options, NULL)) >= 0)
                switch (c) {
                case 'd':
                        arguments->runtime_dir = optarg;
                        break;
                case 'n':
                        arguments->name = optarg;
                        break;
                case 'r':
                        arguments->rootfs = optarg;
                        break;
                case 'l':
                        r = add_label(arguments, optarg);
                        break;
                case 'f':
                        arguments->foreground = true;
                        break;
                case OPTION_UNIT:
                        arguments->foreground = arguments->unit = true;
                        break;
                case OPTION_CDI_ENV:
                        r = add_env(arguments, optarg);
                        break;
                case OPTION_CDI_GID:
                        r = add_gid(arguments, optarg);
                        break;
                case OPTION_CONTAINER_DIR:
                        arguments->container_dir = optarg;
                        break;
                case OPTION_STATE_DIR:
                        arguments->state_dir = optarg;
                        break;
                case OPTION_READY_FD:
                        r = set_ready_fd(arguments, optarg);
                        break;
                case 'h':
                        usage(stdout);
                        return -1;
                case OPTION_VERSION:
                        puts("davit-container " PACKAGE_VERSION);
                        return -1;
                default:
                        return usage(stderr);
                }
        return r;
}

/* What is wrong with the arguments that both verbs share. */
static int check(const Arguments *arguments) {
        if (!arguments->runtime_dir)
                return wrong("--runtime-dir is missing");
        if (arguments->runtime_dir[0] != '/')
                return wrong("--runtime-dir: %s is not an absolute path", arguments->runtime_dir);
        if (arguments->container_dir[0] != '/' || arguments->state_dir[0] != '/')
                return wrong("--container-dir and --state-dir take absolute paths");
        if (!arguments->name)
                return wrong("the container's name is missing");
        if (!string_is_name(arguments->name))
                return wrong("the name must be 1 to 63 letters, digits, dots, dashes or underscores, the "
                             "first a letter "
                             "or digit");
        return 0;
}

/* Descriptors that somebody let us inherit by mistake must not get into the container. */
static void close_on_exec_all(void) {
        if (syscall(SYS_close_range, 3U, ~0U, /* CLOSE_RANGE_CLOEXEC */ 1U << 2) < 0)
                for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
                        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The one who was called: passes the keeper's lines on until the last, and goes. */
static int wait_ready(const Arguments *arguments, int fd) {
        _cleanup_fclose_ FILE *lines = fdopen(fd, "re");
        char line[READY_LINE_MAX] = "";

        do
                if (!lines || !fgets(line, sizeof(line), lines))
                        snprintf(line, sizeof(line), "error %d the keeper ended\n", ECHILD);
                else if (arguments->ready_fd >= 0 && startswith(line, "progress "))
                        (void)!write(arguments->ready_fd, line, strlen(line));
        while (startswith(line, "progress "));
        if (arguments->ready_fd >= 0 && write(arguments->ready_fd, line, strlen(line)) < 0)
                return 1;
        return streq(line, "ok\n") ? 0 : 1;
}

static int run_in_background(const Arguments *arguments, const LaunchRequest *request) {
        int fds[2];
        pid_t pid, relay;
        int r;

        if (pipe2(fds, O_CLOEXEC) < 0) {
                log_error_errno(errno, "Failed to make a pipe: %m");
                return 1;
        }
        pid = fork();
        if (pid < 0) {
                log_error_errno(errno, "Failed to fork: %m");
                return 1;
        }
        if (pid > 0) {
                safe_close(fds[1]);
                return wait_ready(arguments, fds[0]);
        }
        /* What was inherited stays with the caller, who may wait for the end of a pipe. */
        if (dup3(fds[1], KEEPER_READY_FD, O_CLOEXEC) < 0 && fds[1] != KEEPER_READY_FD)
                return 1;
        syscall(SYS_close_range, KEEPER_READY_FD + 1U, ~0U, 0);
        setsid();
        if (chdir("/") < 0 || terminal_keep_out(&relay) < 0)
                return 1;
        r = keeper_run(request, KEEPER_READY_FD);
        terminal_drain(relay);
        return r < 0 ? 1 : 0;
}

static int put_in_place(const KeeperOrder *order) {
        for (int i = 0; i < 3; i++)
                if (order->stdio[i] >= 0 && dup2(order->stdio[i], i) < 0)
                        return -errno;
        return 0;
}

/* What davitd ordered replaces what the unit's file says. Return: as parse(). */
static int take_order(Arguments *arguments, KeeperOrder *order) {
        const char *name = arguments->name;
        int n = 0, r;

        r = keeper_order_fetch(arguments->runtime_dir, name, order);
        if (r == 0)
                return 0;
        if (r >= 0)
                r = put_in_place(order);
        if (r < 0) {
                log_error_errno(r, "Failed to learn from davitd what to launch: %m");
                return 1;
        }
        while (order->arguments[n])
                n++;
        optind = 0;
        r = parse(n, order->arguments, arguments);
        if (r != 0)
                return r;
        if (!arguments->name || !streq(arguments->name, name))
                return wrong("the order is for another container");
        arguments->ordered = true;
        arguments->ready_fd = order->ready_fd;
        arguments->command = optind < n ? order->arguments + optind : NULL;
        return 0;
}

/* Every error of the container file, and the first of them to whoever waits. */
static void refuse(const Arguments *arguments, const ParseErrors *errors) {
        char line[READY_LINE_MAX / 2]; /* cut where a character ends */

        for (size_t i = 0; i < errors->n_items; i++) {
                _cleanup_free_ char *text = NULL, *safe = NULL;

                if (parse_error_format(&errors->items[i], &text) < 0 || string_escape_new(text, &safe) < 0)
                        return;
                fprintf(stderr, "%s\n", safe);
                if (i == 0 && arguments->ready_fd >= 0)
                        dprintf(arguments->ready_fd, "error %d %s\n", EINVAL,
                                string_escape(line, sizeof(line), text));
        }
        if (errors->n_dropped > 0)
                fprintf(stderr, "(%zu more are not shown)\n", errors->n_dropped);
}

/* Completes @request by the container file. Return: 0; 1 all was said. */
static int read_file(const Arguments *arguments, LaunchRequest *request, LaunchFile *file) {
        ParseErrors errors = {};
        int r;

        r = launch_file_apply(arguments->container_dir, request, file, &errors);
        if (r > 0)
                refuse(arguments, &errors);
        else if (r < 0)
                log_error_errno(r, "Failed to read the container file of %s: %m", arguments->name);
        parse_errors_deinit(&errors);
        if (r == 0 && arguments->unit && !arguments->ordered && !request->file) {
                log_error("There is no %s/%s.yaml, and davitd has not ordered a container %s",
                          arguments->container_dir, arguments->name, arguments->name);
                r = 1;
        }
        return r == 0 ? 0 : 1;
}

static int run(const Arguments *arguments) {
        _cleanup_(launch_file_deinit) LaunchFile file = {};
        LaunchRequest request = {
                .runtime_dir = arguments->runtime_dir,
                .name = arguments->name,
                .rootfs = arguments->rootfs,
                .command = arguments->command,
                .labels = arguments->labels,
                .started = &arguments->started,
                .unit = arguments->unit,
                .state_dir = arguments->state_dir,
                .terminal = arguments->foreground && terminal_is_ours(),
        };
        pid_t relay = 0;
        int r = 0;

        close_on_exec_all();
        umask(0022);
        r = read_file(arguments, &request, &file);
        if (r != 0)
                return r;
        if (!arguments->foreground)
                return run_in_background(arguments, &request);
        if (!request.terminal)
                r = terminal_keep_out(&relay);
        if (r < 0)
                return log_error_errno(r, "Failed to keep the terminal out of the container: %m"), 1;
        r = keeper_run(&request, arguments->ready_fd);
        terminal_drain(relay);
        return r < 0 ? 1 : r;
}

static int exec(const Arguments *arguments) {
        int r;

        close_on_exec_all();
        r = container_exec(arguments->runtime_dir, arguments->name, arguments->command);
        if (r == -ESRCH)
                fprintf(stderr, "davit-container: no container %s is running\n", arguments->name);
        else if (r < 0)
                fprintf(stderr, "davit-container: the command could not be run in %s: %s\n", arguments->name,
                        strerror(-r));
        return r < 0 ? EXIT_FAILED : r;
}

int main(int argc, char **argv) {
        _cleanup_(keeper_order_deinit) KeeperOrder order = KEEPER_ORDER_NULL;
        Arguments arguments = {
                .container_dir = DAVIT_SYSCONFDIR "/containers",
                .state_dir = DAVIT_STATEDIR "/containers",
                .ready_fd = -EBADF,
        };
        bool is_exec;
        int r;

        if (argc > 1 && argv[1][0] == '-') {
                r = parse(argc, argv, &arguments);
                return r < 0 ? 0 : r > 0 ? r : wrong("the verb comes first: run or exec");
        }
        if (argc < 2 || (!streq(argv[1], "run") && !streq(argv[1], "exec")))
                return wrong("the verb must be run or exec");
        is_exec = streq(argv[1], "exec");

        r = parse(argc - 1, argv + 1, &arguments);
        if (r != 0)
                return r < 0 ? 0 : r;
        argc -= optind + 1;
        argv += optind + 1;
        /* getopt_long() takes a "--" that comes first; behind the name of `exec` it is still there. */
        if (is_exec) {
                if (!arguments.name && argc > 0) {
                        arguments.name = *argv++;
                        argc--;
                }
                if (argc > 0 && streq(*argv, "--")) {
                        argv++;
                        argc--;
                }
        }
        arguments.command = argc > 0 ? argv : NULL;
        r = check(&arguments);
        if (r == 0 && arguments.unit)
                r = take_order(&arguments, &order);
        if (r != 0)
                return r;
        if (is_exec && !arguments.command)
                return wrong("the command is missing");
        return is_exec ? exec(&arguments) : run(&arguments);
}
