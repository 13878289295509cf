/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Running a command in a container that runs. liblxc finds the container by its command socket and has all it
 * needs from there: ids, namespaces, cgroup, seccomp. The socket's name is anybody's on the host once the
 * container has ended, and its answers say whose files we would run. So the keeper's word is taken first:
 * while it lives, the name is that of the monitor whose init is in its record.
 *
 * The terminal of the caller never gets into the container: what has it open, or has it as its controlling
 * one
 * (/dev/tty), could put input into it (TIOCSTI), which the caller's shell then runs. Where one of our
 * standard descriptors is a terminal, liblxc makes another inside, which replaces all that are, and copies
 * between the two. In any case the command is in a session of its own; so a signal for us is passed on to it.
 */

#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/alias.h"
#include "launch/container-config.h"
#include "launch/launch.h"
#include "launch/leftovers.h"
#include "model/record.h"
#include "util/fd.h"
#include "util/string.h"

#define RECORD_SIZE_MAX (1024U * 1024U)
#define PATH_INSIDE     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static volatile pid_t command_pid;

static void pass_on(int signal) {
        kill(command_pid, signal);
}

static void pass_on_signals(pid_t pid) {
        const struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
        const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

        command_pid = pid;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaction(signals[i], &action, NULL);
}

static bool any_terminal(void) {
        return isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
}

/* Inside, as the last of liblxc's steps. */
static int run_command(void *userdata) {
        char *const *command = userdata;

        /* liblxc does so itself only where it makes a terminal. */
        (void)setsid();
        execvp(command[0], command);
        return errno == ENOENT ? 127 : 126;
}

/* What the container's CDI devices want of processes, as its init has it. */
static int set_started(lxc_attach_options_t *options, const Edits *started, char ***ret_env) {
        size_t n = 0;
        char **env = calloc(started->n_env + 3, sizeof(char *));

        if (!env)
                return -ENOMEM;
        env[n++] = (char *)PATH_INSIDE;
        env[n++] = (char *)"HOME=/root";
        for (size_t i = 0; i < started->n_env; i++)
                env[n++] = started->env[i];
        options->extra_env_vars = env;
        if (started->n_gids > 0) {
                options->attach_flags |= LXC_ATTACH_SETGROUPS;
                options->groups.size = started->n_gids;
                options->groups.list = started->gids;
        }
        *ret_env = env;
        return 0;
}

static int attach(struct lxc_container *c, const Edits *started, char *const *command) {
        lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
        char *keep[] = {(char *)"TERM", NULL};
        _cleanup_free_ char **env = NULL;
        int status, r;
        pid_t pid;

        options.env_policy = LXC_ATTACH_CLEAR_ENV;
        options.extra_keep_env = keep;
        r = set_started(&options, started, &env);
        if (r < 0)
                return r;
        options.initial_cwd = (char *)"/";
        if (any_terminal())
                options.attach_flags |= LXC_ATTACH_TERMINAL;

        if (c->attach(c, run_command, (void *)command, &options, &pid) != 0)
                return -EIO;
        pass_on_signals(pid);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -EIO;
}

/* The container as its keeper has it written down. Return: 0; -ESRCH there is no container; errno. */
static int read_record(const char *runtime_dir, const char *name, ContainerRecord *ret) {
        _cleanup_free_ char *folder = NULL, *path = NULL, *text = NULL;
        int r;

        r = container_folder_path(runtime_dir, name, &folder);
        if (r < 0)
                return r;
        r = container_folder_is_locked(folder);
        if (r <= 0)
                return r < 0 ? r : -ESRCH;
        if (asprintf(&path, "%s/state", folder) < 0)
                return -ENOMEM;
        r = fd_read_file(AT_FDCWD, path, RECORD_SIZE_MAX, &text, NULL);
        if (r >= 0)
                r = container_record_parse(text, ret);
        return r == -ENOENT ? -ESRCH : r;
}

int container_exec(const char *runtime_dir, const char *name, char *const *command) {
        _cleanup_free_ char *lxcpath = NULL, *folder = NULL, *alias = NULL;
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        struct lxc_container *c;
        int r;

        if (!string_is_name(name) || !command || !command[0])
                return -EINVAL;
        r = read_record(runtime_dir, name, &record);
        if (r < 0)
                return r;
        r = container_config_lxcpath(runtime_dir, &lxcpath);
        if (r >= 0)
                r = container_folder_path(runtime_dir, name, &folder);
        if (r >= 0)
                r = alias_find(folder, name, &alias);
        if (r < 0)
                return r;
        c = lxc_container_new(alias, lxcpath);
        if (!c)
                return -ENOMEM;
        r = c->init_pid(c) == record.init_pid ? attach(c, &record.started, command) : -ESRCH;
        lxc_container_put(c);
        return r;
}
