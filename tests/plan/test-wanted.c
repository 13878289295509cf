/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who should have a device: policies as users write them, devices as the kernel tells of them, and the
 * expected answer.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "plan/wanted-world.h"

/* "c1 c2" for who should have it, in the order in which places are dealt. */
static void assert_wanted(World *world, const Device *device, const Override *overrides,
                          const char *expected) {
        _cleanup_(wish_list_deinit) WishList wishes = {};
        char text[256] = "";

        assert_int_equal(wanted_for_device(&world->registry, world->cache, overrides, device, NULL, &wishes),
                         0);
        for (size_t i = 0; i < wishes.n_items; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "",
                         wishes.items[i].container->name);
        assert_string_equal(text, expected);
}

static Grant *hold(World *world, Device *device, const char *name, unsigned int share) {
        Grant *grant;

        assert_int_equal(registry_add_grant(&world->registry, device,
                                            registry_container(&world->registry, name), GRANT_POLICY, "r",
                                            &grant),
                         0);
        grant->state = GRANT_ACTIVE;
        grant->share = share;
        return grant;
}

static void test_default_is_no(_unused_ void **state) {
        World world;

        set_up(&world, POLICY(RULE("other", "{ class: usb, vendor: \"04e8\" }", "give: { to: \"*\" }")));
        run(&world, "c1");
        assert_wanted(&world, plug_phone(&world, "3-1", "002", "A"), NULL, "");
        tear_down(&world);
}

static void test_exclusive_goes_to_one(_unused_ void **state) {
        World world;
        Device *phone;
        Grant *grant;

        set_up(&world, POLICY(RULE("phones", "{ class: usb }", "give: { to: \"ci-*\" }")));
        run(&world, "web");
        run(&world, "ci-2");
        run(&world, "ci-1");
        phone = plug_phone(&world, "3-1", "002", "A");
        /* among waiting ones the earlier */
        assert_wanted(&world, phone, NULL, "ci-2");
        /* who holds it keeps it */
        grant = hold(&world, phone, "ci-1", 1);
        assert_wanted(&world, phone, NULL, "ci-1");
        /* while it is being taken away nobody gets it */
        grant->state = GRANT_LEAVING;
        assert_wanted(&world, phone, NULL, "");
        registry_drop_grant(&world.registry, grant);
        registry_container(&world.registry, "ci-2")->state = CONTAINER_STOPPING;
        assert_wanted(&world, phone, NULL, "ci-1");
        tear_down(&world);
}

static void test_first_rule_decides(_unused_ void **state) {
        World world;

        set_up(&world, POLICY(RULE("not this one", "{ serial: B }", "deny: true") RULE(
                               "c2 first", "{ class: usb }",
                               "give: { to: c2 }") RULE("not c3", "{ class: usb }", "deny: true\n    to: c3")
                                      RULE("all", "{ class: usb }", "give: { to: \"*\", share: shared }")));
        run(&world, "c1");
        run(&world, "c2");
        run(&world, "c3");
        assert_wanted(&world, plug_phone(&world, "3-2", "003", "B"), NULL, "");
        /* c2's rule is exclusive, and before the one that shares */
        assert_wanted(&world, plug_phone(&world, "3-1", "002", "A"), NULL, "c2");
        tear_down(&world);
}

static void test_shared(_unused_ void **state) {
        World world;
        Device *phone;

        set_up(&world, POLICY(RULE("two", "{ serial: A }", "give: { to: \"*\", share: 2 }")
                                      RULE("all", "{ class: usb }", "give: { to: \"*\", share: shared }")));
        run(&world, "c1");
        run(&world, "c2");
        run(&world, "c3");
        phone = plug_phone(&world, "3-1", "002", "A");
        assert_wanted(&world, phone, NULL, "c1 c2");
        hold(&world, phone, "c3", 2);
        assert_wanted(&world, phone, NULL, "c3 c1");
        assert_wanted(&world, plug_phone(&world, "3-2", "003", "B"), NULL, "c1 c2 c3");
        tear_down(&world);
}

