/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether one rule holds for one device or one container.
 *
 * The keys are tried from the cheap to the dear: what lies in the device first, sysfs attributes last, as
 * only these may cost a system call (behind the caller's AttributeReader). What a device does not tell is
 * unknown, and no plain pattern takes the unknown: a rule that asks for a serial never gets a device without
 * one.
 *
 * A USB hub is given only by a rule that names it: "whatever is on the ports of this hub" means the devices,
 * and with a hub's node a container could switch off ports of others.
 */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "rule/pattern.h"
#include "util/string.h"

/* An attribute is one page at most (Linux, fs/sysfs/file.c). */
#define ATTRIBUTE_SIZE_MAX 4096

static void match_deinit(Match *match) {
        pattern_list_deinit(&match->class);
        pattern_list_deinit(&match->vendor);
        pattern_list_deinit(&match->product);
        pattern_list_deinit(&match->serial);
        pattern_list_deinit(&match->interface);
        pattern_list_deinit(&match->port);
        pattern_list_deinit(&match->model);
        pattern_list_deinit(&match->driver);
        pattern_list_deinit(&match->path);
        pattern_list_deinit(&match->cdi);
        key_pattern_list_deinit(&match->property);
        key_pattern_list_deinit(&match->attribute);
}

void rule_deinit(Rule *rule) {
        free(rule->name);
        match_deinit(&rule->match);
        pattern_list_deinit(&rule->give.to.names);
        key_pattern_list_deinit(&rule->give.to.labels);
        free(rule->give.symlink);
        pattern_list_deinit(&rule->give.cdi);
        free(rule->give.net.addresses);
        *rule = (Rule){};
}

bool selector_match(const Selector *selector, const Container *container) {
        if (!pattern_list_match(&selector->names, container->name))
                return false;
        for (size_t i = 0; i < selector->labels.n_items; i++) {
                const KeyPattern *label = &selector->labels.items[i];

                if (!pattern_list_match(&label->patterns, property_list_get(&container->labels, label->key)))
                        return false;
        }
        return true;
}

static bool class_hit(const Pattern *pattern, const void *subject) {
        const Device *device = subject;
        DeviceClass class;

        if (streq(pattern->glob, "any"))
                return true;
        class = device_class_from_string(pattern->glob);
        return class >= 0 && (device->classes & 1U << class);
}

static bool interface_hit(const Pattern *pattern, const void *subject) {
        return device_has_interface(subject, pattern->glob);
}

static bool port_hit(const Pattern *pattern, const void *subject) {
        const Device *device = subject;

        return (device->place && pattern_match(pattern, device->place)) ||
               (device->id_path && pattern_match(pattern, device->id_path));
}

static bool driver_hit(const Pattern *pattern, const void *subject) {
        const Device *device = subject;

        device_parts_foreach(part, device) {
                const char *driver = property_list_get(&part->properties, "DRIVER");

                if (driver && pattern_match(pattern, driver))
                        return true;
        }
        return false;
}

/* Whether one of the names in @list, which blanks part, is hit. */
static bool any_name_hit(const Pattern *pattern, const char *list) {
        while (*list) {
                size_t n = strcspn(list, " ");
                char name[PATH_MAX];

                if (n > 0 && n < sizeof(name)) {
                        memcpy(name, list, n);
                        name[n] = '\0';
                        if (pattern_match(pattern, name))
                                return true;
                }
                list += n + (list[n] == ' ');
        }
        return false;
}

static bool path_hit(const Pattern *pattern, const void *subject) {
        const Device *device = subject;

        device_parts_foreach(part, device) {
                char path[PATH_MAX];
                const char *links;

                if (!part_is_node(part) ||
                    snprintf(path, sizeof(path), "/dev/%s", part->name) >= (int)sizeof(path))
                        continue;
                if (pattern_match(pattern, path))
                        return true;
                links = property_list_get(&part->properties, "DEVLINKS");
                if (links && any_name_hit(pattern, links))
                        return true;
        }
        return false;
}

typedef struct PropertySubject {
        const Device *device;
        const char *key;
} PropertySubject;

/* Of any part: which of several says it first is a matter of their order of arrival, and a disk is a member
 * of a pool whichever of its partitions says so. */
static bool property_hit(const Pattern *pattern, const void *subject) {
        const PropertySubject *asked = subject;

        device_parts_foreach(part, asked->device) {
                const char *value = property_list_get(&part->properties, asked->key);

                if (value && pattern_match(pattern, value))
                        return true;
        }
        return false;
}

static const char *failed_property(const Match *match, const Device *device) {
        for (size_t i = 0; i < match->property.n_items; i++) {
                const KeyPattern *item = &match->property.items[i];
                const PropertySubject asked = {device, item->key};

                if (!pattern_list_match_with(&item->patterns, property_hit, &asked))
                        return item->key;
        }
        return NULL;
}

static const char *failed_attribute(const Match *match, const Device *device, const AttributeReader *reader) {
        for (size_t i = 0; i < match->attribute.n_items; i++) {
                const KeyPattern *item = &match->attribute.items[i];
                char buffer[ATTRIBUTE_SIZE_MAX + 1];
                bool known;

                known = reader && device->devpath &&
                        reader->read(reader->userdata, device->devpath, item->key, buffer, sizeof(buffer)) >=
                                0;
                if (!pattern_list_match(&item->patterns, known ? buffer : NULL))
                        return item->key;
        }
        return NULL;
}

/* What a file describes is given to those alone who ask for it: a rule for any device is for hardware. */
static bool cdi_holds(const PatternList *list, const Device *device) {
        if (!device_is_cdi(device) || list->n_items == 0)
                return !device_is_cdi(device) && list->n_items == 0;
        return pattern_list_match(list, device->place);
}

/* Whether the rule is about this hub in particular, by where it is or by being one. */
static bool names_hub(const Match *match, const Device *device) {
        for (size_t i = 0; i < match->port.n_items; i++) {
                const Pattern *port = &match->port.items[i];

                if (!port->negated && port->literal && port_hit(port, device))
                        return true;
        }
        for (size_t i = 0; i < match->interface.n_items; i++) {
                const Pattern *interface = &match->interface.items[i];

                if (!interface->negated && startswith(interface->glob, "09") &&
                    interface_hit(interface, device))
                        return true;
        }
        return false;
}

static const char *failed_key(const Match *match, const Device *device) {
        if (!cdi_holds(&match->cdi, device))
                return "cdi";
        if (!pattern_list_match_with(&match->class, class_hit, device))
                return "class";
        if (!pattern_list_match(&match->vendor, device->vendor))
                return "vendor";
        if (!pattern_list_match(&match->product, device->product))
                return "product";
        if (!pattern_list_match(&match->serial, device->serial))
                return "serial";
        if (!pattern_list_match_with(&match->port, port_hit, device))
                return "port";
        if (!pattern_list_match(&match->model, device->model))
                return "model";
        if (!pattern_list_match_with(&match->interface, interface_hit, device))
                return "interface";
        if (!pattern_list_match_with(&match->driver, driver_hit, device))
                return "driver";
        if (!pattern_list_match_with(&match->path, path_hit, device))
                return "path";
        return NULL;
}

bool rule_match_device(const Rule *rule, const Device *device, const AttributeReader *reader,
                       char *key_buffer, size_t key_buffer_size) {
        const char *prefix = "", *key;

        assert(rule && device);

        key = failed_key(&rule->match, device);
        if (!key && !rule->deny && device_is_hub(device) && !names_hub(&rule->match, device))
                key = "hub";
        if (!key) {
                prefix = "property ";
                key = failed_property(&rule->match, device);
        }
        if (!key) {
                prefix = "attribute ";
                key = failed_attribute(&rule->match, device, reader);
        }
        if (!key)
                return true;
        if (key_buffer && key_buffer_size > 0)
                snprintf(key_buffer, key_buffer_size, "%s%s", prefix, key);
        return false;
}
