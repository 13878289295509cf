/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The containers that davit launched.
 *
 * Each has a folder RUNTIME/containers/NAME, made by its keeper, with a lock that the keeper holds while it
 * lives and a record that it writes once the container runs. What is seen here goes through one function,
 * launched_look(), which compares a folder with what was reported and reports the difference: at the scan, at
 * every inotify event that names the folder, and at the end of an init. So a lost or doubled event does no
 * harm.
 *
 * Invariants: an entry with a pidfd was reported `up` and not yet `down`; its pidfd is in the epoll set. A
 * container whose keeper died goes on as long as its init lives; only then is its folder stale. The pid of a
 * record is believed only after a pidfd pinned it and its start time was compared, and what was read of it
 * only while that pidfd lives.
 *
 * A lock that nobody holds says that the keeper is dead only where it once was held: where there is a record,
 * or the folder is no longer new. A keeper between mkdir() and flock() must not be taken for a dead one, nor
 * be disturbed in its flock() by a test.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "model/registry.h"
#include "source/launched.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/string.h"

#define RECORD_SIZE_MAX    (64U * 1024U)
#define ID_MAP_SIZE_MAX    (64U * 1024U)
#define BATCH_MAX          64
#define FOLDER_NEW_FOR_SEC 10

typedef struct Entry {
        char *name;
        int watch;
        int pidfd;
        bool keeper_seen; /* its lock was held once */
        bool stale;       /* reported, not again */
        UT_hash_handle hh;
} Entry;

struct Launched {
        const LaunchedOps *ops;
        void *userdata;
        char *folder;
        int folder_fd;
        int epoll_fd;
        int inotify_fd;
        int watch;
        Entry *entries;
};

static Entry *entry_free(Entry *entry) {
        if (!entry)
                return NULL;
        safe_close(entry->pidfd);
        free(entry->name);
        free(entry);
        return NULL;
}

static Entry *launched_entry(const Launched *launched, const char *name) {
        Entry *entry;

        HASH_FIND_STR(launched->entries, name, entry);
        return entry;
}

static void launched_drop(Launched *launched, Entry *entry) {
        HASH_DEL(launched->entries, entry);
        inotify_rm_watch(launched->inotify_fd, entry->watch);
        entry_free(entry);
}

/* Watches a folder that was not known. Return: 0; -ENOENT it is gone again; -ENOSPC too many; errno. */
static int launched_enter(Launched *launched, const char *name, Entry **ret) {
        char path[PATH_MAX];
        Entry *entry;
        int n;

        if (HASH_COUNT(launched->entries) >= REGISTRY_CONTAINERS_MAX)
                return -ENOSPC;
        n = snprintf(path, sizeof(path), "%s/%s", launched->folder, name);
        if (n < 0 || (size_t)n >= sizeof(path))
                return -ENAMETOOLONG;

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return -ENOMEM;
        entry->pidfd = -EBADF;
        entry->name = strdup(name);
        if (!entry->name) {
                entry_free(entry);
                return -ENOMEM;
        }
        /* A keeper that dies closes its lock: that is the only sign of it. */
        entry->watch = inotify_add_watch(launched->inotify_fd, path,
                                         IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR | IN_DONT_FOLLOW);
        if (entry->watch < 0) {
                int r = -errno;

                entry_free(entry);
                return r;
        }
        HASH_ADD_KEYPTR(hh, launched->entries, entry->name, strlen(entry->name), entry);
        if (!entry->hh.tbl) {
                inotify_rm_watch(launched->inotify_fd, entry->watch);
                entry_free(entry);
                return -ENOMEM;
        }
        *ret = entry;
        return 0;
}

static bool pidfd_alive(int pidfd) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return poll(&p, 1, /* timeout= */ 0) == 0;
}

/* Field 22 of /proc/PID/stat. The second field, a name in parentheses, is the process's own choice: it may
 * hold blanks and parentheses, so the count starts behind the last one. */
