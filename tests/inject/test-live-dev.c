/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The live /dev on a real tmpfs: what goes in, what goes out, what is read back. Wants root.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/statfs.h>

#include "inject/live-dev-fixture.h"

static void test_create(void **state) {
        static const struct {
                const char *path;
                uid_t owner;
                gid_t group;
                mode_t mode;
                unsigned int major, minor;
        } cases[] = {
                {"held", 0, 0, S_IFDIR | 0700},
                {"dev", 0, INSIDE_ROOT, S_IFDIR | 0775},
                {".", 0, INSIDE_ROOT, S_IFDIR | 0710},
                {"dev/pts", 0, 0, S_IFDIR | 0755},
                {"dev/shm", 0, 0, S_IFDIR | 01777},
                {"dev/mqueue", 0, 0, S_IFDIR | 0755},
                {"dev/net", 0, 0, S_IFDIR | 0755},
                {"dev/null", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 1, 3},
                {"dev/zero", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 1, 5},
                {"dev/full", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 1, 7},
                {"dev/random", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 1, 8},
                {"dev/urandom", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 1, 9},
                {"dev/tty", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 5, 0},
                {"dev/net/tun", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666, 10, 200},
        };
        static const struct {
                const char *path, *target;
        } links[] = {
                {"dev/fd", "/proc/self/fd"},       {"dev/stdin", "/proc/self/fd/0"},
                {"dev/stdout", "/proc/self/fd/1"}, {"dev/stderr", "/proc/self/fd/2"},
                {"dev/ptmx", "pts/ptmx"},
        };
        Fixture *fixture = need_root(state);
        char target[64];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct stat st;

                assert_stat(fixture, cases[i].path, cases[i].owner, cases[i].group, cases[i].mode);
                assert_int_equal(lstat(at(fixture, cases[i].path), &st), 0);
                assert_int_equal(st.st_rdev, makedev(cases[i].major, cases[i].minor));
        }
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                ssize_t n = readlink(at(fixture, links[i].path), target, sizeof(target) - 1);

                assert_true(n > 0);
                target[n] = '\0';
                assert_string_equal(target, links[i].target);
        }
}

/* The line of mountinfo about the mount at @path. */
static void mount_line(const char *path, char *ret, size_t size) {
        char *line = NULL, needle[PATH_MAX + 2];
        size_t allocated = 0;
        FILE *f = fopen("/proc/self/mountinfo", "re");

        assert_non_null(f);
        snprintf(needle, sizeof(needle), " %s ", path);
        ret[0] = '\0';
        while (getline(&line, &allocated, f) > 0)
                if (strstr(line, needle))
                        snprintf(ret, size, "%s", line);
        free(line);
        fclose(f);
}

static void test_mount_options(void **state) {
        Fixture *fixture = need_root(state);
        struct statfs fs;
        char line[1024];

        /* On a shared mount, as /run is on a host with systemd. */
        assert_int_equal(mount("shared", fixture->runtime, "tmpfs", 0, "mode=0755"), 0);
        assert_int_equal(mount(NULL, fixture->runtime, "tmpfs", MS_SHARED, NULL), 0);
        assert_int_equal(live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ true),
                         0);
        mount_line(fixture->root, line, sizeof(line));
        assert_null(strstr(line, "shared:"));
        assert_non_null(strstr(line, " tmpfs "));
        assert_non_null(strstr(line, "nosuid"));
        assert_non_null(strstr(line, "noexec"));
        assert_null(strstr(line, "nodev"));
        assert_int_equal(statfs(fixture->root, &fs), 0);
        assert_true(fs.f_blocks * (uint64_t)fs.f_bsize <= 16 * 1024 * 1024);
        assert_true(fs.f_files >= 3 * 4096 && fs.f_files <= 65536);
        assert_int_equal(live_dev_destroy(fixture->runtime, NAME), 0);
        assert_int_equal(umount2(fixture->runtime, MNT_DETACH), 0);
}

static void test_create_again_and_destroy(void **state) {
        Fixture *fixture = need_root(state);
        LiveDev *live = NULL;

        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ true),
                         0);
        assert_false(exists(fixture, "dev/dri"));
        assert_int_equal(live_dev_destroy(fixture->runtime, NAME), 0);
        assert_int_equal(live_dev_destroy(fixture->runtime, NAME), 0);
        assert_false(exists(fixture, ""));
        assert_int_equal(live_dev_open(fixture->runtime, NAME, &live), -ENOENT);
        assert_null(live);

        /* An empty folder, as an interrupted create leaves it. */
        assert_int_equal(mkdir(fixture->root, 0755), 0);
        assert_int_equal(live_dev_open(fixture->runtime, NAME, &live), -ENOENT);
        assert_int_equal(live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ true),
                         0);
}

