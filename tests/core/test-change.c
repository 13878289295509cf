/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a container hears of a device that stays and changes: through the real manager into a real container,
 * whose network namespace has a listener of ours. What devices say is what the kernel and udev say of real
 * ones; their numbers are nobody's, as nobody opens them.
 */

#include "config.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/farm.h"
#include "inject/netns.h"
#include "model/uevent.h"
#include "model/yield.h"
#include "util/fd.h"
#include "util/string.h"

#define PATIENCE_USEC (UINT64_C(20) * 1000 * 1000)

#define POLICY(match)            \
        "version: 1\n"           \
        "rules:\n"               \
        "  - name: the one\n"    \
        "    match: " match "\n" \
        "    give: { to: \"ci-[12]\", share: shared }\n"

#define SOUND   "/devices/platform/snd_aloop.0"
#define CARD    SOUND "/sound/card6"
#define CONTROL CARD "/controlC6"

#define GPU_FUNCTION "/devices/pci0000:00/0000:00:02.0"
#define GPU          GPU_FUNCTION "/drm/card6"

#define DISK "/devices/pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0/block/sr6"

/* What udev says in ci-1 and ci-3. */
static int ears[] = {-EBADF, -EBADF};
static const char *const whose[] = {"ci-1", "ci-3"};

static void listen_inside(const Farm *farm) {
        for (size_t i = 0; i < ELEMENTSOF(ears); i++) {
                const Container *container = registry_container(manager_registry(farm->manager), whose[i]);
                struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_UDEV};
                _cleanup_close_ int netns_fd = -EBADF;
                char path[64];

                assert_non_null(container);
                snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)container->init_pid);
                netns_fd = open(path, O_RDONLY | O_CLOEXEC);
                assert_true(netns_fd >= 0);
                ears[i] = netns_socket(netns_fd, AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK,
                                       NETLINK_KOBJECT_UEVENT);
                assert_true(ears[i] >= 0);
                assert_int_equal(bind(ears[i], (struct sockaddr *)&address, sizeof(address)), 0);
        }
}

static void open_farm(Farm *farm, const char *policy) {
        farm_open(farm, policy);
        listen_inside(farm);
}

static void close_farm(Farm *farm) {
        for (size_t i = 0; i < ELEMENTSOF(ears); i++)
                ears[i] = safe_close(ears[i]);
        farm_close(farm);
}

/* The next event, written "ACTION NAME KEY=VALUE…" with those of @keys that it has, into @text. Return:
 * whether there is one. */
static bool hear(int fd, const char *keys, char *text, size_t size) {
        _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;
        _cleanup_free_ char *copy = strdup(keys);
        char message[UEVENT_MESSAGE_MAX];
        ssize_t n = recv(fd, message, sizeof(message), MSG_DONTWAIT);

        if (n < 0) {
                assert_int_equal(errno, EAGAIN);
                return false;
        }
        assert_non_null(copy);
        assert_int_equal(uevent_decode(message, (size_t)n, UEVENT_GROUP_UDEV, &event), 0);
        snprintf(text, size, "%s %s", uevent_action_to_string(event.action),
                 strrchr(uevent_devpath(&event), '/') + 1);
        for (char *save = NULL, *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
                const char *value = property_list_get(&event.properties, key);

                if (value)
                        snprintf(text + strlen(text), size - strlen(text), " %s=%s", key, value);
        }
        return true;
}

/* All that ci-1 has heard of since, joined by commas, and as much as @expected at least. */
static void assert_heard(Farm *farm, const char *keys, const char *expected) {
        char all[4096] = "", text[512];

        farm_settle(farm);
        for (;;) {
                while (hear(ears[0], keys, text, sizeof(text)))
                        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", all[0] ? ", " : "",
                                 text);
                if (strlen(all) >= strlen(expected))
                        break;
                assert_int_equal(loop_run_once(farm->loop, PATIENCE_USEC), 0);
        }
        assert_string_equal(all, expected);
        assert_false(hear(ears[1], "", text, sizeof(text)));
}