static int read_start_time(int proc_fd, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        char *field, *save = NULL;
        int r;

        r = fd_read_file(proc_fd, "stat", 4096, &text, NULL);
        if (r < 0)
                return r;
        field = strrchr(text, ')');
        if (!field)
                return -EBADMSG;
        field = strtok_r(field + 1, " ", &save);
        for (unsigned int i = 3; field && i < 22; i++)
                field = strtok_r(NULL, " ", &save);
        return field && string_to_u64(field, 10, UINT64_MAX, ret) >= 0 ? 0 : -EBADMSG;
}

static int read_id_map(int proc_fd, const char *name, IdMap *ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = fd_read_file(proc_fd, name, ID_MAP_SIZE_MAX, &text, NULL);
        return r < 0 ? r : id_map_parse(text, ret);
}

/* Pins the init that @record names. Return: 0; -ESRCH it ended; errno. */
static int container_pin_init(Container *container, const ContainerRecord *record) {
        _cleanup_close_ int pidfd = -EBADF, proc_fd = -EBADF;
        char path[32];
        uint64_t start;
        int r;

        pidfd = (int)syscall(SYS_pidfd_open, record->init_pid, 0U);
        if (pidfd < 0)
                return errno == EINVAL ? -ESRCH : -errno;
        fcntl(pidfd, F_SETFD, FD_CLOEXEC);

        snprintf(path, sizeof(path), "/proc/%d", (int)record->init_pid);
        proc_fd = fd_open_dir(AT_FDCWD, path);
        if (proc_fd < 0)
                return proc_fd == -ENOENT ? -ESRCH : proc_fd;
        r = read_start_time(proc_fd, &start);
        if (r >= 0 && start != record->init_start)
                return -ESRCH;
        if (r >= 0)
                r = read_id_map(proc_fd, "uid_map", &container->uid_map);
        if (r >= 0)
                r = read_id_map(proc_fd, "gid_map", &container->gid_map);
        /* All of that was this process's only if it has not been reaped meanwhile. */
        if (!pidfd_alive(pidfd))
                return -ESRCH;
        if (r < 0)
                return r;

        container->init_pid = record->init_pid;
        container->init_pidfd = TAKE_FD(pidfd);
        return 0;
}

static int container_from_record(const char *name, const ContainerRecord *record, Container **ret) {
        _cleanup_(container_freep) Container *container = NULL;
        int r;

        r = container_new(name, "davit", &container);
        if (r < 0)
                return r;
        r = property_list_copy(&container->labels, &record->labels);
        if (r >= 0)
                r = edits_append(&container->started, &record->started);
        if (r < 0)
                return r;
        r = container_pin_init(container, record);
        if (r < 0)
                return r;
        container->state = CONTAINER_RUNNING;
        *ret = TAKE_PTR(container);
        return 0;
}

/* Return: 0; -ESRCH its init ended; errno. */
static int launched_bring_up(Launched *launched, Entry *entry, const ContainerRecord *record) {
        _cleanup_(container_freep) Container *container = NULL;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = entry};
        _cleanup_close_ int pidfd = -EBADF;
        int r;

        r = container_from_record(entry->name, record, &container);
        if (r < 0)
                return r;
        pidfd = fcntl(container->init_pidfd, F_DUPFD_CLOEXEC, 3);
        if (pidfd < 0 || epoll_ctl(launched->epoll_fd, EPOLL_CTL_ADD, pidfd, &event) < 0)
                return -errno;
        entry->pidfd = TAKE_FD(pidfd);
        entry->stale = false;
        launched->ops->up(launched->userdata, TAKE_PTR(container), record);
        return 0;
}

static void launched_bring_down(Launched *launched, Entry *entry) {
        /* The container's owner may hold a duplicate, which would keep a plainly closed one in the epoll set.
         */
        epoll_ctl(launched->epoll_fd, EPOLL_CTL_DEL, entry->pidfd, NULL);
        entry->pidfd = safe_close(entry->pidfd);
        launched->ops->down(launched->userdata, entry->name);
}

