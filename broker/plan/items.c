/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a grant consists of: the items that one device means in one container.
 *
 * Each node is a right, the node itself, its entry in the udev database and its event, but no entry and no
 * event where none tells of it on the host either; a rule may add a symlink. An interface is one item: the
 * kernel itself tells the programs inside of an interface that comes.
 *
 * Of what has no node, sound cards alone have an entry and an event: sound servers look for cards, not for
 * their nodes, and take one that udev says is ready. Of all else (an input device above its event nodes, a
 * PCI function, a USB interface) programs find what they want from its node upwards, by sysfs, and udev's
 * word of it stands in the node's own entry as well. A card goes with the device's sound nodes.
 *
 * Nodes that go along with several devices are shared items (plan/item.h), also where the device that has
 * them is given for its own sake.
 *
 * A link that several nodes would have is the first one's in a fixed order, whichever was known first.
 *
 * Values of the device in a symlink's name are the device's own words: each becomes one harmless path
 * component. Entry and event name the links that there are inside, not those of the host.
 */

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "model/udev-data.h"
#include "plan/items-internal.h"
#include "plan/wanted.h"
#include "util/string.h"

#define LINK_PATH_MAX 256

/* What `{key}` stands for in a symlink's template; NULL an unknown key. Where the device does not say, its
 * place does. */
static const char *placeholder_value(const Device *device, const Part *part, const char *key, size_t n_key) {
        const char *slash = strrchr(part->name, '/');
        const struct {
                const char *key, *value;
        } values[] = {
                {"serial", device->serial},
                {"place", device->place},
                {"vendor", device->vendor},
                {"product", device->product},
                {"id", device->id},
                {"name", slash ? slash + 1 : part->name},
                {"kind", part_kind_to_string(part->kind)},
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                if (strlen(values[i].key) == n_key && strncmp(values[i].key, key, n_key) == 0)
                        return string_empty(values[i].value) ? device->place : values[i].value;
        return NULL;
}

/* Return: 0; -EINVAL an unknown placeholder, or the result is too long. */
static int link_path_expand(const char *template, const Device *device, const Part *part,
                            char path[LINK_PATH_MAX]) {
        size_t at = 0;

        for (const char *p = template; *p;) {
                const char *end, *value;

                if (*p != '{') {
                        if (at + 1 >= LINK_PATH_MAX)
                                return -EINVAL;
                        path[at++] = *p++;
                        continue;
                }
                end = strchr(p, '}');
                value = end ? placeholder_value(device, part, p + 1, (size_t)(end - p - 1)) : NULL;
                if (!value || string_to_component(value, path + at, LINK_PATH_MAX - at) < 0)
                        return -EINVAL;
                at += strlen(path + at);
                p = end + 1;
        }
        path[at] = '\0';
        return 0;
}

/* The way from the folder of @path to @node, both below /dev. */
static int link_target(const char *path, const char *node, char *target, size_t size) {
        size_t at = 0;

        for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                if (at + 3 >= size)
                        return -EINVAL;
                at += (size_t)snprintf(target + at, size - at, "../");
        }
        return (size_t)snprintf(target + at, size - at, "%s", node) < size - at ? 0 : -EINVAL;
}

int items_put(ItemSet *set, const Item *fields) {
        _cleanup_(item_unrefp) Item *item = NULL;
        int r;

        r = item_new(fields, &item);
        if (r < 0)
                return r;
        return item_set_add(set, item);
}

/* The links of one node, each with a newline behind it. */
typedef struct Links {
        char paths[LINK_PATH_MAX + 1];
        size_t size;
} Links;

static int put_link(ItemSet *set, const Device *device, const Part *part, const char *template,
                    Links *links) {
        char path[LINK_PATH_MAX], target[2 * LINK_PATH_MAX];
        int r;

        r = link_path_expand(template, device, part, path);
        if (r < 0)
                return r;
        r = link_target(path, part->name, target, sizeof(target));
        if (r < 0)
                return r;
        r = items_put(set, &(Item){.kind = ITEM_LINK, .device = device->id, .path = path, .target = target});
        /* A template without {name} or {kind} names one link, which is for the device's first node. */
        if (r == -EEXIST)
                return 0;
        if (r >= 0)
                links->size += (size_t)snprintf(links->paths + links->size,
                                                sizeof(links->paths) - links->size, "%s\n", path);
        return r;
}

