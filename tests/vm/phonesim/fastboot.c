/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As much of a bootloader as `fastboot devices`, `fastboot getvar` and `fastboot reboot` want. */

#include <stdio.h>
#include <string.h>

#include "phonesim/phone.h"

#define COMMAND_MAX 64
#define LEAVE_MS    50 /* so that the answer is still read */
#define REBOOT_MS   800

static const char *variable(const Phone *phone, const char *name) {
        if (strcmp(name, "product") == 0)
                return "sim";
        if (strcmp(name, "serialno") == 0)
                return phone->serial;
        if (strcmp(name, "is-userspace") == 0)
                return "no";
        if (strcmp(name, "version") == 0)
                return "0.4";
        return "";
}

static void reboot(Phone *phone, const char *command) {
        const char *mode = "adb";

        if (strstr(command, "bootloader") || strstr(command, "fastboot"))
                mode = "fastboot";
        else if (strstr(command, "recovery"))
                mode = "recovery";
        say("%s fastboot-reboot %s", phone->serial, mode);
        phone_change(phone, mode_find(mode), LEAVE_MS, REBOOT_MS);
}

void fastboot_receive(Phone *phone, const uint8_t *data, size_t size) {
        char command[COMMAND_MAX + 1], text[COMMAND_MAX + 5];

        snprintf(command, sizeof(command), "%.*s", size < COMMAND_MAX ? (int)size : COMMAND_MAX,
                 (const char *)data);
        snprintf(text, sizeof(text), "OKAY%s",
                 strncmp(command, "getvar:", 7) == 0 ? variable(phone, command + 7) : "");
        phone_send(phone, text, strlen(text));
        if (strncmp(command, "reboot", 6) == 0)
                reboot(phone, command);
}
