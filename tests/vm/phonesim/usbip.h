/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "phonesim/phone.h"

/* Reads what the kernel has sent to the phone, and answers. Return: false, the kernel has closed the line. */
bool usbip_receive(Phone *phone);

/* Forgets what was under way. */
void usbip_reset(Phone *phone);
