/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's end of the cable: the requests of USB/IP (Documentation/usb/usbip_protocol.rst), each a header
 * of 48 bytes in network order, followed by the data of a transfer to the phone.
 *
 * Control requests are answered at once. What goes to a bulk endpoint is handed to the mode's own program
 * (adb.c, fastboot.c); a transfer from one waits until that has something to say. The interrupt endpoint of
 * mtp never has.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "phonesim/descriptor.h"
#include "phonesim/usbip.h"

enum {
        CMD_SUBMIT = 1,
        CMD_UNLINK = 2,
        RET_SUBMIT = 3,
        RET_UNLINK = 4,
};

/* The header's words. */
enum {
        WORD_COMMAND = 0,
        WORD_SEQUENCE = 1,
        WORD_DIRECTION = 3, /* 1: to the host */
        WORD_ENDPOINT = 4,
        WORD_STATUS = 5, /* of an answer; of CMD_UNLINK the sequence number that is meant */
        WORD_LENGTH = 6,
        WORD_SETUP = 10,
        WORDS = 12,
};

#define HEADER         (WORDS * sizeof(uint32_t))
#define INTERRUPT      2 /* the endpoint of mtp that says nothing */
#define RECEIVE_CHUNK  65536
#define RECEIVED_LIMIT (4 * 1024 * 1024)

static void send_all(const Phone *phone, const void *data, size_t size) {
        const char *next = data;

        while (size > 0) {
                ssize_t sent = send(phone->fd, next, size, MSG_NOSIGNAL);

                if (sent > 0) {
                        next += sent;
                        size -= (size_t)sent;
                } else if (sent < 0 && errno == EAGAIN) {
                        poll(&(struct pollfd){phone->fd, POLLOUT, 0}, 1, 1000);
                } else if (sent == 0 || errno != EINTR) {
                        return;
                }
        }
}

/* @data NULL: @size is what was taken from the host. */
static void answer(const Phone *phone, uint32_t sequence, int status, const void *data, uint32_t size) {
        uint32_t header[WORDS] = {
                [WORD_COMMAND] = htonl(RET_SUBMIT),
                [WORD_SEQUENCE] = htonl(sequence),
                [WORD_STATUS] = htonl((uint32_t)status),
                [WORD_LENGTH] = htonl(size),
        };

        send_all(phone, header, sizeof(header));
        if (data)
                send_all(phone, data, size);
}

/* ---- bulk transfers to the host */

static Transfer **next_transfer(Phone *phone) {
        Transfer **place = &phone->transfers;

        while (*place && (*place)->endpoint == INTERRUPT)
                place = &(*place)->next;
        return place;
}

/* Brings together what waits on either side. */
static void pump(Phone *phone) {
        Transfer **place;

        while (phone->chunks && *(place = next_transfer(phone))) {
                Transfer *transfer = *place;
                Chunk *chunk = phone->chunks;
                size_t size = chunk->size < transfer->size ? chunk->size : transfer->size;

                answer(phone, transfer->sequence, 0, chunk->data, (uint32_t)size);
                *place = transfer->next;
                free(transfer);
                chunk->size -= size;
                memmove(chunk->data, chunk->data + size, chunk->size);
                if (chunk->size == 0) {
                        phone->chunks = chunk->next;
                        free(chunk);
                }
        }
}

void phone_send(Phone *phone, const void *data, size_t size) {
        Chunk *chunk, **place = &phone->chunks;

        chunk = malloc(sizeof(*chunk) + size);
        if (!chunk)
                abort();
        *chunk = (Chunk){.size = size};
        memcpy(chunk->data, data, size);
        while (*place)
                place = &(*place)->next;
        *place = chunk;
        pump(phone);
}

static void add_transfer(Phone *phone, uint32_t sequence, uint32_t endpoint, uint32_t size) {
        Transfer *transfer, **place = &phone->transfers;

        transfer = malloc(sizeof(*transfer));
        if (!transfer)
                abort();
        *transfer = (Transfer){.sequence = sequence, .endpoint = endpoint, .size = size};
        while (*place)
                place = &(*place)->next;
        *place = transfer;
        pump(phone);
}

/* The host takes back a transfer that waits, or that was answered meanwhile. */
static void unlink_transfer(Phone *phone, uint32_t sequence, uint32_t victim) {
        uint32_t header[WORDS] = {[WORD_COMMAND] = htonl(RET_UNLINK), [WORD_SEQUENCE] = htonl(sequence)};

        for (Transfer **place = &phone->transfers; *place; place = &(*place)->next)
                if ((*place)->sequence == victim) {
                        Transfer *transfer = *place;

                        *place = transfer->next;
                        free(transfer);
                        header[WORD_STATUS] = htonl((uint32_t)-ECONNRESET);
                        break;
                }
        send_all(phone, header, sizeof(header));
}

/* ---- control requests */

/* bmRequestType and bRequest in one. */
enum {
        GET_STATUS_DEVICE = 0x8000,
        GET_STATUS_INTERFACE = 0x8100,
        GET_STATUS_ENDPOINT = 0x8200,
        GET_DESCRIPTOR = 0x8006,
        GET_CONFIGURATION = 0x8008,
        GET_INTERFACE = 0x810a,
        CLEAR_FEATURE_DEVICE = 0x0001,
        CLEAR_FEATURE_INTERFACE = 0x0101,
        CLEAR_FEATURE_ENDPOINT = 0x0201,
        SET_FEATURE_DEVICE = 0x0003,
        SET_FEATURE_INTERFACE = 0x0103,
        SET_FEATURE_ENDPOINT = 0x0203,
        SET_CONFIGURATION = 0x0009,
        SET_INTERFACE = 0x010b,
        SET_SEL = 0x0030,
        SET_ISOCH_DELAY = 0x0031,
};

