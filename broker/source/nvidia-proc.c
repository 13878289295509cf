/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lines of "Key: value" with blanks around the value, and the table of /proc/devices (fs/char_dev.c of Linux,
 * chrdev_show(): "%3d %s"). Several names may have one major number there, as the driver registers ranges of
 * its minors by names of their own.
 */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "source/nvidia-proc.h"
#include "util/cleanup.h"
#include "util/string.h"

#define MINOR_MAX 0xfffffU

/* Takes the next line off @text, cut where @size is too small. Return: false at the end. */
static bool next_line(const char **text, char *line, size_t size) {
        size_t n = strcspn(*text, "\n"), take = MIN(n, size - 1);

        if (!**text)
                return false;
        memcpy(line, *text, take);
        line[take] = '\0';
        *text += n + ((*text)[n] == '\n');
        return true;
}

/* Without blanks at both ends; changed in place. */
static char *trim(char *s) {
        size_t n;

        while (isspace((unsigned char)*s))
                s++;
        n = strlen(s);
        while (n > 0 && isspace((unsigned char)s[n - 1]))
                s[--n] = '\0';
        return s;
}

void nvidia_parse_devices(const char *text, NvidiaMajors *ret) {
        NvidiaMajors majors = {};
        char line[NVIDIA_TEXT_MAX];
        bool characters = false;

        while (next_line(&text, line, sizeof(line))) {
                char *number = trim(line), *name;
                uint64_t major_number;

                if (strchr(number, ':')) {
                        characters = streq(number, "Character devices:");
                        continue;
                }
                name = strchr(number, ' ');
                if (!characters || !name)
                        continue;
                *name = '\0';
                name = trim(name + 1);
                if (string_to_u64(number, 10, 0xfff, &major_number) < 0 || major_number == 0)
                        continue;
                if (streq(name, "nvidia") || streq(name, "nvidia-frontend"))
                        majors.nvidia = (unsigned int)major_number;
                else if (streq(name, "nvidia-uvm"))
                        majors.uvm = (unsigned int)major_number;
                else if (streq(name, "nvidia-caps"))
                        majors.caps = (unsigned int)major_number;
        }
        *ret = majors;
}

/* The value where @line is of @key, else NULL; changed in place. */
static char *value_of(char *line, const char *key) {
        char *colon = strchr(line, ':');

        if (!colon)
                return NULL;
        *colon = '\0';
        if (streq(trim(line), key))
                return trim(colon + 1);
        *colon = ':';
        return NULL;
}

static void take_text(char target[static NVIDIA_TEXT_MAX], const char *value) {
        size_t n = MIN(strlen(value), (size_t)NVIDIA_TEXT_MAX - 1);

        memcpy(target, value, n);
        target[n] = '\0';
}

int nvidia_parse_information(const char *text, NvidiaInformation *ret) {
        NvidiaInformation information = {};
        uint64_t minor_number = UINT64_MAX;
        char line[NVIDIA_TEXT_MAX];

        while (next_line(&text, line, sizeof(line))) {
                const char *value;

                if ((value = value_of(line, "Device Minor"))) {
                        if (string_to_u64(value, 10, NVIDIA_MINOR_MODESET - 1, &minor_number) < 0)
                                return -ENODATA;
                } else if ((value = value_of(line, "Model")))
                        take_text(information.model, value);
                else if ((value = value_of(line, "GPU UUID"))) {
                        information.unnamed = strchr(value, '?');
                        if (!information.unnamed)
                                take_text(information.uuid, value);
                } else if ((value = value_of(line, "GPU Excluded")))
                        information.excluded = streq(value, "Yes");
        }
        if (minor_number == UINT64_MAX)
                return -ENODATA;
        information.minor = (unsigned int)minor_number;
        *ret = information;
        return 0;
}

int nvidia_parse_access(const char *text, unsigned int *ret_minor) {
        char line[NVIDIA_TEXT_MAX];

        while (next_line(&text, line, sizeof(line))) {
                const char *value = value_of(line, "DeviceFileMinor");
                uint64_t minor_number;

                if (!value)
                        continue;
                if (string_to_u64(value, 10, MINOR_MAX, &minor_number) < 0)
                        return -ENODATA;
                *ret_minor = (unsigned int)minor_number;
                return 0;
        }
        return -ENODATA;
}

bool nvidia_parse_name(const char *name, const char *prefix, unsigned int max, unsigned int *ret) {
        const char *digits = startswith(name, prefix);
        uint64_t number;

        if (!digits || (digits[0] == '0' && digits[1]) || max == 0 ||
            string_to_u64(digits, 10, max - 1, &number) < 0)
                return false;
        *ret = (unsigned int)number;
        return true;
}
