/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Random rules, devices and containers out of a small vocabulary, so that they meet often. The same seed
 * gives the same ones on every machine.
 */

#include "rule/fixture.h"

typedef struct Random {
        uint64_t state;
} Random;

/* xorshift64*, from S. Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static inline uint32_t random_below(Random *random, uint32_t n) {
        random->state ^= random->state >> 12;
        random->state ^= random->state << 25;
        random->state ^= random->state >> 27;
        return (uint32_t)((random->state * UINT64_C(2685821657736338717)) >> 32) % n;
}

#define random_of(random, words) ((words)[random_below((random), ELEMENTSOF(words))])

static const char *const random_ids[] = {"18d1", "18d2", "04e8", "04e9", "1002"};
static const char *const random_id_globs[] = {"18*", "04e?", "*", "18d[12]", "?00?"};
static const char *const random_words[] = {"a", "ab", "abc", "b", "ba"};
static const char *const random_word_globs[] = {"a*", "*b", "ab*", "?", "[ab]*", "*"};
static const char *const random_places[] = {"3-1", "3-2", "3-1.2", "pci-1", "pci-2"};
static const char *const random_place_globs[] = {"3-*", "3-1*", "pci-?", "*"};
static const char *const random_triples[] = {"ff:42:01", "ff:42:03", "08:06:50", "09:00:00"};
static const char *const random_triple_globs[] = {"ff:*", "ff:42:*", "*", "08:06:5?", "09:*", "0?:0*"};
static const char *const random_interfaces[] = {":ff4201:080650:", ":ff4203:", ":090000:"};
static const char *const random_cdis[] = {"v/c=a", "v/c=ab", "v/d=a", "w/c=a"};
static const char *const random_cdi_globs[] = {"v/c=*", "v/*", "*=a", "*", "?/c=a"};
static const char *const random_classes[] = {"usb", "net", "gpu", "block"};
static const char *const random_class_any[] = {"any"};

static inline void random_list(Random *random, FILE *f, const char *const *literals, size_t n_literals,
                               const char *const *globs, size_t n_globs, bool globs_negate) {
        size_t n = 1 + random_below(random, 3);

        fprintf(f, "[");
        for (size_t i = 0; i < n; i++) {
                bool glob = random_below(random, 4) == 0, negated = random_below(random, 5) == 0;

                if (glob && !globs_negate)
                        negated = false;
                fprintf(f, "%s'%s%s'", i ? ", " : "", negated ? "!" : "",
                        glob ? globs[random_below(random, (uint32_t)n_globs)]
                             : literals[random_below(random, (uint32_t)n_literals)]);
        }
        fprintf(f, "]");
}

#define random_patterns(random, f, key, literals, globs)                                                 \
        do {                                                                                             \
                fprintf((f), "%s: ", (key));                                                             \
                random_list((random), (f), (literals), ELEMENTSOF(literals), (globs), ELEMENTSOF(globs), \
                            !streq((key), "class"));                                                     \
                fprintf((f), ", ");                                                                      \
        } while (0)

static inline void random_rule(Random *random, FILE *f, unsigned int number) {
        uint32_t keys = random_below(random, 1U << 9) & random_below(random, 1U << 9);
        bool deny = random_below(random, 2) == 0;

        fprintf(f, "  - { name: r%u, match: { ", number);
        if (keys & 1 || keys == 0)
                random_patterns(random, f, "class", random_classes, random_class_any);
        if (keys & 2)
                random_patterns(random, f, "vendor", random_ids, random_id_globs);
        if (keys & 4)
                random_patterns(random, f, "product", random_ids, random_id_globs);
        if (keys & 8)
                random_patterns(random, f, "serial", random_words, random_word_globs);
        if (keys & 16)
                random_patterns(random, f, "port", random_places, random_place_globs);
        if (keys & 32)
                random_patterns(random, f, "interface", random_triples, random_triple_globs);
        if (keys & 64)
                random_patterns(random, f, "driver", random_words, random_word_globs);
        if (keys & 128) {
                fprintf(f, "property: { ");
                random_patterns(random, f, "P", random_words, random_word_globs);
                fprintf(f, "}, ");
        }
        if (keys & 256)
                random_patterns(random, f, "cdi", random_cdis, random_cdi_globs);
        fprintf(f, deny ? "}, deny: true" : "}, give: { when: present");
        switch (random_below(random, deny ? 3 : 2)) {
        case 0:
                fprintf(f, ", ");
                random_patterns(random, f, "to", random_words, random_word_globs);
                break;
        case 1:
                fprintf(f, ", to: { ");
                random_patterns(random, f, "label", random_words, random_word_globs);
                fprintf(f, "}");
                break;
        default:
                break;
        }
        fprintf(f, deny ? " }\n" : " } }\n");
}

static inline RuleSet *random_rules(Random *random, unsigned int n) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        RuleSet *set;

        assert_non_null(f);
        fprintf(f, "version: 1\nrules:\n");
        for (unsigned int i = 0; i < n; i++)
                random_rule(random, f, i);
        fclose(f);
        set = rules_of(text);
        free(text);
        return set;
}

/* A word, or nothing one time in four. */
#define random_maybe(random, words) (random_below((random), 4) ? (char *)random_of((random), (words)) : NULL)

static inline void random_device(Random *random, Fixture *fixture) {
        Device device = {
                .id = (char *)"usb-x",
                .devpath = (char *)"/devices/x",
                .place = (char *)random_of(random, random_places),
                .id_path = random_maybe(random, random_places),
                .vendor = random_maybe(random, random_ids),
                .product = random_maybe(random, random_ids),
                .serial = random_maybe(random, random_words),
                .classes = random_below(random, 1U << DEVICE_INPUT),
        };
        const char *driver = random_maybe(random, random_words), *value = random_maybe(random, random_words);

        /* What a file describes has a name, and nothing else. */
        if (random_below(random, 4) == 0)
                device = (Device){
                        .id = (char *)"cdi-x",
                        .devpath = (char *)"/devices/virtual/cdi/x",
                        .place = (char *)random_of(random, random_cdis),
                        .classes = 1U << DEVICE_CDI,
                };
        fixture_init(fixture, &device, NULL);
        if (driver)
                assert_int_equal(property_list_set(&fixture->part.properties, "DRIVER", driver), 0);
        if (value)
                assert_int_equal(property_list_set(&fixture->part.properties, "P", value), 0);
        if (random_below(random, 3) > 0)
                assert_int_equal(property_list_set(&fixture->part.properties, "ID_USB_INTERFACES",
                                                   random_of(random, random_interfaces)),
                                 0);
}

static inline void random_container(Random *random, Container *container) {
        const char *label = random_maybe(random, random_words);

        *container = (Container){.name = (char *)random_of(random, random_words)};
        if (label)
                assert_int_equal(property_list_set(&container->labels, "label", label), 0);
}
