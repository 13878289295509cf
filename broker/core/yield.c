/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host yields: RUNTIME/yield has a file for each device that is given, by the device's id, with what
 * udev's rules of ours (rules/72-davit.rules.in) are to hint to the host's services. A device that comes
 * again while its grant lingers is so left alone from its first event on. Of one that came before its file,
 * udev is asked to run the rules again, and once more when the file has gone: `change` into its uevent file.
 *
 * Level-triggered like all else: a touch notes that a device may yield differently now; a timer compares what
 * it should yield with the file, and with what udev has told of each part, and puts the difference right. Off
 * the way of a plug, many touches being one look, and of udevd a bounded share of its time: a container that
 * is started and stopped without end asks for no more.
 *
 * Nothing depends on the answer: without udevd, or without the rules, each part is asked for once a change.
 * A first plug is seen by the host's services before it is given: they may have begun with it by then.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "core/manager-internal.h"
#include "model/yield.h"
#include "plan/yield.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/string.h"

#define LOOK_USEC (UINT64_C(20) * 1000)

/* Parts that udev is asked for in one go, and the pause behind it. */
#define ASKED_MAX  16U
#define PAUSE_USEC (UINT64_C(100) * 1000)
#define RETRY_USEC (UINT64_C(5) * 1000 * 1000)

#define FOLDER   "yield"
#define FILE_MAX 4096U

/* What a file has that we did not write: none that is right. */
#define MARKED_UNKNOWN (~(YieldSet)0)

typedef struct Marker {
        char *device;
        YieldSet marked; /* what the file says; 0 there is none */
        bool due;
        struct Marker *prev, *next; /* in the list of those that are due */
        UT_hash_handle hh;
} Marker;

struct Yield {
        Manager *manager;
        int folder_fd;
        Marker *markers;
        Marker *due;
        LoopSource *timer;
        bool armed, complained;
};

static Marker *marker_get(Yield *yield, const char *device) {
        Marker *marker;

        HASH_FIND_STR(yield->markers, device, marker);
        if (marker)
                return marker;
        marker = calloc(1, sizeof(*marker));
        if (!marker)
                return NULL;
        marker->device = strdup(device);
        if (marker->device)
                HASH_ADD_KEYPTR(hh, yield->markers, marker->device, strlen(marker->device), marker);
        if (!marker->device || !marker->hh.tbl) {
                free(marker->device);
                free(marker);
                return NULL;
        }
        return marker;
}

static void marker_free(Yield *yield, Marker *marker) {
        if (marker->due)
                DL_DELETE(yield->due, marker);
        HASH_DEL(yield->markers, marker);
        free(marker->device);
        free(marker);
}

Yield *yield_free(Yield *yield) {
        if (!yield)
                return NULL;
        while (yield->markers)
                marker_free(yield, yield->markers);
        loop_source_free(yield->timer);
        safe_close(yield->folder_fd);
        free(yield);
        return NULL;
}
DEFINE_CLEANUP(Yield *, yield_free);

static void arm(Yield *yield, uint64_t usec) {
        if (!yield->armed)
                yield->armed = loop_source_set_timer(yield->timer, usec) >= 0;
}

static void marker_due(Yield *yield, Marker *marker) {
        if (!marker->due) {
                marker->due = true;
                DL_APPEND(yield->due, marker);
        }
        arm(yield, LOOK_USEC);
}

void manager_yield_touch(Manager *manager, const char *device) {
        Marker *marker = manager->yield ? marker_get(manager->yield, device) : NULL;

        if (marker)
                marker_due(manager->yield, marker);
}

void manager_yield_touch_all(Manager *manager) {
        Yield *yield = manager->yield;

        if (!yield)
                return;
        for (Marker *marker = yield->markers; marker; marker = marker->hh.next)
                marker_due(yield, marker);
}

void manager_yield_heard(Manager *manager, const Uevent *event) {
        Part *part;

        if (yield_told(&event->properties) == 0)
                return;
        part = registry_part(&manager->registry, uevent_devpath(event));
        if (part)
                manager_yield_touch(manager, part->device->id);
}

/* Return: 0; errno, the file is as it was. */
static int write_marker(Yield *yield, Marker *marker, YieldSet set) {
        char text[YIELD_TEXT_MAX], line[YIELD_TEXT_MAX + 16];
        int n, r;

        if (set == marker->marked)
                return 0;
        if (set == 0)
                r = unlinkat(yield->folder_fd, marker->device, /* flags= */ 0) < 0 && errno != ENOENT ? -errno
                                                                                                      : 0;
        else {
                yield_to_text(set, text);
                n = snprintf(line, sizeof(line), "DAVIT_YIELD=%s\n", text);
                r = fd_write_file(yield->folder_fd, marker->device, line, (size_t)n, 0644);
        }
        if (r >= 0)
                marker->marked = set;
        return r;
}

/*
 * Has the rules run again for @part. As `add` where it has something that others' rules tell at that alone,
 * and that those who look for it take at that alone; never for an interface, which udev would name anew.
 *
 * This does not wait for a driver: the kernel puts the event together and sends it, at once. A part that has
 * gone meanwhile has no such file.
 */
