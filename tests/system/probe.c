/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The eyes and hands of the tests inside a container: one static program that needs nothing there.
 *
 * It looks at nodes and uses them as a program would (`node`, `frame`), listens for events as libusb and
 * libudev do (`listen`), keeps what it should not be able to keep (`hoard`, `hold`), and tries whatever a
 * hostile root could do to a node (`hostile`). `write` is the shell's `> FILE`. On the host `listen` tells
 * when the kernel spoke: times are CLOCK_MONOTONIC in nanoseconds, which is one clock on both sides.
 *
 * It judges nothing: it prints what the kernel answered, errors by name, one fact a line.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <linux/loop.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER_ID     1000
#define MESSAGE_MAX 16384

static uint64_t now_ns(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What a call answered: "ok" or the error's name. */
static const char *answer(int result) {
        return result < 0 ? strerrorname_np(errno) : "ok";
}

static const char *try_open(const char *path, int flags) {
        int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        const char *text = answer(fd);

        if (fd >= 0)
                close(fd);
        return text;
}

/* Does @work as an ordinary user of the container. */
static void as_user(void (*work)(const char *path), const char *path) {
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
                if (setgroups(0, NULL) < 0 || setgid(USER_ID) < 0 || setuid(USER_ID) < 0)
                        printf(" user=%s", strerrorname_np(errno));
                else
                        work(path);
                fflush(stdout);
                _exit(0);
        }
        if (pid > 0)
                waitpid(pid, NULL, 0);
}

static void print_node(const char *path) {
        struct stat st;

        printf("%s", path);
        if (lstat(path, &st) < 0) {
                printf(" stat=%s", strerrorname_np(errno));
                return;
        }
        printf(" type=%s", S_ISCHR(st.st_mode)   ? "c"
                           : S_ISBLK(st.st_mode) ? "b"
                           : S_ISLNK(st.st_mode) ? "l"
                           : S_ISDIR(st.st_mode) ? "d"
                                                 : "other");
        if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
                printf(" rdev=%u:%u", major(st.st_rdev), minor(st.st_rdev));
        printf(" uid=%u gid=%u mode=%04o open=%s", st.st_uid, st.st_gid, st.st_mode & 07777U,
               try_open(path, O_RDWR));
}

static int do_node(char **argv) {
        for (; *argv; argv++) {
                print_node(*argv);
                putchar('\n');
        }
        return 0;
}

static void print_write(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        printf(" open=%s", answer(fd));
        if (fd < 0)
                return;
        printf(" write=%s", answer((int)write(fd, "x", 1)));
        close(fd);
}

/* What a shell does for `> FILE`, as root and as a user. */
static int do_write(char **argv) {
        for (; *argv; argv++) {
                printf("%s root:", *argv);
                print_write(*argv);
                printf(" user:");
                as_user(print_write, *argv);
                putchar('\n');
        }
        return 0;
}

/* Sends one frame through a tap: the device does its work. */
static int do_frame(char **argv) {
        /* To everybody, from an address of no maker, of the first of the types for experiments (IEEE 802). */
        static const unsigned char head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                                             0,    0,    0,    0,    1,    0x88, 0xb5};
        unsigned char packet[10 + 60] = {}; /* behind a virtio header, which asks for nothing */
        unsigned int features;
        int fd = open(argv[0], O_RDWR | O_CLOEXEC);

        memcpy(packet + 10, head, sizeof(head));
        printf("open=%s", answer(fd));
        if (fd >= 0) {
                printf(" features=%s", answer(ioctl(fd, TUNGETFEATURES, &features)));
                printf(" sent=%s", answer((int)write(fd, packet, sizeof(packet))));
        }
        putchar('\n');
        return 0;
}

/* ---- events */

static int listener_open(unsigned int group) {
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = group};
        const int on = 1, size = 8 * 1024 * 1024;
        int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

        if (fd < 0)
                return -1;
        /* Only the host's root may have as much. */
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 && errno != EPERM)
                return -1;
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
            bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -1;
        return fd;
}

static const char *find(const char *text, size_t size, const char *key) {
        for (size_t i = 0; i < size; i += strlen(text + i) + 1)
                if (strncmp(text + i, key, strlen(key)) == 0 && text[i + strlen(key)] == '=')
                        return text + i + strlen(key) + 1;
        return NULL;
}

static bool opens_nodes =
        true; /* `listen events` only listens, so that one event does not hold up the next */

/* The node that an add tells of must be usable by the time its event is. */
static void print_event_node(const char *text, size_t size) {
        const char *action = find(text, size, "ACTION"), *name = find(text, size, "DEVNAME");
        char path[512];

        if (!opens_nodes || !name || !action || strcmp(action, "add") != 0)
                return;
        snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : "/dev/", name);
        printf(" node: ");
        print_node(path);
        printf(" usable=%llu", (unsigned long long)now_ns());
}

