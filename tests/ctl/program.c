/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Running davitctl.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/program.h"

char program_out[65536], program_err[8192];
static char program[4096];

int program_find(void) {
        const char *given = getenv("DAVITCTL"), *builddir = getenv("top_builddir");

        snprintf(program, sizeof(program), "%s%s", given ?: builddir ?: ".", given ? "" : "/davitctl");
        if (access(program, X_OK) < 0) {
                print_message("SKIP: there is no %s\n", program);
                return 1;
        }
        return 0;
}

Process program_start(const char *address, const char *line) {
        Process process = {};
        char copy[2048], *words[64] = {program, (char *)"--bus", (char *)address};
        size_t n = 3;
        int in[2], outs[2], errs[2];

        snprintf(copy, sizeof(copy), "%s", line);
        for (char *p = copy; *p;) {
                char end = *p == '\'' ? '\'' : ' ';

                p += end == '\'';
                words[n++] = p;
                p = strchrnul(p, end);
                if (*p)
                        *p++ = '\0';
                while (*p == ' ')
                        p++;
        }
        words[n] = NULL;

        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        assert_int_equal(pipe2(outs, O_CLOEXEC), 0);
        assert_int_equal(pipe2(errs, O_CLOEXEC), 0);
        fflush(NULL);
        process.pid = fork();
        assert_true(process.pid >= 0);
        if (process.pid == 0) {
                dup2(in[0], 0);
                dup2(outs[1], 1);
                dup2(errs[1], 2);
                execv(program, words);
                _exit(127);
        }
        close(in[0]);
        close(outs[1]);
        close(errs[1]);
        process.in = in[1];
        process.out = outs[0];
        process.err = errs[0];
        return process;
}

static void read_all(int fd, char *buffer, size_t size) {
        size_t at = 0;
        ssize_t n;

        while ((n = read(fd, buffer + at, size - 1 - at)) > 0)
                at += (size_t)n;
        buffer[at] = '\0';
        close(fd);
}

int program_finish(Process *process) {
        int status;

        close(process->in);
        read_all(process->out, program_out, sizeof(program_out));
        read_all(process->err, program_err, sizeof(program_err));
        assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

void program_read_line(int fd, char *buffer, size_t size) {
        size_t n = 0;

        while (n + 1 < size && read(fd, buffer + n, 1) == 1 && buffer[n++] != '\n')
                ;
        buffer[n] = '\0';
}
