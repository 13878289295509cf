/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * As much of adbd as `adb devices`, `adb shell` and `adb reboot` want: no authentication, one stream that
 * says its phone's serial and what was asked of it, and closes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phonesim/phone.h"

#define COMMAND(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define CONNECT             COMMAND('C', 'N', 'X', 'N')
#define OPEN                COMMAND('O', 'P', 'E', 'N')
#define OKAY                COMMAND('O', 'K', 'A', 'Y')
#define CLOSE               COMMAND('C', 'L', 'S', 'E')
#define WRITE               COMMAND('W', 'R', 'T', 'E')

#define VERSION    0x01000001
#define DATA_MAX   65536
#define STREAM_MAX 262144
#define OUR_ID     7
#define LEAVE_MS   100 /* so that the answer is still read */
#define REBOOT_MS  800

typedef struct Message {
        uint32_t command, first, second, size, sum, magic;
} Message;

static void send_message(Phone *phone, uint32_t command, uint32_t first, uint32_t second, const char *text) {
        Message message = {command, first, second, text ? (uint32_t)strlen(text) : 0, 0, ~command};

        /* The phone's name ends with a zero. */
        if (command == CONNECT)
                message.size++;
        for (uint32_t i = 0; i < message.size; i++)
                message.sum += (uint8_t)text[i];
        phone_send(phone, &message, sizeof(message));
        if (message.size > 0)
                phone_send(phone, text, message.size);
}

static void connect_host(Phone *phone) {
        char text[256];

        snprintf(text, sizeof(text),
                 "%s::ro.product.name=sim;ro.product.model=%s;ro.product.device=sim;features=cmd",
                 strcmp(phone->mode->name, "recovery") == 0 ? "recovery" : "device", phone->product_name);
        send_message(phone, CONNECT, VERSION, DATA_MAX, text);
}

static void reboot(Phone *phone, const char *target) {
        const char *mode = "adb";

        if (strcmp(target, "bootloader") == 0 || strcmp(target, "fastboot") == 0)
                mode = "fastboot";
        else if (strncmp(target, "recovery", 8) == 0 || strncmp(target, "sideload", 8) == 0)
                mode = "recovery";
        else if (strcmp(target, "edl") == 0)
                mode = "edl";
        say("%s adb-reboot %s", phone->serial, mode);
        phone_change(phone, mode_find(mode), LEAVE_MS, REBOOT_MS);
}

static void open_stream(Phone *phone, uint32_t id, const char *service) {
        char text[512];

        send_message(phone, OKAY, OUR_ID, id, NULL);
        if (strncmp(service, "reboot:", 7) == 0) {
                send_message(phone, CLOSE, OUR_ID, id, NULL);
                reboot(phone, service + 7);
                return;
        }
        snprintf(text, sizeof(text), "%s %.400s\n", phone->serial, service);
        send_message(phone, WRITE, OUR_ID, id, text);
}

static void handle(Phone *phone, const Message *message, const uint8_t *data) {
        char *text;

        switch (message->command) {
        case CONNECT:
                connect_host(phone);
                break;
        case OPEN:
                text = strndup((const char *)data, message->size);
                if (!text)
                        abort();
                open_stream(phone, message->first, text);
                free(text);
                break;
        case OKAY:
                send_message(phone, CLOSE, OUR_ID, message->first, NULL);
                break;
        case WRITE:
                send_message(phone, OKAY, message->second, message->first, NULL);
                break;
        default:
                break;
        }
}

/* A message may come in any number of transfers. */
void adb_receive(Phone *phone, const uint8_t *data, size_t size) {
        Message message;

        if (phone->n_stream + size > STREAM_MAX) {
                phone->n_stream = 0;
                return;
        }
        if (!phone->stream && !(phone->stream = malloc(STREAM_MAX)))
                abort();
        memcpy(phone->stream + phone->n_stream, data, size);
        phone->n_stream += size;

        while (phone->n_stream >= sizeof(message)) {
                memcpy(&message, phone->stream, sizeof(message));
                if (message.magic != ~message.command || message.size > STREAM_MAX - sizeof(message)) {
                        phone->n_stream = 0;
                        return;
                }
                if (phone->n_stream < sizeof(message) + message.size)
                        return;
                handle(phone, &message, phone->stream + sizeof(message));
                phone->n_stream -= sizeof(message) + message.size;
                memmove(phone->stream, phone->stream + sizeof(message) + message.size, phone->n_stream);
        }
}
