/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The example policies: a small host for each, with the containers that it names and devices that it is
 * about, and who comes to have what. tests/plan/examples/NAME.host is the host, NAME.expected the outcome,
 * line by line; and each rule of an example has to decide something there, or what it says is not tried.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "plan/wanted.h"
#include "util/fd.h"
#include "util/string.h"

#define FILE_MAX (256U * 1024U)

typedef struct Host {
        Registry registry;
        RuleSet *rules;
        TargetCache *cache;
        PropertyList attributes; /* of the device that came last, "NAME=VALUE" */
        FILE *seen;
        char *text;
        size_t size;
} Host;

static char *read_file(const char *folder, const char *name, const char *suffix) {
        _cleanup_free_ char *path = NULL;
        char *text;

        assert_true(asprintf(&path, "%s/%s/%s.%s", TEST_DATA_DIR, folder, name, suffix) > 0);
        if (fd_read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) < 0) {
                print_error("%s cannot be read\n", path);
                fail();
        }
        return text;
}

static int read_attribute(void *userdata, _unused_ const char *devpath, const char *name, char *buffer,
                          size_t size) {
        const Host *host = userdata;
        const char *value = property_list_get(&host->attributes, name);

        if (!value)
                return -ENOENT;
        assert_true((size_t)snprintf(buffer, size, "%s", value) < size);
        return 0;
}

/* "container NAME KEY=VALUE…"; its userdata is the set of all that it has. */
static void run_container(Host *host, char *line) {
        char *save = NULL, *word = strtok_r(line, " ", &save);
        Container *container;

        word = strtok_r(NULL, " ", &save);
        assert_non_null(word);
        assert_int_equal(container_new(word, "davit", &container), 0);
        while ((word = strtok_r(NULL, " ", &save)))
                assert_int_equal(property_list_append(&container->labels, word, strlen(word) + 1), 0);
        container->userdata = calloc(1, sizeof(ItemSet));
        assert_non_null(container->userdata);
        container->state = CONTAINER_RUNNING;
        assert_int_equal(id_map_parse("0 100000 65536\n", &container->uid_map), 0);
        assert_int_equal(id_map_parse("0 100000 65536\n", &container->gid_map), 0);
        assert_int_equal(registry_add_container(&host->registry, container), 0);
        target_cache_invalidate(host->cache);
}

