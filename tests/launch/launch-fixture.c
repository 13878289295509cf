/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch-fixture.h"
#include "util/fd.h"
#include "util/string.h"

#define PATIENCE_MS 60000

static char scratch[64];
static const char *impossible;

const char *launch_dir(void) {
        return scratch;
}

/* Whatever hangs, the test ends. */
static void too_long(_unused_ int number) {
        static const char text[] = "a container test took too long\n";

        if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
                _exit(98);
        _exit(99);
}

static const char *why_not(void) {
        _cleanup_free_ char *subuid = NULL, *message = NULL;
        IdSlice slice;
        int pidfd;

        if (geteuid() != 0)
                return "not root";
        /* valgrind up to 3.19 knows neither this nor openat2(). */
        pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
        if (pidfd < 0)
                return "no pidfd_open()";
        close(pidfd);
        if (access("/bin/busybox", X_OK) < 0)
                return "no /bin/busybox";
        if (id_slice_take("/etc/subuid", "/etc/subgid", "/run/lock/davit", 0, &slice, &message) < 0)
                return "root has no ids in /etc/subuid and /etc/subgid";
        id_slice_release(&slice);
        return NULL;
}

int launch_group_setup(_unused_ void **state) {
        signal(SIGALRM, too_long);
        alarm(300);
        strcpy(scratch, "/tmp/davit-launch-XXXXXX");
        if (!mkdtemp(scratch) || chmod(scratch, 0755) < 0)
                return -1;
        impossible = why_not();
        return 0;
}

/* The folder of this runtime folder's containers below each hierarchy, "davit-HASH". */
static char *cgroup_folder(void) {
        char *cgroup;

        assert_int_equal(launch_cgroup(scratch, "x", &cgroup), 0);
        *strchr(cgroup, '/') = '\0';
        return cgroup;
}

static void each_cgroup_folder(void (*visit)(const char *path)) {
        _cleanup_free_ char *folder = cgroup_folder();
        FILE *mounts = setmntent("/proc/self/mounts", "re");
        struct mntent *entry;

        assert_non_null(mounts);
        while ((entry = getmntent(mounts)))
                if (streq(entry->mnt_type, "cgroup") || streq(entry->mnt_type, "cgroup2")) {
                        _cleanup_free_ char *path = NULL;

                        assert_true(asprintf(&path, "%s/%s", entry->mnt_dir, folder) > 0);
                        visit(path);
                }
        endmntent(mounts);
}

static void remove_folder(const char *path) {
        rmdir(path);
}

int launch_group_teardown(_unused_ void **state) {
        char command[256];

        each_cgroup_folder(remove_folder);
        snprintf(command, sizeof(command), "rm -rf --one-file-system %s /run/lxc/lock%s", scratch, scratch);
        return system(command);
}

bool launch_is_possible(void) {
        return !impossible;
}

void launch_skip_unless_possible(void) {
        if (impossible) {
                print_message("SKIP: %s\n", impossible);
                skip();
        }
}

Keeping keeping_start(const char *name, const char *rootfs, char *const *command, char *const *labels) {
        const LaunchRequest request = {
                .runtime_dir = scratch,
                .name = name,
                .rootfs = rootfs,
                .command = command,
                .labels = labels,
        };
        Keeping keeping = {.name = name};
        int ready[2], output[2];
        size_t size = 0;
        ssize_t n;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        assert_int_equal(pipe2(output, O_CLOEXEC), 0);
        keeping.pid = fork();
        assert_true(keeping.pid >= 0);
        if (keeping.pid == 0) {
                int null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;

                dup2(null, 0);
                dup2(output[1], 1);
                dup2(output[1], 2);
                syscall(SYS_close_range, output[1], output[1], 0);
                close(output[0]);
                close(ready[0]);
                r = keeper_run(&request, ready[1]);
                _exit(r < 0 ? 200 : r);
        }
        close(ready[1]);
        close(output[1]);
        while (size < sizeof(keeping.line) - 1 &&
               (n = read(ready[0], keeping.line + size, sizeof(keeping.line) - 1 - size)) > 0)
                size += (size_t)n;
        keeping.line[size] = '\0';
        close(ready[0]);
        keeping.output_fd = output[0];
        return keeping;
}

Keeping keeping_start_ok(const char *name, char *const *command) {
        Keeping keeping = keeping_start(name, NULL, command, NULL);

        assert_string_equal(keeping.line, "ok\n");
        return keeping;
}

int keeping_wait(Keeping *keeping) {
        int status;

        assert_int_equal(waitpid(keeping->pid, &status, 0), keeping->pid);
        close(keeping->output_fd);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void keeping_read(Keeping *keeping, const char *until, char *buffer, size_t size) {
        size_t used = 0;
        ssize_t n;

        buffer[0] = '\0';
        while (used < size - 1 && !(until && strstr(buffer, until))) {
                struct pollfd p = {.fd = keeping->output_fd, .events = POLLIN};

                assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
                n = read(keeping->output_fd, buffer + used, size - 1 - used);
                if (n <= 0)
                        break;
                used += (size_t)n;
                buffer[used] = '\0';
        }
}

void keeping_record(const Keeping *keeping, ContainerRecord *ret) {
        _cleanup_free_ char *text = read_text("%s/containers/%s/state", scratch, keeping->name);

        assert_int_equal(container_record_parse(text, ret), 0);
}

void keeping_end(Keeping *keeping) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};

        keeping_record(keeping, &record);
        assert_int_equal(kill(record.init_pid, SIGKILL), 0);
        assert_int_equal(keeping_wait(keeping), 128 + SIGKILL);
}

int inside(const char *name, const char *script, char *buffer, size_t size) {
        char *const command[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
        size_t used = 0;
        int fds[2], status;
        ssize_t n;
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                int null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;

                dup2(null, 0);
                dup2(fds[1], 1);
                dup2(fds[1], 2);
                r = container_exec(scratch, name, command);
                _exit(r < 0 ? 200 : r);
        }
        close(fds[1]);
        while (used < size - 1 && (n = read(fds[0], buffer + used, size - 1 - used)) > 0)
                used += (size_t)n;
        buffer[used] = '\0';
        close(fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

void wait_gone(pid_t pid) {
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (fd < 0)
                return;
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        close(fd);
}

char *read_text(const char *format, ...) {
        _cleanup_free_ char *path = NULL;
        char *text = NULL;
        va_list ap;

        va_start(ap, format);
        assert_true(vasprintf(&path, format, ap) > 0);
        va_end(ap);
        assert_int_equal(fd_read_file(AT_FDCWD, path, 65536, &text, NULL), 0);
        return text;
}

size_t count_mounts(void) {
        FILE *f = fopen("/proc/self/mountinfo", "re");
        char line[4096];
        size_t n = 0;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                n += strstr(line, scratch) ? 1 : 0;
        fclose(f);
        return n;
}

static size_t n_folders;

static int count_folder(_unused_ const char *path, _unused_ const struct stat *st, int flag,
                        struct FTW *ftw) {
        /* The parent of all stays, as another keeper may be about to make its folder there. */
        if (flag == FTW_D && ftw->level > 0)
                n_folders++;
        return 0;
}

static void count_below(const char *path) {
        nftw(path, count_folder, 16, FTW_PHYS);
}

size_t count_cgroups(void) {
        n_folders = 0;
        each_cgroup_folder(count_below);
        return n_folders;
}
