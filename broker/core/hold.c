/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Holds over time: how long a device may be away, and that none is forgotten when davitd is.
 *
 * A grant gets a hold when the device is in the container by a rule with `linger`. From then on plan/wanted.c
 * lets it go on; here it is seen to that it ends: another device in that place, the same one in another
 * place, the time, the policy loaded anew. It then goes as a whole, and the device is assigned like any
 * other.
 *
 * Each is a small file RUNTIME/state/hold.CONTAINER@DEVICE, so that a davitd which starts anew goes on with
 * it. It is written at the end of the loop's round, when the node is long in place: a hold that is missing
 * after a crash lets the device be dealt anew, which harms nobody. It is removed before the end is acted
 * upon: one too many would give a device to two. The deadline in it is of CLOCK_BOOTTIME, so the time that
 * nobody was there counts.
 */

#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "core/manager-internal.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/string.h"

#define HOLD_PREFIX   "hold."
#define HOLD_WORD_MAX 8192
#define HOLD_FILE_MAX (4 * HOLD_WORD_MAX)

static uint64_t boot_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int hold_file_name(const char *device, const char *container, char name[NAME_MAX + 1]) {
        int n = snprintf(name, NAME_MAX + 1, HOLD_PREFIX "%s@", container);

        return n > NAME_MAX ? -ENAMETOOLONG : string_to_component(device, name + n, NAME_MAX + 1 - (size_t)n);
}

/* ---- files */

/* As one word without a line break; "" for what is unknown. */
static int print_word(FILE *f, const char *key, const char *value) {
        char word[HOLD_WORD_MAX];
        int r;

        r = string_empty(value) ? 0 : string_to_component(value, word, sizeof(word));
        if (r < 0)
                return r;
        fprintf(f, "%s=%s\n", key, string_empty(value) ? "" : word);
        return 0;
}

static int hold_write(const Manager *manager, const Hold *hold) {
        const Grant *grant = hold->grant;
        _cleanup_free_ char *text = NULL;
        char name[NAME_MAX + 1];
        size_t size = 0;
        FILE *f;
        int r, k;

        r = hold_file_name(grant->device->id, grant->container->name, name);
        if (r < 0)
                return r;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        fprintf(f, "CONTAINER=%s\nINIT_PID=%d\nUNTIL=%" PRIu64 "\nAMBIGUOUS=%d\n", grant->container->name,
                (int)grant->container->init_pid, hold->until_usec, hold->ambiguous);
        r = print_word(f, "DEVPATH", hold->devpath);
        k = print_word(f, "SERIAL", hold->serial);
        r = r < 0 ? r : k;
        k = print_word(f, "RULE", hold->rule->name);
        r = r < 0 ? r : k;
        if (fclose(f) != 0)
                return -ENOMEM;
        return r < 0 ? r : fd_write_file(manager->state_fd, name, text, size, 0600);
}

void manager_save_holds(Manager *manager) {
        Hold *hold;

        DL_FOREACH(manager->holds, hold) {
                int r;

                if (!hold->dirty)
                        continue;
                hold->dirty = false;
                r = hold_write(manager, hold);
                if (r < 0)
                        log_full(LOG_WARNING, r,
                                 &(LogSubject){.device = hold->grant->device->id,
                                               .container = hold->grant->container->name},
                                 "Failed to note that it is held: %m");
        }
}

static void on_write(void *userdata) {
        manager_save_holds(userdata);
}

static void hold_changed(Manager *manager, Hold *hold) {
        hold->dirty = true;
        loop_source_set_timer(manager->hold_write, 0);
}

/* ---- beginnings and ends */

static void arm(Manager *manager) {
        uint64_t now = boot_now(), first = UINT64_MAX;
        Hold *hold;

        DL_FOREACH(manager->holds, hold)
                if (hold->until_usec > 0)
                        first = MIN(first, hold->until_usec);
        loop_source_set_timer(manager->hold_end, first == UINT64_MAX ? first : first > now ? first - now : 0);
}

void manager_end_hold(Manager *manager, Grant *grant) {
        Hold *hold = TAKE_PTR(grant->hold);
        char name[NAME_MAX + 1];

        if (!hold)
                return;
        if (hold_file_name(grant->device->id, grant->container->name, name) >= 0)
                unlinkat(manager->state_fd, name, /* flags= */ 0);
        DL_DELETE(manager->holds, hold);
        hold_free(hold);
}

void manager_end_stay(Manager *manager, Grant *grant) {
        const Override *override = manager_override(manager, grant->device->id, grant->container->name);

        if (!grant->hold)
                return;
        if (override && override->attach)
                manager_drop_overrides(manager, grant->device->id, grant->container->name);
        manager_end_hold(manager, grant);
}

/* Takes up that the device is there, or is not. */
static void hold_set_until(Manager *manager, Hold *hold, uint64_t until_usec) {
        if (hold->until_usec == until_usec)
                return;
        hold->until_usec = until_usec;
        hold_changed(manager, hold);
        manager_notify(manager, OBJECT_GRANT, hold->grant->device->id, hold->grant->container->name);
        arm(manager);
}