static int put_data(ItemSet *set, const char *owner, const Part *part, const Links *links, bool common) {
        _cleanup_free_ char *text = NULL;
        char id[UDEV_DATA_ID_MAX];
        int r;

        r = udev_data_id(&part->properties, id);
        if (r < 0)
                return 0;
        r = udev_data_format(&part->properties, links->paths, &text);
        if (r < 0)
                return r;
        r = items_put(
                set, &(Item){.kind = ITEM_DATA, .device = owner, .path = id, .text = text, .common = common});
        return r == -EEXIST ? 0 : r;
}

/* The device's own properties, but for the links. Return: 0; -E2BIG; -ENOMEM. */
static int set_devlinks(PropertyList *properties, const Links *links) {
        char value[sizeof(links->paths) + sizeof("/dev/")];
        size_t at = 0;

        if (links->size == 0) {
                property_list_unset(properties, "DEVLINKS");
                return 0;
        }
        for (const char *p = links->paths; *p; p += strcspn(p, "\n") + 1)
                at += (size_t)snprintf(value + at, sizeof(value) - at, "%s/dev/%.*s", at > 0 ? " " : "",
                                       (int)strcspn(p, "\n"), p);
        return property_list_set(properties, "DEVLINKS", value);
}

static int put_event(ItemSet *set, const char *owner, const Part *part, const Links *links, bool common) {
        _cleanup_(property_list_deinit) PropertyList own = {};
        const PropertyList *properties = &part->properties;
        int r;

        if (links->size > 0 || property_list_get(properties, "DEVLINKS")) {
                r = property_list_copy(&own, properties);
                if (r >= 0)
                        r = set_devlinks(&own, links);
                if (r < 0)
                        return r;
                properties = &own;
        }
        return items_put(set, &(Item){.kind = ITEM_EVENT,
                                      .device = owner,
                                      .path = part->devpath,
                                      .properties = *properties,
                                      .common = common});
}

int items_put_news(ItemSet *set, const char *owner, const Part *part) {
        const Links none = {};
        int r;

        r = put_data(set, owner, part, &none, /* common= */ true);
        if (r >= 0)
                r = put_event(set, owner, part, &none, /* common= */ true);
        return r == -EEXIST ? 0 : r;
}

/* Of what every container has, with an owner and mode of its own, the one node that is a device's. It can
 * neither be given nor taken away. */
static bool is_everybodys(const Part *part) {
        return part->type == 'c' && part->rdev == makedev(10, 200) && streq(part->name, "net/tun");
}

static int put_node(ItemSet *set, const Device *device, const Container *container, const Part *part,
                    const Give *give) {
        const char *owner = part->shared ? ITEM_OWNER_SHARED : device->id;
        Links links = {};
        char right[32];
        uint32_t uid, gid;
        int r;

        if (is_everybodys(part))
                return 0;
        /* An owner whom the container does not have would be somebody else on the host. */
        if (id_map_to_host(&container->uid_map, give->uid, &uid) < 0 ||
            id_map_to_host(&container->gid_map, give->gid, &gid) < 0)
                return -ERANGE;

        snprintf(right, sizeof(right), "%c%u:%u", part->type, major(part->rdev), minor(part->rdev));
        r = items_put(set, &(Item){.kind = ITEM_RIGHT,
                                   .device = owner,
                                   .path = right,
                                   .type = part->type,
                                   .rdev = part->rdev});
        if (r < 0 && r != -EEXIST)
                return r;
        r = items_put(set, &(Item){.kind = ITEM_NODE,
                                   .device = owner,
                                   .path = part->name,
                                   .type = part->type,
                                   .rdev = part->rdev,
                                   .uid = uid,
                                   .gid = gid,
                                   .mode = give->mode});
        if (r < 0)
                return r == -EEXIST ? 0 : r;
        if (give->symlink) {
                r = put_link(set, device, part, give->symlink, &links);
                if (r < 0)
                        return r;
        }
        if (part->silent)
                return 0;
        r = put_data(set, owner, part, &links, /* common= */ false);
        return r < 0 ? r : put_event(set, owner, part, &links, /* common= */ false);
}

