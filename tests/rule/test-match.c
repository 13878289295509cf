/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One rule against one device, one selector against one container, by table.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/fixture.h"

static int read_attribute(void *userdata, const char *devpath, const char *name, char *buffer, size_t size) {
        unsigned int *n_reads = userdata;

        (*n_reads)++;
        assert_non_null(strstr(devpath, "3-1.2"));
        if (streq(name, "bcdDevice")) {
                snprintf(buffer, size, "0440");
                return 0;
        }
        if (streq(name, "huge"))
                return -ENOBUFS;
        return -ENOENT;
}

/* Against fixture_phone(). */
static const struct {
        const char *match;
        const char *failed; /* NULL: it matches */
} cases[] = {
        {"{ class: any }", NULL},
        {"{ class: usb }", NULL},
        {"{ class: net }", NULL},
        {"{ class: [gpu, net] }", NULL},
        {"{ class: gpu }", "class"},
        {"{ class: '!gpu' }", NULL},
        {"{ class: '!net' }", "class"},
        {"{ class: [usb, '!net'] }", "class"},
        {"{ class: [any, '!net'] }", "class"},
        {"{ vendor: 18d1 }", NULL},
        {"{ vendor: 18D1 }", NULL},
        {"{ vendor: google }", NULL},
        {"{ vendor: '!google' }", "vendor"},
        {"{ vendor: [samsung, '1?d1'] }", NULL},
        {"{ vendor: samsung }", "vendor"},
        {"{ product: 4EE7 }", NULL},
        {"{ product: '4ee[0-6]' }", "product"},
        {"{ serial: 9A211FFAZ00ABC }", NULL},
        {"{ serial: 9a211ffaz00abc }", "serial"},
        {"{ serial: '*' }", NULL},
        {"{ serial: '!9A*' }", "serial"},
        {"{ port: 3-1.2 }", NULL},
        {"{ port: '3-*' }", NULL},
        {"{ port: 'pci-0000:00:14.0-usb-*' }", NULL},
        {"{ port: '3-1' }", "port"},
        {"{ port: '!3-1.*' }", "port"},
        {"{ port: ['3-1.*', '!pci-*'] }", "port"},
        {"{ model: 'Pixel*' }", NULL},
        {"{ model: 'Galaxy*' }", "model"},
        {"{ interface: 'ff:42:01' }", NULL},
        {"{ interface: 'FF:42:*' }", NULL},
        {"{ interface: ['08:*', '06:*'] }", NULL},
        {"{ interface: 'ff:42:03' }", "interface"},
        {"{ interface: '!08:06:50' }", NULL},
        {"{ interface: ['ff:42:*', '!06:*'] }", "interface"},
        {"{ driver: usb }", NULL},
        {"{ driver: '!usb' }", "driver"},
        {"{ driver: rndis_host }", "driver"},
        {"{ property: { ID_MODEL: 'Pixel*' } }", NULL},
        {"{ property: { ID_MODEL: 'Pixel*', DEVTYPE: usb_device } }", NULL},
        {"{ property: { ID_MODEL: 'Pixel*', DEVTYPE: disk } }", "property DEVTYPE"},
        {"{ property: { ID_NOTHING: '*' } }", "property ID_NOTHING"},
        {"{ property: { ID_NOTHING: '!x' } }", NULL},
        {"{ attribute: { bcdDevice: '04*' } }", NULL},
        {"{ attribute: { bcdDevice: '!04*' } }", "attribute bcdDevice"},
        {"{ attribute: { huge: '*' } }", "attribute huge"},
        {"{ attribute: { none: '!x' } }", NULL},
        {"{ class: usb, vendor: google, serial: '*', interface: 'ff:42:*', model: 'Pixel 6' }", NULL},
        {"{ class: gpu, vendor: samsung }", "class"},
        {"{ vendor: samsung, attribute: { none: x } }", "vendor"},
};

