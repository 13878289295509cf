/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Ranges of ids, one for each running container, so that no container's user is another's.
 *
 * Which ids are ours is said by /etc/subuid and /etc/subgid in root's name, as newuidmap wants it and as
 * other programs that hand out ids respect it. Which of them are in use is said by one file per slice in a
 * folder of locks, named UID-GID-COUNT and flock'ed by its owner: a lock dies with its last holder, so a
 * crash leaves no slice lost, and a file that nobody holds is rubbish which the next search removes.
 *
 * Searching and taking is one step under the exclusive lock of the file ".lock". Slices need not be on a
 * grid (a root folder may be owned by any base): what counts is whether two overlap.
 */

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/launch.h"
#include "launch/message.h"
#include "util/fd.h"
#include "util/string.h"

#define RANGES_MAX    256
#define SLICES_MAX    65536
#define SUBID_MAX     (1024U * 1024U)
#define ROOT_RANGE_IS "1000000-1065535999" /* for messages: 16 000 containers */

typedef struct Range {
        uint32_t start, count;
} Range;

typedef struct RangeList {
        Range *ranges;
        size_t n_ranges;
} RangeList;

static void range_list_deinit(RangeList *list) {
        free(list->ranges);
        *list = (RangeList){};
}

static int range_list_add(RangeList *list, uint32_t start, uint32_t count, size_t max) {
        Range *grown;

        if (list->n_ranges >= max)
                return -E2BIG;
        grown = reallocarray(list->ranges, list->n_ranges + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        list->ranges = grown;
        list->ranges[list->n_ranges++] = (Range){start, count};
        return 0;
}

/* "USER:START:COUNT". Return: 1 a range of root's; 0 another's, or nothing we can read, which shadow passes
 * over too. */
static int parse_line(char *line, Range *ret) {
        char *fields[3], *save = NULL;
        uint64_t start, count;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fields[i] = strtok_r(i == 0 ? line : NULL, ":", &save);
                if (!fields[i])
                        return 0;
        }
        if (!streq(fields[0], "root") && !streq(fields[0], "0"))
                return 0;
        if (string_to_u64(fields[1], 10, UINT32_MAX - 1, &start) < 0 ||
            string_to_u64(fields[2], 10, UINT32_MAX - 1, &count) < 0)
                return 0;
        /* The host's root is never handed out, and (uid_t) -1 is no id. */
        if (start == 0 || start + count > UINT32_MAX)
                return 0;
        *ret = (Range){(uint32_t)start, (uint32_t)count};
        return 1;
}

static int read_ranges(const char *path, RangeList *ret) {
        _cleanup_(range_list_deinit) RangeList list = {};
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = fd_read_file(AT_FDCWD, path, SUBID_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                Range range;

                if (parse_line(line, &range) == 0)
                        continue;
                r = range_list_add(&list, range.start, range.count, RANGES_MAX);
                if (r < 0)
                        return r;
        }
        *ret = list;
        list = (RangeList){};
        return ret->n_ranges > 0 ? 0 : -ENOENT;
}

static bool overlaps(const RangeList *busy, uint32_t base) {
        for (size_t i = 0; i < busy->n_ranges; i++) {
                const Range *b = &busy->ranges[i];

                if ((uint64_t)base + ID_SLICE_COUNT > b->start && base < (uint64_t)b->start + b->count)
                        return true;
        }
        return false;
}

static bool contains(const RangeList *ours, uint32_t base) {
        for (size_t i = 0; i < ours->n_ranges; i++) {
                const Range *o = &ours->ranges[i];

                if (base >= o->start && (uint64_t)base + ID_SLICE_COUNT <= (uint64_t)o->start + o->count)
                        return true;
        }
        return false;
}

static int first_free(const RangeList *ours, const RangeList *busy, uint32_t *ret) {
        for (size_t i = 0; i < ours->n_ranges; i++) {
                uint64_t end = (uint64_t)ours->ranges[i].start + ours->ranges[i].count;

                for (uint64_t base = ours->ranges[i].start; base + ID_SLICE_COUNT <= end;
                     base += ID_SLICE_COUNT)
                        if (!overlaps(busy, (uint32_t)base)) {
                                *ret = (uint32_t)base;
                                return 0;
                        }
        }
        return -ENOSPC;
}

static int parse_lock_name(const char *name, Range *ret_uid, Range *ret_gid) {
        uint32_t uid, gid, count;
        int end = 0;

        if (sscanf(name, "%" SCNu32 "-%" SCNu32 "-%" SCNu32 "%n", &uid, &gid, &count, &end) != 3 || name[end])
                return -EINVAL;
        *ret_uid = (Range){uid, count};
        *ret_gid = (Range){gid, count};
        return 0;
}

/* What the locks in @dir hold. Files that nobody holds are removed on the way. */
static int read_busy(int dirfd, RangeList *uids, RangeList *gids) {
        int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 0), r = 0;
        DIR *dir;

        if (copy < 0)
                return -errno;
        dir = fdopendir(copy);
        if (!dir) {
                safe_close(copy);
                return -errno;
        }
        rewinddir(dir);
        for (struct dirent *entry = readdir(dir); entry && r >= 0; entry = readdir(dir)) {
                _cleanup_close_ int fd = -EBADF;
                Range uid, gid;

                if (parse_lock_name(entry->d_name, &uid, &gid) < 0)
                        continue;
                fd = openat(dirfd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
                if (fd < 0)
                        continue;
                if (flock(fd, LOCK_EX | LOCK_NB) >= 0) {
                        unlinkat(dirfd, entry->d_name, /* flags= */ 0);
                        continue;
                }
                r = range_list_add(uids, uid.start, uid.count, SLICES_MAX);
                if (r >= 0)
                        r = range_list_add(gids, gid.start, gid.count, SLICES_MAX);
        }
        closedir(dir);
        return r;
}

