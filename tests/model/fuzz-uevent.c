/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A stream of uevent messages, put through the registry. Each starts with a byte for its group ('1' the
 * kernel's, else udev's) and two for its size, low byte first; the last may be cut.
 *
 * Whatever comes in, the indexes agree, an event asks to be applied again only finitely often, and what was
 * taken says the same when it is written out and read again.
 */

#include "config.h"

#include <stdint.h>
#include <stdio.h>

#include "model/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
        if (!condition)
                abort();
}

static void check_round_trip(const Uevent *event, UeventGroup group) {
        _cleanup_(uevent_deinit) Uevent again = UEVENT_NULL;
        static char buffer[2 * UEVENT_MESSAGE_MAX];
        int r;

        r = uevent_encode(event->action, &event->properties, group, buffer, sizeof(buffer));
        check(r > 0);
        r = uevent_decode(buffer, (size_t)r, group, &again);
        if (r == -E2BIG)
                return;
        check(r == 0 && again.action == event->action);
        check(streq(uevent_devpath(&again), uevent_devpath(event)));
        check(streq(uevent_subsystem(&again), uevent_subsystem(event)));
}

static void apply(Registry *registry, const Uevent *event, bool complete) {
        RegistryChange change = REGISTRY_UNCHANGED;
        unsigned int n_steps = 0;
        Device *device = NULL;
        const char *fault;
        int r;

        do {
                r = registry_apply(registry, event, complete, &change, &device);
                fault = registry_fault(registry);
                if (fault)
                        fprintf(stderr, "%s\n", fault);
                check(!fault);
                check(++n_steps < 1000);
        } while (r > 0);
        if (r < 0 || !device)
                return;
        (void)device_has_interface(device, "ff:42:*");
        if (device->n_parts == 0)
                registry_drop_device(registry, device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Registry registry;

        registry_init(&registry);
        while (size > 3) {
                UeventGroup group = data[0] == '1' ? UEVENT_GROUP_KERNEL : UEVENT_GROUP_UDEV;
                size_t n = MIN((size_t)data[1] | (size_t)data[2] << 8, size - 3);
                _cleanup_(uevent_deinit) Uevent event = UEVENT_NULL;

                if (uevent_decode(data + 3, n, group, &event) >= 0) {
                        check_round_trip(&event, UEVENT_GROUP_KERNEL);
                        check_round_trip(&event, UEVENT_GROUP_UDEV);
                        apply(&registry, &event, group == UEVENT_GROUP_UDEV);
                }
                data += 3 + n;
                size -= 3 + n;
        }
        registry_deinit(&registry);
        return 0;
}

#ifdef FUZZ_STANDALONE

#include <fcntl.h>

#include "util/fd.h"

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                _cleanup_free_ char *data = NULL;
                size_t size;

                if (fd_read_file(AT_FDCWD, argv[i], 1 << 20, &data, &size) < 0) {
                        fprintf(stderr, "Failed to read %s\n", argv[i]);
                        return 1;
                }
                LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        }
        return 0;
}

#endif