static void test_device(void **state) {
        unsigned int n_reads = 0;
        AttributeReader reader = {.read = read_attribute, .userdata = &n_reads};
        Fixture phone;

        fixture_phone(&phone);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *const matches[] = {cases[i].match, NULL};
                _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
                char failed[64] = "untouched";
                bool match = rule_match_device(rule_set_get(set, 0), &phone.device, &reader, failed,
                                               sizeof(failed));

                if (match != !cases[i].failed || !streq(failed, cases[i].failed ?: "untouched"))
                        fail_msg("%s: %d \"%s\"", cases[i].match, match, failed);
                assert_int_equal(rule_match_device(rule_set_get(set, 0), &phone.device, &reader, NULL, 0),
                                 match);
        }
        /* What costs a system call is not asked for when something else has failed. */
        assert_int_equal(n_reads, 2 * 4);
        fixture_deinit(&phone);
}

/* What a file describes, and hardware: a rule is for the one or for the other, by one key. */
static void test_cdi(_unused_ void **state) {
        static const struct {
                const char *match;
                bool holds;         /* of nvidia.com/gpu=0 */
                const char *failed; /* of the phone; NULL: the rule is for it */
        } rules[] = {
                {"{ cdi: nvidia.com/gpu=0 }", true, "cdi"},
                {"{ cdi: nvidia.com/gpu=1 }", false, "cdi"},
                {"{ cdi: NVIDIA.com/gpu=0 }", false, "cdi"},
                {"{ cdi: 'nvidia.com/gpu=*' }", true, "cdi"},
                {"{ cdi: '*' }", true, "cdi"},
                {"{ cdi: '*/gpu=?' }", true, "cdi"},
                {"{ cdi: 'nvidia.com/*=1' }", false, "cdi"},
                {"{ cdi: [vendor.example/a=b, nvidia.com/gpu=0] }", true, "cdi"},
                {"{ cdi: ['*', '!nvidia.com/gpu=all'] }", true, "cdi"},
                {"{ cdi: ['*', '!nvidia.com/gpu=0'] }", false, "cdi"},
                /* of patterns that are negated only */
                {"{ cdi: '!vendor.example/a=b' }", true, "cdi"},
                {"{ cdi: '!nvidia.com/*' }", false, "cdi"},
                {"{ cdi: ['!a/b=c', '!d/e=f'] }", true, "cdi"},
                /* with other keys all have to hold */
                {"{ cdi: '*', class: cdi }", true, "cdi"},
                {"{ cdi: '*', class: any }", true, "cdi"},
                {"{ cdi: '*', class: gpu }", false, "cdi"},
                {"{ cdi: '*', class: usb }", false, "cdi"},
                {"{ cdi: '*', port: nvidia.com/gpu=0 }", true, "cdi"},
                {"{ cdi: '*', port: 3-1.2 }", false, "cdi"},
                {"{ cdi: '*', vendor: '*' }", false, "cdi"},
                {"{ cdi: '*', vendor: '!18d1' }", true, "cdi"},
                {"{ cdi: '*', property: { CDI_FILE: '/etc/cdi/*' } }", true, "cdi"},
                /* without that key */
                {"{ class: any }", false, NULL},
                {"{ class: cdi }", false, "class"},
                {"{ class: [cdi, usb] }", false, NULL},
                {"{ class: '!gpu' }", false, NULL},
                {"{ port: '*' }", false, NULL},
                {"{ port: nvidia.com/gpu=0 }", false, "port"},
                {"{ port: '!3-9' }", false, NULL},
                {"{ vendor: '!04e8' }", false, NULL},
                {"{ serial: '!x' }", false, NULL},
                {"{ path: '!/dev/x' }", false, NULL},
                {"{ driver: '!x' }", false, NULL},
                {"{ property: { CDI_FILE: '*' } }", false, "property CDI_FILE"},
                {"{ property: { CDI_FILE: '!x' } }", false, NULL},
        };
        Fixture phone, gpu;

        fixture_phone(&phone);
        fixture_cdi(&gpu, "nvidia.com/gpu=0");
        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                const char *const matches[] = {rules[i].match, NULL};
                _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
                const Rule *rule = rule_set_get(set, 0);
                char failed[64] = "";

                if (rule_match_device(rule, &gpu.device, NULL, NULL, 0) != rules[i].holds)
                        fail_msg("%s", rules[i].match);
                if (rule_match_device(rule, &phone.device, NULL, failed, sizeof(failed)) != !rules[i].failed)
                        fail_msg("%s, hardware", rules[i].match);
                assert_string_equal(failed, rules[i].failed ?: "");
        }
        fixture_deinit(&gpu);
        fixture_deinit(&phone);
}