static void test_overrides(_unused_ void **state) {
        Override attach = {.device = (char *)"usb-3-1", .container = (char *)"web", .attach = true};
        Override detach = {.device = (char *)"usb-3-1", .container = (char *)"ci-1"};
        World world;
        Device *phone;

        set_up(&world, POLICY(RULE("phones", "{ class: usb }", "give: { to: \"ci-*\" }")));
        run(&world, "web");
        run(&world, "ci-1");
        run(&world, "ci-2");
        phone = plug_phone(&world, "3-1", "002", "A");
        assert_wanted(&world, phone, &attach, "web");
        assert_wanted(&world, phone, &detach, "ci-2");
        hold(&world, phone, "ci-1", 1);
        assert_wanted(&world, phone, &detach, "ci-2");
        assert_wanted(&world, plug_phone(&world, "3-10", "010", "B"), &detach, "ci-1");
        tear_down(&world);
}

static const Rule *rule_called(const World *world, const char *name) {
        for (size_t i = 0; i < rule_set_size(world->rules); i++)
                if (streq(rule_set_get(world->rules, i)->name, name))
                        return rule_set_get(world->rules, i);
        fail();
        return NULL;
}

/* Held by the rule of that name. */
static Grant *hold_on(World *world, Device *device, const char *container, const char *rule) {
        Grant *grant = hold(world, device, container, rule_called(world, rule)->give.share);

        assert_int_equal(hold_new(grant, rule_called(world, rule), device, &grant->hold), 0);
        return grant;
}

/* "c1 by RULE" or "c1 away", in the order in which places are dealt. */
static void assert_held(World *world, const Device *device, const Override *overrides, const char *expected) {
        _cleanup_(wish_list_deinit) WishList wishes = {};
        char text[256] = "";

        assert_int_equal(wanted_for_device(&world->registry, world->cache, overrides, device, NULL, &wishes),
                         0);
        for (size_t i = 0; i < wishes.n_items; i++) {
                const Wish *wish = &wishes.items[i];

                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s%s%s", i > 0 ? ", " : "",
                         wish->container->name, wish->origin == GRANT_MANUAL ? "manual " : "",
                         wish->away ? "away " : "", wish->rule ? wish->rule->name : "-");
        }
        assert_string_equal(text, expected);
}

static void unplug(World *world, Device *device) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_REMOVE};
        RegistryChange change;
        Device *changed;

        assert_int_equal(property_list_copy(&event.properties, &device_root(device)->properties), 0);
        assert_int_equal(registry_apply(&world->registry, &event, true, &change, &changed), 0);
        assert_ptr_equal(changed, device);
}

#define HELD_POLICY                                                                                     \
        POLICY(RULE("denied", "{ vendor: \"22b8\" }", "deny: true\n    to: c1")                         \
                       RULE("by serial", "{ serial: A }", "give: { to: c1, linger: 1h }")               \
                               RULE("the rest", "{ class: usb, vendor: \"18d1\" }", "give: { to: c2 }") \
                                       RULE("claimed", "{ vendor: \"05c6\" }",                          \
                                            "give: { to: \"*\", when: claimed }"))