static void test_bad_names(void **state) {
        static const char *const names[] = {"", ".", "..", "../x", "a/b", ".x", "-x", "a b"};
        Fixture *fixture = need_root(state);
        LiveDev *live;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(live_dev_create(fixture->runtime, names[i], 1, 1, /* udev= */ false),
                                 -EINVAL);
                assert_int_equal(live_dev_destroy(fixture->runtime, names[i]), -EINVAL);
                assert_int_equal(live_dev_open(fixture->runtime, names[i], &live), -EINVAL);
        }
}

static void test_add_under_any_umask(void **state) {
        static const mode_t masks[] = {0, 022, 077, 0777};
        Fixture *fixture = need_root(state);

        for (size_t i = 0; i < ELEMENTSOF(masks); i++) {
                mode_t old = umask(masks[i]);

                assert_int_equal(
                        live_dev_create(fixture->runtime, NAME, INSIDE_ROOT, INSIDE_ROOT, /* udev= */ true),
                        0);
                live_dev_close(fixture->live);
                assert_int_equal(live_dev_open(fixture->runtime, NAME, &fixture->live), 0);
                assert_int_equal(live_dev_add(fixture->live, &usb), 0);
                assert_int_equal(live_dev_add(fixture->live, &disk), 0);
                /* The library needs none, and has cleared it. */
                assert_int_equal(umask(old), 0);

                assert_stat(fixture, "dev", 0, INSIDE_ROOT, S_IFDIR | 0775);
                assert_stat(fixture, "dev/null", INSIDE_ROOT, INSIDE_ROOT, S_IFCHR | 0666);
                assert_stat(fixture, "dev/dri", 0, 0, S_IFDIR | 0755);
                assert_stat(fixture, "dev/dri/pci", 0, 0, S_IFDIR | 0755);
                assert_stat(fixture, "dev/dri/pci/003", 0, 0, S_IFDIR | 0755);
                assert_stat(fixture, "dev/dri/pci/003/017", usb.uid, usb.gid, S_IFCHR | 0660);
                assert_stat(fixture, "dev/sda", disk.uid, disk.gid, S_IFBLK | 0640);
                assert_same_inode(fixture, "dev/dri/pci/003/017", "held/dri\\x2fpci\\x2f003\\x2f017");
        }
}

static void test_add_twice_keeps(void **state) {
        Fixture *fixture = need_root(state);
        struct stat before, after;

        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &by_serial), 0);
        assert_int_equal(lstat(at(fixture, "dev/dri/pci/003/017"), &before), 0);
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &by_serial), 0);
        assert_int_equal(lstat(at(fixture, "dev/dri/pci/003/017"), &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
}

/* Each field that differs makes another thing of it: the old inode must be dead. */
static void test_add_replaces(void **state) {
        Fixture *fixture = need_root(state);
        const struct {
                const char *device;
                char type;
                dev_t rdev;
                uid_t uid;
                gid_t gid;
                mode_t mode;
        } cases[] = {
                {"usb-3-1.3", 'c', usb.rdev, usb.uid, usb.gid, usb.mode},
                {usb.device, 'b', usb.rdev, usb.uid, usb.gid, usb.mode},
                {usb.device, 'c', makedev(1, 5), usb.uid, usb.gid, usb.mode},
                {usb.device, 'c', usb.rdev, usb.uid + 1, usb.gid, usb.mode},
                {usb.device, 'c', usb.rdev, usb.uid, usb.gid + 1, usb.mode},
                {usb.device, 'c', usb.rdev, usb.uid, usb.gid, 0600},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_close_ int old_fd = -EBADF;
                Item item = usb;
                struct stat st;

                assert_int_equal(live_dev_add(fixture->live, &usb), 0);
                old_fd = open(at(fixture, "dev/dri/pci/003/017"), O_PATH | O_CLOEXEC);
                assert_true(old_fd >= 0);
                item.device = cases[i].device;
                item.type = cases[i].type;
                item.rdev = cases[i].rdev;
                item.uid = cases[i].uid;
                item.gid = cases[i].gid;
                item.mode = cases[i].mode;
                assert_int_equal(live_dev_add(fixture->live, &item), 0);
                assert_int_equal(fstat(old_fd, &st), 0);
                assert_int_equal(st.st_nlink, 0);
                assert_int_equal(st.st_mode & 0777, 0);
                assert_int_equal(st.st_uid, 0);
                assert_stat(fixture, "dev/dri/pci/003/017", item.uid, item.gid,
                            (item.type == 'b' ? S_IFBLK : S_IFCHR) | item.mode);
                assert_int_equal(live_dev_remove(fixture->live, &item), 0);
        }
}

static void test_remove(void **state) {
        Fixture *fixture = need_root(state);
        Item sibling = usb, tun = usb;

        sibling.path = "dri/pci/003/018";
        tun.path = "net/tap7";
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &sibling), 0);
        assert_int_equal(live_dev_add(fixture->live, &tun), 0);
        assert_int_equal(live_dev_add(fixture->live, &by_serial), 0);

        assert_int_equal(live_dev_remove(fixture->live, &usb), 0);
        assert_false(exists(fixture, "dev/dri/pci/003/017"));
        assert_true(exists(fixture, "dev/dri/pci/003/018"));
        assert_int_equal(live_dev_remove(fixture->live, &sibling), 0);
        assert_false(exists(fixture, "dev/dri"));
        assert_int_equal(live_dev_remove(fixture->live, &by_serial), 0);
        assert_false(exists(fixture, "dev/phones"));

        /* A folder that every container has stays, also empty. */
        assert_int_equal(live_dev_remove(fixture->live, &tun), 0);
        assert_int_equal(unlink(at(fixture, "dev/net/tun")), 0);
        assert_int_equal(live_dev_add(fixture->live, &tun), 0);
        assert_int_equal(live_dev_remove(fixture->live, &tun), 0);
        assert_true(exists(fixture, "dev/net"));

        assert_int_equal(live_dev_remove(fixture->live, &usb), 0);
        assert_int_equal(live_dev_remove(fixture->live, &by_serial), 0);
        assert_int_equal(count_entries(at(fixture, "held")), 2);
}