/* As udev tells of a card: the nodes, and then that it is ready. */
static void plug_sound(Farm *farm) {
        farm_tell(farm, UEVENT_ADD, "DEVPATH=" SOUND "\nSUBSYSTEM=platform\nDRIVER=snd_aloop");
        farm_tell(farm, UEVENT_ADD, "DEVPATH=" CARD "\nSUBSYSTEM=sound\nID_PATH=platform-snd_aloop.0");
        farm_tell(farm, UEVENT_ADD,
                  "DEVPATH=" CONTROL "\nSUBSYSTEM=sound\nDEVNAME=/dev/snd/controlC6\n"
                  "MAJOR=4000\nMINOR=6\nID_PATH=platform-snd_aloop.0");
}

static void sound_is_ready(Farm *farm) {
        farm_tell(farm, UEVENT_CHANGE,
                  "DEVPATH=" CARD "\nSUBSYSTEM=sound\nSYNTH_UUID=0\nID_PATH=platform-snd_aloop.0\n"
                  "SOUND_INITIALIZED=1");
}

/* Of the database inside: what it says of the card, "" where it knows of none. */
static const char *card_inside(void) {
        static char *text;
        char path[256];

        free(text);
        text = NULL;
        snprintf(path, sizeof(path), "%s/dev/ci-1/udev/data/+sound:card6", launch_dir());
        return fd_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0 ? "" : text;
}

static void test_sound_card(_unused_ void **state) {
        Farm farm;

        open_farm(&farm, POLICY("{ class: sound }"));
        plug_sound(&farm);
        assert_heard(&farm, "SOUND_INITIALIZED", "add card6, add controlC6");
        assert_string_equal(card_inside(), "E:ID_PATH=platform-snd_aloop.0\nV:1\n");
        sound_is_ready(&farm);
        assert_heard(&farm, "SOUND_INITIALIZED SYNTH_UUID", "change card6 SOUND_INITIALIZED=1");
        assert_string_equal(card_inside(), "E:ID_PATH=platform-snd_aloop.0\nE:SOUND_INITIALIZED=1\nV:1\n");

        /* Started anew, there is nothing to tell. */
        farm_stop(&farm, /* crash= */ true);
        farm_start(&farm);
        assert_heard(&farm, "", "");

        /* Ready long since when it is given. */
        assert_int_equal(farm_detach(&farm, "platform-snd_aloop.0", "ci-1"), CALL_OK);
        assert_heard(&farm, "", "remove controlC6, remove card6");
        assert_string_equal(card_inside(), "");
        assert_int_equal(farm_attach(&farm, "platform-snd_aloop.0", "ci-1"), CALL_OK);
        assert_heard(&farm, "SOUND_INITIALIZED",
                     "add card6 SOUND_INITIALIZED=1, change card6 SOUND_INITIALIZED=1, add controlC6");

        farm_remove(&farm, SOUND);
        assert_heard(&farm, "", "remove controlC6, remove card6");
        close_farm(&farm);
}

static void tell_gpu(Farm *farm, UeventAction action, const char *more) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text,
                             "DEVPATH=" GPU "\nSUBSYSTEM=drm\nDEVTYPE=drm_minor\n"
                             "DEVNAME=/dev/dri/card6\nMAJOR=4000\nMINOR=0\n"
                             "DEVLINKS=/dev/dri/by-path/x%s",
                             more) > 0);
        farm_tell(farm, action, text);
}

/* What happened is told each time, and is of that time alone. */
static void test_hotplug_of_a_monitor(_unused_ void **state) {
        Farm farm;

        open_farm(&farm, POLICY("{ class: gpu }"));
        farm_tell(&farm, UEVENT_ADD, "DEVPATH=" GPU_FUNCTION "\nSUBSYSTEM=pci\nPCI_ID=1AF4:1050");
        /* As some GPUs do, before anybody has it. */
        tell_gpu(&farm, UEVENT_ADD, "");
        assert_heard(&farm, "HOTPLUG", "add card6");
        tell_gpu(&farm, UEVENT_CHANGE, "\nHOTPLUG=1\nCONNECTOR=77");
        assert_heard(&farm, "HOTPLUG CONNECTOR DEVLINKS ID_SEAT", "change card6 HOTPLUG=1 CONNECTOR=77");
        tell_gpu(&farm, UEVENT_CHANGE, "\nHOTPLUG=1\nCONNECTOR=77");
        assert_heard(&farm, "HOTPLUG CONNECTOR", "change card6 HOTPLUG=1 CONNECTOR=77");
        tell_gpu(&farm, UEVENT_CHANGE, "\nID_SEAT=seat1");
        assert_heard(&farm, "HOTPLUG CONNECTOR DEVLINKS ID_SEAT", "change card6 ID_SEAT=seat1");

        /* Of what the host has nothing is told. */
        assert_int_equal(farm_detach(&farm, GPU, "ci-1"), CALL_OK);
        assert_heard(&farm, "", "remove card6");
        tell_gpu(&farm, UEVENT_CHANGE, "\nHOTPLUG=1");
        assert_heard(&farm, "", "");
        farm_remove(&farm, GPU_FUNCTION);
        assert_heard(&farm, "", "");
        close_farm(&farm);
}

