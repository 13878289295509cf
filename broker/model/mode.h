/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/device.h"

/* The state of a phone, for people: rules match interfaces and ids. */
typedef enum DeviceMode {
        DEVICE_MODE_NONE, /* no phone, or none of these */
        DEVICE_MODE_ADB,
        DEVICE_MODE_FASTBOOT, /* the boot loader, and Android's fastbootd */
        DEVICE_MODE_RECOVERY, /* and sideload */
        DEVICE_MODE_EDL,      /* Qualcomm's emergency download */
        DEVICE_MODE_DOWNLOAD, /* Samsung's */
        DEVICE_MODE_ACCESSORY,
        DEVICE_MODE_MTP,
        DEVICE_MODE_PTP,
        DEVICE_MODE_TETHER,
        DEVICE_MODE_AWAY, /* it is known, as somebody waits for it, and not there */
        DEVICE_MODE_MAX,
        DEVICE_MODE_INVALID = -EINVAL,
} DeviceMode;

const char *device_mode_to_string(DeviceMode mode);
DeviceMode device_mode_from_string(const char *s);

/* What @device shows itself as now. */
DeviceMode device_mode(const Device *device);
