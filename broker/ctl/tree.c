/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's tree, taken as a whole: one call, so that what is shown together was true together.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/daemon.h"
#include "ctl/tree.h"
#include "util/string.h"

void tree_deinit(Tree *tree) {
        json_decref(tree->devices);
        json_decref(tree->containers);
        json_decref(tree->grants);
        *tree = (Tree){};
}

const char *tree_interface_kind(const char *interface) {
        static const char *const kinds[][2] = {
                {"org.davit1.Device", "device"},
                {"org.davit1.Container", "container"},
                {"org.davit1.Grant", "grant"},
                {"org.davit1.Manager", "manager"},
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(interface, kinds[i][0]))
                        return kinds[i][1];
        return NULL;
}

int tree_refine(json_t *object) {
        static const char *const node_names[] = {"kind", "path", NULL};
        static const char *const interface_names[] = {"name", "index", "away", NULL};
        int r;

        r = value_name_fields(json_object_get(object, "nodes"), node_names);
        if (r < 0)
                return r;
        return value_name_fields(json_object_get(object, "interfaces"), interface_names);
}

static int tree_add(Tree *tree, const char *kind, const char *path, json_t *properties) {
        json_t *list = streq(kind, "device")      ? tree->devices
                       : streq(kind, "container") ? tree->containers
                       : streq(kind, "grant")     ? tree->grants
                                                  : NULL;
        _cleanup_json_ json_t *object = NULL;
        int r;

        if (!list)
                return 0;
        object = json_pack("{s:s}", "path", path);
        if (!object || json_object_update(object, properties) < 0)
                return -ENOMEM;
        r = tree_refine(object);
        if (r < 0)
                return r;
        return json_array_append(list, object) < 0 ? -ENOMEM : 0;
}

static int read_interfaces(sd_bus_message *m, Tree *tree, const char *path) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                _cleanup_json_ json_t *properties = NULL;
                const char *interface, *kind;

                r = sd_bus_message_read_basic(m, 's', &interface);
                if (r < 0)
                        return r;
                r = value_read_properties(m, &properties);
                if (r < 0)
                        return r;
                kind = tree_interface_kind(interface);
                if (kind) {
                        r = tree_add(tree, kind, path, properties);
                        if (r < 0)
                                return r;
                }
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_objects(sd_bus_message *m, Tree *tree) {
        const char *path;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                r = sd_bus_message_read_basic(m, 'o', &path);
                if (r < 0)
                        return r;
                r = read_interfaces(m, tree, path);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Numbers within names in the order of numbers: usb-3-2 before usb-3-10. */
static int compare(const void *a, const void *b) {
        static const char *const keys[] = {"id", "name", "device_id", "container_name"};
        json_t *const *first = a, *const *second = b;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                int r = strverscmp(value_string(*first, keys[i]), value_string(*second, keys[i]));

                if (r != 0)
                        return r;
        }
        return 0;
}

static int sort(json_t **list) {
        size_t n = json_array_size(*list);
        _cleanup_free_ json_t **items = calloc(n + 1, sizeof(json_t *));
        _cleanup_json_ json_t *sorted = json_array();

        if (!items || !sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                items[i] = json_array_get(*list, i);
        qsort(items, n, sizeof(json_t *), compare);
        for (size_t i = 0; i < n; i++)
                if (json_array_append(sorted, items[i]) < 0)
                        return -ENOMEM;
        json_decref(*list);
        *list = TAKE_PTR(sorted);
        return 0;
}

int tree_read(Ctl *ctl, Tree *ret) {
        _cleanup_(tree_deinit) Tree tree = {
                .devices = json_array(),
                .containers = json_array(),
                .grants = json_array(),
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (!tree.devices || !tree.containers || !tree.grants)
                return complain_error(NULL, -ENOMEM);
        r = daemon_call(ctl, DAEMON_READ_USEC, DAEMON_PATH, "org.freedesktop.DBus.ObjectManager",
                        "GetManagedObjects", &reply, "");
        if (r < 0)
                return r;
        r = read_objects(reply, &tree);
        if (r >= 0)
                r = sort(&tree.devices);
        if (r >= 0)
                r = sort(&tree.containers);
        if (r >= 0)
                r = sort(&tree.grants);
        if (r < 0)
                return complain_error(NULL, r);

        *ret = tree;
        tree = (Tree){};
        return 0;
}

int tree_join(const json_t *objects, const char *where, const char *value, const char *key, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        const char *separator = "";
        size_t i, size;
        json_t *object;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        json_array_foreach(objects, i, object) {
                if (!streq(value_string(object, where), value))
                        continue;
                fprintf(f, "%s%s", separator, value_string(object, key));
                separator = ",";
        }
        if (fflush(f) != 0)
                return -ENOMEM;
        fclose(TAKE_PTR(f));
        *ret = TAKE_PTR(text);
        return 0;
}

void tree_time_left(const json_t *grant, char ret[static TREE_TIME_LEFT_MAX]) {
        json_int_t until = json_integer_value(json_object_get(grant, "linger_until")), left;
        struct timespec now;

        ret[0] = '\0';
        if (until <= 0)
                return;
        clock_gettime(CLOCK_BOOTTIME, &now);
        /* A second that has begun is one: there is none left only when it is over. */
        left = MAX((until + 999999) / 1000000 - now.tv_sec, 0);
        if (left < 120)
                snprintf(ret, TREE_TIME_LEFT_MAX, "%" JSON_INTEGER_FORMAT " s", left);
        else if (left < 120 * 60)
                snprintf(ret, TREE_TIME_LEFT_MAX, "%" JSON_INTEGER_FORMAT " min", left / 60);
        else
                snprintf(ret, TREE_TIME_LEFT_MAX, "%" JSON_INTEGER_FORMAT " h", left / 3600);
}