/* A device that is held goes on by its rule, unless one for who has it says more, or no. */
static void test_held(_unused_ void **state) {
        static const struct {
                const char *vendor, *serial, *expected;
        } cases[] = {
                {"18d1", "A", "c1 by serial"},  {"18d1", "B", "c1 by serial"},
                {"18d1", NULL, "c1 by serial"}, {"22b8", "A", ""},
                {"05c6", "B", "c1 by serial"},  {"ffff", "B", "c1 by serial"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                World world;
                Device *phone;
                Grant *grant;

                set_up(&world, HELD_POLICY);
                run(&world, "c1");
                run(&world, "c2");
                phone = plug_phone(&world, "3-1", "002", "A");
                grant = hold_on(&world, phone, "c1", "by serial");
                free(phone->vendor);
                phone->vendor = strdup(cases[i].vendor);
                free(phone->serial);
                phone->serial = cases[i].serial ? strdup(cases[i].serial) : NULL;
                assert_held(&world, phone, NULL, cases[i].expected);
                /* On its way out it is not held any more, and in the way of others. */
                grant->state = GRANT_LEAVING;
                assert_held(&world, phone, NULL, "");
                tear_down(&world);
        }
}

static void test_held_and_away(_unused_ void **state) {
        Override detach = {.device = (char *)"usb-3-1", .container = (char *)"c1"},
                 others = {.device = (char *)"usb-3-1", .container = (char *)"c2"},
                 all = {.device = (char *)"usb-3-1", .container = (char *)OVERRIDE_EVERYBODY},
                 attach = {.device = (char *)"usb-3-1", .container = (char *)"c1", .attach = true};
        World world;
        Device *phone;
        Grant *grant;

        set_up(&world, HELD_POLICY);
        run(&world, "c1");
        run(&world, "c2");
        phone = plug_phone(&world, "3-1", "002", "A");
        grant = hold_on(&world, phone, "c1", "by serial");
        unplug(&world, phone);
        assert_int_equal(phone->n_parts, 0);
        assert_held(&world, phone, NULL, "c1 away by serial");
        assert_held(&world, phone, &others, "c1 away by serial");
        assert_held(&world, phone, &detach, "");
        assert_held(&world, phone, &all, "");
        assert_held(&world, phone, &attach, "c1 manual away by serial");
        all.next = &attach;
        assert_held(&world, phone, &all, "c1 manual away by serial");
        grant->container->state = CONTAINER_STOPPING;
        assert_held(&world, phone, NULL, "");
        grant->container->state = CONTAINER_RUNNING;
        hold_free(TAKE_PTR(grant->hold));
        assert_held(&world, phone, NULL, "");
        assert_held(&world, phone, &attach, "");
        tear_down(&world);
}

static void test_held_by_hand(_unused_ void **state) {
        Override attach = {.device = (char *)"usb-3-1", .container = (char *)"c1", .attach = true};
        World world;
        Device *phone;

        set_up(&world, HELD_POLICY);
        run(&world, "c1");
        run(&world, "c2");
        phone = plug_phone(&world, "3-1", "002", "A");
        hold_on(&world, phone, "c1", "by serial");
        assert_held(&world, phone, &attach, "c1 manual by serial");
        free(phone->serial);
        phone->serial = NULL;
        assert_held(&world, phone, &attach, "c1 manual by serial");
        free(phone->vendor);
        phone->vendor = strdup("22b8");
        assert_held(&world, phone, &attach, "");
        tear_down(&world);
}

/* A child that is known before its device, as the events of that were lost, is given by rules alone. */
static void test_held_and_not_known(_unused_ void **state) {
        static const char *const child[] = {
                "DEVPATH",   "/devices/platform/vhci_hcd.0/usb3/3-1/3-1:1.0/tty/ttyACM0",
                "SUBSYSTEM", "tty",
                "DEVNAME",   "/dev/ttyACM0",
                "MAJOR",     "166",
                "MINOR",     "0",
                NULL};
        World world;
        Device *phone;

        set_up(&world, POLICY(RULE("by serial", "{ serial: A }", "give: { to: c1, linger: 1h }")
                                      RULE("by port", "{ port: \"3-2\" }", "give: { to: c1 }")));
        run(&world, "c1");
        phone = plug_phone(&world, "3-1", "002", "A");
        hold_on(&world, phone, "c1", "by serial");
        unplug(&world, phone);
        assert_ptr_equal(plug(&world, child), phone);
        assert_held(&world, phone, NULL, "c1 away by serial");
        plug_phone(&world, "3-1", "003", "X");
        assert_held(&world, phone, NULL, "c1 by serial");
        tear_down(&world);
}

static void test_held_and_shared(_unused_ void **state) {
        World world;
        Device *phone;

        set_up(&world, POLICY(RULE("two", "{ serial: A }", "give: { to: \"*\", share: 2, linger: 1h }")));
        run(&world, "c1");
        run(&world, "c2");
        run(&world, "c3");
        phone = plug_phone(&world, "3-1", "002", "A");
        hold_on(&world, phone, "c2", "two");
        assert_held(&world, phone, NULL, "c2 two, c1 two");
        free(phone->serial);
        phone->serial = NULL;
        assert_held(&world, phone, NULL, "c2 two");
        tear_down(&world);
}

static void test_claimed_waits_for_a_claim(_unused_ void **state) {
        World world;

        set_up(&world, POLICY(RULE("farm", "{ class: usb }", "give: { to: \"*\", when: claimed }")
                                      RULE("later", "{ class: usb }", "give: { to: \"*\" }")));
        run(&world, "c1");
        assert_wanted(&world, plug_phone(&world, "3-1", "002", "A"), NULL, "");
        tear_down(&world);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_default_is_no),
                cmocka_unit_test(test_exclusive_goes_to_one),
                cmocka_unit_test(test_first_rule_decides),
                cmocka_unit_test(test_shared),
                cmocka_unit_test(test_overrides),
                cmocka_unit_test(test_claimed_waits_for_a_claim),
                cmocka_unit_test(test_held),
                cmocka_unit_test(test_held_and_away),
                cmocka_unit_test(test_held_by_hand),
                cmocka_unit_test(test_held_and_not_known),
                cmocka_unit_test(test_held_and_shared),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