/* Without `match:` what is given is what is matched; beside it, it goes along. */
static void test_cdi_given(_unused_ void **state) {
        _cleanup_(rule_set_freep) RuleSet *set = rules_of(
                "version: 1\nrules:\n"
                "  - { name: alone, give: { to: '*', cdi: ['nvidia.com/gpu=*', a/b=c] } }\n"
                "  - { name: along, match: { class: usb }, give: { to: '*', cdi: nvidia.com/gpu=0 } }\n");
        Fixture phone, gpu;

        fixture_phone(&phone);
        fixture_cdi(&gpu, "nvidia.com/gpu=0");
        assert_true(rule_match_device(rule_set_get(set, 0), &gpu.device, NULL, NULL, 0));
        assert_false(rule_match_device(rule_set_get(set, 0), &phone.device, NULL, NULL, 0));
        assert_int_equal(rule_set_get(set, 0)->give.cdi.n_items, 0);
        assert_false(rule_match_device(rule_set_get(set, 1), &gpu.device, NULL, NULL, 0));
        assert_true(rule_match_device(rule_set_get(set, 1), &phone.device, NULL, NULL, 0));
        assert_int_equal(rule_set_get(set, 1)->give.cdi.n_items, 1);
        fixture_deinit(&gpu);
        fixture_deinit(&phone);
}

/* A node has one name, and links that udev made to it; minor 0 is a number like any other. */
static void test_path(void **state) {
        static const struct {
                const char *match;
                bool holds;
        } paths[] = {
                {"{ path: /dev/net/tun }", true},       {"{ path: '/dev/net/t*' }", true},
                {"{ path: /dev/net/tu }", false},       {"{ path: /dev/net/tun0 }", false},
                {"{ path: '/dev/by-name/a*' }", true},  {"{ path: /dev/by-name/b }", true},
                {"{ path: /dev/by-name/c }", false},    {"{ path: '!/dev/net/tun' }", false},
                {"{ path: '!/dev/by-name/*' }", false}, {"{ path: '!/dev/kvm' }", true},
        };
        Device device = {.id = (char *)"virtual-misc-tun", .place = (char *)"misc-tun"};
        Fixture tun;

        fixture_init(&tun, &device, "DEVLINKS=/dev/by-name/abc  /dev/by-name/b", NULL);
        tun.part.name = (char *)"net/tun";
        for (unsigned int node = 0; node < 2; node++) {
                tun.part.type = node ? 'c' : '\0';
                for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                        const char *const matches[] = {paths[i].match, NULL};
                        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
                        bool holds = rule_match_device(rule_set_get(set, 0), &tun.device, NULL, NULL, 0);

                        /* Without a node there is no path to hold anything against. */
                        if (holds != (node ? paths[i].holds : strstr(paths[i].match, "'!") != NULL))
                                fail_msg("%s: %d", paths[i].match, holds);
                }
        }
        fixture_deinit(&tun);
}

