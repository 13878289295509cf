/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The small root: a container without any preparation, of what nearly every host has, a static busybox.
 *
 * It is a tmpfs of its own, as the container may write to it at will and the host's /run must not fill up.
 * The program itself is not copied: the host's file is bound on bin/busybox, read-only, so a hundred
 * containers share its pages. All else is owned by the container's root.
 *
 * Its init is busybox's, with nothing to run but a sleep. It powers off on SIGUSR2 and reboots on SIGTERM.
 */

#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/message.h"
#include "launch/root-folder.h"
#include "util/fd.h"
#include "util/string.h"

#define APPLETS_MAX    (64U * 1024U)
#define PROGRAM_ID_MAX 64
#define USER_ID        1000

typedef struct Entry {
        const char *path;
        const char *text; /* file: content; link: target; folder: NULL */
        mode_t mode;      /* with S_IFDIR, S_IFREG or S_IFLNK */
        unsigned int id;  /* owner as seen inside */
} Entry;

static const Entry entries[] = {
        {"bin", NULL, S_IFDIR | 0755, 0},
        {"dev", NULL, S_IFDIR | 0755, 0},
        {"etc", NULL, S_IFDIR | 0755, 0},
        {"home", NULL, S_IFDIR | 0755, 0},
        {"home/user", NULL, S_IFDIR | 0755, USER_ID},
        {"mnt", NULL, S_IFDIR | 0755, 0},
        {"proc", NULL, S_IFDIR | 0555, 0},
        {"root", NULL, S_IFDIR | 0700, 0},
        {"run", NULL, S_IFDIR | 0755, 0},
        {"run/udev", NULL, S_IFDIR | 0755, 0},
        {"sys", NULL, S_IFDIR | 0555, 0},
        {"tmp", NULL, S_IFDIR | 01777, 0},
        {"usr", NULL, S_IFDIR | 0755, 0},
        {"var", NULL, S_IFDIR | 0755, 0},
        {"var/tmp", NULL, S_IFDIR | 01777, 0},
        {"sbin", "bin", S_IFLNK, 0},
        {"usr/bin", "../bin", S_IFLNK, 0},
        {"usr/sbin", "../bin", S_IFLNK, 0},
        {"var/run", "../run", S_IFLNK, 0},
        {"bin/busybox", "", S_IFREG | 0755, 0},
        {"etc/passwd",
         "root:x:0:0:root:/root:/bin/sh\n"
         "user:x:1000:1000:user:/home/user:/bin/sh\n"
         "nobody:x:65534:65534:nobody:/:/bin/false\n",
         S_IFREG | 0644, 0},
        {"etc/group", "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n", S_IFREG | 0644, 0},
        {"etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n", S_IFREG | 0644, 0},
        {"etc/inittab",
         "::sysinit:/bin/true\n"
         "::respawn:/bin/sleep 2147483647\n"
         "::ctrlaltdel:/sbin/reboot\n",
         S_IFREG | 0644, 0},
};

/* Whether the program needs an interpreter, which the small root does not have. Return: 1; 0; -ENOEXEC;
 * errno. */
static int program_is_dynamic(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        Elf64_Ehdr header;
        Elf64_Phdr program;

        if (fd < 0)
                return -errno;
        if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
            memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
                return -ENOEXEC;
        /* A 32-bit host has other structures; there the applets' own failure must tell. */
        if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(program))
                return 0;
        for (unsigned int i = 0; i < header.e_phnum; i++) {
                if (pread(fd, &program, sizeof(program), (off_t)(header.e_phoff + i * sizeof(program))) !=
                    sizeof(program))
                        return -ENOEXEC;
                if (program.p_type == PT_INTERP)
                        return 1;
        }
        return 0;
}

