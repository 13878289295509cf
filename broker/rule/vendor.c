/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Makers by name. The numbers are those that the USB Implementers Forum and the PCI-SIG gave out, as devices
 * show them; a maker may have some of each.
 */

#include "config.h"

#include <strings.h>

#include "rule/vendor.h"
#include "util/cleanup.h"

#define VENDOR_IDS_MAX 3

static const struct {
        const char *name;
        const char *ids[VENDOR_IDS_MAX + 1];
} vendors[] = {
        {"amd", {"1002", "1022"}},
        {"apple", {"05ac", "106b"}},
        {"arduino", {"2341"}},
        {"aspeed", {"1a03"}},
        {"asus", {"0b05"}},
        {"broadcom", {"0a5c", "14e4"}},
        {"espressif", {"303a"}},
        {"ftdi", {"0403"}},
        {"google", {"18d1", "1ae0"}},
        {"htc", {"0bb4"}},
        {"huawei", {"12d1", "19e5"}},
        {"intel", {"8086", "8087"}},
        {"lenovo", {"17ef"}},
        {"lg", {"1004"}},
        {"logitech", {"046d"}},
        {"mediatek", {"0e8d", "14c3"}},
        {"mellanox", {"15b3"}},
        {"motorola", {"22b8"}},
        {"nvidia", {"10de", "0955"}},
        {"oneplus", {"2a70"}},
        {"oppo", {"22d9"}},
        {"prolific", {"067b"}},
        {"qualcomm", {"05c6", "17cb"}},
        {"raspberrypi", {"2e8a"}},
        {"realtek", {"0bda", "10ec"}},
        {"redhat", {"1af4"}},
        {"samsung", {"04e8", "144d"}},
        {"segger", {"1366"}},
        {"silabs", {"10c4"}},
        {"sony", {"0fce", "054c"}},
        {"vivo", {"2d95"}},
        {"wch", {"1a86"}},
        {"xiaomi", {"2717"}},
        {"yubico", {"1050"}},
        {"zte", {"19d2"}},
};

const char *const *vendor_ids(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
                if (strcasecmp(vendors[i].name, name) == 0)
                        return vendors[i].ids;
        return NULL;
}

const char *const *vendor_names(void) {
        static const char *names[ELEMENTSOF(vendors) + 1];

        for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
                names[i] = vendors[i].name;
        return names;
}