/* Parts say different things under one name: which of them came first does not matter. */
static void test_property_of_any_part(_unused_ void **state) {
        static const struct {
                const char *match;
                bool holds;
        } disks[] = {
                {"{ property: { ID_FS_TYPE: ext4 } }", true},
                {"{ property: { ID_FS_TYPE: '*_member' } }", true},
                {"{ property: { ID_FS_TYPE: [vfat, '*_member'] } }", true},
                {"{ property: { ID_FS_TYPE: vfat } }", false},
                {"{ property: { ID_FS_TYPE: '!ext4' } }", false},
                {"{ property: { ID_FS_TYPE: '!*_member' } }", false},
                {"{ property: { ID_FS_TYPE: '!vfat' } }", true},
                {"{ property: { ID_FS_TYPE: ['*', '!*_member'] } }", false},
        };
        const Device disk = {.id = (char *)"pci-0000:03:00.0", .devpath = (char *)"/devices/x"};
        Part second = {.kind = PART_BARE, .devpath = (char *)"/devices/x/2", .subsystem = (char *)"block"};
        Fixture fixture;

        fixture_init(&fixture, &disk, "ID_FS_TYPE=ext4", NULL);
        assert_int_equal(property_list_set(&second.properties, "ID_FS_TYPE", "LVM2_member"), 0);
        for (unsigned int order = 0; order < 2; order++) {
                Part *first = order ? &second : &fixture.part, *last = order ? &fixture.part : &second;

                fixture.device.parts = first;
                first->next = last;
                last->next = NULL;
                for (size_t i = 0; i < ELEMENTSOF(disks); i++) {
                        const char *const matches[] = {disks[i].match, NULL};
                        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);

                        if (rule_match_device(rule_set_get(set, 0), &fixture.device, NULL, NULL, 0) !=
                            disks[i].holds)
                                fail_msg("%s, order %u", disks[i].match, order);
                }
        }
        property_list_deinit(&second.properties);
        fixture_deinit(&fixture);
}

/* Of a device that tells nothing, only what was not asked for can hold. */
static void test_unknown(void **state) {
        static const char *const matches[] = {"{ class: any }",
                                              "{ serial: '*' }",
                                              "{ vendor: '*' }",
                                              "{ product: '*' }",
                                              "{ model: '*' }",
                                              "{ driver: '*' }",
                                              "{ interface: '*' }",
                                              "{ serial: '!x' }",
                                              "{ vendor: '!18d1' }",
                                              "{ attribute: { a: '*' } }",
                                              "{ attribute: { a: '!x' } }",
                                              NULL};
        static const bool expected[] = {true,  false, false, false, false, false,
                                        false, true,  true,  false, true};
        static const Device bare = {.id = (char *)"net-veth0",
                                    .place = (char *)"veth0",
                                    .devpath = (char *)"/devices/virtual/net/veth0"};
        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
        Fixture fixture;

        fixture_init(&fixture, &bare, NULL);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                assert_int_equal(rule_match_device(rule_set_get(set, i), &fixture.device, NULL, NULL, 0),
                                 expected[i]);
        fixture_deinit(&fixture);
}

/* A long name of a property is cut, not written beyond the buffer. */
static void test_key_buffer(void **state) {
        static const char *const matches[] = {"{ property: { A_NAME_OF_SOME_LENGTH: x } }", NULL};
        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
        char failed[16];
        Fixture phone;

        fixture_phone(&phone);
        memset(failed, '#', sizeof(failed));
        assert_false(
                rule_match_device(rule_set_get(set, 0), &phone.device, NULL, failed, sizeof(failed) - 1));
        assert_string_equal(failed, "property A_NAM");
        assert_int_equal(failed[sizeof(failed) - 1], '#');
        fixture_deinit(&phone);
}