void manager_set_away(Manager *manager, Grant *grant, bool away) {
        Hold *hold = grant->hold;

        if (hold && away != grant_is_away(grant))
                hold_set_until(manager, hold, away ? boot_now() + hold->rule->give.linger_usec : 0);
}

static void add_hold(Manager *manager, Grant *grant, Hold *hold) {
        grant->hold = hold;
        DL_APPEND(manager->holds, hold);
        hold_changed(manager, hold);
}

static bool rule_lingers(const Rule *rule) {
        return rule && !rule->deny && rule->give.linger_usec > 0;
}

static bool says(const Device *device, const char *serial) {
        return device->n_parts > 0 && streq_ptr(device->serial, serial);
}

/* Whether a device other than @device is there and says the serial of @hold. */
static bool another_says(const Manager *manager, const Hold *hold, const Device *device) {
        registry_devices_foreach(other, &manager->registry)
                if (other != device && says(other, hold->serial))
                        return true;
        return false;
}

/* Where two devices say one serial, as many do, none of them has come from the place of the other. Seen while
 * both are there; it is never forgotten for as long as the hold lasts. */
static void note_ambiguous(Manager *manager, Hold *hold) {
        if (hold->ambiguous)
                return;
        hold->ambiguous = true;
        hold_changed(manager, hold);
}

/* The holds that wait elsewhere for what has come here end. By the timer, as who called may be in the middle
 * of all devices. */
static void end_holds_elsewhere(Manager *manager, const Device *device) {
        Hold *hold;

        DL_FOREACH(manager->holds, hold) {
                if (hold->grant->device == device || !hold->serial || !says(device, hold->serial))
                        continue;
                if (!grant_is_away(hold->grant) || another_says(manager, hold, device))
                        note_ambiguous(manager, hold);
                if (!hold->ambiguous)
                        hold_set_until(manager, hold, MIN(hold->until_usec, boot_now()));
        }
}

void manager_hold(Manager *manager, Grant *grant) {
        const Device *device = grant->device;
        Hold *hold = grant->hold;
        int r;

        if (grant_is_away(grant) || (!hold && !rule_lingers(grant->decision)) || !device_is_known(device))
                return;
        if (!hold) {
                r = hold_new(grant, grant->decision, device, &hold);
                if (r >= 0)
                        add_hold(manager, grant, hold);
        } else {
                r = hold_learn(hold, device);
                if (rule_lingers(grant->decision) && hold->rule != grant->decision) {
                        hold->rule = grant->decision;
                        r = r < 0 ? r : 1;
                }
                if (r > 0)
                        hold_changed(manager, hold);
        }
        if (r < 0)
                log_oom();
        else if (hold && hold->serial && another_says(manager, hold, device))
                note_ambiguous(manager, hold);
}

void manager_check_holds(Manager *manager, Device *device) {
        if (device->n_parts == 0 || !device_is_known(device))
                return;
        end_holds_elsewhere(manager, device);
        for (Grant *grant = device->grants; grant; grant = grant->device_next) {
                if (!grant->hold)
                        continue;
                if (!hold_concerns(grant->hold, device) ||
                    (grant_is_away(grant) && grant->hold->until_usec <= boot_now()))
                        manager_end_stay(manager, grant);
        }
}

/* Each end has its device assigned anew, which may change the list in any way. */
static void on_hold_end(void *userdata) {
        Manager *manager = userdata;
        uint64_t now = boot_now();

        for (;;) {
                Device *device;
                Hold *hold;

                DL_FOREACH(manager->holds, hold)
                        if (hold->until_usec > 0 && hold->until_usec <= now)
                                break;
                if (!hold)
                        break;
                device = hold->grant->device;
                log_full(LOG_INFO, 0,
                         &(LogSubject){.device = device->id,
                                       .container = hold->grant->container->name,
                                       .rule = hold->rule->name},
                         "It has not come back");
                manager_end_stay(manager, hold->grant);
                manager_assign(manager, device);
        }
        arm(manager);
        manager_check_waiters(manager);
}

/* ---- another policy */

/* The rule of that name that lets what it gives to @container linger; NULL where there is none. */
static const Rule *find_rule(const RuleSet *rules, const char *name, const Container *container) {
        for (size_t i = 0; i < rule_set_size(rules); i++) {
                const Rule *rule = rule_set_get(rules, i);

                if (streq(rule->name, name) && rule_lingers(rule) &&
                    selector_match(&rule->give.to, container))
                        return rule;
        }
        return NULL;
}

void manager_renew_holds(Manager *manager) {
        Hold *hold, *next;

        DL_FOREACH_SAFE(manager->holds, hold, next) {
                const Rule *before = hold->rule,
                           *rule = find_rule(manager->rules, before->name, hold->grant->container);

                if (!rule) {
                        manager_end_hold(manager, hold->grant);
                        continue;
                }
                hold->rule = rule;
                if (hold->until_usec > 0)
                        hold_set_until(manager, hold,
                                       hold->until_usec - before->give.linger_usec + rule->give.linger_usec);
        }
}