static int find_busybox(char **ret, char **message) {
        static const char *const paths[] = {"/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox"};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *path = realpath(paths[i], NULL);

                if (path && program_is_dynamic(path) == 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return message_set(
                message, -ENOENT,
                "there is no statically linked busybox on this host to make a small root of: install "
                "the package "
                "busybox-static, or give a root folder");
}

static int spawn(const char *program, int stdout_fd, pid_t *ret) {
        char *const argv[] = {(char *)"busybox", (char *)"--list", NULL}, *const envp[] = {NULL};
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(ret, program, &actions, NULL, argv, envp);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* The output of `busybox --list` into @buffer, which has room for APPLETS_MAX bytes and a NUL. */
static int read_applets(const char *busybox, char *buffer) {
        _cleanup_fclose_ FILE *out = NULL;
        int fds[2], status, r;
        size_t size;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(busybox, fds[1], &pid);
        safe_close(fds[1]);
        out = fdopen(fds[0], "re");
        if (!out)
                safe_close(fds[0]);
        if (r < 0)
                return r;
        size = out ? fread(buffer, 1, APPLETS_MAX, out) : 0;
        buffer[size] = '\0';
        /* A writer that has more to say gets SIGPIPE. */
        fclosep(&out);
        out = NULL;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return size > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOEXEC;
}

static int make_entry(int root, const Entry *entry, uid_t uid, gid_t gid) {
        if (S_ISDIR(entry->mode)) {
                if (mkdirat(root, entry->path, 0700) < 0)
                        return -errno;
        } else if (S_ISLNK(entry->mode)) {
                if (symlinkat(entry->text, root, entry->path) < 0)
                        return -errno;
        } else {
                int r = fd_write_file(root, entry->path, entry->text, strlen(entry->text), 0600);

                if (r < 0)
                        return r;
        }
        if (fchownat(root, entry->path, uid + entry->id, gid + entry->id, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISLNK(entry->mode) && fchmodat(root, entry->path, entry->mode & 07777, /* flags= */ 0) < 0)
                return -errno;
        return 0;
}

static int link_applets(int root, char *applets, uid_t uid, gid_t gid) {
        _cleanup_close_ int bin = fd_open_dir(root, "bin");
        char *save = NULL;

        if (bin < 0)
                return bin;
        for (char *name = strtok_r(applets, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
                if (strchr(name, '/') || name[0] == '.' || strlen(name) > PROGRAM_ID_MAX ||
                    streq(name, "busybox"))
                        continue;
                if (symlinkat("busybox", bin, name) < 0)
                        return -errno;
                if (fchownat(bin, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
        }
        return 0;
}

static int fill(const char *path, char *applets, uid_t uid, gid_t gid) {
        _cleanup_close_ int root = fd_open_dir(AT_FDCWD, path);
        int r;

        if (root < 0)
                return root;
        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                r = make_entry(root, &entries[i], uid, gid);
                if (r < 0)
                        return r;
        }
        return link_applets(root, applets, uid, gid);
}

int small_root_create(const char *path, uid_t uid, gid_t gid, char **ret_busybox, char **message) {
        _cleanup_free_ char *busybox = NULL, *applets = NULL;
        char options[128];
        int r;

        r = find_busybox(&busybox, message);
        if (r < 0)
                return r;
        applets = malloc(APPLETS_MAX + 1);
        if (!applets)
                return -ENOMEM;
        r = read_applets(busybox, applets);
        if (r < 0)
                return message_set(message, r, "%s does not list its applets", busybox);

        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return -errno;
        snprintf(options, sizeof(options), "mode=0755,uid=%u,gid=%u,size=64m,nr_inodes=16384",
                 (unsigned int)uid, (unsigned int)gid);
        if (mount("davit-root", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0) {
                r = -errno;
                rmdir(path);
                return r;
        }
        /* What is mounted inside stays inside. */
        if (mount("", path, "", MS_PRIVATE, "") < 0)
                r = -errno;
        else
                r = fill(path, applets, uid, gid);
        if (r < 0) {
                small_root_destroy(path);
                return r;
        }
        *ret_busybox = TAKE_PTR(busybox);
        return 0;
}

int small_root_destroy(const char *path) {
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) >= 0)
                ;
        if (errno != EINVAL && errno != ENOENT)
                return -errno;
        if (rmdir(path) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}