static void print_event(const struct msghdr *message, char *text, size_t size, uint64_t at) {
        const struct sockaddr_nl *from = message->msg_name;
        struct cmsghdr *header = CMSG_FIRSTHDR(message);
        struct ucred sender = {.uid = (uid_t)-1};
        size_t skip = 0;

        if (header && header->cmsg_type == SCM_CREDENTIALS)
                memcpy(&sender, CMSG_DATA(header), sizeof(sender));
        text[size] = '\0';
        if (size > 40 && memcmp(text, "libudev", 8) == 0)
                memcpy(&skip, text + 16, 4); /* where the properties begin, see systemd's device-monitor.c */
        if (skip > size)
                skip = size;
        printf("%llu event group=%u port=%u uid=%d", (unsigned long long)at, from->nl_groups, from->nl_pid,
               (int)sender.uid);
        for (size_t i = skip; i < size; i += strlen(text + i) + 1)
                printf(" %s", text + i);
        print_event_node(text + skip, size - skip);
        putchar('\n');
}

static bool receive(int fd) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        static char text[MESSAGE_MAX + 1];
        struct sockaddr_nl from;
        struct iovec part = {text, MESSAGE_MAX};
        struct msghdr message = {&from, sizeof(from), &part, 1, &control, sizeof(control), 0};
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

        if (n < 0) {
                if (errno != EAGAIN)
                        printf("%llu lost %s\n", (unsigned long long)now_ns(), strerrorname_np(errno));
                return false;
        }
        print_event(&message, text, (size_t)n, now_ns());
        return true;
}

/* A node that comes directly in /dev is opened at once, as a program that watches the folder would do it. */
static void look(int fd) {
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        ssize_t n = read(fd, buffer, sizeof(buffer));

        for (ssize_t i = 0; i < n;) {
                const struct inotify_event *event = (const struct inotify_event *)(buffer + i);
                char path[512];

                i += (ssize_t)sizeof(*event) + event->len;
                if (event->len == 0)
                        continue;
                snprintf(path, sizeof(path), "/dev/%s", event->name);
                if (event->mask & IN_CREATE) {
                        const char *opened = try_open(path, O_RDWR);

                        printf("%llu appeared %s open=%s\n", (unsigned long long)now_ns(), path, opened);
                } else
                        printf("%llu vanished %s\n", (unsigned long long)now_ns(), path);
        }
}

/* Prints "ready", then every event of both groups and what comes and goes in /dev, until it is ended. */
static int do_listen(char **argv) {
        bool watch = !argv[0] || strcmp(argv[0], "events") != 0;
        struct pollfd fds[] = {
                {.fd = listener_open(1), .events = POLLIN},
                {.fd = listener_open(2), .events = POLLIN},
                {.fd = watch ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1, .events = POLLIN},
        };

        opens_nodes = watch;
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (fds[0].fd < 0 || fds[1].fd < 0 ||
            (watch && inotify_add_watch(fds[2].fd, "/dev", IN_CREATE | IN_DELETE) < 0)) {
                perror("probe listen");
                return 1;
        }
        puts("ready");
        while (poll(fds, 3, -1) >= 0 || errno == EINTR) {
                if (fds[2].revents)
                        look(fds[2].fd);
                for (int i = 0; i < 2; i++)
                        while (fds[i].revents && receive(fds[i].fd))
                                ;
        }
        return 1;
}

/* send ACTION DEVPATH KEY=VALUE...: an event from the kernel's own mouth, to the listeners of this network
 * namespace: what comes as a message of type 16 it passes on as its own (Linux, lib/kobject_uevent.c). */
static int do_send(char **argv) {
        static struct {
                struct nlmsghdr header;
                char text[MESSAGE_MAX];
        } message = {.header = {.nlmsg_type = 16, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[512];
        } reply;
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        size_t n;

        if (fd < 0 || !argv[1])
                return 1;
        n = (size_t)snprintf(message.text, MESSAGE_MAX, "%s@%s%cACTION=%s%cDEVPATH=%s", argv[0], argv[1], 0,
                             argv[0], 0, argv[1]) +
            1;
        for (argv += 2; *argv && n < MESSAGE_MAX; argv++)
                n += (size_t)snprintf(message.text + n, MESSAGE_MAX - n, "%s", *argv) + 1;
        message.header.nlmsg_len = (uint32_t)NLMSG_LENGTH(n < MESSAGE_MAX ? n : MESSAGE_MAX);
        if (sendto(fd, &message, message.header.nlmsg_len, 0, (const struct sockaddr *)&kernel,
                   sizeof(kernel)) < 0 ||
            recv(fd, &reply, sizeof(reply), 0) < (ssize_t)NLMSG_LENGTH(sizeof(reply.error))) {
                perror("probe send");
                return 1;
        }
        close(fd);
        return reply.error.error == 0 ? 0 : 1;
}

/* loop add|del NUMBER, outside: a block device of the kernel's that nothing is behind. */
static int do_loop(char **argv) {
        int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number = argv[1] ? atoi(argv[1]) : -1;
        unsigned long request = strcmp(argv[0], "add") == 0 ? LOOP_CTL_ADD : LOOP_CTL_REMOVE;

        if (fd < 0 || number < 0 || ioctl(fd, request, (long)number) < 0) {
                perror("probe loop");
                return 1;
        }
        close(fd);
        return 0;
}

/* ---- what a hostile container does */

static int bind_on_file(const char *node, const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
                return -1;
        close(fd);
        return mount(node, path, NULL, MS_BIND, NULL);
}

/* hoard NODE BOUND LINK: keeps a node under other names. */
static int do_hoard(char **argv) {
        if (!argv[0] || !argv[1] || !argv[2])
                return 2;
        printf("bind=%s", answer(bind_on_file(argv[0], argv[1])));
        printf(" link=%s\n", answer(link(argv[0], argv[2])));
        return 0;
}

static void print_reopen(const char *path) {
        printf(" read-write=%s", try_open(path, O_RDWR));
        printf(" read=%s", try_open(path, O_RDONLY));
        printf(" write=%s", try_open(path, O_WRONLY));
}

/* hold NODE: keeps it by a descriptor that opened nothing yet, until a line comes in, and then opens that. */
static int do_hold(char **argv) {
        char path[64], line[16];
        int fd = open(argv[0], O_PATH | O_CLOEXEC);

        printf("held=%s\n", answer(fd));
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin))
                return 1;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        printf("root:");
        print_reopen(path);
        printf(" chmod=%s", answer(chmod(path, 0666)));
        printf(" chown=%s", answer(chown(path, 0, 0)));
        printf(" then:");
        print_reopen(path);
        printf(" user:");
        as_user(print_reopen, path);
        putchar('\n');
        return 0;
}

