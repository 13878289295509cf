/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Running a command in a container that runs. liblxc finds the container by its command socket and has all it
 * needs from there: ids, namespaces, cgroup, seccomp; nothing is read from a file of ours.
 *
 * The terminal of the caller never gets into the container: what has it open could put input into it
 * (TIOCSTI). Where our standard input is one, liblxc makes another inside and copies between the two.
 */

#include "config.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/container-config.h"
#include "launch/launch.h"
#include "util/string.h"

#define PATH_INSIDE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int attach(struct lxc_container *c, char *const *command) {
        lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
        char *keep[] = {(char *)"TERM", NULL}, *extra[] = {(char *)PATH_INSIDE, (char *)"HOME=/root", NULL};
        lxc_attach_command_t run = {.program = command[0], .argv = (char **)command};
        int status;
        pid_t pid;

        options.env_policy = LXC_ATTACH_CLEAR_ENV;
        options.extra_keep_env = keep;
        options.extra_env_vars = extra;
        options.initial_cwd = (char *)"/";
        if (isatty(STDIN_FILENO))
                options.attach_flags |= LXC_ATTACH_TERMINAL;

        if (c->attach(c, lxc_attach_run_command, &run, &options, &pid) != 0)
                return -EIO;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -EIO;
}

int container_exec(const char *runtime_dir, const char *name, char *const *command) {
        _cleanup_free_ char *lxcpath = NULL;
        struct lxc_container *c;
        int r;

        if (!string_is_name(name) || !command || !command[0])
                return -EINVAL;
        r = container_config_lxcpath(runtime_dir, &lxcpath);
        if (r < 0)
                return r;
        /* The call below would make a lock file for whatever name it is given. */
        if (access(lxcpath, F_OK) < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        c = lxc_container_new(name, lxcpath);
        if (!c)
                return -ENOMEM;
        r = c->init_pid(c) > 0 ? attach(c, command) : -ESRCH;
        lxc_container_put(c);
        return r;
}
