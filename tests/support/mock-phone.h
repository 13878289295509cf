/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * A host of the test's own, made of umockdev's /sys and /dev and a /run in a mount namespace of its own, with
 * phones and graphics cards that come and go with the properties that real ones have. Any failure fails the
 * test.
 */
typedef struct MockHost MockHost;

/* Starts the program anew under umockdev's preloaded library where it is not under it already. To be called
 * first thing in main(), with its arguments. Return: only where nothing is to be done, or nothing can be. */
void mock_host_preload(char **argv);

/* Return: 0; -EOPNOTSUPP no umockdev, or no mount namespaces for us. One at a time. */
int mock_host_new(MockHost **ret);
void mock_host_free(MockHost *host);

/* Whether udevd seems to run. With it, a device's database entry is there when its event comes. */
void mock_host_set_udevd(MockHost *host, bool runs);

typedef struct MockPhone {
        const char *port;       /* "3-1", "3-1.2" */
        unsigned int number;    /* on bus 3, from 2 on */
        const char *vendor;     /* "18d1" */
        const char *product;    /* "4ee7" */
        const char *model;      /* "Pixel 6" */
        const char *serial;     /* NULL: it has none */
        const char *interfaces; /* of one byte triple each: "ff4201", "ffff00ff4201" */
} MockPhone;

extern const MockPhone mock_phone_adb;      /* a Pixel 6, serial PIXEL1, at 3-1 */
extern const MockPhone mock_phone_fastboot; /* the same one in its boot loader */

/* Makes it without (add) or with (plug) the events that tell of it: add of the device, then of its
 * interfaces, bind. */
void mock_phone_add(MockHost *host, const MockPhone *phone);
void mock_phone_plug(MockHost *host, const MockPhone *phone);
/* The reverse, with the little that removal events say. */
void mock_phone_unplug(MockHost *host, const MockPhone *phone);
/* Another mode: gone, and back with other ids and another number. */
void mock_phone_switch(MockHost *host, const MockPhone *from, const MockPhone *to);

/* udevd has not finished with it: its database entry goes. */
void mock_phone_forget(MockHost *host, const MockPhone *phone);

/* A virtio graphics card at PCI address @place, with /dev/dri/card@card and renderD(128+@card). */
void mock_gpu_plug(MockHost *host, const char *place, unsigned int card);
void mock_gpu_unplug(MockHost *host, const char *place, unsigned int card);