static int choose(const RangeList *uids, const RangeList *gids, const RangeList *busy_uids,
                  const RangeList *busy_gids, uint32_t want_uid, IdSlice *slice, char **message) {
        int r = 0;

        if (want_uid != 0) {
                if (!contains(uids, want_uid))
                        return message_set(
                                message, -ERANGE,
                                "the ids %" PRIu32 " to %" PRIu32 " are not all in root's ranges of "
                                "/etc/subuid: change the owner of the root folder or the ids in the "
                                "container "
                                "file, or add the range by "
                                "`usermod --add-subuids %" PRIu32 "-%" PRIu32 " --add-subgids ... root`",
                                want_uid, want_uid + ID_SLICE_COUNT - 1, want_uid,
                                want_uid + ID_SLICE_COUNT - 1);
                if (overlaps(busy_uids, want_uid))
                        return message_set(message, -EBUSY,
                                           "the ids from %" PRIu32
                                           " on, which the root folder or the container file asks "
                                           "for, are those of another "
                                           "running container: stop that one first",
                                           want_uid);
                slice->uid_base = want_uid;
        } else
                r = first_free(uids, busy_uids, &slice->uid_base);

        if (r >= 0) {
                if (contains(gids, slice->uid_base) && !overlaps(busy_gids, slice->uid_base))
                        slice->gid_base = slice->uid_base;
                else
                        r = first_free(gids, busy_gids, &slice->gid_base);
        }
        if (r < 0)
                return message_set(message, r,
                                   "all of root's ids in /etc/subuid and /etc/subgid are taken by running "
                                   "containers, or "
                                   "no range has %d of them: add more by `usermod --add-subuids FIRST-LAST "
                                   "--add-subgids FIRST-LAST root`",
                                   ID_SLICE_COUNT);
        return 0;
}

static int lock_slice(int dirfd, const IdSlice *slice, int *ret) {
        _cleanup_close_ int fd = -EBADF;
        char name[64];

        snprintf(name, sizeof(name), "%" PRIu32 "-%" PRIu32 "-%" PRIu32, slice->uid_base, slice->gid_base,
                 slice->count);
        fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

/* Above it, everybody may have the right to make it first: whose it is could take the locks away from those
 * who hold them, and so give the same ids to two. Return: fd; -EPERM with @message; errno. */
static int open_locks(const char *path, char **message) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = fd_mkdir_parents(path, 0755);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno != ELOOP && errno != ENOTDIR)
                return -errno;
        if (fd >= 0 && fstat(fd, &st) < 0)
                return -errno;
        if (fd < 0 || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
                return message_set(message, -EPERM,
                                   "%s, which says whose ids are whose, is not the host root's alone: remove "
                                   "it, or give it to root with the mode 0755",
                                   path);
        return TAKE_FD(fd);
}

int id_slice_take(const char *subuid, const char *subgid, const char *locks_dir, uint32_t want_uid,
                  IdSlice *ret, char **message) {
        _cleanup_(range_list_deinit) RangeList uids = {}, gids = {}, busy_uids = {}, busy_gids = {};
        _cleanup_close_ int dirfd = -EBADF, search_fd = -EBADF;
        IdSlice slice = {.count = ID_SLICE_COUNT, .lock_fd = -EBADF};
        int r;

        r = read_ranges(subuid, &uids);
        if (r >= 0)
                r = read_ranges(subgid, &gids);
        if (r == -ENOENT)
                return message_set(message, r,
                                   "root has no ids to give to containers in %s and %s: add some by `usermod "
                                   "--add-subuids " ROOT_RANGE_IS " --add-subgids " ROOT_RANGE_IS " root`",
                                   subuid, subgid);
        if (r < 0)
                return r;

        dirfd = open_locks(locks_dir, message);
        if (dirfd < 0)
                return dirfd;
        search_fd = openat(dirfd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (search_fd < 0)
                return -errno;
        while (flock(search_fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;

        r = read_busy(dirfd, &busy_uids, &busy_gids);
        if (r >= 0)
                r = choose(&uids, &gids, &busy_uids, &busy_gids, want_uid, &slice, message);
        if (r >= 0)
                r = lock_slice(dirfd, &slice, &slice.lock_fd);
        if (r < 0)
                return r;
        *ret = slice;
        return 0;
}

void id_slice_release(IdSlice *slice) {
        char link[64], path[4096];
        ssize_t n;

        if (slice->lock_fd < 0)
                return;
        /* The file goes while it is still locked, so a search at the same time takes it for busy, not for
         * rubbish. */
        snprintf(link, sizeof(link), "/proc/self/fd/%d", slice->lock_fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n > 0) {
                path[n] = '\0';
                unlink(path);
        }
        slice->lock_fd = safe_close(slice->lock_fd);
}
