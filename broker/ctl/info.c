/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * davitctl info: all that is known of one device or container.
 */

#include "config.h"

#include <string.h>

#include "ctl/daemon.h"
#include "ctl/output.h"
#include "ctl/tree.h"
#include "util/string.h"

static bool any_is(const json_t *parts, const char *key, const char *value) {
        json_t *part;
        size_t i;

        json_array_foreach(parts, i, part) if (streq(value_string(part, key), value)) return true;
        return false;
}

/* The same names as the daemon takes for an attach. */
static bool device_is_called(const json_t *device, const char *name) {
        const char *devpath = startswith(name, "/sys/") ? name + strlen("/sys") : name;

        return streq(value_string(device, "id"), name) || streq(value_string(device, "place"), name) ||
               (*name && streq(value_string(device, "serial"), name)) ||
               streq(value_string(device, "devpath"), devpath) ||
               any_is(json_object_get(device, "nodes"), "path", name) ||
               any_is(json_object_get(device, "interfaces"), "name", name);
}

static bool container_is_called(const json_t *container, const char *name) {
        return streq(value_string(container, "name"), name);
}

static json_t *find(json_t *objects, bool (*is_called)(const json_t *object, const char *name),
                    const char *name, size_t *n_found) {
        json_t *object, *found = NULL;
        size_t i;

        json_array_foreach(objects, i, object) {
                if (!is_called(object, name))
                        continue;
                found = object;
                (*n_found)++;
        }
        return found;
}

/* One end of a grant, and how that stands. */
static void print_grant(const char *name, const char *end, const json_t *grant) {
        char left[TREE_TIME_LEFT_MAX], text[2048];

        tree_time_left(grant, left);
        snprintf(text, sizeof(text), "%s (%s%s%s%s)", end, value_string(grant, "state"), *left ? ", " : "",
                 left, *left ? " left" : "");
        output_field(name, text);
}

static void print_lacking(const json_t *grant) {
        json_t *line;
        size_t i;

        json_array_foreach(json_object_get(grant, "lacking"), i, line)
                output_field("  lacking", json_string_value(line));
}

static void print_device(const Tree *tree, const json_t *device) {
        static const char *const fields[][2] = {
                {"Device", "id"},     {"Place", "place"}, {"Vendor", "vendor"},   {"Product", "product"},
                {"Serial", "serial"}, {"Model", "model"}, {"Devpath", "devpath"}, {"Mode", "mode"},
        };
        json_t *item;
        size_t i;

        for (i = 0; i < ELEMENTSOF(fields); i++)
                output_field(fields[i][0], value_string(device, fields[i][1]));
        json_array_foreach(json_object_get(device, "classes"), i, item)
                output_field("Class", json_string_value(item));
        json_array_foreach(json_object_get(device, "nodes"), i, item) {
                char text[1024];

                snprintf(text, sizeof(text), "%s (%s)", value_string(item, "path"),
                         value_string(item, "kind"));
                output_field("Node", text);
        }
        json_array_foreach(json_object_get(device, "interfaces"), i, item) {
                char text[256];

                snprintf(text, sizeof(text), "%s%s", value_string(item, "name"),
                         json_is_true(json_object_get(item, "away")) ? " (in a container)" : "");
                output_field("Interface", text);
        }
        json_array_foreach(tree->grants, i,
                           item) if (streq(value_string(item, "device"), value_string(device, "path"))) {
                /* Who has it has it: that is said only where it is not so. */
                if (streq(value_string(item, "state"), "active"))
                        output_field("Given to", value_string(item, "container_name"));
                else
                        print_grant("Given to", value_string(item, "container_name"), item);
                print_lacking(item);
        }
}

static void print_container(const Tree *tree, json_t *container) {
        static const char *const fields[][2] = {
                {"Container", "name"},
                {"Runtime", "runtime"},
                {"State", "state"},
        };
        char text[2048];
        const char *key;
        json_t *item;
        size_t i;

        for (i = 0; i < ELEMENTSOF(fields); i++)
                output_field(fields[i][0], value_string(container, fields[i][1]));
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(container, "pid")));
        output_field("Pid", text);
        json_object_foreach(json_object_get(container, "labels"), key, item) {
                snprintf(text, sizeof(text), "%s=%s", key, json_string_value(item));
                output_field("Label", text);
        }
        json_array_foreach(tree->grants, i, item) if (streq(value_string(item, "container"),
                                                            value_string(container, "path"))) {
                print_grant("Device", value_string(item, "device_id"), item);
                print_lacking(item);
        }
}

/* With its grants in full, and what it is. */
static int print_json(const Tree *tree, const char *kind, json_t *object) {
        _cleanup_json_ json_t *grants = json_array(), *all = NULL;
        json_t *grant;
        size_t i;

        json_array_foreach(tree->grants, i,
                           grant) if (streq(value_string(grant, kind), value_string(object, "path")) &&
                                      json_array_append(grants, grant) < 0) return output_json(NULL);
        if (json_object_set(object, "grants", grants) < 0 ||
            json_object_set_new(object, "kind", json_string(kind)) < 0)
                return output_json(NULL);
        return output_json(object);
}

int command_info(Ctl *ctl, _unused_ int argc, char **argv) {
        _cleanup_(tree_deinit) Tree tree = {};
        size_t n_devices = 0, n_containers = 0;
        json_t *device, *container;

        if (tree_read(ctl, &tree) < 0)
                return EXIT_FAILED;
        device = find(tree.devices, device_is_called, argv[0], &n_devices);
        container = find(tree.containers, container_is_called, argv[0], &n_containers);

        if (n_devices + n_containers != 1) {
                complain(n_devices + n_containers > 1 ? "Several objects are called '%s': use the id"
                                                      : "No device and no container is called '%s'",
                         argv[0]);
                return EXIT_FAILED;
        }
        if (ctl->json)
                return print_json(&tree, device ? "device" : "container", device ?: container);
        if (device)
                print_device(&tree, device);
        else
                print_container(&tree, container);
        return output_finish();
}
