/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Object paths and what they name. One object has one path: a path that decodes to the id of an object but is
 * not what that id encodes to (an escaped letter, an escaped NUL behind the id) names nothing.
 */

#include "config.h"

#include <systemd/sd-bus.h>

#include "bus/path.h"
#include "util/string.h"

#define TEMPLATE_DEVICE    "/org/davit1/device/%"
#define TEMPLATE_CONTAINER "/org/davit1/container/%"
#define TEMPLATE_GRANT     "/org/davit1/grant/%/%"

int device_path(const char *id, char **ret) {
        int r = sd_bus_path_encode_many(ret, TEMPLATE_DEVICE, id);

        return r < 0 ? r : 0;
}

int container_path(const char *name, char **ret) {
        int r = sd_bus_path_encode_many(ret, TEMPLATE_CONTAINER, name);

        return r < 0 ? r : 0;
}

int grant_path(const char *device_id, const char *container_name, char **ret) {
        int r = sd_bus_path_encode_many(ret, TEMPLATE_GRANT, device_id, container_name);

        return r < 0 ? r : 0;
}

static int decode_grant(const char *path, char **ret_device, char **ret_container) {
        return sd_bus_path_decode_many(path, TEMPLATE_GRANT, ret_device, ret_container);
}

int grant_path_ends(const char *path, char **ret_device_path, char **ret_container_path) {
        _cleanup_free_ char *device = NULL, *container = NULL, *first = NULL, *second = NULL;
        int r;

        r = decode_grant(path, &device, &container);
        if (r <= 0)
                return r < 0 ? r : -EINVAL;
        r = device_path(device, &first);
        if (r < 0)
                return r;
        r = container_path(container, &second);
        if (r < 0)
                return r;

        *ret_device_path = TAKE_PTR(first);
        *ret_container_path = TAKE_PTR(second);
        return 0;
}

int device_from_path(const Registry *registry, const char *path, Device **ret) {
        _cleanup_free_ char *id = NULL, *again = NULL;
        Device *device;
        int r;

        r = sd_bus_path_decode_many(path, TEMPLATE_DEVICE, &id);
        if (r <= 0)
                return r;
        device = registry_device(registry, id);
        if (!device)
                return 0;
        r = device_path(id, &again);
        if (r < 0)
                return r;
        if (!streq(path, again))
                return 0;
        *ret = device;
        return 1;
}

int container_from_path(const Registry *registry, const char *path, Container **ret) {
        _cleanup_free_ char *name = NULL, *again = NULL;
        Container *container;
        int r;

        r = sd_bus_path_decode_many(path, TEMPLATE_CONTAINER, &name);
        if (r <= 0)
                return r;
        container = registry_container(registry, name);
        if (!container)
                return 0;
        r = container_path(name, &again);
        if (r < 0)
                return r;
        if (!streq(path, again))
                return 0;
        *ret = container;
        return 1;
}

int grant_from_path(const Registry *registry, const char *path, Grant **ret) {
        _cleanup_free_ char *id = NULL, *name = NULL, *again = NULL;
        Device *device;
        Container *container;
        Grant *grant;
        int r;

        r = decode_grant(path, &id, &name);
        if (r <= 0)
                return r;
        device = registry_device(registry, id);
        container = registry_container(registry, name);
        grant = device && container ? registry_grant(device, container) : NULL;
        if (!grant)
                return 0;
        r = grant_path(id, name, &again);
        if (r < 0)
                return r;
        if (!streq(path, again))
                return 0;
        *ret = grant;
        return 1;
}
