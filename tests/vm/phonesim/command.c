/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be asked of the phones; main.c lists it. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phonesim/command.h"
#include "phonesim/phone.h"
#include "phonesim/vhci.h"

#define DEFAULT_AWAY_MS 800
#define DEFAULT_WAIT_MS 30000
#define GOOGLE          0x18d1

static void __attribute__((format(printf, 2, 3))) add_line(Answer *answer, const char *format, ...) {
        size_t used = strlen(answer->text);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(answer->text + used, sizeof(answer->text) - used, format, arguments);
        va_end(arguments);
        used = strlen(answer->text);
        snprintf(answer->text + used, sizeof(answer->text) - used, "\n");
}

static unsigned int to_number(const char *text) {
        return text ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static bool is_meant(const Phone *phone, const char *serial) {
        return phone->used && (strcmp(serial, "all") == 0 || strcmp(phone->serial, serial) == 0);
}

/* ---- plug */

typedef struct PlugRequest {
        Phone phone;
        unsigned int count;
        bool has_port;
        const char *prefix;
} PlugRequest;

/* Return: false, there is no such option or value. */
static bool take_option(PlugRequest *request, const char *name, const char *value) {
        Phone *phone = &request->phone;

        if (strcmp(name, "--serial") == 0) {
                snprintf(phone->serial, sizeof(phone->serial), "%s", value);
        } else if (strcmp(name, "--tells") == 0) {
                snprintf(phone->told_serial, sizeof(phone->told_serial), "%s", value);
        } else if (strcmp(name, "--prefix") == 0) {
                request->prefix = value;
        } else if (strcmp(name, "--product") == 0) {
                snprintf(phone->product_name, sizeof(phone->product_name), "%s", value);
        } else if (strcmp(name, "--manufacturer") == 0) {
                snprintf(phone->maker, sizeof(phone->maker), "%s", value);
        } else if (strcmp(name, "--mode") == 0) {
                phone->mode = mode_find(value);
                return phone->mode;
        } else if (strcmp(name, "--vid") == 0) {
                phone->vendor = (uint16_t)strtoul(value, NULL, 16);
        } else if (strcmp(name, "--pid") == 0) {
                const Mode *mode = mode_of_product((uint16_t)strtoul(value, NULL, 16));

                phone->product = (uint16_t)strtoul(value, NULL, 16);
                phone->has_own_product = true;
                phone->mode = mode ? mode : phone->mode;
        } else if (strcmp(name, "--speed") == 0) {
                phone->speed = strcmp(value, "ss") == 0   ? SPEED_SUPER
                               : strcmp(value, "fs") == 0 ? SPEED_FULL
                                                          : SPEED_HIGH;
        } else if (strcmp(name, "--port") == 0) {
                phone->port = to_number(value);
                request->has_port = true;
                return phone->port < VHCI_PORTS;
        } else if (strcmp(name, "--noserial") == 0) {
                phone->no_serial = to_number(value) != 0;
        } else if (strcmp(name, "--hang") == 0) {
                phone->hangs = to_number(value) != 0;
        } else if (strcmp(name, "--delay") == 0) {
                phone->delay_ms = to_number(value);
        } else {
                return false;
        }
        return true;
}

static bool is_taken(unsigned int port, Speed speed) {
        for (size_t i = 0; i < PHONES_MAX; i++)
                if (phones[i].used && phones[i].port == port &&
                    (phones[i].speed == SPEED_SUPER) == (speed == SPEED_SUPER))
                        return true;
        return false;
}

/* Return: 0, -EBUSY. */
static int choose_port(const PlugRequest *request, Phone *phone) {
        if (request->has_port)
                return is_taken(phone->port, phone->speed) ? -EBUSY : 0;
        for (phone->port = 0; phone->port < VHCI_PORTS; phone->port++)
                if (!is_taken(phone->port, phone->speed) && vhci_port_is_free(phone->port, phone->speed))
                        return 0;
        return -EBUSY;
}

static int plug_one(const PlugRequest *request) {
        Phone *phone = phone_allocate(), made = request->phone;
        int r;

        if (!phone)
                return -EBUSY;
        for (unsigned int i = 1; !*request->phone.serial && (i == 1 || phone_find(made.serial)); i++)
                snprintf(made.serial, sizeof(made.serial), "%.40s%04u", request->prefix, i);
        if (phone_find(made.serial))
                return -EEXIST;
        r = choose_port(request, &made);
        if (r < 0)
                return r;
        *phone = made;
        r = phone_attach(phone);
        phone->used = r >= 0;
        return r;
}

static void plug(char **words, Answer *answer) {
        PlugRequest request = {
                .phone = {.fd = -EBADF,
                          .vendor = GOOGLE,
                          .speed = SPEED_HIGH,
                          .maker = "Google",
                          .product_name = "Pixel 6"},
                .count = 1,
                .prefix = "SIM",
        };
        int r;

        request.phone.mode = mode_find("adb");
        if (*words && **words != '-')
                request.count = to_number(*words++);
        for (; *words; words += 2)
                if (!words[1] || !take_option(&request, words[0], words[1])) {
                        answer->status = 1;
                        add_line(answer, "plug: no such option, or value of it: %s", words[0]);
                        return;
                }
        for (unsigned int i = 0; i < request.count; i++) {
                r = plug_one(&request);
                if (r < 0) {
                        answer->status = 1;
                        add_line(answer, "plug: phone %u of %u: %s", i + 1, request.count, strerror(-r));
                        return;
                }
        }
}

/* ---- the others */

static void unplug(char **words, Answer *answer) {
        unsigned int count = 0;

        for (size_t i = 0; i < PHONES_MAX; i++)
                if (is_meant(&phones[i], words[0])) {
                        phone_remove(&phones[i]);
                        count++;
                }
        answer->status = count == 0 && strcmp(words[0], "all") != 0;
}

static void change_mode(char **words, Answer *answer) {
        unsigned int away_ms = words[2] ? to_number(words[2]) : DEFAULT_AWAY_MS, count = 0;
        bool off = strcmp(words[1], "off") == 0;
        const Mode *mode = mode_find(words[1]);

        for (size_t i = 0; (mode || off) && i < PHONES_MAX; i++) {
                Phone *phone = &phones[i];

                if (!is_meant(phone, words[0]))
                        continue;
                count++;
                phone->has_own_product = false;
                if (!off || phone->fd >= 0)
                        phone_change(phone, mode, 0, away_ms);
                /* A wait that is asked for next must not see it as it was. */
                phone->configuration = 0;
        }
        answer->status = count == 0;
}

static void flap(char **words, Answer *answer) {
        Phone *phone = phone_find(words[0]);

        answer->status = !phone || !phone->mode;
        if (answer->status == 0) {
                phone->flaps = to_number(words[1]);
                phone_change(phone, phone->mode, 0, to_number(words[2]));
        }
}

static const char *state_of(const Phone *phone) {
        if (phone->fd < 0)
                return "away";
        return phone->configuration != 0 ? "configured" : "attached";
}

static void list(char **words, Answer *answer) {
        (void)words;
        for (size_t i = 0; i < PHONES_MAX; i++) {
                const Phone *phone = &phones[i];

                if (phone->used)
                        add_line(answer, "%s %s %04x:%04x port %u %s", phone->serial,
                                 phone->mode ? phone->mode->name : "off", phone_vendor(phone), phone->product,
                                 phone->port, state_of(phone));
        }
}

static void start_wait(char **words, Answer *answer) {
        answer->waits_for = words[0];
        answer->until_ms = now_ms() + (words[1] ? to_number(words[1]) : DEFAULT_WAIT_MS);
}

int command_check_wait(Answer *answer) {
        unsigned int total = 0, missing = 0;

        for (size_t i = 0; i < PHONES_MAX; i++) {
                const Phone *phone = &phones[i];

                if (!is_meant(phone, answer->waits_for))
                        continue;
                total++;
                if (phone->configuration == 0 && (phone->mode || phone->change_at_ms != 0))
                        missing++;
        }
        if (missing > 0 && now_ms() < answer->until_ms)
                return 0;
        answer->status = missing > 0 || total == 0;
        add_line(answer, "%u of %u", total - missing, total);
        return 1;
}

void command_run(char **words, Answer *ret_answer) {
        static const struct {
                const char *name;
                unsigned int n_words;
                void (*run)(char **words, Answer *answer);
        } commands[] = {
                {"plug", 0, plug}, {"unplug", 1, unplug}, {"mode", 2, change_mode},
                {"flap", 3, flap}, {"list", 0, list},     {"wait", 1, start_wait},
        };
        unsigned int n_words = 0;

        ret_answer->status = 0;
        ret_answer->text[0] = '\0';
        ret_answer->waits_for = NULL;
        while (words[n_words])
                n_words++;
        for (size_t i = 0; n_words > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
                if (strcmp(words[0], commands[i].name) == 0 && n_words - 1 >= commands[i].n_words) {
                        commands[i].run(words + 1, ret_answer);
                        if (ret_answer->status != 0 && !*ret_answer->text)
                                add_line(ret_answer, "%s: there is no such phone or mode", words[0]);
                        return;
                }
        ret_answer->status = 1;
        add_line(ret_answer, "no such command, or too few words to it");
}