/* Whether the keeper of this folder has died; in doubt it has not. */
static bool keeper_dead(Entry *entry, int dir_fd, bool has_record) {
        _cleanup_close_ int fd = -EBADF;
        struct timespec now;
        struct stat st;

        if (!has_record && !entry->keeper_seen) {
                clock_gettime(CLOCK_REALTIME, &now);
                if (fstat(dir_fd, &st) < 0 || now.tv_sec - st.st_mtim.tv_sec < FOLDER_NEW_FOR_SEC)
                        return false;
        }
        fd = openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT;
        if (flock(fd, LOCK_SH | LOCK_NB) == 0)
                return true;
        entry->keeper_seen = true;
        return false;
}

static int read_record(int dir_fd, ContainerRecord *ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = fd_read_file(dir_fd, "state", RECORD_SIZE_MAX, &text, NULL);
        return r < 0 ? r : container_record_parse(text, ret);
}

/* An entry without a running init, as far as was known: is there one now, or is it stale? */
static int launched_settle(Launched *launched, Entry *entry, int dir_fd) {
        _cleanup_(container_record_deinit) ContainerRecord record = {};
        bool has_record;
        int r;

        r = read_record(dir_fd, &record);
        has_record = r >= 0;
        if (r < 0 && r != -ENOENT)
                log_full(LOG_WARNING, r, &(LogSubject){.container = entry->name},
                         "Failed to read a container's record: %m");
        if (has_record) {
                r = launched_bring_up(launched, entry, &record);
                if (r != -ESRCH)
                        return r;
        }
        if (entry->stale || !keeper_dead(entry, dir_fd, has_record))
                return 0;
        entry->stale = true;
        launched->ops->stale(launched->userdata, entry->name, record.cgroup);
        return 0;
}

/* Compares the folder @name with what was reported. Return: 0; errno. */
static int launched_look(Launched *launched, const char *name) {
        _cleanup_close_ int dir_fd = -EBADF;
        Entry *entry;
        int r;

        if (!string_is_name(name))
                return 0;
        entry = launched_entry(launched, name);
        if (entry && entry->pidfd >= 0 && !pidfd_alive(entry->pidfd))
                launched_bring_down(launched, entry);

        dir_fd = openat(launched->folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0) {
                r = -errno;
                /* Any other thing of that name is junk; a folder that went while the init lives is waited
                 * for. */
                if (entry && entry->pidfd < 0)
                        launched_drop(launched, entry);
                return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
        }
        if (!entry) {
                r = launched_enter(launched, name, &entry);
                if (r < 0)
                        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
        }
        return entry->pidfd >= 0 ? 0 : launched_settle(launched, entry, dir_fd);
}

static void launched_look_logged(Launched *launched, const char *name) {
        int r = launched_look(launched, name);

        if (r < 0)
                log_full(LOG_ERR, r, &(LogSubject){.container = name}, "Failed to look at a container: %m");
}

