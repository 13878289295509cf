/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PHONES_MAX 256

/* As the kernel counts them (enum usb_device_speed). */
typedef enum Speed {
        SPEED_FULL = 2,
        SPEED_HIGH = 3,
        SPEED_SUPER = 5,
} Speed;

/* What a phone is to USB; each is another product, with other interfaces. */
typedef struct Mode {
        const char *name;
        uint16_t product;
        const char *interfaces; /* a letter each: a adb, f fastboot, m mtp, p ptp, q the chip's own */
        uint16_t vendor;        /* of who made the chip; 0: the phone's */
        bool no_serial;         /* the chip knows none */
} Mode;

/* A transfer to the host that waits for data. */
typedef struct Transfer {
        struct Transfer *next;
        uint32_t sequence, endpoint, size;
} Transfer;

/* Data that waits for a transfer. */
typedef struct Chunk {
        struct Chunk *next;
        size_t size;
        char data[];
} Chunk;

typedef struct Phone {
        bool used;
        char serial[64], maker[48], product_name[48];
        char told_serial[64]; /* by its descriptor, where it is another; "": serial */
        uint16_t vendor, product;
        bool has_own_product; /* not that of its mode */
        bool no_serial;       /* its descriptor names none */
        bool hangs;           /* answers nothing */
        unsigned int delay_ms;

        Speed speed;
        unsigned int port; /* see vhci.h */
        int fd;            /* to the kernel; -EBADF while it is away */
        const Mode *mode;  /* NULL: powered off */
        unsigned int configuration;

        uint8_t *received;
        size_t n_received, received_size;
        Transfer *transfers;
        Chunk *chunks;
        uint8_t *stream; /* what came by bulk transfers and is no whole adb message yet */
        size_t n_stream;

        /* A change of mode under way: at this time it leaves the bus, or if it has left, comes back. */
        int64_t change_at_ms; /* 0: none */
        const Mode *next_mode;
        unsigned int away_ms;
        unsigned int flaps; /* how many times more */
} Phone;

extern Phone phones[PHONES_MAX];

/* Prints an event for who reads the log. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

int64_t now_ms(void);

/* Return: the mode, NULL: there is none of that name. */
const Mode *mode_find(const char *name);
const Mode *mode_of_product(uint16_t product);

/* As it is in its mode. */
uint16_t phone_vendor(const Phone *phone);
bool phone_has_serial(const Phone *phone);

/* Return: the phone, NULL: none has this serial. */
Phone *phone_find(const char *serial);

/* A free place in the table, NULL: none. */
Phone *phone_allocate(void);

/* Return: 0, it is on the bus; -errno. */
int phone_attach(Phone *phone);

/* Takes it off the bus and forgets what it was saying. */
void phone_detach(Phone *phone);

/* Takes it off and out of the table. */
void phone_remove(Phone *phone);

/* In @delay_ms it leaves the bus, and @away_ms later comes back in another mode; NULL: it stays away. */
void phone_change(Phone *phone, const Mode *mode, unsigned int delay_ms, unsigned int away_ms);

/* Does what is due. Return: ms to what comes next, -1: nothing does. */
int phones_tick(void);

/* Queues data for the host. */
void phone_send(Phone *phone, const void *data, size_t size);

/* What it answers, by mode. */
void adb_receive(Phone *phone, const uint8_t *data, size_t size);
void fastboot_receive(Phone *phone, const uint8_t *data, size_t size);
