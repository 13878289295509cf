/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What of a device the host's services leave alone, by what is given of it: never more, or a host loses the
 * network that it is reached by, or its screen.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/yield.h"
#include "rule/rule.h"
#include "util/string.h"

#define ALL (PART_KINDS_NODES)
#define NET (1U << PART_NET)

typedef struct Case {
        const char *device;
        Give give;
        GrantState state;
        bool by_hand, interfaces;
        YieldSet expected;
} Case;

static const Case cases[] = {
        {"usb-3-1",
         {.kinds = 1U << PART_USB, .share = 1},
         GRANT_ACTIVE,
         false,
         false,
         YIELD_EXCLUSIVE | ALL | NET},
        {"usb-3-1", {.kinds = 1U << PART_USB, .share = 2}, GRANT_ACTIVE, false, false, ALL | NET},
        {"usb-3-1", {.kinds = ALL, .share = 1}, GRANT_LINGERING, false, false, YIELD_EXCLUSIVE | ALL | NET},
        {"usb-3-1", {.kinds = ALL, .share = 1}, GRANT_LEAVING, false, false, YIELD_EXCLUSIVE | ALL | NET},
        {"usb-3-1", {.kinds = ALL, .share = 1}, GRANT_FAILED, false, false, 0},
        {"usb-3-1",
         {.kinds = 0, .share = SHARE_UNLIMITED, .net = {.set = true, .mode = NET_MACVLAN}},
         GRANT_ACTIVE,
         false,
         false,
         ALL},
        /* The card of the screen stays. */
        {"pci-0000:01:00.0",
         {.kinds = 1U << PART_RENDER, .share = 1},
         GRANT_ACTIVE,
         false,
         false,
         YIELD_EXCLUSIVE | 1U << PART_RENDER},
        /* So does the uplink of whose board the clock is given, or that others are on top of. */
        {"pci-0000:02:00.0", {.kinds = ALL, .share = 1}, GRANT_ACTIVE, false, false, YIELD_EXCLUSIVE | ALL},
        {"pci-0000:02:00.0",
         {.kinds = 0, .share = SHARE_UNLIMITED, .net = {.set = true, .mode = NET_MACVLAN}},
         GRANT_ACTIVE,
         false,
         false,
         0},
        {"pci-0000:02:00.0",
         {.kinds = 0, .share = 1, .net = {.set = true, .mode = NET_SRIOV}},
         GRANT_ACTIVE,
         false,
         false,
         0},
        {"pci-0000:02:00.0",
         {.kinds = 0, .share = 1, .net = {.set = true, .mode = NET_MOVE}},
         GRANT_ACTIVE,
         false,
         false,
         YIELD_EXCLUSIVE | NET},
        {"net-veth0", {}, GRANT_PENDING, true, true, YIELD_EXCLUSIVE | ALL | NET},
        {"net-veth0", {}, GRANT_PENDING, true, false, YIELD_EXCLUSIVE | ALL},
};

static void test_by_grant(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = &cases[i];
                const Rule rule = {.give = c->give};
                Device device = {.id = (char *)c->device};
                Grant grant = {
                        .device = &device,
                        .state = c->state,
                        .decision = c->by_hand ? NULL : &rule,
                        .interfaces = c->interfaces,
                        .share = c->by_hand ? 1 : c->give.share,
                };

                device.grants = &grant;
                if (yield_wanted(&device) != c->expected)
                        print_error("case %zu: %#x\n", i, yield_wanted(&device));
                assert_int_equal(yield_wanted(&device), c->expected);
        }
}

/* Several have it: what any of them has. */
static void test_several(_unused_ void **state) {
        const Rule render = {.give = {.kinds = 1U << PART_RENDER, .share = SHARE_UNLIMITED}};
        const Rule card = {.give = {.kinds = 1U << PART_CARD, .share = SHARE_UNLIMITED}};
        Device device = {.id = (char *)"pci-0000:01:00.0"};
        Grant one = {.device = &device, .decision = &render, .share = SHARE_UNLIMITED};
        Grant two = {.device = &device, .decision = &card, .share = SHARE_UNLIMITED};

        one.device_next = &two;
        device.grants = &one;
        assert_int_equal(yield_wanted(&device), 1U << PART_RENDER | 1U << PART_CARD);
        device.grants = NULL;
        assert_int_equal(yield_wanted(&device), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_by_grant),
                cmocka_unit_test(test_several),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
