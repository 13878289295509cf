/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The way of an event from left to right, up to the last step that needs no container: a phone and a graphics
 * card of umockdev's, through the real source, the registry, a policy and the planner. What is checked is the
 * plan, as text.
 */

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <string.h>

#include "plan/plan.h"
#include "plan/wanted.h"
#include "source/monitor.h"
#include "source/sysfs.h"
#include "support/mock-phone.h"
#include "util/string.h"

static const char policy[] = "version: 1\n"
                             "rules:\n"
                             "  - name: by attribute\n"
                             "    match: { class: usb, attribute: { idProduct: \"4ee0\" } }\n"
                             "    give: { to: bench, mode: \"0600\" }\n"
                             "  - name: phones\n"
                             "    match: { class: usb, interface: \"ff:42:*\", serial: \"PIXEL*\" }\n"
                             "    give: { to: \"ci-*\", symlink: \"/dev/phones/{serial}\" }\n"
                             "  - name: render nodes for everybody\n"
                             "    match: { class: gpu, port: \"0000:00:04.0\" }\n"
                             "    give: { to: \"*\", share: shared, nodes: [render], owner: \"0:44\" }\n";

typedef struct Fixture {
        MockHost *host;
        Monitor *monitor;
        Registry registry;
        RuleSet *rules;
        TargetCache *cache;
        ItemSet present[2]; /* as if every plan had been carried out */
        char text[4096];    /* the plans since the last look */
} Fixture;

static const char *const names[] = {"ci-1", "bench"};

/* Plans for all containers, notes the steps as text, and takes them for done. */
static void plan_all(Fixture *f) {
        ItemSet wanted[ELEMENTSOF(names)] = {};

        registry_devices_foreach(device, &f->registry) {
                _cleanup_(wish_list_deinit) WishList wishes = {};

                assert_int_equal(
                        wanted_for_device(&f->registry, f->cache, NULL, device, &sysfs_reader, &wishes), 0);
                for (size_t i = 0; i < wishes.n_items; i++) {
                        _cleanup_(item_set_deinit) ItemSet items = {};
                        size_t c = streq(wishes.items[i].container->name, names[0]) ? 0 : 1;

                        assert_int_equal(wanted_items(device, wishes.items[i].container,
                                                      &wishes.items[i].rule->give,
                                                      /* manual= */ false, &items),
                                         0);
                        for (size_t k = 0; k < items.n_items; k++)
                                assert_int_equal(item_set_add(&wanted[c], items.items[k]), 0);
                }
        }
        for (size_t c = 0; c < ELEMENTSOF(names); c++) {
                _cleanup_(plan_deinit) Plan steps = {};

                assert_int_equal(plan(&wanted[c], &f->present[c], &steps), 0);
                for (size_t i = 0; i < steps.n_steps; i++) {
                        const Step *step = &steps.steps[i];

                        snprintf(f->text + strlen(f->text), sizeof(f->text) - strlen(f->text), "%s %c%s %s\n",
                                 names[c], step->action == STEP_ADD ? '+' : '-',
                                 item_kind_to_string(step->item->kind), step->item->path);
                }
                item_set_deinit(&f->present[c]);
                f->present[c] = wanted[c];
        }
}

static void on_event(void *userdata, const Uevent *event, bool complete) {
        Fixture *f = userdata;
        RegistryChange change;
        Device *device;
        int r;

        do {
                r = registry_apply(&f->registry, event, complete, &change, &device);
                assert_true(r >= 0);
                plan_all(f);
                if (device && device->n_parts == 0)
                        registry_drop_device(&f->registry, device);
        } while (r > 0);
}

static void on_lost(_unused_ void *userdata) {
        fail();
}

static void settle(Fixture *f) {
        struct pollfd p = {.fd = monitor_fd(f->monitor), .events = POLLIN};

        while (poll(&p, 1, /* timeout= */ 0) > 0)
                assert_true(monitor_dispatch(f->monitor) >= 0);
}

static void assert_planned(Fixture *f, const char *expected) {
        settle(f);
        assert_string_equal(f->text, expected);
        f->text[0] = '\0';
}

