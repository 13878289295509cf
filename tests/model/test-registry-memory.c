/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The k-th allocation of a plug, a change, a rename and an unplug fails, for every k: the indexes agree, what
 * was known before is known still, the same event succeeds when it comes again, and nothing leaks. And how
 * many allocations the hot path takes.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/world.h"

#if defined(__SANITIZE_ADDRESS__)

int main(void) {
        puts("SKIP: the address sanitizer has its own allocator");
        return 77;
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static bool counting;
static unsigned int n_calls, fail_at; /* fail_at 0: never */
static long n_live;

static bool fails(void) {
        return counting && ++n_calls == fail_at;
}

void *malloc(size_t size) {
        void *p = fails() ? NULL : __libc_malloc(size);

        n_live += p != NULL;
        return p;
}

void *calloc(size_t n, size_t size) {
        void *p = fails() ? NULL : __libc_calloc(n, size);

        n_live += p != NULL;
        return p;
}

void *realloc(void *old, size_t size) {
        void *p = fails() ? NULL : __libc_realloc(old, size);

        n_live += p && !old;
        return p;
}

void free(void *p) {
        n_live -= p != NULL;
        __libc_free(p);
}

#define VHCI "/devices/platform/vhci_hcd.0/usb3/"
#define PCI  "/devices/pci0000:00/0000:00:16.1/0000:02:00.0"

static const struct {
        UeventAction action;
        bool complete;
        const char *properties[12];
} story[] = {
        {UEVENT_ADD, true, {"DEVPATH=" PCI, "SUBSYSTEM=pci", "PCI_ID=8086:10D3"}},
        {UEVENT_ADD, true, {"DEVPATH=" PCI "/virtio5", "SUBSYSTEM=virtio"}},
        {UEVENT_ADD, false, {"DEVPATH=" PCI "/net/eth0", "SUBSYSTEM=net", "INTERFACE=eth0", "IFINDEX=2"}},
        {UEVENT_MOVE,
         false,
         {"DEVPATH=" PCI "/net/wan0", "SUBSYSTEM=net", "INTERFACE=wan0", "IFINDEX=2",
          "DEVPATH_OLD=" PCI "/net/eth0"}},
        {UEVENT_ADD,
         true,
         {"DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", "DEVNAME=/dev/bus/usb/003/002", "MAJOR=189", "MINOR=257",
          "ID_SERIAL_SHORT=A", "ID_VENDOR_ID=18d1", "ID_MODEL_ID=4ee7", "ID_MODEL=Pixel", "ID_PATH=p"}},
        {UEVENT_ADD, true, {"DEVPATH=" VHCI "3-1/3-1:1.0", "SUBSYSTEM=usb", "INTERFACE=255/66/1"}},
        {UEVENT_BIND,
         false,
         {"DEVPATH=" VHCI "3-1", "SUBSYSTEM=usb", "DEVNAME=bus/usb/003/002", "MAJOR=189", "MINOR=257",
          "DRIVER=usb"}},
        {UEVENT_ADD,
         true,
         {"DEVPATH=" VHCI "3-2", "SUBSYSTEM=usb", "DEVNAME=/dev/bus/usb/003/002", "MAJOR=189", "MINOR=257"}},
        {UEVENT_REMOVE, true, {"DEVPATH=" VHCI "3-2", "SUBSYSTEM=usb"}},
        {UEVENT_REMOVE, true, {"DEVPATH=" PCI "/net/wan0", "SUBSYSTEM=net"}},
        {UEVENT_REMOVE, true, {"DEVPATH=" PCI, "SUBSYSTEM=pci"}},
};

static int apply(Registry *registry, const Uevent *event, bool complete, bool count) {
        RegistryChange change;
        Device *device;
        int r;

        do {
                counting = count;
                r = registry_apply(registry, event, complete, &change, &device);
                counting = false;
                assert_null(registry_fault(registry));
        } while (r > 0);
        return r;
}

/* Tells the story up to @step, in which the @k-th allocation fails; once more without; and to its end.
 * Return: whether there was a k-th. */
static bool tell(size_t step, unsigned int k) {
        long before = n_live;
        bool failed = false;
        Registry registry;

        registry_init(&registry);
        for (size_t i = 0; i < ELEMENTSOF(story); i++) {
                Uevent event = make_event(story[i].action, story[i].properties);
                int r;

                if (i == step) {
                        n_calls = 0;
                        fail_at = k;
                        r = apply(&registry, &event, story[i].complete, true);
                        failed = n_calls >= k;
                        fail_at = 0;
                        assert_true(r == 0 || (r == -ENOMEM && failed));
                        /* The loss of memory loses no removal. */
                        if (story[i].action == UEVENT_REMOVE)
                                assert_int_equal(r, 0);
                }
                assert_int_equal(apply(&registry, &event, story[i].complete, false), 0);
                if (story[i].action != UEVENT_REMOVE && i > 2)
                        assert_non_null(registry_part(&registry, uevent_devpath(&event)));
                uevent_deinit(&event);
        }
        registry_deinit(&registry);
        assert_int_equal(n_live, before);
        return failed;
}

static void test_failures(void **state) {
        for (size_t step = 0; step < ELEMENTSOF(story); step++)
                for (unsigned int k = 1; tell(step, k); k++)
                        ;
}

/* A plug makes a device with a part of nine strings; what says nothing new makes a copy to compare. */
static void test_counts(void **state) {
        static const struct {
                size_t step;
                unsigned int most;
        } cases[] = {{4, 18}, {5, 5}, {6, 5}, {8, 0}, {9, 6}};
        Registry registry;

        registry_init(&registry);
        for (size_t i = 0; i < ELEMENTSOF(story); i++) {
                Uevent event = make_event(story[i].action, story[i].properties);

                n_calls = 0;
                assert_int_equal(apply(&registry, &event, story[i].complete, true), 0);
                uevent_deinit(&event);
                print_message("step %zu: %u allocations\n", i, n_calls);
                for (size_t c = 0; c < ELEMENTSOF(cases); c++)
                        if (cases[c].step == i)
                                assert_true(n_calls <= cases[c].most);
        }
        registry_deinit(&registry);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
