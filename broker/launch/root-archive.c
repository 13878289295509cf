/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Unpacking an archive, by libarchive, in a child.
 *
 * The archive may come from anywhere, and the code that reads it is large. So the child sees nothing of the
 * host but the new tree, which is its root folder (and the folder that it copies), keeps no capability but
 * those over files there, and has the ids of a container that does not run: what can only be reached as the
 * host's root, a signal or a socket, it cannot. It runs no program: a compression that libarchive could only
 * undo by one is not offered to it, as the program's name would be looked for in the new tree. The archive's
 * device nodes are left out, the extended attributes too that mean something to the host (trusted.*,
 * security.* but the file capabilities).
 *
 * Owners are written as they are in the archive, 0 to 65535: the mount shifts them. So set-uid bits and file
 * capabilities are as they were, and count inside alone.
 *
 * A folder can be copied in the same way, as the tree of an image that the kernel could mount.
 *
 * The child writes what is wrong to a pipe; its exit status is an errno. A parent that dies takes it along.
 */

#include "config.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/launch.h"
#include "launch/message.h"
#include "launch/root-archive.h"
#include "util/fd.h"
#include "util/string.h"

#define BLOCK_SIZE   (256U * 1024U)
#define MESSAGE_MAX  512
#define STEPS        100 /* of the progress that is told */
#define ROOM_STEP    (1U << 20)
#define ENTRY_SIZE   4096U /* what one without data takes, about */
#define LEFT_OUT_MAX 4096U
#define CAPABILITIES                                                                      \
        (1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER | 1U << CAP_FSETID | \
         1U << CAP_DAC_READ_SEARCH)
#define EXTRACT_FLAGS                                                                                \
        (ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL | \
         ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT)

typedef struct Unpacker {
        struct archive *reader, *writer;
        struct archive_entry_linkresolver *links; /* of a folder that is copied; else NULL */
        const char *path;
        uint64_t size;
        uint64_t unchecked; /* written since it was looked how much room there is */
        unsigned int step;
        int message_fd, progress_fd;
        char **left_out; /* the device nodes; the child ends with them */
        size_t n_left_out;
} Unpacker;

/* Says what is wrong, in the child. Return: @error. */
static int complain(const Unpacker *unpacker, int error, const char *format, ...) _printf_(3, 4);
static int complain(const Unpacker *unpacker, int error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vdprintf(unpacker->message_fd, format, ap) < 0)
                error = -EIO;
        va_end(ap);
        return error;
}

/* What is wrong with the archive, or with writing it. */
static int complain_archive(const Unpacker *unpacker, struct archive *of, struct archive_entry *entry) {
        const char *text = archive_error_string(of) ?: "it cannot be read";
        const char *name = entry ? archive_entry_pathname(entry) : NULL;
        int error = of == unpacker->reader ? EBADMSG : archive_errno(of) > 0 ? archive_errno(of) : EIO;

        if (error == ENOSPC || error == EDQUOT)
                return complain(unpacker, -error, "there is no room to unpack %s", unpacker->path);
        if (name)
                return complain(unpacker, -error, "%s cannot be unpacked: %s: %s", unpacker->path, name,
                                text);
        return complain(unpacker, -error, "%s cannot be unpacked: %s", unpacker->path, text);
}

/* Those compressions that libarchive undoes by itself. */
static void support_filters(struct archive *reader) {
        static int (*const filters[])(struct archive *) = {
                archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
                archive_read_support_filter_xz,   archive_read_support_filter_lzma,
                archive_read_support_filter_lzip, archive_read_support_filter_zstd,
                archive_read_support_filter_lz4,  archive_read_support_filter_compress,
        };

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                struct archive *trial = archive_read_new();

                /* ARCHIVE_WARN: by a program. It would be on the list by then. */
                if (trial && filters[i](trial) == ARCHIVE_OK)
                        filters[i](reader);
                archive_read_free(trial);
        }
}

/* The current folder, which need not be below our root: the reader goes by descriptors from there. */
static int unpacker_open_folder(Unpacker *unpacker) {
        unpacker->reader = archive_read_disk_new();
        unpacker->links = archive_entry_linkresolver_new();
        if (!unpacker->reader || !unpacker->links)
                return -ENOMEM;
        archive_entry_linkresolver_set_strategy(unpacker->links, ARCHIVE_FORMAT_TAR);
        archive_read_disk_set_symlink_physical(unpacker->reader);
        if (archive_read_disk_open(unpacker->reader, ".") != ARCHIVE_OK)
                return complain_archive(unpacker, unpacker->reader, NULL);
        return 0;
}