/* A hub is not among "whatever is here": with it goes the power over all that hangs on it. */
static void test_hub(_unused_ void **state) {
        static const struct {
                const char *match;
                bool given;
        } rules[] = {
                {"{ class: usb }", false},
                {"{ class: any }", false},
                {"{ port: '3-1.*' }", false},
                {"{ port: ['!3-2', '3-1.?'] }", false},
                {"{ interface: '*' }", false},
                {"{ interface: '!08:*' }", false},
                {"{ vendor: 05e3, product: '0608' }", false},
                {"{ port: 3-1.4 }", true},
                {"{ port: 'pci-0000:00:14.0-usb-0:1.4' }", true},
                {"{ port: ['3-2.*', 3-1.4] }", true},
                {"{ interface: '09:*' }", true},
                {"{ interface: 09:00:02, port: '3-1.*' }", true},
                {"{ interface: '09:01:*' }", false},
                {"{ interface: ['ff:*', '09:00:0?'] }", true},
        };
        static const Device hub = {
                .id = (char *)"usb-3-1.4",
                .place = (char *)"3-1.4",
                .devpath = (char *)"/devices/pci0000:00/0000:00:14.0/usb3/3-1/3-1.4",
                .id_path = (char *)"pci-0000:00:14.0-usb-0:1.4",
                .vendor = (char *)"05e3",
                .product = (char *)"0608",
                .classes = 1U << DEVICE_USB,
        };

        /* As the kernel says it, as udev does, and both. */
        for (unsigned int said = 1; said <= 3; said++) {
                Fixture fixture;

                fixture_init(&fixture, &hub, "DEVTYPE=usb_device", "PRODUCT=5e3/608/6090", "DRIVER=usb",
                             said & 1 ? "TYPE=9/0/2" : "TYPE=0/0/0",
                             said & 2 ? "ID_USB_INTERFACES=:090001:090002:" : NULL, NULL);
                for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                        const char *const matches[] = {rules[i].match, NULL};
                        _cleanup_(rule_set_freep) RuleSet *denying = rules_of_matches(matches), *set = NULL;
                        bool asks = strstr(rules[i].match, "interface: ") && !strstr(rules[i].match, "'!");
                        char failed[32] = "", *text;

                        assert_true(asprintf(&text,
                                             "version: 1\nrules: [{ name: a, match: %s, give: { to: c } }]\n",
                                             rules[i].match) > 0);
                        set = rules_of(text);
                        free(text);
                        if (!(said & 2) && asks)
                                continue;
                        if (rule_match_device(rule_set_get(set, 0), &fixture.device, NULL, failed,
                                              sizeof(failed)) != rules[i].given)
                                fail_msg("%s, said %u: %s", rules[i].match, said, failed);
                        /* What denies holds for hubs as for all else. */
                        assert_int_equal(
                                rule_match_device(rule_set_get(denying, 0), &fixture.device, NULL, NULL, 0),
                                !strstr(rules[i].match, "09:01"));
                        assert_true(rules[i].given || strstr(rules[i].match, "09:01") ||
                                    streq(failed, "hub"));
                }
                fixture_deinit(&fixture);
        }
}

static void test_selector(void **state) {
        static const struct {
                const char *to, *name;
                bool match;
        } selectors[] = {
                {"ci-1", "ci-1", true},
                {"ci-1", "ci-10", false},
                {"'ci-*'", "ci-10", true},
                {"[a, b, 'ci-?']", "ci-1", true},
                {"['*', '!ci-*']", "ci-1", false},
                {"['*', '!ci-*']", "web", true},
                {"{ role: ci }", "ci-1", true},
                {"{ role: 'c*', tier: '[1-3]' }", "ci-1", true},
                {"{ role: ci, tier: 3 }", "ci-1", false},
                {"{ role: '!ci' }", "ci-1", false},
                {"{ zone: '*' }", "ci-1", false},
                {"{ zone: '!eu' }", "ci-1", true},
        };

        for (size_t i = 0; i < ELEMENTSOF(selectors); i++) {
                _cleanup_(rule_set_freep) RuleSet *set = NULL;
                _cleanup_free_ char *text = NULL;
                Container container = {.name = (char *)selectors[i].name};

                assert_int_equal(property_list_set(&container.labels, "role", "ci"), 0);
                assert_int_equal(property_list_set(&container.labels, "tier", "2"), 0);
                assert_true(
                        asprintf(
                                &text,
                                "version: 1\nrules: [{ name: a, match: { class: any }, give: { to: %s } }]\n",
                                selectors[i].to) > 0);
                set = rules_of(text);
                if (selector_match(&rule_set_get(set, 0)->give.to, &container) != selectors[i].match)
                        fail_msg("%s of %s", selectors[i].to, selectors[i].name);
                property_list_deinit(&container.labels);
        }
}

static void test_deny_selector(void **state) {
        static const char *const matches[] = {"{ class: any }", NULL};
        _cleanup_(rule_set_freep) RuleSet *set = rules_of_matches(matches);
        Container container = {.name = (char *)"whatever"};

        assert_true(selector_match(&rule_set_get(set, 0)->give.to, &container));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_path),
                cmocka_unit_test(test_device),
                cmocka_unit_test(test_cdi),
                cmocka_unit_test(test_cdi_given),
                cmocka_unit_test(test_property_of_any_part),
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_key_buffer),
                cmocka_unit_test(test_hub),
                cmocka_unit_test(test_selector),
                cmocka_unit_test(test_deny_selector),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
