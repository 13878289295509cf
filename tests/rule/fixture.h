/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the tests of the rule room share: devices and containers made of literals, rule sets made of text.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/rule-set.h"
#include "util/string.h"

/* A device with one part, whose properties are the "KEY=VALUE" strings behind; to be emptied by
 * fixture_deinit(). */
typedef struct Fixture {
        Device device;
        Part part;
} Fixture;

static inline void __attribute__((__sentinel__)) fixture_init(Fixture *fixture, const Device *device, ...) {
        va_list ap;
        const char *entry;

        *fixture = (Fixture){.device = *device};
        fixture->part.kind = PART_BARE;
        fixture->part.devpath = fixture->device.devpath;
        fixture->part.subsystem = (char *)"usb";
        fixture->part.device = &fixture->device;
        fixture->device.parts = &fixture->part;
        fixture->device.n_parts = 1;
        va_start(ap, device);
        while ((entry = va_arg(ap, const char *)))
                assert_int_equal(property_list_append(&fixture->part.properties, entry, strlen(entry) + 1),
                                 0);
        va_end(ap);
}

static inline void fixture_deinit(Fixture *fixture) {
        property_list_deinit(&fixture->part.properties);
}

/* A Pixel in adb mode. */
static inline void fixture_phone(Fixture *fixture) {
        static const Device phone = {
                .id = (char *)"usb-3-1.2",
                .place = (char *)"3-1.2",
                .devpath = (char *)"/devices/pci0000:00/0000:00:14.0/usb3/3-1/3-1.2",
                .id_path = (char *)"pci-0000:00:14.0-usb-0:1.2",
                .vendor = (char *)"18d1",
                .product = (char *)"4ee7",
                .serial = (char *)"9A211FFAZ00ABC",
                .model = (char *)"Pixel 6",
                .classes = 1U << DEVICE_USB | 1U << DEVICE_NET,
        };

        fixture_init(fixture, &phone, "DEVTYPE=usb_device", "ID_USB_INTERFACES=:ff4201:060101:", "DRIVER=usb",
                     "ID_MODEL=Pixel_6", NULL);
}

/* A device of a CDI file. */
static inline void fixture_cdi(Fixture *fixture, const char *name) {
        const Device cdi = {
                .id = (char *)"cdi-x",
                .place = (char *)name,
                .devpath = (char *)"/devices/virtual/cdi/x",
                .classes = 1U << DEVICE_CDI,
        };

        fixture_init(fixture, &cdi, "CDI_FILE=/etc/cdi/a.yaml", NULL);
        fixture->part.kind = PART_CDI;
        fixture->part.subsystem = (char *)PART_SUBSYSTEM_CDI;
}

static inline void print_errors(const ParseErrors *errors) {
        for (size_t i = 0; i < errors->n_items; i++) {
                _cleanup_free_ char *text = NULL;

                if (parse_error_format(&errors->items[i], &text) >= 0)
                        print_error("%s\n", text);
        }
}

/* The sealed rules of a text that has no errors. */
static inline RuleSet *rules_of(const char *text) {
        ParseErrors errors = {};
        RuleSet *set;

        assert_int_equal(rule_set_new(&set), 0);
        assert_int_equal(rule_set_parse(set, "test.yaml", text, strlen(text), &errors) < 0, false);
        print_errors(&errors);
        assert_int_equal(errors.n_errors, 0);
        assert_int_equal(rule_set_seal(set, &errors), 0);
        parse_errors_deinit(&errors);
        return set;
}

/* The rules of a list of `match:` texts, one deny rule each, called r0, r1, … */
static inline RuleSet *rules_of_matches(const char *const *matches) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        RuleSet *set;

        assert_non_null(f);
        fprintf(f, "version: 1\nrules:\n");
        for (size_t i = 0; matches[i]; i++)
                fprintf(f, "  - { name: r%zu, match: %s, deny: true }\n", i, matches[i]);
        fclose(f);
        set = rules_of(text);
        free(text);
        return set;
}