static void tell_disk(Farm *farm, UeventAction action, const char *more) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text,
                             "DEVPATH=" DISK "\nSUBSYSTEM=block\nDEVTYPE=disk\nDEVNAME=/dev/sr6\n"
                             "MAJOR=4000\nMINOR=0%s",
                             more) > 0);
        farm_tell(farm, action, text);
}

static void test_media_of_a_disk(_unused_ void **state) {
        Farm farm;

        open_farm(&farm, POLICY("{ path: /dev/sr6 }"));
        tell_disk(&farm, UEVENT_ADD, "");
        tell_disk(&farm, UEVENT_CHANGE, "\nDISK_MEDIA_CHANGE=1\nID_FS_LABEL=one");
        assert_heard(&farm, "DISK_MEDIA_CHANGE ID_FS_LABEL",
                     "add sr6, change sr6 DISK_MEDIA_CHANGE=1 ID_FS_LABEL=one");

        /* Asked for by ourselves: an echo. */
        tell_disk(&farm, UEVENT_CHANGE, "\nSYNTH_UUID=" YIELD_UUID "\nID_FS_LABEL=one");
        assert_heard(&farm, "", "");
        /* Found by a look at everything. */
        farm_stop(&farm, /* crash= */ false);
        tell_disk(&farm, UEVENT_CHANGE, "\nDISK_MEDIA_CHANGE=1\nID_FS_LABEL=two");
        farm_start(&farm);
        assert_heard(&farm, "", "");
        farm_remove(&farm, DISK);
        assert_heard(&farm, "", "remove sr6");
        close_farm(&farm);
}

/* A storm of them is told of now and then, the last of it too. */
static void test_storm(_unused_ void **state) {
        char text[256], last[256] = "";
        unsigned int n = 0;
        Farm farm;

        open_farm(&farm, POLICY("{ path: /dev/sr6 }"));
        tell_disk(&farm, UEVENT_ADD, "");
        assert_heard(&farm, "", "add sr6");
        for (unsigned int i = 0; i < 200; i++)
                tell_disk(&farm, UEVENT_CHANGE, "");
        tell_disk(&farm, UEVENT_CHANGE, "\nID_FS_LABEL=last");
        while (!streq(last, "change sr6 ID_FS_LABEL=last")) {
                assert_int_equal(loop_run_once(farm.loop, PATIENCE_USEC), 0);
                while (hear(ears[0], "ID_FS_LABEL", text, sizeof(text))) {
                        snprintf(last, sizeof(last), "%s", text);
                        n++;
                }
        }
        /* Events are taken in a few goes; each is a telling at its begin and one behind it at most. */
        assert_in_range(n, 1, 20);

        /* More than can wait, and none the same. */
        for (unsigned int i = 0; i < 300; i++) {
                snprintf(text, sizeof(text), "\nDISK_RO=%u", i);
                tell_disk(&farm, UEVENT_CHANGE, text);
        }
        farm_settle(&farm);
        for (n = 0; n < 65;) {
                assert_int_equal(loop_run_once(farm.loop, PATIENCE_USEC), 0);
                while (hear(ears[0], "DISK_RO", text, sizeof(text)))
                        n++;
        }
        assert_in_range(n, 65, 300);
        farm_remove(&farm, DISK);
        farm_settle(&farm);
        close_farm(&farm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sound_card),
                cmocka_unit_test(test_hotplug_of_a_monitor),
                cmocka_unit_test(test_media_of_a_disk),
                cmocka_unit_test(test_storm),
        };

        return cmocka_run_group_tests(tests, farm_group_setup, farm_group_teardown);
}
