/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fuzz target: any bytes as a policy. What parses must also seal, match and explain, and the walk must agree
 * with looking at every rule.
 *
 * Built with -fsanitize=fuzzer, or with -DFUZZ_STANDALONE as a program that takes files.
 */

#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good) {
        if (!good)
                abort();
}

static void check_messages(const ParseErrors *errors) {
        for (size_t i = 0; i < errors->n_items; i++) {
                char *text;

                check(!strpbrk(errors->items[i].message, "\n\r\t\x1b"));
                if (parse_error_format(&errors->items[i], &text) >= 0)
                        free(text);
        }
}

static void check_device(const RuleSet *set, const Device *device) {
        Container container = {.name = (char *)"ci-1"};
        Explanation explanation;
        RuleWalk walk;

        rule_walk_begin(&walk, set, device, NULL);
        for (size_t i = 0; i < rule_set_size(set); i++)
                if (rule_match_device(rule_set_get(set, i), device, NULL, NULL, 0))
                        check(rule_walk_next(&walk) == rule_set_get(set, i));
        check(!rule_walk_next(&walk));
        if (explain(set, device, &container, NULL, &explanation) >= 0)
                explanation_deinit(&explanation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const Device devices[] = {
                {.id = (char *)"usb-3-1.2",
                 .place = (char *)"3-1.2",
                 .devpath = (char *)"/devices/3-1.2",
                 .id_path = (char *)"pci-0000:00:14.0-usb-0:1.2",
                 .vendor = (char *)"18d1",
                 .product = (char *)"4ee7",
                 .serial = (char *)"a",
                 .model = (char *)"Pixel 6",
                 .classes = 1U << DEVICE_USB | 1U << DEVICE_NET},
                {.id = (char *)"x", .place = (char *)"x", .devpath = (char *)"/devices/x"},
        };
        ParseErrors errors = {};
        RuleSet *set;
        int r;

        if (rule_set_new(&set) < 0)
                return 0;
        r = rule_set_parse(set, "fuzz.yaml", (const char *)data, size, &errors);
        check(r < 0 || (r > 0) == (errors.n_errors > 0));
        if (r >= 0 && rule_set_seal(set, &errors) >= 0)
                for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                        check_device(set, &devices[i]);
        check_messages(&errors);
        parse_errors_deinit(&errors);
        rule_set_free(set);
        return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char *argv[]) {
        for (int i = 1; i < argc; i++) {
                _cleanup_free_ char *data = NULL;
                _cleanup_fclose_ FILE *f = fopen(argv[i], "re");
                size_t size = 0, n;

                if (!f) {
                        fprintf(stderr, "%s: %m\n", argv[i]);
                        return EXIT_FAILURE;
                }
                do {
                        char *grown = realloc(data, size + 65536);

                        if (!grown)
                                return EXIT_FAILURE;
                        data = grown;
                        n = fread(data + size, 1, 65536, f);
                        size += n;
                } while (n > 0);
                LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        }
        return EXIT_SUCCESS;
}
#endif
