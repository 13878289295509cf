/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a phone is up to, told by how it shows itself on USB.
 *
 * The interfaces are the reliable sign: makers give their own ids to the same mode. What has no telling
 * interface is told by its ids: recovery speaks adb like the running system, and what the chip itself says
 * before any software runs has interfaces without meaning. Of several functions at a time the one that says
 * most of the phone counts, so that one with adb and file transfer is in "adb".
 *
 * Ids: those of the Android sources (Pixel, AOA), of makers' boot loaders, and of the chips' own loaders.
 */

#include "config.h"

#include "model/mode.h"
#include "util/string.h"

static const char *const mode_names[DEVICE_MODE_MAX] = {
        [DEVICE_MODE_NONE] = "",
        [DEVICE_MODE_ADB] = "adb",
        [DEVICE_MODE_FASTBOOT] = "fastboot",
        [DEVICE_MODE_RECOVERY] = "recovery",
        [DEVICE_MODE_EDL] = "edl",
        [DEVICE_MODE_DOWNLOAD] = "download",
        [DEVICE_MODE_ACCESSORY] = "accessory",
        [DEVICE_MODE_MTP] = "mtp",
        [DEVICE_MODE_PTP] = "ptp",
        [DEVICE_MODE_TETHER] = "tether",
        [DEVICE_MODE_AWAY] = "away",
};

const char *device_mode_to_string(DeviceMode mode) {
        return mode >= 0 && mode < DEVICE_MODE_MAX ? mode_names[mode] : NULL;
}

DeviceMode device_mode_from_string(const char *s) {
        return (DeviceMode)string_table_find(mode_names, DEVICE_MODE_MAX, s);
}

static const struct {
        const char *vendor, *product; /* patterns */
        DeviceMode mode;
} modes_by_id[] = {
        {"18d1", "d001", DEVICE_MODE_RECOVERY},  {"22b8", "2e81", DEVICE_MODE_RECOVERY},
        {"05c6", "9008", DEVICE_MODE_EDL},       {"04e8", "685d", DEVICE_MODE_DOWNLOAD},
        {"18d1", "2d0?", DEVICE_MODE_ACCESSORY}, {"18d1", "4ee[56]", DEVICE_MODE_PTP},
};

static DeviceMode mode_by_id(const Device *device) {
        if (!device->vendor || !device->product)
                return DEVICE_MODE_NONE;
        for (size_t i = 0; i < ELEMENTSOF(modes_by_id); i++)
                if (streq(modes_by_id[i].vendor, device->vendor) &&
                    string_match(modes_by_id[i].product, device->product))
                        return modes_by_id[i].mode;
        return DEVICE_MODE_NONE;
}

DeviceMode device_mode(const Device *device) {
        DeviceMode by_id;

        if (!startswith(device->id, "usb-"))
                return DEVICE_MODE_NONE;
        if (!device_is_alive(device))
                return DEVICE_MODE_AWAY;

        by_id = mode_by_id(device);
        if (device_has_interface(device, "ff:42:03"))
                return DEVICE_MODE_FASTBOOT;
        if (by_id == DEVICE_MODE_RECOVERY)
                return by_id;
        if (device_has_interface(device, "ff:42:01"))
                return DEVICE_MODE_ADB;
        if (by_id != DEVICE_MODE_NONE)
                return by_id;
        /* RNDIS, in the two ways of Android; CDC is what any network adapter speaks. */
        if (device_has_interface(device, "e0:01:03") || device_has_interface(device, "ef:04:01"))
                return DEVICE_MODE_TETHER;
        /* MTP is the class of cameras with a use of its own, or the vendor's class: what tells is a question
         * to the device, which udev's rules put. Makers give 06:01:01 to either. */
        if (device_has_interface(device, "06:01:01"))
                return device_property(device, "ID_GPHOTO2") && !device_property(device, "ID_MTP_DEVICE")
                               ? DEVICE_MODE_PTP
                               : DEVICE_MODE_MTP;
        return device_property(device, "ID_MTP_DEVICE") ? DEVICE_MODE_MTP : DEVICE_MODE_NONE;
}
