/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/interface-fixture.h"
#include "inject/wiphy.h"

/*
 * A made-up radio, for kernels without one: its interfaces are veths, which move with it, and are told by the
 * indexes of their peers, far away. What inject/wiphy.h has is wrapped and works on it. It is in memory that
 * is shared with children, so that one may end in the middle of something.
 */

#define RADIO_NUMBER    3
#define RADIO_WDEVS_MAX 64

typedef enum RadioPlace {
        RADIO_HOME,
        RADIO_INSIDE,
        RADIO_HIDDEN, /* in neither namespace, with all that works on it */
} RadioPlace;

typedef struct Radio {
        RadioPlace place;
        Wiphy wiphy;
        Wdev wdevs[RADIO_WDEVS_MAX];
        size_t n_wdevs;
        uint32_t last;
        bool cannot_move;
} Radio;

extern Radio *radio;

/* For cmocka: as interface_setup(), with the radio on the host and host0 on it, and its fixture. */
int radio_setup(void **state);
int radio_teardown(void **state);

/* As its own root, or the kernel, does it; @name NULL makes what is no network interface. */
const Wdev *radio_make(const char *name, uint32_t type);
void radio_delete(const char *name);
void radio_move(RadioPlace place);
/* The wdev of an interface; NULL there is none. */
Wdev *radio_find(const char *name);
/* How many interfaces are on it. */
size_t radio_count_links(void);
