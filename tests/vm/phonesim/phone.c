/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The phones: who is plugged in where, and when one leaves and comes back.
 *
 * A phone keeps its port and its serial while it is away, as one that reboots does. The kernel holds the
 * other end of its socket: when we end, however we do, all of them are unplugged.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "phonesim/usbip.h"
#include "phonesim/vhci.h"

#define QUALCOMM 0x05c6

Phone phones[PHONES_MAX];

static const Mode modes[] = {
        {.name = "adb", .product = 0x4ee7, .interfaces = "a"},
        {.name = "mtpadb", .product = 0x4ee2, .interfaces = "ma"},
        {.name = "mtp", .product = 0x4ee1, .interfaces = "m"},
        {.name = "ptp", .product = 0x4ee5, .interfaces = "p"},
        {.name = "fastboot", .product = 0x4ee0, .interfaces = "f"},
        {.name = "recovery", .product = 0xd001, .interfaces = "a"},
        {.name = "edl", .product = 0x9008, .interfaces = "q", .vendor = QUALCOMM, .no_serial = true},
};

#define N_MODES (sizeof(modes) / sizeof(modes[0]))

int64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const Mode *mode_find(const char *name) {
        for (size_t i = 0; i < N_MODES; i++)
                if (strcmp(modes[i].name, name) == 0)
                        return &modes[i];
        return NULL;
}

const Mode *mode_of_product(uint16_t product) {
        for (size_t i = 0; i < N_MODES; i++)
                if (modes[i].product == product)
                        return &modes[i];
        return NULL;
}

uint16_t phone_vendor(const Phone *phone) {
        return phone->mode && phone->mode->vendor ? phone->mode->vendor : phone->vendor;
}

bool phone_has_serial(const Phone *phone) {
        return !phone->no_serial && !phone->mode->no_serial;
}

Phone *phone_find(const char *serial) {
        for (size_t i = 0; i < PHONES_MAX; i++)
                if (phones[i].used && strcmp(phones[i].serial, serial) == 0)
                        return &phones[i];
        return NULL;
}

Phone *phone_allocate(void) {
        for (size_t i = 0; i < PHONES_MAX; i++)
                if (!phones[i].used)
                        return &phones[i];
        return NULL;
}

int phone_attach(Phone *phone) {
        int pair[2], r;

        if (!phone->has_own_product)
                phone->product = phone->mode->product;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        r = vhci_attach(phone->port, phone->speed, pair[1]);
        close(pair[1]);
        if (r < 0) {
                close(pair[0]);
                return r;
        }
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        phone->fd = pair[0];
        return 0;
}

void phone_detach(Phone *phone) {
        if (phone->fd >= 0) {
                vhci_detach(phone->port, phone->speed);
                close(phone->fd);
        }
        phone->fd = -EBADF;
        phone->configuration = 0;
        usbip_reset(phone);
}

void phone_remove(Phone *phone) {
        phone_detach(phone);
        free(phone->received);
        free(phone->stream);
        *phone = (Phone){.fd = -EBADF};
}

void phone_change(Phone *phone, const Mode *mode, unsigned int delay_ms, unsigned int away_ms) {
        phone->next_mode = mode;
        phone->away_ms = away_ms;
        phone->change_at_ms = now_ms() + delay_ms;
}

static void leave_bus(Phone *phone) {
        phone_detach(phone);
        phone->mode = phone->next_mode;
        /* Counted from when it is off the bus. */
        phone->change_at_ms = phone->mode ? now_ms() + phone->away_ms : 0;
}

static void come_back(Phone *phone) {
        int r;

        phone->change_at_ms = 0;
        phone->mode = phone->next_mode;
        r = phone_attach(phone);
        if (r < 0)
                say("%s cannot come back: %s", phone->serial, strerror(-r));
        if (phone->flaps > 1)
                phone_change(phone, phone->mode, phone->away_ms, phone->away_ms);
        if (phone->flaps > 0)
                phone->flaps--;
}

int phones_tick(void) {
        int64_t now = now_ms(), next = -1;

        for (Phone *phone = phones; phone < phones + PHONES_MAX; phone++) {
                if (!phone->used || phone->change_at_ms == 0)
                        continue;
                if (now >= phone->change_at_ms) {
                        if (phone->fd >= 0)
                                leave_bus(phone);
                        else
                                come_back(phone);
                }
                if (phone->change_at_ms != 0) {
                        int64_t left = phone->change_at_ms > now ? phone->change_at_ms - now : 0;

                        if (next < 0 || left < next)
                                next = left;
                }
        }
        return (int)next;
}