static int unpacker_open(Unpacker *unpacker, int archive_fd) {
        unpacker->reader = archive_read_new();
        if (!unpacker->reader)
                return -ENOMEM;
        support_filters(unpacker->reader);
        archive_read_support_format_tar(unpacker->reader);
        if (archive_read_open_fd(unpacker->reader, archive_fd, BLOCK_SIZE) != ARCHIVE_OK)
                return complain_archive(unpacker, unpacker->reader, NULL);
        return 0;
}

static void unpacker_tell(Unpacker *unpacker) {
        unsigned int step;
        char line[64];
        int64_t done;
        int n;

        /* Of a folder nobody knows how large it is. */
        if (unpacker->progress_fd < 0 || unpacker->size == 0)
                return;
        done = archive_filter_bytes(unpacker->reader, -1);
        step = done < 0 ? 0 : (unsigned int)((uint64_t)done * STEPS / unpacker->size);
        if (step < unpacker->step)
                return;
        unpacker->step = step + 1;
        n = snprintf(line, sizeof(line), "progress %" PRId64 " %" PRIu64 "\n", done, unpacker->size);
        /* Who does not read misses something of no account. */
        if (write(unpacker->progress_fd, line, (size_t)n) < 0)
                unpacker->progress_fd = -EBADF;
}

/* A file system may keep something back for the host's root, whose files these are until a mount shifts them:
 * the last of it is not for an archive to take. */
static int check_room(Unpacker *unpacker, uint64_t written) {
        struct statvfs st;

        unpacker->unchecked += written;
        if (unpacker->unchecked < ROOM_STEP)
                return 0;
        unpacker->unchecked = 0;
        if (statvfs("/", &st) < 0)
                return -errno;
        /* Without a limit both are 0 of 0. */
        if ((st.f_bavail > 0 || st.f_blocks == 0) && (st.f_favail > 0 || st.f_files == 0))
                return 0;
        return complain(unpacker, -ENOSPC, "there is no room to unpack %s", unpacker->path);
}

/* Keeps those attributes that count inside the container and nowhere else. */
static int filter_attributes(struct archive_entry *entry) {
        int n = archive_entry_xattr_reset(entry);
        struct archive_entry *kept;
        const char *name;
        const void *value;
        size_t size;

        if (n == 0)
                return 0;
        kept = archive_entry_clone(entry);
        if (!kept)
                return -ENOMEM;
        archive_entry_xattr_clear(entry);
        archive_entry_xattr_reset(kept);
        while (archive_entry_xattr_next(kept, &name, &value, &size) == ARCHIVE_OK)
                if (startswith(name, "user.") || streq(name, "security.capability"))
                        archive_entry_xattr_add_entry(entry, name, value, size);
        archive_entry_free(kept);
        return 0;
}

/* Makes an absolute name, and that of a hard link, one below the tree's top, as tar(1) does. */
static int make_relative(struct archive_entry *entry) {
        const char *link = archive_entry_hardlink(entry), *name = archive_entry_pathname(entry);
        _cleanup_free_ char *relative = NULL;

        if (!name)
                return -EILSEQ;
        relative = strdup(name + strspn(name, "/"));
        if (!relative)
                return -ENOMEM;
        archive_entry_set_pathname(entry, *relative ? relative : ".");
        if (link && link[0] == '/') {
                _cleanup_free_ char *target = strdup(link + strspn(link, "/"));

                if (!target)
                        return -ENOMEM;
                archive_entry_set_hardlink(entry, target);
        }
        return 0;
}

static int copy_data(Unpacker *unpacker, struct archive_entry *entry) {
        for (;;) {
                const void *block;
                size_t size;
                int64_t offset;
                int r;

                r = archive_read_data_block(unpacker->reader, &block, &size, &offset);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (r < ARCHIVE_WARN)
                        return complain_archive(unpacker, unpacker->reader, entry);
                if (archive_write_data_block(unpacker->writer, block, size, offset) < ARCHIVE_WARN)
                        return complain_archive(unpacker, unpacker->writer, entry);
                r = check_room(unpacker, size);
                if (r < 0)
                        return r;
                unpacker_tell(unpacker);
        }
}

