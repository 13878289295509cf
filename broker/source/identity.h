/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/uevent.h"

/**
 * identity_complete() - add what a kernel event does not tell of a USB device: who it is
 * @event: any event; others than the arrival or change of a usb_device are left as they are
 *
 * Sets, where sysfs has them and the event has not, ID_VENDOR_ID, ID_MODEL_ID, ID_VENDOR, ID_MODEL and
 * ID_SERIAL_SHORT, spelled as udev's usb_id builtin spells them.
 *
 * Return: 0, also where the device is gone again; -E2BIG; -ENOMEM.
 */
int identity_complete(Uevent *event);

/**
 * identity_spell() - write what a device says of itself as udev would
 * @s:      text as the device has it; hostile
 * @buffer: result, NUL-terminated, cut where it is too small
 *
 * Blanks at both ends go, runs of blanks inside become one `_`, and so does every byte but letters, digits,
 * any of
 * `#+-.:=@_`, and UTF-8 (systemd, src/shared/udev-util.c). Return: @buffer.
 */
char *identity_spell(const char *s, char *buffer, size_t size);