/* Return: the answer's length, -1: the request is refused. */
static int handle_setup(Phone *phone, const uint8_t *setup, uint8_t *data) {
        unsigned int value = setup[2] | (unsigned int)setup[3] << 8;

        switch (setup[0] << 8 | setup[1]) {
        case GET_DESCRIPTOR:
                return descriptor_write(phone, value, data);
        case GET_STATUS_DEVICE:
        case GET_STATUS_INTERFACE:
        case GET_STATUS_ENDPOINT:
                data[0] = data[1] = 0;
                return 2;
        case GET_CONFIGURATION:
                data[0] = (uint8_t)phone->configuration;
                return 1;
        case GET_INTERFACE:
                data[0] = 0;
                return 1;
        case SET_CONFIGURATION:
                phone->configuration = value;
                if (value != 0)
                        say("%s configured %s", phone->serial, phone->mode->name);
                return 0;
        case CLEAR_FEATURE_DEVICE:
        case CLEAR_FEATURE_INTERFACE:
        case CLEAR_FEATURE_ENDPOINT:
        case SET_FEATURE_DEVICE:
        case SET_FEATURE_INTERFACE:
        case SET_FEATURE_ENDPOINT:
        case SET_INTERFACE:
        case SET_SEL:
        case SET_ISOCH_DELAY:
                return 0;
        default:
                return -1;
        }
}

static void control(Phone *phone, uint32_t sequence, const uint8_t *setup, bool to_host, uint32_t size) {
        uint32_t asked = setup[6] | (uint32_t)setup[7] << 8;
        uint8_t data[DESCRIPTOR_MAX];
        uint32_t length;
        int r;

        usleep(phone->delay_ms * 1000);
        r = handle_setup(phone, setup, data);
        if (r < 0) {
                answer(phone, sequence, -EPIPE, NULL, 0);
                return;
        }
        if (!to_host) {
                answer(phone, sequence, 0, NULL, size);
                return;
        }
        length = (uint32_t)r < asked ? (uint32_t)r : asked;
        answer(phone, sequence, 0, data, length < size ? length : size);
}

/* ---- from the kernel */

static void bulk_receive(Phone *phone, const uint8_t *data, size_t size) {
        if (strchr(phone->mode->interfaces, 'f'))
                fastboot_receive(phone, data, size);
        else if (strchr(phone->mode->interfaces, 'a'))
                adb_receive(phone, data, size);
}

static void submit(Phone *phone, const uint32_t *words, const uint8_t *request) {
        bool to_host = words[WORD_DIRECTION] == 1;
        uint32_t sequence = words[WORD_SEQUENCE], size = words[WORD_LENGTH];

        if (words[WORD_ENDPOINT] == 0) {
                control(phone, sequence, request + WORD_SETUP * sizeof(uint32_t), to_host, size);
        } else if (to_host) {
                add_transfer(phone, sequence, words[WORD_ENDPOINT], size);
        } else {
                answer(phone, sequence, 0, NULL, size);
                bulk_receive(phone, request + HEADER, size);
        }
}

/* Return: the length of the request that was answered, 0: there is no whole one. */
static size_t handle_request(Phone *phone, const uint8_t *request, size_t available) {
        uint32_t words[WORDS];
        size_t length = HEADER;

        if (available < HEADER)
                return 0;
        memcpy(words, request, HEADER);
        for (size_t i = 0; i < WORD_SETUP; i++)
                words[i] = ntohl(words[i]);

        if (words[WORD_COMMAND] == CMD_UNLINK) {
                unlink_transfer(phone, words[WORD_SEQUENCE], words[WORD_STATUS]);
                return length;
        }
        if (words[WORD_DIRECTION] == 0)
                length += words[WORD_LENGTH];
        if (available < length)
                return 0;
        if (!phone->hangs)
                submit(phone, words, request);
        return length;
}

bool usbip_receive(Phone *phone) {
        ssize_t size;
        size_t length;

        if (phone->received_size - phone->n_received < RECEIVE_CHUNK) {
                if (phone->received_size >= RECEIVED_LIMIT)
                        return false;
                phone->received_size += 2 * RECEIVE_CHUNK;
                phone->received = realloc(phone->received, phone->received_size);
                if (!phone->received)
                        abort();
        }
        size = recv(phone->fd, phone->received + phone->n_received, phone->received_size - phone->n_received,
                    0);
        if (size < 0)
                return errno == EAGAIN || errno == EINTR;
        if (size == 0)
                return false;
        phone->n_received += (size_t)size;
        /* An answer may have taken the phone off the bus. */
        while (phone->fd >= 0 && (length = handle_request(phone, phone->received, phone->n_received)) > 0) {
                phone->n_received -= length;
                memmove(phone->received, phone->received + length, phone->n_received);
        }
        return true;
}

void usbip_reset(Phone *phone) {
        Transfer *transfer;
        Chunk *chunk;

        while ((transfer = phone->transfers)) {
                phone->transfers = transfer->next;
                free(transfer);
        }
        while ((chunk = phone->chunks)) {
                phone->chunks = chunk->next;
                free(chunk);
        }
        phone->n_received = phone->n_stream = 0;
}