/* Device nodes, and further names of one. Return: 1 it is to be left out; 0; errno. */
static int leave_out(Unpacker *unpacker, struct archive_entry *entry) {
        const char *link = archive_entry_hardlink(entry);
        mode_t type = archive_entry_filetype(entry);
        bool device = type == AE_IFCHR || type == AE_IFBLK;
        char **grown;

        for (size_t i = 0; link && !device && i < unpacker->n_left_out; i++)
                device = streq(link, unpacker->left_out[i]);
        if (!device)
                return 0;
        /* Further names of one that is not noted are hard links to nothing, and complained of. */
        if (unpacker->n_left_out >= LEFT_OUT_MAX)
                return 1;
        grown = reallocarray(unpacker->left_out, unpacker->n_left_out + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        unpacker->left_out = grown;
        grown[unpacker->n_left_out] = strdup(archive_entry_pathname(entry));
        return grown[unpacker->n_left_out++] ? 1 : -ENOMEM;
}

static bool is_foreign(int64_t id) {
        return id < 0 || id >= ID_SLICE_COUNT;
}

static int check_owner(const Unpacker *unpacker, struct archive_entry *entry) {
        int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

        if (!is_foreign(uid) && !is_foreign(gid))
                return 0;
        return complain(unpacker, -ERANGE,
                        "%s cannot be unpacked: %s belongs to id %" PRId64 ", a container has 0 to %d",
                        unpacker->path, archive_entry_pathname(entry), is_foreign(uid) ? uid : gid,
                        ID_SLICE_COUNT - 1);
}

static int unpack_entry(Unpacker *unpacker, struct archive_entry *entry) {
        int r;

        r = unpacker->links ? 0 : make_relative(entry);
        if (r == -EILSEQ)
                return complain(unpacker, -EBADMSG, "%s has a name that is not valid UTF-8", unpacker->path);
        if (r >= 0)
                r = leave_out(unpacker, entry);
        if (r != 0)
                return r > 0 ? 0 : r;
        r = filter_attributes(entry);
        if (r >= 0)
                r = check_owner(unpacker, entry);
        if (r < 0)
                return r;
        /* A warning is what a file system cannot hold, as attributes. */
        if (archive_write_header(unpacker->writer, entry) < ARCHIVE_WARN)
                return complain_archive(unpacker, unpacker->writer, entry);
        r = copy_data(unpacker, entry);
        if (r < 0)
                return r;
        if (archive_write_finish_entry(unpacker->writer) < ARCHIVE_WARN)
                return complain_archive(unpacker, unpacker->writer, entry);
        return check_room(unpacker, ENTRY_SIZE);
}

/* "./bin" of a folder that is copied as "/bin", and the second name of a file as a hard link. */
static int localize(Unpacker *unpacker, struct archive_entry *entry) {
        const char *name = archive_entry_pathname(entry);
        struct archive_entry *spare = NULL, *same = entry;
        _cleanup_free_ char *path = NULL;

        if (archive_read_disk_can_descend(unpacker->reader))
                archive_read_disk_descend(unpacker->reader);
        path = name && *name ? strdup(name[1] ? name + 1 : "/") : NULL;
        if (!path)
                return -ENOMEM;
        archive_entry_set_pathname(entry, path);
        archive_entry_linkify(unpacker->links, &same, &spare);
        return 0;
}

static int unpack_all(Unpacker *unpacker) {
        struct archive_entry *entry = archive_entry_new();
        size_t n = 0;
        int r = entry ? 0 : -ENOMEM;

        while (r >= 0) {
                r = archive_read_next_header2(unpacker->reader, entry);
                if (r == ARCHIVE_EOF)
                        break;
                if (r < ARCHIVE_WARN) {
                        r = complain_archive(unpacker, unpacker->reader, NULL);
                        break;
                }
                r = 0;
                if (unpacker->links)
                        r = localize(unpacker, entry);
                else
                        unpacker_tell(unpacker);
                if (r >= 0)
                        r = unpack_entry(unpacker, entry);
                n++;
        }
        archive_entry_free(entry);
        if (r < 0)
                return r;
        if (n == 0)
                return complain(unpacker, -EBADMSG, "%s has nothing in it", unpacker->path);
        /* Times and modes of folders come last. */
        if (archive_write_close(unpacker->writer) < ARCHIVE_WARN)
                return complain_archive(unpacker, unpacker->writer, NULL);
        return 0;
}

/* Only files are still made as 0: a folder that the archive does not name stays so. */
static int take_ids(uid_t uid, gid_t gid) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        if (setgroups(0, NULL) < 0 || syscall(SYS_capget, &header, data) < 0 ||
            prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresgid(gid, gid, gid) < 0 ||
            setresuid(uid, uid, uid) < 0 || syscall(SYS_capset, &header, data) < 0)
                return -errno;
        setfsgid(0);
        setfsuid(0);
        return 0;
}

/* What is needed to write files of any owner, and to give them capabilities: nothing else. */
static int drop_capabilities(void) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
                [0] = {.effective = CAPABILITIES, .permitted = CAPABILITIES},
        };

        data[CAP_TO_INDEX(CAP_SETFCAP)].effective |= CAP_TO_MASK(CAP_SETFCAP);
        data[CAP_TO_INDEX(CAP_SETFCAP)].permitted |= CAP_TO_MASK(CAP_SETFCAP);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static void die_with(pid_t parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(ESRCH);
}