static int ask(const Part *part, YieldSet set) {
        static const char *const at_add[] = {"ID_MTP_DEVICE", "ID_MEDIA_PLAYER", "ID_GPHOTO2"};
        const char *action = "change";
        _cleanup_free_ char *path = NULL;
        int r;

        for (size_t i = 0; set == 0 && part->kind == PART_USB && i < ELEMENTSOF(at_add); i++)
                if (property_list_get(&part->properties, at_add[i]))
                        action = "add";
        if (asprintf(&path, "/sys%s/uevent", part->devpath) < 0)
                return -ENOMEM;
        r = fd_write_string(AT_FDCWD, path, streq(action, "add") ? "add " YIELD_UUID : "change " YIELD_UUID);
        return r == -ENOENT || r == -ENODEV ? 0 : r;
}

/* What udev should tell of @part, where the device should yield @set. */
static YieldSet wanted_of(const Part *part, YieldSet set) {
        return set == 0 || yield_concerns(part, set | part->yield_told) ? set : part->yield_told;
}

/* Asks for at most @max parts and lowers it by their number. Return: whether none had to be left. */
static bool ask_for_parts(Yield *yield, Device *device, YieldSet set, unsigned int *max) {
        device_parts_foreach(part, device) {
                YieldSet wanted = wanted_of(part, set);
                int r;

                if (part->away || part->yield_told == wanted) {
                        part->yield_asked = part->yield_told;
                        continue;
                }
                if (part->yield_asked == wanted)
                        continue;
                if (*max == 0)
                        return false;
                --*max;
                part->yield_asked = wanted;
                r = ask(part, wanted);
                if (r < 0 && !yield->complained) {
                        yield->complained = true;
                        log_full(LOG_WARNING, r, &(LogSubject){.device = device->id},
                                 "Failed to have udev look at %s again; services of the host may take it: %m",
                                 part->devpath);
                }
        }
        return true;
}

/* Return: 0; 1 not all could be asked for just now; errno. */
static int settle(Yield *yield, Marker *marker, unsigned int *max) {
        Manager *manager = yield->manager;
        Device *device = registry_device(&manager->registry, marker->device);
        YieldSet set = device ? yield_wanted(device) : 0;
        int r;

        r = write_marker(yield, marker, set);
        if (r < 0)
                return r;
        /* Without udevd there is nobody to ask; one that comes reads the file. */
        if (!device || !monitor_hears_udev(manager->monitor))
                return 0;
        return ask_for_parts(yield, device, set, max) ? 0 : 1;
}

static void on_timer(void *userdata) {
        Yield *yield = userdata;
        unsigned int max = ASKED_MAX;
        Marker *marker, *next;

        yield->armed = false;
        DL_FOREACH_SAFE(yield->due, marker, next) {
                int r = settle(yield, marker, &max);

                if (r != 0) {
                        if (r < 0)
                                log_full(LOG_ERR, r, &(LogSubject){.device = marker->device},
                                         "Failed to write down what the host yields: %m");
                        arm(yield, r < 0 ? RETRY_USEC : PAUSE_USEC);
                        return;
                }
                marker->due = false;
                DL_DELETE(yield->due, marker);
                if (marker->marked == 0)
                        marker_free(yield, marker);
        }
}

/* Takes in what a former davitd has left: it is compared like all else. */
static int read_folder(Yield *yield) {
        _cleanup_close_ int fd = openat(yield->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;

        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir)
                return -errno;
        TAKE_FD(fd);
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *text = NULL;
                const char *value;
                Marker *marker;

                if (entry->d_name[0] == '.')
                        continue;
                marker = marker_get(yield, entry->d_name);
                if (!marker)
                        return -ENOMEM;
                marker->marked = MARKED_UNKNOWN;
                if (fd_read_file(yield->folder_fd, entry->d_name, FILE_MAX, &text, NULL) >= 0) {
                        text[strcspn(text, "\n")] = '\0';
                        value = startswith(text, "DAVIT_YIELD=");
                        if (value)
                                marker->marked = yield_from_text(value) ?: MARKED_UNKNOWN;
                }
                marker_due(yield, marker);
        }
        return 0;
}

int manager_yield_open(Manager *manager) {
        _cleanup_(yield_freep) Yield *yield = calloc(1, sizeof(*yield));
        _cleanup_free_ char *path = NULL;
        int r;

        if (!yield)
                return -ENOMEM;
        yield->manager = manager;
        yield->folder_fd = -EBADF;
        if (asprintf(&path, "%s/" FOLDER, manager->runtime_dir) < 0)
                return -ENOMEM;
        r = fd_mkdir_parents(path, 0755);
        if (r < 0)
                return r;
        yield->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (yield->folder_fd < 0)
                return -errno;
        r = loop_add_timer(manager->loop, on_timer, yield, &yield->timer);
        if (r >= 0)
                r = read_folder(yield);
        if (r < 0)
                return r;
        manager->yield = TAKE_PTR(yield);
        return 0;
}