int launched_new(const char *runtime_dir, const LaunchedOps *ops, void *userdata, Launched **ret) {
        _cleanup_(launched_freep) Launched *launched = NULL;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        int r;

        assert(runtime_dir && ops && ops->up && ops->down && ops->stale && ret);

        launched = calloc(1, sizeof(*launched));
        if (!launched)
                return -ENOMEM;
        launched->ops = ops;
        launched->userdata = userdata;
        launched->folder_fd = launched->epoll_fd = launched->inotify_fd = -EBADF;
        if (asprintf(&launched->folder, "%s/containers", runtime_dir) < 0) {
                launched->folder = NULL;
                return -ENOMEM;
        }
        r = fd_mkdir_parents(launched->folder, 0755);
        if (r < 0)
                return r;

        launched->folder_fd = open(launched->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        launched->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        launched->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (launched->folder_fd < 0 || launched->epoll_fd < 0 || launched->inotify_fd < 0)
                return -errno;
        launched->watch = inotify_add_watch(launched->inotify_fd, launched->folder,
                                            IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR);
        if (launched->watch < 0 ||
            epoll_ctl(launched->epoll_fd, EPOLL_CTL_ADD, launched->inotify_fd, &event) < 0)
                return -errno;
        *ret = TAKE_PTR(launched);
        return 0;
}

Launched *launched_free(Launched *launched) {
        Entry *entry, *next;

        if (!launched)
                return NULL;
        HASH_ITER(hh, launched->entries, entry, next) {
                HASH_DEL(launched->entries, entry);
                entry_free(entry);
        }
        safe_close(launched->inotify_fd);
        safe_close(launched->epoll_fd);
        safe_close(launched->folder_fd);
        free(launched->folder);
        free(launched);
        return NULL;
}

int launched_fd(const Launched *launched) {
        return launched->epoll_fd;
}

/* Return: 0; 1 events were lost. */
static int launched_take_event(Launched *launched, const struct inotify_event *event) {
        Entry *entry, *next;

        if (event->mask & IN_Q_OVERFLOW)
                return 1;
        if (event->wd == launched->watch) {
                if (event->len > 0)
                        launched_look_logged(launched, event->name);
                return 0;
        }
        /* Our own reading closes nothing that was open for writing, so this cannot go round and round. */
        if (event->len == 0 || (!streq(event->name, "state") && !streq(event->name, "lock")))
                return 0;
        HASH_ITER(hh, launched->entries, entry, next)
                if (entry->watch == event->wd) {
                        char name[NAME_MAX + 1];

                        /* Looking may free the entry, and its name with it. */
                        snprintf(name, sizeof(name), "%s", entry->name);
                        launched_look_logged(launched, name);
                        break;
                }
        return 0;
}

static int launched_follow_folders(Launched *launched) {
        char events[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
        bool lost = false;
        ssize_t n;

        while ((n = read(launched->inotify_fd, events, sizeof(events))) > 0)
                for (const char *p = events; p < events + n;) {
                        const struct inotify_event *event = (const struct inotify_event *)p;

                        lost |= launched_take_event(launched, event) > 0;
                        p += sizeof(*event) + event->len;
                }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;
        return lost ? launched_scan(launched) : 0;
}

int launched_dispatch(Launched *launched) {
        struct epoll_event events[BATCH_MAX];
        bool folders = false;
        int n;

        n = epoll_wait(launched->epoll_fd, events, ELEMENTSOF(events), /* timeout= */ 0);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;

        /* Ends before folders: no entry is freed while its pointer is still to be read from @events. */
        for (int i = 0; i < n; i++) {
                Entry *entry = events[i].data.ptr;

                if (entry)
                        launched_bring_down(launched, entry);
                else
                        folders = true;
        }
        for (int i = 0; i < n; i++) {
                Entry *entry = events[i].data.ptr;
                char name[NAME_MAX + 1];

                if (!entry)
                        continue;
                snprintf(name, sizeof(name), "%s", entry->name);
                launched_look_logged(launched, name);
        }
        return folders ? launched_follow_folders(launched) : 0;
}

int launched_scan(Launched *launched) {
        DIR *folder;
        Entry *entry, *next;
        int fd;

        /* A description of its own: the position of folder_fd is nobody's. */
        fd = openat(launched->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        folder = fdopendir(fd);
        if (!folder) {
                int r = -errno;

                safe_close(fd);
                return r;
        }
        for (const struct dirent *de; (de = readdir(folder));)
                launched_look_logged(launched, de->d_name);
        closedir(folder);

        /* And those whose folder went unseen. */
        HASH_ITER(hh, launched->entries, entry, next) {
                char name[NAME_MAX + 1];

                snprintf(name, sizeof(name), "%s", entry->name);
                launched_look_logged(launched, name);
        }
        return 0;
}
