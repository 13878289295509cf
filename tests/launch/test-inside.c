/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a container is like from inside, and what it cannot do. */

#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch-fixture.h"
#include "util/fd.h"
#include "util/string.h"

#define SLEEP ((char *const[]){(char *)"sleep", (char *)"1000000", NULL})

static Keeping shared;

/* One container for all that only looks. */
static int setup(void **state) {
        int r = launch_group_setup(state);

        if (r < 0 || !launch_is_possible())
                return r;
        shared = keeping_start("inside", NULL, NULL, NULL);
        return 0;
}

static int teardown(void **state) {
        if (streq(shared.line, "ok\n"))
                keeping_end(&shared);
        else if (launch_is_possible())
                keeping_wait(&shared);
        return launch_group_teardown(state);
}

static void assert_inside(const char *script, int status, const char *expected) {
        char output[OUTPUT_SIZE];

        launch_skip_unless_possible();
        assert_string_equal(shared.line, "ok\n");
        assert_int_equal(inside("inside", script, output, sizeof(output)), status);
        if (expected)
                assert_string_equal(output, expected);
}

static void test_dev(_unused_ void **state) {
        assert_inside(
                "cd /dev && echo *", 0,
                "bus fd full mqueue net null ptmx pts random shm stderr stdin stdout tty urandom zero\n");
        assert_inside("cd /dev && echo net/*", 0, "net/tun\n");
        assert_inside("stat -c '%t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty", 0,
                      "1:3 666\n1:5 666\n1:7 666\n1:8 666\n1:9 666\n5:0 666\n");
        assert_inside("readlink /dev/fd", 0, "/proc/self/fd\n");
        assert_inside("head -c 3 /dev/zero | od -An -tx1", 0, " 00 00 00\n");
        assert_inside("echo x > /dev/shm/x && cat /dev/shm/x", 0, "x\n");
}

/* In a sticky /dev the kernel would refuse this to all but the node's owner. */
static void test_dev_null_for_every_user(_unused_ void **state) {
        assert_inside("echo x > /dev/null && echo ok", 0, "ok\n");
        assert_inside("su user -c 'echo x > /dev/null && id -u'", 0, "1000\n");
        assert_inside("su -s /bin/sh nobody -c 'echo x > /dev/null && id -u'", 0, "65534\n");
}

static void test_ids(_unused_ void **state) {
        assert_inside("id -u; id -g; id -G", 0, "0\n0\n0\n");
        assert_inside("touch /tmp/a && stat -c '%u %g' /tmp/a && rm /tmp/a", 0, "0 0\n");
        assert_inside("stat -c '%u' / /etc/passwd /home/user /tmp", 0, "0\n0\n1000\n0\n");
        /* The host's root is nobody here. */
        assert_inside("stat -c '%u' /proc/sys/kernel /dev", 0, "65534\n65534\n");
}

static void test_system(_unused_ void **state) {
        assert_inside("hostname", 0, "inside\n");
        assert_inside("cat /proc/1/comm", 0, "init\n");
        assert_inside("grep -c . /proc/net/dev", 0, "3\n"); /* two lines of heading and lo */
        assert_inside("ping -c 1 -W 5 127.0.0.1 > /dev/null; echo $?", 0, "0\n");
        assert_inside("ls /sys/class/net", 0, "lo\n");
        assert_inside("grep -c '[^/]$' /proc/1/cgroup", 1, "0\n"); /* all of them "/" */
}

static void test_refused(_unused_ void **state) {
        assert_inside("mknod /tmp/n c 1 3 2>/dev/null", 1, "");
        assert_inside("mknod /dev/n b 8 0 2>/dev/null", 1, "");
        assert_inside("mkdir /dev/net/x 2>/dev/null", 1, "");
        assert_inside("rm /dev/net/tun 2>/dev/null", 1, "");
        assert_inside("echo 1 > /proc/sys/kernel/panic", 1, NULL);
        assert_inside("echo x >> /bin/busybox", 1, NULL);
        assert_inside("mount -o remount,rw /bin/busybox 2>/dev/null", 1, NULL);
        assert_inside(
                "dd if=/dev/zero of=/tmp/big bs=1M count=200 2>/dev/null; r=$?; rm -f /tmp/big; exit $r", 1,
                "");
}