/* In the child. Return: 0; errno. */
static int unpack(Unpacker *unpacker, const ArchiveRequest *request, bool from_folder, int from_fd,
                  pid_t parent) {
        int r;

        /* Or names that are not ASCII could not be read. */
        setlocale(LC_CTYPE, "C.UTF-8");
        umask(0);
        if (chdir(request->folder) < 0 || chroot(".") < 0 || (from_folder && fchdir(from_fd) < 0))
                return -errno;
        /* While we are root: it remembers, and changes no owners otherwise. */
        unpacker->writer = archive_write_disk_new();
        if (!unpacker->writer)
                return -ENOMEM;
        archive_write_disk_set_options(unpacker->writer, EXTRACT_FLAGS);
        r = take_ids(request->uid, request->gid);
        /* The change of ids has cleared it. */
        die_with(parent);
        if (r >= 0)
                r = drop_capabilities();
        if (r >= 0)
                r = from_folder ? unpacker_open_folder(unpacker) : unpacker_open(unpacker, from_fd);
        if (r >= 0)
                r = unpack_all(unpacker);
        archive_read_free(unpacker->reader);
        archive_write_free(unpacker->writer);
        archive_entry_linkresolver_free(unpacker->links);
        if (r >= 0 && request->sync) {
                _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                if (fd < 0 || syncfs(fd) < 0)
                        r = -errno;
        }
        return r;
}

/* Nothing of the keeper's is open in the child but these: not its locks, above all. */
static void keep_open(Unpacker *unpacker, int *from_fd) {
        int fds[] = {*from_fd, unpacker->message_fd, unpacker->progress_fd};

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                if (fds[i] >= 0)
                        fds[i] = fcntl(fds[i], F_DUPFD, 100);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                if (fds[i] >= 0)
                        dup2(fds[i], 3 + (int)i);
        syscall(SYS_close_range, fds[2] < 0 ? 5U : 6U, ~0U, 0);
        *from_fd = 3;
        unpacker->message_fd = 4;
        unpacker->progress_fd = fds[2] < 0 ? -EBADF : 5;
}

_Noreturn static void child(Unpacker *unpacker, const ArchiveRequest *request, bool from_folder,
                            pid_t parent) {
        int from_fd = request->from_fd, r;
        sigset_t none;

        die_with(parent);
        keep_open(unpacker, &from_fd);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_IGN);
        r = unpack(unpacker, request, from_folder, from_fd, parent);
        _exit(MIN(-r, 255));
}

/* Waits for the child, whose end of the pipe goes with it, and keeps what it says. */
static int wait_child(pid_t pid, int message_fd, int cancel_fd, char text[static MESSAGE_MAX]) {
        size_t used = 0;
        int status, r = 0;

        while (r == 0) {
                struct pollfd fds[] = {
                        {.fd = message_fd, .events = POLLIN},
                        {.fd = cancel_fd, .events = POLLIN},
                };
                ssize_t n;

                if (poll(fds, ELEMENTSOF(fds), -1) < 0) {
                        r = errno == EINTR ? 0 : -errno;
                        continue;
                }
                if (fds[1].revents)
                        r = -ECANCELED;
                if (!fds[0].revents)
                        continue;
                n = read(message_fd, text + used, MESSAGE_MAX - 1 - used);
                if (n <= 0)
                        break;
                used += (size_t)n;
        }
        text[used] = '\0';
        if (r < 0)
                kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (r < 0)
                return r;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int archive_unpack(const ArchiveRequest *request, char **message) {
        Unpacker unpacker = {
                .path = request->path,
                .message_fd = -EBADF,
                .progress_fd = request->progress_fd,
        };
        char text[MESSAGE_MAX], safe[2 * MESSAGE_MAX];
        bool from_folder;
        pid_t parent = getpid(), pid;
        struct stat st;
        int fds[2], r;

        if (fstat(request->from_fd, &st) < 0)
                return -errno;
        from_folder = S_ISDIR(st.st_mode);
        unpacker.size = from_folder ? 0 : (uint64_t)st.st_size;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                safe_close(fds[0]);
                safe_close(fds[1]);
                return r;
        }
        if (pid == 0) {
                unpacker.message_fd = fds[1];
                child(&unpacker, request, from_folder, parent);
        }
        safe_close(fds[1]);
        r = wait_child(pid, fds[0], request->cancel_fd, text);
        safe_close(fds[0]);
        if (r == -ECANCELED)
                return message_set(message, r, "the launch was called off by a signal");
        if (r < 0 && *text)
                return message_set(message, r, "%s", string_escape(safe, sizeof(safe), text));
        return r < 0 ? message_set(message, r, "%s cannot be unpacked: %s", request->path, strerror(-r)) : 0;
}