/* Lines of KEY=VALUE up to an empty one, "ATTR name=value" for what is in sysfs alone. */
static void plug_part(Host *host, char *block) {
        _cleanup_(uevent_deinit) Uevent event = {.action = UEVENT_ADD};
        RegistryChange change;
        Device *device;
        char *save = NULL;

        property_list_deinit(&host->attributes);
        for (char *line = strtok_r(block, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *attribute = startswith(line, "ATTR ");
                PropertyList *list = attribute ? &host->attributes : &event.properties;

                attribute = attribute ?: line;
                assert_int_equal(property_list_append(list, attribute, strlen(attribute) + 1), 0);
        }
        assert_int_equal(registry_apply(&host->registry, &event, /* complete= */ true, &change, &device), 0);
}

static void tell_items(Host *host, const Device *device, const Wish *wish) {
        _cleanup_(item_set_deinit) ItemSet items = {};

        assert_int_equal(wanted_items(device, wish->container, &wish->rule->give, wish->interfaces, &items),
                         0);
        for (size_t i = 0; i < items.n_items; i++) {
                Item *item = items.items[i];

                if (item_set_add(wish->container->userdata, item) < 0)
                        fprintf(host->seen, "        CLASH with what %s has already: %s\n",
                                wish->container->name, item->path);
                if (item->kind == ITEM_NODE)
                        fprintf(host->seen, "        node %s %u:%u %04o\n", item->path, item->uid - 100000,
                                item->gid - 100000, item->mode);
                else if (item->kind == ITEM_LINK)
                        fprintf(host->seen, "        link %s -> %s\n", item->path, item->target);
                else if (item->kind == ITEM_INTERFACE)
                        fprintf(host->seen, "        interface %s, %s: %s, mtu %u, %s\n", item->target,
                                net_mode_to_string(item->net_mode), item->path, item->mtu,
                                item->up ? "up" : "down");
        }
}

static void tell_device(Host *host, Device *device, bool *decided) {
        const AttributeReader reader = {.read = read_attribute, .userdata = host};
        _cleanup_(wish_list_deinit) WishList wishes = {};

        fprintf(host->seen, "%s (%s)\n", device->id, device->model ?: device->place);
        registry_containers_foreach(container, &host->registry) {
                const Rule *rule = wanted_deciding_rule(host->rules, device, container, &reader);

                if (!rule)
                        continue;
                decided[rule->index] = true;
                if (rule->deny)
                        fprintf(host->seen, "    never %s: %s\n", container->name, rule->name);
        }
        assert_int_equal(wanted_for_device(&host->registry, host->cache, NULL, device, &reader, &wishes), 0);
        for (size_t i = 0; i < wishes.n_items; i++) {
                fprintf(host->seen, "    %s: %s\n", wishes.items[i].container->name,
                        wishes.items[i].rule->name);
                tell_items(host, device, &wishes.items[i]);
        }
        if (wishes.n_items == 0)
                fprintf(host->seen, "    nobody\n");
}

static void read_host(Host *host, char *text) {
        for (char *block = text, *next; block && *block; block = next) {
                next = strstr(block, "\n\n");
                if (next) {
                        *next = '\0';
                        next += 2;
                }
                if (startswith(block, "container ")) {
                        char *save = NULL;

                        for (char *line = strtok_r(block, "\n", &save); line;
                             line = strtok_r(NULL, "\n", &save))
                                run_container(host, line);
                } else if (*block != '#')
                        plug_part(host, block);
        }
}

static void set_up(Host *host, const char *name) {
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        _cleanup_free_ char *policy = read_file("../policy", name, "yaml.example");

        *host = (Host){};
        registry_init(&host->registry);
        assert_int_equal(rule_set_new(&host->rules), 0);
        assert_int_equal(rule_set_parse(host->rules, name, policy, strlen(policy), &errors), 0);
        assert_int_equal(rule_set_seal(host->rules, &errors), 0);
        /* An example has no warning either. */
        assert_int_equal(errors.n_items, 0);
        assert_int_equal(target_cache_new(host->rules, &host->cache), 0);
        host->seen = open_memstream(&host->text, &host->size);
        assert_non_null(host->seen);
}

static void tear_down(Host *host) {
        registry_containers_foreach(container, &host->registry) {
                item_set_deinit(container->userdata);
                free(container->userdata);
        }
        target_cache_free(host->cache);
        rule_set_free(host->rules);
        registry_deinit(&host->registry);
        property_list_deinit(&host->attributes);
        free(host->text);
}

static void try_example(const char *name) {
        _cleanup_free_ char *text = read_file("plan/examples", name, "host");
        _cleanup_free_ char *expected = read_file("plan/examples", name, "expected");
        bool decided[64] = {};
        Host host;

        set_up(&host, name);
        assert_true(rule_set_size(host.rules) <= ELEMENTSOF(decided));
        read_host(&host, text);
        registry_devices_foreach(device, &host.registry)
                tell_device(&host, device, decided);
        for (size_t i = 0; i < rule_set_size(host.rules); i++)
                if (!decided[i])
                        fprintf(host.seen, "rule %zu decides nothing\n", i + 1);
        fclose(host.seen);
        if (!streq(host.text, expected)) {
                /* Whole: cmocka cuts what is long. */
                fprintf(stderr, "expected:\n%s\nseen:\n%s", expected, host.text);
                fail();
        }
        tear_down(&host);
}

static void test_phones(_unused_ void **state) {
        try_example("10-phones");
}

static void test_gpu(_unused_ void **state) {
        try_example("20-gpu");
}

static void test_network(_unused_ void **state) {
        try_example("30-network");
}

static void test_desktop(_unused_ void **state) {
        try_example("40-desktop");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_phones),
                cmocka_unit_test(test_gpu),
                cmocka_unit_test(test_network),
                cmocka_unit_test(test_desktop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