/* A node that got there without a right: the device filter is the second wall. */
static void test_filter(_unused_ void **state) {
        static const struct {
                unsigned int major, minor;
                int status;
        } cases[] = {
                {1, 3, 0},    /* null under another name */
                {1, 11, 1},   /* kmsg */
                {1, 1, 1},    /* mem */
                {10, 229, 1}, /* fuse */
        };

        launch_skip_unless_possible();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, "%s/dev/inside/dev/smuggled", launch_dir()) > 0);
                assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(cases[i].major, cases[i].minor)), 0);
                assert_int_equal(chmod(path, 0666), 0);
                assert_inside("dd if=/dev/smuggled of=/dev/null bs=1 count=0 2>/dev/null", cases[i].status,
                              "");
                assert_int_equal(unlink(path), 0);
        }
}

static void test_exec(_unused_ void **state) {
        char output[OUTPUT_SIZE];

        assert_inside("exit 5", 5, "");
        assert_inside("kill -TERM $$", 128 + SIGTERM, "");
        assert_inside("echo out; echo err >&2", 0, "out\nerr\n");
        assert_inside("pwd", 0, "/\n");
        assert_inside("exec nosuch 2>/dev/null", 127, "");
        assert_int_equal(inside("nobody-there", "true", output, sizeof(output)), 200);
}

static int exec_status(char *const *command) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                int null = open("/dev/null", O_RDWR | O_CLOEXEC), r;

                dup2(null, 2);
                r = container_exec(launch_dir(), "inside", command);
                _exit(r < 0 ? 200 : r);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status);
}

static void test_exec_cannot(_unused_ void **state) {
        char *const missing[] = {(char *)"/bin/nosuch", NULL}, *const folder[] = {(char *)"/etc", NULL};

        launch_skip_unless_possible();
        assert_int_equal(exec_status(missing), 127);
        assert_int_equal(exec_status(folder), 126);
}

/* The process at the other end has a terminal of its own as the controlling one; standard input is none. */
_Noreturn static void exec_on_terminal(const char *terminal, bool output_too, char *const *command) {
        int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

        setsid();
        fd = open(terminal, O_RDWR | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0 || dup2(null, 0) < 0 ||
            dup2(output_too ? fd : null, 1) < 0 || dup2(null, 2) < 0)
                _exit(201);
        _exit(container_exec(launch_dir(), "inside", command) & 0xff);
}

/* What has the caller's terminal open, or for its controlling one, can type on it. Field 7 of stat is the
 * controlling terminal. */
static void test_terminal_of_caller(_unused_ void **state) {
        char *const none[] = {(char *)"sh", (char *)"-c",
                              (char *)"set -- $(cat /proc/self/stat); [ $7 = 0 ] && ! true </dev/tty", NULL};
        char *const own[] = {(char *)"sh", (char *)"-c",
                             (char *)"[ $(stat -Lc %d /proc/$$/fd/1) = $(stat -c %d /dev/pts) ]", NULL};

        launch_skip_unless_possible();
        for (int output_too = 0; output_too < 2; output_too++) {
                int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;
                pid_t pid;

                assert_true(master >= 0);
                assert_int_equal(grantpt(master), 0);
                assert_int_equal(unlockpt(master), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                        exec_on_terminal(ptsname(master), output_too, output_too ? own : none);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 0);
                close(master);
        }
}