static void test_read(void **state) {
        Fixture *fixture = need_root(state);
        PropertyList properties = {};

        assert_present(fixture, "");
        assert_int_equal(live_dev_add(fixture->live, &usb), 0);
        assert_int_equal(live_dev_add(fixture->live, &disk), 0);
        assert_int_equal(live_dev_add(fixture->live, &by_serial), 0);
        assert_int_equal(property_list_set(&properties, "DEVPATH", "/devices/3-1.2"), 0);
        assert_int_equal(property_list_set(&properties, "DEVNAME", "/dev/dri/pci/003/017"), 0);
        assert_int_equal(live_dev_set_announced(fixture->live, usb.path, &properties), 0);
        assert_present(fixture, "node usb-3-1.2 dri/pci/003/017 c1:3 100000:100020 660\n"
                                "node usb-3-1.2 sda b8:0 100000:100000 640\n"
                                "link usb-3-1.2 phones/0123 45 ../dri/pci/003/017\n"
                                "event usb-3-1.2 /devices/3-1.2 DEVPATH=/devices/3-1.2 "
                                "DEVNAME=/dev/dri/pci/003/017\n");

        /* By another opener, as after a restart. */
        live_dev_close(fixture->live);
        assert_int_equal(live_dev_open(fixture->runtime, NAME, &fixture->live), 0);
        assert_int_equal(live_dev_set_announced(fixture->live, usb.path, NULL), 0);
        assert_int_equal(live_dev_set_announced(fixture->live, usb.path, NULL), 0);
        assert_int_equal(live_dev_remove(fixture->live, &disk), 0);
        assert_present(fixture, "node usb-3-1.2 dri/pci/003/017 c1:3 100000:100020 660\n"
                                "link usb-3-1.2 phones/0123 45 ../dri/pci/003/017\n");
        assert_int_equal(live_dev_set_announced(fixture->live, "gone", &properties), -ENOENT);
        assert_int_equal(live_dev_set_announced(fixture->live, "gone", NULL), 0);
        property_list_deinit(&properties);
}

/* An event of a thing without a node has a note of its own. */
static void test_read_told(void **state) {
        Fixture *fixture = need_root(state);
        Item event = {.kind = ITEM_EVENT, .device = "usb-3-1.2", .path = "/devices/3-1.2/sound/card0"};

        assert_int_equal(property_list_set(&event.properties, "DEVPATH", event.path), 0);
        assert_int_equal(live_dev_set_told(fixture->live, &event, true), -EBADMSG);
        assert_int_equal(property_list_set(&event.properties, "SUBSYSTEM", "sound"), 0);
        assert_int_equal(live_dev_set_told(fixture->live, &event, false), 0);
        assert_int_equal(live_dev_set_told(fixture->live, &event, true), 0);
        assert_int_equal(live_dev_set_told(fixture->live, &event, true), 0);
        assert_present(fixture, "event usb-3-1.2 /devices/3-1.2/sound/card0 "
                                "DEVPATH=/devices/3-1.2/sound/card0 SUBSYSTEM=sound\n");

        /* Interrupted before it was complete. */
        assert_int_equal(removexattr(at(fixture, "held/\\x2f+sound:card0"), "trusted.davit.device"), 0);
        assert_present(fixture, "");
        assert_int_equal(live_dev_set_told(fixture->live, &event, true), 0);
        assert_int_equal(live_dev_set_told(fixture->live, &event, false), 0);
        assert_present(fixture, "");
        assert_int_equal(count_entries(at(fixture, "held")), 2);
        property_list_deinit(&event.properties);
}

