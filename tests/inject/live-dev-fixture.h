/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A live /dev for each test, things to put into it, and looks at it from the host and from inside. */

#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "inject/inside.h"
#include "inject/live-dev.h"
#include "util/fd.h"
#include "util/string.h"

#define NAME "box"

typedef struct Fixture {
        char runtime[64];
        char root[PATH_MAX]; /* RUNTIME/dev/NAME */
        LiveDev *live;
        Inside inside;
        unsigned int n_fds;
} Fixture;

static inline int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        *state = fixture;
        fixture->inside.fd = -EBADF;
        if (geteuid() != 0)
                return 0;
        fixture->n_fds = count_entries("/proc/self/fd");
        strcpy(fixture->runtime, "/tmp/davit-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->runtime));
        assert_int_equal(chmod(fixture->runtime, 0755), 0);
        snprintf(fixture->root, sizeof(fixture->root), "%s/dev/" NAME, fixture->runtime);
        assert_int_equal(live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ true),
                         0);
        assert_int_equal(live_dev_open(fixture->runtime, NAME, &fixture->live), 0);
        return 0;
}

static inline int teardown(void **state) {
        Fixture *fixture = *state;
        char path[PATH_MAX];

        if (geteuid() == 0) {
                inside_stop(&fixture->inside);
                live_dev_close(fixture->live);
                assert_int_equal(live_dev_destroy(fixture->runtime, NAME), 0);
                snprintf(path, sizeof(path), "%s/dev", fixture->runtime);
                assert_int_equal(rmdir(path), 0);
                assert_int_equal(rmdir(fixture->runtime), 0);
                assert_int_equal(count_mounts(fixture->runtime), 0);
                assert_int_equal(count_entries("/proc/self/fd"), fixture->n_fds);
        }
        free(fixture);
        return 0;
}

static inline Fixture *need_root(void **state) {
        if (geteuid() != 0)
                skip_because("not root");
        return *state;
}

/* Starts the stand-in for the container, whose working folder is dev/. */
static inline int enter(const char *path) {
        return chdir(path) < 0 ? errno : 0;
}

static inline void need_inside(Fixture *fixture) {
        char path[PATH_MAX];
        int r = inside_start(&fixture->inside, CLONE_NEWUSER | CLONE_NEWNS);

        if (r < 0)
                skip_because("no user namespace: %s", strerror(-r));
        assert_true(snprintf(path, sizeof(path), "%s/dev", fixture->root) < (int)sizeof(path));
        assert_int_equal(inside_call(&fixture->inside, enter, path), 0);
}

static inline const char *at(const Fixture *fixture, const char *path) {
        static char buffers[4][PATH_MAX + 256];
        static unsigned int i;
        char *buffer = buffers[i++ % ELEMENTSOF(buffers)];

        snprintf(buffer, sizeof(buffers[0]), "%s/%s", fixture->root, path);
        return buffer;
}

static inline bool exists(const Fixture *fixture, const char *path) {
        struct stat st;

        return lstat(at(fixture, path), &st) == 0;
}

static inline void assert_same_inode(const Fixture *fixture, const char *a, const char *b) {
        struct stat st_a, st_b;

        assert_int_equal(lstat(at(fixture, a), &st_a), 0);
        assert_int_equal(lstat(at(fixture, b), &st_b), 0);
        assert_int_equal(st_a.st_ino, st_b.st_ino);
        assert_int_equal(st_a.st_dev, st_b.st_dev);
}

static inline void assert_stat(const Fixture *fixture, const char *path, uid_t uid, gid_t gid, mode_t mode) {
        struct stat st;

        if (lstat(at(fixture, path), &st) < 0)
                fail_msg("%s: %s", path, strerror(errno));
        if (st.st_uid != uid || st.st_gid != gid || st.st_mode != mode)
                fail_msg("%s: %u:%u %o", path, st.st_uid, st.st_gid, st.st_mode);
}

/* 1:3 is null's number: the one device that every machine has and that opens without effect. */
#define NUMBER(major, minor) ((dev_t)((major) << 8 | (minor))) /* makedev() of small ones is no constant */
#define NULL_NUMBER          NUMBER(1, 3)

static const Item usb _unused_ = {
        .kind = ITEM_NODE,
        .device = "usb-3-1.2",
        .path = "dri/pci/003/017",
        .type = 'c',
        .rdev = NULL_NUMBER,
        .uid = INSIDE_ROOT,
        .gid = INSIDE_ROOT + 20,
        .mode = 0660,
};

static const Item serial _unused_ = {
        .kind = ITEM_NODE,
        .device = "usb-3-1.2",
        .path = "ttyUSB0",
        .type = 'c',
        .rdev = NULL_NUMBER,
        .uid = INSIDE_ROOT,
        .gid = INSIDE_ROOT,
        .mode = 0600,
};

static const Item disk _unused_ = {
        .kind = ITEM_NODE,
        .device = "usb-3-1.2",
        .path = "sda",
        .type = 'b',
        .rdev = NUMBER(8, 0),
        .uid = INSIDE_ROOT,
        .gid = INSIDE_ROOT,
        .mode = 0640,
};

static const Item by_serial _unused_ = {
        .kind = ITEM_LINK,
        .device = "usb-3-1.2",
        .path = "phones/0123 45",
        .target = "../dri/pci/003/017",
};

static inline void print_item(FILE *f, const Item *item) {
        fprintf(f, "%s %s %s", item_kind_to_string(item->kind), item->device, item->path);
        if (item->kind == ITEM_NODE)
                fprintf(f, " %c%u:%u %u:%u %o", item->type, major(item->rdev), minor(item->rdev), item->uid,
                        item->gid, item->mode);
        if (item->kind == ITEM_LINK)
                fprintf(f, " %s", item->target);
        if (item->kind == ITEM_DATA)
                for (const char *p = item->text; *p; p += strcspn(p, "\n") + 1)
                        fprintf(f, " %.*s", (int)strcspn(p, "\n"), p);
        if (item->kind == ITEM_EVENT)
                property_list_foreach(entry, &item->properties)
                        fprintf(f, " %s", entry);
        fputc('\n', f);
}

static inline void assert_present(Fixture *fixture, const char *expected) {
        ItemSet set = {};
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        assert_int_equal(live_dev_read(fixture->live, &set), 0);
        for (size_t i = 0; i < set.n_items; i++)
                print_item(f, set.items[i]);
        fclose(f);
        assert_string_equal(text, expected);
        free(text);
        item_set_deinit(&set);
}

#define live_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