static int put_card(ItemSet *set, const Device *device, const Part *part) {
        const Links none = {};
        int r;

        r = put_data(set, device->id, part, &none, /* common= */ false);
        return r < 0 ? r : put_event(set, device->id, part, &none, /* common= */ false);
}

/* The name, the address and the like that a rule asks for are for the device's first interface; its others
 * keep theirs. The functions are the device's, so there is one for all of its interfaces. */
static int put_interface(ItemSet *set, const Device *device, const Part *part, const GiveNet *net,
                         bool first) {
        Item fields = {
                .kind = ITEM_INTERFACE,
                .device = device->id,
                .path = part->name,
                .target = part->name,
                .net_mode = net->mode,
                .net_variant = net->variant,
                .own_name = net->mode == NET_SRIOV && !net->name[0],
                .vlan = net->vlan,
                .up = net->up,
                .mtu = net->mtu,
                .properties = part->properties,
        };

        if (first) {
                if (net->name[0])
                        fields.path = net->name;
                if (net->mac[0])
                        fields.mac = net->mac;
                fields.addresses = net->addresses;
        }
        return items_put(set, &fields);
}

/* What a device is for goes before what it takes to control it. */
static int part_rank(const Part *part) {
        return streq(part->subsystem, "video4linux") ? 0 : 1;
}

static int compare_parts(const void *a, const void *b) {
        const Part *p = *(const Part *const *)a, *q = *(const Part *const *)b;

        if (p->kind != q->kind)
                return p->kind < q->kind ? -1 : 1;
        if (part_rank(p) != part_rank(q))
                return part_rank(p) - part_rank(q);
        return strverscmp(p->name, q->name);
}

/* The nodes that are given, in the order in which they get their links. Return: 0 or -ENOMEM. */
static int nodes_in_order(const Device *device, uint32_t kinds, const Part ***ret, size_t *ret_n) {
        _cleanup_free_ const Part **parts = reallocarray(NULL, device->n_parts + 1, sizeof(*parts));
        size_t n = 0;

        if (!parts)
                return -ENOMEM;
        device_parts_foreach(part, device)
                if (part_is_node(part) && kinds & 1U << part->kind)
                        parts[n++] = part;
        qsort(parts, n, sizeof(*parts), compare_parts);
        *ret = TAKE_PTR(parts);
        *ret_n = n;
        return 0;
}

int wanted_items(const Device *device, const Container *container, const Give *give, bool interfaces,
                 ItemSet *ret) {
        _cleanup_(item_set_deinit) ItemSet set = {};
        _cleanup_free_ const Part **nodes = NULL;
        size_t n_nodes;
        bool first = true;
        int r;

        assert(device && container && give && ret);

        r = nodes_in_order(device, give->kinds, &nodes, &n_nodes);
        for (size_t i = 0; r >= 0 && i < n_nodes; i++)
                r = put_node(&set, device, container, nodes[i], give);
        if (r < 0)
                return r;
        device_parts_foreach(part, device) {
                if (part_is_sound_card(part) && give->kinds & 1U << PART_SOUND) {
                        r = put_card(&set, device, part);
                        if (r < 0)
                                return r;
                }
                if (part->kind != PART_NET || !(interfaces || give->net.set) ||
                    (!first && give->net.mode == NET_SRIOV))
                        continue;
                r = put_interface(&set, device, part, &give->net, first);
                if (r < 0)
                        return r;
                first = false;
        }

        *ret = set;
        set = (ItemSet){};
        return 0;
}

/* What goes along takes the rule's owner and mode, but not its symlink, which is for the device. */
static int put_companion(ItemSet *set, const Device *companion, const Container *container,
                         const Give *give) {
        Give bare = *give;

        bare.symlink = NULL;
        device_parts_foreach(part, companion) {
                int r;

                if (!part_is_node(part) || !part->shared || !(give->kinds & 1U << part->kind))
                        continue;
                r = put_node(set, companion, container, part, &bare);
                if (r < 0)
                        return r;
        }
        return 0;
}

int wanted_companions(const Registry *registry, const Device *device, const Container *container,
                      const Give *give, ItemSet *set) {
        char id[DEVICE_ID_MAX];

        assert(registry && device && container && give && set);

        for (unsigned int i = 0; device_companion(device, i, id) >= 0; i++) {
                const Device *companion = registry_device(registry, id);
                int r = companion ? put_companion(set, companion, container, give) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