static void test_read_tolerates_junk(void **state) {
        Fixture *fixture = need_root(state);

        assert_int_equal(live_dev_add(fixture->live, &serial), 0);
        assert_int_equal(live_dev_add(fixture->live, &disk), 0);
        assert_int_equal(setxattr(at(fixture, "held/sda"), "trusted.davit.event", "no equals sign", 14, 0),
                         0);
        assert_int_equal(mkdir(at(fixture, "held/folder"), 0700), 0);
        assert_int_equal(mknod(at(fixture, "held/file"), S_IFREG | 0600, 0), 0);
        assert_int_equal(mknod(at(fixture, "held/\\xzz"), S_IFCHR | 0600, NULL_NUMBER), 0);
        assert_int_equal(mknod(at(fixture, "held/\\x2fabsolute"), S_IFCHR | 0600, NULL_NUMBER), 0);
        /* Interrupted between mknod() and the rest, and between chown() and link(). */
        assert_int_equal(mknod(at(fixture, "held/unlabelled"), S_IFCHR | 0600, NULL_NUMBER), 0);
        assert_int_equal(mknod(at(fixture, "held/unplaced"), S_IFCHR | 0600, NULL_NUMBER), 0);
        assert_int_equal(setxattr(at(fixture, "held/unplaced"), "trusted.davit.device", "x", 1, 0), 0);
        assert_present(fixture, "node usb-3-1.2 sda b8:0 100000:100000 640\n"
                                "node usb-3-1.2 ttyUSB0 c1:3 100000:100000 600\n");
        assert_false(exists(fixture, "held/unlabelled"));
        assert_false(exists(fixture, "held/unplaced"));
        assert_true(exists(fixture, "held/folder"));
}

/* Adds with ever more room: each way of running out of it leaves nothing behind. */
static void test_add_out_of_space(void **state) {
        Fixture *fixture = need_root(state);
        const Item *const items[] = {&usb, &by_serial};

        for (size_t i = 0; i < ELEMENTSOF(items); i++) {
                unsigned int failed = 0;

                for (unsigned int room = 0;; room++) {
                        struct statfs before, after;
                        char options[64];
                        int r;

                        assert_int_equal(statfs(fixture->root, &before), 0);
                        snprintf(options, sizeof(options), "nr_inodes=%lu",
                                 (unsigned long)(before.f_files - before.f_ffree + room));
                        assert_int_equal(mount(NULL, fixture->root, "tmpfs", MS_REMOUNT, options), 0);
                        assert_int_equal(statfs(fixture->root, &before), 0);
                        r = live_dev_add(fixture->live, items[i]);
                        assert_int_equal(statfs(fixture->root, &after), 0);
                        assert_int_equal(mount(NULL, fixture->root, "tmpfs", MS_REMOUNT, "nr_inodes=16384"),
                                         0);
                        if (r == 0)
                                break;
                        assert_int_equal(r, -ENOSPC);
                        assert_int_equal(after.f_ffree, before.f_ffree);
                        assert_false(exists(fixture, "dev/dri"));
                        assert_int_equal(count_entries(at(fixture, "held")), 2);
                        failed++;
                }
                assert_true(failed >= 2);
                assert_int_equal(live_dev_remove(fixture->live, items[i]), 0);
        }
}

static void test_add_too_long(void **state) {
        Fixture *fixture = need_root(state);
        char path[300] = {}, device[1000] = {};
        Item item = usb;

        memset(path, 'x', sizeof(path) - 1);
        item.path = path;
        assert_int_equal(live_dev_add(fixture->live, &item), -ENAMETOOLONG);
        assert_int_equal(live_dev_remove(fixture->live, &item), -ENAMETOOLONG);
        item = usb;
        memset(device, 'x', sizeof(device) - 1);
        item.device = device;
        assert_int_equal(live_dev_add(fixture->live, &item), -ENAMETOOLONG);
        assert_int_equal(count_entries(at(fixture, "held")), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                live_test(test_create),
                live_test(test_mount_options),
                live_test(test_create_again_and_destroy),
                live_test(test_bad_names),
                live_test(test_add_under_any_umask),
                live_test(test_add_twice_keeps),
                live_test(test_add_replaces),
                live_test(test_remove),
                live_test(test_read),
                live_test(test_read_told),
                live_test(test_read_tolerates_junk),
                live_test(test_add_out_of_space),
                live_test(test_add_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