static int setup(void **state) {
        static const MonitorOps ops = {.event = on_event, .lost = on_lost};
        _cleanup_(parse_errors_deinit) ParseErrors errors = {};
        Fixture *f = calloc(1, sizeof(*f));
        int r;

        assert_non_null(f);
        *state = f;
        r = mock_host_new(&f->host);
        if (r == -EOPNOTSUPP) {
                print_message("SKIP: no umockdev, or no mount namespaces\n");
                return 0;
        }
        assert_int_equal(r, 0);
        mock_host_set_udevd(f->host, true);
        registry_init(&f->registry);
        assert_int_equal(rule_set_new(&f->rules), 0);
        assert_int_equal(rule_set_parse(f->rules, "test.yaml", policy, strlen(policy), &errors), 0);
        assert_int_equal(rule_set_seal(f->rules, &errors), 0);
        assert_int_equal(target_cache_new(f->rules, &f->cache), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Container *container;

                assert_int_equal(container_new(names[i], "davit", &container), 0);
                container->state = CONTAINER_RUNNING;
                assert_int_equal(id_map_parse("0 100000 65536\n", &container->uid_map), 0);
                assert_int_equal(id_map_parse("0 100000 65536\n", &container->gid_map), 0);
                assert_int_equal(registry_add_container(&f->registry, container), 0);
        }
        assert_int_equal(monitor_new(&ops, f, -EBADF, &f->monitor), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (f->host) {
                monitor_free(f->monitor);
                target_cache_free(f->cache);
                rule_set_free(f->rules);
                registry_deinit(&f->registry);
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        item_set_deinit(&f->present[i]);
                mock_host_free(f->host);
        }
        free(f);
        return 0;
}

static Fixture *need(void **state) {
        Fixture *f = *state;

        if (!f->host)
                skip();
        return f;
}

static void test_phone(void **state) {
        Fixture *f = need(state);

        mock_phone_plug(f->host, &mock_phone_adb);
        assert_planned(f, "ci-1 +right c189:257\n"
                          "ci-1 +node bus/usb/003/002\n"
                          "ci-1 +link phones/PIXEL1\n"
                          "ci-1 +data c189:257\n"
                          "ci-1 +event /devices/platform/vhci_hcd.0/usb3/3-1\n");
        mock_phone_unplug(f->host, &mock_phone_adb);
        assert_planned(f, "ci-1 -data c189:257\n"
                          "ci-1 -event /devices/platform/vhci_hcd.0/usb3/3-1\n"
                          "ci-1 -link phones/PIXEL1\n"
                          "ci-1 -node bus/usb/003/002\n"
                          "ci-1 -right c189:257\n");
}

/* Another product id and number: another rule, told by an attribute, and nothing of the former is left. */
static void test_phone_switches_mode(void **state) {
        Fixture *f = need(state);

        mock_phone_plug(f->host, &mock_phone_adb);
        settle(f);
        f->text[0] = '\0';
        mock_phone_unplug(f->host, &mock_phone_adb);
        settle(f); /* an attribute is read from sysfs as it is then, not as it was at the event */
        mock_phone_plug(f->host, &mock_phone_fastboot);
        assert_planned(f, "ci-1 -data c189:257\n"
                          "ci-1 -event /devices/platform/vhci_hcd.0/usb3/3-1\n"
                          "ci-1 -link phones/PIXEL1\n"
                          "ci-1 -node bus/usb/003/002\n"
                          "ci-1 -right c189:257\n"
                          "bench +right c189:259\n"
                          "bench +node bus/usb/003/004\n"
                          "bench +data c189:259\n"
                          "bench +event /devices/platform/vhci_hcd.0/usb3/3-1\n");
        assert_int_equal(f->present[0].n_items, 0);
        assert_int_equal(f->present[1].items[1]->mode, 0600);
}

static void test_gpu(void **state) {
        Fixture *f = need(state);
        const char *path = NULL;

        mock_gpu_plug(f->host, "0000:00:04.0", 0);
        settle(f);
        /* The render node alone, for both of them; the card is nobody's. */
        for (size_t c = 0; c < ELEMENTSOF(names); c++) {
                assert_int_equal(f->present[c].n_items, 4);
                assert_int_equal(f->present[c].items[0]->kind, ITEM_RIGHT);
                assert_string_equal(f->present[c].items[0]->path, "c226:128");
                assert_string_equal(f->present[c].items[1]->path, "dri/renderD128");
                assert_int_equal(f->present[c].items[1]->gid, 100044);
                path = f->present[c].items[3]->path;
                assert_non_null(strstr(path, "/drm/renderD128"));
        }
        /* A card in another place is another device. */
        mock_gpu_unplug(f->host, "0000:00:04.0", 0);
        mock_gpu_plug(f->host, "0000:00:05.0", 1);
        settle(f);
        for (size_t c = 0; c < ELEMENTSOF(names); c++)
                assert_int_equal(f->present[c].n_items, 0);
}

int main(_unused_ int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_phone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_phone_switches_mode, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gpu, setup, teardown),
        };

        mock_host_preload(argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