/* A socket by the name that liblxc would make of @name. */
static int usurp(const char *name) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), n;

        n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s/lxc/%s/command", launch_dir(),
                     name);
        assert_int_equal(bind(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
                         0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

/* While a container does not run, the name of its monitor's socket is anybody's. Who has it is not asked, and
 * keeps no container of that name from running. */
static void test_nobody_else_answers(_unused_ void **state) {
        char output[OUTPUT_SIZE];
        Keeping keeping;
        int fd;

        launch_skip_unless_possible();
        fd = usurp("usurped");
        assert_int_equal(inside("usurped", "true", output, sizeof(output)), 200);
        keeping = keeping_start_ok("usurped", SLEEP);
        assert_int_equal(inside("usurped", "exit 5", output, sizeof(output)), 5);
        keeping_end(&keeping);
        assert_int_equal(accept(fd, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
        close(fd);
}

/* The caller's environment stays outside. */
static void test_environment(_unused_ void **state) {
        launch_skip_unless_possible();
        setenv("DAVIT_SECRET", "1", 1);
        assert_inside("echo \"$DAVIT_SECRET\" $container", 0, " lxc\n");
        unsetenv("DAVIT_SECRET");
}

static ino_t netns_of(pid_t pid) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
        assert_int_equal(stat(path, &st), 0);
        return st.st_ino;
}

static void test_two_apart(_unused_ void **state) {
        _cleanup_(container_record_deinit) ContainerRecord a = {}, b = {};
        _cleanup_free_ char *map_a = NULL, *map_b = NULL;
        Keeping other;

        launch_skip_unless_possible();
        other = keeping_start_ok("other", SLEEP);
        keeping_record(&shared, &a);
        keeping_record(&other, &b);
        map_a = read_text("/proc/%d/uid_map", (int)a.init_pid);
        map_b = read_text("/proc/%d/uid_map", (int)b.init_pid);
        assert_string_not_equal(map_a, map_b);
        assert_int_not_equal(netns_of(a.init_pid), netns_of(b.init_pid));
        assert_int_not_equal(netns_of(a.init_pid), netns_of(getpid()));
        keeping_end(&other);
}

/* A tree of the host root's, closed to others: an idmapped mount. */
static void test_rootfs_of_root(_unused_ void **state) {
        char *const command[] = {(char *)"/bin/busybox", (char *)"sh", (char *)"-c",
                                 (char *)"/bin/busybox id -u; /bin/busybox stat -c %u /bin/busybox", NULL};
        _cleanup_free_ char *make = NULL, *root = NULL;
        char output[OUTPUT_SIZE];
        Keeping keeping;

        launch_skip_unless_possible();
        assert_true(asprintf(&root, "%s/closed/root", launch_dir()) > 0);
        assert_true(asprintf(&make,
                             "mkdir -m 700 %s/closed && mkdir -p %s/bin %s/dev %s/proc %s/sys && "
                             "cp /bin/busybox %s/bin",
                             launch_dir(), root, root, root, root, root) > 0);
        assert_int_equal(system(make), 0);
        keeping = keeping_start("closed", root, command, NULL);
        if (strstr(keeping.line, "idmapped mount")) {
                print_message("SKIP: no idmapped mounts on /tmp here: %s", keeping.line);
                keeping_wait(&keeping);
                skip();
        }
        assert_string_equal(keeping.line, "ok\n");
        keeping_read(&keeping, NULL, output, sizeof(output));
        assert_string_equal(output, "0\n0\n");
        assert_int_equal(keeping_wait(&keeping), 0);
}

/*
 * A tree owned by an id of root's range: the container has the range that starts there. Which slice is free
 * is asked just before, and another test's container may be given it in between: that is told, and tried
 * again.
 */
static void test_rootfs_of_range(_unused_ void **state) {
        _cleanup_free_ char *make = NULL, *root = NULL, *map = NULL;
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        unsigned int first, outside, count;
        Keeping keeping = {};
        IdSlice slice;

        launch_skip_unless_possible();
        assert_true(asprintf(&root, "%s/root-of-range", launch_dir()) > 0);
        assert_true(asprintf(&make, "mkdir -p %s/bin %s/dev %s/proc %s/sys && cp /bin/busybox %s/bin/sleep",
                             root, root, root, root, root) > 0);
        assert_int_equal(system(make), 0);
        for (unsigned int i = 0; i < 20 && strcmp(keeping.line, "ok\n") != 0; i++) {
                _cleanup_free_ char *own = NULL;

                assert_int_equal(
                        id_slice_take("/etc/subuid", "/etc/subgid", "/run/lock/davit", 0, &slice, NULL), 0);
                assert_true(asprintf(&own, "chown -R %u:%u %s", slice.uid_base, slice.gid_base, root) > 0);
                id_slice_release(&slice);
                assert_int_equal(system(own), 0);
                keeping = keeping_start("range", root, SLEEP, NULL);
                if (!strstr(keeping.line, "another running container"))
                        break;
                keeping_wait(&keeping);
        }
        assert_string_equal(keeping.line, "ok\n");
        keeping_record(&keeping, &record);
        map = read_text("/proc/%d/uid_map", (int)record.init_pid);
        assert_int_equal(sscanf(map, "%u %u %u", &first, &outside, &count), 3);
        assert_int_equal(first, 0);
        assert_int_equal(outside, slice.uid_base);
        keeping_end(&keeping);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dev),
                cmocka_unit_test(test_dev_null_for_every_user),
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_system),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_filter),
                cmocka_unit_test(test_exec),
                cmocka_unit_test(test_exec_cannot),
                cmocka_unit_test(test_terminal_of_caller),
                cmocka_unit_test(test_nobody_else_answers),
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_two_apart),
                cmocka_unit_test(test_rootfs_of_root),
                cmocka_unit_test(test_rootfs_of_range),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
