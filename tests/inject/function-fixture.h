/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inject/interface-fixture.h"
#include "inject/link-function.h"

/*
 * A card with virtual functions, host0 with vf0 to vf3, on top of interface-fixture.h.
 */

/* Where they are looked for. */
#define SYS "/sys/class/net"

#define N_FUNCTIONS 4

typedef struct Setting {
        char mac[32];
        LinkTag tag;
} Setting;

/* What the card has set; `knows` how many of its functions it tells of. */
typedef struct Card {
        uint32_t knows;
        Setting functions[N_FUNCTIONS];
} Card;

extern Card *card;

/* So often the driver of a function refuses an address. */
extern unsigned int function_refusals;

/* wan0 in the container; the second one with all that can be asked of the card. */
extern const Item function;
Item tagged_function(void);

/* For cmocka. */
int function_setup(void **state);
int function_teardown(void **state);

/* host0 with so many functions, or one function more. */
void make_functions(Fixture *f, uint32_t n);
void make_function(Fixture *f, uint32_t number);
const char *function_name(uint32_t number);
/* What the kernel does when the interface of a function comes to the host, and when it leaves. */
void show_function(Fixture *f, uint32_t number);
void hide_interfaces(uint32_t number);

/* All functions that are on the host, and what the card has set, as text; owned by the caller. */
char *dump_all(Fixture *f, uint32_t n);
void assert_all(Fixture *f, uint32_t n, const char *before);

/* For the container "box"; what interface_read() tells of, NULL for nothing. */
int add(Fixture *f, const Item *item);
int take(Fixture *f, const Item *item);
void assert_reads(Fixture *f, const Item *item);