/* ---- another davitd */

typedef struct HoldFile {
        /* Borrowed from the text. */
        char *container, *init_pid, *until, *devpath, *serial, *rule;
        char *ambiguous; /* NULL: written by one who did not know of it */
} HoldFile;

static bool unword(char *word) {
        return string_empty(word) || string_from_component(word, word, strlen(word) + 1) >= 0;
}

/* Return: 0; -EBADMSG. */
static int hold_file_parse(char *text, HoldFile *ret) {
        const struct {
                const char *key;
                char **value;
        } fields[] = {
                {"CONTAINER", &ret->container}, {"INIT_PID", &ret->init_pid}, {"UNTIL", &ret->until},
                {"DEVPATH", &ret->devpath},     {"SERIAL", &ret->serial},     {"RULE", &ret->rule},
                {"AMBIGUOUS", &ret->ambiguous},
        };

        *ret = (HoldFile){};
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');

                if (!value)
                        return -EBADMSG;
                *value++ = '\0';
                for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                        if (streq(line, fields[i].key))
                                *fields[i].value = value;
        }
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (!*fields[i].value && fields[i].value != &ret->ambiguous)
                        return -EBADMSG;
        return unword(ret->devpath) && unword(ret->serial) && unword(ret->rule) ? 0 : -EBADMSG;
}

/* The device at @devpath, made where it is away. Return: 0; errno. */
static int find_or_add(Manager *manager, const char *devpath, const char *serial, Device **ret) {
        char id[DEVICE_ID_MAX];
        DevicePlace place;
        Device *device;

        if (device_place_parse(devpath, &place) < 0 || device_place_id(&place, id) < 0)
                return -EBADMSG;
        device = registry_device(&manager->registry, id);
        if (!device)
                return registry_add_absent(&manager->registry, devpath, serial, ret);
        *ret = device;
        return 0;
}

/* What the device was when it was held, which it need not be any more: that is found out when it is assigned.
 */
static int make_hold(Manager *manager, Grant *grant, const Rule *rule, const HoldFile *file, uint64_t until) {
        const Device before = {.serial = string_empty(file->serial) ? NULL : file->serial,
                               .devpath = file->devpath};
        Hold *hold;
        int r;

        r = hold_new(grant, rule, &before, &hold);
        if (r < 0)
                return r;
        hold->until_usec = until;
        hold->ambiguous = file->ambiguous && streq(file->ambiguous, "1");
        add_hold(manager, grant, hold);
        return 0;
}

/* Return: 0; 1 it is over; errno. */
static int load_hold(Manager *manager, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t until, init_pid;
        char expected[NAME_MAX + 1];
        Container *container;
        const Rule *rule;
        Device *device;
        Grant *grant;
        HoldFile file;
        int r;

        r = fd_read_file(manager->state_fd, name, HOLD_FILE_MAX, &text, NULL);
        if (r >= 0)
                r = hold_file_parse(text, &file);
        if (r < 0)
                return r;
        if (string_to_u64(file.until, 10, UINT64_MAX, &until) < 0 ||
            string_to_u64(file.init_pid, 10, INT_MAX, &init_pid) < 0)
                return -EBADMSG;

        /* Whatever of it ended while nobody was there. */
        container = registry_container(&manager->registry, file.container);
        if (!container || container->init_pid != (pid_t)init_pid || (until > 0 && until <= boot_now()))
                return 1;
        rule = find_rule(manager->rules, file.rule, container);
        if (!rule)
                return 1;

        r = find_or_add(manager, file.devpath, file.serial, &device);
        if (r < 0)
                return r;
        grant = registry_grant(device, container);
        if (!grant)
                r = registry_add_grant(&manager->registry, device, container, GRANT_POLICY, rule->name,
                                       &grant);
        if (r >= 0 && (grant->hold || hold_file_name(device->id, container->name, expected) < 0 ||
                       !streq(expected, name)))
                r = -EBADMSG;
        return r < 0 ? r : make_hold(manager, grant, rule, &file, until);
}

int manager_load_holds(Manager *manager) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = openat(manager->state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;
        int r;

        r = loop_add_timer(manager->loop, on_write, manager, &manager->hold_write);
        if (r >= 0)
                r = loop_add_timer(manager->loop, on_hold_end, manager, &manager->hold_end);
        if (r < 0)
                return r;
        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir)
                return -errno;
        TAKE_FD(fd);

        while ((entry = readdir(dir))) {
                if (!startswith(entry->d_name, HOLD_PREFIX))
                        continue;
                r = load_hold(manager, entry->d_name);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        log_warning_errno(r, "Failed to read what is held in %s/state/%s: %m",
                                          manager->runtime_dir, entry->d_name);
                if (r != 0)
                        unlinkat(manager->state_fd, entry->d_name, /* flags= */ 0);
        }
        arm(manager);
        return 0;
}
