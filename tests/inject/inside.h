/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A stand-in for a container: a child in namespaces of its own, as the root of a mapped user namespace, that
 * does what it is told and reports the errno. And the ground that the tests of this room stand on: a runtime
 * folder, and counts of what must not leak.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSIDE_ROOT  100000U
#define INSIDE_COUNT 65536U

/* Does something inside. Return: 0 or an errno, positive. */
typedef int (*InsideCall)(const char *argument);

typedef struct Inside {
        pid_t pid;
        int fd;
} Inside;

typedef struct InsideRequest {
        InsideCall call;
        char argument[PATH_MAX];
} InsideRequest;

static inline void inside_serve(int fd, int flags) {
        InsideRequest request;
        int answer = 0;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (flags != 0 && unshare(flags) < 0)
                answer = errno;
        if (send(fd, &answer, sizeof(answer), 0) < 0 || answer != 0 ||
            recv(fd, &answer, sizeof(answer), 0) <= 0)
                _exit(1);
        if (flags & CLONE_NEWUSER &&
            (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
                _exit(1);
        if (flags & CLONE_NEWNS && mount(NULL, "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
                _exit(1);
        while (recv(fd, &request, sizeof(request), 0) == sizeof(request)) {
                answer = request.call(request.argument);
                if (send(fd, &answer, sizeof(answer), 0) < 0)
                        break;
        }
        _exit(0);
}

static inline int inside_write_map(pid_t pid, const char *map) {
        char path[64], text[64];
        int fd, n, r;

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, map);
        n = snprintf(text, sizeof(text), "0 %u %u\n", INSIDE_ROOT, INSIDE_COUNT);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = write(fd, text, (size_t)n) == n ? 0 : -errno;
        close(fd);
        return r;
}

static inline void inside_stop(Inside *inside) {
        if (inside->pid > 0) {
                /* Tells the child also where a copy of the descriptor is about. */
                shutdown(inside->fd, SHUT_RDWR);
                close(inside->fd);
                waitpid(inside->pid, NULL, 0);
        }
        *inside = (Inside){.fd = -EBADF};
}

/* @flags: of unshare(). Return: 0; -errno this machine has no such namespaces. */
static inline int inside_start(Inside *inside, int flags) {
        int pair[2], answer = 0, r = 0;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        inside->pid = fork();
        if (inside->pid < 0)
                return -errno;
        if (inside->pid == 0) {
                close(pair[0]);
                inside_serve(pair[1], flags);
        }
        close(pair[1]);
        inside->fd = pair[0];

        if (recv(inside->fd, &answer, sizeof(answer), 0) != sizeof(answer) || answer != 0)
                r = answer > 0 ? -answer : -ECHILD;
        if (r == 0 && flags & CLONE_NEWUSER) {
                r = inside_write_map(inside->pid, "uid_map");
                r = r < 0 ? r : inside_write_map(inside->pid, "gid_map");
        }
        if (r == 0 && send(inside->fd, &answer, sizeof(answer), 0) < 0)
                r = -errno;
        if (r < 0)
                inside_stop(inside);
        return r;
}

/* Return: the answer of @call; -1 the child is gone. */
static inline int inside_call(Inside *inside, InsideCall call, const char *argument) {
        InsideRequest request = {.call = call};
        int answer;

        snprintf(request.argument, sizeof(request.argument), "%s", argument);
        if (send(inside->fd, &request, sizeof(request), MSG_NOSIGNAL) < 0 ||
            recv(inside->fd, &answer, sizeof(answer), 0) != sizeof(answer))
                return -1;
        return answer;
}

static inline unsigned int count_entries(const char *path) {
        unsigned int n = 0;
        DIR *dir = opendir(path);

        while (dir && readdir(dir))
                n++;
        if (dir)
                closedir(dir);
        return n;
}

/* The mounts at or below a path. Others on the machine come and go meanwhile. */
static inline unsigned int count_mounts(const char *path) {
        FILE *f = fopen("/proc/self/mountinfo", "re");
        unsigned int n = 0;
        size_t allocated = 0;
        char *line = NULL;

        while (f && getline(&line, &allocated, f) > 0)
                n += strstr(line, path) != NULL;
        free(line);
        if (f)
                fclose(f);
        return n;
}

/* Skips the running test, saying why. */
#define skip_because(...)                     \
        do {                                  \
                printf("SKIP: " __VA_ARGS__); \
                putchar('\n');                \
                skip();                       \
        } while (0)