/* reopen PATH...: as root and as a user, after trying to give oneself the right. */
static int do_reopen(char **argv) {
        for (; *argv; argv++) {
                printf("%s root:", *argv);
                print_reopen(*argv);
                printf(" chmod=%s", answer(chmod(*argv, 0666)));
                printf(" chown=%s", answer(chown(*argv, 0, 0)));
                printf(" then:");
                print_reopen(*argv);
                printf(" user:");
                as_user(print_reopen, *argv);
                putchar('\n');
        }
        return 0;
}

static void print_hostile(const char *path) {
        char folder[512], other[600], moved[600];
        struct stat st;

        snprintf(folder, sizeof(folder), "%s", path);
        *strrchr(folder, '/') = '\0';
        snprintf(other, sizeof(other), "%s/other", folder);
        snprintf(moved, sizeof(moved), "%s.moved", folder);

        printf(" unlink=%s", answer(unlink(path)));
        printf(" rename=%s", answer(rename(path, other)));
        printf(" create=%s", answer(open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)));
        printf(" symlink=%s", answer(symlink("/etc/passwd", other)));
        printf(" link=%s", answer(link("/dev/null", other)));
        printf(" mkdir=%s", answer(mkdir(other, 0777)));
        printf(" rmdir=%s", answer(rmdir(folder)));
        printf(" chmod=%s", answer(chmod(folder, 0777)));
        printf(" chown=%s", answer(chown(folder, 0, 0)));
        /* With what its number is, a node of one's own elsewhere would do as well. */
        if (stat(path, &st) == 0) {
                printf(" mknod=%s", answer(mknod(other, (st.st_mode & S_IFMT) | 0666, st.st_rdev)));
                printf(" mknod-tmp=%s", answer(mknod("/tmp/node", (st.st_mode & S_IFMT) | 0666, st.st_rdev)));
                printf(" mknod-dev=%s", answer(mknod("/dev/node", (st.st_mode & S_IFMT) | 0666, st.st_rdev)));
        }
}

/* hostile NODE: tries to remove, replace and imitate a node in a folder of /dev, as root and as a user. */
static int do_hostile(char **argv) {
        if (!argv[0] || !strrchr(argv[0], '/') || strrchr(argv[0], '/') == argv[0])
                return 2;
        printf("root:");
        print_hostile(argv[0]);
        printf(" user:");
        as_user(print_hostile, argv[0]);
        putchar('\n');
        return 0;
}

/* shrink PID: lets each socket of that process for device events hold next to nothing. */
static int do_shrink(char **argv) {
        const int least = 1;
        int pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[0]), 0), n = 0;

        if (pidfd < 0)
                return 1;
        for (int i = 0; i < 1024; i++) {
                int fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0), protocol = 0;
                socklen_t size = sizeof(protocol);

                if (fd < 0)
                        continue;
                if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                    protocol == NETLINK_KOBJECT_UEVENT &&
                    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) == 0)
                        n++;
                close(fd);
        }
        close(pidfd);
        printf("%d\n", n);
        return 0;
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                int (*run)(char **argv);
                int min;
        } commands[] = {
                {"node", do_node, 1},     {"write", do_write, 1},     {"frame", do_frame, 1},
                {"listen", do_listen, 0}, {"hoard", do_hoard, 3},     {"hold", do_hold, 1},
                {"reopen", do_reopen, 1}, {"hostile", do_hostile, 1}, {"send", do_send, 2},
                {"loop", do_loop, 2},     {"shrink", do_shrink, 1},
        };

        for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
                if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].min)
                        return commands[i].run(argv + 2);
        fputs("usage: probe node|write|frame|listen|hoard|hold|reopen|hostile|send|loop|shrink [PATH]...\n",
              stderr);
        return 2;
}
